"""What is filmed and what it is known to show: scenes, contacts, and when a contact may be."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from footfall_bridge.messages import Hit, HitKind

CLEAR_SECONDS = 0.13  # no contact is nearer than this to a cut or to the clip's ends
APART_SECONDS = 0.12  # nor to another contact: three frames at 25 a second


@dataclass(frozen=True)
class Contact:
    """One moment at which something touches something."""

    time: float  # seconds of clip time
    strength: float  # 0…1
    x: float  # −1…1 on screen
    size: float  # share of the picture's height
    kind: HitKind = HitKind.IMPACT

    def as_hit(self) -> Hit:
        return Hit(time=self.time, strength=self.strength, x=self.x, size=self.size, kind=self.kind)


@dataclass(frozen=True)
class Scene:
    """What to film, and how."""

    name: str = "balls"  # a key of SCENES
    duration: float = 6.0  # seconds
    fps: Fraction | None = Fraction(25)  # None: a variable rate
    width: int = 640
    height: int = 360
    pan: float = 0.0  # fastest sideways camera movement, picture heights per second
    cuts: tuple[float, ...] = ()  # seconds at which the camera jumps
    noise: float = 0.0  # standard deviation of the sensor's noise, grey levels
    shutter: float = 0.5  # share of a frame that the shutter is open; 0: no motion blur
    sound: bool = False  # clicks at the contacts
    seed: int = 0

    @property
    def aspect(self) -> float:
        return self.width / self.height

    def clear_of_edits(self, time: float) -> bool:
        """Whether a contact here is seen before and after: not at the clip's ends, not at a cut."""
        return all(abs(time - edge) >= CLEAR_SECONDS for edge in (0.0, self.duration, *self.cuts))


def schedule(scene: Scene, rng: np.random.Generator, first: float, gap: tuple[float, float]) -> list[float]:
    """Times of repeated contacts, nudged away from the cuts, from before the clip to after it."""
    times, time = [], first
    while time < scene.duration + 2:
        while 0 <= time <= scene.duration and not scene.clear_of_edits(time):
            time += CLEAR_SECONDS / 3
        times.append(time)
        time += float(rng.uniform(*gap))
    return times
