"""FoleyCrafter's weights as the hub has them: several repositories, each a folder of a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from safetensors.torch import load_file
from transformers import CLIPConfig, CLIPModel

from tests.engine.neural import tiny_foleycrafter
from tests.engine.neural.tiny_foleycrafter import filled, torch
from tests.engine.neural.tiny_vta import TEXT, VISION, write_tokenizer

OWN, BASE = "ymzhang319/FoleyCrafter", "auffusion/auffusion-full-no-adapter"
IMAGES, LABELS = "h94/IP-Adapter", "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"


def publish(hub: Path) -> None:
    """Every network in the kind of file that a repository may hold it in, and files beside that nobody needs."""
    tiny_foleycrafter.write_tree(hub / OWN, f"../../{BASE}", ".", f"../../{IMAGES}/models/image_encoder")
    tiny_foleycrafter.add_detector(hub / OWN)
    unet = hub / BASE / "unet"
    pickled(unet / "diffusion_pytorch_model.safetensors", unet / "diffusion_pytorch_model.bin")
    text = hub / BASE / "text_encoder" / "model.safetensors"
    pickled(text, text.with_name("pytorch_model.bin"))
    shutil.copy(text.with_name("pytorch_model.bin"), text.with_name("model.fp16.safetensors"))
    images = hub / IMAGES / "models" / "image_encoder"
    shutil.copy(images / "model.safetensors", images / "pytorch_model.bin")
    (hub / IMAGES / "models" / "ip-adapter_sd15.bin").write_bytes(b"another adapter")
    write_label_model(hub / LABELS)


def write_label_model(folder: Path) -> None:
    """A CLIP of both halves, whose text half does not say how wide its projection is."""
    text = {key: value for key, value in TEXT.items() if key != "projection_dim"}
    config = CLIPConfig(text_config=text, vision_config=VISION, projection_dim=TEXT["projection_dim"])
    filled(CLIPModel(config), 12).save_pretrained(folder)
    pickled(folder / "model.safetensors", folder / "pytorch_model.bin")
    write_tokenizer(folder)


def pickled(weights: Path, checkpoint: Path) -> None:
    torch.save(load_file(weights), checkpoint)
    weights.unlink()
