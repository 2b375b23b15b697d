"""Falls: bodies that come down and are stopped or thrown back in an instant.

The upper edge of a body is followed from frame to frame. Between contacts it flies, y = y0 + v t + g t² / 2, with one g
for the whole way, or rests on something; at a contact v jumps. Where the curves through the places before and after
meet is the time of the contact, between the frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median_low
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from footfall_engine.analysis.bodies import Rows

LOST = 0.2  # seconds that a body may be hidden
ASIDE, ASIDE_SPEED = 0.04, 0.5  # heights, and heights per second unseen, that a body may be beside where it should be
ABOVE, ABOVE_SPEED = 0.08, 0.6  # the same above where it is between its last place and the next
AS_WIDE, AS_LARGE = 1.6, 2.2  # times, at most, what it was a moment ago
RECENT = 7  # sightings that say what it was
POINTS = 3  # sightings on either side of a contact
SAME_WIDTH, SAME_AREA = 1.2, 1.4  # times as wide and as large, at most, after a contact as before
LONGEST = 0.4  # seconds that those may span
STOPPED = 0.25  # share of its speed that a body may keep on its way down
LEAST_SPEED, LEAST_JUMP = 0.2, 0.35  # heights per second, downwards before, and lost at the contact
STRAY, STRAY_SHARE = 0.003, 0.012  # heights, and seconds of its jump, that sightings may stray from the curves
APART = 0.1  # seconds between two contacts of a body
FEWEST = 8  # sightings that show how a body flies
STEEPEST = 15.0  # heights per second²


@dataclass(frozen=True)
class Fall:
    """A contact at the end of a fall."""

    time: float  # seconds from the region's start
    jump: float  # heights per second by which it was stopped or thrown back
    x: float  # heights from the left
    y: float  # heights from the top, of the upper edge
    area: float  # heights²


class _Sighting(NamedTuple):
    time: float
    x: float
    y: float
    width: float
    area: float


@dataclass
class _Track:
    """A body on its way, and how it is expected to look and go on."""

    seen: list[_Sighting]
    vx: float = 0.0
    vy: float = 0.0
    width: float = field(init=False)
    area: float = field(init=False)

    def __post_init__(self) -> None:
        self.width, self.area = self.seen[0].width, self.seen[0].area

    def add(self, here: _Sighting) -> None:
        last = self.seen[-1]
        self.vx, self.vy = (here.x - last.x) / (here.time - last.time), (here.y - last.y) / (here.time - last.time)
        self.seen.append(here)
        recent = self.seen[-RECENT:]
        self.width = median_low([sighting.width for sighting in recent])
        self.area = median_low([sighting.area for sighting in recent])

    def strangeness(self, here: _Sighting) -> float:
        """How far it would be off its way there, in units of what is possible; infinite for another body."""
        if not (_alike(here.width, self.width, AS_WIDE) and _alike(here.area, self.area, AS_LARGE)):
            return np.inf
        last = self.seen[-1]
        unseen = here.time - last.time
        aside = abs(here.x - last.x - self.vx * unseen) / (ASIDE + ASIDE_SPEED * unseen)
        high, low = sorted((last.y, last.y + self.vy * unseen))
        above = max(high - here.y, here.y - low, 0.0) / (ABOVE + ABOVE_SPEED * unseen)
        return aside + above if max(aside, above) <= 1 else np.inf


def find_falls(times: NDArray[np.float64], bodies: Rows, cuts: NDArray[np.bool_]) -> list[Fall]:
    """Contacts of all bodies, in no order; `times` are those of the frames, `cuts` those of the pairs."""
    return [fall for track in _tracks(times, bodies, cuts) if len(track) >= FEWEST for fall in _falls(track)]


def _tracks(times: NDArray[np.float64], bodies: Rows, cuts: NDArray[np.bool_]) -> Iterator[list[_Sighting]]:
    """Ways of bodies, each over when the body has been out of sight for long, or at a cut."""
    following: list[_Track] = []
    starts = np.searchsorted(bodies[:, 0], np.arange(len(times) + 1))
    for number, time in enumerate(times.tolist()):
        cut = number > 0 and bool(cuts[number - 1])
        lost = [cut or time - track.seen[-1].time > LOST for track in following]
        yield from (track.seen for track, gone in zip(following, lost, strict=True) if gone)
        following = [track for track, gone in zip(following, lost, strict=True) if not gone]
        here = [_Sighting(time, *row) for row in bodies[starts[number] : starts[number + 1], 1:].tolist()]
        new = _follow(following, here)
        following += [_Track([sighting]) for sighting in new]
    yield from (track.seen for track in following)


def _follow(following: list[_Track], here: list[_Sighting]) -> list[_Sighting]:
    """Give each track its likeliest body of a frame; the bodies that are left come back."""
    pairs = [(track.strangeness(seen), a, b) for a, track in enumerate(following) for b, seen in enumerate(here)]
    tracks, taken = set[int](), set[int]()
    for strangeness, a, b in sorted(pairs):
        if strangeness < np.inf and a not in tracks and b not in taken:
            tracks.add(a)
            taken.add(b)
            following[a].add(here[b])
    return [seen for b, seen in enumerate(here) if b not in taken]


def _falls(track: list[_Sighting]) -> list[Fall]:
    """Contacts of one body, the hardest first."""
    way = np.array(track)
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
    rows = np.column_stack([time, jump, near[:, POINTS, 1:3], before[:, 1]])
    return [Fall(*row) for row in rows[found].tolist()]


def _alike(one: float, other: float, ratio: float) -> bool:
    return other / ratio <= one <= other * ratio


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
