"""request.lua: whatever it makes is a request that the engine's own code takes."""

from __future__ import annotations

import random
import uuid
from typing import Any

import pytest
from footfall_bridge import messages
from footfall_bridge.messages import MAX_VARIANTS, Generate, Message, Regenerate, Spot
from hypothesis import given
from hypothesis import strategies as st

from tests.bridge.samples import hits, ids, paths, words
from tests.lua.plain import VERSIONS, Plain

LUA = {version: Plain(version) for version in VERSIONS}
each_version = pytest.mark.parametrize("version", VERSIONS)

times = st.floats(0, 1e6)
segments = st.builds(
    lambda start, length, speed: {"source_in": start, "source_out": start + length, "speed": speed},
    times, st.floats(0.1, 1e4), st.sampled_from([1, 1.0, 2.0]) | st.floats(0.25, 4),
)  # fmt: skip
events = st.lists(hits.map(messages.to_fields), max_size=4)
optional = {
    "negative": words, "variants": st.integers(1, MAX_VARIANTS), "model": words, "prompt": words,
    "reference": paths, "events": events,
    "controls": st.fixed_dictionaries(
        {}, optional={"seed": st.integers(0, 2**63 - 1), "steps": st.integers(1, 1000), "guidance": st.floats(0, 100)}
    ),
}  # fmt: skip
generate_wishes = st.fixed_dictionaries(
    {"id": ids, "video": paths, "segment": segments, "stem_folder": paths},
    optional={
        **optional, "channels": st.integers(1, 2), "position": times, "reference_in": times, "reference_out": times
    },
)  # fmt: skip
regenerate_wishes = st.fixed_dictionaries(
    {"id": ids, "stem": paths, "from": times, "to": times, "stem_folder": paths}, optional={**optional, "video": paths}
)


def made(kind: str, wish: Any, version: str = "5.4") -> Message:
    """The request as the engine reads it."""
    return messages.parse_request(LUA[version].call(f'require("request").{kind}', wish))


@given(generate_wishes)
def test_a_generate_says_what_was_wished_and_leaves_the_rest_to_the_engine(wish: dict[str, Any]) -> None:
    segment = wish["segment"]
    given_to_engine = {
        key: value
        for key, value in wish.items()
        if key not in ("segment", "controls") and not (value == "" and key in ("prompt", "negative", "model"))
    }
    typed = wish.get("controls", {})
    assert made("generate", wish) == Generate(
        **given_to_engine, **typed, start=segment["source_in"], end=segment["source_out"], speed=segment["speed"]
    )


@given(regenerate_wishes)
def test_a_regenerate_says_what_was_wished(wish: dict[str, Any]) -> None:
    given_to_engine = {key: value for key, value in wish.items() if not (key == "model" and value == "")}
    given_to_engine |= given_to_engine.pop("controls", {})
    start, end = given_to_engine.pop("from"), given_to_engine.pop("to")
    assert made("regenerate", wish) == Regenerate(**given_to_engine, start=start, end=end)


@given(ids, paths, segments)
def test_a_spot_names_the_segment(job_id: str, video: str, segment: dict[str, Any]) -> None:
    spot = made("spot", {"id": job_id, "video": video, "segment": segment})
    expected = Spot(
        id=job_id, video=video, start=segment["source_in"], end=segment["source_out"], speed=segment["speed"]
    )
    assert spot == expected


@given(ids)
def test_the_small_requests_are_taken_too(job_id: str) -> None:
    assert made("cancel", job_id) == messages.Cancel(id=job_id)
    assert made("status", job_id) == messages.Status(id=job_id)
    assert made("status", None) == messages.Status()
    assert made("models", None) == messages.Models()
    assert made("quit", None) == messages.Quit()


def test_the_normal_speed_and_empty_texts_are_not_sent() -> None:
    wish = {"id": "a", "video": "v", "segment": {"source_in": 0.5, "source_out": 1.5, "speed": 1.0}, "prompt": "",
            "negative": "", "model": "", "reference": "", "stem_folder": "s", "variants": 4.0}  # fmt: skip
    fields = LUA["5.4"].call('require("request").generate', wish)
    assert fields == {
        "type": "generate", "id": "a", "video": "v", "in": 0.5, "out": 1.5, "stem_folder": "s", "variants": 4
    }  # fmt: skip
    assert isinstance(fields["variants"], int)


@each_version
@pytest.mark.parametrize("kind", ["generate", "regenerate", "spot"])
@pytest.mark.parametrize(
    ("text", "why"), [(b"a\xff.mov", "no UTF-8"), (b"a\0b", "NUL"), (b"x" * 10_001, "10,000 characters")]
)
def test_what_no_wire_can_carry_is_refused_with_the_key(version: str, kind: str, text: bytes, why: str) -> None:
    lua = Plain(version, encoding=None)
    code = f"""
        local segment = {{ source_in = 0.0, source_out = 1.0, speed = 1 }}
        local wish = {{ id = "a", video = ..., stem = "s", stem_folder = "f", segment = segment, from = 0.0, to = 1.0 }}
        return require("request").{kind}(wish)
    """
    message, trouble = lua.run(code, text)
    assert message is None
    assert trouble[b"code"] == b"bad_message"
    assert trouble[b"message"].decode().startswith("The video ")
    assert why in trouble[b"message"].decode()


@each_version
def test_new_ids_are_uuids_of_version_4_and_never_the_same(version: str) -> None:
    lua = LUA[version]
    new_id = lua.load("request")["new_id"]
    found = {new_id() for _ in range(500)}
    assert len(found) == 500
    for text in found:
        parsed = uuid.UUID(text)
        assert (str(parsed), parsed.version, parsed.variant) == (text, 4, uuid.RFC_4122)


def test_an_id_is_made_of_the_numbers_it_is_given() -> None:
    dice = random.Random(7)
    lua = Plain()
    one = lua.load("request")["new_id"](lambda low, high: dice.randint(low, high))
    dice.seed(7)
    assert lua.load("request")["new_id"](lambda low, high: dice.randint(low, high)) == one


@each_version
def test_two_scripts_make_different_ids(version: str) -> None:
    """Lua 5.3 would give each script the same random numbers."""
    assert Plain(version).load("request")["new_id"]() != Plain(version).load("request")["new_id"]()
