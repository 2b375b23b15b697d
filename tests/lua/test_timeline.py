"""timeline.lua against exact arithmetic: what an item shows, and at which sample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.lua.plain import VERSIONS, Plain

RUNTIMES = {version: Plain(version) for version in VERSIONS}
TIMELINE = {version: lua.load("timeline") for version, lua in RUNTIMES.items()}
LUA = RUNTIMES["5.4"]
SAMPLE_RATES = (44_100, 48_000, 88_200, 96_000, 176_400, 192_000)
DAY = 24 * 3600
SLIVER = 1e-6  # no piece is shorter
NEAR = 1e-9  # seconds that float arithmetic may be off on a day's timeline: a 5000th of a sample at 192 kHz


@dataclass(frozen=True)
class Item:
    position: float
    length: float
    rate: float
    start_offset: float
    source_length: float
    loops: bool
    section: tuple[float, float] | None = None

    @property
    def end(self) -> float:
        return self.position + self.length

    @property
    def span(self) -> tuple[float, float]:
        return self.section or (0.0, self.source_length)

    @property
    def shown(self) -> float:
        offset, length = self.span
        return min(length, self.source_length - offset)

    def exact_source_time(self, time: float | Fraction) -> Fraction | None:
        """The truth, in fractions: the file's time at a moment on the timeline, None where there is no picture."""
        offset, length = map(Fraction, self.span)
        inside = Fraction(self.start_offset) + (Fraction(time) - Fraction(self.position)) * Fraction(self.rate)
        if self.loops:
            inside %= length
        return offset + inside if 0 <= inside < min(length, Fraction(self.source_length) - offset) else None

    def lua(self) -> Any:
        fields = {key: value for key, value in vars(self).items() if value is not None}
        if self.section:
            fields["section"] = {"offset": self.section[0], "length": self.section[1]}
        return LUA.runtime.table_from(fields, recursive=True)


def segments(item: Item, start: float, end: float) -> list[dict[str, float]]:
    return [dict(piece) for piece in TIMELINE["5.4"]["segments"](item.lua(), start, end).values()]


@st.composite
def items(draw: st.DrawFn) -> Item:
    source_length = draw(st.floats(0.04, 4000))
    section = None
    if draw(st.booleans()):
        offset = draw(st.floats(0, source_length * 0.9))
        section = (offset, draw(st.floats(0.04, source_length * 1.2)))
    length = draw(st.floats(0.05, 8000))
    span = section[1] if section else source_length
    rate = draw(st.sampled_from([1.0, 0.25, 0.5, 2.0, 4.0, 24 / 25, 1001 / 1000]) | st.floats(0.25, 4))
    assume(length * rate / span < 200)
    return Item(
        position=draw(st.sampled_from([0.0, 3600.0, 86_399.5]) | st.floats(0, DAY)),
        length=length,
        rate=rate,
        start_offset=draw(st.just(0.0) | st.floats(-span, 2 * span)),
        source_length=source_length,
        loops=draw(st.booleans()),
        section=section,
    )


@st.composite
def selections(draw: st.DrawFn) -> tuple[Item, float, float]:
    item = draw(items())
    start = item.position + item.length * draw(st.floats(-0.5, 1.2))
    return item, start, start + item.length * draw(st.floats(0, 1.5))


@given(selections())
def test_pieces_cover_what_is_shown_of_the_selection_and_nothing_else(selection: tuple[Item, float, float]) -> None:
    item, start, end = selection
    pieces = segments(item, start, end)
    first, last = max(start, item.position), min(end, item.end)
    for earlier, later in pairwise(pieces):
        assert earlier["project_out"] <= later["project_in"]
    for piece in pieces:
        assert first <= piece["project_in"] < piece["project_out"] <= last
        assert piece["project_out"] - piece["project_in"] >= SLIVER * 0.99
    if last > first:
        for share in range(41):
            time = first + (last - first) * share / 40
            covered = any(piece["project_in"] <= time < piece["project_out"] for piece in pieces)
            if covered != (item.exact_source_time(time) is not None):
                assert is_at_an_edge(item, pieces, time, first, last)


def is_at_an_edge(item: Item, pieces: list[dict[str, float]], time: float, first: float, last: float) -> bool:
    """Whether a moment is so close to where a picture starts or ends that it may count either way."""
    edges = [first, last, *(piece[key] for piece in pieces for key in ("project_in", "project_out"))]
    near_by = {
        item.exact_source_time(max(Fraction(0), Fraction(time) + Fraction(way))) for way in (-2 * SLIVER, 2 * SLIVER)
    }
    return None in near_by or min(abs(time - edge) for edge in edges) <= 2 * SLIVER


@given(selections())
def test_pieces_of_a_whole_looped_source_meet_bit_by_bit(selection: tuple[Item, float, float]) -> None:
    item, start, end = selection
    assume(item.loops and item.shown == item.span[1])
    pieces = segments(item, start, end)
    for earlier, later in pairwise(pieces):
        assert earlier["project_out"] == later["project_in"]
        assert earlier["source_out"] == sum(item.span)
        assert later["source_in"] == item.span[0]
    if pieces:
        assert pieces[0]["project_in"] == max(start, item.position)
        assert pieces[-1]["project_out"] == min(end, item.end)


@given(selections(), st.floats(0.001, 0.999))
def test_every_piece_shows_what_the_item_shows(selection: tuple[Item, float, float], share: float) -> None:
    item, start, end = selection
    for piece in segments(item, start, end):
        time = piece["project_in"] + (piece["project_out"] - piece["project_in"]) * share
        expected = item.exact_source_time(time)
        if expected is None:
            assert is_at_an_edge(item, [piece], time, piece["project_in"], piece["project_out"])
            continue
        source = Fraction(piece["source_in"]) + (Fraction(time) - Fraction(piece["project_in"])) * Fraction(item.rate)
        assert abs(source - expected) < NEAR or is_at_an_edge(item, [piece], time, start, end)
        assert piece["speed"] == item.rate
        assert item.span[0] <= piece["source_in"] < piece["source_out"] <= item.span[0] + item.shown + 1e-12


@given(selections())
def test_a_piece_is_as_long_in_the_source_as_on_the_timeline(selection: tuple[Item, float, float]) -> None:
    item, start, end = selection
    for piece in segments(item, start, end):
        played = (Fraction(piece["source_out"]) - Fraction(piece["source_in"])) / Fraction(item.rate)
        assert abs(played - (Fraction(piece["project_out"]) - Fraction(piece["project_in"]))) < 2 * SLIVER


@given(items(), st.sampled_from(SAMPLE_RATES))
def test_a_piece_at_the_items_start_is_at_the_items_own_sample(item: Item, sample_rate: int) -> None:
    pieces = segments(item, item.position - 1, item.end + 1)
    assume(pieces and item.exact_source_time(item.position) is not None)
    assume(item.exact_source_time(item.position + SLIVER) is not None)
    assert pieces[0]["project_in"] == item.position
    samples = TIMELINE["5.4"]["samples"]
    assert samples(pieces[0]["project_in"], sample_rate) == samples(item.position, sample_rate)


@pytest.mark.parametrize("version", VERSIONS)
@given(sample=st.integers(0, DAY * 192_000), sample_rate=st.sampled_from(SAMPLE_RATES))
def test_a_time_made_of_a_sample_is_that_sample_again(version: str, sample: int, sample_rate: int) -> None:
    samples = TIMELINE[version]["samples"](sample / sample_rate, sample_rate)
    assert (samples, type(samples)) == (sample, int)


@given(
    st.sampled_from(SAMPLE_RATES), st.integers(0, DAY), st.integers(1, 2000), st.integers(0, 2000), st.integers(1, 2000)
)
def test_a_selection_on_samples_has_exactly_its_samples(
    sample_rate: int, position: int, before: int, start: int, length: int
) -> None:
    """Selection and item lie on samples: the stem, whose length the engine takes from in and out, has as many."""
    at = position * sample_rate + before
    item = Item(at / sample_rate, 1e4, 1.0, before / 7, 1e5, False)
    first, last = (at + start) / sample_rate, (at + start + length) / sample_rate
    (piece,) = segments(item, first, last)
    assert (piece["project_in"], piece["project_out"]) == (first, last)
    stem = (Fraction(repr(piece["source_out"])) - Fraction(repr(piece["source_in"]))) * sample_rate
    assert math.floor(stem + Fraction(1, 2)) == length


def test_a_loop_does_not_drift_in_a_day() -> None:
    period = 1001 / 24_000 * 2501  # seconds of a clip at 23.976
    item = Item(3600.0, DAY, 1001 / 1000, 0.7, period, True)
    pieces = segments(item, item.position, item.end)
    assert len(pieces) == math.ceil((0.7 + DAY * 1.001) / period)
    for number, piece in enumerate(pieces[1:], 1):
        exact = Fraction(3600) + (number * Fraction(period) - Fraction(0.7)) / Fraction(1001 / 1000)
        assert abs(Fraction(piece["project_in"]) - exact) < NEAR
        assert piece["source_in"] == 0


@given(items(), st.floats(0, 1))
def test_a_moment_of_the_source_is_found_wherever_it_is_shown(item: Item, share: float) -> None:
    source_time = item.span[0] + item.shown * share * 0.999
    times = list(TIMELINE["5.4"]["project_times"](item.lua(), source_time).values())
    assert times == sorted(times)
    for time in times:
        assert item.position <= time < item.end
        inside = Fraction(item.start_offset) + (Fraction(time) - Fraction(item.position)) * Fraction(item.rate)
        off = inside - Fraction(source_time) + Fraction(item.span[0])
        rounds = round(off / Fraction(item.span[1])) if item.loops else 0
        assert abs(off - rounds * Fraction(item.span[1])) < 5 * SLIVER
    assert len(times) in rounds_showing(item, source_time)


def rounds_showing(item: Item, source_time: float) -> set[int]:
    """How often a moment is shown, counted exactly; one that falls on an edge may count or not."""
    offset, length = map(Fraction, item.span)
    counts = set()
    for shift in (-2 * SLIVER, 0, 2 * SLIVER):
        start = Fraction(item.start_offset) - (Fraction(source_time) - offset) + Fraction(shift)
        end = start + Fraction(item.length) * Fraction(item.rate)
        if item.loops:
            counts.add(math.ceil(end / length) - math.ceil(start / length))
        else:
            counts.add(int(start <= 0 < end))
    return set(range(min(counts), max(counts) + 1))


@given(items(), st.floats(-0.2, 1.2))
def test_source_time_is_what_the_item_shows(item: Item, share: float) -> None:
    time = item.position + item.length * share
    found = TIMELINE["5.4"]["source_time"](item.lua(), time)
    expected = item.exact_source_time(time) if item.position <= time < item.end else None
    if found is None or expected is None:
        assert found is expected or is_at_an_edge(item, [], time, item.position, item.end)
    else:
        gap = abs(Fraction(found) - expected)
        assert min(gap, abs(gap - Fraction(item.span[1]))) < NEAR


PLAIN = Item(10.0, 4.0, 1.0, 0.0, 100.0, False)


@pytest.mark.parametrize(
    ("item", "start", "end", "expected"),
    [
        (PLAIN, 0, 100, [(10, 14, 0, 4)]),
        (PLAIN, 11, 12, [(11, 12, 1, 2)]),
        (PLAIN, 0, 10, []),
        (PLAIN, 14, 20, []),
        (PLAIN, 12, 12, []),
        (PLAIN, 13, 12, []),
        (Item(10.0, 4.0, 2.0, 3.0, 100.0, False), 11, 12, [(11, 12, 5, 7)]),
        (Item(10.0, 4.0, 0.5, 3.0, 100.0, False), 0, 99, [(10, 14, 3, 5)]),
        (Item(10.0, 9.0, 1.0, 3.0, 8.0, False), 0, 99, [(10, 15, 3, 8)]),  # longer than its source
        (Item(10.0, 9.0, 1.0, -2.0, 5.0, False), 0, 99, [(12, 17, 0, 5)]),  # begins before its source
        (Item(10.0, 9.0, 1.0, 50.0, 5.0, False), 0, 99, []),  # begins after its source
        (Item(0.0, 9.0, 1.0, 1.0, 4.0, True), 0, 99, [(0, 3, 1, 4), (3, 7, 0, 4), (7, 9, 0, 2)]),
        (Item(0.0, 9.0, 1.0, -1.0, 4.0, True), 0, 99, [(0, 1, 3, 4), (1, 5, 0, 4), (5, 9, 0, 4)]),
        (Item(0.0, 9.0, 1.0, 1.0, 99.0, True, (10.0, 4.0)), 2, 8, [(2, 3, 13, 14), (3, 7, 10, 14), (7, 8, 10, 11)]),
        (Item(0.0, 9.0, 1.0, 0.0, 12.0, True, (10.0, 4.0)), 0, 9, [(0, 2, 10, 12), (4, 6, 10, 12), (8, 9, 10, 11)]),
        (Item(0.0, 4.0, 1.0, 0.0, 4.0, True), 0, 4, [(0, 4, 0, 4)]),
        (Item(0.0, 4.0, 1.0, 0.0, 0.0, True), 0, 4, []),  # a still has no length
        (Item(0.0, 4.0, 1.0, 0.0, 4.0, False, (5.0, 2.0)), 0, 4, []),  # its section begins after its file
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_by_hand(version: str, item: Item, start: float, end: float, expected: list[tuple[float, ...]]) -> None:
    lua = Plain(version)
    fields = {key: value for key, value in vars(item).items() if key != "section" and value is not None}
    if item.section:
        fields["section"] = {"offset": item.section[0], "length": item.section[1]}
    pieces = lua.load("timeline")["segments"](lua.runtime.table_from(fields, recursive=True), start, end).values()
    keys = ("project_in", "project_out", "source_in", "source_out")
    assert [tuple(piece[key] for key in keys) for piece in pieces] == expected


def test_a_source_that_starts_over_too_often_is_refused_with_the_count() -> None:
    pieces, trouble = TIMELINE["5.4"]["segments"](Item(0.0, 3600.0, 1.0, 0.0, 0.04, True).lua(), 0.0, 3600.0)
    assert pieces is None
    assert trouble["code"] == "too_many_loops"
    assert "90000 times" in trouble["message"] or "89999 times" in trouble["message"]


@pytest.mark.parametrize(
    ("time", "offset", "position"), [(0.0, 3600.0, 3600.0), (1.5, 0.0, 1.5), (5.0, -3.0, 2.0), (1.0, -3.0, 0.0)]
)
def test_the_position_in_the_film_counts_from_the_projects_start(time: float, offset: float, position: float) -> None:
    assert TIMELINE["5.4"]["position"](time, offset) == position
