import random
import struct

import pytest
from footfall_bridge import messages, osc
from footfall_bridge.errors import InvalidMessage
from footfall_bridge.messages import Generate, parse_message
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from tests.bridge.samples import EVERY_MESSAGE, generates

FUZZED_PACKETS = 10_000
PACKETS = [osc.encode(message) for message in EVERY_MESSAGE]


def packet_of(address: str, *arguments: tuple[object, str]) -> bytes:
    builder = OscMessageBuilder(address)
    for value, tag in arguments:
        builder.add_arg(value, tag)
    return builder.build().dgram


def pair(key: str, value: object, tag: str) -> list[tuple[object, str]]:
    return [(key, "s"), (value, tag)]


def bundle_of(*elements: bytes) -> bytes:
    head = b"#bundle\0" + struct.pack(">q", 1)
    return head + b"".join(struct.pack(">i", len(element)) + element for element in elements)


# ---- messages and packets


@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=lambda message: message.type)
def test_every_message_comes_back_from_a_packet(message):
    assert osc.read(osc.encode(message)) == [message]


@given(generates())
def test_any_request_comes_back_from_a_packet(request):
    assert osc.read(osc.encode(request)) == [request]


def test_another_osc_program_reads_addresses_and_types():
    request = Generate(id="a", video="b", stem_folder="c", start=1.5, end=3, seed=2**40, variants=2, events=[])
    heard = OscMessage(osc.encode(request))
    assert heard.address == "/footfall/generate"
    told = dict(zip(heard.params[::2], heard.params[1::2], strict=True))
    assert told["in"] == 1.5
    assert told["seed"] == 2**40
    assert told["events"] == "[]"
    tags = heard.dgram[heard.dgram.index(b",") :].split(b"\0")[0]
    assert set(tags.decode()) == set(",sdih")


def test_the_token_travels_as_a_key_of_its_own():
    (fields,) = osc.decode(osc.encode(messages.Quit(), token="secret"))
    assert fields == {"type": "quit", "token": "secret"}


def test_every_type_of_argument_is_heard():
    packet = packet_of(
        "/footfall/generate",
        *pair("s", "text", "s"), *pair("i", -7, "i"), *pair("h", 2**40, "h"), *pair("d", 0.1, "d"),
        *pair("f", 0.1, "f"), *pair("T", True, "T"), *pair("F", False, "F"), *pair("N", None, "N"),
    )  # fmt: skip
    told = {"s": "text", "i": -7, "h": 2**40, "d": 0.1, "f": 0.1, "T": True, "F": False, "N": None}
    assert osc.decode(packet) == [{"type": "generate", **told}]


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_32_bit_float_is_the_decimal_that_was_typed(value):
    (fields,) = osc.decode(packet_of("/footfall/generate", *pair("guidance", value, "f")))
    assert struct.pack(">f", fields["guidance"]) == struct.pack(">f", value)
    assert len(repr(fields["guidance"])) <= len(repr(value))


@given(st.integers(0, 24 * 3600 * 24), st.sampled_from(["24000/1001", "25", "30000/1001", "60000/1001"]))
def test_a_32_bit_time_lands_on_its_frame_when_the_rate_is_given(frame, rate):
    from footfall_bridge import timeline

    time = frame / timeline.frame_rate(rate)
    packet = packet_of("/footfall/spot", *pair("in", float(time), "f"), *pair("frame_rate", rate, "s"))
    (fields,) = osc.decode(packet)
    assert timeline.seconds(fields["in"]) == time


def test_a_64_bit_time_is_never_moved():
    packet = packet_of("/footfall/spot", *pair("in", 1.03, "d"), *pair("frame_rate", "25", "s"))
    assert osc.decode(packet)[0]["in"] == 1.03


@pytest.mark.parametrize("rate", ["fast", "0", "1e400000000"])
def test_a_wrong_rate_is_left_to_whoever_reads_the_request(rate):
    packet = packet_of("/footfall/spot", *pair("in", 1.5, "f"), *pair("frame_rate", rate, "s"))
    assert osc.decode(packet) == [{"type": "spot", "in": 1.5, "frame_rate": rate}]


def test_a_bundle_is_several_messages():
    first, second = messages.Models(), messages.Cancel(id="a")
    nested = bundle_of(osc.encode(first), bundle_of(osc.encode(second)))
    assert osc.read(nested) == [first, second]


@pytest.mark.parametrize(
    ("packet", "said"),
    [
        (b"", "not an OSC packet"),
        (b"\0", "not an OSC packet"),
        (b"hello world\0", "address"),
        (packet_of("/other/generate"), "/other/generate"),
        (packet_of("/footfall/sing"), "no message 'sing'"),
        (packet_of("/footfall/generate", ("id", "s")), "1 arguments are not pairs"),
        (packet_of("/footfall/generate", (5, "i"), (5, "i")), "5 is no key"),
        (packet_of("/footfall/generate", *pair("id", "a", "s"), *pair("id", "b", "s")), "'id' is given twice"),
        (packet_of("/footfall/generate", *pair("type", "quit", "s")), "'type' is given twice"),
        (packet_of("/footfall/generate", *pair("id", b"blob", "b")), "argument types"),
        (packet_of("/footfall/generate", *pair("events", "[", "s")), "'events': this is not JSON"),
        (packet_of("/footfall/generate", *(pair("a", 1, "i") * 65)), "130 arguments"),
        (b"/footfall/generate\0\0,ss\0\xff\xfe\0\0\xff\xfe\0\0", "not an OSC packet"),
        (b"#bundle\0" + b"\0" * 8 + struct.pack(">i", -4), "-4 bytes"),
        (b"#bundle\0" + b"\0" * 8 + struct.pack(">i", 400), "400 bytes"),
        (b"#bundle\0" + b"\0" * 8 + b"\0", "not an OSC packet"),
    ],
)
def test_what_is_no_message_is_refused_and_says_why(packet, said):
    with pytest.raises(InvalidMessage, match=said):
        osc.decode(packet)


def test_bundles_without_end_are_refused():
    packet = osc.encode(messages.Quit())
    for _ in range(1000):
        packet = bundle_of(packet)
    with pytest.raises(InvalidMessage, match="nested"):
        osc.decode(packet)


def test_text_that_osc_cannot_carry_is_refused_by_key():
    with pytest.raises(InvalidMessage, match="'message'"):
        osc.encode(messages.Failed(id="a", code="b", message="c\0d"))


def mutated(packet: bytes, chance: random.Random) -> bytes:
    """A packet with a few bytes changed, cut or doubled."""
    changed = bytearray(packet)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(changed))
        changed[at] = chance.choice([0, 1, 0x2C, 0x2F, 0x7F, 0x80, 0xC0, 0xFF, chance.randrange(256)])
    if chance.random() < 0.2:
        del changed[chance.randrange(1, len(changed)) :]
    if chance.random() < 0.1:
        changed += changed[chance.randrange(len(changed)) :]
    return bytes(changed)


def fuzzed_packets(count: int, seed: int) -> list[bytes]:
    chance = random.Random(seed)
    good = [*PACKETS, bundle_of(*PACKETS[:3]), bundle_of(bundle_of(PACKETS[4]))]
    return [
        mutated(chance.choice(good), chance) if chance.random() < 0.8 else chance.randbytes(chance.randrange(300))
        for _ in range(count)
    ]


def test_ten_thousand_broken_packets_are_read_or_refused_by_name():
    for packet in fuzzed_packets(FUZZED_PACKETS, seed=1):
        try:
            osc.read(packet)
        except InvalidMessage as error:
            assert error.message


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_an_invalid_message(packet):
    try:
        osc.decode(packet)
    except InvalidMessage:
        pass


# ---- packets in a stream

FRAMINGS = [osc.frame_length, osc.frame_slip]


def cut(stream: bytes, chance: random.Random) -> list[bytes]:
    """A stream in pieces of any length."""
    pieces = []
    while stream:
        size = min(len(stream), chance.choice([1, 2, 3, 7, 50, 1000]))
        pieces.append(stream[:size])
        stream = stream[size:]
    return pieces


@pytest.mark.parametrize("frame", FRAMINGS)
@pytest.mark.parametrize("seed", range(20))
def test_packets_come_out_of_a_stream_cut_anywhere(frame, seed):
    chance = random.Random(seed)
    packets = [chance.choice(PACKETS) for _ in range(20)]
    decoder = osc.StreamDecoder()
    found = [packet for piece in cut(b"".join(map(frame, packets)), chance) for packet in decoder.feed(piece)]
    assert found == packets
    assert decoder.frame is frame


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1), st.sampled_from(FRAMINGS))
def test_any_packet_survives_the_framing(packets, frame):
    assert list(osc.StreamDecoder().feed(b"".join(map(frame, packets)))) == packets


def test_slip_with_single_ends_between_packets_is_understood():
    stream = b"\xc0" + b"\xc0".join(PACKETS[:3]) + b"\xc0"
    assert list(osc.StreamDecoder().feed(stream)) == PACKETS[:3]


@pytest.mark.parametrize(
    "stream",
    [
        struct.pack(">i", 1 << 30),
        struct.pack(">i", 0),
        struct.pack(">i", -1),
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xc0ab\xdbc\xc0",
        b"\xc0" + b"a" * 5000,
    ],
)
def test_a_stream_that_is_lost_says_so(stream):
    with pytest.raises(InvalidMessage):
        list(osc.StreamDecoder(max_packet_bytes=2000).feed(stream))


def test_a_stream_of_any_bytes_yields_packets_or_an_invalid_message():
    chance = random.Random(2)
    for _ in range(2000):
        decoder = osc.StreamDecoder(max_packet_bytes=1000)
        try:
            for piece in cut(chance.choice([b"", b"\xc0", b"\0\0\0"]) + chance.randbytes(200), chance):
                list(decoder.feed(piece))
        except InvalidMessage:
            pass


def test_as_many_events_as_are_allowed_fit_a_packet():
    share = 10
    hits = [messages.Hit(time=0.123456789 * i) for i in range(messages.MAX_EVENTS // share)]
    request = Generate(video="a", stem_folder="b", events=hits)
    packet = osc.encode(request)
    assert len(packet) * share < osc.MAX_PACKET_BYTES
    assert parse_message(osc.decode(packet)[0]) == request
