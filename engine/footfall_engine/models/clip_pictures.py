"""Pictures as CLIP takes them: the short side resized, the middle cut out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from footfall_engine.media.video import Image

SIDE = 224  # pixels


def cropped(image: Image, side: int = SIDE) -> NDArray[np.uint8]:
    """An RGB picture's middle square, shape = (side, side, 3), as torchvision's Resize and CenterCrop give it."""
    from PIL import Image as Pillow

    picture = Pillow.fromarray(image)
    width, height = picture.size
    size = (side, int(side * height / width)) if width <= height else (int(side * width / height), side)
    left, top = (round((length - side) / 2) for length in size)
    whole = picture.resize(size, Pillow.Resampling.BICUBIC)
    return np.asarray(whole.crop((left, top, left + side, top + side)))
