"""Sound to latents and back: 64 values for each of 40 columns a second, of sound at 48 kHz.

The paper's codec is unpublished. OobleckCodec is Stable Audio's autoencoder (Evans et al. 2024, arXiv 2404.10301) with
strides that multiply to 1200; SpectralCodec needs no training.

Conventions
-----------
Audio is float32, shape = (b, channels, samples), -1 … 1. Latents are float32, shape = (b, LATENT_CHANNELS, columns), of
about unit standard deviation; the last column of a sound is filled up with silence.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from footfall_bridge.errors import InvalidSettings, WeightsUnusable
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn
from torch.nn import functional as F

from footfall_engine.models.multifoley.chunks import Between, Chunks
from footfall_engine.models.multifoley.sizes import LATENT_CHANNELS, SAMPLE_RATE
from footfall_engine.models.multifoley.spectral_codec import SpectralCodec
from footfall_engine.models.weights import network, read_weights


class Codec(Protocol):
    """What a codec is to whoever makes or hears latents; it is an nn.Module, and what it learnt is in its state."""

    channels: int  # of sound: 1 or 2

    def encode(self, audio: Tensor, between: Between = lambda: None) -> Tensor:
        """(b, channels, n) → (b, LATENT_CHANNELS, ceil(n / HOP)); `between` is called before every piece."""
        ...

    def decode(self, latents: Tensor, samples: int, between: Between = lambda: None) -> Tensor:
        """(b, LATENT_CHANNELS, t) → (b, channels, samples), samples ≤ t * HOP."""
        ...


@dataclass(frozen=True)
class OobleckShape:
    """Sizes of the autoencoder. Strides must be even: odd ones come back some samples short."""

    channels: int = 1  # of sound
    latent_channels: int = LATENT_CHANNELS
    decoder_width: int = 128  # channels at the rate of the sound; the encoder has two for each of the latents
    multiples: tuple[int, ...] = (1, 2, 4, 8)  # of these widths, after each stride
    strides: tuple[int, ...] = (2, 6, 10, 10)

    @property
    def hop(self) -> int:
        return math.prod(self.strides)

    @property
    def encoder_reach(self) -> int:
        """Columns on either side that a column of latents depends on."""
        first, last = -1, 1  # of what is seen, from the latents down to the sound
        for stride in reversed(self.strides):
            first = first * stride - stride // 2 - _RESIDUAL_REACH
            last = last * stride + 3 * stride // 2 - 1 + _RESIDUAL_REACH
        return max(-((first - _END_REACH) // self.hop), (last + _END_REACH) // self.hop)

    @property
    def decoder_reach(self) -> int:
        """Columns on either side that the samples of a column depend on."""
        first, last = -_END_REACH, self.hop - 1 + _END_REACH  # from the sound up to the latents
        for stride in self.strides:
            first = -((_RESIDUAL_REACH - first + 3 * stride // 2 - 1) // stride)
            last = (last + _RESIDUAL_REACH + stride // 2) // stride
        return max(_END_REACH - first, last + _END_REACH)


_END_REACH = 3  # values on either side: a kernel of seven
_RESIDUAL_REACH = 3 * (1 + 3 + 9)  # three of them, dilated
_CHUNK = 160  # columns: 4 s, some 600 MB at the usual widths in float32


class OobleckCodec(nn.Module):
    """A variational autoencoder of dilated convolutions, mono or stereo, with its latents' mean and spread."""

    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, shape: OobleckShape) -> None:
        super().__init__()
        self.channels = shape.channels
        self.shape = shape
        self.network = _autoencoder(shape)
        self.register_buffer("latent_mean", torch.zeros(shape.latent_channels, 1))
        self.register_buffer("latent_std", torch.ones(shape.latent_channels, 1))

    @torch.no_grad()
    def encode(self, audio: Tensor, between: Between = lambda: None) -> Tensor:
        shape = self.shape
        columns = -(-audio.shape[-1] // shape.hop)
        whole = F.pad(audio, (0, columns * shape.hop - audio.shape[-1]))
        return Chunks(shape.hop, 1, _CHUNK, shape.encoder_reach).run(self._latents, whole, between)

    @torch.no_grad()
    def decode(self, latents: Tensor, samples: int, between: Between = lambda: None) -> Tensor:
        shape = self.shape
        return Chunks(1, shape.hop, _CHUNK, shape.decoder_reach).run(self._sound, latents, between)[..., :samples]

    def measure(self, latents: Tensor) -> None:
        """Take mean and spread of each channel from many latents as `encode` gives them now, shape = (b, c, t)."""
        spread, mean = torch.std_mean(latents.float(), dim=(0, 2))
        self.latent_mean += mean[:, None] * self.latent_std
        self.latent_std *= spread.clamp(min=1e-4)[:, None]

    def _latents(self, audio: Tensor, _first: int) -> Tensor:
        mean = self.network.encode(audio.to(self.network.dtype)).latent_dist.mean.float()
        return (mean - self.latent_mean.float()) / self.latent_std.float()

    def _sound(self, latents: Tensor, _first: int) -> Tensor:
        raw = latents.float() * self.latent_std.float() + self.latent_mean.float()
        return self.network.decode(raw.to(self.network.dtype)).sample.float()


def _autoencoder(shape: OobleckShape) -> nn.Module:
    from diffusers import AutoencoderOobleck

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # diffusers' weight norm is torch's older one
        return AutoencoderOobleck(
            encoder_hidden_size=2 * shape.latent_channels,
            downsampling_ratios=list(shape.strides),
            channel_multiples=list(shape.multiples),
            decoder_channels=shape.decoder_width,
            decoder_input_channels=shape.latent_channels,
            audio_channels=shape.channels,
            sampling_rate=SAMPLE_RATE,
        )


CODECS: dict[str, Callable[[int], Codec]] = {
    "oobleck": lambda channels: OobleckCodec(OobleckShape(channels)),
    "spectral": SpectralCodec,
}


def made(kind: str, channels: int = 1) -> Codec:
    """A codec by its name, untrained if it is one that learns."""
    if kind not in CODECS:
        raise InvalidSettings(f"there is no codec {kind!r}; there are {', '.join(CODECS)}")
    return CODECS[kind](channels)


# ---- on disk: one .safetensors file that also says what shape its weights are of


def save(codec: OobleckCodec, path: Path) -> None:
    """The file appears whole."""
    from safetensors.torch import save_file

    tensors = {key: tensor.detach().cpu().clone().contiguous() for key, tensor in codec.state_dict().items()}
    part = path.with_name(path.name + ".part")
    try:
        save_file(tensors, part, {_NOTE: TypeAdapter(OobleckShape).dump_json(codec.shape).decode()})
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load(path: Path) -> OobleckCodec:
    """A trained codec; WeightsMissing, or WeightsUnusable for a file that is not one of ours or does not fit."""
    weights = read_weights(path)
    try:
        shape = TypeAdapter(OobleckShape).validate_json(_noted(path))
    except ValidationError as error:
        raise WeightsUnusable(f"{path} is not a codec's", detail=str(error)) from error
    codec: OobleckCodec = network(lambda: OobleckCodec(shape), weights, path.name)
    return codec


def _noted(path: Path) -> str:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return (file.metadata() or {}).get(_NOTE, "")


_NOTE = "footfall"
