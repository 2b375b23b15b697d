"""Cuts between shots, told from thumbnails.

Across a cut the picture before and the picture after have nothing in common, and stay so: the correlation of their
thumbnails is lost for good. A flash, or something that passes close to the lens, gives the picture back within a
moment; a pan or a fade loses it bit by bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from footfall_engine.analysis.flow import Field

LOST = 0.5  # correlation below which two thumbnails show different things
SUDDEN = 3.0  # times the usual difference of successive thumbnails nearby
LEAST_CHANGE = 4.0  # grey levels
MEMORY = 0.25  # seconds on either side within which the picture must not come back
FLOOR = 2.0  # grey levels of contrast: what a blank picture is taken to have


def cut_pairs(field: Field) -> NDArray[np.bool_]:
    """Which pairs lie across a cut, shape = (pairs,)."""
    pairs = len(field.u)
    cuts = np.zeros(pairs, bool)
    if pairs == 0:
        return cuts
    thumbs = field.thumbs.reshape(len(field.thumbs), -1)
    step = np.array([_difference(thumbs[k], thumbs[k + 1]) for k in range(pairs)])
    for k in np.flatnonzero(step > LEAST_CHANGE):
        cuts[k] = _is_sudden(step, int(k)) and _stays_lost(thumbs, field.times, int(k))
    return cuts


def cut_times(field: Field, cuts: NDArray[np.bool_]) -> tuple[float, ...]:
    """Time of the first picture of every new shot."""
    return tuple(float(time) for time in field.times[1:][cuts])


def _difference(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
    return float(np.abs(after.astype(np.int16) - before).mean())


def _is_sudden(step: NDArray[np.float64], k: int) -> bool:
    near = np.delete(step[max(0, k - 6) : k + 7], min(k, 6))
    return bool(near.size == 0 or step[k] > SUDDEN * np.median(near) + 1.0)


def _stays_lost(thumbs: NDArray[np.uint8], times: NDArray[np.float64], k: int) -> bool:
    before = thumbs[(times <= times[k]) & (times >= times[k] - MEMORY)]
    after = thumbs[(times >= times[k + 1]) & (times <= times[k + 1] + MEMORY)]
    return bool((_normalised(before) @ _normalised(after).T / thumbs.shape[1]).max() < LOST)


def _normalised(thumbs: NDArray[np.uint8]) -> NDArray[np.float64]:
    centred = thumbs - thumbs.mean(axis=1, keepdims=True)
    return centred / (np.sqrt(np.square(centred).mean(axis=1, keepdims=True)) + FLOOR)
