"""Sounds of things being struck, each with a timbre of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from footfall_engine.models.multifoley.sizes import SAMPLE_RATE
from numpy.typing import NDArray

Sound = NDArray[np.float32]
_RING = ((1830, 6), (3270, 8), (5120, 10), (7400, 14))  # Hz, and how fast it dies away, per second


def _thud(time: Sound, rng: np.random.Generator) -> Sound:
    body = np.sin(2 * np.pi * 140 * time) * np.exp(-18 * time)
    return body + 0.3 * rng.standard_normal(len(time)) * np.exp(-200 * time)


def _ring(time: Sound, rng: np.random.Generator) -> Sound:
    partials = (np.sin(2 * np.pi * hz * time) * np.exp(-decay * time) / n for n, (hz, decay) in enumerate(_RING, 1))
    return 0.6 * sum(partials, np.zeros_like(time))


def _step(time: Sound, rng: np.random.Generator) -> Sound:
    dull = np.convolve(rng.standard_normal(len(time)), np.ones(12) / 12, "same")
    return 1.4 * dull * np.exp(-40 * time)


TIMBRES: dict[str, Callable[[Sound, np.random.Generator], Sound]] = {"thud": _thud, "ring": _ring, "step": _step}


def struck(timbre: str, times: Sequence[float], seconds: float, seed: int = 0) -> Sound:
    """Sound of shape = (samples,) that has a blow at each of the times."""
    rng = np.random.default_rng(seed)
    sound = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    for time in times:
        room = sound[round(time * SAMPLE_RATE) :]
        room += rng.uniform(0.2, 0.6) * TIMBRES[timbre](np.arange(len(room)) / SAMPLE_RATE, rng)
    return sound
