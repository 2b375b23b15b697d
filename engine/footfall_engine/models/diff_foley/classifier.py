"""The alignment classifier: does this (noisy) sound belong to this picture?

The first half of a latent diffusion UNet with a head; modules are named as in the published checkpoints.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from footfall_engine.models.diff_foley.conditioning import FeatureEmbedding

_GROUPS = 32


@dataclass(frozen=True)
class ClassifierShape:
    """Sizes of the classifier; the defaults are those of the published weights."""

    latent_channels: int = 4
    channels: int = 128
    multipliers: tuple[int, ...] = (1, 2, 2)
    layers: int = 1
    attention_at: tuple[int, ...] = (2, 4)  # reductions of the latents
    heads: int = 8
    features: int = 512


class Alignment(nn.Module):
    """The classifier and the embedding of the features it was trained on, as they lie in one checkpoint."""

    def __init__(self, shape: ClassifierShape) -> None:
        super().__init__()
        self.model = Classifier(shape)
        self.cond_model = FeatureEmbedding(shape.features, shape.features)


class Classifier(nn.Module):
    def __init__(self, shape: ClassifierShape) -> None:
        super().__init__()
        self.channels = shape.channels
        wide = 4 * shape.channels
        self.time_embed = nn.Sequential(nn.Linear(shape.channels, wide), nn.SiLU(), nn.Linear(wide, wide))
        blocks: list[nn.Module] = [nn.ModuleList([nn.Conv2d(shape.latent_channels, shape.channels, 3, padding=1)])]
        now, reduction = shape.channels, 1
        for level, multiplier in enumerate(shape.multipliers):
            out = multiplier * shape.channels
            for _ in range(shape.layers):
                block: list[nn.Module] = [ResBlock(now, out, wide)]
                if reduction in shape.attention_at:
                    block.append(_attention(out, shape))
                blocks.append(nn.ModuleList(block))
                now = out
            if level < len(shape.multipliers) - 1:
                blocks.append(nn.ModuleList([Downsample(now)]))
                reduction *= 2
        self.input_blocks = nn.ModuleList(blocks)
        self.middle_block = nn.ModuleList([ResBlock(now, now, wide), _attention(now, shape), ResBlock(now, now, wide)])
        self.out = nn.Sequential(nn.GroupNorm(_GROUPS, now), nn.SiLU(), nn.Conv2d(now, shape.channels, 3, padding=1))
        self.classifier = nn.Linear(shape.channels, 1)

    def forward(self, latents: Tensor, time: Tensor, context: Tensor) -> Tensor:
        """Log probability, shape = (b,), of latents (b, 4, h, w) at time (b,) with context (b, rows, features)."""
        when = self.time_embed(_sinusoids(time, self.channels).to(latents.dtype))
        x = latents
        for block in (*self.input_blocks, self.middle_block):
            for layer in block:
                x = _applied(layer, x, when, context)
        x = self.out(x).mean((2, 3))
        return F.logsigmoid(self.classifier(x).float()).squeeze(1)


def _applied(layer: nn.Module, x: Tensor, when: Tensor, context: Tensor) -> Tensor:
    if isinstance(layer, ResBlock):
        return layer(x, when)
    if isinstance(layer, (nn.Conv2d, Downsample)):
        return layer(x)
    return layer(x, context, return_dict=False)[0]


def _attention(channels: int, shape: ClassifierShape) -> nn.Module:
    from diffusers import Transformer2DModel

    return Transformer2DModel(
        num_attention_heads=shape.heads,
        attention_head_dim=channels // shape.heads,
        in_channels=channels,
        cross_attention_dim=shape.features,
        norm_num_groups=_GROUPS,
    )


class ResBlock(nn.Module):
    def __init__(self, channels: int, out: int, wide: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            nn.GroupNorm(_GROUPS, channels), nn.SiLU(), nn.Conv2d(channels, out, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(wide, out))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(_GROUPS, out), nn.SiLU(), nn.Identity(), nn.Conv2d(out, out, 3, padding=1)
        )
        self.skip_connection = nn.Identity() if out == channels else nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor, when: Tensor) -> Tensor:
        inner = self.in_layers(x) + self.emb_layers(when)[:, :, None, None]
        return self.skip_connection(x) + self.out_layers(inner)


class Downsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


def _sinusoids(time: Tensor, channels: int) -> Tensor:
    """(b,) → (b, channels), cosines first."""
    half = channels // 2
    frequencies = torch.exp(-math.log(10_000) / half * torch.arange(half, dtype=torch.float32, device=time.device))
    angles = time.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)
