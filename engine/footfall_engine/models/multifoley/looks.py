"""CAVP's features of a whole picture, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from footfall_engine.media.video import Frame
from footfall_engine.models.diff_foley.pictures import squeezed
from footfall_engine.models.multifoley.features import look_time
from footfall_engine.models.multifoley.sizes import CAVP_RATE
from footfall_engine.progress import ProgressFn

AT_ONCE = 64  # rows
_MARGIN = 9  # rows on either side that CAVP's depend on: as many of its convolutions are three rows wide
_NEARLY = 1e-9  # rows


def rows(
    frames: Callable[[Sequence[float]], Iterator[Frame]],
    seconds: float,
    encode: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    progress: ProgressFn,
) -> NDArray[np.float32]:
    """What CAVP sees in `seconds` of picture, CAVP_RATE rows a second, shape = (rows, n).

    `encode` takes pictures, shape = (k, side, side, 3), and gives their rows, shape = (k, n).
    """
    count = max(1, math.ceil(seconds * CAVP_RATE - _NEARLY))
    ahead = frames([min(seconds, look_time(row)) for row in range(count)])
    found: list[NDArray[np.float32]] = []
    held: list[NDArray[np.uint8]] = []  # pictures from number `held_from` on
    held_from = 0
    for first in range(0, count, AT_ONCE):
        progress(first / count)
        last = min(count, first + AT_ONCE)
        begin, end = max(0, first - _MARGIN), min(count, last + _MARGIN)
        held = held[begin - held_from :]
        held_from = begin
        held += [squeezed(frame.image) for frame in islice(ahead, end - begin - len(held))]
        found.append(encode(np.stack(held))[first - begin : last - begin])
    return np.concatenate(found)
