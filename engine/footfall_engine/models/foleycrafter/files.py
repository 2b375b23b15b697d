"""The published files, and where they lie in a folder of weights, in the layouts that people have them in."""

from __future__ import annotations

from pathlib import Path

from footfall_bridge.errors import WeightsMissing

from footfall_engine.models.parts import Part

_OWN, _BASE = "ymzhang319/FoleyCrafter", "auffusion/auffusion-full-no-adapter"
_IMAGES, _LABELS = "h94/IP-Adapter", "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"
_OWN_PLACES = (".", "checkpoints")
_BASE_PLACES = (
    "auffusion",
    "auffusion/auffusion-full-no-adapter",
    "auffusion-full-no-adapter",
    "checkpoints/auffusion",
    ".",
)
_IMAGE_PLACES = ("image_encoder", "models/image_encoder", "IP-Adapter/models/image_encoder")


def _own(path: str, needed: bool = True) -> Part:
    return Part(_OWN, path, tuple(f"{place}/{path}" for place in _OWN_PLACES), needed=needed)


def _base(folder: str, holds: str) -> Part:
    return Part(_BASE, folder, tuple(f"{place}/{folder}" for place in _BASE_PLACES), holds)


def _spoken(file: str) -> Part:
    """Of the vocoder, which Auffusion has as well."""
    path = f"vocoder/{file}"
    return Part(_OWN, path, tuple(f"{place}/{path}" for place in (*_OWN_PLACES, *_BASE_PLACES)))


PARTS = {
    "unet": _base("unet", "config.json"),
    "vae": _base("vae", "config.json"),
    "text_encoder": _base("text_encoder", "config.json"),
    "tokenizer": _base("tokenizer", "vocab.json"),
    "scheduler": _base("scheduler", "scheduler_config.json"),
    "image_encoder": Part(
        _IMAGES,
        "models/image_encoder",
        (*_IMAGE_PLACES, *(f"h94/{place}" for place in _IMAGE_PLACES)),
        "config.json",
    ),
    "semantic": _own("semantic/semantic_adapter.bin"),
    "temporal": _own("temporal_adapter.ckpt"),
    "vocoder": _spoken("vocoder.pt"),
    "vocoder_config": _spoken("config.json"),
    "detector": _own("timestamp_detector.pth.tar", needed=False),
}
LABEL_PARTS = {
    "label_encoder": Part(_LABELS, "", ("label_encoder",), "config.json", needed=False, keys=("text_",)),
    "label_projection": Part("", "", ("label_projection.pt",), needed=False),
}
"""What timing by the label takes; nobody published the projection."""

_ALL = PARTS | LABEL_PARTS


def found(folder: Path, part: str) -> Path | None:
    """Where a part lies, as it was published or converted."""
    return _ALL[part].found(folder)


def needed(folder: Path, part: str, model: str) -> Path:
    """`found`; WeightsMissing when it lies nowhere."""
    path = found(folder, part)
    if path is None:
        raise WeightsMissing(f"{model} needs {_ALL[part].name}, which is not in {folder}")
    return path


def place_of(part: str) -> str:
    """Where a part belongs, in the folder of weights."""
    return _ALL[part].name
