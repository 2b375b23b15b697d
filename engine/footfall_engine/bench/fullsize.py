"""The published models at their full sizes with weights that nobody trained, and without files."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from footfall_engine.models import hifigan
from footfall_engine.models.foleycrafter import detector
from footfall_engine.models.foleycrafter import model as foleycrafter
from footfall_engine.models.foleycrafter import networks as foley_networks
from footfall_engine.models.runtime import Runtime
from footfall_engine.models.smooth_foley.model import SmoothFoley
from footfall_engine.models.vta_ldm import configs
from footfall_engine.models.vta_ldm import model as vta_ldm
from footfall_engine.progress import ProgressFn

SD_UNET: dict[str, Any] = {
    "block_out_channels": (320, 640, 1280, 1280),
    "attention_head_dim": 8,  # diffusers' name for the number of heads
    "cross_attention_dim": 768,
}
SD_VAE: dict[str, Any] = {
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
}
AUDIOLDM_VAE: dict[str, Any] = {
    "in_channels": 1,
    "out_channels": 1,
    "latent_channels": 8,
    "down_block_types": ("DownEncoderBlock2D",) * 3,
    "up_block_types": ("UpDecoderBlock2D",) * 3,
    "block_out_channels": (128, 256, 512),
    "layers_per_block": 2,
}
VIT_H: dict[str, Any] = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 16,
    "patch_size": 14,
    "hidden_act": "gelu",
    "projection_dim": 1024,
}
SD_TEXT: dict[str, Any] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}
PNDM: dict[str, Any] = {
    "_class_name": "PNDMScheduler",
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "skip_prk_steps": True,
    "steps_offset": 1,
}
AUFFUSION_VOICE = hifigan.Geometry(256, 512, upsample_kernel_sizes=(11, 8, 4, 4, 4), exact_length=True)
AUDIOLDM_VOICE = hifigan.Geometry(64, 1024)


class RandomVtaLdm(vta_ldm.VtaLdm):
    def _load(self, runtime: Runtime, configs_: configs.Configs, progress: ProgressFn) -> vta_ldm.Networks:
        there = _ready(runtime)
        return vta_ldm.Networks(
            unet=runtime.with_wide_sums(there(lambda: UNet2DConditionModel.from_config(dict(configs.UNET)))),
            vision=there(lambda: CLIPVisionModelWithProjection(CLIPVisionConfig(**configs.VISION))),
            projector=there(lambda: nn.Linear(configs.VISION["projection_dim"], configs_.width)),
            vae=there(lambda: AutoencoderKL(**AUDIOLDM_VAE)),
            vocoder=there(lambda: hifigan.untrained(AUDIOLDM_VOICE)),
            text=None,
        )


class RandomFoleyCrafter(foleycrafter.FoleyCrafter):
    def _load(self, runtime: Runtime, progress: ProgressFn) -> foleycrafter.Networks:
        there = _ready(runtime)
        unet = there(lambda: UNet2DConditionModel(**SD_UNET))
        control = ControlNetModel.from_unet(unet, conditioning_channels=1, load_weights_from_unet=False)
        temporal = there(lambda: foley_networks.TemporalAdapter(control))
        foley_networks.add_semantic_adapter(unet, _semantic(unet), "random")
        return foleycrafter.Networks(
            unet=runtime.with_wide_sums(unet),
            temporal=runtime.with_wide_sums(temporal),
            vae=there(lambda: AutoencoderKL(**SD_VAE)),
            text=there(lambda: CLIPTextModel(CLIPTextConfig(**SD_TEXT))),
            tokenizer=lambda texts, **_: SimpleNamespace(input_ids=torch.zeros(len(texts), 77, dtype=torch.long)),
            image=there(lambda: CLIPVisionModelWithProjection(CLIPVisionConfig(**VIT_H))),
            vocoder=there(lambda: hifigan.untrained(AUFFUSION_VOICE)),
            detector=there(detector.Detector),
            label=None,
            label_tokenizer=None,
            label_projection=None,
            scheduler=PNDM,
        )


class RandomSmoothFoley(RandomFoleyCrafter, SmoothFoley):
    pass


def _ready(runtime: Runtime) -> Callable[[Callable[[], nn.Module]], Any]:
    """Makes networks where they run; in their precision from the start, so that no second copy counts as memory."""

    def there(make: Callable[[], nn.Module]) -> nn.Module:
        torch.manual_seed(0)
        torch.set_default_dtype(runtime.precision)
        try:
            return runtime.on_device(make().eval().requires_grad_(False))
        finally:
            torch.set_default_dtype(torch.float32)

    return there


def _semantic(unet: Any) -> dict[str, torch.Tensor]:
    projection = {"proj.weight": torch.empty(0, VIT_H["projection_dim"])}
    shapes = foley_networks.adapter_shapes(unet, projection)
    return {key: torch.randn(shape) / shape[-1] ** 0.5 for key, shape in shapes.items()}
