"""A FoleyCrafter of toy size with random weights, on disk in the layouts of the published ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="neural models need the 'neural' extra")
pytest.importorskip("diffusers", reason="neural models need the 'neural' extra")
pytest.importorskip("transformers", reason="neural models need the 'neural' extra")

from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel  # noqa: E402
from footfall_engine.models import hifigan  # noqa: E402
from footfall_engine.models.foleycrafter.detector import Detector  # noqa: E402
from transformers import (  # noqa: E402
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from tests.engine.neural.tiny_vta import TEXT, VISION, seeded, write_tokenizer  # noqa: E402

CONTEXT, SEEN = TEXT["hidden_size"], VISION["projection_dim"]
SCHEDULER = {
    "_class_name": "PNDMScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "skip_prk_steps": True, "set_alpha_to_one": False, "steps_offset": 1,
}  # fmt: skip
VOCODER = {
    "resblock": "1", "num_mels": 256, "upsample_initial_channel": 32, "upsample_rates": [5, 4, 2, 2, 2],
    "upsample_kernel_sizes": [11, 8, 4, 4, 4], "resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1, 3, 5]],
}  # fmt: skip


def unet() -> Any:
    return UNet2DConditionModel(
        in_channels=4, out_channels=4, block_out_channels=(8, 16), attention_head_dim=2, layers_per_block=1,
        cross_attention_dim=CONTEXT, norm_num_groups=8, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip


def semantic_weights(seed: int = 3) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Any:
        return torch.randn(shape, generator=generator) / shape[-1] ** 0.5

    net = unet()
    attentions = [name.removesuffix(".processor") for name in net.attn_processors if "attn2" in name]
    widths = [net.get_submodule(name).to_k.weight.shape[0] for name in attentions]
    keys = {f"{2 * n + 1}.{kind}.weight": w for n, w in enumerate(widths) for kind in ("to_k_ip", "to_v_ip")}
    return {
        "image_proj": {
            "proj.weight": drawn(4 * CONTEXT, SEEN), "proj.bias": drawn(4 * CONTEXT),
            "norm.weight": 1 + drawn(CONTEXT), "norm.bias": drawn(CONTEXT),
        },
        "ip_adapter": {key: drawn(width, CONTEXT) for key, width in keys.items()},
    }  # fmt: skip


def vocoder_weights() -> dict[str, Any]:
    plain = seeded(hifigan.untrained(hifigan.Geometry.of(VOCODER, exact_length=True)), 7)
    found = {}
    for key, tensor in plain.items():
        key = key.replace("upsampler.", "ups.")
        if key.endswith(".weight"):  # with weight norm, as published
            found[f"{key}_v"] = tensor
            found[f"{key}_g"] = tensor.flatten(1).norm(dim=1).reshape(-1, 1, 1)
        elif key not in ("mean", "scale"):
            found[key] = tensor
    return found


def filled(network: Any, seed: int) -> Any:
    network.load_state_dict(seeded(network, seed))
    return network


def write_tree(folder: Path, base: str = "auffusion", own: str = ".", image: str = "image_encoder") -> Path:
    """The published files; Auffusion's, the adapters' and the image encoder's in folders of those names."""
    there = folder / base
    filled(unet(), 1).save_pretrained(there / "unet")
    vae = AutoencoderKL(
        block_out_channels=(8,) * 4, layers_per_block=1, norm_num_groups=8, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    filled(vae, 2).save_pretrained(there / "vae", safe_serialization=False)
    filled(CLIPTextModel(CLIPTextConfig(**TEXT)), 4).save_pretrained(there / "text_encoder")
    write_tokenizer(there / "tokenizer")
    (there / "scheduler").mkdir()
    (there / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER))
    seer = filled(CLIPVisionModelWithProjection(CLIPVisionConfig(**VISION)), 5)
    seer.save_pretrained(folder / image)
    ours = folder / own
    for name in ("semantic", "vocoder"):
        (ours / name).mkdir(parents=True)
    torch.save(semantic_weights(), ours / "semantic" / "semantic_adapter.bin")
    torch.save({"generator": vocoder_weights()}, ours / "vocoder" / "vocoder.pt")
    (ours / "vocoder" / "config.json").write_text(json.dumps(VOCODER))
    control = seeded(ControlNetModel.from_unet(unet(), conditioning_channels=1, load_weights_from_unet=False), 6)
    kept = {f"module.{key}": tensor for key, tensor in control.items()}
    torch.save({"state_dict": kept, "optimizer": {"exp_avg": torch.zeros(9)}}, ours / "temporal_adapter.ckpt")
    return folder


def add_detector(folder: Path) -> None:
    state = {f"module.{key}": tensor for key, tensor in seeded(Detector((4, 4, 4, 4)), 8).items()}
    state = {key: tensor.abs() + 0.5 if "running_var" in key else tensor for key, tensor in state.items()}
    torch.save({"state_dict": state, "epoch": 3}, folder / "timestamp_detector.pth.tar")


def add_label_encoder(folder: Path) -> None:
    made = filled(CLIPTextModelWithProjection(CLIPTextConfig(**TEXT)), 9)
    made.save_pretrained(folder / "label_encoder")
    write_tokenizer(folder / "label_encoder")
