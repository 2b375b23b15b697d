"""A worker and its queue: one job after another, or several of a company side by side."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from footfall_bridge import messages
from footfall_bridge.errors import DiskFull, ModelFailed
from footfall_bridge.messages import Generate, JobState
from footfall_engine.jobs import JobQueue, TakenJob
from footfall_engine.render import LOADING_SHARE, Company
from footfall_engine.worker import JobWatcher, Pace, Worker
from hypothesis import given
from hypothesis import strategies as st

from tests.waiting import wait_until

ROOM = 4
FAULTS: dict[str, Exception] = {
    "broken": ModelFailed("broken"),
    "bug": KeyError("one by none"),
    "greed": MemoryError(),
}


class Studio:
    """Jobs stay until they are let go; who is at work, and who ever was, can be seen."""

    def __init__(self) -> None:
        self.at_work: set[str] = set()
        self.begun: list[str] = []
        self.let_go: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def work(self, request: Generate, studio: Any, watcher: JobWatcher) -> None:
        with self._lock:
            self.begun.append(request.id)
            self.at_work.add(request.id)
        try:
            progress = watcher.stage("working", 0.0, 1.0)
            while not self._gate(request.id).wait(0.005):
                progress(0.5)
            if request.prompt in FAULTS:
                raise FAULTS[request.prompt]
        finally:
            with self._lock:
                self.at_work.discard(request.id)

    def release(self, *ids: str) -> None:
        for each in ids:
            self._gate(each).set()

    def _gate(self, job_id: str) -> threading.Event:
        with self._lock:
            return self.let_go.setdefault(job_id, threading.Event())


def company(request: messages.Job, studio: Any) -> Company | None:
    """Those of a model that is named share it."""
    model = getattr(request, "model", None)
    if model == "unknown":
        raise ModelFailed("nobody knows it")
    return Company(model, ROOM) if model else None


@contextmanager
def working(queue: JobQueue, studio: Studio) -> Iterator[Worker]:
    worker = Worker(queue, studio, {Generate: studio.work}, "make", lambda: None, company)
    worker.start()
    try:
        yield worker
    finally:
        worker.close()
        queue.close()
        worker.join(10)
        assert not worker.is_alive(), "the worker did not stop"


def ask(job_id: str, model: str | None = "neural", **fields: Any) -> Generate:
    return Generate(id=job_id, video="/clips/a.mp4", stem_folder="/stems", model=model, **fields)


@pytest.fixture
def queue() -> JobQueue:
    return JobQueue()


@pytest.fixture
def studio() -> Studio:
    return Studio()


def submit(queue: JobQueue, *requests: Generate) -> None:
    for request in requests:
        queue.submit(request)


def at_work(studio: Studio, *ids: str) -> None:
    wait_until(lambda: studio.at_work == set(ids), lambda: f"{studio.at_work} at work, not {set(ids)}")


def ended(queue: JobQueue, job_id: str, state: JobState = JobState.DONE) -> None:
    wait_until(lambda: queue.status(job_id).state is state, lambda: queue.status(job_id))


def test_queued_jobs_of_one_model_are_worked_on_together(queue: JobQueue, studio: Studio) -> None:
    submit(queue, ask("a"), ask("b", variants=2), ask("c"))
    with working(queue, studio):
        at_work(studio, "a", "b", "c")
        submit(queue, ask("d"))
        studio.release("b")
        ended(queue, "b")
        at_work(studio, "a", "c", "d")
        assert queue.counts() == {"done": 1, "running": 3}


def test_no_more_variants_than_there_is_room_for(queue: JobQueue, studio: Studio) -> None:
    submit(queue, ask("a", variants=3), ask("b", variants=2), ask("c"))
    with working(queue, studio):
        at_work(studio, "a")
        studio.release("a")
        at_work(studio, "b", "c")
    submit(queue, ask("huge", variants=ROOM + 1))
    assert studio.begun == ["a", "b", "c"]


def test_a_job_with_more_variants_than_there_is_room_for_is_worked_on(queue: JobQueue, studio: Studio) -> None:
    submit(queue, ask("huge", variants=ROOM + 1), ask("b"))
    with working(queue, studio):
        at_work(studio, "huge")
        studio.release("huge")
        at_work(studio, "b")


@pytest.mark.parametrize("model", [None, "other", "unknown"])
def test_others_wait_their_turn_and_are_not_overtaken(queue: JobQueue, studio: Studio, model: str | None) -> None:
    submit(queue, ask("a"), ask("b"), ask("stranger", model), ask("c"))
    with working(queue, studio):
        at_work(studio, "a", "b")
        studio.release("a")
        ended(queue, "a")
        at_work(studio, "b")
        studio.release("b")
        at_work(studio, "stranger")
        studio.release("stranger")
        at_work(studio, "c")


def test_jobs_without_company_are_worked_on_one_by_one(queue: JobQueue, studio: Studio) -> None:
    submit(queue, ask("a", None), ask("b", None))
    with working(queue, studio):
        at_work(studio, "a")
        studio.release("a")
        at_work(studio, "b")


def test_each_ends_as_it_does_and_the_others_go_on(queue: JobQueue, studio: Studio) -> None:
    submit(queue, ask("fails", prompt="broken"), ask("cancelled"), ask("good"))
    with working(queue, studio):
        at_work(studio, "fails", "cancelled", "good")
        queue.cancel("cancelled")
        studio.release("fails")
        ended(queue, "cancelled", JobState.CANCELLED)
        ended(queue, "fails", JobState.FAILED)
        at_work(studio, "good")
        studio.release("good")
        ended(queue, "good")


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        ("broken", "model_failed", "broken"),
        ("bug", "internal", "one by none"),
        ("greed", "model_failed", "out of memory"),
    ],
)
@pytest.mark.parametrize("model", [None, "neural"])
def test_whatever_a_job_dies_of_is_told_by_name_and_the_next_one_runs(
    queue: JobQueue, studio: Studio, model: str | None, fault: str, code: str, said: str
) -> None:
    submit(queue, ask("fails", model, prompt=fault), ask("next", model))
    studio.release("fails", "next")
    with working(queue, studio):
        ended(queue, "fails", JobState.FAILED)
        ended(queue, "next")
    failure = queue.status("fails").failure
    assert failure is not None and failure.code == code and said in failure.message


def test_progress_is_reported_now_and_then_and_once_for_each_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footfall_engine.worker.REPORT_EVERY_SEC", 3600.0)
    told: list[Any] = []
    watcher = JobWatcher(TakenJob("a", ask("a"), (), threading.Event()), told.append, threading.Event())
    for stage in ("looking", "sounding"):
        progress = watcher.stage(stage, 0.0, 0.5)
        for step in range(1000):
            progress(step / 1000)
    assert [event.stage for event in told] == ["looking", "sounding"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that workers see; its one item is seconds."""
    now = [1000.0]
    monkeypatch.setattr("footfall_engine.worker.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def watched(told: list[Any]) -> JobWatcher:
    return JobWatcher(TakenJob("a", ask("a"), (), threading.Event()), told.append, threading.Event())


@pytest.mark.parametrize("loading_seconds", [0.0, 5.0, 300.0])
def test_the_time_left_is_that_of_the_steps_however_long_the_model_took_to_load(
    clock: list[float], loading_seconds: float
) -> None:
    told: list[Any] = []
    watcher = watched(told)
    loading = watcher.stage("loading", 0.03, 0.03 + LOADING_SHARE)
    for part in range(5):
        clock[0] += loading_seconds / 5
        loading(part / 4)
    assert all(event.eta_seconds is None for event in told), "nobody knows yet"
    making = watcher.stage("making", 0.03, 1.0)
    for step in range(1, 26):
        clock[0] += 3.0
        making(0.05 + 0.9 * step / 25)
        if step > 5:
            assert told[-1].eta_seconds == pytest.approx(3.0 * (25 - step) + 0.05 / 0.9 * 75, rel=0.25), step


def test_a_slow_first_step_is_soon_forgotten() -> None:
    pace, now = Pace(), 0.0
    for step in range(26):
        now += 60.0 if step == 1 else 3.0
        left = pace.seconds_left(now, step / 25)
        if step > 4:
            assert left == pytest.approx(3.0 * (25 - step)), step


@given(st.floats(0.1, 3600), st.integers(3, 400))
def test_the_time_left_of_what_goes_at_one_pace_is_exact(seconds: float, reports: int) -> None:
    pace = Pace()
    for number in range(reports + 1):
        left = pace.seconds_left(seconds * number / reports, number / reports)
        assert left is None or left == pytest.approx(seconds * (1 - number / reports), abs=seconds / 1000)
    assert left is not None


def test_progress_never_goes_back(clock: list[float]) -> None:
    told: list[Any] = []
    watcher = watched(told)
    loading = watcher.stage("loading", 0.03, 0.5)
    clock[0] += 1.0
    loading(1.0)
    assert told[-1].fraction == 0.5
    making = watcher.stage("making", 0.03, 1.0)
    for step in range(10):
        clock[0] += 1.0
        making(step / 9)
    fractions = [event.fraction for event in told]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0


class FullDisk(JobQueue):
    """Nothing can be written while it is full."""

    full = False
    refused = 0

    def take(self, *wanted: Any, **more: Any) -> TakenJob | None:
        self._refuse()
        return super().take(*wanted, **more)

    def finish(self, *ending: Any) -> None:
        self._refuse()
        super().finish(*ending)

    def _refuse(self) -> None:
        if self.full:
            self.refused += 1
            raise DiskFull("the disk is full")


@pytest.mark.parametrize("model", [None, "neural"])
def test_a_full_disk_stops_no_worker_and_leaves_no_job_without_its_end(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, model: str | None
) -> None:
    monkeypatch.setattr("footfall_engine.worker._IDLE_SEC", 0.01)
    queue = FullDisk()
    queue.full = True
    submit(queue, ask("a", model))
    with working(queue, studio):
        wait_until(lambda: queue.refused > 1, "the job is asked for")
        queue.full = False
        at_work(studio, "a")
        queue.full, queue.refused = True, 0
        studio.release("a")
        wait_until(lambda: queue.refused > 1, "the job's end is told")
        queue.full = False
        ended(queue, "a")


def test_closing_puts_all_of_them_back_in_their_old_places(queue: JobQueue, studio: Studio) -> None:
    submit(queue, ask("a"), ask("b"), ask("c"))
    with working(queue, studio):
        at_work(studio, "a", "b", "c")
    assert [queue.status(each).position for each in "abc"] == [0, 1, 2]


def test_all_that_ran_when_the_engine_was_killed_are_queued_again(tmp_path: Path, studio: Studio) -> None:
    queue = JobQueue(tmp_path / "jobs.db")
    submit(queue, ask("a"), ask("b"))
    with working(queue, studio):
        at_work(studio, "a", "b")
        after = JobQueue(tmp_path / "jobs.db")  # as the next engine finds it
        assert [after.status(each).state for each in "ab"] == [JobState.QUEUED] * 2
        studio.release("a", "b")
