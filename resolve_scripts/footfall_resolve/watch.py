"""Waits for jobs with a progress window, and puts what they have made where it belongs.

A menu script's process ends with it, so it stays until its jobs are placed. What it cannot wait for (the user closes
Resolve or the project, the engine is gone) stays remembered, and a later run offers it.
"""

from __future__ import annotations

import time
from typing import Any, Dict, Sequence

from . import landing
from .desk import Desk
from .memory import Entry
from .osc_client import EngineClient, EngineUnreachable, NotOsc

HEAR_SECONDS = 0.1
BEAT_SECONDS = 2.0  # between two signs that a job is watched, and two looks at the engine
SILENT_SECONDS = 20  # after which an engine that gives no sign of life anywhere is taken for gone
CANCEL_SECONDS = 10  # that the engine has to cancel, before its jobs are left to it
FINAL = ("done", "failed", "cancelled")
CONNECTION_TRIES = 3
MAX_STARTS = 3  # of an engine that goes away again and again

ENGINE_GONE = "Footfall's engine has stopped with {} unfinished. Start it again? (What is unfinished goes on.)"
LATER = "{} not placed yet. Run Footfall Status when it is to be placed."

Fields = Dict[str, Any]


def counted(number: int, noun: str) -> str:
    return "{} {}{}".format(number, noun, "" if number == 1 else "s")


class Watch:
    def __init__(self, desk: Desk, client: EngineClient, entries: list[Entry], notes: Sequence[str] = ()) -> None:
        self._desk = desk
        self._client = client
        self._open = {entry["id"]: entry for entry in entries}
        self._all = len(entries)
        self._progress: dict[str, Fields] = {}
        self._notes = list(notes)
        self._starts_left = MAX_STARTS
        self._window: Any = None
        self._cancelled_at: float | None = None
        self._next_beat = 0.0
        self._last_heard = time.monotonic()

    def run(self) -> None:
        """Returns once every job is placed, told, or left for later."""
        self._window = self._desk.dialogs.progress(self._desk.title)
        try:
            self._begin()
            while self._open:
                self._step()
        finally:
            self._window.close()
            for id in self._open:
                self._desk.memory.leave(id)
            self._client.close()
        self._desk.tell(*self._notes)

    # ---- jobs

    def _begin(self) -> None:
        """Ask for everything; a job that the engine knows already is not run twice."""
        for id, entry in list(self._open.items()):
            answer = self._client.ask(entry["request"], "job")
            if answer["type"] == "failed":
                self._settle(id, {"state": "failed", "failure": answer})
            else:
                self._take(answer)

    def _take(self, job: Fields) -> None:
        """What the engine says of one job."""
        if job["id"] in self._open:
            self._progress[job["id"]] = job.get("progress") or {}
            if job["state"] in FINAL:
                self._settle(job["id"], job)

    def _step(self) -> None:
        try:
            for message in self._client.hear(HEAR_SECONDS):
                self._last_heard = time.monotonic()
                self._hear(message)
            if not self._window.update(self._line(), self._share()):
                self._cancel()
        except (EngineUnreachable, NotOsc):
            self._come_back()
        if time.monotonic() >= self._next_beat:
            self._beat()
            self._next_beat = time.monotonic() + BEAT_SECONDS

    def _beat(self) -> None:
        for id in self._open:
            self._desk.memory.beat(id)
        if time.monotonic() - self._last_heard > SILENT_SECONDS and self._desk.engine.card() is None:
            self._last_heard = time.monotonic()
            self._come_back()

    def _hear(self, message: Fields) -> None:
        id = str(message.get("id"))
        if id not in self._open:
            return
        if message["type"] == "progress":
            self._progress[id] = message
        elif message["type"] in FINAL:
            self._take(self._status(id) or {"id": id, "state": message["type"], "failure": message})
        elif message["type"] == "job":
            self._take(message)

    def _status(self, id: str) -> Fields | None:
        """Where a job stands; None when the engine does not know it."""
        for _ in range(CONNECTION_TRIES):
            answer = self._client.status(id)
            if answer["type"] == "job":
                return answer
            if answer.get("code") == "unknown_job":
                return None
        return None

    def _settle(self, id: str, job: Fields) -> None:
        entry = self._open.pop(id)
        self._progress.pop(id, None)
        self._notes += landing.land(self._desk, entry, job)

    # ---- what is shown

    def _line(self) -> str:
        known = next((progress for progress in self._progress.values() if progress.get("stage")), {})
        line = "{}: {}".format(counted(len(self._open), "job"), known.get("stage", "waiting for the engine"))
        eta = known.get("eta_seconds")
        return f"{line}, {eta:.0f} s left" if isinstance(eta, (int, float)) else line

    def _share(self) -> float:
        fractions = sum(float(progress.get("fraction") or 0) for progress in self._progress.values())
        return min(1.0, (self._all - len(self._open) + fractions) / max(1, self._all))

    # ---- trouble

    def _cancel(self) -> None:
        """Ask the engine to cancel; what it does not cancel in time is left to it."""
        if self._cancelled_at is None:
            self._cancelled_at = time.monotonic()
            for id in self._open:
                self._client.send({"type": "cancel", "id": id})
        elif time.monotonic() - self._cancelled_at > CANCEL_SECONDS:
            self._give_up()

    def _come_back(self) -> None:
        """After a broken connection: to the engine that runs, or to one that is started again."""
        self._client.close()
        if self._desk.engine.is_reachable():
            self._client = self._desk.engine.client()
        elif self._desk.engine.card() is not None:
            time.sleep(HEAR_SECONDS)  # it has just died, or is just being started by another script
            return
        elif self._wants_engine():
            self._client = self._desk.connect()
        else:
            self._give_up()
            return
        try:
            self._begin()
        except EngineUnreachable:
            pass  # the next step comes back again

    def _wants_engine(self) -> bool:
        self._starts_left -= 1
        return self._starts_left >= 0 and self._desk.confirm(ENGINE_GONE.format(counted(len(self._open), "job")))

    def _give_up(self) -> None:
        self._notes.append(LATER.format(counted(len(self._open), "job is" if len(self._open) == 1 else "job")))
        for id in self._open:
            self._desk.memory.leave(id)
        self._open.clear()
