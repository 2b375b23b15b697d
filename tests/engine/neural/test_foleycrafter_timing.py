"""One condition from any source of timing: detector, label, the engine's events, the user's."""

from __future__ import annotations

import numpy as np
import pytest
from footfall_engine.models.base import TimedHit
from footfall_engine.models.foleycrafter import timing
from footfall_engine.models.foleycrafter.timing import Stretch
from hypothesis import assume, given
from hypothesis import strategies as st

SECONDS = st.floats(0.05, 30, allow_subnormal=False)
STRETCHES = st.lists(
    st.builds(
        lambda start, length, level: Stretch(start, start + length, level),
        st.floats(-5, 30), st.floats(0, 5), st.floats(-1, 1),
    ),
    max_size=8,
)  # fmt: skip


def row(stretches: list[Stretch], seconds: float, start: float = 0.0, rate: float = 100.0) -> np.ndarray:
    return timing.picture(stretches, seconds, start, rate)[0, 0]


@given(STRETCHES, SECONDS)
def test_a_condition_is_rows_alike_between_silent_and_sounding(stretches: list[Stretch], seconds: float) -> None:
    picture = timing.picture(stretches, seconds)
    assert picture.shape == (1, 256, 1024) and picture.dtype == np.float32
    assert (picture == picture[:, :1]).all() and np.abs(picture).max() <= 1
    assert (picture[0, 0, int(102.4 * seconds) :] == -1).all()


@given(STRETCHES, SECONDS)
def test_order_and_repetition_do_not_matter_and_more_stretches_never_silence(
    stretches: list[Stretch], seconds: float
) -> None:
    one = row(stretches, seconds)
    assert np.array_equal(one, row([*reversed(stretches), *stretches], seconds))
    assert (row(stretches[:-1], seconds) <= one).all()


@given(STRETCHES, st.integers(0, 1000))
def test_windows_of_a_long_region_agree_where_they_overlap(stretches: list[Stretch], later: int) -> None:
    on_columns = [Stretch(round(each.start, 2), round(each.end, 2), each.level) for each in stretches]
    first, second = row(on_columns, 30.0), row(on_columns, 30.0, start=later / 100)
    shared = len(first) - later
    assert shared <= 0 or np.array_equal(first[later:], second[:shared])


@given(st.lists(st.booleans(), min_size=1, max_size=150), st.floats(0.5, 10))
def test_the_same_moments_draw_the_same_whoever_knows_them(sounds: list[bool], seconds: float) -> None:
    """A detector's answers, the label's, and events as long as one answer."""
    step = seconds / len(sounds)
    probabilities = np.where(sounds, 0.9, 0.1)
    hits = [TimedHit(n * step, 1.0, 0.0, 1.0, "hit", n) for n, sounding in enumerate(sounds) if sounding]
    detected = row(timing.of_probabilities(probabilities, 0.0, seconds), seconds)
    alike = row(timing.of_similarity(probabilities, 1 / step, calibrated=False, smooth=False), seconds)
    given_by_hand = row(timing.of_events(hits, hit_sec=step), seconds)
    assert np.mean(detected != alike) < 0.01  # a boundary may fall on either side of a column by rounding
    assert np.mean(detected != given_by_hand) < 0.01


@given(st.lists(st.floats(0, 9.7), max_size=20))
def test_every_hit_is_seen_and_at_its_own_time(times: list[float]) -> None:
    hits = [TimedHit(time, 0.1, 0.0, 1.0, "hit", number) for number, time in enumerate(sorted(times))]
    drawn = row(timing.of_events(hits), 10.0)
    for time in times:
        assert drawn[int(np.ceil(time * 100 - 1e-6))] == 1
    assert (drawn == 1).any() == bool(times)


def test_hits_before_the_window_ring_into_it_only_as_long_as_they_sound() -> None:
    hits = [TimedHit(-0.05, 1.0, 0.0, 1.0, "hit", 0), TimedHit(-3.0, 1.0, 0.0, 1.0, "hit", 1)]
    assert np.flatnonzero(row(timing.of_events(hits), 2.0) == 1).tolist() == list(range(7))


@given(st.lists(st.floats(-0.25, 0.5), min_size=2, max_size=60), st.floats(0.01, 5), st.floats(-1, 1))
def test_calibration_undoes_any_scale_and_shift(cosines: list[float], scale: float, shift: float) -> None:
    similar = np.array(cosines, np.float64)
    assume(np.ptp(similar) >= 1e-3 and np.ptp(similar) * scale >= 1e-3)
    levels = row(timing.of_similarity(similar, 10.0, True, True), 6.0)
    assert np.allclose(levels, row(timing.of_similarity(similar * scale + shift, 10.0, True, True), 6.0), atol=1e-6)
    assert levels.max() == 1


def test_a_clip_that_looks_alike_throughout_sounds_throughout() -> None:
    assert (row(timing.of_similarity(np.full(20, 0.21), 10.0, True, False), 2.0)[:200] == 1).all()


def test_a_smooth_condition_has_levels_between() -> None:
    similar = np.linspace(0.1, 0.3, 50)
    smooth = row(timing.of_similarity(similar, 10.0, True, True), 5.0)[:500]
    binary = row(timing.of_similarity(similar, 10.0, True, False), 5.0)[:500]
    assert len(np.unique(smooth)) == 50 and (np.diff(smooth) >= 0).all()
    assert set(np.unique(binary)) == {-1.0, 1.0}
    assert np.array_equal(binary > 0, smooth >= 0)


@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_a_trained_similarity_is_taken_as_it_is(threshold: float) -> None:
    drawn = row(timing.of_similarity(np.array([0.2, 0.4, 0.6]), 1.0, False, False, threshold), 3.0)
    assert [drawn[50], drawn[150], drawn[250]] == [-1.0, 1.0 if threshold < 0.4 else -1.0, 1.0]
