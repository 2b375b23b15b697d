"""Messages as OSC 1.0/1.1 packets, and packets as a TCP stream. Pure: bytes in, values out, no socket.

A message is one OSC message: the address ``/footfall/<type>`` and key/value arguments, each key a string.

    /footfall/generate  "id" s  "video" s  "in" d  "out" d  "prompt" s  "variants" i …

=========  =======================================================================================================
tag        what it carries
=========  =======================================================================================================
s          text; also lists and objects (``events``, ``stems``, ``jobs`` …), as JSON
i, h       whole numbers; sent as ``i`` where they fit
d          numbers with a fraction, times among them
f          accepted, never sent. 32 bits cannot hold most decimals, so the value is taken at its shortest decimal
           (0.1, not 0.10000000149). For ``in``, ``out`` and ``position`` of a message that has a ``frame_rate``
           it becomes the nearest frame, as an exact ratio; without one it stays that decimal (0.12 ms off at 1 h)
T, F, N    true, false, nothing
=========  =======================================================================================================

Bundles are several messages; their time tags are ignored. A stream is framed as in OSC 1.0 (an int32 of length
before each packet) or OSC 1.1 (SLIP with END on both sides); the first byte of a connection tells which.
python-osc reads and writes the values. Bundles are walked here, because its walk never ends on a negative size.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, get_args

from pythonosc import slip
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message import ParseError as MessageParseError
from pythonosc.parsing import osc_types

from footfall_bridge import messages, timeline
from footfall_bridge.errors import InvalidMessage, InvalidTime

PREFIX = "/footfall/"
TOKEN_KEY = "token"
MAX_PACKET_BYTES = 16 * 1024 * 1024  # 100,000 events as JSON are 9 MB
MAX_DATAGRAM_BYTES = 60_000  # what UDP carries everywhere, loopback included
MAX_ARGUMENTS = 128
MAX_BUNDLE_DEPTH = 8

_VALUE_TAGS = frozenset("sihdfTFN")
_TIME_KEYS = ("in", "out", "start", "end", "position")
_BUNDLE = b"#bundle\x00"
_BUNDLE_HEADER_BYTES = 16  # the prefix and a time tag
_SIZE_BYTES = 4


# ---- messages and packets


def encode(message: messages.Message, token: str | None = None) -> bytes:
    """Packet of one message. InvalidMessage when a text holds a NUL character, which OSC cannot carry."""
    fields = messages.to_fields(message)
    if token:
        fields[TOKEN_KEY] = token
    return encode_fields(fields)


def encode_fields(fields: dict[str, Any]) -> bytes:
    """Packet of a mapping with a ``type``."""
    tags, data = ",", b""
    for key, value in fields.items():
        if key != "type":
            tag, written = _argument(key, value)
            tags += "s" + tag
            data += osc_types.write_string(key) + written
    return osc_types.write_string(PREFIX + fields["type"]) + osc_types.write_string(tags) + data


def decode(packet: bytes) -> list[dict[str, Any]]:
    """The mappings a packet holds, ready for ``messages.parse_request`` once a token is checked and taken out.

    InvalidMessage for whatever is not such a packet; no other exception leaves here.
    """
    try:
        return [_fields(element) for element in _elements(packet)]
    except (MessageParseError, osc_types.ParseError, struct.error, ValueError, OverflowError, IndexError) as error:
        raise InvalidMessage(f"this is not an OSC packet: {error}") from error


def read(packet: bytes) -> list[Any]:
    """The messages a packet holds."""
    return [messages.parse_message(fields) for fields in decode(packet)]


def _argument(key: str, value: Any) -> tuple[str, bytes]:
    """Type tag and bytes of a value."""
    if value is None or isinstance(value, bool):
        return {None: "N", True: "T", False: "F"}[value], b""
    if isinstance(value, int):
        wide = value.bit_length() > 31
        return ("h", osc_types.write_int64(value)) if wide else ("i", osc_types.write_int(value))
    if isinstance(value, float):
        return "d", osc_types.write_double(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if "\0" in text:
        raise InvalidMessage(f"key '{key}' holds a NUL character, which OSC cannot carry")
    return "s", osc_types.write_string(text)


def _elements(packet: bytes, depth: int = 0) -> Iterator[bytes]:
    """The single messages in a packet, bundles opened."""
    if not packet.startswith(_BUNDLE):
        yield packet
        return
    if depth >= MAX_BUNDLE_DEPTH:
        raise InvalidMessage(f"bundles are nested deeper than {MAX_BUNDLE_DEPTH}")
    at = _BUNDLE_HEADER_BYTES
    while at < len(packet):
        (size,) = struct.unpack_from(">i", packet, at)
        at += _SIZE_BYTES
        if not 0 < size <= len(packet) - at:
            raise InvalidMessage(f"a bundle element says it has {size} bytes, with {len(packet) - at} left")
        yield from _elements(packet[at : at + size], depth + 1)
        at += size


def _fields(packet: bytes) -> dict[str, Any]:
    """Mapping of one OSC message."""
    name, tags = _header(packet)
    values = [_shortest_decimal(v) if tag == "f" else v for tag, v in zip(tags, OscMessage(packet), strict=True)]
    structured = _structured_keys(name)
    fields: dict[str, Any] = {"type": name}
    narrow_keys = set()
    for key, value, tag in zip(values[::2], values[1::2], tags[1::2], strict=True):
        if not isinstance(key, str):
            raise InvalidMessage(f"{name}: arguments are pairs of a key and its value, and {key!r} is no key")
        if key in fields:
            raise InvalidMessage(f"{name}: key '{key[:60]}' is given twice")
        if tag == "f":
            narrow_keys.add(key)
        fields[key] = _from_json(name, key, value) if key in structured and isinstance(value, str) else value
    _snap_times(fields, narrow_keys)
    return fields


def _header(packet: bytes) -> tuple[str, str]:
    """Message name and argument tags, checked before python-osc reads the arguments."""
    address, at = osc_types.get_string(packet, 0)
    if not address.startswith(PREFIX):
        raise InvalidMessage(f"the address {address[:60]!r} does not start with {PREFIX}")
    name = address[len(PREFIX) :]
    tags = osc_types.get_string(packet, at)[0] if at < len(packet) else ","
    if not tags.startswith(",") or not _VALUE_TAGS.issuperset(tags[1:]):
        raise InvalidMessage(f"{name}: the argument types {tags[:60]!r} are not all among s i h d f T F N")
    if len(tags) - 1 > MAX_ARGUMENTS or len(tags) % 2 == 0:
        raise InvalidMessage(f"{name}: {len(tags) - 1} arguments are not pairs of a key and its value")
    return name, tags[1:]


def _from_json(name: str, key: str, text: str) -> Any:
    try:
        return messages.parse_json(text)
    except InvalidMessage as error:
        raise InvalidMessage(f"{name}: key '{key}': {error.message}") from error


def _snap_times(fields: dict[str, Any], narrow_keys: set[str]) -> None:
    """Put 32-bit times on the nearest frame of the message's own rate; wrong rates and times are left to validation."""
    if "frame_rate" not in fields:
        return
    for key in narrow_keys.intersection(_TIME_KEYS):
        try:
            fields[key] = str(timeline.snap(fields[key], timeline.frame_rate(fields["frame_rate"])))
        except InvalidTime:
            return


def _shortest_decimal(value: float) -> float:
    """Shortest decimal that a 32-bit float stands for."""
    for digits in range(6, 9):
        shorter = float(f"{value:.{digits}g}")
        if struct.pack(">d", value) == struct.pack(">d", _as_float32(shorter)):
            return shorter
    return float(f"{value:.9g}")


def _as_float32(value: float) -> float:
    try:
        return float(struct.unpack(">f", struct.pack(">f", value))[0])
    except OverflowError:  # a decimal just above the largest 32-bit float
        return float("inf")


@lru_cache(maxsize=64)
def _structured_keys(name: str) -> frozenset[str]:
    """Keys of a message that travel as JSON: those whose model field is a list or an object."""
    fields = messages.message_class(name).model_fields
    return frozenset(field.alias or key for key, field in fields.items() if _is_structured(field.annotation))


def _is_structured(annotation: Any) -> bool:
    origin = getattr(annotation, "__origin__", annotation)
    if isinstance(origin, type) and issubclass(origin, (list, dict, messages.Message)):
        return True
    return any(_is_structured(argument) for argument in get_args(annotation))


# ---- packets in a stream


def frame_length(packet: bytes) -> bytes:
    """OSC 1.0: an int32 of length, then the packet."""
    return struct.pack(">i", len(packet)) + packet


def frame_slip(packet: bytes) -> bytes:
    """OSC 1.1: END, the packet with END and ESC escaped, END."""
    return bytes(slip.encode(packet))


class StreamDecoder:
    """Packets out of a byte stream cut anywhere; the first byte tells the framing, and never blocks.

    ``frame`` is how to answer: the framing heard, OSC 1.0 until something was heard.
    """

    def __init__(self, max_packet_bytes: int = MAX_PACKET_BYTES) -> None:
        self._max_packet_bytes = max_packet_bytes
        self._buffer = bytearray()
        self._scanned = 0  # bytes of the buffer known to hold no END
        self._take: Callable[[], bytes | None] | None = None
        self.frame: Callable[[bytes], bytes] = frame_length

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Packets that are complete with ``data``. InvalidMessage means the stream is lost: close it."""
        self._buffer += data
        if self._take is None and self._buffer:
            speaks_slip = self._buffer[:1] == slip.END
            self._take, self.frame = (self._slip, frame_slip) if speaks_slip else (self._length, frame_length)
        while self._take is not None and (packet := self._take()) is not None:
            yield packet

    def _length(self) -> bytes | None:
        if len(self._buffer) < _SIZE_BYTES:
            return None
        (size,) = struct.unpack_from(">i", self._buffer)
        if not 0 < size <= self._max_packet_bytes:
            raise InvalidMessage(f"a packet of {size} bytes was announced; 1 to {self._max_packet_bytes} can be read")
        end = _SIZE_BYTES + size
        if len(self._buffer) < end:
            return None
        packet = bytes(self._buffer[_SIZE_BYTES:end])
        del self._buffer[:end]
        return packet

    def _slip(self) -> bytes | None:
        while (end := self._buffer.find(slip.END, self._scanned)) >= 0:
            escaped = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._scanned = 0
            if escaped:  # two ENDs in a row hold nothing between them
                return self._unescape(escaped)
        self._scanned = len(self._buffer)
        if self._scanned > 2 * self._max_packet_bytes:  # every byte of a packet may be escaped
            raise InvalidMessage(f"a packet of more than {self._max_packet_bytes} bytes cannot be read")
        return None

    @staticmethod
    def _unescape(escaped: bytes) -> bytes:
        try:
            return bytes(slip.decode(escaped))
        except slip.ProtocolError as error:
            raise InvalidMessage("the stream is not SLIP: an escape byte stands alone") from error
