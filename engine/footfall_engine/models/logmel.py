"""Sound to the logarithmic mel spectrograms that vocoders were trained on.

Conventions
-----------
Audio is mono float32, shape = (batch, samples), 16 kHz. A spectrogram is float32, shape = (batch, bands, frames),
natural logarithms of magnitudes, no less than ln(QUIETEST); bands are spaced and weighed as in Slaney's toolbox.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

SAMPLE_RATE = 16_000  # Hz
HOP = 160  # samples
WINDOW = 1024  # samples
HIGHEST_HZ = 8000.0
QUIETEST = 1e-5  # magnitude


@dataclass(frozen=True)
class LogMel:
    bands: int
    fft: int  # samples
    padding: int  # samples, mirrored, at either end
    power_floor: float = 0.0  # added under the root, so that it has a gradient at silence

    def __call__(self, audio: Tensor) -> Tensor:
        """Spectrogram of (samples + 2 * padding - fft) // HOP + 1 frames."""
        padded = F.pad(audio[:, None].float(), (self.padding, self.padding), mode="reflect")[:, 0]
        window = torch.hann_window(WINDOW, device=audio.device)
        spectrum = torch.stft(padded, self.fft, HOP, WINDOW, window, center=False, return_complex=True)
        magnitude = (spectrum.real**2 + spectrum.imag**2 + self.power_floor).sqrt()
        bands = _basis(self.bands, self.fft).to(audio.device) @ magnitude
        return bands.clamp(min=QUIETEST).log()


AUDIOLDM = LogMel(bands=64, fft=1024, padding=512)
AUFFUSION = LogMel(bands=256, fft=2048, padding=(2048 - HOP) // 2, power_floor=1e-9)

LOUDEST = 200.0  # magnitude that is white in a picture of Auffusion's


@cache
def _basis(bands: int, fft: int) -> Tensor:
    from transformers.audio_utils import mel_filter_bank

    weights = mel_filter_bank(fft // 2 + 1, bands, 0.0, HIGHEST_HZ, SAMPLE_RATE, norm="slaney", mel_scale="slaney")
    return torch.from_numpy(weights).float().T.contiguous()


def to_picture(bands: Tensor) -> Tensor:
    """Spectrograms on 0 … 1 with low bands at the bottom, shape = (batch, 3, bands, frames)."""
    low, high = math.log(QUIETEST), math.log(LOUDEST)
    grey = ((bands - low) / (high - low)).flip(1)
    return grey[:, None].expand(-1, 3, -1, -1)


def from_picture(picture: Tensor) -> Tensor:
    """`to_picture` undone, from its first colour."""
    low, high = math.log(QUIETEST), math.log(LOUDEST)
    return picture[:, 0].flip(1) * (high - low) + low
