"""Strokes: places where something came down and was thrown back up, the gesture of nearly everything that strikes.

Salience
--------
On a grid of GRID_RATE ticks a second, the vertical velocity v (down is positive) of a neighbourhood of cells is
averaged over APPROACH seconds before a moment and over REBOUND seconds after it. What came down and what went up again
are multiplied, so that both are needed:

    salience(t) = sqrt( max(0, mean v over [t − APPROACH, t]) · max(0, −mean v over [t, t + REBOUND]) )

A candidate is a maximum of salience in its neighbourhood of space and time. Gravity is why it is down and up: the same
measure turned upside down finds the tops of the strokes. Motion that only stops or only starts has little salience.

Time
----
In a crisp contact the descent ends and the rebound begins within a frame or two, and the contact lies between the two
moments. A limb or a tool that turns slowly touches late in its turn; there the maximum of salience, which a longer
approach pushes towards the rebound, is the better guess.

Everything works shot by shot and block by block, so that memory does not grow with the region.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, uniform_filter

from footfall_engine.analysis.flow import Field

GRID_RATE = 100  # ticks per second
APPROACH = 0.20  # seconds
REBOUND = 0.12  # seconds
NEIGHBOURS = 3  # cells across that are averaged
ALONE = (0.08, 5)  # seconds on either side, and cells across, in which a candidate is the largest
EDGE_LEVEL = 0.3  # share of its peak at which a descent is taken to have ended, a rebound to have begun
CRISP = 0.045  # seconds between the two
FLOOR = 0.004  # heights per second: what noise reaches
BLOCK = 30.0  # seconds worked on at a time
OVERLAP = 0.5  # seconds that a block sees of its neighbours

Cube = NDArray[np.float32]
"""Shape = (ticks, rows, columns)."""


@dataclass(frozen=True)
class Stroke:
    """A candidate for a hit."""

    time: float  # seconds from the region's start
    salience: float  # heights per second
    row: int
    column: int


@dataclass(frozen=True)
class Shot:
    """Pairs [first, last) that no cut lies in."""

    first: int
    last: int


def shots(cuts: NDArray[np.bool_]) -> list[Shot]:
    """Runs of pairs between cuts."""
    edges = [-1, *np.flatnonzero(cuts).tolist(), len(cuts)]
    return [Shot(a + 1, b) for a, b in itertools.pairwise(edges) if b - a > 2]


def find_strokes(field: Field, cuts: NDArray[np.bool_], envelope: NDArray[np.float32]) -> list[Stroke]:
    """Every candidate of a region, in no order; `envelope` gets the largest salience of each tick of the region."""
    found: list[Stroke] = []
    for shot in shots(cuts):
        for start, (core_begin, core_end), v in vertical_blocks(field, shot):
            salience = stroke_salience(v)
            ticks = np.arange(start, start + len(v))
            own = (ticks >= core_begin * GRID_RATE) & (ticks < core_end * GRID_RATE) & (ticks < len(envelope))
            envelope[ticks[own]] = salience[own].max(axis=(1, 2))
            found += [stroke for stroke in _maxima(salience, v, start) if core_begin <= stroke.time < core_end]
    return found


def vertical_blocks(field: Field, shot: Shot) -> Iterator[tuple[int, tuple[float, float], Cube]]:
    """Vertical velocity of a shot on the grid, in overlapping blocks.

    Yields the first tick, the seconds [start, end) that the block is responsible for, and the velocities averaged over
    NEIGHBOURS × NEIGHBOURS cells.
    """
    times = field.times[shot.first : shot.last + 1]
    middles = (times[:-1] + times[1:]) / 2
    begin, end = float(times[0]), float(times[-1])
    count = max(1, round((end - begin) / BLOCK))
    for number in range(count):
        core = (begin + (end - begin) * number / count, begin + (end - begin) * (number + 1) / count)
        first = int(np.ceil(max(begin, core[0] - OVERLAP) * GRID_RATE))
        last = int(np.floor(min(end, core[1] + OVERLAP) * GRID_RATE))
        grid = np.arange(first, last + 1) / GRID_RATE
        place = np.interp(grid, middles, np.arange(len(middles)))
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, len(middles) - 1)
        share = (place - low).astype(np.float32)[:, None, None]
        rows = field.v[shot.first : shot.last]
        v = rows[low].astype(np.float32) * (1 - share) + rows[high].astype(np.float32) * share
        yield first, core, uniform_filter(v, size=(1, NEIGHBOURS, NEIGHBOURS))


def stroke_salience(v: Cube) -> Cube:
    """Salience of every tick and cell, heights per second; see the module."""
    ticks = np.arange(len(v))
    total = np.concatenate([np.zeros_like(v[:1]), np.cumsum(v, axis=0)])
    approach, rebound = round(APPROACH * GRID_RATE), round(REBOUND * GRID_RATE)
    came_down = (total[ticks] - total[np.maximum(ticks - approach, 0)]) / approach
    went_up = (total[ticks] - total[np.minimum(ticks + rebound, len(v))]) / rebound
    return np.sqrt(np.maximum(came_down, 0) * np.maximum(went_up, 0))


def _maxima(salience: Cube, v: Cube, start: int) -> Iterator[Stroke]:
    seconds, cells = ALONE
    around = maximum_filter(salience, size=(2 * round(seconds * GRID_RATE) + 1, cells, cells))
    for tick, row, column in np.argwhere((salience >= around) & (salience > FLOOR)).tolist():
        time = (start + contact_tick(v[:, row, column], tick)) / GRID_RATE
        yield Stroke(time, float(salience[tick, row, column]), row, column)


def contact_tick(v: NDArray[np.float32], peak: int) -> float:
    """Tick of the contact near the salience peak of one cell's velocity (ticks,); see the module's note on time."""
    reach = round(REBOUND * GRID_RATE)
    first = max(0, peak - reach)
    near = v[first : peak + reach + 1]
    fall, rise = _end_of_descent(near, peak - first), _start_of_rebound(near, peak - first)
    crisp = rise - fall < CRISP * GRID_RATE
    return first + (fall + rise) / 2 if crisp else float(peak)


def _end_of_descent(v: NDArray[np.float32], peak: int) -> float:
    fastest = int(np.argmax(v[: peak + 1]))
    level = EDGE_LEVEL * v[fastest]
    below = np.flatnonzero(v[fastest:] <= level)
    if v[fastest] <= 0 or below.size == 0 or below[0] == 0:
        return float(peak)
    k = fastest + int(below[0])
    return k - float((level - v[k]) / (v[k - 1] - v[k]))


def _start_of_rebound(v: NDArray[np.float32], peak: int) -> float:
    return len(v) - 1 - _end_of_descent(-v[::-1], len(v) - 1 - peak)
