"""Training of the codec that latents come from, after Stable Audio's recipe (Evans et al. 2024, 2404.10301).

Codec and discriminator learn at once, each from its own loss on the same sounds. As in `loop`, item i of step s comes
from a random generator seeded with (seed, s * batch + i), so that counting steps is all that resuming needs.

Conventions
-----------
Sound is float32, shape = (b, channels, samples), 48 kHz.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from footfall_bridge.errors import BadRequest, ModelFailed
from torch import Tensor, nn
from torch.nn import functional as F

from footfall_engine.ahead import read_ahead
from footfall_engine.models.multifoley import codec as codecs
from footfall_engine.models.multifoley.codec import OobleckCodec, OobleckShape
from footfall_engine.models.multifoley.sizes import SAMPLE_RATE
from footfall_engine.training import codec_losses as losses
from footfall_engine.training import curves, state
from footfall_engine.training.codec_losses import Discriminator, Shares
from footfall_engine.training.crew import Crew

CODEC_FILE = "codec.safetensors"
"""What a network is trained on top of, inside the folder of a run."""
BATCHES_AHEAD = 2
_TRAINING, _HELD_OUT = 0, 1  # streams of random generators


class Sounds(Protocol):
    """Where sounds of one length come from."""

    def draw_sound(self, rng: np.random.Generator, /) -> Tensor:
        """shape = (channels, samples)."""
        ...


@dataclass(frozen=True)
class CodecRecipe:
    """How to train; the figures of Stable Audio's autoencoder."""

    steps: int = 1_000_000
    batch: int = 32  # sounds of an optimiser step, over all processes and parts
    parts: int = 1  # that each process works on its share of them in, one after another
    seconds: float = 1.5  # of a sound
    rate: float = 1.5e-4
    judge_rate: float = 3e-4
    warm_up: float = 0.999  # share of what lacks to the full rate that is left after each step
    fall_steps: float = 200_000  # after three times as many steps the rate has halved
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: float = 1e-3
    clip: float = 100.0  # norm of a gradient, so that one odd sound cannot undo much
    average: float = 0.9999  # share of the averaged weights that stays at each step
    shares: Shares = field(default_factory=Shares)
    judge_width: int = 64
    judge_ffts: tuple[int, ...] = losses.HEARD_FFTS
    judged_from: int = 0  # step from which the discriminator counts
    seed: int = 0
    held_out_items: int = 32
    look_every: int = 200  # steps between rows of the curves
    save_every: int = 2000

    @property
    def samples(self) -> int:
        return round(self.seconds * SAMPLE_RATE)

    def rate_share(self, step: int) -> float:
        """Of both rates."""
        return (1 - self.warm_up ** (step + 1)) / math.sqrt(1 + step / self.fall_steps)

    def average_at(self, step: int) -> float:
        """Early on, when the weights still move far, less of their average stays."""
        return min(self.average, (1 + step) / (10 + step))


@dataclass(frozen=True)
class CodecRow:
    """A row of the curves: means since the row before."""

    step: int  # optimiser steps done
    spectral: float  # distance of spectra
    held_out: float  # the same, of the averaged weights on sounds never trained on; NaN where there are none
    adversarial: float  # minus the verdict on made sounds
    features: float  # distance of what the discriminator feels
    kl: float
    judge: float  # loss of the discriminator
    rate: float  # of learning
    seconds: float  # of training so far, over all its runs


@dataclass(frozen=True)
class Batch:
    sound: Tensor  # (b, channels, samples)
    noise: Tensor  # (b, latent channels, columns), standard normal: where in their distributions latents are drawn


@dataclass(frozen=True)
class Losses:
    """Of one batch, or means over several."""

    spectral: Tensor
    adversarial: Tensor
    features: Tensor
    kl: Tensor
    judge: Tensor

    @classmethod
    def mean(cls, each: Sequence[Losses]) -> Losses:
        return cls(*(torch.stack([getattr(one, name.name) for one in each]).mean() for name in fields(cls)))


class CodecTrainer:
    """Everything that changes from step to step."""

    def __init__(
        self, shape: OobleckShape, recipe: CodecRecipe, crew: Crew, precision: torch.dtype = torch.float32
    ) -> None:
        if recipe.batch % (crew.size * recipe.parts):
            raise BadRequest(
                f"a batch of {recipe.batch} cannot be divided by {crew.size} processes × {recipe.parts} parts"
            )
        if recipe.samples % shape.hop:
            raise BadRequest(f"{recipe.seconds} s are no whole number of columns of {shape.hop} samples")
        self.config, self.recipe, self.crew, self.precision = shape, recipe, crew, precision
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.codec = OobleckCodec(shape).to(crew.device)
            self.judge = Discriminator(shape.channels, recipe.judge_width, recipe.judge_ffts).to(crew.device)
        self.student = nn.ModuleDict({"codec": self.codec, "judge": self.judge})
        self.averaged = OobleckCodec(shape).to(crew.device).requires_grad_(False)
        self.averaged.load_state_dict(self.codec.state_dict())
        self.optimiser = torch.optim.AdamW(
            [{"params": list(self.codec.parameters())}, {"params": list(self.judge.parameters())}],
            betas=recipe.betas, weight_decay=recipe.weight_decay,
        )  # fmt: skip
        self.step = 0
        self.seconds = 0.0

    # ---- training

    def run(
        self, sounds: Sounds, folder: Path, held_out: Sounds | None = None,
        tell: Callable[[CodecRow], None] = lambda row: None, longest_sec: float = math.inf,
    ) -> None:  # fmt: skip
        """Train up to the recipe's steps, or for so many seconds; goes on where `folder` left off.

        ModelFailed when a loss is no number any more; the last checkpoint is from before that.
        """
        state.resume(self, folder)
        rows = [row for row in curves.read(folder, CodecRow) if row.step <= self.step]
        unseen = list(self._some(held_out, _HELD_OUT)) if held_out is not None else []
        seen: list[Losses] = []
        began, before = time.monotonic(), self.seconds
        with closing(read_ahead(self._batches(sounds), BATCHES_AHEAD)) as batches:
            for parts in batches:
                seen.append(self.train(parts))
                self.seconds = before + time.monotonic() - began
                out_of_time = self.crew.any(self.seconds - before >= longest_sec)
                ends = self.step == self.recipe.steps or out_of_time
                if ends or self.step % self.recipe.look_every == 0:
                    rows.append(self._look(Losses.mean(seen), unseen))
                    tell(rows[-1])
                    seen = []
                if ends or self.step % self.recipe.save_every == 0:
                    self.save(folder, sounds, rows)
                if ends:
                    break

    def save(self, folder: Path, sounds: Sounds, rows: Sequence[CodecRow] = ()) -> None:
        """What training goes on from, what a network can be trained on top of, and the curves."""
        if self.crew.leads:
            folder.mkdir(parents=True, exist_ok=True)
            state.write(self, folder)
            codecs.save(self.trained(sounds), folder / CODEC_FILE)
            curves.write(folder, list(rows))
        self.crew.wait()

    def trained(self, sounds: Sounds) -> OobleckCodec:
        """The averaged weights, with mean and spread of the latents of some of the sounds."""
        made = OobleckCodec(self.config).to(self.crew.device)
        made.load_state_dict(self.averaged.state_dict())
        some = [made.encode(batch.sound.to(self.crew.device)) for batch in self._some(sounds, _TRAINING)]
        made.measure(torch.cat(some))
        return made

    def train(self, parts: Sequence[Batch]) -> Losses:
        """One optimiser step on a batch in parts."""
        share = self.recipe.rate_share(self.step)
        for group, rate in zip(self.optimiser.param_groups, (self.recipe.rate, self.recipe.judge_rate), strict=True):
            group["lr"] = rate * share
        each = [self._gradients(part, 1 / len(parts)) for part in parts]
        for network in (self.codec, self.judge):
            self.crew.mean_gradients(network)
            nn.utils.clip_grad_norm_(network.parameters(), self.recipe.clip)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self._average()
        self.step += 1
        return Losses.mean(each)

    def _gradients(self, batch: Batch, share: float) -> Losses:
        """Add this batch's share to the gradients of both networks."""
        sound, noise = batch.sound.to(self.crew.device), batch.noise.to(self.crew.device)
        made, mean, std = self._heard(sound, noise)
        zero = torch.zeros((), device=self.crew.device)
        judged, adversarial, feature = zero, zero, zero
        if self.step >= self.recipe.judged_from:
            with self._autocast():
                real, unreal = self.judge(sound), self.judge(made.detach())
            judged = losses.discriminator_loss(real, unreal)
            (judged * share).backward(inputs=list(self.judge.parameters()))
            with self._autocast():
                seen = self.judge(made)
            adversarial = losses.adversarial_loss(seen)
            feature = losses.feature_loss([[layer.detach() for layer in scale] for scale in real], seen)
        spectral, kl = losses.spectral_loss(made, sound), losses.kl_loss(mean, std)
        shares = self.recipe.shares
        total = shares.spectral * spectral + shares.adversarial * adversarial
        total = total + shares.features * feature + shares.kl * kl
        (total * share).backward(inputs=list(self.codec.parameters()))
        return Losses(*(loss.detach() for loss in (spectral, adversarial, feature, kl, judged)))

    def _heard(self, sound: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What comes back of the sound, and the distributions of the latents that it came from."""
        with self._autocast():
            mean, scale = self.codec.network.encoder(sound).float().chunk(2, dim=1)
            std = F.softplus(scale) + 1e-4  # as diffusers has it
            made = self.codec.network.decoder(mean + std * noise).float()
        return made, mean, std

    @torch.no_grad()
    def _average(self) -> None:
        share = 1 - self.recipe.average_at(self.step)
        for mean, now in zip(self.averaged.parameters(), self.codec.parameters(), strict=True):
            mean.lerp_(now, share)

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.precision is torch.float32:
            return nullcontext()
        return torch.autocast(self.crew.device.type, self.precision)

    # ---- looking

    def _look(self, seen: Losses, unseen: Sequence[Batch]) -> CodecRow:
        means = {each.name: float(self.crew.mean(getattr(seen, each.name))) for each in fields(Losses)}
        if wrong := [name for name, value in means.items() if not math.isfinite(value)]:
            raise ModelFailed(
                f"the {wrong[0]} loss is {means[wrong[0]]} after step {self.step}: "
                f"a lower rate than {self.recipe.rate} may help"
            )
        rate = self.recipe.rate * self.recipe.rate_share(self.step - 1)
        return CodecRow(self.step, held_out=self._spectral_of(unseen), rate=rate, seconds=self.seconds, **means)

    @torch.no_grad()
    def _spectral_of(self, unseen: Sequence[Batch]) -> float:
        if not unseen:
            return math.nan
        sounds = [batch.sound.to(self.crew.device) for batch in unseen]
        back = [self.averaged.decode(self.averaged.encode(sound), sound.shape[-1]) for sound in sounds]
        return float(losses.spectral_loss(torch.cat(back), torch.cat(sounds)))

    # ---- data

    def _batches(self, sounds: Sounds) -> Iterator[list[Batch]]:
        """This process's parts of every step that is left."""
        for step in range(self.step, self.recipe.steps):
            own = [step * self.recipe.batch + item for item in self.crew.share(self.recipe.batch)]
            yield [self._batch(sounds, _TRAINING, piece) for piece in self._pieces(own)]

    def _some(self, sounds: Sounds, stream: int) -> Iterator[Batch]:
        return (self._batch(sounds, stream, piece) for piece in self._pieces(range(self.recipe.held_out_items)))

    def _pieces(self, numbers: Sequence[int]) -> Iterator[Sequence[int]]:
        """As many items as this process works on at once."""
        size = self.recipe.batch // (self.crew.size * self.recipe.parts)
        return (numbers[first : first + size] for first in range(0, len(numbers), size))

    def _batch(self, sounds: Sounds, stream: int, numbers: Sequence[int]) -> Batch:
        rngs = [np.random.default_rng([self.recipe.seed, stream, number]) for number in numbers]
        shape = self.config
        size = (shape.latent_channels, self.recipe.samples // shape.hop)
        drawn = torch.stack([sounds.draw_sound(rng) for rng in rngs])
        wanted = (len(numbers), shape.channels, self.recipe.samples)
        if drawn.shape != wanted:
            raise BadRequest(f"the codec learns from sounds of shape {wanted[1:]}, not {tuple(drawn.shape[1:])}")
        noise = np.stack([rng.standard_normal(size, dtype=np.float32) for rng in rngs])
        return Batch(drawn, torch.from_numpy(noise))
