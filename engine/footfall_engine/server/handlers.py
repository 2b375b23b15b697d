"""What the engine does with each request: one table, used by every wire.

A wire turns what it hears into a mapping, and the place its answers go into a `Peer`. A peer that submits a job, or
asks for one by id, hears that job's events until the last one.
"""

from __future__ import annotations

import hmac
import logging
import os
import threading
import time
import traceback
from collections.abc import Callable, Hashable
from typing import Any, Protocol

from footfall_bridge import __version__, messages
from footfall_bridge.errors import FootfallError, InternalError, InvalidMessage, Refused
from footfall_bridge.messages import EngineStatus, Failed, Job, JobStatus, Message, ModelList
from footfall_bridge.osc import TOKEN_KEY

from footfall_engine.jobs import JobQueue

log = logging.getLogger(__name__)

MAX_LISTED_JOBS = 20
MAX_PEERS_OF_A_JOB = 64  # a controller that sends from a new port each time is many peers

_EVENT_TYPES = {cls.model_fields["type"].default for cls in messages.EVENTS}


class Peer(Hashable, Protocol):
    """Whoever sits at the other end of a wire. ``send`` is called from any thread and never blocks."""

    def send(self, message: Message) -> None: ...

    def redirect(self, port: int) -> None:
        """Send to another port of the peer from now on; InvalidMessage where a wire has no ports."""


class Gate:
    """Lets messages in: all of them where no token is needed, else those that carry it."""

    def __init__(self, token: str = "", required: bool = False) -> None:
        self._token = token.encode()
        self._required = required

    def admit(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The mapping without its token; Refused when the token is missing or wrong."""
        fields = dict(fields)
        shown = fields.pop(TOKEN_KEY, None)
        if shown is None and not self._required:
            return fields
        if self._token and not hmac.compare_digest(str(shown or "").encode(), self._token):
            raise Refused("this engine needs its token, and the message's is " + ("wrong" if shown else "missing"))
        return fields


OPEN_GATE = Gate()


class Audience:
    """Who hears of which job. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._peers: dict[str, dict[Peer, None]] = {}  # by job, in the order they came

    def follow(self, job_id: str, peer: Peer) -> None:
        with self._lock:
            peers = self._peers.setdefault(job_id, {})
            peers[peer] = None
            if len(peers) > MAX_PEERS_OF_A_JOB:
                del peers[next(iter(peers))]

    def leave(self, job_id: str, peer: Peer) -> None:
        with self._lock:
            peers = self._peers.get(job_id, {})
            peers.pop(peer, None)
            if not peers:
                self._peers.pop(job_id, None)

    def forget(self, peer: Peer) -> None:
        """A peer that is gone hears nothing more."""
        with self._lock:
            followed = [job_id for job_id, peers in self._peers.items() if peer in peers]
        for job_id in followed:
            self.leave(job_id, peer)

    def tell(self, event: Message) -> None:
        """Pass an event on to those who follow its job."""
        job_id = getattr(event, "id", "")
        with self._lock:
            peers = list(self._peers.get(job_id, ()))
            if isinstance(event, messages.FINAL_EVENTS):
                self._peers.pop(job_id, None)
        for peer in peers:
            try:
                peer.send(event)
            except Exception:  # one peer's trouble is not the next one's
                log.exception("%s could not be told of job %s", peer, job_id)


class Handlers:
    def __init__(self, jobs: JobQueue, list_models: Callable[[], ModelList], request_quit: Callable[[], None]) -> None:
        self.jobs = jobs
        self.audience = Audience()
        self.udp_port: int | None = None
        self.tcp_port: int | None = None
        self.spool_folder: str | None = None
        self._list_models = list_models
        self._request_quit = request_quit
        self._started = time.monotonic()
        self._table: dict[type[Message], Callable[[Any, Peer], None]] = {
            messages.Generate: self._submit,
            messages.Regenerate: self._submit,
            messages.Spot: self._submit,
            messages.Audition: self._submit,
            messages.Cancel: self._cancel,
            messages.Status: self._status,
            messages.Models: self._models,
            messages.Notify: self._notify,
            messages.Quit: self._quit,
        }
        jobs.subscribe(self.audience.tell)

    def handle(self, fields: Any, peer: Peer, gate: Gate = OPEN_GATE) -> None:
        """Do what a mapping asks for and answer the peer, with `failed` when it cannot be done.

        An event is passed over in silence: answering it would have two engines answer each other for ever.
        """
        if isinstance(fields, dict) and str(fields.get("type")) in _EVENT_TYPES:
            return
        try:
            request = messages.parse_request(gate.admit(fields) if isinstance(fields, dict) else fields)
            self._table[type(request)](request, peer)
        except FootfallError as error:
            peer.send(refusal(error, fields))
        except Exception as error:  # the edge: a bug is told and logged, and the engine goes on
            log.exception("a request failed: %.500r", fields)
            unexpected = InternalError(f"the engine failed on this request: {error}", traceback.format_exc())
            peer.send(refusal(unexpected, fields))

    def _submit(self, request: Job, peer: Peer) -> None:
        with self.jobs.at_rest():
            self.audience.follow(request.id, peer)  # first, so that `queued` is heard
            try:
                self._present(self.jobs.submit(request), peer)
            except Exception:
                self.audience.leave(request.id, peer)
                raise

    def _cancel(self, request: messages.Cancel, peer: Peer) -> None:
        with self.jobs.at_rest():
            peer.send(self.jobs.cancel(request.id))

    def _status(self, request: messages.Status, peer: Peer) -> None:
        if request.id is None:
            peer.send(self._engine_status())
            return
        with self.jobs.at_rest():
            known = self.jobs.status(request.id)
            self.audience.follow(request.id, peer)
            self._present(known, peer)

    def _models(self, request: messages.Models, peer: Peer) -> None:
        peer.send(self._list_models())

    def _notify(self, request: messages.Notify, peer: Peer) -> None:
        peer.redirect(request.port)

    def _quit(self, request: messages.Quit, peer: Peer) -> None:
        peer.send(messages.Bye())
        self._request_quit()

    def _present(self, status: JobStatus, peer: Peer) -> None:
        """Tell a peer where its job stands."""
        if status.state.final:
            self.audience.leave(status.id, peer)
        peer.send(status)

    def _engine_status(self) -> EngineStatus:
        return EngineStatus(
            version=__version__,
            protocol=messages.PROTOCOL,
            pid=os.getpid(),
            uptime_seconds=round(time.monotonic() - self._started, 3),
            udp_port=self.udp_port,
            tcp_port=self.tcp_port,
            spool=self.spool_folder,
            counts=self.jobs.counts(),
            jobs=self.jobs.recent(MAX_LISTED_JOBS),
        )


def refusal(error: FootfallError, fields: Any = None) -> Failed:
    """The `failed` that answers a message, with the id it carries if that can be read."""
    job_id = fields.get("id") if isinstance(fields, dict) else None
    readable = job_id[:100] if isinstance(job_id, str) else ""
    return Failed(id=readable, code=error.code, message=error.message, detail=error.detail)


def no_ports(wire: str) -> InvalidMessage:
    return InvalidMessage(f"notify: answers over {wire} go where the request came from; 'notify' is for OSC over UDP")
