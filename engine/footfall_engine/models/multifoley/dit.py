"""The network that finds the noise in latents: a diffusion transformer (Peebles & Xie 2023, AdaLN-zero).

Source: MultiFoley (arXiv 2411.17698, section 3.2): latents and features of the picture are joined on the channel axis,
text comes in by cross-attention. What the paper leaves open is chosen here: rotary positions (Su et al. 2021), queries
and keys normalised, learned vectors for absent text and absent picture, one more input channel that marks latents
handed in clean, and that latents are added to what comes out: where nearly all in them is noise, the network need not
pass it on, and what little sound it finds is not lost in what it rounds. diffusers' StableAudioDiTModel would do in its
place; it is told of time by one more token instead of AdaLN, and cannot tell absent text from text, nor a picture that
is absent for a part of the sound.

Latents have time last, shape = (b, LATENT_CHANNELS, t), LATENT_RATE columns a second, about unit deviation. Time of
diffusion is 0…999 and may lie between two integers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from footfall_engine.models.multifoley.sizes import LATENT_CHANNELS, Size

TIME_FEATURES = 256
_SLOWEST = 10_000.0  # radians per turn of the slowest wave, of time and of place
_MODULATIONS = 6  # shift, scale and gate of attention and of the perceptron


@dataclass(frozen=True)
class Told:
    """What the network is told besides the noisy latents."""

    track: Tensor  # (b, track_channels, t), of the picture; whatever stands there where it has none
    has_track: Tensor  # (b,) or (b, t), bool
    text: Tensor  # (b, n, text_width)
    text_mask: Tensor  # (b, n), bool; all False: no text


class FoleyDiT(nn.Module):
    def __init__(self, size: Size, track_channels: int, text_width: int) -> None:
        super().__init__()
        self.size = size
        self.null_track = nn.Parameter(0.02 * torch.randn(track_channels))
        self.null_text = nn.Parameter(0.02 * torch.randn(text_width))
        self.enter = nn.Linear(LATENT_CHANNELS + track_channels + 1, size.width)
        self.read = nn.Sequential(nn.Linear(text_width, size.width), nn.LayerNorm(size.width))
        self.clock = nn.Sequential(nn.Linear(TIME_FEATURES, size.width), nn.SiLU(), nn.Linear(size.width, size.width))
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.layers))
        self.modulate = nn.Linear(size.width, 2 * size.width)
        self.leave = nn.Linear(size.width, LATENT_CHANNELS)
        for silent in (self.modulate, self.leave):
            _zero(silent)

    def forward(self, latents: Tensor, time: Tensor, told: Told, given: Tensor) -> Tensor:
        """Noise in latents (b, LATENT_CHANNELS, t) at times (b,); `given` (b, t) is 1 where they are clean."""
        track = torch.where(
            told.has_track.view(len(latents), -1, 1), told.track.transpose(1, 2), self.null_track
        )  # (b, t, track_channels)
        x = self.enter(torch.cat([latents.transpose(1, 2), track.to(latents), given[..., None].to(latents)], -1))
        text, text_mask = self._text(told)
        when = F.silu(self.clock(waves(time, TIME_FEATURES).to(x.dtype)))  # (b, width)
        angles = turns(x.shape[1], self.size.head_width, x.device)
        for block in self.blocks:
            x = block(x, when, angles, text, text_mask)
        shift, scale = self.modulate(when)[:, None].chunk(2, -1)
        return latents + self.leave(_normalised(x) * (1 + scale) + shift).transpose(1, 2)

    def _text(self, told: Told) -> tuple[Tensor, Tensor]:
        """Tokens (b, n + 1, width), the last of which stands for no text, and which count (b, 1, 1, n + 1)."""
        tokens = torch.cat([told.text.to(self.null_text), self.null_text.expand(len(told.text), 1, -1)], 1)
        mask = torch.cat([told.text_mask, ~told.text_mask.any(1, keepdim=True)], 1)
        return self.read(tokens), mask[:, None, None]


class Block(nn.Module):
    """Attention over time, attention to the text, a perceptron; without effect before training."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.modulate = nn.Linear(size.width, _MODULATIONS * size.width)
        self.look = Attention(size)
        self.listen = Attention(size)
        self.think = nn.Sequential(
            nn.Linear(size.width, size.mlp_ratio * size.width),
            nn.GELU(approximate="tanh"),
            nn.Linear(size.mlp_ratio * size.width, size.width),
        )
        for silent in (self.modulate, self.listen.out):
            _zero(silent)

    def forward(self, x: Tensor, when: Tensor, angles: Tensor, text: Tensor, text_mask: Tensor) -> Tensor:
        shift, scale, gate, shift_2, scale_2, gate_2 = self.modulate(when)[:, None].chunk(_MODULATIONS, -1)
        inner = _normalised(x) * (1 + scale) + shift
        x = x + gate * self.look(inner, inner, angles=angles)
        x = x + self.listen(_normalised(x), text, mask=text_mask)
        return x + gate_2 * self.think(_normalised(x) * (1 + scale_2) + shift_2)


class Attention(nn.Module):
    """Of tokens (b, t, width) to others (b, n, width), their places turned by `angles` when these are given."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads = size.heads
        self.query = nn.Linear(size.width, size.width)
        self.key_value = nn.Linear(size.width, 2 * size.width)
        self.query_norm = nn.RMSNorm(size.head_width)
        self.key_norm = nn.RMSNorm(size.head_width)
        self.out = nn.Linear(size.width, size.width)

    def forward(self, x: Tensor, others: Tensor, angles: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        key, value = self.key_value(others).chunk(2, -1)
        query, key, value = (self._in_heads(each) for each in (self.query(x), key, value))
        query, key = _scaled(query, self.query_norm), _scaled(key, self.key_norm)
        if angles is not None:
            query, key = turned(query, angles), turned(key, angles)
        mixed = F.scaled_dot_product_attention(query, key, value, mask)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _in_heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (b, heads, t, head_width)


def waves(time: Tensor, features: int) -> Tensor:
    """Times (b,) as cosines and sines of geometrically spaced frequencies, shape = (b, features), float32."""
    exponents = torch.arange(features // 2, device=time.device, dtype=torch.float32) / (features // 2)
    angles = time.float()[:, None] * torch.exp(-math.log(_SLOWEST) * exponents)
    return torch.cat([angles.cos(), angles.sin()], -1)


def turns(length: int, head_width: int, device: torch.device) -> Tensor:
    """Rotary angles of places 0…length - 1, shape = (length, head_width // 2), float32."""
    exponents = torch.arange(head_width // 2, device=device, dtype=torch.float32) / (head_width // 2)
    return torch.arange(length, device=device)[:, None] * torch.exp(-math.log(_SLOWEST) * exponents)


def turned(x: Tensor, angles: Tensor) -> Tensor:
    """Queries or keys (b, heads, t, head_width) rotated by the angles of their places."""
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    one, other = x.chunk(2, -1)
    return torch.cat([one * cos - other * sin, other * cos + one * sin], -1)


def _normalised(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=1e-6)


def _scaled(x: Tensor, norm: nn.RMSNorm) -> Tensor:
    """`norm` in the precision of what it is given, which training lowers without lowering that of weights."""
    weight = norm.weight.to(x.dtype)
    return F.rms_norm(x, weight.shape, weight, norm.eps)


def _zero(linear: nn.Linear) -> None:
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
