"""The figures of MultiFoley: measured on real networks, and rows that say what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from footfall_engine.bench import multifoley
from footfall_engine.bench.measure import Bench, peak_gb
from footfall_engine.bench.multifoley import Cost
from footfall_engine.bench.suite import GROUPS
from footfall_engine.models.runtime import chosen_runtime


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("FOOTFALL_DEVICE", "cpu")
    chosen_runtime.cache_clear()
    yield
    chosen_runtime.cache_clear()


def _bench(folder: Path, quick: bool) -> Bench:
    return Bench(folder, quick, folder, lambda what: None)


def test_a_step_costs_time_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multifoley, "SECONDS", 0.2)
    cost = multifoley.step("tiny")
    assert cost.seconds > 0
    assert 0 < cost.memory_gb <= peak_gb()
    assert cost.device == "cpu"


@pytest.mark.parametrize(("long_gb", "good"), [(1.1, True), (3.0, False)])
def test_rows_name_sizes_ways_and_whether_memory_stays_bounded(
    long_gb: float, good: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def apart(measured: Any, given: Any) -> Cost:
        is_long = given == multifoley.SECONDS * multifoley.LONGER
        return Cost(2.0, long_gb if is_long else 1.0, "cpu", "float32")

    monkeypatch.setattr(multifoley, "_apart", apart)
    monkeypatch.setattr(multifoley, "NEEDED_GB", 0.1)
    rows = list(GROUPS["multifoley"](_bench(tmp_path, quick=False)))
    assert [row.name.split(",")[0] for row in rows] == ["MultiFoley small", "MultiFoley base"] + 3 * [
        "MultiFoley's codec"
    ]
    assert rows[0].reached == "2 s in 1 GB; 100 steps: 200 s"
    assert [row.good for row in rows] == [None, None, None, None, good]
    assert len(list(GROUPS["multifoley"](_bench(tmp_path, quick=True)))) == 4


def test_a_machine_with_little_memory_measures_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multifoley, "NEEDED_GB", 1e9)
    rows = list(GROUPS["multifoley"](_bench(tmp_path, quick=True)))
    assert [row.good for row in rows] == [None]
    assert "needs 1e+09 GB of memory" in rows[0].reached
