"""Whatever happens while a job runs: its stems arrive once, or the user hears why not; nothing else changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from footfall_bridge.messages import JobState
from footfall_bridge.spool import Spool
from footfall_engine.resident import make_home, resident_engine, start_engine, stop_engine, wait_until_ready

from tests.fakes.reaper.model import Item
from tests.lua.bench_reaper import growth
from tests.lua.session import GENERATE, REPEAT, Session, provenance, quick_session, session, wishes
from tests.waiting import wait_until

PLACE = "Place finished stems"


def show(studio: Session, clip: Path, position: float = 0.0, length: float = 0.5) -> Item:
    item = studio.project.add_track("Picture").add_item(studio.reaper.source(clip), position, length)
    item.selected = True
    return item


def start(studio: Session, clip: Path, *answers: object, **facts: float) -> Item:
    """A generate that is asked for and not yet watched."""
    item = show(studio, clip, **facts)
    studio.run(GENERATE, *(answers or [wishes()]))
    return item


def all_done(studio: Session, count: int = 1) -> bool:
    """Whether the engine is through, while nobody in REAPER looks."""
    return sum(status.state.final for status in studio.statuses()) == count


def wait_for_engine(studio: Session, count: int = 1) -> None:
    wait_until(lambda: all_done(studio, count), lambda: studio.statuses(), seconds=60)


# ---- the engine


def test_an_engine_killed_in_the_middle_and_started_again_brings_the_stem_once(tmp_path: Path, clips: Path):
    settings = make_home(tmp_path / "home")
    process = start_engine(tmp_path / "home")
    try:
        wait_until_ready(process, settings)
        with session(tmp_path / "reaper", settings, readable=[clips]) as studio:
            start(studio, clips / "hammer.mp4", wishes(variants=3), length=2.0)
            studio.reaper.pump(until=lambda: any(s.state is not JobState.QUEUED for s in studio.statuses()), pause=0)
            process.kill()
            process.wait(10)
            studio.reaper.step(20)
            assert studio.reaper.actions, "the action goes on waiting"
            process = start_engine(tmp_path / "home")
            studio.wait()
            (item,) = studio.stem_items
            assert [provenance(take)["variant"] for take in item.takes] == [1, 2, 3]
            assert studio.told == "" and studio.journal == []
    finally:
        stop_engine(process)


def test_without_an_engine_the_action_starts_one_and_the_stem_lands(tmp_path: Path, clips: Path):
    settings = make_home(tmp_path / "home")
    with session(tmp_path / "reaper", settings, readable=[clips]) as studio:
        start(studio, clips / "hammer.mp4")
        studio.wait()
        assert len(studio.stem_items) == 1
        card = Spool(settings.spool_folder).engine()
        assert card is not None and card.alive and card.pid == studio.reaper.processes.started[0].pid


def test_an_engine_that_cannot_start_is_told_and_the_job_waits_for_one_that_can(tmp_path: Path, clips: Path):
    settings = make_home(tmp_path / "home")
    with session(tmp_path / "reaper", settings, readable=[clips]) as studio:
        studio.install(command=[str(tmp_path / "gone" / "python"), "-m", "footfall_engine", "serve"])
        start(studio, clips / "hammer.mp4")
        studio.wait()
        assert "make reaper" in studio.told and "is kept" in studio.told and not studio.stem_tracks
        assert len(studio.journal) == 1
        with resident_engine(tmp_path / "home"):
            studio.finish(PLACE)
            assert len(studio.stem_items) == 1


def test_an_engine_that_does_not_come_back_is_asked_about_and_no_means_waiting_for_later(tmp_path: Path):
    with quick_session(tmp_path) as (studio, engine):
        shorter(studio, "DEAD_SECONDS", 0.3)
        start(studio, video(studio))
        engine.take()
        engine.beat(heartbeat=0.0)
        studio.reaper.answers.append("no")
        studio.wait()
        assert "has stopped with 1 job unfinished" in studio.told
        assert len(studio.journal) == 1


def test_of_two_actions_that_wait_only_one_asks_about_the_engine(tmp_path: Path):
    with quick_session(tmp_path) as (studio, engine):
        shorter(studio, "DEAD_SECONDS", 0.2)
        start(studio, video(studio))
        studio.run(REPEAT)
        engine.take()
        engine.beat(heartbeat=0.0)
        studio.reaper.answers.append("no")
        studio.reaper.pump(until=lambda: len(studio.reaper.actions) == 1)
        assert studio.told.count("has stopped") == 1
        engine.answer_all()
        for request in engine.asked:
            engine.finish(request)
        studio.wait()
        assert len(studio.stem_items) == 2


def shorter(studio: Session, name: str, seconds: float) -> None:
    """A wait of the watch that this test has no time for."""
    lib = studio.scripts / "lib"
    original = lib.resolve()
    lib.unlink()
    shutil.copytree(original, lib)
    text = (lib / "watch.lua").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith(f"local {name} ="))
    (lib / "watch.lua").write_text(text.replace(line, f"local {name} = {seconds}"), encoding="utf-8")


def video(studio: Session) -> Path:
    """A file that REAPER shows as a picture; only a stand-in can work with it."""
    from tests.clips import make_clip

    return make_clip(studio.reaper.folder / "shot.mp4", count=50)


def test_an_engine_of_another_protocol_is_refused_with_what_to_do(tmp_path: Path):
    with quick_session(tmp_path) as (studio, engine):
        engine.beat(protocol=2)
        show(studio, video(studio))
        before = studio.facts()
        studio.finish(GENERATE, wishes())
        assert "speaks protocol 2" in studio.told and "make reaper" in studio.told
        assert studio.facts() == before and studio.journal == [] and engine.take() == []


def test_not_installed_is_told_with_the_one_command(tmp_path: Path):
    with quick_session(tmp_path) as (studio, _):
        (studio.scripts / "footfall.json").unlink()
        studio.finish(GENERATE)
        assert "is not installed" in studio.told and "make reaper" in studio.told


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": "0.1.0"}', '"spool"'])
def test_a_broken_installation_is_told_with_the_one_command(tmp_path: Path, text: str):
    with quick_session(tmp_path) as (studio, _):
        (studio.scripts / "footfall.json").write_text(text)
        studio.finish(GENERATE)
        assert "cannot be used" in studio.told and "make reaper" in studio.told


# ---- files and folders


def test_a_spool_folder_that_vanishes_in_the_middle_loses_nothing(studio: Session, hammer: Path, tmp_path: Path):
    start(studio, hammer, wishes(variants=2), length=2.0)
    studio.reaper.step(2)
    studio.spool.folder.rename(tmp_path / "elsewhere")  # at once: the engine writes there all the time
    studio.wait()
    (item,) = studio.stem_items
    assert len(item.takes) == 2


def test_a_spool_folder_that_cannot_be_is_told_and_nothing_is_asked_of_anybody(tmp_path: Path):
    with quick_session(tmp_path) as (studio, _):
        show(studio, video(studio))
        shutil.rmtree(studio.spool.folder)
        studio.spool.folder.write_text("a file in its place")
        before = studio.facts()
        studio.finish(GENERATE, wishes())
        assert "cannot be written to" in studio.told
        assert studio.facts() == before


def test_a_full_disk_under_the_spool_is_told_and_nothing_is_started(tmp_path: Path):
    with quick_session(tmp_path) as (studio, engine):
        show(studio, video(studio))
        studio.reaper.files.full = studio.spool.folder
        studio.finish(GENERATE, wishes())
        assert "No space left on device" in studio.told
        assert engine.take() == [] and studio.journal == []


def test_a_full_disk_under_the_stems_is_told_before_anything_is_asked(tmp_path: Path):
    with quick_session(tmp_path) as (studio, _):
        show(studio, video(studio))
        studio.reaper.files.full = studio.reaper.default_record_path
        studio.finish(GENERATE)
        assert "No space left on device" in studio.told


def test_a_disk_that_fills_up_in_the_engine_is_told_and_what_was_finished_lands(tmp_path: Path):
    with quick_session(tmp_path) as (studio, engine):
        start(studio, video(studio), wishes(variants=3))
        (asked,) = engine.take()
        failure = {"id": asked.id, "code": "disk_full", "message": "the disk under /stems is full", "detail": "E28 …"}
        engine.finish(asked, JobState.FAILED, stems=engine.stems_for(asked)[:1], failure=failure)
        studio.reaper.answers.append("yes")
        studio.wait()
        assert len(studio.stem_items[0].takes) == 1
        assert "the disk under /stems is full" in studio.told and "details" in studio.told
        assert "E28 …" in studio.reaper.messages[-1].text and studio.reaper.messages[-1].kind == "console"


def test_a_stem_that_is_gone_is_named_and_the_others_land(tmp_path: Path):
    with quick_session(tmp_path) as (studio, engine):
        start(studio, video(studio), wishes(variants=3))
        (asked,) = engine.take()
        stems = engine.stems_for(asked)
        Path(stems[1].path).unlink()
        engine.finish(asked, stems=stems)
        studio.wait()
        assert [provenance(take)["variant"] for take in studio.stem_items[0].takes] == [1, 3]
        assert stems[1].path in studio.told and "gone" in studio.told


def test_when_all_stems_are_gone_nothing_changes(tmp_path: Path):
    with quick_session(tmp_path) as (studio, engine):
        start(studio, video(studio), wishes(variants=2))
        (asked,) = engine.take()
        stems = engine.stems_for(asked)
        for stem in stems:
            Path(stem.path).unlink()
        engine.finish(asked, stems=stems)
        before = studio.facts()
        studio.wait()
        assert studio.facts() == before and studio.project.undo_at == 0
        assert studio.told.count("is gone or cannot be read") == 2 and studio.journal == []


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b'{"type": "job"}', b"\xff\xfe", b"null"])
def test_a_status_that_cannot_be_read_is_waited_over(tmp_path: Path, garbage: bytes):
    with quick_session(tmp_path) as (studio, engine):
        start(studio, video(studio))
        (asked,) = engine.take()
        status = studio.spool.status_file(asked.id)
        status.parent.mkdir(parents=True, exist_ok=True)
        status.write_bytes(garbage)
        studio.reaper.step(30)
        engine.finish(asked)
        studio.wait()
        assert len(studio.stem_items) == 1


# ---- many, cancelled, twice


def test_waiting_for_a_job_does_not_grow_in_memory(tmp_path: Path):
    row = growth(tmp_path, polls=1500)
    assert row.good, row.reached


def test_twenty_jobs_at_once_all_land_once_on_one_track(studio: Session, hammer: Path):
    track = studio.project.add_track("Picture")
    for number in range(20):
        track.add_item(studio.reaper.source(hammer), float(number), 0.5, selected=True)
    studio.generate("rain")
    (stems,) = studio.stem_tracks
    assert [item.position for item in stems.ordered] == [float(number) for number in range(20)]
    assert studio.journal == [] and studio.told == ""


def cancel_all(studio: Session) -> None:
    for name in studio.journal:
        studio.spool.put_cancel(name)


@pytest.mark.parametrize("steps", [0, 1, 5, 20, 60])
def test_a_cancel_at_any_moment_leaves_all_or_nothing_of_a_job(studio: Session, hammer: Path, steps: int):
    start(studio, hammer, wishes(variants=4), length=2.0)
    before = studio.facts()
    studio.reaper.step(steps)
    cancel_all(studio)
    studio.wait()
    (status,) = studio.statuses()
    assert sum(len(item.takes) for item in studio.stem_items) == len(status.stems)
    assert bool(studio.stem_items) or studio.facts() == before
    assert studio.journal == [] and studio.told == ""


def test_two_actions_that_watch_the_same_job_place_it_once(studio: Session, hammer: Path):
    start(studio, hammer)
    studio.run(REPEAT)
    assert len(studio.reaper.actions) == 2
    studio.wait()
    assert len(studio.stem_items) == 2
    assert len({provenance(item.takes[0])["job"] for item in studio.stem_items}) == 2


def test_an_action_that_is_run_again_takes_over_what_its_old_run_waited_for(studio: Session, hammer: Path):
    start(studio, hammer, position=1.0)
    studio.run(GENERATE, wishes("rain"))
    assert len(studio.reaper.actions) == 1
    studio.wait()
    names = sorted(track.name for track in studio.stem_tracks)
    assert names == ["Footfall: hammer on metal", "Footfall: rain"]


# ---- projects and REAPER come and go


def test_a_stem_lands_in_its_own_project_while_another_tab_is_in_front(studio: Session, hammer: Path):
    start(studio, hammer)
    home = studio.project
    other = studio.reaper.open_project()
    studio.wait()
    assert [track.name for track in home.tracks] == ["Picture", "Footfall: hammer on metal"]
    assert other.tracks == [] and studio.project is other
    assert home.undo_name == "Footfall: generate hammer on metal" and other.undo_name is None


def test_an_item_or_track_deleted_meanwhile_does_not_keep_the_stem_from_its_time(studio: Session, hammer: Path):
    item = start(studio, hammer, position=2.5)
    track = item.track
    studio.project.tracks.remove(track)
    track.free()
    studio.wait()
    assert [one.position for one in studio.stem_items] == [2.5]


def closed_meanwhile(studio: Session, hammer: Path) -> Path:
    """A saved project that was closed while its job ran; the job is finished now."""
    start(studio, hammer, position=1.5)
    path = studio.reaper.save()
    studio.reaper.step()
    studio.reaper.close_project(studio.project)
    studio.wait()
    return path


def test_a_project_closed_meanwhile_is_offered_its_stems_when_it_comes_back(studio: Session, hammer: Path):
    path = closed_meanwhile(studio, hammer)
    assert len(studio.journal) == 1 and not studio.project.tracks
    studio.reaper.open_project(path)
    studio.finish("Spot hits", "yes")
    assert "1 job from earlier" in studio.told
    assert [item.position for item in studio.stem_items] == [1.5]
    assert studio.journal == []


def test_declined_stems_are_not_offered_again_unless_asked_for(studio: Session, hammer: Path):
    path = closed_meanwhile(studio, hammer)
    studio.reaper.open_project(path)
    studio.finish(PLACE, "no")
    studio.finish("Spot hits")
    assert not studio.stem_items
    studio.finish(PLACE, "yes")
    assert len(studio.stem_items) == 1


def test_stems_of_a_project_that_is_not_open_are_named(studio: Session, hammer: Path):
    path = closed_meanwhile(studio, hammer)
    studio.finish(PLACE)
    assert "No finished stems wait" in studio.told and str(path) in studio.told


def test_with_nothing_waiting_that_is_told(studio: Session):
    studio.finish(PLACE)
    assert studio.told == "No finished stems wait for the open projects."


def test_jobs_done_while_reaper_was_closed_are_offered(studio: Session, hammer: Path):
    start(studio, hammer, position=1.5)
    studio.reaper.save()
    studio.reaper.restart()
    wait_for_engine(studio)
    studio.finish(PLACE, "yes")
    assert [item.position for item in studio.stem_items] == [1.5]
    assert studio.journal == []


def test_jobs_that_still_run_when_reaper_comes_back_are_waited_for(studio: Session, hammer: Path):
    start(studio, hammer, wishes(variants=3), length=2.0)
    studio.reaper.save()
    studio.reaper.crash()
    studio.reaper.open_project(studio.reaper.folder / "project 1.RPP")
    studio.finish(PLACE, "yes")
    assert len(studio.stem_items[0].takes) == 3


def test_a_project_saved_under_another_name_still_gets_its_stems(studio: Session, hammer: Path):
    start(studio, hammer)
    studio.reaper.save(path=studio.reaper.folder / "first.RPP")
    studio.reaper.save(path=studio.reaper.folder / "second.RPP")
    studio.wait()
    assert len(studio.stem_items) == 1


def test_of_two_copies_of_a_project_the_one_that_asked_gets_the_stem(studio: Session, hammer: Path):
    show(studio, hammer)
    studio.reaper.save(path=studio.reaper.folder / "a.RPP")
    studio.run(GENERATE, wishes())
    first = studio.project
    shutil.copy(studio.reaper.folder / "a.RPP", studio.reaper.folder / "b.RPP")
    with_id = studio.reaper.save(first)
    shutil.copy(with_id, studio.reaper.folder / "b.RPP")
    copy = studio.reaper.open_project(studio.reaper.folder / "b.RPP")
    studio.wait()
    assert len(first.tracks) == 2 and len(copy.tracks) == 1


def test_undo_takes_a_placed_stem_away_and_it_does_not_come_back_by_itself(studio: Session, hammer: Path):
    show(studio, hammer)
    studio.generate()
    studio.project.step_in_history(-1)
    studio.finish(PLACE)
    assert not studio.stem_items


def test_undo_after_the_request_does_not_lose_the_stem(studio: Session, hammer: Path):
    item = show(studio, hammer)
    studio.project.add_undo_point("something of the user's")
    studio.run(GENERATE, wishes())
    studio.project.step_in_history(-1)
    assert item.gone
    studio.wait()
    assert len(studio.stem_items) == 1


def test_a_stumble_while_placing_leaves_undo_and_drawing_in_order_and_is_told_once(tmp_path: Path):
    with quick_session(tmp_path) as (studio, engine):
        start(studio, video(studio))
        (asked,) = engine.take()
        stems = engine.stems_for(asked)
        path = studio.spool.status_file(asked.id)
        engine.finish(asked, stems=stems)
        fields = json.loads(path.read_bytes())
        fields["stems"][0]["rate"] = "fast"
        path.write_text(json.dumps(fields))
        studio.wait()
        assert "stumbled" in studio.told
        assert studio.project.undo_depth == 0 and studio.reaper.refresh_prevented == 0
        assert not studio.reaper.actions
