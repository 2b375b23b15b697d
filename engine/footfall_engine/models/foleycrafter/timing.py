"""When something sounds, from whoever knows it, and the picture of it that the temporal adapter takes.

Conventions
-----------
Seconds count from the start of what is made. A level is 1 where it sounds and -1 where it does not. The picture is
float32, shape = (1, HEIGHT, COLUMNS), all of its rows alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from footfall_engine.models.base import TimedHit

COLUMNS, HEIGHT = 1024, 256
PUBLISHED_PER_SEC = 102.4  # columns; ten seconds of picture, though the sound below them lasts 10.24 s
EXACT_PER_SEC = 100.0  # columns, as many as the spectrogram has frames
SILENT = -1.0
THRESHOLD = 0.5
HIT_SEC = 0.12  # that a hit sounds: about what a detector trained on hits marks

_ROUNDING = 1e-6  # of a column


@dataclass(frozen=True)
class Stretch:
    """A level from `start` until before `end`, in seconds."""

    start: float
    end: float
    level: float = 1.0


def picture(
    stretches: Iterable[Stretch],
    seconds: float,
    start: float = 0.0,
    columns_per_sec: float = PUBLISHED_PER_SEC,
    columns: int = COLUMNS,
    height: int = HEIGHT,
) -> NDArray[np.float32]:
    """The condition of a window that begins at `start`, of something `seconds` long, shape = (1, height, columns).

    A column shows the highest level at its own time.
    """
    row = np.full(columns, SILENT, np.float32)
    there = max(0, min(columns, int(columns_per_sec * (seconds - start))))
    for stretch in stretches:
        first = math.ceil((stretch.start - start) * columns_per_sec - _ROUNDING)
        last = math.ceil((stretch.end - start) * columns_per_sec - _ROUNDING)
        shown = slice(max(0, first), max(0, min(there, last)))
        row[shown] = np.maximum(row[shown], np.float32(np.clip(stretch.level, SILENT, 1.0)))
    return np.broadcast_to(row, (1, height, columns)).copy()


def of_events(hits: Iterable[TimedHit], hit_sec: float = HIT_SEC) -> list[Stretch]:
    """What hits sound like: a moment each."""
    return [Stretch(hit.time, hit.time + hit_sec) for hit in hits]


def of_probabilities(
    probabilities: Sequence[float] | NDArray[np.floating], start: float, seconds: float, threshold: float = THRESHOLD
) -> list[Stretch]:
    """What a detector found in `seconds` from `start` on, looking at even distances."""
    step = seconds / len(probabilities)
    return [
        Stretch(start + number * step, start + (number + 1) * step)
        for number, probability in enumerate(probabilities)
        if probability >= threshold
    ]


def of_similarity(
    similarity: NDArray[np.floating],
    pictures_per_sec: float,
    calibrated: bool,
    smooth: bool,
    threshold: float = THRESHOLD,
) -> list[Stretch]:
    """How far each picture looks like the label, on 0 … 1, as levels.

    `calibrated`: the least and the most similar picture are 0 and 1 (all are 1 when they are alike), which cosines that
    no training has spread need. `smooth`: levels in between, for what swells and fades; if not, 1 from `threshold` on.
    """
    share = _spread(similarity) if calibrated else np.asarray(similarity, np.float64)
    levels = 2 * share.clip(0, 1) - 1 if smooth else np.where(share >= threshold, 1.0, SILENT)
    return [
        Stretch(number / pictures_per_sec, (number + 1) / pictures_per_sec, float(level))
        for number, level in enumerate(levels)
        if level > SILENT
    ]


def _spread(similarity: NDArray[np.floating]) -> NDArray[np.float64]:
    least, most = float(similarity.min()), float(similarity.max())
    if most - least < np.finfo(np.float32).eps:
        return np.ones(len(similarity))
    return (np.asarray(similarity, np.float64) - least) / (most - least)
