"""The masked objective of MultiFoley (arXiv 2411.17698, equation 1 and section 3.4).

    L = E ‖ε − ε_θ(z_t, v, t_c, a_c, t)‖², t ~ U(T), over the latents that were not given

With probability 0.25 a span of 0 to 2 s of the sound is handed in clean. The paper does not say where the span lies,
and its words also bear that all but the span is given; both are settings here. Caption, quality tag and track are
dropped independently of one another, so that each can be absent when sound is made.

Errors can also be counted as those of the velocity α ε − σ x (Salimans & Ho 2022), by dividing them by α²: the plain
loss hardly feels at the noisiest times, where it is decided when something sounds, how wrong the sound is.

Conventions
-----------
Latents are float32, shape = (b, LATENT_CHANNELS, t); `given` has the shape (b, t) and is 1 where they are clean.
Everything random about an item of a batch comes from that item's own generator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import torch
from torch import Tensor

from footfall_engine.diffusion.schedules import NoiseSchedule
from footfall_engine.models.multifoley.guidance import tagged
from footfall_engine.models.multifoley.sizes import LATENT_RATE
from footfall_engine.training.examples import Example


@dataclass(frozen=True)
class SpanRule:
    """Which part of an example's sound is given."""

    probability: float = 0.25
    shortest_sec: float = 0.0
    longest_sec: float = 2.0
    at_start: float = 0.0  # share of the spans that begin where the sound does; the others lie anywhere
    outside: float = 0.0  # share of those where all but the span is given

    def draw(self, columns: int, rng: np.random.Generator) -> Tensor:
        """shape = (columns,), float32; never all ones, for then there would be nothing to learn."""
        given = torch.zeros(columns)
        given_at_all, at_start, outside = rng.random(3) < (self.probability, self.at_start, self.outside)
        most = min(round(self.longest_sec * LATENT_RATE), columns - 1)
        length = int(rng.integers(min(round(self.shortest_sec * LATENT_RATE), most), most + 1))
        first = 0 if at_start else int(rng.integers(0, columns - length + 1))
        if given_at_all:
            given[first : first + length] = 1
            if outside and length:
                given = 1 - given
        return given


@dataclass(frozen=True)
class Drops:
    """How likely each condition is left out."""

    caption: float = 0.1
    tag: float = 0.1
    track: float = 0.1
    track_of_given: float = 0.5  # the part of it that goes with given sound, as of a reference

    def text(self, example: Example, rng: np.random.Generator) -> str:
        no_caption, no_tag = rng.random(2) < (self.caption, self.tag)
        return tagged("" if no_caption else example.caption, None if no_tag else example.quality)

    def seen(self, example: Example, given: Tensor, rng: np.random.Generator) -> Tensor:
        """Where there is a picture, shape = (t,), bool."""
        nowhere, not_where_given = rng.random(2) < (self.track, self.track_of_given)
        if example.track is None or nowhere:
            return torch.zeros_like(given, dtype=torch.bool)
        return given == 0 if not_where_given else torch.ones_like(given, dtype=torch.bool)


@dataclass(frozen=True)
class Batch:
    """Items as the network sees them, and what it is to find."""

    noisy: Tensor  # (b, LATENT_CHANNELS, t): clean where given
    time: Tensor  # (b,), 0 … T - 1
    given: Tensor  # (b, t)
    track: Tensor  # (b, track_channels, t), zeros where there is none
    has_track: Tensor  # (b, t), bool
    noise: Tensor  # (b, LATENT_CHANNELS, t)
    weight: Tensor  # (b,), of an item's error
    texts: tuple[str, ...]

    def to(self, device: torch.device) -> Batch:
        moved = {
            name: getattr(self, name).to(device, non_blocking=True)
            for name in ("noisy", "time", "given", "track", "has_track", "noise", "weight")
        }
        return replace(self, **moved)


class Counted(str, Enum):
    """As errors of what the loss counts those of the noise."""

    NOISE = "noise"  # as in the paper
    VELOCITY = "velocity"


@dataclass(frozen=True)
class Objective:
    schedule: NoiseSchedule
    track_channels: int
    span: SpanRule = SpanRule()
    drops: Drops = Drops()
    counted: Counted = Counted.NOISE

    def batch(self, draw: Callable[[np.random.Generator], Example], rngs: Sequence[np.random.Generator]) -> Batch:
        """One item from each generator; all examples have the same length."""
        items = [self._item(draw(rng), rng) for rng in rngs]
        stacked = [torch.stack(each) for each in zip(*(tensors for tensors, _ in items), strict=True)]
        noisy, time, given, track, has_track, noise, weight = stacked
        return Batch(noisy, time, given, track, has_track, noise, weight, tuple(text for _, text in items))

    def _item(self, example: Example, rng: np.random.Generator) -> tuple[tuple[Tensor, ...], str]:
        """Tensors in the order of `Batch`, and the text."""
        clean, columns = example.latents, example.latents.shape[-1]
        given = self.span.draw(columns, rng)
        text, has_track = self.drops.text(example, rng), self.drops.seen(example, given, rng)
        time = int(rng.integers(0, len(self.schedule.betas)))
        noise = torch.from_numpy(rng.standard_normal(clean.shape, dtype=np.float32))
        noisy = self.schedule.alpha(time) * clean + self.schedule.sigma(time) * noise
        track = torch.zeros(self.track_channels, columns) if example.track is None else example.track
        weight = 1.0 if self.counted is Counted.NOISE else self.schedule.alpha(time) ** -2
        handed_in = torch.where(given.bool(), clean, noisy)
        return (handed_in, torch.tensor(float(time)), given, track, has_track, noise, torch.tensor(weight)), text


def masked_loss(predicted: Tensor, noise: Tensor, given: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """Mean square error over the columns that were not given: of each item, then of the batch.

    Every item counts by its `weight` (b,) however much of it was given, so that a batch may be worked on in parts.
    """
    wanted = 1 - given
    squares = (predicted.float() - noise).square().mean(1) * wanted  # (b, t)
    return (weight * squares.sum(1) / wanted.sum(1)).mean()
