"""osc.lua against footfall_bridge.osc and python-osc: what one writes, the other reads."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from footfall_bridge import messages, osc
from footfall_bridge.messages import EVENTS, REQUESTS, Message
from hypothesis import example, given
from hypothesis import strategies as st
from pythonosc.osc_message_builder import OscMessageBuilder

from tests.bridge.samples import EVERY_MESSAGE, generates, words
from tests.lua.plain import VERSIONS, LuaErrors, Plain

LUA = {version: Plain(version, encoding=None) for version in VERSIONS}
CODEC = {
    version: lua.run(
        """
        local json, osc = require("json"), require("osc")
        return { encode = function(text) return osc.encode(json.decode(text)) end,
                 decode = function(packet)
                   local found, trouble = osc.decode(packet)
                   if not found then return nil, trouble end
                   return json.encode(json.array(found))
                 end }
        """
    )
    for version, lua in LUA.items()
}
each_version = pytest.mark.parametrize("version", VERSIONS)


def lua_encode(fields: dict[str, Any], version: str = "5.4") -> bytes:
    return CODEC[version][b"encode"](json.dumps(fields).encode())


def lua_decode(packet: bytes, version: str = "5.4") -> list[dict[str, Any]]:
    answer = CODEC[version][b"decode"](packet)
    if isinstance(answer, tuple):
        raise ValueError(answer[1].decode())
    return json.loads(answer)


@each_version
@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=lambda message: message.type)
def test_every_message_crosses_both_ways(version: str, message: Message) -> None:
    fields = messages.to_fields(message)
    assert lua_decode(osc.encode(message), version) == [fields]
    assert osc.read(lua_encode(fields, version)) == [message]


@given(generates())
def test_any_request_crosses_both_ways(request: messages.Generate) -> None:
    fields = messages.to_fields(request)
    assert osc.read(lua_encode(fields)) == [request]
    assert lua_decode(osc.encode(request)) == [fields]


numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
plain_fields = st.dictionaries(words.filter(lambda key: key != "type"), numbers | words | st.booleans(), max_size=8)


@given(plain_fields)
@example({"a": 2**31 - 1, "b": 2**31, "c": -(2**31), "d": 1 - 2**31, "e": 86_400.000_000_1, "f": 1.0, "g": "abc"})
def test_lua_writes_what_the_bridge_writes_with_the_keys_in_order(fields: dict[str, Any]) -> None:
    message = {"type": "x", **dict(sorted(fields.items(), key=lambda pair: pair[0].encode()))}
    assert lua_encode(message) == osc.encode_fields(message)


@given(st.floats(0, 200_000))
def test_times_travel_as_doubles_bit_by_bit(seconds: float) -> None:
    packet = lua_encode({"type": "spot", "in": seconds})
    assert b",sd\0" in packet
    assert packet.endswith(struct.pack(">d", seconds))
    assert lua_decode(osc.encode_fields({"type": "spot", "in": seconds})) == [{"type": "spot", "in": seconds}]


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
@example(struct.unpack(">f", struct.pack(">f", 0.1))[0])
def test_a_narrow_float_is_read_at_its_shortest_decimal_as_the_bridge_does(value: float) -> None:
    builder = OscMessageBuilder("/footfall/x")
    builder.add_arg("key")
    builder.add_arg(value, "f")
    packet = builder.build().dgram
    # The bridge knows no message "x", whose keys it would have to look up; the reading of a number is the same.
    assert lua_decode(packet) == [{"type": "x", "key": osc._shortest_decimal(value)}]


@each_version
def test_truth_and_nothing_have_tags_of_their_own(version: str) -> None:
    fields = {"type": "x", "a": True, "b": False, "c": None}
    packet = lua_encode(fields, version)
    assert b",sTsFsN" in packet
    assert packet == osc.encode_fields(fields)
    assert lua_decode(packet, version) == [fields]


def test_lua_knows_which_keys_travel_as_json() -> None:
    for cls in REQUESTS + EVENTS:
        name = cls.model_fields["type"].default
        for field, info in cls.model_fields.items():
            key = info.alias or field
            packet = osc.encode_fields({"type": name, key: '[{"a": 1}]'}) if key != "type" else None
            if packet:
                is_structured = lua_decode(packet)[0][key] == [{"a": 1}]
                assert is_structured == (key in osc._structured_keys(name)), f"{name}: {key}"


def test_a_bundle_holds_several_messages() -> None:
    inner = [osc.encode(messages.Done(id=name)) for name in ("a", "b", "c")]
    header = b"#bundle\0" + bytes(8)
    nested = header + b"".join(struct.pack(">i", len(one)) + one for one in inner[1:])
    bundle = header + b"".join(struct.pack(">i", len(one)) + one for one in (inner[0], nested))
    assert [message["id"] for message in lua_decode(bundle)] == ["a", "b", "c"]
    deep = inner[0]
    for _ in range(50):
        deep = header + struct.pack(">i", len(deep)) + deep
    with pytest.raises(ValueError, match="nested deeper than 8"):
        lua_decode(deep)


GOOD = [osc.encode(message) for message in EVERY_MESSAGE]


@each_version
@given(packet=st.binary(max_size=100) | st.binary(max_size=60).map(lambda tail: b"#bundle\0" + bytes(8) + tail))
def test_noise_is_refused_with_a_sentence(version: str, packet: bytes) -> None:
    with pytest.raises(ValueError, match="this is no OSC packet of Footfall's: "):
        if lua_decode(packet, version) == []:  # an empty bundle
            raise ValueError("this is no OSC packet of Footfall's: ")


@given(st.sampled_from(GOOD), st.data())
def test_a_damaged_packet_is_read_or_refused_and_never_worse(packet: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(packet) - 1))
    if data.draw(st.booleans()):
        packet = packet[:at]
    else:
        packet = packet[:at] + data.draw(st.binary(min_size=1, max_size=4)) + packet[at + 1 :]
    try:
        lua_decode(packet)
    except ValueError as refusal:
        assert str(refusal).startswith("this is no OSC packet of Footfall's: ")


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (b"/other/done\0,\0\0\0", "address"),
        (b"/footfall/done\0\0,b\0\0\0\0\0\0", "unknown type"),
        (b"/footfall/done\0\0,s\0\0id\0\0", "pairs"),
        (b"/footfall/done\0\0,is\0" + bytes(8), "key is no text"),
        (b"/footfall/done\0\0,ssss\0\0\0id\0\0a\0\0\0id\0\0b\0\0\0", "given twice"),
        (b"/footfall/done\0\0,ss\0id\0\0a\0\0\0more", "longer than its arguments"),
        (b"/footfall/done\0\0,sd\0id\0\0" + bytes(4), "cut short"),
        (b"/footfall/done\0\0,ss\0id\0\0\xff\0\0\0", "not UTF-8"),
        (b"/footfall/job\0\0\0,ss\0stems\0\0\0[1\0\0", "not JSON"),
    ],
)
def test_a_refusal_says_why(packet: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        lua_decode(packet)


def test_a_nul_character_cannot_be_sent() -> None:
    with pytest.raises(LuaErrors, match="NUL"):
        lua_encode({"type": "x", "prompt": "a\0b"})
