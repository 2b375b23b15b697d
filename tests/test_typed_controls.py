"""What a user types of a model's controls into a dialog of a host: `controls.lua` and `controls.py` read it alike."""

from __future__ import annotations

from typing import Any

import pytest
from footfall_bridge import messages
from footfall_bridge.messages import Controls
from hypothesis import given
from hypothesis import strategies as st

from tests.lua.plain import VERSIONS, Plain
from tests.resolve import lib  # noqa: F401 -- puts the scripts on the path

from footfall_resolve import controls, errors  # isort: skip

LUA = {version: Plain(version) for version in VERSIONS}
READERS = (*VERSIONS, "Resolve")
each_reader = pytest.mark.parametrize("reader", READERS)
scales = st.decimals(0, 90, places=3).map(str)
whole = st.integers(1, 1000).map(str)
TYPED = {
    "seed": st.integers(0, 2**63 - 1).map(str), "steps": whole, "pictures": whole, "guidance": scales, "gamma": scales,
    "classifier_scale": scales, "semantic_scale": st.decimals(0, 10, places=2).map(str),
    "temporal_scale": st.decimals(0, 10, places=2).map(str), "timing": st.sampled_from(["detector", "label", "events"]),
    "quality": st.sampled_from(["high", "low"]), "reference_picture": st.sampled_from(["yes", "no"]),
}  # fmt: skip


def of(text: str, reader: str) -> dict[str, Any]:
    if reader == "Resolve":
        return controls.of(text)
    return LUA[reader].call('(function(text) return (require("controls").of(text)) end)', text) or {}


def trouble(text: str, reader: str) -> str:
    if reader == "Resolve":
        with pytest.raises(errors.FootfallError) as told:
            controls.of(text)
        assert told.value.code == "bad_answer"
        return told.value.message
    error = LUA[reader].call('(function(text) return select(2, require("controls").of(text)) end)', text)
    assert error["code"] == "bad_answer"
    return error["message"]


def test_every_control_of_a_request_can_be_typed() -> None:
    assert set(TYPED) == {"seed", *Controls.model_fields}


@given(
    st.fixed_dictionaries({}, optional=TYPED), st.sampled_from([" ", ", ", "; ", ";", "  "]),
    st.sampled_from(["=", " = "]), st.booleans(), st.sampled_from(READERS),
)  # fmt: skip
def test_what_is_typed_is_what_the_engine_reads(
    typed: dict[str, str], between: str, equals: str, shouted: bool, reader: str
) -> None:
    if "gamma" in typed:
        typed.pop("guidance", None)  # they say the same
    text = between.join(f"{key.replace('_', '-') if shouted else key}{equals}{value}" for key, value in typed.items())
    found = of(text.upper() if shouted else text, reader)
    asked = messages.parse_request({"type": "regenerate", "stem": "s", "in": 0, "out": 1, "stem_folder": "f", **found})
    plain = {key: {"yes": True, "no": False}.get(value, value) for key, value in typed.items()}
    assert asked == messages.parse_request(
        {"type": "regenerate", "id": asked.id, "stem": "s", "in": 0, "out": 1, "stem_folder": "f", **plain}
    )


@each_reader
@pytest.mark.parametrize("text", ["", "  ", " , ; "])
def test_nothing_typed_asks_for_nothing(text: str, reader: str) -> None:
    assert of(text, reader) == {}


@each_reader
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stepps=3", "'stepps=3' cannot be asked for"),
        ("steps", "'steps' cannot be asked for"),
        ("steps 30", "'steps' cannot be asked for"),
        ("steps=", "'steps=' cannot be asked for"),
        ("prompt=rain", "'prompt=rain' cannot be asked for"),
        ("__index=1", "cannot be asked for"),
        ("steps=2.5", "steps has to be a whole number, not '2.5'"),
        ("seed=-1", "seed has to be a whole number, not '-1'"),
        ("seed=99999999999999999999", "seed has to be a whole number"),
        ("guidance=4,5", "guidance has to be a number, not '4,5'"),
        ("guidance=nan", "guidance has to be a number, not 'nan'"),
        ("guidance=1e400", "guidance has to be a number"),
        ("guidance=0x10", "guidance has to be a number"),
        ("guidance=.", "guidance has to be a number"),
        ("reference_picture=maybe", "reference_picture has to be yes or no"),
        ("quality=1", "quality has to be a word"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, told: str, reader: str) -> None:
    message = trouble(text, reader)
    assert told in message
    assert "has to be" in message or "classifier_scale, gamma, guidance" in message
