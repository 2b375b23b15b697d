"""All networks of VTA-LDM, from checkpoints with their original keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from footfall_engine.models import hifigan
from footfall_engine.models.diff_foley import latent
from footfall_engine.models.diff_foley.latent import VaeShape
from footfall_engine.models.stock import filled, under
from footfall_engine.models.weights import Weights

UNET = "unet."
VISION = "vid_fea_extractor.clip_vision."
TEXT = "vid_fea_extractor.clip_text."
PROJECTOR = "vid_fea_extractor.linear_layer."
VAE = "first_stage_model."
VOCODER = "first_stage_model.vocoder."
LATENT_SCALE = "scale_factor"

LONGEST = 30  # rows that positions are counted for


def unet(weights: Mapping[str, Tensor], config: Mapping[str, Any], source: str) -> nn.Module:
    from diffusers import UNet2DConditionModel

    return filled(lambda: UNet2DConditionModel.from_config(dict(config)), under(UNET, weights), source)


def vision(weights: Mapping[str, Tensor], config: Mapping[str, Any], source: str) -> nn.Module:
    """Pictures (b, 3, side, side) → `image_embeds` (b, projection)."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    made = CLIPVisionConfig(**_named(config))
    return filled(lambda: CLIPVisionModelWithProjection(made), under(VISION, weights), source)


def text(weights: Mapping[str, Tensor], config: Mapping[str, Any], source: str) -> nn.Module:
    """Tokens (b, n) → `text_embeds` (b, projection)."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    made = CLIPTextConfig(**_named(config))
    return filled(lambda: CLIPTextModelWithProjection(made), under(TEXT, weights), source)


def projector(weights: Mapping[str, Tensor], width: int, source: str) -> nn.Module:
    """Features (..., projection) → what the UNet is told (..., width)."""
    own = under(PROJECTOR, weights)
    features = own["weight"].shape[-1] if "weight" in own else 0
    return filled(lambda: nn.Linear(features, width), own, source)


def vae(weights: Mapping[str, Tensor], source: str) -> nn.Module:
    """Mel spectrograms (b, 1, frames, bands) and latents (b, channels, frames / 4, bands / 4), times `scaling_factor`.

    Its sizes are those of the weights.
    """
    from diffusers import AutoencoderKL

    own = {key: tensor for key, tensor in weights.items() if key.startswith(VAE) and not key.startswith(VOCODER)}
    shape = _vae_shape(own)
    scale = float(weights[LATENT_SCALE]) if LATENT_SCALE in weights else 1.0

    def make() -> nn.Module:
        return AutoencoderKL(
            in_channels=1,
            out_channels=1,
            latent_channels=shape.latent_channels,
            block_out_channels=tuple(shape.channels * multiplier for multiplier in shape.multipliers),
            layers_per_block=shape.layers,
            down_block_types=("DownEncoderBlock2D",) * len(shape.multipliers),
            up_block_types=("UpDecoderBlock2D",) * len(shape.multipliers),
            scaling_factor=scale,
        )

    return filled(
        make,
        own,
        source,
        lambda key: latent.original_vae_key(key, shape),
        lambda found: latent.to_diffusers_vae(found, shape),
    )


def vocoder(weights: Mapping[str, Tensor], source: str) -> nn.Module:
    """Mel spectrograms (b, frames, bands) → sound (b, samples), 32 samples longer than 160 for each frame."""
    own = under(VOCODER, weights)
    first = own.get("conv_pre.weight", torch.empty(1, 1, 1))
    geometry = hifigan.Geometry(num_mels=first.shape[1], upsample_initial_channel=first.shape[0])
    return hifigan.vocoder(own, geometry, source)


def _named(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without what says which class it is of."""
    return {key: value for key, value in config.items() if key not in ("model_type", "transformers_version")}


def _vae_shape(weights: Weights) -> VaeShape:
    """Sizes by the decoder's and encoder's weights; as published where they say nothing."""
    first = weights.get(f"{VAE}encoder.conv_in.weight")
    narrow = weights.get(f"{VAE}post_quant_conv.weight")
    channels = 128 if first is None else first.shape[0]
    levels: dict[int, int] = {}
    layers = 0
    for key, tensor in weights.items():
        found = re.fullmatch(rf"{re.escape(VAE)}encoder\.down\.(\d+)\.block\.(\d+)\.conv2\.weight", key)
        if found:
            levels[int(found[1])] = tensor.shape[0] // channels
            layers = max(layers, int(found[2]) + 1)
    return VaeShape(
        latent_channels=8 if narrow is None else narrow.shape[0],
        channels=channels,
        multipliers=tuple(levels[level] for level in sorted(levels)) or (1, 2, 4),
        layers=layers or 2,
    )


# ---- what the UNet is told


def told(projector: nn.Module, pictures: Tensor, words: Tensor | None, counts_positions: bool) -> Tensor:
    """Context of the UNet: (b, t, n) of pictures and (b, n) of a text, if any → (b, t or 2 t, width).

    The text stands before the pictures, once for each of them, as in training.
    """
    rows = pictures + positions(pictures.shape[-1], pictures)[: pictures.shape[1]] if counts_positions else pictures
    if words is not None:
        rows = torch.cat([words[:, None].expand(-1, rows.shape[1], -1), rows], dim=1)
    return projector(rows)


def positions(width: int, like: Tensor) -> Tensor:
    """Sines and cosines by turns (Vaswani et al. 2017), shape = (LONGEST, width)."""
    place = torch.arange(LONGEST, dtype=torch.float32)[:, None]
    frequency = torch.exp(torch.arange(0, width, 2).float() * (-torch.log(torch.tensor(10_000.0)) / width))
    angle = place * frequency
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).to(like)
