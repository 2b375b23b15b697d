"""Work side by side: one progress, and the first error stops everything."""

from __future__ import annotations

import threading

import pytest
from footfall_bridge.errors import JobCancelled
from footfall_engine.progress import ProgressFn, no_progress, part, side_by_side


def test_a_part_of_a_progress_takes_its_share():
    told: list[float] = []
    part(told.append, 0.5, 0.7)(0.5)
    part(told.append, 0.5, 0.7)(7)
    assert told == pytest.approx([0.6, 0.7])


def test_everything_is_done_and_the_progress_never_falls():
    told: list[float] = []
    seen: set[int] = set()

    def work(item: int, progress: ProgressFn) -> None:
        for step in range(5):
            progress(step / 4)
        seen.add(item)

    lock = threading.Lock()

    def listen(fraction: float, /) -> None:
        with lock:
            told.append(fraction)

    side_by_side(work, range(7), 1, listen)
    assert seen == set(range(7))
    assert told == sorted(told) and told[-1] == pytest.approx(1.0)
    side_by_side(work, range(7, 20), 3, listen)
    assert seen == set(range(20))


def test_two_at_once_are_really_at_once():
    met = threading.Barrier(2, timeout=10)
    side_by_side(lambda item, progress: met.wait() and None, range(2), 2, no_progress)


def test_the_first_error_is_raised_and_stops_the_rest():
    started: list[int] = []

    def work(item: int, progress: ProgressFn) -> None:
        started.append(item)
        if item == 1:
            raise ValueError("item 1 is broken")
        for _ in range(10_000):
            progress(0.5)
            threading.Event().wait(0.001)

    with pytest.raises(ValueError, match="item 1 is broken"):
        side_by_side(work, range(50), 2, no_progress)
    assert len(started) <= 3


def test_being_told_to_stop_stops_all():
    def stop(fraction: float, /) -> None:
        raise JobCancelled("cancelled")

    with pytest.raises(JobCancelled, match=r"^cancelled$"):
        side_by_side(lambda item, progress: progress(0.1), range(4), 2, stop)


def test_nothing_to_do_is_done_at_once():
    side_by_side(lambda item, progress: None, [], 2, no_progress)
