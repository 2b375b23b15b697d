"""What the engine knows of a region once it has looked: the product of analysis, kept in the cache."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from footfall_bridge.messages import Hit
from numpy.typing import NDArray

MOTION_RATE = 100
"""Samples of the motion curves per second."""


@dataclass(frozen=True)
class PictureAnalysis:
    """Events and movement of one region; times count from its start.

    Attributes
    ----------
    duration : float
        Seconds of the region.
    hits : tuple of Hit
        Visible events in order of time.
    motion : ndarray, shape = (round(duration * MOTION_RATE) + 1,), float32 in [0, 1]
        How much moves, camera motion removed; 1 is the busiest moment (99th percentile) of the region.
    motion_x : ndarray, same shape, float32 in [-1, 1]
        Where it moves, from the left edge of the picture to the right; 0 where nothing does.
    activity : float in [0, 1]
        How busy the region is on an absolute scale (`motion` is relative): 0 a still picture, 1 wild movement.
    cuts : tuple of float
        Times of the cuts between shots.
    frame_rate : float
        Mean picture rate of the region, frames per second.
    """

    duration: float
    hits: tuple[Hit, ...]
    motion: NDArray[np.float32]
    motion_x: NDArray[np.float32]
    activity: float
    cuts: tuple[float, ...]
    frame_rate: float
