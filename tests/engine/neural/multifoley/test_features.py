"""What the network is told of the picture, column by column."""

from __future__ import annotations

import numpy as np
import pytest
from footfall_bridge.messages import Hit, HitKind
from footfall_engine.models.base import TimedHit
from footfall_engine.models.multifoley.features import (
    CHANNELS,
    EVENT_CHANNELS,
    KINDS,
    cavp_track,
    column_middles,
    event_track,
    look_time,
)
from footfall_engine.models.multifoley.sizes import CAVP_FEATURES, LATENT_RATE
from hypothesis import given
from hypothesis import strategies as st

STILL = np.zeros(0, np.float32)
NEAR_BEFORE, NEAR_AFTER, PLACE, SIZE, MOTION, CHANGE = range(len(KINDS), EVENT_CHANNELS)


@given(time=st.floats(0.1, 1.9), strength=st.floats(0, 1))
def test_an_events_time_can_be_read_off_its_columns(time, strength):
    track = event_track([Hit(time=time, strength=strength)], STILL, 2.0)
    struck = track[KINDS.index("impact")]
    assert float(struck @ column_middles(80) / struck.sum()) == pytest.approx(time, abs=1e-4)
    assert struck.sum() == pytest.approx(0.3 + 0.7 * strength, abs=1e-4)
    assert np.count_nonzero(struck) <= 2


@pytest.mark.parametrize("kind", list(HitKind))
def test_each_kind_has_a_channel_of_its_own(kind):
    track = event_track([Hit(time=0.5, kind=kind)], STILL, 1.0)
    assert [name for name, channel in zip(KINDS, track, strict=False) if channel.any()] == [kind.value]


def test_the_engines_own_events_are_understood_as_they_are():
    hit = Hit(time=0.5, strength=0.6, x=-0.4, size=0.3, kind=HitKind.STEP)
    np.testing.assert_array_equal(event_track([hit], STILL, 1.0), event_track([TimedHit.of(hit, 0, 0.0)], STILL, 1.0))


def test_nearness_peaks_at_events_and_looks_both_ways():
    track = event_track([Hit(time=0.5, x=-0.5, size=0.4), Hit(time=1.0, x=0.5, size=0.1)], STILL, 1.5)
    middles = column_middles(60)
    assert track[NEAR_BEFORE][middles < 0.5].max() == 0
    assert (
        abs(middles[track[NEAR_BEFORE].argmax()] - 0.5) < 0.02 or abs(middles[track[NEAR_BEFORE].argmax()] - 1) < 0.02
    )
    assert track[NEAR_AFTER][middles > 1.0].max() == 0
    assert track[PLACE][30] == -0.5
    assert track[PLACE][50] == 0.5
    assert track[SIZE][50] == pytest.approx(0.1)


def test_events_before_and_after_the_sound_are_felt_at_its_edges():
    hits = [TimedHit(-0.05, 1.0, 0.2, 0.1, "impact", 0), TimedHit(1.05, 1.0, 0.2, 0.1, "impact", 1)]
    track = event_track(hits, STILL, 1.0)
    assert not track[: len(KINDS)].any()
    assert track[NEAR_BEFORE][0] > 0.5
    assert track[NEAR_AFTER][-1] > 0.5


def test_movement_is_told_at_the_middles_of_columns_and_holds_past_its_end():
    motion = np.linspace(0, 1, 101).astype(np.float32)
    track = event_track([], motion, 2.0)
    np.testing.assert_allclose(track[MOTION][:40], column_middles(40), atol=1e-5)
    np.testing.assert_allclose(track[MOTION][40:], 1)
    np.testing.assert_allclose(track[CHANGE][1:40], 1 / LATENT_RATE, atol=1e-5)


@given(duration=st.floats(0.001, 30), hits=st.lists(st.floats(0, 31), max_size=20))
def test_a_track_is_as_long_as_its_latents_and_bounded(duration, hits):
    track = event_track([Hit(time=time) for time in sorted(hits)], STILL, duration)
    assert track.shape == (CHANNELS["events"], -(-round(duration * 48_000) // 1200))
    assert track.dtype == np.float32
    assert np.isfinite(track).all()


def test_features_of_pictures_are_interpolated_between_their_times():
    rows = np.repeat([[look_time(row)] for row in range(16)], CAVP_FEATURES, axis=1).astype(np.float32)
    track = cavp_track(rows, 80)
    assert track.shape == (CAVP_FEATURES, 80)
    inside = slice(3, 77)  # columns between the first row's time and the last one's
    np.testing.assert_allclose(
        track[:, inside], np.repeat(column_middles(80)[None, inside], CAVP_FEATURES, 0), atol=1e-5
    )


def test_the_first_and_last_picture_hold_to_the_edges():
    rows = np.arange(3, dtype=np.float32)[:, None].repeat(CAVP_FEATURES, 1)
    track = cavp_track(rows, 40)
    assert (track[:, 0] == 0).all()
    assert (track[:, -1] == 2).all()


def test_one_picture_stands_for_a_very_short_sound():
    rows = np.ones((1, CAVP_FEATURES), np.float32)
    assert (cavp_track(rows, 8) == 1).all()
