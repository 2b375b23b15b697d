"""Where scenes are filmed: cameras, rooms, and a canvas that draws in world coordinates.

World coordinates: the picture is 1 high; x is 0 in its middle and grows to the right, y grows downwards from its top.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from footfall_engine.contacts.scene import Scene

Image = NDArray[np.uint8]
Point = tuple[float, float]
Colour = tuple[int, int, int]  # blue, green, red, as OpenCV has it

GRAVITY = 4.9  # picture heights per second squared: the picture shows 2 m
_FIXED_POINT = 6  # fractional bits of the coordinates that OpenCV draws at


@dataclass(frozen=True)
class Camera:
    """One shot: where it looks, how close, in what room."""

    start: float  # seconds of clip time
    zoom: float
    x: float  # world x that is in the middle of the picture while it does not pan
    y: float  # world y that keeps its height whatever the zoom
    mirrored: bool
    pan: float  # fastest movement, heights per second
    aspect: float
    room: Room

    def centre(self, time: float) -> float:
        """World x in the middle of the picture: a slow swing to and fro."""
        return self.x + self.pan * _PAN_PERIOD / math.tau * math.sin(math.tau * time / _PAN_PERIOD)

    def screen_x(self, x: float, time: float) -> float:
        """−1…1 across the picture."""
        across = (x - self.centre(time)) * self.zoom * 2 / self.aspect
        return -across if self.mirrored else across


_PAN_PERIOD = 7.0  # seconds


@dataclass(frozen=True)
class Room:
    wall: Colour
    floor: Colour


ROOMS = (
    Room(wall=(168, 158, 140), floor=(92, 122, 160)),
    Room(wall=(122, 140, 118), floor=(118, 128, 138)),
    Room(wall=(120, 128, 172), floor=(84, 98, 124)),
    Room(wall=(186, 178, 172), floor=(132, 122, 112)),
)
FLOOR_LINE = 0.68  # world y where wall and floor meet


def cameras_of(scene: Scene) -> list[Camera]:
    rng = np.random.default_rng([scene.seed, 3])
    shots = [Camera(0.0, 1.0, 0.0, 0.8, False, scene.pan, scene.aspect, ROOMS[scene.seed % len(ROOMS)])]
    for cut in sorted(scene.cuts):
        last = shots[-1]
        zoom = float(rng.uniform(0.82, 0.9) if last.zoom >= 1 else rng.uniform(1.06, 1.14))
        room = ROOMS[(ROOMS.index(last.room) + 1) % len(ROOMS)]
        x = float(rng.uniform(-0.06, 0.06))
        shots.append(replace(last, start=cut, zoom=zoom, x=x, mirrored=not last.mirrored, room=room))
    return shots


def camera_at(cameras: list[Camera], time: float) -> Camera:
    return next(camera for camera in reversed(cameras) if camera.start <= time or camera is cameras[0])


class Canvas:
    """A picture being drawn in world coordinates."""

    def __init__(self, image: Image, camera: Camera, time: float) -> None:
        self.image = image
        self.camera = camera
        self.middle = camera.centre(time)
        self.scale = image.shape[0] * camera.zoom

    def pixel(self, point: Point) -> Point:
        height, width = self.image.shape[:2]
        across = (point[0] - self.middle) * self.scale
        # OpenCV counts from the middle of the first pixel
        x = width / 2 + (-across if self.camera.mirrored else across) - 0.5
        return x, height * self.camera.y + (point[1] - self.camera.y) * self.scale - 0.5

    def circle(self, centre: Point, radius: float, colour: Colour) -> None:
        import cv2

        x, y = _fixed(self.pixel(centre))
        cv2.circle(self.image, (x, y), max(1, _fix(radius * self.scale)), colour, -1, cv2.LINE_AA, _FIXED_POINT)

    def polygon(self, points: list[Point], colour: Colour) -> None:
        import cv2

        corners = np.array([_fixed(self.pixel(point)) for point in points], np.int32)
        cv2.fillConvexPoly(self.image, corners, colour, cv2.LINE_AA, _FIXED_POINT)

    def limb(self, start: Point, end: Point, from_width: float, to_width: float, colour: Colour) -> None:
        """A rounded bar that tapers."""
        along = math.atan2(end[1] - start[1], end[0] - start[0])
        nx, ny = -math.sin(along) / 2, math.cos(along) / 2
        self.polygon(
            [
                (start[0] + nx * from_width, start[1] + ny * from_width),
                (end[0] + nx * to_width, end[1] + ny * to_width),
                (end[0] - nx * to_width, end[1] - ny * to_width),
                (start[0] - nx * from_width, start[1] - ny * from_width),
            ],
            colour,
        )
        self.circle(start, from_width / 2, colour)
        self.circle(end, to_width / 2, colour)

    def shadow(self, centre: Point, width: float, depth: float) -> None:
        """A soft dark ellipse on the floor; ``depth`` 0…1."""
        x, y = self.pixel(centre)
        rx, ry = width * self.scale / 2, width * self.scale / 9
        left, right = max(0, math.floor(x - rx)), min(self.image.shape[1], math.ceil(x + rx) + 1)
        top, bottom = max(0, math.floor(y - ry)), min(self.image.shape[0], math.ceil(y + ry) + 1)
        if left >= right or top >= bottom or depth <= 0:
            return
        across = ((np.arange(left, right) - x) / rx) ** 2
        down = ((np.arange(top, bottom) - y) / ry) ** 2
        inside = np.clip(1 - (across[None, :] + down[:, None]), 0, 1).astype(np.float32)
        patch = self.image[top:bottom, left:right]
        patch[:] = patch * (1 - depth * inside * (2 - inside))[:, :, None]


def _fix(pixels: float) -> int:
    return round(pixels * (1 << _FIXED_POINT))


def _fixed(point: Point) -> tuple[int, int]:
    return _fix(point[0]), _fix(point[1])


@lru_cache(maxsize=2)
def backdrop(camera: Camera, centre: float, width: int, height: int) -> Image:
    """The empty room, seen with this world x in the middle."""
    import cv2

    wide = _painted_room(camera.room, camera.zoom, camera.aspect, height)
    if camera.mirrored:
        wide = wide[:, ::-1]
    left = (wide.shape[1] - width) / 2 + centre * height * camera.zoom * (-1 if camera.mirrored else 1)
    move = np.array([[1, 0, -left], [0, 1, 0]], np.float64)
    return np.asarray(cv2.warpAffine(wide, move, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


@lru_cache(maxsize=8)
def _painted_room(room: Room, zoom: float, aspect: float, height: int) -> Image:
    """Wall and floor, wider than the picture by what a camera may wander."""
    import cv2

    rng = np.random.default_rng(ROOMS.index(room))
    width = round(height * (aspect + 1.2 * zoom))
    scale = height * zoom
    horizon = 0.8 * height + (FLOOR_LINE - 0.8) * scale
    y = np.arange(height, dtype=np.float32)[:, None]
    floor = np.clip((y - horizon) / (height - horizon), 0, 1)
    on_floor = (y >= horizon).astype(np.float32)
    light = on_floor * (0.72 + 0.4 * floor) + (1 - on_floor) * (0.82 + 0.25 * y / horizon)
    plaster = _clouds(rng, height, width, scale * 0.05) + 0.6 * _clouds(rng, height, width, scale * 0.008)
    boards = cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), scale * 0.06, sigmaY=0.8)
    boards /= boards.std()
    light = light * (1 + (1 - on_floor) * 0.035 * plaster + on_floor * 0.05 * (boards + 0.6 * plaster))
    columns = (np.arange(width, dtype=np.float32)[None, :] - width / 2) / scale
    panels = np.minimum(np.abs((columns + 0.2) % 0.62), 0.62 - np.abs((columns + 0.2) % 0.62)) * scale
    light = light * (1 - 0.16 * (1 - on_floor) * np.clip(1.6 - panels, 0, 1))
    skirting = np.clip(1 - np.abs(y - horizon + 0.012 * scale) / (0.012 * scale), 0, 1) ** 0.5
    light = light * (1 - 0.28 * skirting)
    base = on_floor[:, :, None] * np.array(room.floor) + (1 - on_floor)[:, :, None] * np.array(room.wall)
    return np.clip(base * light[:, :, None], 0, 255).astype(np.uint8)


def _clouds(rng: np.random.Generator, height: int, width: int, grain: float) -> NDArray[np.float32]:
    """Smooth random texture of unit variance whose blots are ``grain`` pixels wide."""
    import cv2

    small = rng.standard_normal((max(2, round(height / grain)), max(2, round(width / grain)))).astype(np.float32)
    texture = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(texture / texture.std(), np.float32)
