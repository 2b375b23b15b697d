"""Whatever happens while a job runs: its stems arrive once, or the user hears why not; nothing else changes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from footfall_bridge.spool import Spool
from footfall_engine import contacts
from footfall_engine.config import Settings
from footfall_engine.resident import Resident, make_home, resident_engine, start_engine, stop_engine, wait_until_ready

from tests.resolve.studio import Studio, wishes
from tests.waiting import wait_until

PATIENCE = 60.0  # seconds for a process to start or end on a slow machine


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 s, which take the engine a while."""
    path = tmp_path_factory.mktemp("reel") / "reel.mp4"
    contacts.render_clip(path, contacts.Scene("hammer", duration=40.0, width=160, height=90))
    return path


def show(studio: Studio, clip: Path, seconds: int = 2) -> None:
    studio.show(studio.add_clip(clip, "25", seconds * 25), 86_400, seconds * 24)
    studio.mark(0, seconds * 24 - 1)


@contextmanager
def started(studio: Studio, script: str, *answers: object) -> Iterator[subprocess.Popen[str]]:
    """A script that is still at it; ended by force if the test leaves it so."""
    process = studio.start(script, *answers)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def states(engine: Resident) -> list[str]:
    with engine.connect() as client:
        return [job.state.value for job in client.status().jobs]


def wait_until_running(engine: Resident) -> None:
    wait_until(lambda: "running" in states(engine), lambda: states(engine), PATIENCE)


def studio_at(folder: Path, settings: Settings) -> Studio:
    opened = Studio(folder / "resolve", settings)
    opened.add_timeline("24", 86_400)
    return opened


def card_of(studio: Studio):
    return studio.spool.engine()


# ---- the engine


def test_without_an_engine_the_script_starts_one_that_outlives_it(tmp_path: Path, hammer: Path):
    studio = studio_at(tmp_path, make_home(tmp_path / "home"))
    show(studio, hammer)
    try:
        studio.generate()
        assert len(studio.items()) == 1
        card = card_of(studio)
        assert card is not None and card.alive and psutil.pid_exists(card.pid)
    finally:
        studio.run("Engine", "Stop")
    assert studio.told == "The engine has stopped."


@contextmanager
def engine_that_dies(folder: Path, reel: Path, *answers: object) -> Iterator[Studio]:
    """What is there after an engine was killed in the middle of a job, and the script was told the answers."""
    home = folder / "home"
    settings = make_home(home)
    studio = studio_at(folder, settings)
    show(studio, reel, 40)
    process = start_engine(home)
    try:
        engine = Resident(process, settings, wait_until_ready(process, settings), 0.0)
        with started(studio, "Generate", *answers) as script:
            wait_until_running(engine)
            process.kill()
            process.wait(PATIENCE)
            studio.finish(script)
        yield studio
    finally:
        stop_engine(process)
        studio.run("Engine", "Stop")


def test_an_engine_killed_in_the_middle_is_started_again_and_the_stems_come_once(tmp_path: Path, reel: Path):
    with engine_that_dies(tmp_path, reel, wishes(variants=2), True) as studio:
        assert [(item.track["name"], item.start) for item in studio.items()] == [
            ("Footfall 1", 86_400), ("Footfall 2", 86_400),
        ]  # fmt: skip
        assert any(what[0] == "confirm" and "has stopped with 1 job unfinished" in what[2] for what in studio.heard)
        assert studio.journal == []


def test_an_engine_that_is_not_started_again_keeps_the_job_for_later(tmp_path: Path, reel: Path):
    with engine_that_dies(tmp_path, reel, wishes(), False) as studio:
        assert "not placed yet" in studio.told
        assert len(studio.journal) == 1
        with resident_engine(tmp_path / "home"):
            studio.run("Status", True)
            assert len(studio.items()) == 1
            assert studio.journal == []


def test_right_after_an_engine_has_died_the_script_waits_for_that_and_starts_another(tmp_path: Path, hammer: Path):
    home = tmp_path / "home"
    settings = make_home(home)
    studio = studio_at(tmp_path, settings)
    show(studio, hammer)
    process = start_engine(home)
    wait_until_ready(process, settings)
    process.kill()
    process.wait(PATIENCE)
    try:
        studio.generate()
        assert len(studio.items()) == 1
    finally:
        studio.run("Engine", "Stop")


def test_an_engine_that_cannot_start_is_told_and_nothing_is_left_behind(tmp_path: Path, hammer: Path):
    studio = studio_at(tmp_path, make_home(tmp_path / "home"))
    studio.install(command=(str(tmp_path / "gone" / "python"), "-m", "footfall_engine", "serve"))
    show(studio, hammer)
    studio.generate()
    assert "footfall install resolve" in studio.told
    assert studio.journal == [] and studio.items() == []


def test_why_an_engine_did_not_start_is_what_its_log_says(tmp_path: Path, hammer: Path):
    settings = make_home(tmp_path / "home", host="0.0.0.0")
    studio = studio_at(tmp_path, settings)
    show(studio, hammer)
    studio.generate()
    assert "a token must be set too" in studio.told


def test_an_engine_of_another_protocol_is_named_and_nothing_is_asked_of_it(tmp_path: Path, hammer: Path):
    with resident_engine(tmp_path / "home") as engine:
        studio = studio_at(tmp_path, engine.settings)
        show(studio, hammer)
        newer = studio.place.own / "footfall_resolve" / "__init__.py"
        newer.write_text(newer.read_text().replace("PROTOCOL = 1", "PROTOCOL = 99"))
        studio.generate()
        assert "speaks protocol 1 and these scripts speak protocol 99" in studio.told
        assert studio.journal == [] and states(engine) == []


def test_a_token_goes_with_every_message(tmp_path: Path, hammer: Path):
    with resident_engine(tmp_path / "home", token="secret") as engine:
        studio = studio_at(tmp_path, engine.settings)
        show(studio, hammer)
        studio.install(token="wrong")
        studio.generate()
        assert "token" in studio.told and studio.items() == []
        studio.install(token="secret")
        studio.generate()
        assert len(studio.items()) == 1


# ---- cancelling


def test_cancel_in_the_progress_window_ends_the_job_and_leaves_nothing(studio: Studio, engine: Resident, reel: Path):
    show(studio, reel, 40)
    studio.run("Generate", wishes(), {"cancel_at": 0.01})
    assert studio.items() == [] and studio.journal == []
    assert states(engine)[-1:] == ["cancelled"] or "cancelled" in states(engine)


@contextmanager
def frozen(process: subprocess.Popen[str]) -> Iterator[None]:
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def test_cancel_is_heard_though_the_engine_is_frozen_and_the_job_is_left_to_it(tmp_path: Path, reel: Path):
    with resident_engine(tmp_path / "home") as engine:
        studio = studio_at(tmp_path, engine.settings)
        studio.hurry("watch", CANCEL_SECONDS=1)
        show(studio, reel, 40)
        click = tmp_path / "click"
        with started(studio, "Generate", wishes(), {"cancel_when": str(click)}) as script:
            wait_until_running(engine)
            with frozen(engine.process):
                click.touch()
                studio.finish(script)
        assert "1 job is not placed yet" in studio.told


def test_a_frozen_engine_is_noticed_while_a_job_is_waited_for(tmp_path: Path, reel: Path):
    with resident_engine(tmp_path / "home") as engine:
        studio = studio_at(tmp_path, engine.settings)
        studio.hurry("watch", SILENT_SECONDS=1)
        show(studio, reel, 40)
        with started(studio, "Generate", wishes(), False) as script:
            wait_until_running(engine)
            with frozen(engine.process):
                studio.finish(script)
        assert "1 job is not placed yet" in studio.told
        assert len(studio.journal) == 1


def test_two_scripts_at_the_same_time_share_the_tracks_without_overlaps(studio: Studio, engine: Resident, hammer: Path):
    show(studio, hammer)
    other = Studio(studio.folder.parent / "other", engine.settings)
    other.file = studio.file
    with started(studio, "Generate", wishes(variants=2)) as one:
        other.world = json.loads(studio.file.read_text())
        Path(f"{other.answers}.said").unlink(missing_ok=True)
        with started(other, "Generate", wishes("hammer on wood", 2)) as two:
            studio.finish(one)
            other.finish(two)
    studio.load()
    lying = [(item.track["name"], item.start) for item in studio.items()]
    assert len(lying) == len(set(lying)) == 4


def test_the_cancel_script_ends_what_another_one_waits_for(studio: Studio, engine: Resident, reel: Path):
    show(studio, reel, 40)
    with started(studio, "Generate", wishes()) as script:
        wait_until_running(engine)
        other = Studio(studio.folder.parent / "other", engine.settings)
        other.file = studio.file
        other.world = json.loads(studio.file.read_text())
        other.run("Cancel", True)
        studio.finish(script)
    assert studio.items() == [] and studio.journal == []


def test_with_nothing_to_cancel_it_is_told(studio: Studio):
    studio.run("Cancel")
    assert studio.told == "There is nothing to cancel."


# ---- scripts that end, projects that close


def test_what_a_script_that_was_ended_has_asked_for_is_offered_by_the_next_one(
    studio: Studio, engine: Resident, reel: Path, monkeypatch: pytest.MonkeyPatch
):
    show(studio, reel, 40)
    with started(studio, "Generate", wishes("hammer on metal", 2)) as script:
        wait_until_running(engine)
        script.kill()
    studio.load()
    for job in (studio.spool.folder / "hosts" / "resolve" / "jobs").glob("*.json"):
        os.utime(job, (0, 0))  # as if it were a while ago
    studio.run("Status", True)
    assert "Not placed yet" in studio.told
    assert [item.track["name"] for item in studio.items()] == ["Footfall 1", "Footfall 2"]
    assert studio.journal == []


def test_what_another_script_watches_is_not_offered(studio: Studio, engine: Resident, reel: Path):
    show(studio, reel, 40)
    with started(studio, "Generate", wishes()) as script:
        wait_until_running(engine)
        other = Studio(studio.folder.parent / "other", engine.settings)
        other.file = studio.file
        other.world = json.loads(studio.file.read_text())
        other.run("Status")
        assert "watched" in other.told
        studio.finish(script)
    assert len(studio.items()) == 1


def test_a_project_that_was_closed_meanwhile_gets_its_stems_when_it_is_open_again(
    studio: Studio, engine: Resident, reel: Path
):
    show(studio, reel, 40)
    mine, timelines = studio.world["project"], dict(studio.world["timelines"])
    with started(studio, "Generate", wishes()) as script:
        wait_until_running(engine)
        studio.load()
        studio.world["project"] = {**mine, "id": "another", "name": "Another film", "timeline": None}
        studio.save_world()
        studio.finish(script)
    assert "waits for the project 'Film'" in studio.told
    assert studio.items_in(timelines) == []
    studio.world["project"] = mine
    studio.run("Status", True)
    assert len(studio.items()) == 1 and studio.journal == []


def test_the_timeline_that_was_asked_from_gets_the_stem_and_the_one_gone_to_stays_open(
    studio: Studio, engine: Resident, reel: Path
):
    show(studio, reel, 40)
    asked_from = studio.world["project"]["timeline"]
    with started(studio, "Generate", wishes()) as script:
        wait_until_running(engine)
        studio.load()
        gone_to = studio.add_timeline("25", 90_000, name="Another")
        studio.save_world()
        studio.finish(script)
    assert studio.world["project"]["timeline"] == gone_to
    assert studio.items() == []
    studio.world["project"]["timeline"] = asked_from
    assert len(studio.items()) == 1


def test_a_timeline_that_is_gone_is_told_with_the_folder_of_its_stems(studio: Studio, engine: Resident, reel: Path):
    show(studio, reel, 40)
    with started(studio, "Generate", wishes()) as script:
        wait_until_running(engine)
        studio.load()
        studio.world["timelines"] = {}
        studio.add_timeline("25", 90_000, name="Another")
        studio.save_world()
        studio.finish(script)
    assert "its timeline 'Timeline 1' is gone. The stems are in" in studio.told
    assert studio.journal == []


def test_what_resolve_refused_in_the_middle_is_finished_by_the_next_script(studio: Studio, hammer: Path):
    show(studio, hammer)
    studio.world["quirks"] = {"enables_no_track": True}
    studio.generate(variants=2)
    assert "has not disabled the audio track 3" in studio.told
    assert "Footfall Status places it" in studio.told
    assert len(studio.journal) == 1
    studio.world["quirks"] = {}
    studio.run("Status", True)
    assert [track["enabled"] for track in studio.footfall_tracks] == [True, False]
    assert len(studio.items()) == 2
    assert studio.journal == []


def test_under_an_open_dialog_it_is_told_to_close_it_and_nothing_is_lost(studio: Studio, hammer: Path):
    show(studio, hammer)
    studio.world["events"] = [{"before": "MediaPool.AppendToTimeline", "becomes": {"modal": True}}]
    studio.generate()
    assert "Close the dialog" in studio.told or "close the dialog" in studio.told
    studio.world["modal"] = False
    studio.run("Status", True)
    assert len(studio.items()) == 1
    assert studio.journal == []


# ---- folders and files


def test_a_stem_folder_that_cannot_be_made_is_told_before_anything_is_asked(studio: Studio, hammer: Path):
    show(studio, hammer)
    (studio.home / "Videos").write_text("a file where the folder should be")
    studio.run("Generate")
    assert "cannot be made or written to" in studio.told
    assert studio.journal == []


def test_another_stem_folder_can_be_chosen(studio: Studio, hammer: Path, tmp_path: Path):
    studio.run("Engine", "Stem folder", {"folder": str(tmp_path / "stems")})
    show(studio, hammer)
    studio.generate()
    assert studio.items()[0].path.is_relative_to(tmp_path / "stems" / "Film")


def test_a_folder_for_jobs_that_cannot_be_written_to_is_told_and_nothing_is_started(
    studio: Studio, engine, hammer: Path
):
    show(studio, hammer)
    (studio.spool.folder / "hosts").mkdir(parents=True, exist_ok=True)
    (studio.spool.folder / "hosts" / "resolve").write_text("a file where the folder should be")
    before = states(engine)
    try:
        studio.generate()
    finally:
        (studio.spool.folder / "hosts" / "resolve").unlink()
    assert "so nothing was started" in studio.told
    assert states(engine) == before


@pytest.mark.skipif(sys.platform == "win32", reason="a process's files cannot be limited on Windows")
def test_a_disk_that_is_full_when_a_stem_is_laid_out_is_told_and_the_stem_comes_once_there_is_room(
    studio: Studio, engine: Resident, hammer: Path
):
    show(studio, hammer)
    studio.largest_file = 100_000
    studio.generate()
    assert "cannot be written" in studio.told
    assert studio.items() == []
    assert not list(studio.home.rglob("*.part"))
    studio.largest_file = 0
    studio.run("Status", True)
    assert len(studio.items()) == 1


def test_a_clip_that_vanished_is_what_the_engine_says_of_it(studio: Studio, hammer: Path, tmp_path: Path):
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(hammer.read_bytes()[:2000])
    show(studio, copy)
    studio.generate()
    assert "copy.mp4" in studio.told
    assert studio.items() == [] and studio.journal == []


# ---- looking after the engine


def test_repair_starts_what_does_not_run_and_finds_it_healthy_then(tmp_path: Path):
    studio = studio_at(tmp_path, make_home(tmp_path / "home"))
    try:
        studio.run("Engine", "Repair")
        assert "Started the engine" in studio.told
        studio.run("Engine", "Repair")
        assert studio.told.startswith("The engine runs, process")
    finally:
        studio.run("Engine", "Stop")


def test_repair_is_not_misled_by_what_a_dead_engine_left(tmp_path: Path):
    studio = studio_at(tmp_path, make_home(tmp_path / "home"))
    spool = Spool(studio.settings.spool_folder)
    spool.make()
    (spool.folder / "engine.json").write_text(json.dumps({"pid": 1, "version": "0.1.0", "heartbeat": 1.0}))
    try:
        studio.run("Engine", "Repair")
        assert "Started the engine" in studio.told
    finally:
        studio.run("Engine", "Stop")


def test_a_frozen_engine_is_named_by_repair(tmp_path: Path):
    studio = studio_at(tmp_path, make_home(tmp_path / "home"))
    studio.run("Engine", "Start")
    studio.hurry("engine", HELD_SECONDS=1)
    card = card_of(studio)
    assert card is not None
    os.kill(card.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: not card_of(studio).alive, "the card stays fresh", PATIENCE)
        studio.run("Engine", "Repair")
        assert f"does not answer any more (process {card.pid})" in studio.told
    finally:
        os.kill(card.pid, signal.SIGCONT)
        os.kill(card.pid, signal.SIGTERM)
        wait_until(lambda: not psutil.pid_exists(card.pid), "the engine does not end", PATIENCE)
