"""The engine over OSC/TCP (OSC 1.0 framing): ask, hear, come back after a broken connection. Standard library only.

A message is `/footfall/<type>` with key/value arguments; lists and objects travel as JSON text.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import Any, Dict, Iterator

PREFIX = "/footfall/"
MAX_PACKET_BYTES = 16 * 1024 * 1024
CONNECT_SECONDS = 2.0
STRUCTURED = (
    "also", "events", "stems", "warnings", "progress", "spotted", "failure", "counts", "jobs", "models", "controls",
)  # fmt: skip

Fields = Dict[str, Any]


class EngineUnreachable(Exception):
    """No engine answers there; the message says where, and what went wrong."""


class NotOsc(Exception):
    """Bytes that are no OSC of ours."""


# ---- packets


def encode(fields: Fields) -> bytes:
    """Packet of a mapping with a `type`."""
    tags, data = ",", b""
    for key, value in fields.items():
        if key != "type" and value is not None:
            tag, written = _argument(value)
            tags += "s" + tag
            data += _text(key) + written
    return _text(PREFIX + fields["type"]) + _text(tags) + data


def decode(packet: bytes) -> Fields:
    """The mapping in a packet; NotOsc for anything else."""
    try:
        address, at = _read_text(packet, 0)
        tags, at = _read_text(packet, at)
        if not address.startswith(PREFIX) or not tags.startswith(","):
            raise NotOsc(f"{address[:60]!r} is no message of the engine's")
        values = []
        for tag in tags[1:]:
            value, at = _read_value(packet, at, tag)
            values.append(value)
        fields = {"type": address[len(PREFIX) :]}  # type: Fields
        for key, value in zip(values[::2], values[1::2]):
            fields[key] = json.loads(value) if key in STRUCTURED and isinstance(value, str) else value
        return fields
    except (struct.error, ValueError, IndexError) as error:
        raise NotOsc(f"a packet cannot be read: {error}") from error


def _argument(value: Any) -> tuple[str, bytes]:
    if isinstance(value, bool):
        return ("T" if value else "F"), b""
    if isinstance(value, int):
        return ("i", struct.pack(">i", value)) if -(1 << 31) <= value < 1 << 31 else ("h", struct.pack(">q", value))
    if isinstance(value, float):
        return "d", struct.pack(">d", value)
    return "s", _text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _text(text: str) -> bytes:
    data = text.encode("utf-8")
    if b"\0" in data:
        raise ValueError("a text with a NUL character cannot be sent")
    return data + b"\0" * (4 - len(data) % 4)


def _read_text(packet: bytes, at: int) -> tuple[str, int]:
    end = packet.index(b"\0", at)
    return packet[at:end].decode("utf-8"), end + 4 - (end - at) % 4


_NUMBERS = {"i": struct.Struct(">i"), "h": struct.Struct(">q"), "d": struct.Struct(">d"), "f": struct.Struct(">f")}
_CONSTANTS = {"T": True, "F": False, "N": None}


def _read_value(packet: bytes, at: int, tag: str) -> tuple[Any, int]:
    if tag in _CONSTANTS:
        return _CONSTANTS[tag], at
    if tag == "s":
        return _read_text(packet, at)
    if tag not in _NUMBERS:
        raise NotOsc(f"an argument of type {tag!r} cannot be read")
    number = _NUMBERS[tag]
    return number.unpack_from(packet, at)[0], at + number.size


# ---- the connection


class EngineClient:
    """One connection to the engine, made when it is needed and made again when it breaks."""

    def __init__(self, host: str, port: int, token: str = "") -> None:
        self._address = (host, port)
        self._token = token
        self._socket: socket.socket | None = None
        self._buffer = bytearray()
        self._set_aside: list[Fields] = []  # heard while an answer was waited for

    def send(self, fields: Fields) -> None:
        """Send a message; over a new connection when the old one turns out to be dead."""
        packet = encode(dict(fields, token=self._token) if self._token else fields)
        framed = struct.pack(">i", len(packet)) + packet
        for _ in range(2):
            try:
                connection = self._connected()
                connection.settimeout(CONNECT_SECONDS)
                connection.sendall(framed)
                return
            except OSError as error:
                self.close()
                problem = error
        raise self._unreachable(problem)

    def reaches(self) -> bool:
        """Whether somebody listens there."""
        try:
            self._connected()
        except OSError:
            return False
        return True

    def hear(self, timeout_sec: float) -> list[Fields]:
        """Messages that come within a time; none when nothing does. EngineUnreachable when the connection breaks."""
        heard, self._set_aside = self._set_aside, []
        deadline = time.monotonic() + timeout_sec
        while True:
            heard += self._packets()
            left = deadline - time.monotonic()
            if heard or left <= 0:
                return heard
            self._receive(left)

    def ask(self, fields: Fields, answer: str, timeout_sec: float = 5.0) -> Fields:
        """The engine's answer of a type, or the `failed` that comes instead; what else comes is heard later."""
        self.send(fields)
        aside: list[Fields] = []
        deadline = time.monotonic() + timeout_sec
        try:
            while time.monotonic() < deadline:
                heard = self.hear(deadline - time.monotonic())
                for number, message in enumerate(heard):
                    if message["type"] in (answer, "failed") and message.get("id") in (fields.get("id"), "", None):
                        aside += heard[number + 1 :]
                        return message
                    aside.append(message)
        finally:
            self._set_aside = aside
        raise EngineUnreachable("the engine at {}:{} does not answer".format(*self._address))

    def status(self, job_id: str) -> Fields:
        """Where a job stands, complete enough to carry on; its events are heard on this connection from then on."""
        return self.ask({"type": "status", "id": job_id}, "job")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._buffer.clear()

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, CONNECT_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _receive(self, timeout_sec: float) -> None:
        try:
            connection = self._connected()
            connection.settimeout(max(0.001, timeout_sec))
            data = connection.recv(65536)
        except socket.timeout:
            return
        except OSError as error:
            self.close()
            raise self._unreachable(error) from error
        if not data:
            self.close()
            raise EngineUnreachable("the engine at {}:{} closed the connection".format(*self._address))
        self._buffer += data

    def _packets(self) -> Iterator[Fields]:
        while len(self._buffer) >= 4:
            (size,) = struct.unpack_from(">i", self._buffer)
            if not 0 < size <= MAX_PACKET_BYTES:
                self.close()
                raise NotOsc(f"a packet of {size} bytes was announced")
            if len(self._buffer) < 4 + size:
                return
            packet = bytes(self._buffer[4 : 4 + size])
            del self._buffer[: 4 + size]
            yield decode(packet)

    def _unreachable(self, error: OSError) -> EngineUnreachable:
        return EngineUnreachable("no engine at {}:{} ({})".format(*self._address, error.strerror or error))
