"""Following: bodies from frame to frame, through each other.

A body is found again by its outline, where its way and its size say that it should be. Where it meets another one their
outlines are one; there it is found again by its looks, pixel by pixel against how it was last seen alone, as many of
its pixels as are in sight.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from statistics import median_low
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

LOST = 0.2  # seconds that a body may be hidden
ASIDE, ASIDE_SPEED = 0.04, 0.5  # heights, and heights per second unseen, that a body may be beside where it should be
ABOVE, ABOVE_SPEED = 0.08, 0.6  # the same above where it is between its last place and the next
AS_WIDE, AS_LARGE = 1.6, 2.2  # times, at most, what it was a moment ago
SURELY_WIDE, SURELY_LARGE = 1.25, 1.5  # times within which it is surely alone
RECENT = 7  # sightings that say what it was
KNOWN = 3  # sightings that it takes to know a body's looks
LEAST_LOOKS, MOST_LOOKS = 16, 100  # pixels that it can be told by, that it is told by
SOLID = 0.5  # share of the square of its width that a body fills; shadows are flat
UNLIKE = 24  # grey levels: more does not count, it is something else in front
ALIKE_SHARE = 0.5  # of UNLIKE, that a body differs at most from its looks on average
SAME_PLACE = 0.5  # of its width within which two sightings are one body's
COVERED = 0.6  # share of its pixels that stand out of the background

Image = NDArray[np.uint8]
Labels = NDArray[np.int32]


class Outline(NamedTuple):
    """What stands out of the background in one piece, pixels."""

    label: int
    x: float  # of the middle
    y: float  # of the upper edge
    width: float
    area: float
    left: int
    top: int


@dataclass(frozen=True)
class View:
    """A frame, the camera's movement taken out, and what stands out of its background."""

    number: int
    time: float
    image: Image
    labels: Labels  # 0 is the background
    outlines: list[Outline]
    place: NDArray[np.float64]  # (3, 3): where a point of it is in the frame

    @cached_property
    def _to_frame(self) -> list[list[float]]:
        height = self.image.shape[0]
        return (self.place[:2] / height).tolist()

    @cached_property
    def _from_frame(self) -> list[list[float]]:
        height = self.image.shape[0]
        return (np.linalg.inv(self.place)[:2] * (height, height, 1)).tolist()

    def sighting(self, outline: Outline) -> Sighting:
        height = self.image.shape[0]
        x, y = self.in_frame(outline.x, outline.y)
        return Sighting(self.time, x, y, outline.width / height, outline.area / height**2)

    def in_frame(self, x: float, y: float) -> tuple[float, float]:
        """Where in the frame, in its heights, a point of this picture is."""
        return _moved(self._to_frame, x, y)

    def from_frame(self, x: float, y: float) -> tuple[float, float]:
        """Where in this picture, in pixels, a point of the frame is."""
        return _moved(self._from_frame, x, y)


def _moved(place: list[list[float]], x: float, y: float) -> tuple[float, float]:
    (xx, xy, x0), (yx, yy, y0) = place
    return xx * x + xy * y + x0, yx * x + yy * y + y0


class Sighting(NamedTuple):
    """Where a body is and how large, in picture heights from the left and the top of its frame."""

    time: float  # seconds
    x: float  # of the middle
    y: float  # of the upper edge
    width: float
    area: float  # heights²


@dataclass(frozen=True)
class _Looks:
    """A body as it was when last seen alone."""

    own: NDArray[np.bool_]  # (rows, columns): those of its pixels that it is told by
    pixels: NDArray[np.int16]  # their grey levels
    solid: bool
    x: float  # pixels from the left edge to the middle
    y: float  # pixels from the top to the upper edge


@dataclass(eq=False)
class _Track:
    """A body on its way, and how it is expected to look and go on."""

    id: int
    seen: list[Sighting]
    vx: float = 0.0
    vy: float = 0.0
    looks: _Looks | None = None
    width: float = field(init=False)
    area: float = field(init=False)

    def __post_init__(self) -> None:
        self.width, self.area = self.seen[0].width, self.seen[0].area

    def add(self, here: Sighting) -> None:
        last = self.seen[-1]
        self.vx, self.vy = (here.x - last.x) / (here.time - last.time), (here.y - last.y) / (here.time - last.time)
        self.seen = [*self.seen[1 - RECENT :], here]
        self.width = median_low([sighting.width for sighting in self.seen])
        self.area = median_low([sighting.area for sighting in self.seen])

    def reach(self, time: float) -> tuple[float, float, float, float]:
        """Where it may be at a time, heights: x in the middle, and how far from it; y from and to."""
        last = self.seen[-1]
        unseen = time - last.time
        high, low = sorted((last.y, last.y + self.vy * unseen))
        above = ABOVE + ABOVE_SPEED * unseen
        return last.x + self.vx * unseen, ASIDE + ASIDE_SPEED * unseen, high - above, low + above

    @property
    def known(self) -> bool:
        """Whether it can be told by its looks."""
        return self.looks is not None and self.looks.solid and len(self.seen) >= KNOWN

    def may_be_at(self, here: Sighting) -> bool:
        """Whether it may be there, whatever its size, hidden by or hiding another."""
        return self.strangeness(here, np.inf, np.inf) < np.inf

    def strangeness(self, here: Sighting, wide: float, large: float) -> float:
        """How far it would be off its way there, in units of what is possible; infinite for another body."""
        if not (_alike(here.width, self.width, wide) and _alike(here.area, self.area, large)):
            return np.inf
        x, aside, high, low = self.reach(here.time)
        above = ABOVE + ABOVE_SPEED * (here.time - self.seen[-1].time)
        off = abs(here.x - x) / aside, max(high + above - here.y, here.y - low + above, 0.0) / above
        return sum(off) if max(off) <= 1 else np.inf


class Follower:
    """Sees one frame after the other and tells which body each outline is."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._count = 0

    def see(self, view: View) -> list[tuple[int, Sighting]]:
        """Bodies of a frame, by the number that each keeps on its way."""
        self._tracks = [track for track in self._tracks if view.time - track.seen[-1].time <= LOST]
        left = {outline: view.sighting(outline) for outline in view.outlines}
        away = list(self._tracks)
        found: list[tuple[int, Sighting]] = []

        def take(track: _Track, sighting: Sighting) -> None:
            track.add(sighting)
            away.remove(track)
            found.append((track.id, sighting))

        sure = _likeliest(away, left, SURELY_WIDE, SURELY_LARGE)
        hidden = [track for track in away if track.known and track not in sure]
        for track, outline in sure.items():
            if not any(other.may_be_at(left[outline]) for other in hidden):
                track.looks = _looks(view, outline)
                take(track, left.pop(outline))
        for track in [track for track in away if track.known]:
            seen = _found_by_looks(track, view)
            if seen is not None and not any(_same_place(seen[1], other) for _, other in found):
                label, sighting = seen
                left = {outline: other for outline, other in left.items() if outline.label != label}
                take(track, sighting)
        for track, outline in _likeliest(away, left, AS_WIDE, AS_LARGE).items():
            take(track, left.pop(outline))
        for sighting in left.values():
            self._count += 1
            self._tracks.append(_Track(self._count, [sighting]))
            found.append((self._count, sighting))
        return found


def _likeliest(away: list[_Track], left: dict[Outline, Sighting], wide: float, large: float) -> dict[_Track, Outline]:
    """The outline of each track that has one, the least strange pairs first."""
    pairs = sorted(
        (strangeness, a, b)
        for a, track in enumerate(away)
        for b, sighting in enumerate(left.values())
        if (strangeness := track.strangeness(sighting, wide, large)) < np.inf
    )
    tracks, outlines, taken = set[int](), list(left), set[int]()
    found = {}
    for _, a, b in pairs:
        if a not in tracks and b not in taken:
            tracks.add(a)
            taken.add(b)
            found[away[a]] = outlines[b]
    return found


def _looks(view: View, outline: Outline) -> _Looks:
    """A body's upper part, as high as it is wide: shadows meet it from below."""
    side = round(outline.width)
    box = slice(outline.top, outline.top + side), slice(outline.left, outline.left + side)
    own = view.labels[box] == outline.label
    count = int(np.count_nonzero(own))
    if count > MOST_LOOKS:
        own &= np.cumsum(own).reshape(own.shape) % -(-count // MOST_LOOKS) == 0
    solid = count >= max(LEAST_LOOKS, SOLID * side**2)
    return _Looks(own, view.image[box][own].astype(np.int16), solid, outline.x - outline.left, outline.y - outline.top)


def _found_by_looks(track: _Track, view: View) -> tuple[int, Sighting] | None:
    """A body in what stands out of the background, and the label of that; None where nothing looks like it."""
    looks = track.looks
    assert looks is not None
    x, aside, high, low = track.reach(view.time)
    size, (rows, columns) = view.image.shape, looks.own.shape
    left, top = view.from_frame(x - aside, high)
    right, bottom = view.from_frame(x + aside, low)
    first_row, last_row = max(0, round(top - looks.y)), min(size[0] - rows, round(bottom - looks.y))
    first_column, last_column = max(0, round(left - looks.x)), min(size[1] - columns, round(right - looks.x))
    if first_row > last_row or first_column > last_column:
        return None
    around = slice(first_row, last_row + rows), slice(first_column, last_column + columns)
    labels = view.labels[around]
    if np.count_nonzero(labels) < COVERED * len(looks.pixels):
        return None
    unlike = _unlike(view.image[around], looks)
    row, column = divmod(int(np.argmin(unlike)), unlike.shape[1])
    under = labels[row : row + rows, column : column + columns][looks.own]
    if unlike[row, column] > ALIKE_SHARE * UNLIKE or np.count_nonzero(under) < COVERED * len(under):
        return None
    y = first_row + row + _between(unlike[max(0, row - 1) : row + 2, column]) + looks.y
    place = view.in_frame(first_column + column + looks.x, y)
    return int(np.bincount(under[under > 0]).argmax()), Sighting(view.time, *place, track.width, track.area)


def _unlike(image: Image, looks: _Looks) -> NDArray[np.float64]:
    """Mean difference, grey levels, from a body's looks at each place of a picture that they fit into."""
    there = sliding_window_view(image, looks.own.shape)[:, :, looks.own].astype(np.int16)
    there -= looks.pixels
    np.abs(there, out=there)
    return np.minimum(there, UNLIKE, out=there).mean(axis=2)


def _same_place(one: Sighting, other: Sighting) -> bool:
    return max(abs(one.x - other.x), abs(one.y - other.y)) < SAME_PLACE * min(one.width, other.width)


def _between(costs: NDArray[np.float64]) -> float:
    """Where between the pixels the least of three costs lies, from the middle one; 0 at an edge."""
    if len(costs) < 3:
        return 0.0
    before, least, after = costs.tolist()
    bend = before - 2 * least + after
    return float(np.clip((before - after) / (2 * bend), -0.5, 0.5)) if bend > 0 else 0.0


def _alike(one: float, other: float, ratio: float) -> bool:
    return other / ratio <= one <= other * ratio
