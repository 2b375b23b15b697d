"""A true-peak ceiling for streams.

True peak: the largest value between the samples, estimated by four-fold oversampling (ITU-R BS.1770-4, annex 2).
Gain comes down over LOOKAHEAD before a peak and back up after it. It depends only on samples within REACH of the one
it is applied to, so a stream cut into blocks anywhere gives the same samples as one block.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from footfall_engine.media.audio import Audio

CEILING_DBTP = -1.0
OVERSAMPLING = 4
LOOKAHEAD_SAMPLES = 96  # 2 ms at 48 kHz
_TAPS_PER_PHASE = 12
_BLOCK_SAMPLES = 1024
REACH_SAMPLES = 2 * LOOKAHEAD_SAMPLES + _TAPS_PER_PHASE


class TruePeakCeiling:
    """Feed blocks, get back as many samples as went in once `flush` is called; quiet sound passes untouched."""

    def __init__(self, channels: int, ceiling_dbtp: float = CEILING_DBTP) -> None:
        self._ceiling = 10 ** (ceiling_dbtp / 20)
        self._past: Audio = np.zeros((channels, REACH_SAMPLES), np.float32)
        self._waiting: Audio = np.zeros((channels, 0), np.float32)

    def feed(self, block: Audio) -> Audio:
        """Samples that are ready, shape = (channels, n); the last REACH_SAMPLES wait for what comes next."""
        self._waiting = np.concatenate([self._waiting, block], axis=1)
        return self._release(self._waiting.shape[1] - REACH_SAMPLES, self._waiting)

    def flush(self) -> Audio:
        silence = np.zeros((len(self._past), REACH_SAMPLES), np.float32)
        return self._release(self._waiting.shape[1], np.concatenate([self._waiting, silence], axis=1))

    def _release(self, ready: int, future: Audio) -> Audio:
        if ready <= 0:
            return future[:, :0]
        context = np.concatenate([self._past, future], axis=1)
        gain = ceiling_gain(context, self._ceiling)[REACH_SAMPLES : REACH_SAMPLES + ready]
        out = context[:, REACH_SAMPLES : REACH_SAMPLES + ready] * gain
        self._past = context[:, ready : ready + REACH_SAMPLES]
        self._waiting = self._waiting[:, ready:]
        return out


def limited(audio: Audio, ceiling_dbtp: float = CEILING_DBTP) -> Audio:
    """A whole piece under the ceiling."""
    ceiling = TruePeakCeiling(len(audio), ceiling_dbtp)
    return np.concatenate([ceiling.feed(audio), ceiling.flush()], axis=1)


def ceiling_gain(audio: Audio, ceiling: float) -> NDArray[np.float32]:
    """Gain for each sample, shape = (samples,), in (0, 1], the same for all channels."""
    from scipy.ndimage import minimum_filter1d, uniform_filter1d

    loud = _loud_stretches(audio, ceiling / _worst_overshoot())
    gain = np.ones(audio.shape[1], np.float32)
    for start, end in loud:
        wanted = np.minimum(1.0, ceiling / np.maximum(true_peaks(audio[:, start:end]), 1e-9))
        held = minimum_filter1d(wanted, 2 * LOOKAHEAD_SAMPLES + 1, mode="nearest")
        gain[start:end] = uniform_filter1d(held, 2 * LOOKAHEAD_SAMPLES + 1, mode="nearest")
    return gain


def _loud_stretches(audio: Audio, threshold: float) -> list[tuple[int, int]]:
    """Where a true peak could pass the ceiling, in whole blocks with a quiet one on either side."""
    samples = audio.shape[1]
    if not samples:
        return []
    blocks = np.arange(0, samples, _BLOCK_SAMPLES)
    highest, lowest = np.maximum.reduceat(audio, blocks, axis=1), np.minimum.reduceat(audio, blocks, axis=1)
    loud = np.maximum(highest, -lowest).max(axis=0) > threshold
    near = loud.copy()
    near[1:] |= loud[:-1]
    near[:-1] |= loud[1:]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], near, [0]]).astype(int)))
    return [(int(a) * _BLOCK_SAMPLES, min(int(b) * _BLOCK_SAMPLES, samples)) for a, b in edges.reshape(-1, 2)]


def true_peaks(audio: Audio) -> NDArray[np.float32]:
    """Largest magnitude over the channels on and around each sample, shape = (samples,), linear."""
    from scipy.ndimage import maximum_filter1d
    from scipy.signal import upfirdn

    fine = np.abs(upfirdn(_interpolator(), audio, up=OVERSAMPLING, axis=1)).max(axis=0)
    delay = len(_interpolator()) // 2
    fine = fine[delay : delay + OVERSAMPLING * audio.shape[1]]
    between = maximum_filter1d(fine, 2 * OVERSAMPLING - 1, mode="nearest")[::OVERSAMPLING]
    return np.maximum(between, np.abs(audio).max(axis=0))


def true_peak_db(audio: Audio) -> float:
    """dBTP of a piece; -inf for silence."""
    if not audio.size:
        return -np.inf
    with np.errstate(divide="ignore"):
        return float(20 * np.log10(true_peaks(audio).max()))


@cache
def _interpolator() -> NDArray[np.float32]:
    """Windowed-sinc low-pass for the four-fold oversampling, unit gain, odd length."""
    half = OVERSAMPLING * _TAPS_PER_PHASE // 2
    at = np.arange(-half, half + 1)
    return (np.sinc(at / OVERSAMPLING) * np.kaiser(len(at), 6.0)).astype(np.float32)


@cache
def _worst_overshoot() -> float:
    """How far above the largest sample anything in between can lie, whatever the signal."""
    taps = np.abs(_interpolator())
    return float(max(taps[phase::OVERSAMPLING].sum() for phase in range(OVERSAMPLING)))
