"""Water: drips, splashes, pouring, rain, streams, waves.

All of it is bubbles (Minnaert 1933, van den Doel 2005), impacts on a surface, and the noise of turbulent spray.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from footfall_engine.models.procedural import blocks as b
from footfall_engine.models.procedural.voice import Manner, Samples, Strike
from footfall_engine.models.procedural.voices import playing as p


def drip(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A drop meets water; when no other is seen soon, one or two more fall from the same place.

    The vessel answers with a hollow note, and the wet surface with a little wash.
    """
    size = 0.95 * p.bigness(manner)  # what the picture shows is not the drop
    parts = [(0.0, _drop(size, rng))]
    last = min(0.586 / p.haste(manner), max(strike.gap_seconds - 0.1, 0.05))
    for _ in range(rng.poisson(1.58 * last)):
        parts.append((last * rng.uniform(0.06, 1), np.float32(0.857 * rng.uniform(0.2, 1)) * _drop(size, rng)))
    n = b.count(0.9)
    wash = b.burst(n, 572, 4162, 0.222, rng, 0.01) * np.clip(0.6 + 0.6 * b.wander(n, 30, rng), 0, 3)
    x = b.joined(*parts, (0.0, np.float32(0.116) * wash))
    vessel = 516 / size * np.array([1, 1.93, 2.71])
    x += 0.0733 * b.resonated(x, vessel, [0.0482, 0.0337, 0.0241], [0.1, 0.06, 0.04], 0.2)
    return p.struck(b.in_room(x, 0.248, 0.267, 6610), strike, manner, rng)


def _drop(size: float, rng: b.Rng) -> Samples:
    """The impact's tick and, 20 ms later, the bubble it traps, close under the surface and so rising steeply."""
    tick = b.burst(b.count(0.03), 1200, 8000, 0.002, rng, 0.0001)
    radius = float(np.clip(0.0028 * size * np.exp(0.102 * rng.standard_normal()), 0.0008, 0.009))
    trapped = b.bubble(radius, 0.946 * rng.uniform(0.2, 2), 0.491)
    parts = [(0.0, np.float32(0.9) * tick), (0.0217 * rng.uniform(0.6, 1.5), trapped)]
    for _ in range(3):
        later = 0.0217 + rng.exponential(0.025)
        parts.append((later, np.float32(0.015 * rng.random()) * b.bubble(radius * rng.uniform(0.25, 0.7), 0.05, 0.491)))
    return b.joined(*parts)


def _bubbly(
    samples: int, rate: NDArray[np.float32] | float, low: float, high: float, exponent: float, rng: b.Rng
) -> Samples:
    """A cloud of bubbles with radii in low…high metres, many small, few large."""
    at = b.times(rate, samples, rng)
    u = b.heavy_tailed(len(at), rng, exponent)
    radii = low * (high / low) ** u
    gains = (radii / high) ** 0.7 * rng.uniform(0.3, 1, len(at))
    return b.bubbles(samples, at, radii, 0.12 * (rng.random(len(at)) < 0.5), gains)


def splash(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """Something goes in: the slap, the crown of spray, the cavity's plunge, and drops that fall back."""
    h, size = p.hardness(strike, manner), p.bigness(manner, strike)
    n = b.count(1.3 * max(1, size**0.5))
    t = b.clock(n)
    slap = b.burst(n, 250 / size, 7000, 0.025, rng, 0.0003)
    spray = 0.4 * b.band_noise(n, 900 / size**0.5, 9000, rng) * (np.exp(-t / 0.13) * np.minimum(1, t / 0.02))
    spray *= 1 + 0.5 * np.clip(b.wander(n, 45, rng), -1.5, 2)
    plunge = _bubbly(n, 160 * np.exp(-np.abs(t - 0.1) / 0.12), 0.004 * size, 0.014 * size, 1, rng)
    drops = _bubbly(n, 420 * np.exp(-np.abs(t - 0.25) / 0.28), 0.0007, 0.005 * size, 1.5, rng)
    x = slap + (0.6 + 0.4 * h) * spray + 0.5 * plunge + 0.55 * drops
    return p.struck(b.in_room(x, 0.12, 0.3), strike, manner, rng)


def slosh(samples: int, level: NDArray[np.float32], manner: Manner, rng: b.Rng) -> Samples:
    """Water that is moved about."""
    size = p.bigness(manner)
    amount = p.gated(level)
    surge = np.clip(0.6 + 0.5 * b.wander(samples, 3 * p.haste(manner), rng), 0.05, 2)
    wash = b.band_noise(samples, 350 / size, 5500, rng) * surge
    wet = _bubbly(samples, 350 * amount * surge, 0.0008 * size, 0.008 * size, 1.3, rng)
    return p.sustained(0.25 * wash + 0.8 * wet, manner) * amount


def pour(samples: int, level: NDArray[np.float32], manner: Manner, rng: b.Rng) -> Samples:
    """A jet into a vessel: a storm of small bubbles, large ones that glug, a hiss, and the vessel's own note."""
    size = p.bigness(manner)
    amount = p.gated(level, 0.7)
    flow = np.clip(1 + 0.25 * b.wander(samples, 9 * p.haste(manner) ** 0.5, rng), 0.2, 2.5)
    rate = flow * amount * 2**manner.effort
    bubbles = _bubbly(samples, 1000 * rate, 0.00077 * size, 0.005 * size, 1.2, rng)
    glugs = _bubbly(samples, 131 * rate, 0.005 * size, 0.011 * size, 1.2, rng)
    jet = 0.7 * b.band_noise(samples, 575, 9000, rng) + b.band_noise(samples, 200 / size, 2300, rng)
    x = bubbles + glugs + jet * flow * amount
    x += 0.1 * b.resonated(x, 446 / size * np.array([1, 2.9]), [0.006, 0.004], [0.1, 0.05], 0.05)
    return p.sustained(x, manner, busy=amount) * amount**0.5


def rain(samples: int, level: NDArray[np.float32], manner: Manner, rng: b.Rng) -> Samples:
    """Far drops melt into a hiss; near ones pat the ground and plink in puddles; more of them in heavy rain."""
    size = p.bigness(manner)
    heavy = 2 ** (1.5 * manner.effort)
    far = b.coloured(samples, rng, lambda f: (f / 1000) ** 0.22 / (1 + (f * size / 4800) ** 2) / (1 + (80 / f) ** 2))
    far *= 1 + 0.08 * b.wander(samples, 4, rng)
    low = round(1900 / size**0.5)
    pats = b.hail(samples, 284 * heavy, b.clicks(low, 3.6 * low, 2.2, 0.003, 0.003), 3.9, rng)
    puddles = _bubbly(samples, 24 * heavy, 0.0008 * size, 0.0025 * size, 1, rng)
    near = NEAR * (pats + 0.25 * puddles)
    return p.sustained(0.355 * far + near + 0.05 * b.band_noise(samples, 80, 600, rng), manner) * p.gated(level)


NEAR = 2.6  # drops nearby, beside the far ones


def stream(samples: int, level: NDArray[np.float32], manner: Manner, rng: b.Rng) -> Samples:
    """A brook: bubbles in groups, and soft broad noise."""
    size = p.bigness(manner)
    groups = np.clip(0.7 + 0.6 * b.wander(samples, 5 * p.haste(manner), rng), 0.05, 2.5)
    babble = _bubbly(samples, 500 * groups, 0.001 * size, 0.008 * size, 1.2, rng)
    bed = b.coloured(samples, rng, lambda f: 1 / (1 + (f / 1800) ** 1.2) / (1 + (200 / f) ** 2))
    return p.sustained(0.5 * babble + 0.3 * bed, manner) * p.gated(level)


def waves(samples: int, level: NDArray[np.float32], manner: Manner, rng: b.Rng) -> Samples:
    """Surf: a low roar that gathers, a bright wash that runs out."""
    turn = 0.16 * p.haste(manner) / p.bigness(manner) ** 0.5
    swell = np.clip(0.45 + 0.5 * b.wander(samples, 2 * turn, rng), 0.05, 2) ** 1.5
    roar = b.coloured(samples, rng, lambda f: (f / 200) ** -0.6 / (1 + (60 / f) ** 2))
    wash = b.band_noise(samples, 1200, 9000, rng)
    late = np.asarray(b.followed(swell.astype(np.float32), 0.6), np.float32)
    return p.sustained(roar * (0.3 + swell) + 0.5 * wash * late, manner) * p.gated(level)
