"""The spool folder served: requests claimed, states kept current, a heartbeat. Its layout: footfall_bridge.spool.

One thread does all of it, once a second at least, and at once when the folder changes (watchdog) or a job does. Change
notices may fail, on a network folder say; then the thread's own pace finds everything, within a second.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from footfall_bridge import __version__, messages
from footfall_bridge.errors import InvalidMessage, UnknownJob
from footfall_bridge.messages import Failed, JobState, JobStatus, Message
from footfall_bridge.spool import CANCEL, CLAIMED, REQUEST, EngineCard, Spool, is_id

from footfall_engine.server.handlers import Handlers, no_ports, refusal

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0  # also how often the inbox is looked at whatever the notices say
PROGRESS_SECONDS = 0.1  # between two writings of a status in which only the progress is new
POSITIONS_KEPT = 50  # queued jobs, the oldest ones, whose place in the queue is kept current
FINISHED_KEPT_DAYS = 30.0
_TAKEOVER_SECONDS = 2.5  # a fresh heartbeat that does not beat again within this belongs to a dead engine

_QUESTIONS = ("status", "models", "cancel", "notify", "quit")  # what leaves no job behind
_MEANT_FOR_ANOTHER = ("quit",)  # whoever left it meant the engine that was there, not the next one
_REPLIES = (messages.EngineStatus, messages.ModelList, messages.Bye)


def running_engine(spool: Spool) -> EngineCard | None:
    """The other engine that serves this folder now, if there is one."""
    card = spool.engine()
    if card is None or not card.alive or card.pid == os.getpid():
        return None
    if sys.platform != "win32":  # where signal 0 would not be a harmless question
        return card if _process_exists(card.pid) else None
    deadline = time.monotonic() + _TAKEOVER_SECONDS
    while time.monotonic() < deadline:
        time.sleep(PROGRESS_SECONDS)
        if (again := spool.engine()) is not None and again.heartbeat != card.heartbeat:
            return again
    return None


@dataclass
class _Due:
    """What has to be written about a job."""

    at_once: bool = False
    refused: Failed | None = None


class SpoolServer:
    def __init__(self, spool: Spool, handlers: Handlers, host: str = "") -> None:
        self._spool = spool
        self._handlers = handlers
        self._host = host
        self._lock = threading.Lock()
        self._due: dict[str, _Due] = {}
        self._open: dict[str, JobStatus | None] = {}  # unfinished jobs and what was written of them last
        self._written: dict[str, float] = {}  # when that was
        self._left_behind: list[str] = []  # requests from before this engine, by name
        self._next_beat = 0.0
        self._trouble = ""  # what was last said to be wrong, which is not said ten times a second
        self._wake = threading.Event()
        self._watch = _InboxWatch(spool, self._wake.set)
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="footfall-spool", daemon=True)

    def start(self) -> None:
        """Make the folder and say who serves it, then go on in the background."""
        self._spool.make()
        self._left_behind = [*self._spool.waiting(CLAIMED), *self._spool.waiting(REQUEST)]
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """Write what is still due, and take the name off the door."""
        self._stopped = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=3)

    def tell(self, name: str, message: Message) -> None:
        """Have a job's state written, and why a request was refused. From any thread; only notes what to do."""
        refused = message if isinstance(message, Failed) else None
        self._note(name, at_once=not isinstance(message, messages.Progress), refused=refused)

    def _note(self, name: str, at_once: bool, refused: Failed | None = None) -> None:
        with self._lock:
            is_new = name not in self._due
            due = self._due.setdefault(name, _Due())
            due.at_once = due.at_once or at_once
            due.refused = refused or due.refused
        if at_once or is_new:
            self._wake.set()

    def write_reply(self, name: str, message: Message) -> None:
        self._spool.write_reply(name, message)

    # ---- the server's thread

    def _run(self) -> None:
        self._guarded(self._take_up)
        while not self._stopped:
            self._wake.clear()
            self._guarded(self._turn)
            self._wake.wait(self._pause())
        self._guarded(self._write_due)
        self._watch.stop()
        self._spool.remove_engine()

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
            self._trouble = ""
        except OSError as error:  # the folder is away, or full: it is tried again, and made again with the next beat
            if str(error) != self._trouble:
                log.warning("the spool folder %s: %s", self._spool.folder, error)
            self._trouble = str(error)
        except Exception:  # the edge: whatever one turn does, the next one comes
            log.exception("the spool stumbled")

    def _turn(self) -> None:
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + HEARTBEAT_SECONDS
            self._keep_up()
        for name in self._spool.waiting(REQUEST):
            self._take(name)
        for name in self._spool.waiting(CANCEL):
            self._cancel(name)
        self._write_due()

    def _pause(self) -> float:
        """Seconds until there is something to do unasked."""
        until_beat = max(0.0, self._next_beat - time.monotonic())
        return min(until_beat, PROGRESS_SECONDS) if self._due else until_beat

    def _take_up(self) -> None:
        """Go on with what was there before this engine: requests, claimed or not, and jobs that are not finished."""
        for name in filter(is_id, self._left_behind):
            if self._spool.claimed_file(name).exists() or self._spool.claim(name):
                self._handle(name, _MEANT_FOR_ANOTHER)
        for name in self._spool.unfinished():
            self._ask(name, {"type": "status", "id": name})
        self._spool.forget_finished(FINISHED_KEPT_DAYS)

    def _keep_up(self) -> None:
        if not self._spool.inbox.is_dir() or not self._spool.jobs.is_dir():
            log.warning("the spool folder %s was deleted; it is made again", self._spool.folder)
            self._spool.make()
            for name in self._open:
                self._note(name, at_once=True)
        self._watch.renew()
        self._beat()
        queued = [name for name, status in self._open.items() if status and status.state is JobState.QUEUED]
        for name in queued[:POSITIONS_KEPT]:
            self._note(name, at_once=False)

    def _beat(self) -> None:
        udp_port, tcp_port = self._handlers.udp_port, self._handlers.tcp_port
        card = EngineCard(os.getpid(), __version__, time.time(), self._host, udp_port, tcp_port, messages.PROTOCOL)
        self._spool.write_engine(card)

    def _take(self, name: str) -> None:
        if not is_id(name):
            log.warning("%r in the spool's inbox is not named after an id", name + REQUEST)
            self._spool.refuse_name(name, REQUEST)
        elif self._spool.claim(name):
            self._handle(name)

    def _handle(self, name: str, passed_over: tuple[str, ...] = ()) -> None:
        """Answer a claimed request. It stays claimed until the queue has it and its state is written, so that no crash
        loses the one or the other.

        A cancel that lies beside it is next, before the job gets far. Types ``passed_over`` are not answered.
        """
        fields: dict[str, Any] = {}
        try:
            fields = self._spool.read_claimed(name)
        except InvalidMessage as error:
            self.tell(name, refusal(error, {"id": name}))
        else:
            if fields.get("type") not in passed_over:
                self._ask(name, fields)
        self._write_if_due(name)
        self._spool.settle(name, keep=fields.get("type") not in _QUESTIONS)
        self._take_cancel(name)

    def _cancel(self, name: str) -> None:
        if not is_id(name):
            self._spool.refuse_name(name, CANCEL)
            return
        if self._spool.claim(name):  # a request that came in after this turn looked
            self._handle(name)
        self._take_cancel(name)

    def _take_cancel(self, name: str) -> None:
        if self._spool.claim_cancel(name):
            self._ask(name, {"type": "cancel", "id": name})

    def _ask(self, name: str, fields: dict[str, Any]) -> None:
        self._handlers.handle(fields, SpoolPeer(name, self))

    def _write_due(self) -> None:
        with self._lock:
            names = [name for name, what in self._due.items() if what.at_once or self._is_time(name)]
        for name in names:
            self._write_if_due(name)

    def _write_if_due(self, name: str) -> None:
        with self._lock:
            what = self._due.pop(name, None)
        if what is None:
            return
        try:
            self._write(name, what.refused)
        except OSError:
            with self._lock:  # it stays due, after the others
                self._due.setdefault(name, what)
            raise

    def _is_time(self, name: str) -> bool:
        return self._stopped or time.monotonic() - self._written.get(name, 0.0) >= PROGRESS_SECONDS

    def _write(self, name: str, refused: Failed | None) -> None:
        """Write a job's present state, or why there is no such job."""
        try:
            status = self._handlers.jobs.status(name)
        except UnknownJob as unknown:
            failure = refused or refusal(unknown, {"id": name})
            status = JobStatus(id=name, state=JobState.FAILED, failure=failure.model_copy(update={"id": name}))
        else:
            if refused is not None and status.failure != refused:
                self._spool.write_reply(name, refused)
        self._spool.write_status(status)
        if status.state.final:
            self._open.pop(name, None)
            self._written.pop(name, None)
        else:
            self._open[name] = status
            self._written[name] = time.monotonic()


@dataclass(frozen=True)
class SpoolPeer:
    """Whoever left the file ``name``."""

    name: str
    server: SpoolServer = field(compare=False, repr=False)

    def send(self, message: Message) -> None:
        if isinstance(message, _REPLIES):
            self.server.write_reply(self.name, message)
        else:
            self.server.tell(self.name, message)

    def redirect(self, port: int) -> None:
        raise no_ports("the spool")


class _InboxWatch:
    """Calls back when something in the inbox changes, as far as this system and this folder can tell."""

    def __init__(self, spool: Spool, on_change: Callable[[], None]) -> None:
        self._inbox = spool.inbox
        self._on_change = on_change
        self._observer: BaseObserver | None = None
        self._watched = 0  # inode of the folder that is watched: one made again is another one

    def renew(self) -> None:
        """Watch the folder that is there now."""
        inode = self._inbox.stat().st_ino
        if self._observer is not None and inode == self._watched and self._observer.is_alive():
            return
        self.stop()
        self._watched = inode
        try:
            self._observer = self._observe()
        except OSError as error:
            log.info("no change notices from %s (%s); it is looked at every second", self._inbox, error)

    def stop(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            with contextlib.suppress(Exception):  # it may have ended by itself with its folder
                observer.stop()
                observer.join(timeout=1)

    def _observe(self) -> BaseObserver:
        from watchdog.events import FileSystemEvent, FileSystemEventHandler
        from watchdog.observers import Observer

        # It calls its own end an error, each time an engine closes.
        logging.getLogger("watchdog.observers.inotify").setLevel(logging.CRITICAL)
        on_change = self._on_change

        class Notice(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                if str(event.dest_path or event.src_path).endswith((REQUEST, CANCEL)):
                    on_change()

        observer = Observer()
        observer.schedule(Notice(), str(self._inbox))
        observer.start()
        return observer


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True
