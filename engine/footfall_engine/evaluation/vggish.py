"""What VGGish hears: 128 features of each 0.96 s, without the whitening and quantisation of AudioSet's release.

Source
------
Hershey et al., "CNN Architectures for Large-Scale Audio Classification" (ICASSP 2017); weights as torchvggish has
them, vggish-10086976.pth, with its keys. As FAD is published, the last layer's values are taken before their ReLU.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from footfall_engine.evaluation.listeners import length, loaded
from footfall_engine.models.weights import network

SAMPLE_RATE = 16_000  # Hz
WINDOW = 400  # samples
HOP = 160  # samples
FFT = 512  # samples
BANDS = 64
LOWEST_HZ, HIGHEST_HZ = 125.0, 7500.0
OFFSET = 0.01  # of magnitudes, under the logarithm
FRAMES = 96  # of an example
EXAMPLE = (FRAMES - 1) * HOP + WINDOW  # samples

_CONVOLUTIONS = (0, 3, 6, 8, 11, 13)  # where they stand among pooling and ReLUs
_POOLED_AFTER = (0, 3, 8, 13)
_LINEAR = (0, 2, 4)


class Network(nn.Module):
    """Examples (b, 1, FRAMES, BANDS) → features (b, widths[-1])."""

    def __init__(self, channels: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        into = 1
        for at, out in zip(_CONVOLUTIONS, channels, strict=True):
            layers += [nn.Conv2d(into, out, 3, padding=1), nn.ReLU()]
            layers += [nn.MaxPool2d(2)] if at in _POOLED_AFTER else []
            into = out
        self.features = nn.Sequential(*layers)
        size = into * (FRAMES // 16) * (BANDS // 16)
        self.embeddings = nn.Sequential()
        for width in widths:
            self.embeddings.extend([nn.Linear(size, width), nn.ReLU()])
            size = width
        self.embeddings.pop(-1)

    def forward(self, examples: Tensor) -> Tensor:
        return self.embeddings(self.features(examples).permute(0, 2, 3, 1).flatten(1))


class Vggish:
    def __init__(self, path: Path, device: torch.device) -> None:
        self._device = device
        self._network = vggish(loaded(path), path.name).to(device)

    @torch.no_grad()
    def hear(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mono sound at SAMPLE_RATE → features, shape = (examples, 128); the rest of a last example is left out."""
        return self._network(examples(torch.from_numpy(sound)).to(self._device)).cpu().numpy()


def vggish(weights: Mapping[str, Tensor], source: str) -> nn.Module:
    """The network of a published checkpoint, of whatever size that is."""
    channels = tuple(length(weights, f"features.{at}.bias") for at in _CONVOLUTIONS)
    widths = tuple(length(weights, f"embeddings.{at}.bias") for at in _LINEAR)
    return network(lambda: Network(channels, widths), weights, source)


def examples(sound: Tensor) -> Tensor:
    """Logarithmic mel spectrograms of a sound cut into examples, at least one: (samples,) → (n, 1, FRAMES, BANDS)."""
    frames = F.pad(sound, (0, max(0, EXAMPLE - len(sound)))).unfold(0, WINDOW, HOP)
    magnitude = torch.fft.rfft(frames * torch.hann_window(WINDOW), FFT).abs()
    bands = (magnitude @ _basis() + OFFSET).log()
    count = len(bands) // FRAMES
    return bands[: count * FRAMES].reshape(count, 1, FRAMES, BANDS)


@cache
def _basis() -> Tensor:
    """Triangles on the mel scale, even in mel: shape = (FFT // 2 + 1, BANDS)."""
    from transformers.audio_utils import mel_filter_bank

    basis = mel_filter_bank(
        FFT // 2 + 1, BANDS, LOWEST_HZ, HIGHEST_HZ, SAMPLE_RATE, mel_scale="kaldi", triangularize_in_mel_space=True
    )
    return torch.from_numpy(basis).float()
