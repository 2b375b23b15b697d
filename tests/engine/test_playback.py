"""A clip played faster or slower: what is seen of it, and where its played moments lie."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from footfall_bridge.messages import Hit, HitKind
from footfall_bridge.timeline import TimeRange, play_rate, to_units
from footfall_engine.analysis.picture import MOTION_RATE, PictureAnalysis
from footfall_engine.playback import Playback, as_played
from hypothesis import given
from hypothesis import strategies as st

speeds = st.floats(0.05, 20).map(play_rate)
times = st.fractions(0, 1000, max_denominator=100_000)
regions = st.tuples(times, st.fractions(Fraction(1, 1000), 100)).map(lambda pair: TimeRange(pair[0], sum(pair)))


def seen(seconds: int = 4, activity: float = 0.4) -> PictureAnalysis:
    curve = np.linspace(0, 1, seconds * MOTION_RATE + 1, dtype=np.float32)
    hits = tuple(Hit(time=0.5 + second, strength=0.7, x=0.1, size=0.3, kind=HitKind.STEP) for second in range(seconds))
    return PictureAnalysis(float(seconds), hits, curve, 1 - 2 * curve, activity, (1.5,), 24000 / 1001)


def played(picture: PictureAnalysis, speed: float) -> PictureAnalysis:
    region = TimeRange(Fraction(7), 7 + Fraction(picture.duration))
    return as_played(picture, Playback(region, play_rate(speed)))


def test_at_its_own_speed_a_picture_is_itself():
    picture = seen()
    assert played(picture, 1.0) is picture


@given(regions, speeds)
def test_a_region_lasts_its_length_by_the_speed_and_ends_where_it_ends_in_the_clip(region: TimeRange, speed: Fraction):
    playback = Playback(region, speed)
    assert playback.duration * speed == region.duration
    assert playback.in_clip(TimeRange(Fraction(0), playback.duration)) == region


@given(regions, speeds, st.integers(1, 1000), st.integers(1, 1000))
def test_pieces_of_played_time_meet_in_the_clip(region: TimeRange, speed: Fraction, one: int, other: int):
    playback = Playback(region, speed)
    cut = playback.duration * Fraction(one, one + other)
    before = playback.in_clip(TimeRange(Fraction(0), cut))
    after = playback.in_clip(TimeRange(cut, playback.duration))
    assert (before.start, before.end, after.end) == (region.start, after.start, region.end)


@pytest.mark.parametrize("speed", [0.05, 0.5, 0.999, 1.25, 2, 20])
def test_times_shrink_by_the_speed_and_what_is_hit_stays(speed: float):
    picture = seen()
    fast = played(picture, speed)
    assert fast.duration == pytest.approx(picture.duration / speed)
    assert [hit.time for hit in fast.hits] == pytest.approx([hit.time / speed for hit in picture.hits])
    assert fast.cuts == pytest.approx([1.5 / speed])
    assert fast.frame_rate == pytest.approx(picture.frame_rate * speed)
    for hit, before in zip(fast.hits, picture.hits, strict=True):
        assert hit.model_copy(update={"time": before.time}) == before


@given(st.floats(0.05, 20))
def test_curves_have_a_sample_for_each_hundredth_that_is_played_and_the_picture_of_that_moment(speed: float):
    picture = seen()
    fast = played(picture, speed)
    assert fast.motion.shape == fast.motion_x.shape == (round(fast.duration * MOTION_RATE) + 1,)
    assert fast.motion.dtype == fast.motion_x.dtype == np.float32
    moments = np.minimum(np.arange(len(fast.motion)) / MOTION_RATE * speed, picture.duration)
    np.testing.assert_allclose(fast.motion, moments / picture.duration, atol=1e-5)
    np.testing.assert_allclose(fast.motion_x, 1 - 2 * moments / picture.duration, atol=1e-5)


@pytest.mark.parametrize("velocity", [0.0, 0.02, 0.3, 4.0])
@pytest.mark.parametrize("speed", [0.5, 2, 20])
def test_what_moves_is_as_busy_as_something_that_much_faster(velocity: float, speed: float):
    still = seen(activity=1 - np.exp(-velocity / 0.3))
    assert played(still, speed).activity == pytest.approx(1 - np.exp(-velocity * speed / 0.3))


@given(st.floats(0.05, 20), st.floats(0.05, 20), st.fractions(0, 60, max_denominator=60_000))
def test_a_stems_length_is_rounded_once(one: float, other: float, length: Fraction):
    """Two speeds after each other are their product: nothing is rounded on the way."""
    product = play_rate(one) * play_rate(other)
    if length:
        twice = Playback(TimeRange(Fraction(0), Playback(TimeRange(Fraction(0), length), play_rate(one)).duration))
        region = Playback(TimeRange(Fraction(0), length), product)
        assert to_units(twice.duration / play_rate(other), 48_000) == to_units(region.duration, 48_000)
