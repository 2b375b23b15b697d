"""Films without a subject, quick to write and to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np

PER_SEC = 8


def film(path: Path, seconds: float, shade: Callable[[float], int] = lambda time: 40) -> Path:
    """Plain pictures of one shade at a time, with an edge that moves, each compressed on its own."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mjpeg", rate=PER_SEC)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number in range(round(PER_SEC * seconds)):
            picture = np.full((48, 64, 3), shade(number / PER_SEC), np.uint8)
            picture[:, : number % 64] = 255 - picture[:, : number % 64]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path
