"""Where the picture moves: dense optical flow between frames, with the camera's own movement taken out.

Source
------
Dense flow: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016 (OpenCV's DISOpticalFlow).
Camera: the affine motion field that most of the picture follows (Odobez and Bouthemy, "Robust multiresolution
estimation of parametric motion models", 1995), by iteratively reweighted least squares with Geman-McClure weights.

Conventions
-----------
Frames are grey, of about 256 × 144 pixels. A *pair* is two successive frames; row k of every pair column
belongs to the frames at `times[k]` and `times[k + 1]`. Velocities are in picture heights per second, x to the
right, y down. What is kept of a pair is a grid of cells of CELL × CELL pixels in float16 and a thumbnail: 0.7 kB, so
that half an hour at 25 frames a second takes about 35 MB. No picture is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from footfall_engine.analysis.bodies import COLUMNS, Bodies, Rows
from footfall_engine.media.video import Frame
from footfall_engine.progress import ProgressFn, no_progress

CELL = 16  # pixels of a cell's side
HALF = 2  # the flow is smooth, so that half its resolution is enough for what is done with it
JOLT = 8.0  # grey levels of mean difference between thumbnails that may be a cut
THUMB = (16, 9)  # width and height of the thumbnails that cuts are told from
SHORTEST_PAIR = 0.028  # seconds; faster pictures (50 frames a second and up) are thinned out to about this
STILL = 0.15  # grey levels of mean difference below which a picture repeats the one before
EDGE = 3.0  # times the camera's movement that flow is wrong from the picture's edge
TEXTURE_FLOOR = 1.5  # grey levels of local contrast at which flow is half trusted

Grid = NDArray[np.float16]
"""Shape = (pairs, rows, columns)."""


@dataclass
class Field:
    """Movement of a region, pair by pair.

    Attributes
    ----------
    times : ndarray, shape = (pairs + 1,), float64
        Seconds of the frames from the region's start.
    v : Grid
        Mean vertical velocity of each cell against the camera's, heights per second.
    energy : Grid
        Mean speed of each cell's pixels, heights per second: what moves inside a cell does not cancel out.
    camera : ndarray, shape = (pairs, 2), float32
        Velocity of the camera's picture at its centre.
    thumbs : ndarray, shape = (pairs + 1, 9, 16), uint8
    bodies : Rows
        Bodies of all frames, in order of time; their frame numbers count as `times` does.
    frame_rate : float
        Mean rate of all the frames that were seen, per second.
    """

    times: NDArray[np.float64]
    v: Grid
    energy: Grid
    camera: NDArray[np.float32]
    thumbs: NDArray[np.uint8]
    bodies: Rows = field(default_factory=lambda: np.zeros((0, COLUMNS), np.float32))
    frame_rate: float = 0.0


def measure(frames: Iterable[Frame], duration: float, progress: ProgressFn = no_progress) -> Field:
    """Movement of every pair of a stream of grey frames; `duration` is only for the progress.

    Time and memory grow linearly with the number of frames; see the module for what is kept.
    """
    tracker = Tracker()
    for frame in frames:
        progress(frame.time / duration)
        tracker.see(frame)
    return tracker.field()


class Tracker:
    """Sees one frame after the other and remembers how the cells moved."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._last: Frame | None = None
        self._repeats = 0
        self._seen = 0
        self._first_time = self._last_time = 0.0
        self._camera: _CameraFit | None = None
        self._times = _Column(np.dtype(np.float64))
        self._thumbs = _Column(np.dtype(np.uint8))
        self._cells = _Column(np.dtype(np.float16))
        self._pans = _Column(np.dtype(np.float32))
        self._bodies = Bodies()
        self._outlines: list[Rows] = []
        self._small = np.empty((0, 0), np.uint8)
        self._number = 0
        self._thumb = np.zeros((THUMB[1], THUMB[0]), np.uint8)

    def see(self, frame: Frame) -> None:
        self._seen += 1
        self._last_time = frame.time
        if self._last is None:
            self._first_time = frame.time
            self._begin(frame)
            return
        seconds = frame.time - self._last.time
        if seconds < SHORTEST_PAIR or self._is_repeat(frame):
            return
        self._remember(frame, self._add_pair(self._last, frame, seconds))

    def field(self) -> Field:
        self._outlines += self._bodies.finish()
        v, energy = np.moveaxis(self._cells.array((2, 1, 1)), 1, 0)
        return Field(
            times=self._times.array(()),
            v=v,
            energy=energy,
            camera=self._pans.array((2,)),
            thumbs=self._thumbs.array((THUMB[1], THUMB[0])),
            bodies=np.concatenate([np.zeros((0, COLUMNS), np.float32), *self._outlines]),
            frame_rate=self._frame_rate(),
        )

    def _frame_rate(self) -> float:
        span = self._last_time - self._first_time
        return (self._seen - 1) / span if span > 0 else 0.0

    def _begin(self, frame: Frame) -> None:
        height, width = frame.image.shape
        self._camera = _CameraFit(height // HALF, width // HALF)
        self._small = _halved(frame.image)
        self._remember(frame, None)

    def _remember(self, frame: Frame, moved: NDArray[np.float64] | None) -> None:
        self._last = frame
        self._repeats = 0
        thumb = cv2.resize(frame.image, THUMB, interpolation=cv2.INTER_AREA)
        if cv2.norm(thumb, self._thumb, cv2.NORM_L1) > JOLT * thumb.size:
            moved = None
        self._outlines += self._bodies.see(self._number, frame.time, self._small, moved)
        self._number += 1
        self._thumb = thumb
        self._times.append(np.float64(frame.time))
        self._thumbs.append(thumb)

    def _is_repeat(self, frame: Frame) -> bool:
        """Whether a frame only repeats the last one (animation on twos, pulled-up film): one such is passed over."""
        assert self._last is not None
        difference = cv2.norm(frame.image, self._last.image, cv2.NORM_L1) / frame.image.size
        self._repeats = self._repeats + 1 if difference < STILL else 0
        return self._repeats == 1

    def _add_pair(self, before: Frame, after: Frame, seconds: float) -> NDArray[np.float64]:
        """Measure a pair; where its camera carries a point of the halved picture, (3, 3), comes back."""
        assert self._camera is not None
        height, width = after.image.shape
        half = (width // HALF, height // HALF)
        flow = cv2.resize(self._dis.calc(before.image, after.image, None), half, interpolation=cv2.INTER_AREA)
        trust = texture(self._small)
        self._small = _halved(after.image)
        model = self._camera.remove(flow, trust)
        pan = model[0].astype(np.float32)
        distrust_edges(trust, pan / np.float32(HALF))
        x, y = cv2.split(flow)
        scale = np.float32(1 / (height * seconds))
        weight = trust * scale
        grid = (max(1, width // CELL), max(1, height // CELL))
        cells = np.empty((2, grid[1], grid[0]), np.float16)
        cells[0] = cv2.resize(y * weight, grid, interpolation=cv2.INTER_AREA)
        cells[1] = cv2.resize(cv2.magnitude(x, y) * weight, grid, interpolation=cv2.INTER_AREA)
        self._cells.append(cells)
        self._pans.append(pan * scale)
        return self._camera.carried(model / HALF)


def _halved(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape
    return np.asarray(cv2.resize(image, (width // HALF, height // HALF), interpolation=cv2.INTER_AREA), np.uint8)


def texture(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Trust in the flow of each pixel, 0…1: low where there is nothing to see that could move."""
    smooth = cv2.blur(image.astype(np.float32), (3, 3))
    gradient = cv2.blur(cv2.absdiff(smooth, cv2.blur(smooth, (5, 5))), (5, 5))
    return gradient / (gradient + np.float32(TEXTURE_FLOOR))


def distrust_edges(trust: NDArray[np.float32], pan: NDArray[np.float32]) -> None:
    """Set trust to 0, in place, where a panning camera (pixels of `trust`) carries the picture in and out of frame."""
    height, width = trust.shape
    for view, size, shift in ((trust.T, width, abs(float(pan[0]))), (trust, height, abs(float(pan[1])))):
        margin = min(round(EDGE * shift), size // 8)
        view[:margin] = 0
        view[size - margin :] = 0


@dataclass
class _CameraFit:
    """Finds and removes the affine motion that most of the picture follows."""

    height: int
    width: int
    step: int = 8  # pixels between the points that are fitted
    rounds: int = 4
    _points: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        y, x = np.mgrid[self.step // 2 : self.height : self.step, self.step // 2 : self.width : self.step]
        x = (x.ravel() - self.width / 2) / self.width
        y = (y.ravel() - self.height / 2) / self.width
        self._points = np.stack([np.ones_like(x), x, y], axis=1)
        columns = ((np.arange(self.width) - self.width / 2) / self.width).astype(np.float32)
        rows = ((np.arange(self.height) - self.height / 2) / self.width).astype(np.float32)
        self._columns, self._rows = columns[None, :], rows[:, None]

    def carried(self, model: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where an affine motion, (3, 2), takes a pixel: shape = (3, 3), for columns of x, y, 1."""
        slopes = model[1:].T / self.width
        carried = np.eye(3)
        carried[:2, :2] += slopes
        carried[:2, 2] = model[0] - slopes @ (self.width / 2, self.height / 2)
        return carried

    def remove(self, flow: NDArray[np.float32], trust: NDArray[np.float32]) -> NDArray[np.float64]:
        """Subtract the camera's motion from `flow`, (height, width, 2), in place; return its model, (3, 2)."""
        half = self.step // 2
        samples = flow[half :: self.step, half :: self.step].reshape(-1, 2)
        weights = trust[half :: self.step, half :: self.step].ravel()
        fitted = robust_affine(self._points, samples, weights, self.rounds)
        model = fitted.astype(np.float32)
        for axis in (0, 1):
            flow[..., axis] -= model[0, axis] + model[1, axis] * self._columns + model[2, axis] * self._rows
        return fitted


def robust_affine(
    points: NDArray[np.float64], samples: NDArray[np.float32], trust: NDArray[np.float32], rounds: int
) -> NDArray[np.float64]:
    """Affine motion of the majority, by iteratively reweighted least squares.

    Parameters
    ----------
    points : ndarray, shape = (n, 3)
        1, x, y of each point.
    samples : ndarray, shape = (n, 2)
        Motion measured there, pixels.
    trust : ndarray, shape = (n,), in [0, 1]
    rounds : int

    Returns
    -------
    ndarray, shape = (3, 2)
        Motion at the origin, and its slopes along x and y.
    """
    motion = samples.astype(np.float64)
    model = np.zeros((3, 2))
    model[0] = middle(motion[:, 0]), middle(motion[:, 1])
    weights = trust.astype(np.float64) + 1e-3
    tiny = 1e-6 * np.eye(3)
    for _ in range(rounds):
        away = motion - points @ model
        away *= away
        error = away[:, 0] + away[:, 1]
        scale = max(0.02, 2.0 * middle(error))  # pixels²
        w = weights / np.square(1.0 + error / scale)
        weighted = (points * w[:, None]).T
        _, model = cv2.solve(weighted @ points + tiny, weighted @ motion)
    return model


def middle(values: NDArray[np.float64]) -> float:
    """Median of some values, shape = (n,); np.median takes ten times as long for a hundred of them."""
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


class _Column:
    """Rows that arrive one by one, in one block that grows in place."""

    def __init__(self, dtype: np.dtype[np.generic]) -> None:
        self._dtype = dtype
        self._rows = np.empty(0, dtype)
        self._shape: tuple[int, ...] = ()
        self._count = 0

    def append(self, row: np.ndarray | np.generic) -> None:
        if self._count == 0:
            self._shape = row.shape
        if self._count == len(self._rows):
            self._rows.resize((self._count + 1024, *self._shape), refcheck=False)
        self._rows[self._count] = row
        self._count += 1

    def array(self, empty_shape: tuple[int, ...]) -> np.ndarray:
        if self._count == 0:
            return np.empty((0, *empty_shape), self._dtype)
        return self._rows[: self._count]
