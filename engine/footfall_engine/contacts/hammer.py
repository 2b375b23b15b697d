"""A smith's hammer on an anvil."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from footfall_engine.contacts.scene import Contact, Scene, schedule
from footfall_engine.contacts.stage import GRAVITY, Camera, Canvas, Point, camera_at


class Hammer:
    """A smith's hammer on an anvil: it falls ever faster, springs back, and is raised again."""

    hit_x, hit_y = -0.04, 0.62
    elbow: Point = (0.66, 0.60)

    def __init__(self, scene: Scene, cameras: list[Camera]) -> None:
        self.scene = scene
        self.cameras = cameras
        rng = np.random.default_rng([scene.seed, 5])
        self.times = schedule(scene, rng, float(rng.uniform(-0.7, -0.2)), (0.5, 0.95))
        self.raised = rng.uniform(0.45, 1.05, len(self.times) + 1)  # radians that the arm is lifted before each blow
        self.sparks = [self._sparks(rng, raised) for raised in self.raised]

    def contacts(self) -> list[Contact]:
        seen = []
        for time, raised in zip(self.times, self.raised, strict=False):
            if 0 <= time < self.scene.duration:
                camera = camera_at(self.cameras, time)
                x = camera.screen_x(self.hit_x, time)
                seen.append(Contact(time, float(raised / 1.05), x, min(1.0, 0.2 * camera.zoom)))
        return seen

    def lifted(self, time: float) -> float:
        """Angle of the arm above the anvil, radians."""
        index = int(np.searchsorted(self.times, time, side="right"))
        upcoming = self.times[min(index, len(self.times) - 1)]
        raised = float(self.raised[min(index, len(self.times) - 1)])
        fall = min(0.26, 0.16 + 0.1 * raised)
        if index == 0:
            return _falling(upcoming - time, fall, raised)
        after, gap = time - self.times[index - 1], upcoming - self.times[index - 1]
        if upcoming - time < fall:
            return _falling(upcoming - time, fall, raised)
        spring = 0.22 * float(self.raised[index - 1])
        lift_seconds = gap - fall
        share = min(1.0, after / lift_seconds)
        # leaves the anvil at once, pauses a little, then goes up to where the next blow begins
        rebound = spring * math.sin(min(1.0, share / 0.3) * math.pi / 2)
        rise = max(0.0, (share - 0.3) / 0.7)
        return rebound + (raised - spring) * rise * rise * (3 - 2 * rise)

    def draw(self, canvas: Canvas, time: float) -> None:
        self._draw_anvil(canvas)
        angle = self.lifted(time)
        index = int(np.searchsorted(self.times, time, side="right")) - 1
        if index >= 0:
            self._draw_sparks(canvas, index, time - self.times[index])
        self._draw_arm(canvas, angle)

    def _draw_anvil(self, canvas: Canvas) -> None:
        x, top = self.hit_x, self.hit_y + 0.02
        canvas.shadow((x, 0.93), 0.62, 0.5)
        canvas.polygon([(x - 0.13, 0.80), (x + 0.13, 0.80), (x + 0.15, 0.94), (x - 0.15, 0.94)], (48, 74, 104))
        canvas.polygon([(x - 0.15, 0.78), (x + 0.15, 0.78), (x + 0.13, 0.81), (x - 0.13, 0.81)], (62, 92, 126))
        canvas.polygon(
            [(x - 0.06, top + 0.05), (x + 0.06, top + 0.05), (x + 0.1, 0.785), (x - 0.1, 0.785)], (52, 50, 50)
        )
        canvas.polygon(
            [(x - 0.17, top), (x + 0.15, top), (x + 0.13, top + 0.075), (x - 0.1, top + 0.075)], (74, 70, 68)
        )
        canvas.polygon([(x - 0.29, top + 0.012), (x - 0.15, top), (x - 0.12, top + 0.06)], (74, 70, 68))
        canvas.limb((x - 0.15, top + 0.004), (x + 0.145, top + 0.004), 0.01, 0.01, (120, 116, 112))
        canvas.limb((x - 0.11, top - 0.01), (x + 0.07, top - 0.01), 0.02, 0.02, (50, 110, 235))
        canvas.limb((x - 0.05, top - 0.011), (x + 0.05, top - 0.011), 0.014, 0.014, (110, 190, 255))

    def _draw_arm(self, canvas: Canvas, angle: float) -> None:
        def turned(along: float, across: float) -> Point:
            """A point of the arm: so far from the elbow, so far above its axis."""
            cos, sin = math.cos(angle), math.sin(angle)
            return self.elbow[0] - along * cos + across * sin, self.elbow[1] - along * sin - across * cos

        reach = self.elbow[0] - self.hit_x
        drop = self.hit_y - self.elbow[1]
        canvas.limb((self.elbow[0] + 0.8, 0.3), turned(0, 0), 0.28, 0.12, (64, 60, 128))
        canvas.limb(turned(0, 0), turned(0.24, 0), 0.115, 0.075, (72, 68, 146))
        canvas.limb(turned(0.2, 0), turned(0.29, 0), 0.07, 0.065, (130, 164, 214))
        canvas.limb(turned(0.275, 0.01), turned(reach - 0.01, 0.01), 0.026, 0.022, (58, 98, 146))
        canvas.limb(turned(0.27, 0.016), turned(0.3, 0.0), 0.075, 0.06, (140, 174, 224))
        face, back = -drop, 0.105
        corners = [turned(reach - 0.055, face), turned(reach + 0.055, face)]
        canvas.polygon([*corners, turned(reach + 0.045, back), turned(reach - 0.045, back)], (82, 78, 74))
        canvas.polygon(
            [*corners, turned(reach + 0.055, face + 0.03), turned(reach - 0.055, face + 0.03)], (128, 124, 120)
        )

    def _sparks(self, rng: np.random.Generator, raised: float) -> NDArray[np.float64]:
        """Directions and speeds of what flies off: (count, 2), heights per second."""
        count = int(4 + 10 * raised)
        heading = rng.uniform(-math.pi, 0, count)
        speed = rng.uniform(0.5, 1.7, count) * (0.5 + raised / 2)
        return np.stack([np.cos(heading) * speed, np.sin(heading) * speed * 0.6], axis=1)

    def _draw_sparks(self, canvas: Canvas, index: int, after: float) -> None:
        if not 0 < after < _SPARK_SECONDS:
            return
        fade = 1 - after / _SPARK_SECONDS
        for vx, vy in self.sparks[index].tolist():
            start = (self.hit_x + vx * after, self.hit_y + vy * after + GRAVITY / 2 * after**2)
            end = (start[0] - vx * 0.012, start[1] - (vy + GRAVITY * after) * 0.012)
            canvas.limb(start, end, 0.008 * fade + 0.002, 0.003, (120, 200, 255))


_SPARK_SECONDS = 0.22


def _falling(left: float, fall: float, raised: float) -> float:
    """Angle with ``left`` seconds to go: from rest, ever faster."""
    return raised * (1 - (1 - min(1.0, left / fall)) ** 2)
