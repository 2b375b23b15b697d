"""json.lua against Python's json: the same values, the same refusals."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.lua.plain import LIB, VERSIONS, LuaErrors, Plain, real_lua

LUA = {version: Plain(version, encoding=None) for version in VERSIONS}
CODEC = {
    version: lua.run(
        """
        local json = require("json")
        return { again = function(text) return json.encode(json.decode(text)) end,
                 read = function(text)
                   local value, trouble = json.decode(text)
                   if value == nil then return nil, trouble end
                   return json.encode(value)
                 end }
        """
    )
    for version, lua in LUA.items()
}
MAX_DEPTH = 100

texts = st.text(st.characters(exclude_categories=["Cs"]))
whole_numbers = st.integers(-(2**63), 2**63 - 1)
numbers = whole_numbers | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=30,
)
each_version = pytest.mark.parametrize("version", VERSIONS)


def canonical(value: Any) -> str:
    """Tells 1 from 1.0 and 0.0 from -0.0, which == does not."""
    return json.dumps(value, sort_keys=True)


def read(text: bytes, version: str = "5.4") -> Any:
    """Python's reading of Lua's writing of Lua's reading; ValueError with Lua's sentence for what it refuses."""
    answer = CODEC[version][b"read"](text)
    if isinstance(answer, tuple):
        raise ValueError(answer[1].decode())
    return json.loads(answer)


@each_version
@given(value=values, ascii_only=st.booleans(), indent=st.none() | st.integers(0, 3))
@example({"a": [], "b": {}, "c": [[]], "": None, "\x7f\x00": "\x00\x1f\x7f/"}, False, None)
@example([2**63 - 1, -(2**63), 1e308, 5e-324, 0.1, -0.0, 1.0, 1e22], True, 0)
@example("\U0001f600 \u2028 \ud7ff \ue000 é", True, None)
def test_what_python_writes_comes_back_the_same(version: str, value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert canonical(json.loads(CODEC[version][b"again"](text.encode()))) == canonical(value)


@given(st.integers(2**63, 2**200) | st.integers(-(2**200), -(2**63) - 1))
def test_wholes_beyond_64_bits_become_the_nearest_float(number: int) -> None:
    assert read(b"%d" % number) == float(number)


@given(values, st.data())
def test_lua_reads_and_refuses_what_python_does(value: Any, data: st.DataObject) -> None:
    text = bytearray(json.dumps(value, ensure_ascii=False).encode())
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, max(0, len(text) - 1)))
        text[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2) | st.sampled_from(FRAGMENTS))
    check_alike(bytes(text))


FRAGMENTS = [
    b'"', b"\\", b"\\u", b"\\ud83d", b"\\ude00", b"[", b"]", b"{", b"}", b",", b":", b"0", b"-", b".", b"e", b"E+1",
    b"null", b"true", b"nul", b" ", b"\n", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\x80", b"\x00", b"\x7f", b"1e999",
    b"//", b"'",
]  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=8).map(b"".join))
def test_lua_reads_and_refuses_fragments_as_python_does(text: bytes) -> None:
    check_alike(text)


def check_alike(text: bytes) -> None:
    try:
        expected = json.loads(text.decode("utf-8-sig"), parse_constant=_refuse, parse_int=_number)
        refused = _has_odd_value(expected)
    except (ValueError, RecursionError):
        refused = True
    if refused:
        with pytest.raises(ValueError, match=r"^this is not JSON: .* at byte \d+$"):
            read(text)
    else:
        assert canonical(read(text)) == canonical(expected)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _number(digits: str) -> int | float:
    return int(digits) if -(2**63) <= int(digits) < 2**63 else float(digits)


def _has_odd_value(value: Any) -> bool:
    """What Python lets through and JSON has no word for: halves of surrogate pairs, infinity."""
    if isinstance(value, str):
        return any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return any(_has_odd_value(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(map(_has_odd_value, value))
    return isinstance(value, float) and not math.isfinite(value)


@pytest.mark.parametrize(
    ("text", "why", "position"),
    [
        ("", "the text ends too early", 1),
        ("  ", "the text ends too early", 3),
        ("[1,]", "an unexpected character", 4),
        ("[1", "',' or ']' is missing", 3),
        ('{"a" 1}', "':' is missing", 6),
        ('{"a":1 "b":2}', "',' or '}' is missing", 8),
        ("{a:1}", "a key is missing", 2),
        ('{"a":1,}', "a key is missing", 8),
        ('["abc', "a text without an end", 6),
        ('"a\nb"', "a control character in a text", 3),
        (r'"\x41"', "an unknown escape", 3),
        (r'"\u12g4"', "four hexadecimal digits are missing", 4),
        (r'"\ud83d"', "half a surrogate pair", 4),
        (r'"\ude00"', "half a surrogate pair", 4),
        (r'"\ud83dA"', "half a surrogate pair", 4),
        ("1 2", "more than one value", 3),
        ("01", "more than one value", 2),
        ("+1", "an unexpected character", 1),
        (".5", "an unexpected character", 1),
        ("nul", "an unexpected word", 1),
        ("NaN", "an unexpected character", 1),
        ("[1e999]", "a number out of range", 2),
        (b'"a\xffb"', "a byte that is no UTF-8", 3),
        (b'"\xed\xa0\x80"', "a byte that is no UTF-8", 2),
    ],
)
@each_version
def test_a_refusal_says_what_and_where(version: str, text: str | bytes, why: str, position: int) -> None:
    with pytest.raises(ValueError) as refusal:
        read(text if isinstance(text, bytes) else text.encode(), version)
    assert str(refusal.value) == f"this is not JSON: {why} at byte {position}"


@each_version
@pytest.mark.parametrize(("before", "after"), [("[", "]"), ('{"a":', "}")])
def test_nesting_ends_at_a_hundred_however_deep_the_text_goes(version: str, before: str, after: str) -> None:
    deepest = before * (MAX_DEPTH - 1) + "[1]" + after * (MAX_DEPTH - 1)
    assert canonical(read(deepest.encode(), version)) == canonical(json.loads(deepest))
    for depth in (MAX_DEPTH, 100_000):
        with pytest.raises(ValueError, match="nested deeper than 100"):
            read((before * depth + "[1]" + after * depth).encode(), version)


def test_a_byte_order_mark_is_read_over() -> None:
    assert read(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


@each_version
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("{ b = 1, a = { 1, 2.0, 'x' }, [''] = json.null }", '{"":null,"a":[1,2.0,"x"],"b":1}'),
        ("{}", "{}"),
        ("json.array()", "[]"),
        ("json.array({ {}, json.array() })", "[{},[]]"),
        ("json.decode('[]')", "[]"),
        ("{ 1 / 3, 1e100, -0.0, 2^53 }", "[0.3333333333333333,1e+100,-0.0,9007199254740992.0]"),
        ("'\\0\\27\\127\"\\\\/'", '"\\u0000\\u001b\x7f\\"\\\\/"'),
    ],
)
def test_lua_values_are_written_in_one_way(version: str, value: str, text: str) -> None:
    code = f'local json = require("json"); return json.encode({value})'
    assert LUA[version].run(code) == text.encode()


@each_version
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("0/0", "JSON has no number"),
        ("{ a = { math.huge } }", "JSON has no number inf"),
        ("{ -math.huge }", "JSON has no number -inf"),
        ("print", "JSON has no function"),
        ("{ [1.5] = 1 }", "an object has the key 1.5"),
        ("{ 1, 2, x = 3 }", "a list has the key x"),
        ("json.array({ x = 3 })", "a list has the key x"),
        ("(function() local t = {}; t.t = t; return t end)()", "nested deeper than 100"),
        (r"'\xff'", r"a text is not UTF-8: \?"),
        (r"{ ['\xed\xa0\x80'] = 1 }", r"a text is not UTF-8: \?\?\?"),
    ],
)
def test_what_json_cannot_say_is_an_error(version: str, value: str, why: str) -> None:
    with pytest.raises(LuaErrors, match=why):
        LUA[version].run(f'local json = require("json"); return json.encode({value})')


def test_null_holds_nothing_and_names_itself() -> None:
    lua = Plain()
    assert lua.run('local json = require("json"); return tostring(json.null), json.decode("null") == json.null') == (
        "null",
        True,
    )
    with pytest.raises(LuaErrors, match="holds nothing"):
        lua.run('require("json").null.x = 1')


# ---- where a comma stands for the decimal point

IN_COMMA_LAND = """
local plain_format = string.format
function string.format(pattern, ...)
  local text = plain_format(pattern, ...)
  if pattern:find("[efg]$") then text = text:gsub("%.", ",") end
  return text
end
"""


@each_version
@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_have_a_point_whatever_the_locale_writes(version: str, number: float) -> None:
    lua = COMMA[version]
    assert json.loads(lua[b"again"](json.dumps(number).encode())) == number


COMMA = {
    version: Plain(version, encoding=None).run(
        IN_COMMA_LAND + 'local json = require("json");'
        "return { again = function(text) return json.encode(json.decode(text)) end }"
    )
    for version in VERSIONS
}


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a locale that writes 0,5."""
    if sys.platform != "linux" or shutil.which("localedef") is None:
        pytest.skip("there is no localedef to make a locale with")
    folder = tmp_path_factory.mktemp("locales")
    target = str(folder / "de_DE.UTF-8")
    made = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", target], capture_output=True, text=True)
    if not Path(target).is_dir():
        pytest.skip(f"no German locale can be made here: {made.stderr[:200]}")
    return folder


@each_version
def test_a_real_german_locale_changes_nothing(version: str, german: Path) -> None:
    code = f"""
        assert(os.setlocale("de_DE.UTF-8"), "no such locale")
        assert(tostring(0.5) == "0,5", "this locale writes " .. tostring(0.5))
        package.path = "{LIB.as_posix()}/?.lua"
        local json = require("json")
        io.write(json.encode(json.decode(io.read("a"))))
    """
    written = {"x": [0.5, -1.25e-300, 0.1, 1 / 3, 3.0, 7], "é": "ÄÖÜ\x85\x01"}
    done = subprocess.run(
        [real_lua(version), "-e", code],
        input=json.dumps(written, ensure_ascii=False).encode(),
        capture_output=True,
        env={"LOCPATH": str(german), "LC_ALL": "de_DE.UTF-8"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert canonical(json.loads(done.stdout)) == canonical(written)


@given(st.dictionaries(texts, st.integers(), max_size=8))
def test_the_order_of_keys_is_always_the_same(fields: dict[str, int]) -> None:
    assume(len(fields) > 1)
    backwards = dict(reversed(fields.items()))
    again = CODEC["5.4"][b"again"]
    assert again(json.dumps(fields).encode()) == again(json.dumps(backwards).encode())


@given(st.lists(st.integers(-1000, 1000), max_size=1000), st.lists(st.text(max_size=5), max_size=500))
def test_a_long_text_decodes_in_pieces_to_the_same_even_when_others_decode_between(numbers, texts):
    lua = Plain()
    decode = """
    local json = require("json")
    local text, other = ...
    local pieces, value = 0, nil
    local thread = coroutine.wrap(function() value = json.decode(text, coroutine.yield); return true end)
    while not thread() do
      pieces = pieces + 1
      assert(#json.decode(other) == 400)
    end
    return json.encode(value), pieces
    """
    whole = {"numbers": numbers, "texts": [{"text": text} for text in texts]}
    answer, pieces = lua.run(decode, json.dumps(whole), json.dumps(list(range(400))))
    assert json.loads(answer) == whole
    assert pieces == len(numbers) // 150 + len(texts) // 150
