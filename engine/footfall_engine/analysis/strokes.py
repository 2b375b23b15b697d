"""Strokes: places where something came down and was thrown back up, the gesture of nearly everything that strikes.

Salience
--------
On a grid of GRID_RATE ticks a second, the vertical velocity v (down is positive) of a neighbourhood of cells is
averaged over a time `approach` before a moment and over a time `rebound` after it. What came down and what went up
again are multiplied, so that both are needed; purity says how much of all the movement there was just that:

    gesture(t)  = sqrt( max(0, mean v over [t − approach, t]) · max(0, −mean v over [t, t + rebound]) )
    purity(t)   = gesture(t) / sqrt( mean speed over [t − approach, t] · mean speed over [t, t + rebound] )
    salience(t) = gesture(t) · sqrt(purity(t))

A candidate is a maximum of salience in its neighbourhood of space and time. Gravity is why it is down and up: turned
upside down, the same measure finds the tops of the strokes. Motion that only stops, or only starts, has no salience.
There are two gestures: a CRISP one for bodies that bounce, and a BROAD one for limbs and tools, which swing longer than
they recoil.

A landing is a descent after which nothing near moves up or down any more, such as the last bounce of a ball.

Time
----
In a crisp contact the descent ends and the rebound begins within a frame or two, and the contact lies between the two
moments. A limb or a tool that turns slowly touches late in its turn; there the maximum of salience, which a longer
approach pushes towards the rebound, is the better guess.

Everything works shot by shot and block by block, so that memory does not grow with the region.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter, uniform_filter

from footfall_engine.analysis.falls import find_falls
from footfall_engine.analysis.flow import Field
from footfall_engine.progress import ProgressFn, no_progress

GRID_RATE = 100  # ticks per second
NEIGHBOURS = 3  # cells across that are averaged
ALONE = (0.08, 5)  # seconds on either side, and cells across, in which a candidate is the largest
EDGE_LEVEL = 0.3  # share of its peak at which a descent is taken to have ended, a rebound to have begun
REACH = 0.12  # seconds around a peak in which the two are looked for
QUICK = 0.09  # seconds between the two in a crisp contact
LANDING = 0.08  # seconds of descent before a landing
SETTLE, REST = 0.06, 0.10  # seconds that a landing may take, and that it is then at rest vertically
AT_REST = 0.10  # share of its descent that may still be moving …
BENEATH = 5  # … among so many cells across: what falls on is in the next cell
LEAST_PURITY = 0.3  # of a landing's descent
LEAST_LANDING = 0.01  # heights per second
FALLING, GOES_ON = 0.1, 0.25  # seconds around a fall's end, share of the way down that is still made after it
THROWN_BACK = 0.4  # heights per second upwards after a contact that cannot be a mere stop
FLOOR = 0.004  # heights per second: what noise reaches
SPEED_FLOOR = 0.003  # heights per second: what a still picture seems to move
SMOOTH = 0.03  # seconds, standard deviation, of the liveliness
BLOCK = 30.0  # seconds worked on at a time
OVERLAP = 0.5  # seconds that a block sees of its neighbours

Cube = NDArray[np.float32]
"""Shape = (ticks, rows, columns)."""
Curve = NDArray[np.float32]
"""Shape = (ticks of the region,)."""


@dataclass(frozen=True)
class Gesture:
    """How long the two halves of a stroke are watched, in seconds."""

    approach: float
    rebound: float


CRISP = Gesture(approach=0.12, rebound=0.12)
BROAD = Gesture(approach=0.20, rebound=0.12)


@dataclass(frozen=True)
class Stroke:
    """A candidate for a hit."""

    time: float  # seconds from the region's start
    salience: float  # heights per second
    row: int
    column: int


@dataclass(frozen=True)
class Survey:
    """Strokes of one gesture, in no order, and the largest salience of each tick."""

    strokes: list[Stroke]
    envelope: Curve


@dataclass(frozen=True)
class Sightings:
    """All that may count in a region.

    Attributes
    ----------
    crisp, broad : Survey
        Strokes by gesture.
    landings : list of Stroke
    falls : list of Stroke
    liveliness : Curve
        RMS speed over the picture at each tick, heights per second.
    """

    crisp: Survey
    broad: Survey
    landings: list[Stroke]
    falls: list[Stroke]
    liveliness: Curve


@dataclass(frozen=True)
class Shot:
    """Pairs [first, last) that no cut lies in."""

    first: int
    last: int


@dataclass(frozen=True)
class Block:
    """Movement on the grid of a stretch of a shot, averaged over neighbouring cells."""

    tick: int  # of the region, that the block starts at
    own: NDArray[np.bool_]  # (ticks,): those that this block answers for; the others overlap its neighbours
    v: Cube  # heights per second, down is positive
    speed: Cube


def shots(cuts: NDArray[np.bool_]) -> list[Shot]:
    """Runs of pairs between cuts."""
    edges = [-1, *np.flatnonzero(cuts).tolist(), len(cuts)]
    return [Shot(a + 1, b) for a, b in itertools.pairwise(edges) if b - a > 2]


def survey(field: Field, cuts: NDArray[np.bool_], ticks: int, progress: ProgressFn = no_progress) -> Sightings:
    """Everything in a region of so many grid ticks that may count as a hit."""
    crisp, broad = (Survey([], np.zeros(ticks, np.float32)) for _ in range(2))
    seen = Sightings(crisp, broad, [], falls(field, cuts), np.zeros(ticks, np.float32))
    for block in blocks(field, cuts, ticks):
        progress(block.tick / ticks)
        own = np.flatnonzero(block.own)
        rms = np.sqrt(np.square(block.speed).mean(axis=(1, 2)))
        seen.liveliness[block.tick + own] = gaussian_filter1d(rms, SMOOTH * GRID_RATE)[own]
        for gesture, found in ((CRISP, seen.crisp), (BROAD, seen.broad)):
            salience = stroke_salience(block.v, block.speed, gesture)
            found.envelope[block.tick + own] = salience[own].max(axis=(1, 2))
            found.strokes.extend(_maxima(salience, FLOOR, block, contact_tick))
        seen.landings.extend(_maxima(landing_salience(block.v, block.speed), LEAST_LANDING, block, landing_tick))
    return seen


def falls(field: Field, cuts: NDArray[np.bool_]) -> list[Stroke]:
    """Contacts of the bodies that are seen whole, less stops after which flow sees what is there go on falling."""
    rows, columns = field.v.shape[1:]
    around = (NEIGHBOURS / rows) ** 2  # heights²
    found = []
    for fall in find_falls(field.times, field.bodies, cuts):
        row, column = int(np.clip(fall.y * rows, 0, rows - 1)), int(np.clip(fall.x * rows, 0, columns - 1))
        if fall.rebound > THROWN_BACK or not _goes_on(field, fall.time, column):
            found.append(Stroke(fall.time, fall.jump / 2 * min(1.0, fall.area / around), row, column))
    return found


def _goes_on(field: Field, time: float, column: int) -> bool:
    """Whether what comes down around a column before a time comes down after it, too."""
    first, here, last = np.searchsorted(field.times, [time - FALLING, time, time + FALLING]).tolist()
    columns = slice(max(0, column - 1), column + 2)
    before = field.v[max(0, first - 1) : here, :, columns].astype(np.float32).mean(axis=(1, 2))
    after = field.v[here:last, :, columns].astype(np.float32).mean(axis=(1, 2))
    return after.size > 0 and float(after.mean()) > GOES_ON * float(before.max(initial=0.0)) > 0


def blocks(field: Field, cuts: NDArray[np.bool_], ticks: int) -> Iterator[Block]:
    """Movement of a region on the grid, shot by shot."""
    for shot in shots(cuts):
        times = field.times[shot.first : shot.last + 1]
        begin, end = float(times[0]), min(float(times[-1]), (ticks - 1) / GRID_RATE)
        count = max(1, round((end - begin) / BLOCK))
        for number in range(count):
            core = begin + (end - begin) * number / count, begin + (end - begin) * (number + 1) / count
            first = int(np.ceil(max(begin, core[0] - OVERLAP) * GRID_RATE))
            last = int(np.floor(min(end, core[1] + OVERLAP) * GRID_RATE))
            if last > first:
                yield _block(field, shot, np.arange(first, last + 1), core)


def _block(field: Field, shot: Shot, grid: NDArray[np.int_], core: tuple[float, float]) -> Block:
    seconds = grid / GRID_RATE
    times = field.times[shot.first : shot.last + 1]
    middles = (times[:-1] + times[1:]) / 2
    place = np.interp(seconds, middles, np.arange(len(middles)))
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, len(middles) - 1)
    share = (place - low).astype(np.float32)[:, None, None]

    def on_grid(cells: NDArray[np.float16]) -> Cube:
        pairs = cells[shot.first + low[0] : shot.first + high[-1] + 1].astype(np.float32)
        between = pairs[low - low[0]] * (1 - share) + pairs[high - low[0]] * share
        return uniform_filter(between, size=(1, NEIGHBOURS, NEIGHBOURS))

    own = (seconds >= core[0]) & (seconds < core[1])
    return Block(int(grid[0]), own, on_grid(field.v), on_grid(field.energy))


def stroke_salience(v: Cube, speed: Cube, gesture: Gesture) -> Cube:
    """Salience of every tick and cell, heights per second; see the module."""
    approach, rebound = round(gesture.approach * GRID_RATE), round(gesture.rebound * GRID_RATE)
    came_down = np.maximum(_mean_before(v, approach), 0)
    went_up = np.maximum(-_mean_after(v, rebound), 0)
    salience = np.sqrt(came_down * went_up)
    moved = np.sqrt(np.maximum(_mean_before(speed, approach) * _mean_after(speed, rebound), 0))  # sums round off
    return salience * np.sqrt(salience / (moved + SPEED_FLOOR))


def _mean_before(x: Cube, ticks: int) -> Cube:
    """Mean over the ticks before each; what lies before the start counts as zero."""
    total = np.concatenate([np.zeros_like(x[:1]), np.cumsum(x, axis=0)])
    here = np.arange(len(x))
    return (total[here] - total[np.maximum(here - ticks, 0)]) / ticks


def _mean_after(x: Cube, ticks: int) -> Cube:
    """Mean over each tick and those after it; what lies past the end counts as zero."""
    total = np.concatenate([np.zeros_like(x[:1]), np.cumsum(x, axis=0)])
    here = np.arange(len(x))
    return (total[np.minimum(here + ticks, len(x))] - total[here]) / ticks


def landing_salience(v: Cube, speed: Cube) -> Cube:
    """Descent, heights per second, that ends in vertical rest around each cell after each tick; 0 where it does not."""
    settle, rest = round(SETTLE * GRID_RATE), round(REST * GRID_RATE)
    before = round(LANDING * GRID_RATE)
    came_down = _mean_before(v, before)
    later = _mean_after(np.abs(v), rest)
    later = np.concatenate([later[settle:], np.full_like(v[: min(settle, len(v))], np.inf)])
    later[max(0, len(v) - settle - rest) :] = np.inf
    rests = maximum_filter(later, size=(1, BENEATH, BENEATH)) < AT_REST * came_down
    pure = came_down > LEAST_PURITY * (_mean_before(speed, before) + SPEED_FLOOR)
    return np.where(rests & pure, came_down, 0)


def _maxima(
    salience: Cube, floor: float, block: Block, tick_of: Callable[[NDArray[np.float32], int], float]
) -> Iterator[Stroke]:
    seconds, cells = ALONE
    around = maximum_filter(salience, size=(2 * round(seconds * GRID_RATE) + 1, cells, cells))
    for tick, row, column in np.argwhere((salience >= around) & (salience > floor)).tolist():
        if block.own[tick]:
            time = (block.tick + tick_of(block.v[:, row, column], tick)) / GRID_RATE
            yield Stroke(time, float(salience[tick, row, column]), row, column)


def landing_tick(v: NDArray[np.float32], peak: int) -> float:
    """Tick at which the descent of one cell's velocity (ticks,) is half over, near the salience peak."""
    first = max(0, peak - round(REACH * GRID_RATE))
    near = v[first : peak + round(LANDING * GRID_RATE)]
    fastest = int(np.argmax(near))
    below = np.flatnonzero(near[fastest:] <= near[fastest] / 2)
    return float(first + fastest + (below[0] if below.size else 0))


def contact_tick(v: NDArray[np.float32], peak: int) -> float:
    """Tick of the contact near the salience peak of one cell's velocity (ticks,); see the module's note on time."""
    reach = round(REACH * GRID_RATE)
    first = max(0, peak - reach)
    near = v[first : peak + reach + 1]
    fall, rise = _end_of_descent(near, peak - first), _start_of_rebound(near, peak - first)
    return first + (fall + rise) / 2 if rise - fall < QUICK * GRID_RATE else float(peak)


def _end_of_descent(v: NDArray[np.float32], peak: int) -> float:
    fastest = int(np.argmax(v[: peak + 1]))
    level = EDGE_LEVEL * v[fastest]
    below = np.flatnonzero(v[fastest:] <= level)
    if v[fastest] <= 0 or below.size == 0:
        return float(peak)
    k = fastest + int(below[0])
    return k - float((level - v[k]) / (v[k - 1] - v[k]))


def _start_of_rebound(v: NDArray[np.float32], peak: int) -> float:
    return len(v) - 1 - _end_of_descent(-v[::-1], len(v) - 1 - peak)
