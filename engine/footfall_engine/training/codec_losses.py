"""What a codec is told of the sound that it gives back, after Stable Audio's recipe (Evans et al. 2024, 2404.10301).

Four terms, weighed by `Shares`: spectra at several resolutions (Yamamoto et al. 2020, with the ear's A-weighting and,
in stereo, of sum and difference as well: Steinmetz et al. 2020), what a multi-scale STFT discriminator thinks of it and
feels in its layers (Défossez et al. 2022, EnCodec, section 3.4), and how far the latents are from a unit normal.

Conventions
-----------
Audio is float32, shape = (b, channels, samples), 48 kHz; losses are scalars.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from footfall_engine.models.multifoley.sizes import SAMPLE_RATE

FFTS = (2048, 1024, 512, 256, 128, 64, 32)  # samples, of the spectral loss
HEARD_FFTS = (2048, 1024, 512, 256, 128)  # of the discriminator
_QUIETEST = 1e-5  # magnitude that quieter ones count as: -100 dB of full scale
_FAINT = 1e-3  # root mean square of the magnitudes of a sound below which its errors no longer weigh more: -60 dB


@dataclass(frozen=True)
class Shares:
    spectral: float = 1.0
    adversarial: float = 0.1
    features: float = 5.0
    kl: float = 1e-4


# ---- spectra


def spectral_loss(made: Tensor, wanted: Tensor, ffts: Sequence[int] = FFTS) -> Tensor:
    """Spectral convergence plus distance of log magnitudes, mean of all resolutions; 0 for equal sounds."""
    made, wanted = _views(made), _views(wanted)
    return torch.stack([_at_resolution(made, wanted, fft) for fft in ffts]).mean()


def _at_resolution(made: Tensor, wanted: Tensor, fft: int) -> Tensor:
    ours, theirs, heard = _magnitudes(made, fft), _magnitudes(wanted, fft), _heard(fft).to(made.device)
    difference, whole = (torch.linalg.vector_norm(each * heard, dim=(-2, -1)) for each in (theirs - ours, theirs))
    convergence = difference / whole.clamp(min=_FAINT * math.sqrt(theirs[0].numel()))
    return convergence.mean() + (theirs.log() - ours.log()).abs().mean()


def _views(audio: Tensor) -> Tensor:
    """Every channel, and of stereo the sum and the difference, as mono: (b, channels, n) → (b * views, n)."""
    if audio.shape[1] == 2:
        left, right = audio[:, :1], audio[:, 1:]
        audio = torch.cat([audio, left + right, left - right], dim=1)
    return audio.flatten(0, 1)


def _magnitudes(mono: Tensor, fft: int) -> Tensor:
    """(b, n) → (b, bins, frames), in which white noise has its root mean square; at least _QUIETEST."""
    window = torch.hann_window(fft, device=mono.device)
    spectrum = torch.stft(mono, fft, fft // 4, window=window, return_complex=True, pad_mode="constant")
    power = (spectrum.real.square() + spectrum.imag.square()) / window.square().sum()
    return power.clamp(min=_QUIETEST**2).sqrt()


@cache
def _heard(fft: int) -> Tensor:
    """Amplitudes of A-weighting (IEC 61672-1) by bin, 1 at 1 kHz, shape = (bins, 1)."""
    return (_a_weighting(torch.arange(fft // 2 + 1) * SAMPLE_RATE / fft) / _a_weighting(torch.tensor(1000.0)))[:, None]


def _a_weighting(hz: Tensor) -> Tensor:
    square = hz.double() ** 2
    middle = ((square + 107.7**2) * (square + 737.9**2)).sqrt()
    return (12194**2 * square**2 / ((square + 20.6**2) * middle * (square + 12194**2))).float()


# ---- latents


def kl_loss(mean: Tensor, std: Tensor) -> Tensor:
    """Twice the divergence of N(mean, std²) from N(0, 1), summed over a column's values, mean over columns."""
    variance = std.square()
    return (mean.square() + variance - variance.log() - 1).sum(1).mean()


# ---- what somebody else thinks of it


class Discriminator(nn.Module):
    """Tells made sound from real by complex spectra at several resolutions."""

    def __init__(self, channels: int = 1, width: int = 64, ffts: Sequence[int] = HEARD_FFTS) -> None:
        super().__init__()
        self.scales = nn.ModuleList(_Scale(channels, width, fft) for fft in ffts)

    def forward(self, audio: Tensor) -> list[list[Tensor]]:
        """For each scale what each layer makes of it, the last of which is the verdict: above 0 is real."""
        return [scale(audio) for scale in self.scales]


class _Scale(nn.Module):
    def __init__(self, channels: int, width: int, fft: int) -> None:
        super().__init__()
        self.fft = fft
        self.register_buffer("window", torch.hann_window(fft), persistent=False)
        # over (frames, bins): first all bins, then ever wider in time and half the bins
        layers = [nn.Conv2d(2 * channels, width, (3, 9), padding=(1, 4))]
        for dilation in (1, 2, 4):
            layers.append(nn.Conv2d(width, width, (3, 9), stride=(1, 2), dilation=(dilation, 1), padding=(dilation, 4)))
        layers += [nn.Conv2d(width, width, (3, 3), padding=1), nn.Conv2d(width, 1, (3, 3), padding=1)]
        self.layers = nn.ModuleList(weight_norm(layer) for layer in layers)

    def forward(self, audio: Tensor) -> list[Tensor]:
        batch, channels = audio.shape[:2]
        spectrum = torch.stft(
            audio.flatten(0, 1), self.fft, self.fft // 4, window=self.window, normalized=True, return_complex=True,
            pad_mode="constant",
        )  # fmt: skip
        seen = torch.view_as_real(spectrum).unflatten(0, (batch, channels))  # (b, c, bins, frames, 2)
        made = [seen.permute(0, 1, 4, 3, 2).flatten(1, 2)]
        for first, layer in enumerate(self.layers):
            made.append(layer(made[-1] if first == 0 else F.leaky_relu(made[-1], 0.2)))
        return made[1:]


def discriminator_loss(real: list[list[Tensor]], made: list[list[Tensor]]) -> Tensor:
    """Hinge loss, mean over scales."""
    each = [F.relu(1 - a[-1]).mean() + F.relu(1 + b[-1]).mean() for a, b in zip(real, made, strict=True)]
    return torch.stack(each).mean()


def adversarial_loss(made: list[list[Tensor]]) -> Tensor:
    """The less, the more the discriminator takes made sound for real."""
    return -torch.stack([scale[-1].mean() for scale in made]).mean()


def feature_loss(real: list[list[Tensor]], made: list[list[Tensor]]) -> Tensor:
    """How far the layers before the verdicts are apart, mean over layers and scales."""
    pairs = [
        (theirs - ours).abs().mean()
        for real_scale, made_scale in zip(real, made, strict=True)
        for theirs, ours in zip(real_scale[:-1], made_scale[:-1], strict=True)
    ]
    return torch.stack(pairs).mean()
