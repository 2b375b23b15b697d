"""Someone who walks to and fro."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from footfall_bridge.messages import HitKind

from footfall_engine.contacts.scene import Contact, Scene, schedule
from footfall_engine.contacts.stage import Camera, Canvas, Colour, Point, camera_at


@dataclass(frozen=True)
class Step:
    time: float  # at which the heel meets the ground
    x: float  # of the ankle while the foot stands
    lift: float  # how high the foot goes on its way there
    facing: int  # 1 to the right, −1 to the left


class Footsteps:
    """Someone who walks to and fro."""

    ground = 0.88
    leg = 0.165  # thigh, and as much again below the knee
    airborne = 0.39  # share of the time from one step of a foot to its next

    def __init__(self, scene: Scene, cameras: list[Camera]) -> None:
        self.scene = scene
        self.cameras = cameras
        rng = np.random.default_rng([scene.seed, 6])
        self.reach = 0.62 * scene.aspect / 2
        self.phase = float(rng.uniform(0, 1))
        times = schedule(scene, rng, -1.6 + float(rng.uniform(0, 0.4)), (0.46, 0.58))
        self.steps = [self._step(time, float(rng.uniform(0.03, 0.065))) for time in times]

    def contacts(self) -> list[Contact]:
        seen = []
        for step in self.steps:
            if 0 <= step.time < self.scene.duration:
                camera = camera_at(self.cameras, step.time)
                x = camera.screen_x(step.x, step.time)
                strength = min(1.0, 0.3 + 8 * step.lift)
                seen.append(Contact(step.time, strength, x, min(1.0, 0.16 * camera.zoom), HitKind.STEP))
        return seen

    def body(self, time: float) -> tuple[float, int]:
        """Where the hips are, and which way they face: to and fro at one speed, with rounded turns."""
        cycle = (time * _WALK_SPEED / (4 * self.reach) + self.phase) % 1
        swing = math.sin(math.tau * cycle)
        return self.reach * math.asin(0.97 * swing) / math.asin(0.97), 1 if math.cos(math.tau * cycle) >= 0 else -1

    def draw(self, canvas: Canvas, time: float) -> None:
        x, facing = self.body(time)
        sway = self._stride_phase(time)
        hips = (x, self.ground - 0.352 + 0.01 * math.cos(2 * math.tau * sway))
        chest = (x + 0.012 * facing, hips[1] - 0.19)
        head = (chest[0] + 0.014 * facing, chest[1] - 0.085)
        canvas.shadow((x, self.ground + 0.015), 0.4, 0.5)
        far, near = (1, 0) if facing > 0 else (0, 1)
        # the arm swings against the leg of its side
        arm = 0.5 * math.cos(math.tau * sway) * facing
        self._draw_arm(canvas, chest, facing, arm, _FAR_SHIRT, _FAR_SKIN)
        self._draw_leg(canvas, hips, far, time, facing, _FAR_TROUSERS)
        self._draw_leg(canvas, hips, near, time, facing, _TROUSERS)
        canvas.limb(hips, chest, 0.085, 0.1, _SHIRT)
        canvas.limb(chest, head, 0.04, 0.04, _SKIN)
        canvas.circle(head, 0.052, _SKIN)
        canvas.circle((head[0] - 0.012 * facing, head[1] - 0.014), 0.047, _HAIR)
        canvas.circle((head[0] + 0.02 * facing, head[1] + 0.008), 0.034, _SKIN)
        self._draw_arm(canvas, chest, facing, -arm, _SHIRT, _SKIN)

    def foot(self, side: int, time: float) -> tuple[Point, float, int]:
        """Ankle, how far the toes point up (radians), and the way the foot faces."""
        own = self.steps[side::2]
        index = next((n for n, step in enumerate(own) if step.time > time), len(own) - 1)
        before, coming = own[max(0, index - 1)], own[index]
        span = coming.time - before.time
        leave = coming.time - span * self.airborne
        height = self.ground - ANKLE
        if time < leave or span <= 0:
            settling = max(0.0, 1 - (time - before.time) / 0.05)
            rolling = min(1.0, max(0.0, (time - leave + 0.14) / 0.14))
            return (before.x, height - 0.022 * rolling**2), 0.38 * settling - 0.5 * rolling**2, before.facing
        share = (time - leave) / (coming.time - leave)
        eased = share * share * (3 - 2 * share)
        lift = coming.lift * math.sin(math.pi * share) + 0.022 * (1 - share) ** 2
        toes = -0.5 * (1 - share) ** 2 + 0.38 * share
        facing = coming.facing if share > 0.4 else before.facing
        return (before.x + (coming.x - before.x) * eased, height - lift), toes, facing

    def _step(self, time: float, lift: float) -> Step:
        _, facing = self.body(time)
        ahead, _ = self.body(time + 0.26)
        return Step(time, ahead, lift, facing)

    def _stride_phase(self, time: float) -> float:
        """Cycles of two steps so far."""
        times = [step.time for step in self.steps]
        return float(np.interp(time, times, np.arange(len(times)))) / 2

    def _draw_leg(self, canvas: Canvas, hips: Point, side: int, time: float, facing: int, colour: Colour) -> None:
        ankle, toes, foot_facing = self.foot(side, time)
        knee = _knee(hips, ankle, self.leg, facing)
        canvas.limb(hips, knee, 0.066, 0.05, colour)
        canvas.limb(knee, ankle, 0.05, 0.034, colour)
        heel = (ankle[0] - 0.02 * foot_facing, ankle[1] + ANKLE - 0.014)
        tip = (
            heel[0] + 0.085 * math.cos(toes) * foot_facing,
            heel[1] - 0.085 * math.sin(toes) + 0.003,
        )
        canvas.polygon([(ankle[0] - 0.02, ankle[1]), (ankle[0] + 0.02, ankle[1]), tip, heel], _SHOE)
        canvas.limb(heel, tip, 0.028, 0.022, _SHOE)

    def _draw_arm(
        self, canvas: Canvas, shoulder: Point, facing: int, angle: float, sleeve: Colour, skin: Colour
    ) -> None:
        start = (shoulder[0], shoulder[1] + 0.012)
        elbow = (start[0] + 0.1 * math.sin(angle) * facing, start[1] + 0.1 * math.cos(angle))
        bend = angle + 0.35
        hand = (elbow[0] + 0.09 * math.sin(bend) * facing, elbow[1] + 0.09 * math.cos(bend))
        canvas.limb(start, elbow, 0.042, 0.036, sleeve)
        canvas.limb(elbow, hand, 0.034, 0.026, sleeve)
        canvas.circle(hand, 0.02, skin)


_WALK_SPEED = 0.4  # picture heights per second
ANKLE = 0.036  # above the sole
_SHIRT, _FAR_SHIRT = (70, 92, 190), (52, 70, 148)
_TROUSERS, _FAR_TROUSERS = (112, 76, 48), (84, 56, 36)
_SKIN, _FAR_SKIN = (150, 182, 226), (118, 144, 184)
_HAIR, _SHOE = (34, 44, 58), (38, 36, 40)


def _knee(hip: Point, ankle: Point, bone: float, facing: int) -> Point:
    """Where two bones of one length meet, bent the way people bend."""
    dx, dy = ankle[0] - hip[0], ankle[1] - hip[1]
    apart = min(math.hypot(dx, dy), 2 * bone * 0.999)
    out = math.sqrt(bone**2 - (apart / 2) ** 2)
    length = math.hypot(dx, dy) or 1.0
    return hip[0] + dx / 2 + out * dy / length * facing, hip[1] + dy / 2 - out * dx / length * facing
