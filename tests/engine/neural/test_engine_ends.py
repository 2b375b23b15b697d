"""Jobs of a neural model that are cut off: by a kill, by weights that go, by a user who thinks better of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footfall_bridge import messages
from footfall_bridge.client import Client
from footfall_bridge.messages import JobState, Message
from footfall_engine import render
from footfall_engine.jobs import JobQueue
from footfall_engine.media import wav
from footfall_engine.resident import Resident

from tests.engine.neural.films import film
from tests.engine.neural.resident import PATIENCE, engine_with, events_of, pcm, stems_in, write_tree
from tests.waiting import wait_until

ENDLESS = 1000  # steps


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "stems").mkdir()
    return {
        "type": "generate", "video": str(film(tmp_path / "film.mov", 2.0)), "stem_folder": str(tmp_path / "stems"),
        "model": "diff-foley", "seed": 3, "steps": 15, "variants": 3, "events": [],
    }  # fmt: skip


def settled(client: Client, job: str) -> messages.JobStatus:
    wait_until(lambda: client.status(job).state.final, lambda: client.status(job), PATIENCE)
    said = client.status(job)
    assert isinstance(said, messages.JobStatus)
    return said


def stages_in(events: list[Message]) -> list[str]:
    return [*dict.fromkeys(event.stage for event in events if isinstance(event, messages.Progress))]


def kill_after_the_first_stem(engine: Resident, asked: dict[str, Any]) -> messages.Stem:
    """In the middle of sampling the second."""
    with engine.connect() as client:
        job = client.submit(messages.parse_request(asked))
        heard: list[Message] = []
        for event in client.events(job, PATIENCE):
            heard.append(event)
            there = [each for each in heard if isinstance(each, messages.Stem)]
            if there and isinstance(event, messages.Progress):
                break
        engine.process.kill()
        engine.process.wait(10)
    return there[0]


def test_a_job_killed_in_the_middle_of_sampling_goes_on_where_it_was(
    models: Path, asked: dict[str, Any], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with engine_with(models, home) as engine:
        first = kill_after_the_first_stem(engine, {**asked, "id": "long"})
    written = Path(first.path).stat().st_mtime_ns
    with engine_with(models, home) as engine, engine.connect() as client:
        said = settled(client, "long")
        assert said.state is JobState.DONE
        assert [(stem.variant, stem.seed) for stem in said.stems] == [(1, 3), (2, 4), (3, 5)]
        assert Path(first.path).stat().st_mtime_ns == written, "what is there is not made again"
        whole = stems_in(events_of(engine, **asked))
    for stem, expected in zip(said.stems, whole, strict=True):
        assert np.array_equal(pcm(wav.read_facts(Path(stem.path))), pcm(expected))
    assert not [path for path in (tmp_path / "stems").iterdir() if path.suffix != ".wav"]


def test_a_job_whose_weights_went_with_the_engine_says_so_and_keeps_what_it_has(
    asked: dict[str, Any], tmp_path: Path
) -> None:
    models, home = tmp_path / "models", tmp_path / "home"
    write_tree(models)
    with engine_with(models, home) as engine:
        first = kill_after_the_first_stem(engine, {**asked, "id": "long"})
    shutil.rmtree(models / "diff-foley")
    with engine_with(models, home) as engine, engine.connect() as client:
        said = settled(client, "long")
        assert said.failure is not None and said.failure.code == "weights_missing"
        assert "`footfall models pull diff-foley`" in said.failure.message
        assert [stem.path for stem in said.stems] == [first.path]
        assert stems_in(events_of(engine, **{**asked, "model": "procedural", "variants": 1}))


def test_of_two_jobs_either_can_be_cancelled_and_the_other_is_as_if_alone(
    models: Path, asked: dict[str, Any], tmp_path: Path
) -> None:
    asked["variants"] = 1
    endless, short = ({**asked, "id": name, "steps": steps} for name, steps in (("endless", ENDLESS), ("short", 15)))
    with engine_with(models, tmp_path / "home") as engine, engine.connect() as client:
        first = events_of(engine, **asked)
        alone = stems_in(first)
        assert stages_in(first) == [render.LOOKING, render.LOADING, render.MAKING]
        for job in (endless, short, {**short, "id": "queued"}):
            client.submit(messages.parse_request(job))
        assert client.cancel("queued").state is JobState.CANCELLED, "at once"
        wait_until(lambda: client.status("endless").progress, lambda: client.status("endless"), PATIENCE)
        client.cancel("endless")
        assert settled(client, "endless").state is JobState.CANCELLED
        said = settled(client, "short")
        assert said.state is JobState.DONE
        again = events_of(engine, **{**asked, "steps": 1})
        assert stages_in(again) == [render.LOOKING, render.MAKING], "the model is there"
        assert np.array_equal(pcm(wav.read_facts(Path(said.stems[0].path))), pcm(alone[0]))
        assert client.status("queued").stems == [] and client.status("endless").stems == []
    assert len(list((tmp_path / "stems").iterdir())) == 3
    assert JobQueue(engine.settings.data_folder / "jobs.db").counts() == {"cancelled": 2, "done": 3}
