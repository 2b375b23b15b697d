"""Talk to an engine from Python, the same over every wire.

    with connect("osc.tcp://127.0.0.1:9770") as engine:
        job = engine.submit(Generate(video="/films/shot.mov", prompt="boots on gravel", stem_folder="/films/stems"))
        for event in engine.events(job):
            print(event)

Addresses: ``osc.udp://host:port``, ``osc.tcp://host:port``, ``spool:///folder``. A client belongs to one thread.

A wire sends a message and waits for the next one; what it loses, the client asks for again. Asking is safe: a request
carries the id its client made, and the engine answers a repeated id with the job's state.
"""

from __future__ import annotations

import re
import socket
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlsplit

from footfall_bridge import messages, osc
from footfall_bridge.errors import EngineUnreachable, InvalidMessage, OtherProtocol, Refused, UnknownJob, from_code
from footfall_bridge.messages import EngineStatus, Job, JobState, JobStatus, Message, ModelList
from footfall_bridge.spool import Spool

PATIENCE = 5.0  # seconds without any answer after which an engine counts as unreachable
QUIET = 1.0  # seconds of silence after which a job's state is asked for
RESEND = 0.25  # seconds after which an unanswered datagram is sent again
SPOOL_POLL = 0.01  # seconds between two looks at a folder
REJOIN_PAUSE = 0.2  # seconds between two attempts to reconnect

STATUS_REPLY = EngineStatus.model_fields["type"].default
REFUSALS = {InvalidMessage.code, Refused.code, UnknownJob.code}
"""Codes of a `failed` that answers a message, where any other one is the end of a job."""


def connect(uri: str, token: str | None = None, patience: float = PATIENCE) -> Client:
    """A client of the engine at ``uri``; EngineUnreachable when none answers there, or OtherProtocol."""
    scheme, _, rest = uri.partition("://")
    if scheme == "spool":
        return Client(SpoolWire(_folder(rest)), patience)
    wires: dict[str, Callable[..., Wire]] = {"osc.udp": UdpWire, "osc.tcp": TcpWire}
    host, port = _host_and_port(uri)
    if scheme not in wires or not host or not port:
        raise InvalidMessage(f"{uri!r} is not an address such as osc.udp://127.0.0.1:9770 or spool:///folder")
    client = Client(wires[scheme](host, port, token, patience), patience)
    try:
        client.status()
    except BaseException:
        client.close()
        raise
    return client


def spool_uri(folder: Path) -> str:
    return "spool://" + quote("/" + folder.absolute().as_posix().lstrip("/"))


class Wire(Protocol):
    """One way to an engine. Each method may raise OSError, which means that the way is lost."""

    address: str
    lossy: bool  # messages may vanish, so the last one may not be the last missing one
    resend_after: float  # seconds

    def send(self, message: Message) -> None: ...

    def receive(self, timeout: float) -> Message | None:
        """The next message, or None when there is none within ``timeout`` seconds; 0 does not wait at all."""

    def reconnect(self) -> None:
        """Open the way again; EngineUnreachable when there is none."""

    def close(self) -> None: ...


class Client:
    def __init__(self, wire: Wire, patience: float = PATIENCE) -> None:
        self._wire = wire
        self._patience = patience
        self._told: defaultdict[str, deque[Message]] = defaultdict(deque)  # heard, not yet asked for, by job

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._wire.close()

    def submit(self, request: Job) -> str:
        """Queue a job and return its id once the engine has it."""
        answer = self._ask(request, _answers_request(request.id))
        _raise_refusal(answer)
        self._told[request.id].append(answer)
        return request.id

    def events(self, job_id: str, timeout: float | None = None) -> Iterator[Message]:
        """Every event of a job from its beginning, each once, up to ``done``, ``failed`` or ``cancelled``.

        A lost connection is made again. TimeoutError when ``timeout`` seconds pass without an event,
        EngineUnreachable when nothing at all is heard, UnknownJob when the engine has no such job.
        """
        story = _Story()
        heard = told = time.monotonic()
        self._follow(job_id)
        while not story.over:
            message = self._next(job_id, QUIET if timeout is None else min(QUIET, timeout))
            now = time.monotonic()
            if message is None:
                if now - heard > self._patience:
                    raise _unreachable(self._wire.address)
                self._follow(job_id)
            else:
                heard = now
                _raise_refusal(message)
                for event in story.tell(self._completed(message)):
                    told = now
                    yield event
            if timeout is not None and now - told >= timeout and not story.over:
                raise TimeoutError(f"nothing happened to job {job_id} for {timeout:g} s")
        self._told.pop(job_id, None)

    def cancel(self, job_id: str) -> JobStatus:
        answer = self._ask(messages.Cancel(id=job_id), _answers_about(job_id))
        _raise_refusal(answer)
        return answer

    def status(self, job_id: str | None = None) -> EngineStatus | JobStatus:
        """State of one job, or of the engine."""
        wanted = _answers_about(job_id) if job_id else _answers(EngineStatus)
        answer = self._ask(messages.Status(id=job_id), wanted)
        _raise_refusal(answer)
        return answer

    def models(self) -> ModelList:
        answer = self._ask(messages.Models(), _answers(ModelList))
        _raise_refusal(answer)
        return answer

    def quit(self) -> None:
        """Ask the engine to close."""
        _raise_refusal(self._ask(messages.Quit(), _answers(messages.Bye)))

    # ---- inside

    def _ask(self, request: Message, answers: Callable[[Message], bool]) -> Any:
        """First message that answers a request, which is sent again when it may have been lost.

        What has come before it is sent is no answer to it, however much it looks like one.
        """
        deadline = time.monotonic() + self._patience
        while (left := deadline - time.monotonic()) > 0:
            try:
                while (earlier := self._wire.receive(0)) is not None:
                    self._keep(earlier)
                self._wire.send(request)
                answer = self._await(answers, min(left, self._wire.resend_after))
            except OSError:
                self._wire.reconnect()
                continue
            if isinstance(answer, messages.Failed):
                raise from_code(answer.code, answer.message, answer.detail)
            if answer is not None:
                return answer
        raise _unreachable(self._wire.address)

    def _await(self, answers: Callable[[Message], bool], timeout: float) -> Message | None:
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            message = self._wire.receive(left)
            if message is not None and answers(message):
                return message
            self._keep(message)
        return None

    def _next(self, job_id: str, timeout: float) -> Message | None:
        """Next message about a job; None after a silence, or when the connection had to be made again."""
        deadline = time.monotonic() + timeout
        try:
            while not self._told[job_id] and (left := deadline - time.monotonic()) > 0:
                self._keep(self._wire.receive(left))
        except OSError:
            self._rejoin(job_id)
        return self._told[job_id].popleft() if self._told[job_id] else None

    def _follow(self, job_id: str) -> None:
        """Ask for a job's state, which also makes the engine send its events here."""
        try:
            self._wire.send(messages.Status(id=job_id))
        except OSError:
            self._rejoin(job_id)

    def _rejoin(self, job_id: str) -> None:
        """Make a lost connection again and follow the job on it; an engine that restarts is given time."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                self._wire.reconnect()
                return self._wire.send(messages.Status(id=job_id))
            except (EngineUnreachable, OSError) as error:
                if time.monotonic() > deadline:
                    raise _unreachable(self._wire.address) from error
                time.sleep(REJOIN_PAUSE)

    def _completed(self, message: Message) -> Message:
        """The job's whole state in place of a final event, where an earlier event may have been lost."""
        if not self._wire.lossy or not isinstance(message, messages.FINAL_EVENTS):
            return message
        try:
            return self.status(message.id)
        except EngineUnreachable:
            return message

    def _keep(self, message: Message | None) -> None:
        if (job_id := getattr(message, "id", None)) and message is not None:
            self._told[job_id].append(message)


class _Story:
    """A job's events, each once and in order, out of events and states of which some repeat and some are missing."""

    def __init__(self) -> None:
        self.over = False
        self._told: set[str] = set()

    def tell(self, message: Message) -> list[Message]:
        """What is new in a message."""
        new = [event for event in _unfold(message) if self._is_new(event)]
        self.over = self.over or any(isinstance(event, messages.FINAL_EVENTS) for event in new)
        return new

    def _is_new(self, event: Message) -> bool:
        mark = messages.to_json(event)
        if self.over or mark in self._told:
            return False
        self._told.add(mark)
        return True


def _unfold(message: Message) -> list[Message]:
    """The events that a job's state stands for; any other message stands for itself."""
    if not isinstance(message, JobStatus):
        return [message]
    told: list[Message] = []
    if message.state is JobState.QUEUED:
        told.append(messages.Queued(id=message.id, position=message.position or 0))
    told += [*message.warnings, *message.stems]
    told += [event for event in (message.spotted, message.progress) if event is not None]
    if message.state is JobState.DONE:
        told.append(messages.Done(id=message.id))
    elif message.state is JobState.CANCELLED:
        told.append(messages.Cancelled(id=message.id))
    elif message.state is JobState.FAILED:
        lost = messages.Failed(id=message.id, code="internal", message="the job failed, and its reason was lost")
        told.append(message.failure or lost)
    return told


def _answers(kind: type[Message]) -> Callable[[Message], bool]:
    return lambda message: isinstance(message, kind) or _is_failed(message, "")


def _answers_request(job_id: str) -> Callable[[Message], bool]:
    """A job's state comes before its end, so that a `failed` before it says that there is no such job."""
    return lambda message: (isinstance(message, JobStatus) and message.id == job_id) or _is_failed(message, job_id)


def _answers_about(job_id: str) -> Callable[[Message], bool]:
    def answers(message: Message) -> bool:
        return (isinstance(message, JobStatus) and message.id == job_id) or _is_refusal(message, job_id)

    return answers


def _is_failed(message: Message, job_id: str) -> bool:
    return isinstance(message, messages.Failed) and message.id == job_id


def _is_refusal(message: Message, job_id: str) -> bool:
    return isinstance(message, messages.Failed) and message.id == job_id and message.code in REFUSALS


def _raise_refusal(message: Message) -> None:
    failure = message.failure if isinstance(message, JobStatus) else message
    if isinstance(failure, messages.Failed) and failure.code in REFUSALS:
        raise from_code(failure.code, failure.message, failure.detail)


def _unreachable(address: str, why: str = "nothing answers there") -> EngineUnreachable:
    return EngineUnreachable(f"no engine at {address}: {why}")


def _host_and_port(uri: str) -> tuple[str | None, int | None]:
    try:
        parts = urlsplit(uri)
        return parts.hostname, parts.port
    except ValueError:
        return None, None


def _folder(path: str) -> Path:
    """Folder of a spool address; ``/C:/spool`` is a Windows drive."""
    path = unquote(path)
    return Path(path[1:] if re.match(r"^/[A-Za-z]:", path) else path)


# ---- the wires


def _readable(packet: bytes, address: str) -> list[Message]:
    """Messages in a packet; what a newer engine says and this bridge does not know is passed over."""
    try:
        mappings = osc.decode(packet)
        for fields in mappings:  # first, as another protocol's message may not be readable
            if fields["type"] == STATUS_REPLY:
                _check_protocol(fields.get("protocol", 1), address)
        return [messages.parse_message(fields) for fields in mappings]
    except InvalidMessage:
        return []


def _check_protocol(spoken: object, address: str) -> None:
    if spoken != messages.PROTOCOL:
        ours = messages.PROTOCOL
        raise OtherProtocol(
            f"the engine at {address} speaks protocol {spoken} and this client {ours}: one of them must be updated"
        )


class UdpWire:
    lossy = True
    resend_after = RESEND

    def __init__(self, host: str, port: int, token: str | None, patience: float) -> None:
        self.address = f"osc.udp://{host}:{port}"
        self._token = token
        self._waiting: deque[Message] = deque()
        try:
            # An engine listens on IPv4 unless told otherwise, and "localhost" may name both.
            places = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            family, kind, protocol, _, place = min(places, key=lambda found: found[0] != socket.AF_INET)
            self._socket = socket.socket(family, kind, protocol)
        except OSError as error:
            raise _unreachable(self.address, error.strerror or str(error)) from error
        try:
            self._socket.connect(place)
            # Whoever had this port before may have had its answers sent elsewhere.
            self.send(messages.Notify(port=self._socket.getsockname()[1]))
        except OSError as error:
            self.close()
            raise _unreachable(self.address, error.strerror or str(error)) from error

    def send(self, message: Message) -> None:
        packet = osc.encode(message, self._token)
        if len(packet) > osc.MAX_DATAGRAM_BYTES:
            raise InvalidMessage(
                f"the request has {len(packet)} bytes and a datagram carries {osc.MAX_DATAGRAM_BYTES}: use osc.tcp://"
            )
        self._socket.send(packet)

    def receive(self, timeout: float) -> Message | None:
        if not self._waiting:
            self._socket.settimeout(max(timeout, 0))
            try:
                self._waiting.extend(_readable(self._socket.recv(65536), self.address))
            except (TimeoutError, BlockingIOError):
                return None
        return self._waiting.popleft() if self._waiting else None

    def reconnect(self) -> None:
        try:
            self.send(messages.Status())
            answer = self.receive(RESEND)
        except OSError as error:
            raise _unreachable(self.address, error.strerror or str(error)) from error
        if answer is None:
            raise _unreachable(self.address)
        self._waiting.append(answer)

    def close(self) -> None:
        self._socket.close()


class TcpWire:
    lossy = False
    resend_after = float("inf")

    def __init__(self, host: str, port: int, token: str | None, patience: float) -> None:
        self.address = f"osc.tcp://{host}:{port}"
        self._place = (host, port)
        self._token = token
        self._patience = patience
        self._socket: socket.socket | None = None
        self.reconnect()

    def send(self, message: Message) -> None:
        self._opened().settimeout(self._patience)
        self._opened().sendall(osc.frame_length(osc.encode(message, self._token)))

    def receive(self, timeout: float) -> Message | None:
        if not self._waiting:
            self._opened().settimeout(max(timeout, 0))
            try:
                data = self._opened().recv(65536)
            except (TimeoutError, BlockingIOError):
                return None
            if not data:
                raise ConnectionResetError("the engine closed the connection")
            for packet in self._decoder.feed(data):
                self._waiting.extend(_readable(packet, self.address))
        return self._waiting.popleft() if self._waiting else None

    def reconnect(self) -> None:
        self.close()
        try:
            self._socket = socket.create_connection(self._place, timeout=self._patience)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise _unreachable(self.address, error.strerror or str(error)) from error
        self._decoder = osc.StreamDecoder()
        self._waiting: deque[Message] = deque()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _opened(self) -> socket.socket:
        if self._socket is None:
            raise ConnectionResetError("the connection is closed")
        return self._socket


class SpoolWire:
    """A folder that is looked at often: cheap, and it works where change notices do not (network shares)."""

    lossy = False
    resend_after = float("inf")

    def __init__(self, folder: Path) -> None:
        self.address = spool_uri(folder)
        self._spool = Spool(folder)
        self._seen: dict[Path, tuple[int, ...]] = {}  # files looked at, and how they looked
        self._ready: deque[Message] = deque()
        self.reconnect()

    def send(self, message: Message) -> None:
        if not self._is_served():
            raise ConnectionResetError("no engine serves this folder")
        if isinstance(message, messages.Cancel):
            self._look_at(self._spool.status_file(message.id))
            self._spool.put_cancel(message.id)
        elif isinstance(message, messages.Status) and message.id:
            self._tell_status(message.id)
        elif (job_id := getattr(message, "id", None)) is not None:
            self._look_at(self._spool.status_file(job_id))
            self._spool.put(message, job_id)
        else:
            name = messages.new_job_id()
            self._look_at(self._spool.reply_file(name))
            self._spool.put(message, name)

    def receive(self, timeout: float) -> Message | None:
        deadline = time.monotonic() + timeout
        while not self._ready:
            self._look()
            if not self._ready:
                if time.monotonic() >= deadline:
                    return None
                time.sleep(SPOOL_POLL)
        return self._ready.popleft()

    def reconnect(self) -> None:
        if not self._is_served():
            raise _unreachable(self.address, "no engine serves this folder")

    def close(self) -> None:
        pass

    def _is_served(self) -> bool:
        card = self._spool.engine()
        if card is None or not card.alive:
            return False
        _check_protocol(card.protocol, self.address)
        return True

    def _tell_status(self, job_id: str) -> None:
        file = self._spool.status_file(job_id)
        self._look_at(file)
        status = self._spool.status(job_id)
        if status is not None:
            self._ready.append(status)
        elif not self._spool.awaits(job_id):
            self._ready.append(messages.Failed(id=job_id, code=UnknownJob.code, message=f"there is no job {job_id!r}"))

    def _look_at(self, file: Path) -> None:
        self._seen[file] = _look_of(file)

    def _look(self) -> None:
        for file, seen in list(self._seen.items()):
            look = _look_of(file)
            if look == seen:
                continue
            message = self._spool.read(file)
            if message is None:  # deleted, or being replaced
                continue
            self._seen[file] = look
            self._ready.append(message)
            if not isinstance(message, JobStatus):
                del self._seen[file]
                self._spool.forget(file.parent.name)
            elif message.state.final:
                del self._seen[file]


def _look_of(file: Path) -> tuple[int, ...]:
    """What changes when a file is replaced."""
    try:
        facts = file.stat()
    except OSError:
        return ()
    return (facts.st_mtime_ns, facts.st_ino, facts.st_size)
