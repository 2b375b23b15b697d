"""When something sounds, by the look of it: R(2+1)D-18 (Tran et al. 2018) without strides in time, a logit a picture.

Modules are named as in the published checkpoint (CondFoleyGen's), whose network is torchvision's with those changes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from footfall_engine.models import weights as stored

PICTURES = 150  # that it looks at, spread evenly
LONGEST_SEC = 10.0  # that so many are spread over
SIDE, RESIZED = 112, 128  # pixels

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_WIDTHS = (64, 128, 256, 512)  # as published
_STEM = 45


def detector(weights: Mapping[str, Tensor], source: str) -> nn.Module:
    """Pictures (b, 3, t, SIDE, SIDE) → logits (b, t), as wide as the weights are."""
    lasts = [weights.get(f"net.model.layer{number}.1.conv2.1.weight") for number in range(1, len(_WIDTHS) + 1)]
    widths = _WIDTHS if any(last is None for last in lasts) else tuple(len(last) for last in lasts if last is not None)
    return stored.network(lambda: Detector(widths), weights, source)


class Detector(nn.Module):
    def __init__(self, widths: tuple[int, ...] = _WIDTHS) -> None:
        super().__init__()
        self.net = nn.Module()
        self.net.model = _Trunk(widths)
        self.fc = nn.Sequential(nn.Linear(widths[-1], 128), nn.ReLU(), nn.Linear(128, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        features = self.net.model(pictures).mean((3, 4))  # (b, c, t)
        return self.fc(features.transpose(1, 2)).squeeze(-1)


class _Trunk(nn.Module):
    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        inside = widths[0]
        self.layers = len(widths)
        self.stem = nn.Sequential(
            nn.Conv3d(3, _STEM, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False), nn.BatchNorm3d(_STEM), nn.ReLU(),
            nn.Conv3d(_STEM, inside, (3, 1, 1), 1, (1, 0, 0), bias=False), nn.BatchNorm3d(inside), nn.ReLU(),
        )  # fmt: skip
        for number, width in enumerate(widths, start=1):
            first = _Block(inside, width, stride=1 if number == 1 else 2)
            self.add_module(f"layer{number}", nn.Sequential(first, _Block(width, width, stride=1)))
            inside = width

    def forward(self, pictures: Tensor) -> Tensor:
        x = self.stem(pictures)
        for number in range(1, self.layers + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return x


class _Block(nn.Module):
    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        middle = inside * width * 27 // (inside * 9 + 3 * width)  # as many weights as one 3 × 3 × 3 kernel has
        self.conv1 = nn.Sequential(_across_and_along(inside, middle, width, stride), nn.BatchNorm3d(width), nn.ReLU())
        self.conv2 = nn.Sequential(_across_and_along(width, middle, width, 1), nn.BatchNorm3d(width))
        self.downsample = (
            nn.Sequential(nn.Conv3d(inside, width, 1, (1, stride, stride), bias=False), nn.BatchNorm3d(width))
            if stride != 1
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv2(self.conv1(x)) + self.downsample(x))


def _across_and_along(inside: int, middle: int, width: int, stride: int) -> nn.Sequential:
    """A convolution within pictures, and one along time."""
    return nn.Sequential(
        nn.Conv3d(inside, middle, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False),
        nn.BatchNorm3d(middle),
        nn.ReLU(),
        nn.Conv3d(middle, width, (3, 1, 1), 1, (1, 0, 0), bias=False),
    )


def prepared(image: NDArray[np.uint8], on_unit_scale: bool = False) -> Tensor:
    """An RGB picture of any shape as the detector takes it, shape = (3, SIDE, SIDE), float32.

    As published, its values stay 0 … 255 before they are normalised; `on_unit_scale` makes them 0 … 1 first.
    """
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
    if on_unit_scale:
        pixels = pixels / 255
    small = F.interpolate(pixels, (RESIZED, RESIZED), mode="bilinear", antialias=True, align_corners=False)[0]
    edge = (RESIZED - SIDE) // 2
    middle = small[:, edge : edge + SIDE, edge : edge + SIDE]
    return (middle - torch.tensor(_MEAN)[:, None, None]) / torch.tensor(_STD)[:, None, None]
