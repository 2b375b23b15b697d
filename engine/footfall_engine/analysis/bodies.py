"""Bodies: what stands out of the background because it was elsewhere a moment before and after.

The background of a frame is the median of the frames around it, the camera's movement taken out, so that a thrown ball
or a swung tool is seen whole, however fast or small it is; flow, which matches patches, loses such bodies. Of each only
the upper edge is used: shadows and reflections meet a body from below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from footfall_engine.analysis.following import Follower, Image, Labels, Outline, View

WINDOW = 3.5  # seconds of frames whose median is the background …
CORE = 1.2  # … of those in their middle
SAMPLES = 15  # frames that the median is taken of
FEWEST = 5
LEAST_DIFFERENCE, NOISES = 7.0, 5.0  # grey levels, and times the noise, by which a body differs from its background
EDGE_SHARE = 0.5  # of the background's gradient, which a camera that is not quite removed shows up
HELD = 1.0  # pixels that the picture's corners move within a window before a held camera
CROWDED = 0.3  # share of the picture that differs when bodies cannot be told apart
SMALLEST, LARGEST = 5, 0.2  # pixels; share of the picture
COMPACT = 0.45  # share of its box that a body fills; what swings on a limb, or hides behind another, is less
MOST_BODIES = 10  # of a frame
CAP = 5.0  # pixels of a body above its upper edge's row
CLOSING = np.ones((5, 3), np.uint8)  # what a fast body is torn into is closer than this
COLUMNS = 6

Rows = NDArray[np.float32]
"""Shape = (bodies, COLUMNS): number of the body, number of the frame; x of the middle, y of the upper edge, width: in
picture heights, y from the top; area in heights²."""


@dataclass(frozen=True)
class _Seen:
    number: int
    time: float
    image: Image
    place: NDArray[np.float64]  # (3, 3): where a point of the window's first frame is in this one


class Bodies:
    """Sees one frame after the other, and finds the bodies of each when those after it are known."""

    def __init__(self) -> None:
        self._window: list[_Seen] = []
        self._follower = Follower()
        self._done = 0  # number of the first frame that is not answered for

    def see(self, number: int, time: float, image: Image, moved: NDArray[np.float64] | None) -> Iterator[Rows]:
        """Bodies of earlier frames that this one decides.

        Parameters
        ----------
        number, time : int, float
            Of the frame; time in seconds.
        image : ndarray, shape = (height, width), uint8
        moved : ndarray, shape = (3, 3), or None
            Where the camera carries a point of the frame before; None when this frame starts anew.
        """
        if moved is None:
            yield from self.finish()
        elif self._window and time - self._window[0].time > WINDOW:
            yield from self._bodies(until=self._window[0].time + (WINDOW + CORE) / 2)
            self._window = [seen for seen in self._window if seen.time > time - (WINDOW - CORE)]
        place = np.eye(3) if moved is None or not self._window else moved @ self._window[-1].place
        self._window.append(_Seen(number, time, image, place))

    def finish(self) -> Iterator[Rows]:
        """Bodies of all frames that have not been answered for."""
        yield from self._bodies(until=np.inf)
        self._window = []

    def _bodies(self, until: float) -> Iterator[Rows]:
        frames = self._window
        asked = [k for k, seen in enumerate(frames) if seen.number >= self._done and seen.time < until]
        if not asked:
            return
        self._done = frames[asked[-1]].number + 1
        if len(frames) < FEWEST:
            return
        height, width = frames[0].image.shape
        away = np.linalg.inv(frames[(asked[0] + asked[-1]) // 2].place)
        places = [seen.place @ away for seen in frames]
        held = _farthest(places, width, height) < HELD
        pictures = [seen.image for seen in frames]
        aligned = pictures if held else [_aligned(*pair) for pair in zip(pictures, places, strict=True)]
        some = np.linspace(0, len(frames) - 1, min(SAMPLES, len(frames))).round().astype(int)
        background = np.median([aligned[k] for k in some], axis=0).astype(np.uint8)
        least = np.full((height, width), LEAST_DIFFERENCE, np.float32)
        if not held:
            least += EDGE_SHARE * _gradient(background)
        for k in asked:
            difference = cv2.absdiff(aligned[k], background)
            noise = 1.5 * middle_level(difference)
            labels, outlines = _outlines(difference.astype(np.float32), np.maximum(least, np.float32(NOISES * noise)))
            view = View(frames[k].number, frames[k].time, aligned[k], labels, outlines, places[k])
            rows = [(body, view.number, *sighting[1:]) for body, sighting in self._follower.see(view)]
            yield np.array(rows, np.float32).reshape(-1, COLUMNS)


def middle_level(image: Image) -> float:
    """Median of a picture's grey levels."""
    rank = np.cumsum(np.bincount(image.ravel(), minlength=256))
    low, high = np.searchsorted(rank, [(image.size + 1) // 2, image.size // 2 + 1]).tolist()
    return (low + high) / 2


def _farthest(places: list[NDArray[np.float64]], width: int, height: int) -> float:
    corners = np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
    return max(float(np.abs((place @ corners - corners)[:2]).max()) for place in places)


def _aligned(image: Image, place: NDArray[np.float64]) -> Image:
    size = image.shape[::-1]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, place[:2], size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _gradient(image: Image) -> NDArray[np.float32]:
    return cv2.dilate(image, np.ones((3, 3), np.uint8)).astype(np.float32) - cv2.erode(image, np.ones((3, 3), np.uint8))


def _outlines(difference: NDArray[np.float32], least: NDArray[np.float32]) -> tuple[Labels, list[Outline]]:
    """What differs, piece by piece, and those pieces that may be bodies, the largest first."""
    mask = cv2.morphologyEx((difference > least).astype(np.uint8), cv2.MORPH_CLOSE, CLOSING)
    if mask.mean() > CROWDED:
        return np.zeros(mask.shape, np.int32), []
    _, labels, boxes, middles = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = boxes[1:, cv2.CC_STAT_AREA]
    order = 1 + np.argsort(-areas)[:MOST_BODIES]
    found = []
    for label, (left, top, width, height, area) in zip(order.tolist(), boxes[order].tolist(), strict=True):
        if area < SMALLEST:
            break
        if top == 0 or area > LARGEST * mask.size or area < COMPACT * width * height:
            continue
        box = slice(top, top + height), slice(left, left + width)
        share = np.clip(difference[box] / (2 * least[box]), 0, 1) * (labels[box] == label)
        covered = np.cumsum(share.sum(axis=1))
        edge = top + float(np.interp(CAP, np.concatenate([[0.0], covered]), np.arange(height + 1)))
        found.append(Outline(label, float(middles[label][0]), edge, width, area, left, top))
    return labels, found
