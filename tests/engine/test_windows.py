"""Long regions in windows, and joined again."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
from footfall_bridge.timeline import TimeRange, to_units
from footfall_engine import windows
from hypothesis import given
from hypothesis import strategies as st

RATE = 48_000
SPAN, OVERLAP = 3.0, 0.05
times = st.fractions(min_value=0, max_value=60, max_denominator=1001)


@given(times, st.fractions(min_value=Fraction(1, 25), max_value=60, max_denominator=1001), st.lists(st.floats(0, 60)))
def test_windows_cover_the_range_and_none_is_too_long(start: Fraction, duration: Fraction, hits: list[float]):
    whole = TimeRange(start, start + duration)
    pieces = windows.split(whole, SPAN, OVERLAP, sorted(hits))
    assert pieces[0].start <= start < pieces[0].start + windows.GRID
    assert pieces[-1].end == whole.end
    for before, after in pairwise(pieces):
        assert before.end - after.start == Fraction(5, 100)
    assert all(piece.duration <= Fraction(SPAN) + windows.GRID for piece in pieces)


@given(times, st.fractions(min_value=Fraction(1, 25), max_value=30, max_denominator=1001))
def test_joined_windows_are_as_long_as_the_range_to_the_sample(start: Fraction, duration: Fraction):
    pieces = windows.split(TimeRange(start, start + duration), SPAN, OVERLAP, [])
    lengths = [to_units(piece.end, RATE) - to_units(piece.start, RATE) for piece in pieces]
    blocks = windows.join((np.zeros((1, length), np.float32) for length in lengths), OVERLAP, RATE)
    assert sum(block.shape[-1] for block in blocks) == to_units(start + duration, RATE) - to_units(
        pieces[0].start, RATE
    )


def test_a_cut_lies_where_no_event_is():
    hits = [2.3, 2.4, 2.5, 2.6, 2.9]
    first, _ = windows.split(TimeRange(Fraction(0), Fraction(5)), SPAN, OVERLAP, hits)
    assert 2.65 < float(first.end) - OVERLAP < 2.9


def test_a_crossfade_keeps_the_power_of_unrelated_sounds():
    rng = np.random.default_rng(0)
    old, new = rng.standard_normal((2, 1, 48_000)).astype(np.float32)
    mixed = windows.crossfaded(old, new)
    assert abs(float(np.mean(mixed**2)) - 1) < 0.05


def test_a_crossfade_of_a_sound_with_itself_changes_nothing():
    rng = np.random.default_rng(0)
    sound = rng.standard_normal((2, 1000)).astype(np.float32)
    np.testing.assert_allclose(windows.crossfaded(sound, sound), sound, atol=1e-5)


def test_a_patch_changes_nothing_outside_its_range():
    angle = windows.patch_angle(100, 200, np.arange(0, 300), 20)
    assert not angle[:100].any() and not angle[200:].any()
    assert np.allclose(angle[120:180], np.pi / 2)
    old, new = np.full((1, 300), 0.25, np.float32), np.full((1, 300), 0.5, np.float32)
    out = windows.blended(old, new, angle)
    assert np.array_equal(out[:, :100], old[:, :100]) and np.array_equal(out[:, 200:], old[:, 200:])
    assert np.allclose(out[:, 120:180], 0.5)
