"""Footsteps on eleven surfaces.

A step is a heel that lands, a sole that rolls down 60–140 ms later and a scuff between them (ground reaction force
has these two lobes: Cook, "Modeling Bill's gait", AES 2002). The surface decides what each of them sounds like.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from footfall_engine.models.procedural import blocks as b
from footfall_engine.models.procedural.voice import Manner, Samples, Strike
from footfall_engine.models.procedural.voices import playing as p


@dataclass(frozen=True)
class Step:
    """One footfall, before its surface is known."""

    hard: float  # 0…1
    size: float  # of the walker, 1 ordinary
    weight: float  # of this lobe, 1 heel, about 0.5 sole
    wet: float
    rng: b.Rng


Lobe = Callable[[Step], Samples]


def _shoe(s: Step, low: float, high: float, tau: float) -> Samples:
    """The shoe's own landing: a dull noise, brighter when it comes down hard, and the leg's weight under it."""
    n = b.count(0.3)
    heel = b.burst(n, low / s.size, high * (0.6 + 0.8 * s.hard), tau, s.rng, 0.0008)
    leg = b.modes(np.array([78, 128]) / s.size * s.rng.uniform(0.9, 1.1, 2), [0.03, 0.02], [0.5, 0.35], n)
    return heel + 2.0 * leg


def _concrete(s: Step) -> Samples:
    """A dull landing and the fine grit that is ground as the sole rolls over it."""
    click = max(0.0, s.hard - 0.6) * b.burst(b.count(0.05), 900 / s.size, 4500, 0.004, s.rng, 0.0002)
    return b.joined((0.0, _landing(s)), (0.0, click), (0.0, 0.035 * _loose(s, 0.57, 1200, 780, 2340, 0.0015)))


def _landing(s: Step) -> Samples:
    return _shoe(s, 127, 800, 0.025)


def _wood(s: Step) -> Samples:
    """Boards over joists: many low modes, soon gone."""
    n = b.count(0.3)
    freqs = 92 / s.size**0.4 * (1 + 0.42 * np.arange(18)) * (1 + b.scattered(18, 0.12)) * s.rng.uniform(0.97, 1.03)
    gains = b.contact_gain(freqs, 0.003 * (1.3 - s.hard)) * s.rng.uniform(0.3, 1, 18)
    board = b.peaked(b.modes(freqs, 1 / (20 + 0.07 * freqs), gains, n), 0.8)
    return b.joined((0.0, _landing(s)), (0.0, board), (0.0, 0.5 * s.hard * b.burst(n, 700, 3500, 0.005, s.rng)))


def _metal(s: Step) -> Samples:
    """A grating: a clatter of short, crowded modes."""
    n = b.count(0.5)
    freqs = 240 / s.size**0.4 * (1 + 0.37 * np.arange(36)) * (1 + b.scattered(36, 0.14)) * s.rng.uniform(0.98, 1.02)
    gains = b.contact_gain(freqs, 0.0009 * (1.3 - s.hard)) * s.rng.uniform(0.2, 1, 36)
    grate = b.peaked(b.modes(freqs, 1 / (13 + 0.006 * freqs), gains, n), 0.7)
    return b.joined((0.0, _landing(s)), (0.0, grate), (s.rng.uniform(0.015, 0.03), np.float32(0.4) * grate))


def _carpet(s: Step) -> Samples:
    n = b.count(0.25)
    return _shoe(s, 60, 420, 0.022) + np.pad(
        0.05 * b.burst(n, 900 / s.size, 4000, 0.04, s.rng, 0.008), (0, b.count(0.3) - n)
    )


def _loose(s: Step, seconds: float, rate: float, low: float, high: float, grain: float) -> Samples:
    """A bed of small pieces that shift under the shoe: dense collisions, fewer as it settles.

    `low` … `high` hertz the pieces' pitches, `grain` their length in seconds.
    """
    n = b.count(seconds)
    t = b.clock(n)
    pressing = np.exp(-t / (0.3 * seconds)) * (0.35 + 0.65 * np.minimum(1, t / 0.02))
    scale = round(10 * s.size**-0.7) / 10
    grains = b.clicks(low * scale, high * scale, 1.9, grain, grain)
    x = b.hail(n, rate * pressing, grains, 3, s.rng) * np.sqrt(pressing)
    first = grains[s.rng.integers(len(grains))]
    x[: len(first)] += first
    return x


def _swish(s: Step, seconds: float, low: float, high: float) -> Samples:
    """Blades or leaves that brush along the shoe."""
    n = b.count(3 * seconds)
    return b.burst(n, low / s.size, high, seconds, s.rng, 0.012) * np.clip(0.7 + 0.5 * b.wander(n, 60, s.rng), 0, 2)


def _gravel(s: Step) -> Samples:
    return b.joined((0.0, _landing(s)), (0.0, (0.2 + 0.15 * s.hard) * _loose(s, 0.5, 1400, 700, 3500, 0.0015)))


def _grass(s: Step) -> Samples:
    blades = 0.07 * _loose(s, 0.4, 500, 1500, 5000, 0.002)
    return b.joined((0.0, _shoe(s, 90, 600, 0.025)), (0.0, blades), (0.0, 0.22 * _swish(s, 0.07, 1200, 6000)))


def _leaves(s: Step) -> Samples:
    dry = (0.2 + 0.1 * s.hard) * _loose(s, 0.5, 700, 1200, 5500, 0.0022)
    return b.joined((0.0, _landing(s)), (0.0, dry), (0.0, 0.15 * _swish(s, 0.09, 1500, 7000)))


def _snow(s: Step) -> Samples:
    """Crystals that break in quick succession: a creak made of cracks, faster as the load comes on."""
    n = b.count(0.36)
    load = b.swell(n, 0.35, 0.6)
    creak = b.slips(load, 170 * p.near(1, s.rng, 0.2), 0.25, s.rng)
    crack = b.burst(b.count(0.01), 700 / s.size, 2200, 0.0018, s.rng)
    squeal = b.showered(n, creak, s.rng.uniform(0.3, 1, len(creak)), crack) * load
    return b.joined((0.0, _landing(s)), (0.0, 0.16 * _loose(s, 0.4, 2600, 500, 2600, 0.0018)), (0.0, 0.2 * squeal))


def _sand(s: Step) -> Samples:
    grains = 0.12 * _loose(s, 0.35, 3500, 1400, 6000, 0.0008)
    return b.joined((0.0, _shoe(s, 90, 600, 0.025)), (0.0, grains), (0.0, 0.14 * _swish(s, 0.06, 1200, 6000)))


def _mud(s: Step) -> Samples:
    """A dull landing, then the suction that lets go in bubbles."""
    n = b.count(0.4)
    squelch = b.burst(n, 200 / s.size, 1500, 0.07, s.rng, 0.004) * np.clip(0.7 + 0.6 * b.wander(n, 40, s.rng), 0, 2)
    at = b.times(120 * np.exp(-np.abs(b.clock(n) - 0.12) / 0.07), n, s.rng)
    radii = s.size * s.rng.uniform(0.002, 0.007, len(at))
    pops = b.bubbles(n, at, radii, np.full(len(at), 0.1), 0.2 + s.rng.random(len(at)))
    return b.joined((0.0, _shoe(s, 70, 500, 0.03)), (0.0, 0.7 * squelch), (0.0, 0.12 * pops))


def _water(s: Step) -> Samples:
    n = b.count(0.55)
    slap = b.burst(n, 500 / s.size, 6000, 0.02, s.rng, 0.0004)
    spray = b.burst(n, 1500 / s.size, 8000, 0.09, s.rng, 0.01) * np.clip(0.7 + 0.5 * b.wander(n, 45, s.rng), 0, 2)
    at = b.times(260 * np.exp(-b.clock(n) / 0.16), n, s.rng)
    radii = s.size * s.rng.uniform(0.0008, 0.004, len(at))
    drops = b.bubbles(n, at, radii, s.rng.uniform(0, 0.1, len(at)), s.rng.random(len(at)) ** 2)
    return b.joined((0.0, 0.5 * _shoe(s, 90, 700, 0.025)), (0.0, 0.7 * slap + 0.5 * spray + 0.25 * drops))


SURFACES: dict[str, tuple[Lobe, float]] = {  # surface: its lobe, the room around it
    "concrete": (_concrete, 0.11),
    "wood": (_wood, 0.35),
    "gravel": (_gravel, 0.08),
    "grass": (_grass, 0.05),
    "leaves": (_leaves, 0.05),
    "snow": (_snow, 0.05),
    "mud": (_mud, 0.08),
    "metal": (_metal, 0.35),
    "carpet": (_carpet, 0.2),
    "sand": (_sand, 0.05),
    "water": (_water, 0.1),
}


ROOM_SECONDS = 0.2


def footstep(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """Heel, sole, and on wet ground a little water."""
    lobe, room = SURFACES.get(manner.material, SURFACES["concrete"])
    hard = p.hardness(strike, manner)
    foot = 1.0 + (0.03 if strike.index % 2 else -0.03)
    size = p.bigness(manner) * foot
    roll = min(rng.uniform(0.068, 0.092) / p.haste(manner), 0.35 * strike.gap_seconds)
    heel = lobe(Step(hard, size, 1.0, manner.wetness, rng))
    sole = lobe(Step(0.7 * hard, size, 0.4, manner.wetness, rng))
    parts = [(0.0, heel), (roll, np.float32(rng.uniform(0.25, 0.43)) * sole)]
    if manner.wetness > 0.05 and manner.material != "water":
        parts.append((0.0, np.float32(0.5 * manner.wetness) * _water(Step(hard, size, 1.0, 1.0, rng))))
    return p.struck(b.in_room(b.joined(*parts), room, ROOM_SECONDS, 2500), strike, manner, rng)


def hooves(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """Clip and clop: an iron shoe on stone under a hollow hoof, two feet at a time."""
    size = p.bigness(manner, strike)

    def foot(pitch: float) -> Samples:
        n = b.count(0.2)
        freqs = pitch / size * (1 + 0.35 * np.arange(14)) * (1 + b.scattered(14, 0.12)) * p.near(1, rng, 0.03)
        hollow = b.modes(freqs, 1 / (70 + 0.03 * freqs), b.contact_gain(freqs, 0.0007) * rng.uniform(0.3, 1, 14), n)
        return b.peaked(hollow, 1.0) + b.burst(n, 500 / size, 4500, 0.005, rng) + 0.5 * b.burst(n, 90, 350, 0.015, rng)

    gap = min(rng.uniform(0.13, 0.19) / p.haste(manner), 0.45 * strike.gap_seconds)
    x = b.joined((0.0, foot(620)), (gap, np.float32(0.7) * foot(480)))
    return p.struck(b.in_room(x, 0.45, 0.4, 4000), strike, manner, rng)
