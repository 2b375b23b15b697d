"""What a Manner and a Strike mean in numbers: how hard, how big, how loud, how bright."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from footfall_engine.models.procedural import blocks as b
from footfall_engine.models.procedural.voice import Manner, Samples, Strike

STRIKE_PEAK = 0.25  # −12 dBFS at strength 1
TEXTURE_RMS = 0.06  # at level 1
LIMIT = 0.7  # full scale
DULLER_IF_BIG = 0.3  # of a step of brightness


def hardness(strike: Strike, manner: Manner) -> float:
    """0 the softest touch … 1 the hardest blow."""
    return float(np.clip(0.2 + 0.5 * strike.strength + 0.3 * manner.effort + 0.15 * manner.brightness, 0, 1))


def bigness(manner: Manner, strike: Strike | None = None) -> float:
    """Length scale: ½ for tiny, 2 for huge; what fills the picture is a little bigger."""
    seen = 0.0 if strike is None else 0.3 * (min(max(strike.size, 0.0), 1.0) - 0.2)
    return float(2 ** (manner.size + seen))


def haste(manner: Manner) -> float:
    """Rate scale: ½ for slow, 2 for fast."""
    return float(2**manner.speed)


def loudness(strike: Strike, manner: Manner) -> float:
    return float(STRIKE_PEAK * (0.2 + 0.8 * strike.strength) * 10 ** (5 * manner.effort / 20))


def near(value: float, rng: b.Rng, spread: float = 0.06) -> float:
    """The value, a little different each time."""
    return float(value * np.exp(spread * rng.standard_normal()))


def tilted(x: Samples, brightness: float) -> Samples:
    """Brighter or duller by a shelf around 2 kHz."""
    if abs(brightness) < 0.02:
        return x
    high = b.band(x, 2000, b.SAMPLE_RATE)
    gain = 10 ** (9 * brightness / 20) - 1
    return x + np.float32(gain) * high


def struck(x: Samples, strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A finished strike: coloured, at its level give or take a decibel."""
    x = tilted(x, manner.brightness - DULLER_IF_BIG * manner.size)
    return b.faded(b.peaked(x, min(near(loudness(strike, manner), rng, 0.08), 0.95)), 0.01)


def sustained(x: Samples, manner: Manner, rms: float = TEXTURE_RMS, busy: Samples | None = None) -> Samples:
    """A texture at its level, its peaks rounded off below ±0.7; follow the motion after this.

    `busy` is the curve that its density followed, so that a texture that mostly rests is not made louder for it.
    """
    x = tilted(b.without_dc(x), manner.brightness - DULLER_IF_BIG * manner.size)
    power = float(np.mean(x * x)) / (1.0 if busy is None else max(float(np.mean(busy)), 1e-3))
    gain = rms / max(power, 1e-10) ** 0.5 * 10 ** (4 * manner.effort / 20)
    return np.asarray(np.tanh(x * np.float32(gain / LIMIT)) * np.float32(LIMIT), np.float32)


def gated(level: NDArray[np.float32], power: float = 1.0) -> Samples:
    """The level curve as an amplitude: smooth within 10 ms, and silent where nothing moves."""
    return np.asarray(np.clip(b.followed(level, 0.01), 0, 1) ** np.float32(power), np.float32)
