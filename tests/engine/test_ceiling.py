"""The true-peak ceiling."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from footfall_engine.media.ceiling import CEILING_DBTP, TruePeakCeiling, limited, true_peak_db
from hypothesis import given, settings
from hypothesis import strategies as st

RATE = 48_000


def noise(seconds: float, level: float, channels: int = 2, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal((channels, round(seconds * RATE)))).astype(np.float32)


def test_loud_sound_stays_under_the_ceiling():
    loud = noise(1.0, 0.8)
    assert true_peak_db(loud) > 3
    assert true_peak_db(limited(loud)) <= CEILING_DBTP + 0.05


def test_a_peak_between_two_samples_is_seen():
    quarter = np.sin(2 * np.pi * 12_000 * np.arange(4800) / RATE + np.pi / 4).astype(np.float32)[None]
    assert np.abs(quarter).max() < 0.71
    assert abs(true_peak_db(quarter)) < 0.3


def test_quiet_sound_passes_untouched():
    quiet = noise(0.5, 0.05)
    assert np.array_equal(limited(quiet), quiet)


def test_silence_stays_silence():
    assert not limited(np.zeros((2, 1000), np.float32)).any()


def test_both_channels_get_the_same_gain_so_that_the_image_stays():
    loud = noise(0.2, 0.8)
    loud[1] = 0.5 * loud[0]
    out = limited(loud)
    np.testing.assert_allclose(out[1], 0.5 * out[0], rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=12), st.floats(0.05, 1.5), st.integers(0, 2**31))
def test_cutting_a_stream_into_blocks_anywhere_gives_the_same_samples(lengths: list[int], level: float, seed: int):
    whole = noise(sum(lengths) / RATE, level, seed=seed)
    whole = whole[:, : sum(lengths)]
    ceiling = TruePeakCeiling(2)
    edges = np.cumsum([0, *lengths])
    blocks = [ceiling.feed(whole[:, a:b]) for a, b in pairwise(edges)]
    streamed = np.concatenate([*blocks, ceiling.flush()], axis=1)
    assert streamed.shape == whole.shape
    np.testing.assert_allclose(streamed, limited(whole), atol=1e-6)
