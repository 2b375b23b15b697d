"""The latent networks: Stable Diffusion 1.4's UNet and autoencoder, from diffusers, with Diff-Foley's weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

UNET_PREFIX = "model.diffusion_model."
VAE_PREFIX = "first_stage_model."
LATENT_SCALE = 0.18215  # latents of the UNet are those of the autoencoder times this


@dataclass(frozen=True)
class UNetShape:
    """Sizes of the UNet; the defaults are those of the published weights."""

    latent_channels: int = 4
    channels: int = 320
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    layers: int = 2
    attention_at: tuple[int, ...] = (1, 2, 4)  # reductions of the latents
    heads: int = 8
    context: int = 768

    def attends(self, level: int) -> bool:
        return 2**level in self.attention_at


@dataclass(frozen=True)
class VaeShape:
    """Sizes of the autoencoder; the defaults are those of the published weights."""

    latent_channels: int = 4
    channels: int = 128
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    layers: int = 2


def unet(shape: UNetShape) -> nn.Module:
    from diffusers import UNet2DConditionModel

    levels = range(len(shape.multipliers))
    return UNet2DConditionModel(
        in_channels=shape.latent_channels,
        out_channels=shape.latent_channels,
        block_out_channels=tuple(shape.channels * multiplier for multiplier in shape.multipliers),
        layers_per_block=shape.layers,
        attention_head_dim=shape.heads,  # diffusers' name for the number of heads of this family
        cross_attention_dim=shape.context,
        down_block_types=tuple("CrossAttnDownBlock2D" if shape.attends(n) else "DownBlock2D" for n in levels),
        up_block_types=tuple("CrossAttnUpBlock2D" if shape.attends(n) else "UpBlock2D" for n in reversed(levels)),
    )


def vae(shape: VaeShape) -> nn.Module:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=tuple(shape.channels * multiplier for multiplier in shape.multipliers),
        layers_per_block=shape.layers,
        latent_channels=shape.latent_channels,
        down_block_types=("DownEncoderBlock2D",) * len(shape.multipliers),
        up_block_types=("UpDecoderBlock2D",) * len(shape.multipliers),
        scaling_factor=LATENT_SCALE,
    )


def to_diffusers_unet(weights: Mapping[str, Tensor], shape: UNetShape) -> dict[str, Tensor]:
    """Weights under their original keys → under those of `unet`."""
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    return convert_ldm_unet_checkpoint(dict(weights), {"layers_per_block": shape.layers})


def to_diffusers_vae(weights: Mapping[str, Tensor], shape: VaeShape) -> dict[str, Tensor]:
    """Weights under their original keys → under those of `vae`."""
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    blocks = ("",) * len(shape.multipliers)
    return convert_ldm_vae_checkpoint(dict(weights), {"down_block_types": blocks, "up_block_types": blocks})


# ---- back to original keys, to say what is missing from a checkpoint

_Place = Callable[[re.Match[str]], str]

_RESNET_PARTS = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip
_VAE_RESNET_PARTS = {"conv_shortcut": "nin_shortcut"}
_VAE_ATTENTION_PARTS = {
    "group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out",
}  # fmt: skip


def original_unet_key(key: str, shape: UNetShape) -> str:
    """The key in a checkpoint that a key of `unet` comes from."""
    from diffusers.loaders.single_file_utils import DIFFUSERS_TO_LDM_MAPPING

    per_level = shape.layers + 1
    deepest = len(shape.multipliers) - 1

    def upsampler(match: re.Match[str]) -> str:
        level = int(match[1])
        place = 2 if shape.attends(deepest - level) else 1
        return f"output_blocks.{level * per_level + shape.layers}.{place}.conv"

    places: dict[str, _Place] = {
        r"down_blocks\.(\d+)\.resnets\.(\d+)": lambda m: f"input_blocks.{1 + int(m[1]) * per_level + int(m[2])}.0",
        r"down_blocks\.(\d+)\.attentions\.(\d+)": lambda m: f"input_blocks.{1 + int(m[1]) * per_level + int(m[2])}.1",
        r"down_blocks\.(\d+)\.downsamplers\.0\.conv": lambda m: f"input_blocks.{(int(m[1]) + 1) * per_level}.0.op",
        r"mid_block\.resnets\.(\d+)": lambda m: f"middle_block.{2 * int(m[1])}",
        r"mid_block\.attentions\.0": lambda m: "middle_block.1",
        r"up_blocks\.(\d+)\.resnets\.(\d+)": lambda m: f"output_blocks.{int(m[1]) * per_level + int(m[2])}.0",
        r"up_blocks\.(\d+)\.attentions\.(\d+)": lambda m: f"output_blocks.{int(m[1]) * per_level + int(m[2])}.1",
        r"up_blocks\.(\d+)\.upsamplers\.0\.conv": upsampler,
    }
    plain: dict[str, str] = DIFFUSERS_TO_LDM_MAPPING["unet"]["layers"]
    return UNET_PREFIX + (plain.get(key) or _translated(key, places, {"resnets": _RESNET_PARTS}))


def original_vae_key(key: str, shape: VaeShape) -> str:
    """The key in a checkpoint that a key of `vae` comes from."""
    from diffusers.loaders.single_file_utils import DIFFUSERS_TO_LDM_MAPPING

    deepest = len(shape.multipliers) - 1
    places: dict[str, _Place] = {
        r"down_blocks\.(\d+)\.resnets\.(\d+)": lambda m: f"down.{m[1]}.block.{m[2]}",
        r"down_blocks\.(\d+)\.downsamplers\.0": lambda m: f"down.{m[1]}.downsample",
        r"up_blocks\.(\d+)\.resnets\.(\d+)": lambda m: f"up.{deepest - int(m[1])}.block.{m[2]}",
        r"up_blocks\.(\d+)\.upsamplers\.0": lambda m: f"up.{deepest - int(m[1])}.upsample",
        r"mid_block\.resnets\.(\d+)": lambda m: f"mid.block_{int(m[1]) + 1}",
        r"mid_block\.attentions\.0": lambda m: "mid.attn_1",
    }
    parts = {"resnets": _VAE_RESNET_PARTS, "attentions": _VAE_ATTENTION_PARTS}
    plain: dict[str, str] = DIFFUSERS_TO_LDM_MAPPING["vae"]
    return VAE_PREFIX + (plain.get(key) or _translated(key, places, parts))


def _translated(key: str, places: Mapping[str, _Place], parts: Mapping[str, Mapping[str, str]]) -> str:
    for kind, names in parts.items():
        if f".{kind}." in key:
            head, number, tail = key.partition(f".{kind}.")
            for new, old in names.items():
                tail = re.sub(rf"(?<=\.){re.escape(new)}(?=\.)", old, tail)
            key = head + number + tail
    for pattern, place in places.items():
        key, changed = re.subn(pattern, place, key)
        if changed:
            return key
    return key
