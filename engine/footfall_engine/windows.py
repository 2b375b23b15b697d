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
from footfall_engine.media.audio import Audio

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
    """`new` with its beginning blended out of all of `old` at equal power; shapes = (..., n) and (..., m), n <= m."""
    n = old.shape[-1]
    rise = fade_in(n)
    return np.concatenate([old * rise[::-1] + new[..., :n] * rise, new[..., n:]], axis=-1)


def fade_in(samples: int) -> NDArray[np.float32]:
    """Rising half of an equal-power crossfade: its square and its mirror's square add up to 1."""
    return np.sin(np.pi / 2 * (np.arange(samples) + 0.5) / max(1, samples)).astype(np.float32)


def patch_weight(start: int, end: int, at: NDArray[np.int64], fade_samples: int) -> NDArray[np.float32]:
    """Angle 0…pi/2 of the new sound at each sample: 0 outside [start, end), rising and falling over `fade_samples`."""
    from_edge = np.minimum(at - start + 0.5, end - at - 0.5) / fade_samples
    return (np.pi / 2 * np.clip(from_edge, 0.0, 1.0)).astype(np.float32)


def patched(old: Audio, new: Audio, angle: NDArray[np.float32]) -> Audio:
    """`new` laid into `old` at equal power by `patch_weight`; shapes = (channels, n)."""
    return old * np.cos(angle) + new * np.sin(angle)


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
