"""What PANNs' Cnn14 hears: 2048 features and the logits of AudioSet's 527 classes.

Source
------
Kong et al., "PANNs: Large-Scale Pretrained Audio Neural Networks for Audio Pattern Recognition" (2020); the weights
for 16 kHz, Cnn14_16k_mAP=0.438.pth. Modules are named as in that file. Sizes are read from the weights themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from footfall_engine.evaluation.listeners import length, loaded
from footfall_engine.models.diff_foley.cavp import ConvBlock
from footfall_engine.models.stock import under
from footfall_engine.models.weights import Weights, network

SAMPLE_RATE = 16_000  # Hz
WINDOW = 512  # samples
HOP = 160  # samples
QUIETEST = 1e-10  # power
SHORTEST_SEC = 1.0  # shorter sounds are followed by silence, for five halvings must leave a frame

_CHECKPOINT_PREFIX = "model."
_BLOCKS = 6
_SPECTROGRAM = "spectrogram_extractor."  # a Fourier transform as convolutions; torch has its own


class Heard(NamedTuple):
    features: NDArray[np.float32]  # shape = (2048,)
    logits: NDArray[np.float32]  # shape = (527,)


class Cnn14(nn.Module):
    def __init__(self, mel_bands: int, channels: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.logmel_extractor = nn.Module()
        self.logmel_extractor.melW = nn.Parameter(torch.empty(WINDOW // 2 + 1, mel_bands))
        self.bn0 = nn.BatchNorm2d(mel_bands)
        for number, (into, out) in enumerate(pairwise((1, *channels)), start=1):
            self.add_module(f"conv_block{number}", ConvBlock(into, out))
        self.fc1 = nn.Linear(channels[-1], channels[-1])
        self.fc_audioset = nn.Linear(channels[-1], classes)

    def forward(self, sound: Tensor) -> tuple[Tensor, Tensor]:
        """Mono sound (b, samples) → features (b, channels), logits (b, classes)."""
        x = self._decibels(sound)[:, None]  # (b, 1, t, mel_bands)
        x = self.bn0(x.transpose(1, 3)).transpose(1, 3)
        for number in range(1, _BLOCKS + 1):
            x = self.get_submodule(f"conv_block{number}")(x)
            if number < _BLOCKS:
                x = F.avg_pool2d(x, 2)
        x = x.mean(3)
        features = F.relu(self.fc1(x.amax(2) + x.mean(2)))
        return features, self.fc_audioset(features)

    def _decibels(self, sound: Tensor) -> Tensor:
        window = torch.hann_window(WINDOW, device=sound.device)
        spectrum = torch.stft(sound, WINDOW, HOP, window=window, pad_mode="reflect", return_complex=True)
        power = spectrum.real**2 + spectrum.imag**2
        bands = power.transpose(1, 2) @ self.logmel_extractor.melW
        return 10 * bands.clamp(min=QUIETEST).log10()


class Panns:
    def __init__(self, path: Path, device: torch.device) -> None:
        self._device = device
        self._network = cnn14(loaded(path), path.name).to(device)

    @torch.no_grad()
    def hear(self, sound: NDArray[np.float32]) -> Heard:
        """Mono sound at SAMPLE_RATE as a whole."""
        padded = F.pad(torch.from_numpy(sound), (0, max(0, round(SHORTEST_SEC * SAMPLE_RATE) - len(sound))))
        features, logits = self._network(padded[None].to(self._device))
        return Heard(features[0].cpu().numpy(), logits[0].cpu().numpy())


def cnn14(checkpoint: Mapping[str, Tensor], source: str) -> nn.Module:
    """The network of a published checkpoint, of whatever size that is."""
    weights = _without_transform(under(_CHECKPOINT_PREFIX, checkpoint) or checkpoint)
    channels = tuple(length(weights, f"conv_block{number}.conv2.weight") for number in range(1, _BLOCKS + 1))
    bands, classes = length(weights, "bn0.weight"), length(weights, "fc_audioset.bias")
    return network(lambda: Cnn14(bands, channels, classes), weights, source)


def _without_transform(weights: Mapping[str, Tensor]) -> Weights:
    return {key: tensor for key, tensor in weights.items() if not key.startswith(_SPECTROGRAM)}
