"""Names of markers and regions as the user writes them, and what is noted beside them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lua.plain import VERSIONS, Plain

LUA = {version: Plain(version) for version in VERSIONS}
KINDS = ("impact", "step", "stop", "start", "flash")

versions = st.sampled_from(VERSIONS)
seconds = st.floats(0, 86_400, allow_nan=False)
strengths = st.floats(0, 1, allow_nan=False)
notes = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.builds("{} {:.2f}".format, st.sampled_from(KINDS), strengths),
            "time": seconds,
            "x": st.floats(-1, 1),
            "size": strengths,
        }
    ),
    max_size=50,
)


def call(version: str, name: str, *values: object) -> object:
    return LUA[version].call(f'(function(...) return require("hits").{name}(...) end)', *values)


@given(versions, st.sampled_from(KINDS), strengths)
def test_a_hits_name_tells_its_kind_and_strength(version: str, kind: str, strength: float):
    name = call(version, "name", {"kind": kind, "strength": strength})
    assert call(version, "parse", name) == {"kind": kind, "strength": pytest.approx(strength, abs=0.00501)}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "name, hit",
    [
        ("Impact", ("impact", 1.0)), ("  step 0.5 ", ("step", 0.5)), ("FLASH 1", ("flash", 1.0)),
        ("stop .25", ("stop", 0.25)), ("start 0,75", ("start", 0.75)),
        ("impact 1.5", None), ("impact 0.5 loud", None), ("door", None), ("", None), ("0.5", None),
        ("impact 0.5.5", None), ("impact -1", None), ("stepping 0.5", None),
    ],
)  # fmt: skip
def test_only_names_like_ours_are_hits(version: str, name: str, hit: tuple[str, float] | None):
    parsed = call(version, "parse", name)
    assert parsed == (hit and {"kind": hit[0], "strength": hit[1]})


@given(versions, notes)
def test_a_note_reads_back_to_the_bit_and_has_no_line_breaks(version: str, noted: list[dict]):
    text = call(version, "write_note", noted)
    assert "\n" not in text
    assert list(call(version, "read_note", text) or []) == noted


@given(versions, st.text(max_size=40))
def test_any_text_in_place_of_a_note_is_read_without_a_stumble(version: str, text: str):
    call(version, "read_note", text)


@given(versions, notes, st.data())
def test_a_marker_is_ours_as_long_as_nobody_moves_or_renames_it(version: str, noted: list[dict], data: st.DataObject):
    is_ours = (
        '(function(marker, noted) local hits = require("hits") return hits.is_ours(marker, hits.index(noted)) end)'
    )
    if noted:
        own = data.draw(st.sampled_from(noted))
        assert LUA[version].call(is_ours, own, noted)
        assert LUA[version].call(is_ours, {**own, "time": own["time"] + 4e-6}, noted)  # as a project file rounds it
        assert not LUA[version].call(is_ours, {**own, "name": "door"}, noted)
        assert not LUA[version].call(is_ours, {**own, "time": 100_000.0}, noted)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "name, wish",
    [
        ("foley: boots on gravel", ("boots on gravel", "")), ("Foley:boots|birds", ("boots", "birds")),
        (" FOLEY : a: b | c | d ", ("a: b", "c | d")), ("foley:", ("", "")), ("foley", None), ("folly: x", None),
        ("scene foley: x", None), ("", None),
    ],
)  # fmt: skip
def test_a_line_of_a_spotting_list(version: str, name: str, wish: tuple[str, str] | None):
    parsed = LUA[version].call('(function(name) return require("spotting").parse(name) end)', name)
    assert parsed == (wish and {"prompt": wish[0], "negative": wish[1]})
