"""The queue: every job, its state and what it has produced, in SQLite, so that none is lost and none runs twice.

Servers submit, cancel and ask; workers take, report and finish. They meet nowhere else.

    queued ──take──▶ running ──finish──▶ done | failed | cancelled
      ▲                 │
      └──── restart ────┘        (a killed engine queues its running job again; stems it finished stay finished.
                                  One that was running at three ends without a stem between them fails instead)
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from footfall_bridge import messages
from footfall_bridge.errors import DiskFull, EngineFault, FootfallError, UnknownJob
from footfall_bridge.messages import Job, JobBrief, JobState, JobStatus, Message

log = logging.getLogger(__name__)

M = TypeVar("M", bound=Message)
Listener = Callable[[Message], None]

MAX_SEED = 2**31
MOST_FALLS = 3
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    id        TEXT NOT NULL UNIQUE,
    kind      TEXT NOT NULL,
    request   TEXT NOT NULL,
    state     TEXT NOT NULL,
    changed   REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, number);
CREATE TABLE IF NOT EXISTS products (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    job       TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    event     TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS products_by_job ON products (job);
CREATE TABLE IF NOT EXISTS falls (  -- one for each time that the engine ended while it worked on a job
    job       TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE
);
"""
_LASTING = (messages.Warned, messages.Stem, messages.Spotted, messages.Failed)


@dataclass(frozen=True)
class TakenJob:
    """A running job as its worker holds it."""

    id: str
    request: Job
    stems: tuple[messages.Stem, ...]  # finished before an interruption
    cancelled: threading.Event = field(compare=False)


class JobQueue:
    """Thread-safe. `path` is the database's file, or None for a queue that lives as long as this object."""

    def __init__(self, path: Path | None = None, keep_days: float = 30.0) -> None:
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._lock = threading.RLock()
        self._work_waits = threading.Condition(self._lock)
        self._listeners: list[Listener] = []
        self._progress: dict[str, messages.Progress] = {}
        self._cancels: dict[str, threading.Event] = {}
        self._closed = False
        with self._lock:
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "busy_timeout = 5000"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript(_SCHEMA)
            self._forget_older_than(keep_days)
            self._queue_interrupted_again()

    # ---- for servers

    def submit(self, request: Job) -> JobStatus:
        """Queue a job and return its state; a repeated id returns the job's present state and never runs twice."""
        with self._lock:
            if self._state(request.id) is None:
                if isinstance(request, messages.Audition):
                    self._stop_auditions()
                with self._written():
                    self._insert(with_seed(request))
                self._emit(messages.Queued(id=request.id, position=self._position(request.id)))
                self._work_waits.notify_all()
            return self.status(request.id)

    def cancel(self, job_id: str) -> JobStatus:
        """Cancel a queued job at once, ask a running one to stop; a finished one stays as it is."""
        with self._lock:
            state = self._known_state(job_id)
            if state is JobState.QUEUED:
                self.finish(job_id, messages.Cancelled(id=job_id))
            elif state is JobState.RUNNING:
                self._cancels.setdefault(job_id, threading.Event()).set()
            return self.status(job_id)

    def status(self, job_id: str) -> JobStatus:
        with self._lock:
            state = self._known_state(job_id)
            products = self._products(job_id)
            return JobStatus(
                id=job_id,
                state=state,
                position=self._position(job_id) if state is JobState.QUEUED else None,
                progress=self._progress.get(job_id),
                warnings=[event for event in products if isinstance(event, messages.Warned)],
                stems=sorted(_stems(products), key=lambda stem: stem.variant),
                spotted=_last(messages.Spotted, products),
                failure=_last(messages.Failed, products),
            )

    def recent(self, limit: int = 20) -> list[JobBrief]:
        """Running and queued jobs in the order they will run, then the latest finished ones."""
        queries = (  # each answered from an index, however many jobs there are
            "SELECT id, state, request FROM jobs WHERE state = 'running' ORDER BY number LIMIT ?",
            "SELECT id, state, request FROM jobs WHERE state = 'queued' ORDER BY number LIMIT ?",
            "SELECT id, state, request FROM jobs WHERE state NOT IN ('running', 'queued') ORDER BY number DESC LIMIT ?",
        )
        with self._lock:
            rows = [row for query in queries for row in self._db.execute(query, (limit,))]
            return [self._brief(*row) for row in rows[:limit]]

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._db.execute("SELECT state, COUNT(*) FROM jobs GROUP BY state").fetchall())

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Nothing happens to any job meanwhile, so that its state is told before what follows."""
        with self._lock:
            yield

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear every event of every job, from the thread where it happens; the return value ends it."""
        with self._lock:
            self._listeners = [*self._listeners, listener]
        return lambda: self._unsubscribe(listener)

    # ---- for workers

    def first(self, kinds: Iterable[str]) -> Job | None:
        """The job that `take` would give now."""
        with self._lock:
            row = self._first_row(tuple(kinds))
            return None if row is None else _stored_request(row[1])

    def take(self, kinds: Iterable[str], timeout: float, only: str | None = None) -> TakenJob | None:
        """Oldest queued job of these kinds, now running; None after `timeout` seconds without one, or when closed.

        Given the id of the `only` one wanted, None as well while another is older.
        """
        wanted = tuple(kinds)
        deadline = time.monotonic() + timeout
        with self._work_waits:
            while not self._closed:
                if (job := self._take_now(wanted, only)) is not None:
                    return job
                if (left := deadline - time.monotonic()) <= 0 or not self._work_waits.wait(left):
                    return None
        return None

    def report(self, event: Message) -> None:
        """Keep an event of a running job and pass it on."""
        with self._lock:
            if isinstance(event, messages.Progress):
                self._progress[event.id] = event
            elif isinstance(event, _LASTING):
                with self._written():
                    self._keep(event)
                    if isinstance(event, messages.Stem):
                        self._db.execute("DELETE FROM falls WHERE job = ?", (event.id,))
            self._emit(event)

    def finish(self, job_id: str, event: messages.Done | messages.Failed | messages.Cancelled) -> None:
        """End a job: its state and its last event are written in one transaction, then told. DiskFull when they
        cannot be; the job is then as it was."""
        state = JobState(event.type)
        with self._lock:
            with self._written():
                self._set_state(job_id, state)
                if isinstance(event, messages.Failed):
                    self._keep(event)
            self._progress.pop(job_id, None)
            self._cancels.pop(job_id, None)
            self._emit(event)

    def put_back(self, job_id: str) -> None:
        """Queue a running job again, in its old place."""
        with self._lock:
            self._set_state(job_id, JobState.QUEUED)
            self._progress.pop(job_id, None)

    def close(self) -> None:
        with self._work_waits:
            self._closed = True
            self._work_waits.notify_all()

    # ---- inside

    @contextmanager
    def _written(self) -> Iterator[None]:
        """What is done here is written as a whole or not at all; DiskFull when there is no room for it."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:  # SQLite has ended it itself where the disk was full
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise DiskFull("the disk is full: Footfall's data folder cannot be written to") from error
            raise

    def _insert(self, request: Job) -> None:
        self._db.execute(
            "INSERT INTO jobs (id, kind, request, state, changed) VALUES (?, ?, ?, ?, ?)",
            (request.id, request.type, messages.to_json(request), JobState.QUEUED.value, time.time()),
        )

    def _first_row(self, kinds: tuple[str, ...]) -> tuple[str, str] | None:
        """(id, request) of the oldest queued job."""
        marks = ", ".join("?" * len(kinds))
        row: tuple[str, str] | None = self._db.execute(
            f"SELECT id, request FROM jobs WHERE state = 'queued' AND kind IN ({marks}) ORDER BY number LIMIT 1", kinds
        ).fetchone()
        return row

    def _take_now(self, kinds: tuple[str, ...], only: str | None) -> TakenJob | None:
        row = self._first_row(kinds)
        if row is None or only not in (None, row[0]):
            return None
        job_id, request = row
        if self._falls(job_id) >= MOST_FALLS:
            self.finish(job_id, failure(job_id, _ends_the_engine()))
            return self._take_now(kinds, only)
        with self._written():
            self._set_state(job_id, JobState.RUNNING)
            self._db.execute("DELETE FROM products WHERE job = ? AND event ->> 'type' != 'stem'", (job_id,))
        cancelled = self._cancels.setdefault(job_id, threading.Event())
        return TakenJob(job_id, _stored_request(request), tuple(_stems(self._products(job_id))), cancelled)

    def _stop_auditions(self) -> None:
        rows = self._db.execute("SELECT id FROM jobs WHERE kind = 'audition' AND state IN ('queued', 'running')")
        for (job_id,) in rows.fetchall():
            self.cancel(job_id)

    def _falls(self, job_id: str) -> int:
        count: int = self._db.execute("SELECT COUNT(*) FROM falls WHERE job = ?", (job_id,)).fetchone()[0]
        return count

    def _queue_interrupted_again(self) -> None:
        with self._written():
            self._db.execute("INSERT INTO falls SELECT id FROM jobs WHERE state = 'running' AND kind != 'audition'")
            self._db.execute("UPDATE jobs SET state = 'queued' WHERE state = 'running' AND kind != 'audition'")
            self._db.execute("UPDATE jobs SET state = 'cancelled' WHERE state != 'done' AND kind = 'audition'")

    def _forget_older_than(self, days: float) -> None:
        finished = [state.value for state in JobState if state.final]
        self._db.execute(
            f"DELETE FROM jobs WHERE state IN ({', '.join('?' * len(finished))}) AND changed < ?",
            (*finished, time.time() - days * 86400),
        )

    def _state(self, job_id: str) -> JobState | None:
        row = self._db.execute("SELECT state FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return JobState(row[0]) if row else None

    def _known_state(self, job_id: str) -> JobState:
        state = self._state(job_id)
        if state is None:
            raise UnknownJob(f"there is no job {job_id!r}")
        return state

    def _set_state(self, job_id: str, state: JobState) -> None:
        self._db.execute("UPDATE jobs SET state = ?, changed = ? WHERE id = ?", (state.value, time.time(), job_id))

    def _position(self, job_id: str) -> int:
        return self._db.execute(
            "SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND number < (SELECT number FROM jobs WHERE id = ?)",
            (job_id,),
        ).fetchone()[0]

    def _keep(self, event: Message) -> None:
        row = (getattr(event, "id"), messages.to_json(event))  # noqa: B009 -- every kept event has an id
        self._db.execute("INSERT INTO products (job, event) VALUES (?, ?)", row)

    def _products(self, job_id: str) -> list[Message]:
        rows = self._db.execute("SELECT event FROM products WHERE job = ? ORDER BY number", (job_id,))
        return [messages.parse_message(messages.parse_json(text)) for (text,) in rows]

    def _brief(self, job_id: str, state: str, request: str) -> JobBrief:
        fields = messages.parse_json(request)
        progress = self._progress.get(job_id)
        done = state == JobState.DONE.value
        failure = _last(messages.Failed, self._products(job_id)) if state == JobState.FAILED.value else None
        return JobBrief(
            id=job_id,
            state=JobState(state),
            kind=fields["type"],
            label=_label(fields),
            fraction=progress.fraction if progress else float(done),
            eta_seconds=progress.eta_seconds if progress else None,
            message=failure.message if failure else "",
        )

    def _emit(self, event: Message) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # one listener's trouble is not the job's, nor the next listener's
                log.exception("a listener failed on %s", event)

    def _unsubscribe(self, listener: Listener) -> None:
        with self._lock:
            self._listeners = [other for other in self._listeners if other is not listener]


def with_seed(request: Job) -> Job:
    """The request with a seed of its own, so that running it again gives the same sound."""
    if getattr(request, "seed", 0) is not None:
        return request
    return request.model_copy(update={"seed": secrets.randbelow(MAX_SEED)})


def _ends_the_engine() -> EngineFault:
    return EngineFault(
        f"the engine ended {MOST_FALLS} times while it worked on this, so it is not tried again by itself; perhaps the "
        "machine has too little memory for it: ask for a shorter part, fewer variants or another model"
    )


def failure(job_id: str, error: FootfallError) -> messages.Failed:
    return messages.Failed(id=job_id, code=error.code, message=error.message, detail=error.detail)


def _stored_request(text: str) -> Job:
    return messages.parse_request(messages.parse_json(text))


def _label(fields: dict[str, str]) -> str:
    """What a job is about, for a list: its prompt, else its file."""
    source = fields.get("video") or fields.get("stem") or fields.get("path") or ""
    return (fields.get("prompt") or Path(source).name)[:120]


def _stems(events: list[Message]) -> list[messages.Stem]:
    return [event for event in events if isinstance(event, messages.Stem)]


def _last(cls: type[M], events: list[Message]) -> M | None:
    return next((event for event in reversed(events) if isinstance(event, cls)), None)
