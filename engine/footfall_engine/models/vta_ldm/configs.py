"""What the published checkpoint is: sizes of its networks, its noise, and how it was trained.

A folder of weights says otherwise with the files that the original reads: summary.jsonl (the arguments of training, on
its first line), the UNet's configuration that it names, and config.json and scheduler_config.json of CLIP and of the
scheduler it names, each in a folder of that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footfall_engine.models.stock import read_json

SUMMARY = "summary.jsonl"

TRAINING: Mapping[str, Any] = {
    "task": "video2audio",
    "fea_encoder_name": "clip-vit-large-patch14",
    "unet_model_config": "configs/diffusion_model_config_large_2048.json",
    "scheduler_name": "stabilityai/stable-diffusion-2-1",
    "vae_model": "audioldm-s-full.ckpt",
    "embedding_dim": 2048,
    "pe": False,
}
UNET: Mapping[str, Any] = {
    "in_channels": 8,
    "out_channels": 8,
    "block_out_channels": [320, 640, 640, 1280],
    "attention_head_dim": [5, 10, 20, 20],  # diffusers' name for the number of heads
    "cross_attention_dim": 2048,
    "layers_per_block": 2,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    "use_linear_projection": True,
    "upcast_attention": True,
}
SCHEDULER: Mapping[str, Any] = {
    "_class_name": "DDPMScheduler",
    "num_train_timesteps": 1000,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "prediction_type": "v_prediction",
    "clip_sample": False,
    "steps_offset": 1,
    "timestep_spacing": "leading",
}
VISION: Mapping[str, Any] = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "patch_size": 14,
    "image_size": 224,
    "projection_dim": 768,
}
TEXT: Mapping[str, Any] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "projection_dim": 768,
}


@dataclass(frozen=True)
class Configs:
    unet: Mapping[str, Any]
    scheduler: Mapping[str, Any]
    vision: Mapping[str, Any]
    text: Mapping[str, Any]
    width: int  # of what the UNet is told of each picture
    takes_text: bool
    counts_positions: bool
    sound_file: str  # the checkpoint of the autoencoder and the vocoder
    tokenizer: Path


def configs_in(folder: Path) -> Configs:
    """What the weights in a folder are; what it does not say is as published.

    No published summary asks for text; one is taken to when its task names it.
    """
    training = {**TRAINING, **read_json(folder / SUMMARY, {})}
    clip_folder = folder / _name(training["fea_encoder_name"])
    clip = read_json(clip_folder / "config.json", {})
    scheduler_folder = folder / _name(training["scheduler_name"])
    return Configs(
        unet=read_json(folder / _name(training["unet_model_config"]), UNET),
        scheduler={**SCHEDULER, **read_json(scheduler_folder / "scheduler_config.json", {})},
        vision={**VISION, **clip.get("vision_config", {})},
        text={**TEXT, **clip.get("text_config", {})},
        width=int(training["embedding_dim"]),
        takes_text="text" in str(training["task"]),
        counts_positions=bool(training["pe"]),
        sound_file=_name(training["vae_model"]),
        tokenizer=clip_folder,
    )


def _name(path: object) -> str:
    """The last part of a path or of a name on the hub; nothing of a summary leads out of its folder."""
    return str(path).replace("\\", "/").rstrip("/").rpartition("/")[2]
