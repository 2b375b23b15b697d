"""The loop that runs one job after another, or several side by side, and survives whatever a job does."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any

from footfall_bridge import messages
from footfall_bridge.errors import DiskFull, FootfallError, InternalError, JobCancelled, ModelFailed
from footfall_bridge.messages import Job, Message

from footfall_engine import jobs
from footfall_engine.jobs import JobQueue, TakenJob
from footfall_engine.progress import ProgressFn
from footfall_engine.render import Company

log = logging.getLogger(__name__)

Recipe = Callable[[Any, Any, "JobWatcher"], None]
CompanyOf = Callable[[Job, Any], Company | None]

REPORT_EVERY_SEC = 0.1
PACE_SHARE = 0.1  # of a job: how far back it is looked to tell how fast it goes …
LEAST_SHARE = 0.02  # … and how far it must have come before that is told
_IDLE_SEC = 1.0
_GLANCE_SEC = 0.05


class EngineClosing(BaseException):
    """Unwinds a running job when the engine closes. Not an Exception, so that no recipe takes it for a fault."""


def alone(request: Job, studio: Any) -> None:
    """No job gains by another's company."""


class Worker(threading.Thread):
    """Takes jobs of the kinds it has recipes for, in the order they came: one at a time, or several of a company."""

    def __init__(
        self,
        queue: JobQueue,
        studio: Any,
        recipes: dict[type[Message], Recipe],
        name: str,
        warm_up: Callable[[], None],
        company: CompanyOf = alone,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._queue = queue
        self._studio = studio
        self._recipes = recipes
        self._kinds = [recipe.model_fields["type"].default for recipe in recipes]
        self._warm_up = warm_up
        self._company = company
        self._closing = threading.Event()

    def run(self) -> None:
        try:
            self._warm_up()
        except Exception:  # the jobs that need what is broken will say so
            log.exception("the worker could not warm up")
        while not self._closing.is_set():
            if (job := self._take(_IDLE_SEC)) is not None:
                if (company := self._company_of(job.request)) is None:
                    self._survive(job)
                else:
                    self._survive_together(job, company)

    def close(self) -> None:
        """Stop after putting a running job back into the queue."""
        self._closing.set()

    def _survive(self, job: TakenJob) -> None:
        try:
            self.run_job(job)
        except Exception:  # the queue itself failed (its disk is full, say): the next job may still run
            log.exception("job %s could not be finished", job.id)

    def _survive_together(self, first: TakenJob, company: Company) -> None:
        """Run a job, and beside it those that come next in the queue for as long as they are of its company."""
        with ThreadPoolExecutor(company.takes, thread_name_prefix=self.name) as pool:
            running = {pool.submit(self._survive, first): first}
            strangers: set[str] = set()
            while running and not self._closing.is_set():
                busy = sum(_takes(job.request) for job in running.values())
                if (job := self._next_of(company, company.takes - busy, strangers)) is not None:
                    running[pool.submit(self._survive, job)] = job
                else:
                    done, _ = wait(running, _GLANCE_SEC, FIRST_COMPLETED)
                    running = {each: job for each, job in running.items() if each not in done}

    def _next_of(self, company: Company, room: int, strangers: set[str]) -> TakenJob | None:
        """The next job, if it is of the company and there is room for it; `strangers` are known not to be."""
        waiting = self._queue.first(self._kinds)
        if waiting is None or waiting.id in strangers or _takes(waiting) > room:
            return None
        if self._company_of(waiting) != company:
            strangers.add(waiting.id)
            return None
        return self._take(0.0, only=waiting.id)

    def _take(self, timeout: float, only: str | None = None) -> TakenJob | None:
        try:
            return self._queue.take(self._kinds, timeout, only)
        except DiskFull as error:  # it cannot be written down that a job runs: it waits until it can
            self._wait_for_room(error)
            return None

    def _company_of(self, request: Job) -> Company | None:
        try:
            return self._company(request, self._studio)
        except Exception:  # the job itself will say what is wrong with it
            return None

    def run_job(self, job: TakenJob) -> None:
        log.info("job %s: %s", job.id, messages.to_json(job.request))
        started = time.monotonic()
        watcher = JobWatcher(job, self._queue.report, self._closing)
        try:
            self._recipes[type(job.request)](job.request, self._studio, watcher)
            end: messages.Done | messages.Failed | messages.Cancelled = messages.Done(id=job.id)
        except EngineClosing:
            self._queue.put_back(job.id)
            return
        except JobCancelled:
            end = messages.Cancelled(id=job.id)
        except FootfallError as error:
            end = jobs.failure(job.id, error)
        except MemoryError:
            end = jobs.failure(job.id, ModelFailed("the machine ran out of memory", traceback.format_exc()))
        except Exception as error:  # a bug of ours fails its own job and no other
            log.exception("job %s", job.id)
            end = jobs.failure(job.id, InternalError(f"something in Footfall broke: {error!r}", traceback.format_exc()))
        log.info("job %s: %s after %.2f s", job.id, messages.to_json(end), time.monotonic() - started)
        self._finish(job.id, end)

    def _finish(self, job_id: str, end: messages.Done | messages.Failed | messages.Cancelled) -> None:
        """End a job as soon as there is room on the disk to say so: whoever waits for it would wait for ever."""
        closing = False
        while not closing:
            try:
                self._queue.finish(job_id, end)
                return
            except DiskFull as error:
                closing = self._wait_for_room(error)

    def _wait_for_room(self, error: DiskFull) -> bool:
        """Wait a while; whether the engine is closing."""
        log.warning("%s; tried again", error.message)
        return self._closing.wait(_IDLE_SEC)


def _takes(request: Job) -> int:
    return getattr(request, "variants", 1)


class JobWatcher:
    """Passes on what a recipe reports, and stops it when the job is cancelled or the engine closes."""

    def __init__(self, job: TakenJob, report: Callable[[Message], None], closing: threading.Event) -> None:
        self.finished: Sequence[messages.Stem] = job.stems
        self._job = job
        self._report = report
        self._closing = closing
        self._pace = Pace()
        self._reported = -1.0
        self._furthest = 0.0
        self._stage = ""
        self._told: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def report(self, event: Message) -> None:
        self._report(event)

    def warn(self, code: str, sentence: str) -> None:
        with self._lock:
            if (code, sentence) in self._told:  # a model may find the same in each window and batch
                return
            self._told.add((code, sentence))
        self._report(messages.Warned(id=self._job.id, code=code, message=sentence))

    def stage(self, name: str, start: float, end: float) -> ProgressFn:
        def progress(fraction: float, /) -> None:
            self._stop_when_told()
            self._tell(name, start + (end - start) * min(1.0, max(0.0, fraction)))

        progress(0.0)
        return progress

    def _stop_when_told(self) -> None:
        if self._job.cancelled.is_set():
            raise JobCancelled("cancelled")
        if self._closing.is_set():
            raise EngineClosing

    def _tell(self, stage: str, fraction: float) -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._pace = Pace()
        elif now - self._reported < REPORT_EVERY_SEC:
            return
        self._stage, self._reported = stage, now
        self._furthest = fraction = max(fraction, self._furthest)  # what is loaded already takes no time
        eta = self._pace.seconds_left(now, fraction)
        self._report(messages.Progress(id=self._job.id, stage=stage, fraction=fraction, eta_seconds=eta))


class Pace:
    """How fast a stage goes, by its last tenth: how long a model took to load tells nothing of its steps."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, float]] = deque()  # (seconds, fraction), a hundredth apart

    def seconds_left(self, now: float, fraction: float) -> float | None:
        """None as long as nobody can know."""
        marks = self._marks
        if not marks or fraction >= marks[-1][1] + PACE_SHARE / 10:
            marks.append((now, fraction))
        while len(marks) > 1 and marks[1][1] <= fraction - PACE_SHARE:
            marks.popleft()
        seconds, gained = now - marks[0][0], fraction - marks[0][1]
        return seconds * (1 - fraction) / gained if gained >= LEAST_SHARE else None
