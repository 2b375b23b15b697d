"""All networks of FoleyCrafter, from the published files: Auffusion's in the hub's layout, the adapters' as pickles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from footfall_bridge.errors import WeightsUnusable
from torch import Tensor, nn

from footfall_engine.models import hifigan
from footfall_engine.models.stock import diffusers_network, filled, from_folder, read_json, under
from footfall_engine.models.weights import Weights

TOKENS_PER_PICTURE = 4
GENERATOR = "generator."  # of the vocoder's keys


def unet(folder: Path, dtype: torch.dtype | None = None) -> nn.Module:
    from diffusers import UNet2DConditionModel

    return diffusers_network(UNet2DConditionModel, folder, dtype)


def vae(folder: Path, dtype: torch.dtype | None = None) -> nn.Module:
    from diffusers import AutoencoderKL

    return diffusers_network(AutoencoderKL, folder, dtype)


def text_encoder(folder: Path, dtype: torch.dtype | None = None) -> nn.Module:
    from transformers import CLIPTextModel

    return from_folder(CLIPTextModel, folder, dtype)


def image_encoder(folder: Path, dtype: torch.dtype | None = None) -> nn.Module:
    from transformers import CLIPVisionModelWithProjection

    return from_folder(CLIPVisionModelWithProjection, folder, dtype)


def label_encoder(folder: Path, dtype: torch.dtype | None = None) -> nn.Module:
    """Tokens (b, n) → `text_embeds` (b, e); the folder may be of a CLIP that also sees."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    both = read_json(folder / "config.json", {})
    if "text_config" not in both:
        return from_folder(CLIPTextModelWithProjection, folder, dtype)
    own = {**both["text_config"], **{key: both[key] for key in ("projection_dim",) if key in both}}
    return from_folder(CLIPTextModelWithProjection, folder, dtype, config=CLIPTextConfig(**own))


class TemporalAdapter(nn.Module):
    """A ControlNet whose condition is the same at every step, and so is looked at once."""

    def __init__(self, control: Any) -> None:
        super().__init__()
        self.drawn = control.controlnet_cond_embedding
        """Pictures of timing (b, 1, height, columns) → what is added to latents (b, c, height / 8, columns / 8)."""
        control.controlnet_cond_embedding = nn.Identity()
        self.control = control

    def forward(self, latents: Tensor, time: Tensor | float, text: Tensor, drawn: Tensor, scale: float) -> Any:
        """What is added to the UNet on its way down, and in its middle."""
        return self.control(latents, time, text, drawn, conditioning_scale=scale, return_dict=False)


def temporal_adapter(unet: nn.Module, weights: Mapping[str, Tensor], source: str) -> TemporalAdapter:
    """The temporal adapter of a UNet that has no semantic one yet."""
    from diffusers import ControlNetModel

    return TemporalAdapter(
        filled(
            lambda: ControlNetModel.from_unet(unet, conditioning_channels=1, load_weights_from_unet=False),
            weights,
            source,
        )
    )


def add_semantic_adapter(unet: Any, weights: Mapping[str, Tensor], source: str) -> None:
    """Give a UNet eyes: `image_embeds` (b, pictures, n) become tokens that it attends to beside the text's."""
    parts = {part: under(f"{part}.", weights) for part in ("image_proj", "ip_adapter")}
    wanted = adapter_shapes(unet, parts["image_proj"])
    flat = {f"{part}.{key}": tensor for part, tensors in parts.items() for key, tensor in tensors.items()}
    wrong = [key for key in wanted.keys() | flat.keys() if key not in flat or wanted.get(key) != tuple(flat[key].shape)]
    if wrong:
        named = ", ".join(sorted(wrong)[:5])
        raise WeightsUnusable(f"{source} is no semantic adapter of this UNet; not as it should be: {named}")
    unet._load_ip_adapter_weights([parts], low_cpu_mem_usage=False)
    unet.eval().requires_grad_(False)


def adapter_shapes(unet: Any, projection: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """What the file of an adapter for this UNet holds; attentions are counted by odd numbers."""
    told = unet.config.cross_attention_dim
    seen = projection["proj.weight"].shape[-1] if "proj.weight" in projection else 0
    attentions = [name for name in unet.attn_processors if "attn2" in name]
    shapes: dict[str, tuple[int, ...]] = {
        "image_proj.proj.weight": (TOKENS_PER_PICTURE * told, seen),
        "image_proj.proj.bias": (TOKENS_PER_PICTURE * told,),
        "image_proj.norm.weight": (told,),
        "image_proj.norm.bias": (told,),
    }
    for number, name in enumerate(attentions):
        width = unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape[0]
        for kind in ("to_k_ip", "to_v_ip"):
            shapes[f"ip_adapter.{2 * number + 1}.{kind}.weight"] = (width, told)
    return shapes


def set_semantic_scale(unet: Any, scale: float) -> None:
    """How much what is seen counts beside the text: 0 nothing, 1 as trained."""
    for processor in unet.attn_processors.values():
        if hasattr(processor, "to_k_ip"):
            processor.scale = [scale] * len(processor.to_k_ip)


def vocoder(weights: Weights, config: Mapping[str, Any], source: str) -> nn.Module:
    """Mel spectrograms (b, frames, bands) → sound (b, samples)."""
    own = under(GENERATOR, weights) or dict(weights)
    return hifigan.vocoder(own, hifigan.Geometry.of(config, exact_length=True), source)


def vocoder_config(checkpoint: Path) -> dict[str, Any]:
    return read_json(checkpoint.with_name("config.json"))


def predicted(
    unet: nn.Module,
    temporal: TemporalAdapter,
    latents: Tensor,
    time: Tensor | float,
    text: Tensor,
    pictures: Tensor,
    drawn: Tensor,
    temporal_scale: float,
) -> Tensor:
    """The noise in latents (b, channels, rows, columns), told of text (b, n, d), pictures (b, k, e) and timing."""
    more: dict[str, Any] = {}
    if temporal_scale:
        down, middle = temporal(latents, time, text, drawn, temporal_scale)
        more = {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}
    seen = {"image_embeds": [pictures]}
    return unet(latents, time, encoder_hidden_states=text, added_cond_kwargs=seen, return_dict=False, **more)[0]
