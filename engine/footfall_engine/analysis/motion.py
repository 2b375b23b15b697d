"""How much moves and where, as curves of MOTION_RATE samples a second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from footfall_engine.analysis.flow import Field
from footfall_engine.analysis.picture import MOTION_RATE

WILD = 0.3  # picture heights per second, mean over the picture, of which a region is called about 60 % active
BLOCK = 2048  # pairs that are turned to float32 at a time


def motion_curves(
    field: Field, cuts: NDArray[np.bool_], duration: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Motion, its place, and the region's activity.

    Returns
    -------
    motion, motion_x : ndarray, shape = (round(duration * MOTION_RATE) + 1,), float32
        In [0, 1] and [-1, 1]; see PictureAnalysis.
    activity : float in [0, 1]
    """
    grid = np.arange(round(duration * MOTION_RATE) + 1) / MOTION_RATE
    seen = np.flatnonzero(~cuts)
    if seen.size == 0:
        return np.zeros(grid.size, np.float32), np.zeros(grid.size, np.float32), 0.0
    middles = (field.times[:-1] + field.times[1:])[seen] / 2
    speed, sideways = _speed_and_moment(field)
    motion = np.interp(grid, middles, speed[seen])
    moment = np.interp(grid, middles, sideways[seen])
    busiest = float(np.percentile(motion, 99))
    activity = float(1.0 - np.exp(-np.percentile(motion, 95) / WILD))
    if busiest < 1e-3:
        return np.zeros(grid.size, np.float32), np.zeros(grid.size, np.float32), activity
    place = np.divide(moment, motion, out=np.zeros_like(motion), where=motion > 0.02 * busiest)
    return (
        np.clip(motion / busiest, 0.0, 1.0).astype(np.float32),
        np.clip(place, -1.0, 1.0).astype(np.float32),
        activity,
    )


def columns_x(columns: int) -> NDArray[np.float32]:
    """Screen x, -1…1, of the middle of each column of cells."""
    return ((2 * np.arange(columns) + 1) / columns - 1).astype(np.float32)


def _speed_and_moment(field: Field) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean speed of each pair, and its first moment about the picture's middle."""
    pairs, _, columns = field.energy.shape
    speed, moment = np.empty(pairs, np.float32), np.empty(pairs, np.float32)
    x = columns_x(columns)
    for start in range(0, pairs, BLOCK):
        block = slice(start, start + BLOCK)
        by_column = field.energy[block].astype(np.float32).mean(axis=1)
        speed[block] = by_column.mean(axis=1)
        moment[block] = (by_column * x).mean(axis=1)
    return speed, moment
