"""HiFi-GAN (Kong et al. 2020), from mel spectrograms to sound: transformers' network, the weights of others.

Conventions
-----------
A mel spectrogram is float32, shape = (batch, frames, bands), natural logarithms of magnitudes; sound is float32 in
-1 … 1, shape = (batch, samples).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from footfall_engine.models.stock import filled
from footfall_engine.models.weights import Weights

_UNUSED = ("mean", "scale")  # of SpeechT5HifiGan, which can also normalise; these checkpoints have none


@dataclass(frozen=True)
class Geometry:
    """Sizes of a vocoder; the names are those of its published config.json.

    `exact_length`: whether a kernel that exceeds its rate by an odd number is padded so that every frame gives exactly
    as many samples as the rates multiply to, or (False) a few more come out at the end.
    """

    num_mels: int
    upsample_initial_channel: int
    upsample_rates: tuple[int, ...] = (5, 4, 2, 2, 2)
    upsample_kernel_sizes: tuple[int, ...] = (16, 16, 8, 4, 4)
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    resblock_dilation_sizes: tuple[tuple[int, ...], ...] = ((1, 3, 5),) * 3
    exact_length: bool = False

    @classmethod
    def of(cls, config: Mapping[str, Any], exact_length: bool) -> Geometry:
        named = {key: config[key] for key in cls.__dataclass_fields__ if key in config}
        return cls(**{key: _frozen(value) for key, value in named.items()}, exact_length=exact_length)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def vocoder(weights: Mapping[str, Tensor], geometry: Geometry, source: str) -> nn.Module:
    """A vocoder of those weights, under the keys of the original, with or without weight norm."""
    plain = without_weight_norm(weights)
    plain |= {"mean": torch.zeros(geometry.num_mels), "scale": torch.ones(geometry.num_mels)}
    return filled(
        lambda: untrained(geometry),
        plain,
        source,
        lambda key: key.replace("upsampler.", "ups."),
        lambda found: {key.replace("ups.", "upsampler."): tensor for key, tensor in found.items()},
    )


def without_weight_norm(weights: Mapping[str, Tensor]) -> Weights:
    """Weights as they multiply: g v / |v| for each pair of a magnitude and a direction (Salimans & Kingma 2016)."""
    plain = {key: tensor for key, tensor in weights.items() if not key.endswith((".weight_g", ".weight_v"))}
    for key, magnitude in weights.items():
        name, is_magnitude, _ = key.partition(".weight_g")
        if is_magnitude:
            plain[f"{name}.weight"] = torch._weight_norm(weights[f"{name}.weight_v"], magnitude, 0)
    return plain


def untrained(geometry: Geometry) -> nn.Module:
    """The network with weights as they are before training."""
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    made = SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=geometry.num_mels,
            upsample_initial_channel=geometry.upsample_initial_channel,
            upsample_rates=list(geometry.upsample_rates),
            upsample_kernel_sizes=list(geometry.upsample_kernel_sizes),
            resblock_kernel_sizes=list(geometry.resblock_kernel_sizes),
            resblock_dilation_sizes=[list(dilations) for dilations in geometry.resblock_dilation_sizes],
            leaky_relu_slope=0.1,
            normalize_before=False,
        )
    )
    if geometry.exact_length:
        for layer, rate, kernel in zip(
            made.upsampler, geometry.upsample_rates, geometry.upsample_kernel_sizes, strict=True
        ):
            odd = (kernel - rate) % 2
            layer.padding, layer.output_padding = ((kernel - rate) // 2 + odd,), (odd,)
    return made
