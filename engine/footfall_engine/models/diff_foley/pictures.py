"""Which pictures CAVP looks at, and how they are prepared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from footfall_engine.media.video import Frame, Image

ROWS_PER_SEC = 4
SIDE = 224  # pixels
_AHEAD_SEC = 0.5 / ROWS_PER_SEC - 0.001001  # a picture counts as there up to 1 ms before it begins


def row_time(row: int) -> float:
    """Second whose picture row number `row` shows.

    Training took its pictures with ffmpeg's fps filter, which rounds to the nearest: a row shows the last picture that
    begins less than half a row later than it. The network learnt its timing so, and so it is asked here.
    """
    return row / ROWS_PER_SEC + _AHEAD_SEC


def rows_in(seconds: float) -> int:
    """Rows that a stretch of so many seconds has, by the same rounding."""
    return max(1, int(seconds * ROWS_PER_SEC + 0.5))


def prepared(frames: Callable[[Sequence[float]], Iterator[Frame]], times: Sequence[float]) -> NDArray[np.uint8]:
    """RGB pictures at rising times, squeezed to a square as in training, shape = (len(times), SIDE, SIDE, 3)."""
    return np.stack([squeezed(frame.image) for frame in frames(times)])


def squeezed(image: Image) -> NDArray[np.uint8]:
    from PIL import Image as Pillow

    return np.asarray(Pillow.fromarray(image).resize((SIDE, SIDE), Pillow.Resampling.BILINEAR))
