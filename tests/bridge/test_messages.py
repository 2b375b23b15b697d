import json
import subprocess
import sys

import pytest
from footfall_bridge import messages
from footfall_bridge.errors import InvalidMessage
from footfall_bridge.messages import Generate, Hit, JobState, JobStatus, parse_message, parse_request
from hypothesis import given
from hypothesis import strategies as st

from tests.bridge.samples import EVERY_MESSAGE, generates

GENERATE = {"type": "generate", "video": "shot.mov", "stem_folder": "stems"}


@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=lambda message: message.type)
def test_every_message_comes_back_from_json(message):
    assert parse_message(messages.parse_json(messages.to_json(message))) == message


def test_the_samples_leave_no_message_out():
    assert {type(message) for message in EVERY_MESSAGE} == {*messages.REQUESTS, *messages.EVENTS}


@given(generates())
def test_any_request_comes_back_from_json(request):
    assert parse_request(messages.parse_json(messages.to_json(request))) == request


def test_times_are_called_in_and_out_on_the_wire():
    fields = messages.to_fields(Generate(video="a", stem_folder="b", start=1.5, end="48f"))
    assert fields["in"] == 1.5
    assert fields["out"] == "48f"
    assert "start" not in fields


def test_keys_without_a_value_are_left_out():
    assert "model" not in messages.to_fields(Generate(video="a", stem_folder="b"))


def test_each_request_gets_an_id_of_its_own():
    assert Generate(video="a", stem_folder="b").id != Generate(video="a", stem_folder="b").id


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"video": 5}, "'video' cannot be 5"),
        ({"video": ""}, "'video' cannot be ''"),
        ({"video": "a\0b"}, "'video'"),
        ({"prompt": ["boots"]}, "'prompt'"),
        ({"variants": 0}, "'variants' cannot be 0"),
        ({"variants": 33}, "'variants' cannot be 33"),
        ({"variants": "many"}, "'variants' cannot be 'many'"),
        ({"in": float("nan")}, "'in' cannot be nan"),
        ({"in": True}, "'in' cannot be True"),
        ({"in": [1]}, r"'in' cannot be \[1\]"),
        ({"out": float("inf")}, "'out' cannot be inf"),
        ({"speed": 0}, "'speed' cannot be 0"),
        ({"speed": 0.049}, r"'speed' cannot be 0\.049"),
        ({"speed": 20.5}, r"'speed' cannot be 20\.5"),
        ({"speed": float("nan")}, "'speed' cannot be nan"),
        ({"speed": True}, "'speed' cannot be True"),
        ({"speed": "fast"}, "'speed' cannot be 'fast'"),
        ({"reference_in": float("nan")}, "'reference_in' cannot be nan"),
        ({"reference_out": [1]}, r"'reference_out' cannot be \[1\]"),
        ({"seed": -1}, "'seed' cannot be -1"),
        ({"channels": 6}, "'channels' cannot be 6"),
        ({"id": "../../etc"}, "'id'"),
        ({"id": "a" * 65}, "'id'"),
        ({"events": [{"time": -1}]}, r"'events.0.time' cannot be -1"),
        ({"events": [{"time": 1, "kind": "boom"}]}, r"'events.0.kind' cannot be 'boom'"),
        ({"events": [{"time": 1, "pan": 0}]}, r"unknown key 'events.0.pan'"),
        ({"events": "all"}, "'events'"),
        ({"gamma": 100}, "'gamma' cannot be 100"),
        ({"guidance": 4.5, "gamma": 3.5}, r"guidance \(4\.5\) and gamma \(3\.5\) .* cannot both be given"),
    ],
)
def test_what_is_wrong_is_named_with_its_key(change, named):
    with pytest.raises(InvalidMessage, match=named) as caught:
        parse_request({**GENERATE, **change})
    assert caught.value.message.startswith("generate: ")


@pytest.mark.parametrize("speed", [2, 0.05, 20, 1.001])
def test_any_number_in_reach_is_a_speed(speed):
    assert parse_request({**GENERATE, "speed": speed}).speed == speed


def test_without_a_speed_a_clip_is_played_as_it_was_shot():
    assert parse_request(GENERATE).speed == parse_request({"type": "spot", "video": "a"}).speed == 1


def test_an_engine_that_names_no_protocol_speaks_the_first():
    fields = {"type": "status.reply", "version": "0.1", "pid": 7, "uptime_seconds": 1}
    assert parse_message(fields).protocol == 1


def test_a_missing_key_is_named():
    with pytest.raises(InvalidMessage, match="'stem_folder' is missing"):
        parse_request({"type": "generate", "video": "a"})


@pytest.mark.parametrize(
    "fields", [None, [], "generate", 5, {}, {"type": "sing"}, {"type": None}, {"type": ["generate"]}]
)
def test_what_is_no_request_at_all_is_refused(fields):
    with pytest.raises(InvalidMessage):
        parse_request(fields)


def test_an_event_is_no_request():
    with pytest.raises(InvalidMessage, match="no request 'done'"):
        parse_request({"type": "done", "id": "a"})


def test_a_sentence_stays_short_whatever_was_sent():
    with pytest.raises(InvalidMessage) as caught:
        parse_request({**GENERATE, "x" * 10_000: "y" * 10_000, "video": ["z" * 10_000]})
    assert len(caught.value.message) < 500


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.sampled_from([*sorted(Generate.model_fields), "in", "out"]), values)
def test_any_value_under_any_key_is_taken_or_refused_by_name(key, value):
    try:
        parse_request({**GENERATE, key: value})
    except InvalidMessage as error:
        assert key in error.message or key in ("type", "start", "end")


@given(st.text() | st.binary(max_size=200))
def test_any_text_is_json_or_an_invalid_message(text):
    try:
        messages.parse_json(text)
    except InvalidMessage:
        pass


def test_json_nested_beyond_reason_is_refused():
    with pytest.raises(InvalidMessage):
        messages.parse_json("[" * 200_000)


def test_final_states_are_those_nothing_follows():
    assert {state for state in JobState if state.final} == {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


def test_messages_do_not_change_once_made():
    with pytest.raises(ValueError, match="frozen"):
        Hit(time=1).time = 2


def test_a_status_has_room_for_all_a_job_made():
    status = next(message for message in EVERY_MESSAGE if isinstance(message, JobStatus))
    assert status.stems
    assert status.warnings
    assert status.spotted


def test_the_committed_schema_is_up_to_date():
    committed = json.loads(messages.SCHEMA_FILE.read_text(encoding="utf-8"))
    assert committed == messages.json_schema(), "run: python -m footfall_bridge.messages"


def test_the_bridge_stays_light():
    heavy = {"numpy", "torch", "av", "cv2", "scipy", "matplotlib", "asyncio", "footfall_engine", "watchdog"}
    code = "import sys, footfall_bridge.client; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not heavy.intersection(loaded.stdout.split())
