"""Pictures of a region, streamed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Frame:
    """One picture; ``time`` is its decoder PTS in seconds from the start of the region."""

    time: float
    image: NDArray[np.uint8]  # (height, width) grey, or (height, width, 3) RGB
