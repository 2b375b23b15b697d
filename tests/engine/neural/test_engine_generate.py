"""Diff-Foley in a real engine, over its wires and from the command line: every control of a request, end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footfall_bridge import messages
from footfall_bridge.messages import JobState, Progress, Stem
from footfall_engine import contacts
from footfall_engine.bench.neural import without_pictures
from footfall_engine.cli.app import app
from footfall_engine.jobs import JobQueue
from footfall_engine.media import wav
from footfall_engine.resident import Resident
from typer.testing import CliRunner

from tests.engine.neural import checks
from tests.engine.neural.films import film
from tests.engine.neural.resident import (
    PATIENCE,
    RATE,
    engine_with,
    events_of,
    failure_of,
    footfall,
    pcm,
    stem_of,
    stems_in,
    warnings_in,
)
from tests.waiting import wait_until

SECONDS = 4.5


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "balls.mp4"
    contacts.render_clip(path, contacts.Scene(duration=5.0, width=320, height=180))
    return path


@pytest.fixture
def asked(clip: Path, tmp_path: Path) -> dict[str, Any]:
    return {
        "type": "generate", "video": str(clip), "stem_folder": str(tmp_path), "model": "diff-foley", "seed": 3,
        "steps": 2, "out": SECONDS,
    }  # fmt: skip


def test_variants_are_announced_one_by_one_as_whole_files(engine: Resident, asked: dict[str, Any]) -> None:
    request = messages.parse_request({**asked, "variants": 3})
    heard: list[messages.Message] = []
    with engine.connect() as client:
        for event in client.events(client.submit(request), PATIENCE):
            if isinstance(event, Stem):
                assert wav.read_facts(Path(event.path)).samples == event.samples
            heard.append(event)
    order = [event.type for event in heard if isinstance(event, Stem | Progress)]
    assert "progress" in order[order.index("stem") : -1], "the first stem is there while the others are made"
    announced = [event for event in heard if isinstance(event, Stem)]
    assert [stem.variant for stem in announced] == [1, 2, 3]
    assert [stem.seed for stem in announced] == [3, 4, 5]
    checks.variants(heard, "diff-foley", SECONDS, asked["seed"])


def test_progress_rises_and_tells_the_stages(engine: Resident, asked: dict[str, Any]) -> None:
    checks.progress(events_of(engine, **{**asked, "steps": 8}))


@pytest.mark.parametrize("change", [{}, {"steps": 3}, {"guidance": 1.0}, {"seed": 4}])
def test_a_sound_is_made_of_its_request_and_of_nothing_else(
    engine: Resident, asked: dict[str, Any], change: dict[str, Any]
) -> None:
    first = stem_of(engine, **asked)
    second = stem_of(engine, **{**asked, **change})
    assert np.array_equal(pcm(first), pcm(second)) == (not change)
    assert second.provenance["request"].items() >= change.items()


def test_the_command_line_has_the_running_engine_do_it(engine: Resident, clip: Path, tmp_path: Path) -> None:
    words = [
        "generate", str(clip), "--model", "diff-foley", "--out", "2.5", "--out", str(tmp_path), "--variants", "2",
        "--seed", "8", "--steps", "2", "--guidance", "3", "--json",
    ]  # fmt: skip
    no_weights_of_its_own = tmp_path / "empty"
    told = json.loads(footfall(engine, no_weights_of_its_own, *words).stdout)
    assert [stem["seed"] for stem in told["stems"]] == [8, 9]
    assert [stem["samples"] for stem in told["stems"]] == [round(2.5 * RATE)] * 2
    requests = [wav.read_facts(Path(stem["path"])).provenance["request"] for stem in told["stems"]]
    assert all(request["steps"] == 2 and request["guidance"] == 3 for request in requests)


def test_a_cancelled_job_stops_between_steps_and_leaves_nothing(
    engine: Resident, asked: dict[str, Any], tmp_path: Path
) -> None:
    checks.cancelling(engine, asked, tmp_path)
    assert stems_in(events_of(engine, **asked)), "the next job is untouched"


def test_what_the_model_does_not_take_is_warned_of_over_the_wire(
    engine: Resident, asked: dict[str, Any], clip: Path
) -> None:
    events = events_of(engine, **asked, prompt="rain", negative="music", events=[{"time": 1.0}])
    warned = warnings_in(events)
    assert list(warned) == ["control_ignored"]
    told = warned["control_ignored"]
    assert all(f"diff-foley does not take {what}" in told for what in ("a prompt", "a negative prompt", "your own"))
    assert stems_in(events)


# ---- several jobs at a time

MANY = {
    "many_model.py": """
from footfall_engine.models.diff_foley.model import DiffFoley

class Many(DiffFoley):
    takes_at_once = 16
""",
    "many_row.py": """
import dataclasses
from footfall_engine.models.registry import MODELS

(LIKE,) = (row for row in MODELS if row.name == "diff-foley")
ROW = dataclasses.replace(LIKE, name="many", target="many_model:Many")
""",
    "many-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: many\nVersion: 1\n",
    "many-1.dist-info/entry_points.txt": "[footfall.models]\nmany = many_row:ROW\n",
}
"""Somebody's package: the toy as if its device gained by many at once."""


def test_jobs_that_share_a_device_end_on_their_own_and_outlive_a_kill(
    models: Path, asked: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in MANY.items():
        (tmp_path / "lib" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lib" / name).write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    asked["model"] = "many"
    endless = [messages.parse_request({**asked, "id": name, "steps": 1000}) for name in ("one", "other")]
    short = messages.parse_request({**asked, "id": "short"})
    with engine_with(models, tmp_path / "home") as engine, engine.connect() as client:
        client.submit(endless[0])
        *_, last = client.events(client.submit(short), PATIENCE)
        assert isinstance(last, messages.Done)
        client.submit(endless[1])
        wait_until(lambda: client.status("other").progress, lambda: client.status("other"), PATIENCE)
        assert client.status("one").state is JobState.RUNNING, "long after the one that came later is done"
        engine.process.kill()
        engine.process.wait(10)
    after = JobQueue(engine.settings.data_folder / "jobs.db")  # as the next engine finds it
    states = [after.status(name).state for name in ("one", "other", "short")]
    assert states == [JobState.QUEUED, JobState.QUEUED, JobState.DONE]
    assert len(list(tmp_path.glob("*.wav"))) == 1


# ---- long regions


@pytest.mark.heavy
def test_a_region_longer_than_the_span_is_exact_and_a_picture_changes_only_the_sound_around_it(
    engine: Resident, asked: dict[str, Any], tmp_path: Path
) -> None:
    length, change, reach = 65.3, 40.0, 18.0  # seconds; windows of 8.2 s, decoded with their neighbours
    films = [
        film(tmp_path / "one.mov", 66, lambda time: 40),
        film(tmp_path / "other.mov", 66, lambda time: 40 if time < change else 220),
    ]
    sounds = []
    for video in films:
        stem = stem_of(engine, **{**asked, "video": str(video), "out": length, "steps": 1, "events": []})
        sounds.append(pcm(stem))
        checks.sounds_throughout(sounds[-1], length)
    one, other = sounds
    differs = np.flatnonzero((one != other).any(axis=0)) / RATE
    assert change - reach < differs.min() <= change
    assert differs.max() > length - 1


# ---- parts made anew


def test_a_part_is_made_anew_without_pictures_and_nothing_else_changes(
    engine: Resident, asked: dict[str, Any], clip: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.mp4"
    own.write_bytes(clip.read_bytes())
    old = stem_of(engine, **{**asked, "video": str(own)})
    without_pictures(own)
    again = {"type": "regenerate", "stem": str(old.path), "in": 2.0, "out": 3.0, "variants": 2, "seed": 9,
             "stem_folder": str(tmp_path)}  # fmt: skip
    for stem in stems_in(events_of(engine, **again)):
        checks.part_made_anew(old, stem, 2, 3)
        assert stem.provenance["patches"][0]["seed"] in (9, 10)
    unknown = failure_of(engine, **{**asked, "video": str(own), "out": SECONDS - 1})
    assert unknown.code == "media_unreadable", "nobody can look at that film any more"


def test_parts_that_are_made_in_one_window_leave_all_between_them_bit_for_bit(
    engine: Resident, asked: dict[str, Any], tmp_path: Path
) -> None:
    old = stem_of(engine, **asked)
    parts = [(1.0, 1.5), (2.5, 3.25)]
    again = {"type": "regenerate", "stem": str(old.path), "in": 1.0, "out": 1.5, "also": [{"in": 2.5, "out": 3.25}],
             "seed": 9, "stem_folder": str(tmp_path)}  # fmt: skip
    new = stem_of(engine, **again)
    changed = (pcm(old) != pcm(new)).any(axis=0)
    for start, end in parts:
        part = changed[round(start * RATE) : round(end * RATE)]
        assert part.mean() > 0.9
        part[:] = False
    assert not changed.any()


# ---- beside the engine


def test_weights_of_the_sizes_beside_them_are_verified(
    engine: Resident, models: Path, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stems_in(events_of(engine, **asked)), "which has them converted"
    monkeypatch.setenv("FOOTFALL_MODELS", str(models))
    answered = CliRunner().invoke(app, ["models", "verify", "diff-foley", "--json"])
    found = json.loads(answered.stdout)
    assert answered.exit_code == 0 and found["good"]
    assert found["files"][-1]["found"] == "all networks find their weights"
