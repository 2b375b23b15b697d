"""Pictures as the image encoder takes them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from footfall_engine.media.video import Image
from footfall_engine.models.clip_pictures import SIDE


def for_clip(images: Sequence[Image], side: int = SIDE) -> Tensor:
    """RGB pictures, their middles normalised as CLIP's own, shape = (n, 3, side, side), float32."""
    sizes = {"size": {"shortest_edge": side}, "crop_size": {"height": side, "width": side}}
    made: Tensor = _processor()(images=list(images), return_tensors="pt", **sizes).pixel_values
    return made.to(torch.float32)


@cache
def _processor() -> Any:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    return CLIPImageProcessorPil()
