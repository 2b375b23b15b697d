"""Where the published files lie in a folder of weights, in the layouts that people have them in."""

from __future__ import annotations

from pathlib import Path

from footfall_bridge.errors import WeightsMissing

from footfall_engine.models.store import converted

_BASE = ("auffusion", "auffusion/auffusion-full-no-adapter", "auffusion-full-no-adapter", ".")
_IMAGE = ("image_encoder", "models/image_encoder", "IP-Adapter/models/image_encoder")
_OWN = (".", "checkpoints")

PLACES = {
    "unet": tuple(f"{base}/unet" for base in _BASE),
    "vae": tuple(f"{base}/vae" for base in _BASE),
    "text_encoder": tuple(f"{base}/text_encoder" for base in _BASE),
    "tokenizer": tuple(f"{base}/tokenizer" for base in _BASE),
    "scheduler": tuple(f"{base}/scheduler" for base in _BASE),
    "image_encoder": (*_IMAGE, *(f"h94/{place}" for place in _IMAGE)),
    "semantic": tuple(f"{own}/semantic/semantic_adapter.bin" for own in _OWN),
    "temporal": tuple(f"{own}/temporal_adapter.ckpt" for own in _OWN),
    "detector": tuple(f"{own}/timestamp_detector.pth.tar" for own in _OWN),
    "vocoder": tuple(f"{own}/vocoder/vocoder.pt" for own in _OWN)
    + tuple(f"{base}/vocoder/vocoder.pt" for base in _BASE),
    "label_encoder": ("label_encoder",),
    "label_projection": ("label_projection.pt",),
}
"""Of each part, the places where it may lie, the first of them the one to name when it lies nowhere."""


def found(folder: Path, part: str) -> Path | None:
    """Where a part lies, as it was published or converted."""
    for place in PLACES[part]:
        path = folder / place
        if path.exists() or (path.suffix and converted(path).is_file()):
            return path
    return None


def needed(folder: Path, part: str, model: str) -> Path:
    """`found`; WeightsMissing when it lies nowhere."""
    path = found(folder, part)
    if path is None:
        raise WeightsMissing(f"{model} needs {PLACES[part][0].removeprefix('./')}, which is not in {folder}")
    return path
