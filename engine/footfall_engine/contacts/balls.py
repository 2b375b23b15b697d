"""Balls of several sizes that hop through the picture."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from footfall_engine.contacts.scene import APART_SECONDS, Contact, Scene
from footfall_engine.contacts.stage import GRAVITY, Camera, Canvas, Colour, Point, camera_at


@dataclass(frozen=True)
class Bounce:
    """Flight (or, with no speed upwards, rolling) from one touch of the floor on."""

    time: float
    x: float
    speed: float  # upwards, after the touch
    impact: float  # downwards, before it


@dataclass(frozen=True)
class Ball:
    radius: float
    floor: float  # world y that it touches
    drift: float  # sideways, per second
    colour: Colour
    bounces: tuple[Bounce, ...]

    def where(self, time: float) -> Point:
        """Middle of the ball."""
        last = next((bounce for bounce in reversed(self.bounces) if bounce.time <= time), self.bounces[0])
        after = time - last.time
        above = max(0.0, last.speed * after - GRAVITY / 2 * after**2)
        return last.x + self.drift * after, self.floor - self.radius - above


BALL_COLOURS: tuple[Colour, ...] = ((52, 70, 214), (190, 120, 40), (60, 170, 235), (90, 160, 70), (150, 70, 150))
_FASTEST_BALL = 2.7  # heights per second at the floor
_LAST_HOP_SECONDS = 0.28  # a shorter hop is not begun


class Balls:
    """Balls of several sizes that hop through the picture, from the left and from the right in turn."""

    def __init__(self, scene: Scene, cameras: list[Camera]) -> None:
        self.scene = scene
        self.cameras = cameras
        rng = np.random.default_rng([scene.seed, 4])
        self.balls: list[Ball] = []
        taken: list[Contact] = []
        enter, side = -0.9, int(rng.integers(0, 2)) * 2 - 1
        while enter < scene.duration - 0.5:
            ball = self._fitting_ball(rng, enter, side, taken)
            if ball is not None:
                self.balls.append(ball)
                taken += self._touches(ball)
                side = -side
            enter += float(rng.uniform(1.3, 1.9)) if ball is not None else 0.2
        self.balls.sort(key=lambda ball: ball.floor)
        self._contacts = sorted(taken, key=lambda contact: contact.time)

    def contacts(self) -> list[Contact]:
        return self._contacts

    def draw(self, canvas: Canvas, time: float) -> None:
        shown = [(ball, middle) for ball in self.balls if abs((middle := ball.where(time))[0]) < self.scene.aspect]
        for ball, (x, y) in shown:
            spread = 1 + 0.9 * (ball.floor - ball.radius - y)
            canvas.shadow((x, ball.floor), 2.3 * ball.radius * spread, 0.5 / spread**2)
        for ball, middle in shown:
            self._draw_ball(canvas, ball, middle)

    def _draw_ball(self, canvas: Canvas, ball: Ball, middle: Point) -> None:
        x, y = middle
        for share, brightness in _SHADING:
            lift = (1 - share) * ball.radius * 0.55
            colour = tuple(min(255, round(level * brightness + max(0.0, brightness - 1) * 90)) for level in ball.colour)
            canvas.circle((x - lift, y - lift), ball.radius * share, colour)  # type: ignore[arg-type]

    def _fitting_ball(self, rng: np.random.Generator, enter: float, side: int, taken: list[Contact]) -> Ball | None:
        """A ball that enters then and whose every touch can be told from the others; None when chance finds none."""
        for _ in range(60):
            ball = self._ball(rng, enter + float(rng.uniform(0, 0.4)), side)
            touches = self._touches(ball)
            times = sorted([touch.time for touch in touches + taken])
            apart = all(later - earlier >= APART_SECONDS for earlier, later in itertools.pairwise(times))
            if apart and touches and self._all_clear(ball):
                return ball
        return None

    def _ball(self, rng: np.random.Generator, enter: float, side: int) -> Ball:
        radius = float(rng.uniform(0.045, 0.12))
        drift = -side * float(rng.uniform(0.28, 0.42))
        x = side * (self.scene.aspect / 2 * 1.25 + radius)
        speed = float(rng.uniform(1.9, 2.5))
        keeps = float(rng.uniform(0.8, 0.9))
        time = enter - speed / GRAVITY  # at its highest as it enters
        bounces = [Bounce(time, x + drift * (time - enter), speed, speed)]
        while speed > 0:
            hop = 2 * speed / GRAVITY
            time, impact = time + hop, speed
            speed = speed * keeps if 2 * speed * keeps / GRAVITY >= _LAST_HOP_SECONDS else 0.0
            bounces.append(Bounce(time, bounces[-1].x + drift * hop, speed, impact))
        colour = BALL_COLOURS[len(self.balls) % len(BALL_COLOURS)]
        return Ball(radius, float(rng.uniform(0.76, 0.92)), drift, colour, tuple(bounces))

    def _touches(self, ball: Ball) -> list[Contact]:
        """Touches of the floor that are in the clip and in the picture."""
        seen = []
        for bounce in ball.bounces[1:]:
            camera = camera_at(self.cameras, bounce.time)
            x = camera.screen_x(bounce.x, bounce.time)
            if 0 <= bounce.time <= self.scene.duration and abs(x) <= 1:
                strength = min(1.0, bounce.impact / _FASTEST_BALL)
                seen.append(Contact(bounce.time, strength, x, min(1.0, 2 * ball.radius * camera.zoom)))
        return seen

    def _all_clear(self, ball: Ball) -> bool:
        """No touch at a cut, and none half in the picture."""
        for bounce in ball.bounces[1:]:
            camera = camera_at(self.cameras, bounce.time)
            x = abs(camera.screen_x(bounce.x, bounce.time))
            radius = 2 * ball.radius * camera.zoom / self.scene.aspect
            half_seen = 1 - 1.3 * radius < x < 1 + 1.3 * radius
            if x < 1 and not self.scene.clear_of_edits(bounce.time):
                return False
            if half_seen and 0 <= bounce.time <= self.scene.duration:
                return False
        return True


_SHADING = tuple((1 - 0.92 * (step / 17) ** 0.8, 0.55 + 0.8 * step / 17) for step in range(18))
"""Circles that make a ball round: (share of its radius, brightness), outermost first."""
