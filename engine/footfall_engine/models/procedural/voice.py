"""The words the procedural model is written in: how a layer is played, what strikes it, what a family is.

Conventions
-----------
Voices are mono float32 at SAMPLE_RATE, full scale ±1, about −12 dBFS peak for a strike of strength 1 played near.
A strike starts at sample 0 (its onset within 1 ms) and rings as long as it likes, 8 s at most.
A texture has exactly as many samples as it is asked for and no start or end of its own.
Every random choice comes from the generator handed in, so the same seed gives the same samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 48_000  # Hz
BLOCK_SEC = 8.0  # an endless texture is made in blocks that begin so far apart

Samples = NDArray[np.float32]


class Role(str, Enum):
    """What drives a family."""

    HITS = "hits"  # plays once on each event
    MOTION = "motion"  # sounds as long and as loud as something moves
    AMBIENCE = "ambience"  # runs through


@dataclass(frozen=True)
class Manner:
    """How a layer is played: what the adjectives of its part of the prompt add up to. 0 is ordinary."""

    size: float = 0.0  # −1 tiny … 1 huge
    effort: float = 0.0  # −1 gentle, light … 1 hard, heavy
    speed: float = 0.0  # −1 slow … 1 fast
    distance: float = 0.0  # 0 near … 1 far away
    wetness: float = 0.0  # 0 dry … 1 soaked
    brightness: float = 0.0  # −1 dull, muffled … 1 bright, sharp
    room: float = 0.0  # 0 close and dead … 1 a cathedral
    gain_db: float = 0.0  # "quiet", "loud"
    material: str = ""  # a key of the family's `variants`: a surface for footsteps, a substance for impacts


@dataclass(frozen=True)
class Strike:
    """One event as a voice sees it."""

    strength: float  # 0…1
    size: float  # 0…1, share of the picture's height
    index: int  # counts the region's events: left and right feet, round robins
    gap_seconds: float  # to the next event, inf after the last


StrikeVoice = Callable[[Strike, Manner, np.random.Generator], Samples]
TextureVoice = Callable[[int, NDArray[np.float32], Manner, np.random.Generator], Samples]
"""(samples, level curve 0…1 of shape (samples,) float32, manner, rng) → (samples,)."""


@dataclass(frozen=True)
class Family:
    """One row of the table in `families.py`: a sound the model knows."""

    name: str
    role: Role
    words: tuple[str, ...]  # what a user may call it, singular, lower case, several words allowed
    about: str  # a line for `footfall families`
    strike: StrikeVoice | None = None
    texture: TextureVoice | None = None
    tonal: bool = False  # an ambience of standing tones: every block the same, in step, and in the middle
    variants: tuple[str, ...] = ()  # materials or surfaces it knows
    default_variant: str = ""
    manner: Manner = field(default_factory=Manner)  # where it starts from
