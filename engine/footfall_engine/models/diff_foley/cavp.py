"""CAVP: what is seen and what is heard, as vectors that agree when they belong together in time (arXiv 2306.17203).

The video encoder is a SlowOnly ResNet-50 (Feichtenhofer et al. 2019), the audio encoder follows PANNs' Cnn14 (Kong
et al. 2020). Modules are named as in the published checkpoints, so that their keys fit. Pictures are RGB in 0…1
without further normalisation, 4 a second; one row of features comes out for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

POOLED_ROWS = 16  # of features, 4 s, that training compared


@dataclass(frozen=True)
class CavpShape:
    """Sizes of both encoders; the defaults are those of the published weights."""

    base_channels: int = 64
    features: int = 512
    mel_bands: int = 128
    audio_channels: tuple[int, ...] | None = (64, 128, 256, 512, 1024, 2048)  # None: no audio encoder


class Cavp(nn.Module):
    def __init__(self, shape: CavpShape) -> None:
        super().__init__()
        self.logit_scale = nn.Parameter(torch.empty(()))
        self.video_encoder = SlowOnly(shape.base_channels)
        self.video_project_head = nn.Linear(32 * shape.base_channels, shape.features)
        if shape.audio_channels:
            self.spec_encoder = AudioEncoder(shape.mel_bands, shape.audio_channels, shape.features)

    def encode_video(self, pictures: Tensor, normalize: bool = True, pool: bool = False) -> Tensor:
        """Pictures (b, t, 3, h, w) → features (b, t, features), or (b, features) when pooled."""
        rows = self.video_project_head(self.video_encoder(pictures.transpose(1, 2)))
        return _finished(rows, normalize, pool)

    def encode_audio(self, mel: Tensor, normalize: bool = True, pool: bool = False) -> Tensor:
        """Mel spectrograms with a hop of 250 samples (b, mel_bands, t) → features (b, t // 16, features)."""
        return _finished(self.spec_encoder(mel), normalize, pool)


def _finished(rows: Tensor, normalize: bool, pool: bool) -> Tensor:
    if pool:
        rows = F.max_pool1d(rows.transpose(1, 2), POOLED_ROWS).squeeze(2)
    return F.normalize(rows, dim=-1) if normalize else rows


# ---- pictures


@dataclass(frozen=True)
class _Stage:
    blocks: int
    frames_wide: int  # of the first convolution of each block
    stride: int  # in space


_STAGES = (_Stage(3, 1, 1), _Stage(4, 1, 2), _Stage(6, 3, 2), _Stage(3, 3, 2))


class SlowOnly(nn.Module):
    """Pictures (b, 3, t, h, w) → (b, t, 32 * base_channels); time is never reduced."""

    def __init__(self, base_channels: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(3, base_channels, (1, 7, 7), stride=2)
        channels = base_channels
        for number, stage in enumerate(_STAGES):
            inner = base_channels * 2**number
            blocks = []
            for first in (True, *[False] * (stage.blocks - 1)):
                blocks.append(Bottleneck(channels, inner, stage.frames_wide, stage.stride if first else 1, first))
                channels = 4 * inner
            self.add_module(f"layer{number + 1}", nn.Sequential(*blocks))

    def forward(self, pictures: Tensor) -> Tensor:
        x = F.relu(self.conv1(pictures))
        x = F.max_pool3d(x, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
        return x.mean((3, 4)).transpose(1, 2)


class Bottleneck(nn.Module):
    def __init__(self, channels: int, inner: int, frames_wide: int, stride: int, project: bool) -> None:
        super().__init__()
        self.conv1 = ConvNorm(channels, inner, (frames_wide, 1, 1))
        self.conv2 = ConvNorm(inner, inner, (1, 3, 3), stride)
        self.conv3 = ConvNorm(inner, 4 * inner, (1, 1, 1))
        self.downsample = ConvNorm(channels, 4 * inner, (1, 1, 1), stride) if project else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.conv2(F.relu(self.conv1(x))))
        return F.relu(self.conv3(inner) + self.downsample(x))


class ConvNorm(nn.Module):
    """A convolution over (t, h, w) that keeps t, strides over h and w, and is normalised."""

    def __init__(self, channels: int, out: int, size: tuple[int, int, int], stride: int = 1) -> None:
        super().__init__()
        padding = tuple(side // 2 for side in size)
        self.conv = nn.Conv3d(channels, out, size, (1, stride, stride), padding, bias=False)
        self.bn = nn.BatchNorm3d(out)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


# ---- sound


class AudioEncoder(nn.Module):
    """Mel spectrograms (b, mel_bands, t) in 0…1 → (b, t // 16, features)."""

    def __init__(self, mel_bands: int, channels: tuple[int, ...], features: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(mel_bands)
        for number, (into, out) in enumerate(pairwise((1, *channels)), start=1):
            self.add_module(f"conv_block{number}", ConvBlock(into, out))
        self.fc1 = nn.Linear(channels[-1], channels[-1])
        self.final_project = nn.Linear(channels[-1], features)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.bn(mel[:, :, :, None]).permute(0, 3, 2, 1)  # (b, 1, t, mel_bands)
        for block, pool in (
            (self.conv_block1, (2, 2)), (self.conv_block2, (2, 2)), (self.conv_block3, (2, 2)),
            (self.conv_block4, (2, 2)), (self.conv_block5, (1, 2)), (self.conv_block6, (1, 1)),
        ):  # fmt: skip
            x = F.avg_pool2d(block(x), pool)
        x = x.mean(3)  # (b, channels, t // 16)
        x = F.max_pool1d(x, 3, 1, 1) + F.avg_pool1d(x, 3, 1, 1)
        x = x.transpose(1, 2)
        for _ in range(2):  # the published network applies the same layer twice
            x = F.relu(self.fc1(x))
        return self.final_project(x)


class ConvBlock(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.bn2 = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
