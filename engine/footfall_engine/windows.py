"""Long regions in windows that a model can hold, and their sound joined again."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
from footfall_bridge.timeline import TimeRange, to_units
from numpy.typing import NDArray

from footfall_engine.analysis.picture import MOTION_RATE

GRID = Fraction(1, MOTION_RATE)
"""Windows start on this grid (seconds), so that motion curves are cut between their samples."""
_EARLIEST_CUT = Fraction(3, 4)  # of the span


def split(whole: TimeRange, span: float, overlap: float, hit_times: Sequence[float]) -> list[TimeRange]:
    """Cover `whole` with windows of at most `span` seconds that share `overlap`, cut where events are farthest away."""
    shared = _on_grid(Fraction(overlap))
    longest = Fraction(span) - shared
    pieces = []
    start = _on_grid(whole.start)
    while whole.end - start > Fraction(span):
        cut = _quietest(start + longest * _EARLIEST_CUT, start + longest, hit_times)
        pieces.append(TimeRange(start, cut + shared))
        start = cut
    return [*pieces, TimeRange(start, whole.end)]


def join(pieces: Iterable[NDArray[np.float32]], overlap: float, sample_rate: int) -> Iterator[NDArray[np.float32]]:
    """Windows' sound, shape = (..., samples) each, as one stream of blocks, crossfaded at equal power."""
    shared = to_units(_on_grid(Fraction(overlap)), sample_rate)
    held: NDArray[np.float32] | None = None
    for audio in pieces:
        if held is not None:
            audio = crossfaded(held, audio)
        ready = max(0, audio.shape[-1] - shared)
        yield audio[..., :ready]
        held = audio[..., ready:]
    if held is not None:
        yield held


def crossfaded(old: NDArray[np.float32], new: NDArray[np.float32]) -> NDArray[np.float32]:
    """`new` with its beginning blended out of all of `old`; shapes = (..., n) and (..., m), n <= m."""
    n = old.shape[-1]
    angle = np.pi / 2 * (np.arange(n) + 0.5) / max(1, n)
    return np.concatenate([blended(old, new[..., :n], angle), new[..., n:]], axis=-1)


def blended(old: NDArray[np.float32], new: NDArray[np.float32], angle: NDArray[np.float64]) -> NDArray[np.float32]:
    """From `old` at angle 0 to `new` at pi/2, at equal power; shapes = (..., n), `angle` (n,).

    Two gains of cos and sin keep the power of unrelated sounds and lift that of like ones by up to 3 dB, so they are
    divided by the power that sounds correlated by r would have.
    """
    gain_old, gain_new = np.cos(angle), np.sin(angle)
    both = (angle > 0) & (angle < np.pi / 2)
    power = np.sqrt(1 + 2 * _correlation(old[..., both], new[..., both]) * gain_old * gain_new)
    return (old * (gain_old / power) + new * (gain_new / power)).astype(np.float32)


def patch_angle(start: int, end: int, at: NDArray[np.int64], fade_samples: int) -> NDArray[np.float64]:
    """Angle 0…pi/2 of the new sound at each sample: 0 outside [start, end), rising and falling over `fade_samples`."""
    from_edge = np.minimum(at - start + 0.5, end - at - 0.5) / fade_samples
    return np.pi / 2 * np.clip(from_edge, 0.0, 1.0)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """How alike two sounds are, 0 (unrelated, or opposed) … 1 (the same)."""
    energy = float(np.sqrt(np.sum(one.astype(np.float64) ** 2) * np.sum(other.astype(np.float64) ** 2)))
    return min(1.0, max(0.0, float(np.sum(one.astype(np.float64) * other)) / energy)) if energy else 0.0


def _quietest(earliest: Fraction, latest: Fraction, hit_times: Sequence[float]) -> Fraction:
    """Middle of the longest stretch without events in [earliest, latest], on the grid; `latest` when all is quiet."""
    first, last = bisect.bisect_left(hit_times, earliest), bisect.bisect_right(hit_times, latest)
    if first == last:
        return _on_grid(latest)
    times = [float(earliest), *hit_times[first:last], float(latest)]
    _, middle = max((after - before, (before + after) / 2) for before, after in pairwise(times))
    return max(_on_grid(earliest), _on_grid(Fraction(middle)))


def _on_grid(time: Fraction) -> Fraction:
    return time // GRID * GRID
