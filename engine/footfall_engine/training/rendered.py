"""Rendered contacts with sound to match, made as they are drawn: data that needs no recordings.

For speed, training does not look at pictures: it is told of the true contacts as an analysis might have found them,
some moved a little, some missed, some that were none, and of movement that means nothing. Whoever tests what was learnt
renders the pictures, of scenes from HELD_OUT on, and has the engine analyse them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from footfall_bridge.messages import HitKind, Quality
from numpy.typing import NDArray

from footfall_engine.analysis.picture import MOTION_RATE
from footfall_engine.contacts import Contact, Scene, contacts_of
from footfall_engine.models.multifoley.codec import Codec
from footfall_engine.models.multifoley.features import event_track
from footfall_engine.training.examples import Example, as_tensor, encoded
from footfall_engine.training.timbres import TIMBRES, Mono, sound_of

HELD_OUT = 1_000_000
"""Scenes with this seed or a higher one are never trained on."""


@dataclass(frozen=True)
class Blur:
    """How far what is told of contacts is from the truth."""

    time_sec: float = 0.012  # standard deviation
    missed: float = 0.04  # share
    invented: float = 0.04
    strength: float = 0.12  # standard deviation
    size: float = 0.3  # of its logarithm
    x: float = 0.05
    kinds: tuple[HitKind, ...] = (HitKind.IMPACT, HitKind.IMPACT, HitKind.STEP, HitKind.STOP)

    def apply(self, contacts: Sequence[Contact], duration_sec: float, rng: np.random.Generator) -> list[Contact]:
        found = [self._moved(contact, rng) for contact in contacts if rng.random() >= self.missed]
        for contact in contacts:
            if rng.random() < self.invented:
                found.append(replace(self._moved(contact, rng), time=float(rng.uniform(0, duration_sec))))
        return sorted(found, key=lambda contact: contact.time)

    def _moved(self, contact: Contact, rng: np.random.Generator) -> Contact:
        time, strength, x, size = rng.standard_normal(4) * (self.time_sec, self.strength, self.x, self.size)
        return Contact(
            time=max(0.0, contact.time + time),
            strength=float(np.clip(contact.strength + strength, 0, 1)),
            x=float(np.clip(contact.x + x, -1, 1)),
            size=float(np.clip(contact.size * np.exp(size), 0, 1)),
            kind=self.kinds[rng.integers(len(self.kinds))],
        )


@dataclass(frozen=True)
class Take:
    """One scene and what it sounds like."""

    scene: Scene
    contacts: tuple[Contact, ...]
    timbre: str
    caption: str
    quality: Quality
    sound: Mono


@dataclass(frozen=True)
class RenderedContacts:
    """Balls, hammer and steps; a share of the takes sounds of any timbre, whatever is seen, and is called after it."""

    codec: Codec
    seconds: float
    any_timbre: float = 0.5  # share
    low_quality: float = 0.25  # share
    blur: Blur = field(default_factory=Blur)
    first_seed: int = 0  # of scenes; HELD_OUT for testing

    @property
    def captions(self) -> list[str]:
        return [caption for timbre in TIMBRES.values() for caption in timbre.captions]

    def draw(self, rng: np.random.Generator, /) -> Example:
        take = self.take(rng)
        found = self.blur.apply(take.contacts, self.seconds, rng)
        track = event_track(found, _movement(self.seconds, rng), self.seconds)
        return Example(encoded(self.codec, take.sound[None]), as_tensor(track), take.caption, take.quality)

    def draw_sound(self, rng: np.random.Generator, /) -> torch.Tensor:
        """For a codec to learn from, shape = (channels, samples)."""
        return torch.from_numpy(self.take(rng).sound).expand(self.codec.channels, -1)

    def take(self, rng: np.random.Generator) -> Take:
        names = list(TIMBRES)
        shown = names[rng.integers(len(names))]
        heard = names[rng.integers(len(names))] if rng.random() < self.any_timbre else shown
        quality = Quality.LOW if rng.random() < self.low_quality else Quality.HIGH
        caption = str(rng.choice(TIMBRES[heard].captions))
        scene = Scene(TIMBRES[shown].scene, duration=self.seconds, seed=self.first_seed + int(rng.integers(HELD_OUT)))
        contacts = tuple(contacts_of(scene))
        sound = sound_of(contacts, heard, quality, self.seconds, rng)
        return Take(scene, contacts, heard, caption, quality, sound)


def _movement(seconds: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """A curve that wanders, shape = (n,), MOTION_RATE per second, 0 … 1."""
    knots = rng.uniform(0, 1, round(seconds * 5) + 2)
    times = np.arange(round(seconds * MOTION_RATE) + 1) / MOTION_RATE
    return np.interp(times * 5, np.arange(len(knots)), knots).astype(np.float32)
