"""A VTA-LDM of toy size with random weights, on disk in the layout of the published one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="neural models need the 'neural' extra")
pytest.importorskip("diffusers", reason="neural models need the 'neural' extra")
pytest.importorskip("transformers", reason="neural models need the 'neural' extra")

from diffusers import AutoencoderKL, UNet2DConditionModel  # noqa: E402
from footfall_engine.models.diff_foley import latent  # noqa: E402
from footfall_engine.models.diff_foley.latent import VaeShape  # noqa: E402
from footfall_engine.models.vta_ldm import networks  # noqa: E402
from footfall_engine.models.vta_ldm.model import VtaLdm  # noqa: E402
from torch import nn  # noqa: E402
from transformers import (  # noqa: E402
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
)

from tests.engine.neural.tiny import CPU  # noqa: E402

WIDTH, PROJECTION = 24, 16
UNET = {
    "_class_name": "UNet2DConditionModel", "in_channels": 8, "out_channels": 8, "block_out_channels": [8, 16],
    "attention_head_dim": [2, 2], "cross_attention_dim": WIDTH, "layers_per_block": 1, "norm_num_groups": 8,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"], "use_linear_projection": True, "upcast_attention": True,
    "sample_size": [32, 2], "only_cross_attention": False, "num_class_embeds": None,
}  # fmt: skip
VISION = {
    "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "patch_size": 8,
    "image_size": 32, "projection_dim": PROJECTION,
}  # fmt: skip
WORDS = ["!", "a</w>", "b</w>", "r", "rain</w>", "<|startoftext|>", "<|endoftext|>"]
TEXT = {
    "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2,
    "projection_dim": PROJECTION, "vocab_size": len(WORDS), "max_position_embeddings": 12,
    "bos_token_id": 5, "eos_token_id": 6, "pad_token_id": 6,
}  # fmt: skip
VAE = VaeShape(latent_channels=8, channels=32, multipliers=(1, 1, 1), layers=1)


def seeded(network: nn.Module, seed: int) -> dict[str, Any]:
    """The network's tensors, drawn anew: learned scales about 1, the rest by their fan-in."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(key: str, tensor: Any) -> Any:
        if not tensor.is_floating_point():
            return tensor
        values = torch.randn(tensor.shape, generator=generator)
        if tensor.ndim == 1 and key.endswith("weight"):
            return 1 + 0.1 * values
        return values / max(1.0, float(tensor[0].numel() if tensor.ndim > 1 else 100)) ** 0.5

    return {key: drawn(key, tensor) for key, tensor in network.state_dict().items()}


def model_weights() -> dict[str, Any]:
    parts = {
        networks.UNET: UNet2DConditionModel.from_config(UNET),
        networks.VISION: CLIPVisionModelWithProjection(CLIPVisionConfig(**VISION)),
        networks.TEXT: CLIPTextModelWithProjection(CLIPTextConfig(**TEXT)),
        networks.PROJECTOR: nn.Linear(PROJECTION, WIDTH),
    }
    found = {
        prefix + key: tensor
        for seed, (prefix, network) in enumerate(parts.items())
        for key, tensor in seeded(network, seed).items()
    }
    found[f"{networks.VISION}vision_model.embeddings.position_ids"] = torch.arange(17)[None]  # of older transformers
    return found


def sound_weights() -> dict[str, Any]:
    vae = AutoencoderKL(
        in_channels=1, out_channels=1, latent_channels=8, block_out_channels=(32, 32, 32), layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
    )  # fmt: skip
    speaker = SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=64, upsample_initial_channel=32, upsample_rates=[5, 4, 2, 2, 2],
            upsample_kernel_sizes=[16, 16, 8, 4, 4],
        )
    )  # fmt: skip
    found = {latent.original_vae_key(key, VAE): tensor for key, tensor in seeded(vae, 10).items()}
    found = {key: tensor[..., None, None] if _is_attention(key, tensor) else tensor for key, tensor in found.items()}
    voice = {key.replace("upsampler.", "ups."): value for key, value in seeded(speaker, 11).items()}
    voice = {key: value for key, value in voice.items() if key not in ("mean", "scale")}
    found |= {networks.VOCODER + key: value for key, value in voice.items()}
    found[networks.LATENT_SCALE] = torch.tensor(0.9)
    found["model.diffusion_model.out.2.bias"] = torch.zeros(8)  # AudioLDM's own, which nothing reads
    return found


def _is_attention(key: str, tensor: Any) -> bool:
    return ".attn_1." in key and tensor.ndim == 2


def write_tree(folder: Path, **training: Any) -> None:
    """The published files; `training` is what its summary says besides."""
    folder.mkdir(parents=True, exist_ok=True)
    summary = {
        "task": "video2audio", "fea_encoder_name": "openai/clip-vit-large-patch14", "embedding_dim": WIDTH,
        "unet_model_config": "configs/diffusion_model_config_large_2048.json", "pe": None,
        "scheduler_name": "stabilityai/stable-diffusion-2-1", "vae_model": "/home/them/audioldm-s-full.ckpt",
        **training,
    }  # fmt: skip
    (folder / "summary.jsonl").write_text(json.dumps(summary) + '\n{"epoch": 1, "loss": 0.5}\n')
    (folder / "diffusion_model_config_large_2048.json").write_text(json.dumps(UNET, indent=1))
    write_clip(folder / "clip-vit-large-patch14", {"vision_config": VISION, "text_config": TEXT})
    torch.save(model_weights(), folder / "pytorch_model_2.bin")
    torch.save({"state_dict": sound_weights(), "global_step": 5}, folder / "audioldm-s-full.ckpt")


def write_clip(folder: Path, config: Mapping[str, Any]) -> None:
    """CLIP's configuration and tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    write_tokenizer(folder)


def write_tokenizer(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(WORDS)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 12, "unk_token": "!", **special})
    )


def tiny_model(folder: Path, training: Mapping[str, Any] | None = None, **options: Any) -> VtaLdm:
    if not (folder / "summary.jsonl").is_file():
        write_tree(folder, **(training or {}))
    return VtaLdm(folder=folder, **{"runtime": CPU, **options})
