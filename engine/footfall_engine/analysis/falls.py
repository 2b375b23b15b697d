"""Falls: bodies that come down and are stopped or thrown back in an instant.

The upper edge of a body is followed from frame to frame. Between contacts it flies, y = y0 + v t + g t² / 2, with one g
for the whole way, or rests on something; at a contact v jumps. Where the curves through the places before and after
meet is the time of the contact, between the frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from footfall_engine.analysis.bodies import Rows

POINTS = 3  # sightings on either side of a contact
SAME_WIDTH, SAME_AREA = 1.2, 1.4  # times as wide and as large, at most, after a contact as before
LONGEST = 0.4  # seconds that those may span
STOPPED = 0.25  # share of its speed that a body may keep on its way down
LEAST_SPEED, LEAST_JUMP = 0.4, 0.35  # heights per second, downwards before, and lost at the contact
STRAY, STRAY_SHARE = 0.003, 0.012  # heights, and seconds of its jump, that sightings may stray from the curves
APART = 0.1  # seconds between two contacts of a body
FEWEST = 8  # sightings that show how a body flies
STEEPEST = 15.0  # heights per second²


@dataclass(frozen=True)
class Fall:
    """A contact at the end of a fall."""

    time: float  # seconds from the region's start
    jump: float  # heights per second by which it was stopped or thrown back …
    rebound: float  # … and those that it goes up with
    x: float  # heights from the left
    y: float  # heights from the top, of the upper edge
    area: float  # heights²


def find_falls(times: NDArray[np.float64], bodies: Rows, cuts: NDArray[np.bool_]) -> list[Fall]:
    """Contacts of all bodies, in no order; `times` are those of the frames, `cuts` those of the pairs."""
    return [fall for way in _ways(times, bodies, cuts) for fall in _falls(way)]


def _ways(times: NDArray[np.float64], bodies: Rows, cuts: NDArray[np.bool_]) -> Iterator[NDArray[np.float64]]:
    """Ways of bodies seen often enough, each of shape (sightings, 5): time, x, y, width, area; none crosses a cut."""
    shot = np.concatenate([[0], np.cumsum(cuts)])
    bodies = bodies[np.argsort(bodies[:, 0], kind="stable")]
    numbers = bodies[:, 1].astype(int)
    other = (np.diff(bodies[:, 0]) != 0) | (np.diff(shot[numbers]) != 0)
    ways = np.column_stack([times[numbers], bodies[:, 2:]])
    starts = np.concatenate([[0], np.flatnonzero(other) + 1])
    ends = np.append(starts[1:], len(ways))
    for k in np.flatnonzero(ends - starts >= FEWEST).tolist():
        yield ways[starts[k] : ends[k]]


def _falls(way: NDArray[np.float64]) -> list[Fall]:
    """Contacts of one body, the hardest first."""
    found = _turns(way, _gravity(way[:, 0], way[:, 2]))
    chosen: list[Fall] = []
    for fall in sorted(found, key=lambda fall: -fall.jump):
        if all(abs(fall.time - other.time) >= APART for other in chosen):
            chosen.append(fall)
    return chosen


def _gravity(times: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Usual acceleration downwards, heights per second²; contacts are rare, so the median does not see them."""
    speed = np.diff(y) / np.diff(times)
    middles = (times[1:] + times[:-1]) / 2
    return float(np.clip(np.median(np.diff(speed) / np.diff(middles)), 0.0, STEEPEST))


def _turns(way: NDArray[np.float64], gravity: float) -> list[Fall]:
    """Contacts between two sightings of a body's way, shape = (sightings, 5), in order of time."""
    near = sliding_window_view(way, 2 * POINTS, axis=0).transpose(0, 2, 1)  # (turns, sightings, 5)
    sides = near[:, :POINTS], near[:, POINTS:]
    last, first = near[:, POINTS - 1, 0], near[:, POINTS, 0]
    here, gap = (last + first) / 2, first - last
    came, went = (_likeliest(side[:, :, 0] - here[:, None], side[:, :, 2], gravity) for side in sides)
    before, after = (np.median(side[:, :, 3:], axis=1) for side in sides)
    same = np.maximum(before / after, after / before) <= (SAME_WIDTH, SAME_AREA)
    jump = came.speed - went.speed
    late = (went.y - came.y) / np.maximum(jump, LEAST_JUMP)
    found = (
        same.all(axis=1)  # what joined or parted from another only seems to jump
        & (near[:, -1, 0] - near[:, 0, 0] <= LONGEST)
        & (came.speed >= LEAST_SPEED)
        & (jump >= LEAST_JUMP)
        & (went.speed <= STOPPED * came.speed)
        & (np.maximum(came.stray, went.stray) <= STRAY + STRAY_SHARE * jump)
        & (np.abs(late) <= gap)
    )
    time = here + np.clip(late, -gap / 2, gap / 2)
    rows = np.column_stack([time, jump, -went.speed, near[:, POINTS, 1:3], before[:, 1]])
    return [Fall(*row) for row in rows[found].tolist()]


class _Curves(NamedTuple):
    """Curves through a few sightings each; all of shape (curves,)."""

    y: NDArray[np.float64]  # at time 0
    speed: NDArray[np.float64]  # at time 0
    stray: NDArray[np.float64]  # RMS of what was seen around it


def _likeliest(times: NDArray[np.float64], y: NDArray[np.float64], gravity: float) -> _Curves:
    """The curve through each row of places: of a body in flight, or of one that rests."""
    flying, resting = _curves(times, y, gravity), _curves(times, y, 0.0)
    flies = flying.stray <= resting.stray
    return _Curves(*(np.where(flies, *pair) for pair in zip(flying, resting, strict=True)))


def _curves(times: NDArray[np.float64], y: NDArray[np.float64], gravity: float) -> _Curves:
    straight = y - gravity / 2 * times**2
    middle, mean = times.mean(axis=1), straight.mean(axis=1)
    away = times - middle[:, None]
    speed = (away * straight).sum(axis=1) / np.square(away).sum(axis=1)
    stray = np.sqrt(np.square(straight - mean[:, None] - speed[:, None] * away).mean(axis=1))
    return _Curves(mean - speed * middle, speed, stray)
