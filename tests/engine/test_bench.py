from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from footfall_engine.bench import suite
from footfall_engine.bench.measure import Bench, Measure, at_least, at_most, shared_folder, skipped
from footfall_engine.bench.real import heard, sync
from footfall_engine.bench.rendered import onset_near, scenes

RATE = 48_000


def test_the_verdict_is_what_the_limit_says() -> None:
    assert at_most("a", 1.0, 1.0, "s").good
    assert not at_most("a", 1.1, 1.0, "s").good
    assert at_least("a", 0.5, 0.5).good
    assert not at_least("a", 0.4, 0.5).good
    assert skipped("a", "≤ 1", "no clips").good is None


def test_a_group_that_breaks_is_a_row_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(bench: Bench) -> Iterator[Measure]:
        yield at_most("before", 1, 2, "s")
        raise RuntimeError("no such luck")

    def fine(bench: Bench) -> Iterator[Measure]:
        yield at_most("after", 1, 2, "s")

    monkeypatch.setattr(suite, "GROUPS", {"broken": broken, "fine": fine})
    rows = list(suite.run(["broken", "fine"], quick=True, say=lambda what: None))
    assert [(row.name, row.good) for row in rows] == [("before", True), ("broken", False), ("after", True)]
    assert "no such luck" in rows[1].reached
    assert json.loads(json.dumps(suite.report(rows, True, 1.0)))["rows"][2]["name"] == "after"


def test_rows_that_need_real_clips_say_that_there_are_none(tmp_path: Path) -> None:
    bench = Bench(tmp_path, quick=True, shared=tmp_path / "none", say=lambda what: None)
    rows = [*sync(bench), *heard(bench)]
    assert len(rows) == 3
    assert all(row.good is None and "FOOTFALL_SHARED" in row.reached for row in rows)


def test_the_shared_folder_may_be_named(tmp_path: Path) -> None:
    assert shared_folder({"FOOTFALL_SHARED": str(tmp_path)}) == tmp_path
    assert shared_folder({}).name == "shared"


def test_the_rendered_clips_cover_every_rate_and_the_camera() -> None:
    filmed = scenes().values()
    assert {scene.name for scene in filmed} == {"balls", "hammer", "footsteps"}
    assert len({scene.fps for scene in filmed}) == 6
    assert any(scene.pan for scene in filmed) and any(scene.cuts for scene in filmed)


@pytest.mark.parametrize("time", [0.2, 0.5003])
@pytest.mark.parametrize("error", [-0.03, -0.001, 0.0, 0.004, 0.015])
def test_an_onset_is_found_where_it_is(time: float, error: float) -> None:
    samples = 0.001 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    start = round((time + error) * RATE)
    samples[start : start + 4800] += np.linspace(0.8, 0, 4800, dtype=np.float32)
    assert onset_near(samples, RATE, time) - time == pytest.approx(error, abs=1 / RATE)


def test_silence_has_no_onset() -> None:
    assert onset_near(np.zeros(RATE, np.float32), RATE, 0.5) == float("inf")
