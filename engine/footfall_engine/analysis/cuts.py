"""Cuts between shots, told from thumbnails.

Across a cut the picture before and the picture after have nothing in common, and stay so: either the correlation of
their thumbnails is lost, or they differ many times more than any two successive pictures nearby. A flash, or something
that passes close to the lens, gives the picture back within a moment; a pan or a fade loses it bit by bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from footfall_engine.analysis.flow import Field

LOST = 0.5  # correlation below which two thumbnails show different things
SUDDEN = 3.0  # times the usual difference of successive thumbnails nearby
ABRUPT = 5.0  # times the largest difference nearby: a cut though the pictures are alike
LEAST_CHANGE = 4.0  # grey levels
NEARBY = 6  # pairs on either side
MEMORY = 0.25  # seconds on either side within which the picture must not come back
FLOOR = 2.0  # grey levels of contrast: what a blank picture is taken to have


def cut_pairs(field: Field) -> NDArray[np.bool_]:
    """Which pairs lie across a cut, shape = (pairs,)."""
    pairs = len(field.v)
    cuts = np.zeros(pairs, bool)
    if pairs == 0:
        return cuts
    thumbs = field.thumbs.reshape(len(field.thumbs), -1)
    step = np.abs(np.diff(thumbs.astype(np.int16), axis=0)).mean(axis=1)
    for k in np.flatnonzero(step > LEAST_CHANGE).tolist():
        cuts[k] = _is_cut(thumbs, field.times, step, k)
    return cuts


def cut_times(field: Field, cuts: NDArray[np.bool_]) -> tuple[float, ...]:
    """Time of the first picture of every new shot."""
    return tuple(float(time) for time in field.times[1:][cuts])


def _difference(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
    return float(np.abs(after.astype(np.int16) - before).mean())


def _is_cut(thumbs: NDArray[np.uint8], times: NDArray[np.float64], step: NDArray[np.float64], k: int) -> bool:
    near = np.delete(step[max(0, k - NEARBY) : k + NEARBY + 1], min(k, NEARBY))
    if near.size == 0:
        near = np.zeros(1)
    before = thumbs[(times <= times[k]) & (times >= times[k] - MEMORY)]
    after = thumbs[(times >= times[k + 1]) & (times <= times[k + 1] + MEMORY)]
    if likeness(before, after).max() < LOST and step[k] > SUDDEN * np.median(near) + 1.0:
        return True
    least = min(_difference(one, other) for one in before for other in after)
    return least > ABRUPT * near.max() + LEAST_CHANGE


def likeness(some: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Correlation of flat thumbnails, each of shape (n, pixels), pair by pair; low where both are blank."""
    return _normalised(some) @ _normalised(others).T / some.shape[1]


def _normalised(thumbs: NDArray[np.uint8]) -> NDArray[np.float64]:
    centred = thumbs - thumbs.mean(axis=1, keepdims=True)
    return centred / (np.sqrt(np.square(centred).mean(axis=1, keepdims=True)) + FLOOR)
