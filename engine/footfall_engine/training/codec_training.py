"""Training of the codec that latents come from, after Stable Audio's recipe (Evans et al. 2024, 2404.10301).

Codec and discriminator learn at once, each from its own loss on the same sounds.

Conventions
-----------
Sound is float32, shape = (b, channels, samples), 48 kHz.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from footfall_bridge.errors import BadRequest
from torch import Tensor, nn
from torch.nn import functional as F

from footfall_engine.models.multifoley import codec as codecs
from footfall_engine.models.multifoley.codec import OobleckCodec, OobleckShape
from footfall_engine.models.multifoley.sizes import SAMPLE_RATE
from footfall_engine.training import codec_losses as losses
from footfall_engine.training.codec_losses import Discriminator, Shares
from footfall_engine.training.crew import Crew
from footfall_engine.training.loop import Recipe, Trainer, mean_of

CODEC_FILE = "codec.safetensors"
"""What a network is trained on top of, inside the folder of a run."""


class Sounds(Protocol):
    """Where sounds of one length come from."""

    def draw_sound(self, rng: np.random.Generator, /) -> Tensor:
        """shape = (channels, samples)."""
        ...


@dataclass(frozen=True)
class CodecRecipe(Recipe):
    """The figures of Stable Audio's autoencoder."""

    steps: int = 1_000_000
    batch: int = 32
    rate: float = 1.5e-4
    seconds: float = 1.5  # of a sound
    judge_rate: float = 3e-4
    warm_up: float = 0.999  # share of what lacks to the full rate that is left after each step
    fall_steps: float = 200_000  # after three times as many steps the rate has halved
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: float = 1e-3
    clip: float = 100.0  # norm of a gradient, so that one odd sound cannot undo much
    shares: Shares = field(default_factory=Shares)
    judge_width: int = 64
    judge_ffts: tuple[int, ...] = losses.HEARD_FFTS
    judged_from: int = 0  # step from which the discriminator counts

    @property
    def samples(self) -> int:
        return round(self.seconds * SAMPLE_RATE)

    def rate_share(self, step: int) -> float:
        """Of both rates."""
        return (1 - self.warm_up ** (step + 1)) / math.sqrt(1 + step / self.fall_steps)

    def rate_at(self, step: int) -> float:
        return self.rate * self.rate_share(step)


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
    spectral: Tensor
    adversarial: Tensor
    features: Tensor
    kl: Tensor
    judge: Tensor


class CodecTrainer(Trainer[Sounds, Batch, Losses]):
    row = CodecRow
    config: OobleckShape
    recipe: CodecRecipe

    def __init__(
        self, shape: OobleckShape, recipe: CodecRecipe, crew: Crew, precision: torch.dtype = torch.float32
    ) -> None:
        super().__init__(shape, recipe, crew, precision)
        if recipe.samples % shape.hop:
            raise BadRequest(f"{recipe.seconds} s are no whole number of columns of {shape.hop} samples")
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

    def batch(self, source: Sounds, rngs: Sequence[np.random.Generator]) -> Batch:
        shape, samples = self.config, self.recipe.samples
        drawn = torch.stack([source.draw_sound(rng) for rng in rngs])
        wanted = (len(rngs), shape.channels, samples)
        if drawn.shape != wanted:
            raise BadRequest(f"the codec learns from sounds of shape {wanted[1:]}, not {tuple(drawn.shape[1:])}")
        size = (shape.latent_channels, samples // shape.hop)
        noise = np.stack([rng.standard_normal(size, dtype=np.float32) for rng in rngs])
        return Batch(drawn, torch.from_numpy(noise))

    def train(self, parts: Sequence[Batch]) -> Losses:
        share = self.recipe.rate_share(self.step)
        for group, rate in zip(self.optimiser.param_groups, (self.recipe.rate, self.recipe.judge_rate), strict=True):
            group["lr"] = rate * share
        each = [self._gradients(part, 1 / len(parts)) for part in parts]
        for network in (self.codec, self.judge):
            self.crew.mean_gradients(network)
            nn.utils.clip_grad_norm_(network.parameters(), self.recipe.clip)
        self.update(self.codec)
        return mean_of(each)

    def _gradients(self, batch: Batch, share: float) -> Losses:
        """Add this batch's share to the gradients of both networks."""
        sound, noise = batch.sound.to(self.crew.device), batch.noise.to(self.crew.device)
        made, mean, std = self._heard(sound, noise)
        zero = torch.zeros((), device=self.crew.device)
        judged, adversarial, feature = zero, zero, zero
        if self.step >= self.recipe.judged_from:
            with self.autocast():
                real, unreal = self.judge(sound), self.judge(made.detach())
            judged = losses.discriminator_loss(real, unreal)
            (judged * share).backward(inputs=list(self.judge.parameters()))
            with self.autocast():
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
        with self.autocast():
            mean, scale = self.codec.network.encoder(sound).float().chunk(2, dim=1)
            std = F.softplus(scale) + 1e-4  # as diffusers has it
            made = self.codec.network.decoder(mean + std * noise).float()
        return made, mean, std

    def held_out_loss(self, unseen: Sequence[Batch]) -> float:
        """Distance of spectra."""
        sounds = [batch.sound.to(self.crew.device) for batch in unseen]
        back = [self.averaged.decode(self.averaged.encode(sound), sound.shape[-1]) for sound in sounds]
        return float(losses.spectral_loss(torch.cat(back), torch.cat(sounds)))

    def leave(self, folder: Path, source: Sounds) -> None:
        """The averaged weights, with mean and spread of the latents of some of the sounds."""
        made = OobleckCodec(self.config).to(self.crew.device)
        made.load_state_dict(self.averaged.state_dict())
        some = [made.encode(batch.sound.to(self.crew.device)) for batch in self.some(source)]
        made.measure(torch.cat(some))
        codecs.save(made, folder / CODEC_FILE)
