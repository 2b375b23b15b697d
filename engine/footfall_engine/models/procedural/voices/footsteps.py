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
    return b.joined(
        (0.0, _shoe(s, 127, 800, 0.025)), (0.0, click), (0.0, 0.035 * _loose(s, 0.57, 1200, 780, 2340, 0.0015, 0))
    )


def _wood(s: Step) -> Samples:
    n = b.count(0.35)
    freqs = np.array([92, 148, 221, 305, 432, 610, 880]) / s.size**0.4 * s.rng.uniform(0.97, 1.03, 7)
    board = b.modes(
        freqs, 1 / (14 + 0.07 * freqs), b.contact_gain(freqs, 0.004 * (1.3 - s.hard)) * s.rng.uniform(0.5, 1, 7), n
    )
    board[: b.count(0.3)] += 0.6 * _shoe(s, 200, 3000, 0.007)
    return board


def _metal(s: Step) -> Samples:
    n = b.count(0.7)
    freqs = np.array([140, 233, 377, 512, 803, 1175, 1610, 2240, 3020]) * s.rng.uniform(0.99, 1.01, 9)
    grate = b.modes(
        freqs, 1 / (7 + 0.006 * freqs), b.contact_gain(freqs, 0.0012 * (1.3 - s.hard)) * s.rng.uniform(0.4, 1, 9), n
    )
    grate[: b.count(0.3)] += 1.2 * _shoe(s, 300, 5000, 0.006)
    return 0.6 * grate


def _carpet(s: Step) -> Samples:
    n = b.count(0.2)
    return b.burst(n, 60 / s.size, 420, 0.022, s.rng, 0.0008) + 0.05 * b.burst(n, 1500, 6000, 0.03, s.rng, 0.008)


def _loose(s: Step, seconds: float, rate: float, low: float, high: float, grain: float, thud: float) -> Samples:
    """A bed of small pieces that shift under the shoe: dense collisions, fewer as it settles.

    `low` … `high` hertz the pieces' pitches, `grain` their length in seconds, `thud` the share of the shoe itself.
    """
    n = b.count(seconds)
    t = b.clock(n)
    pressing = np.exp(-t / (0.3 * seconds)) * (0.35 + 0.65 * np.minimum(1, t / 0.02))
    grains = b.clicks(low, high, 1.9, grain, grain)
    x = b.hail(n, rate * pressing, grains, 3, s.rng) * np.sqrt(pressing)
    first = grains[s.rng.integers(len(grains))]
    x[: len(first)] += first
    return x + thud * b.burst(n, 60 / s.size, 350, 0.02, s.rng, 0.0005)


def _gravel(s: Step) -> Samples:
    return _loose(s, 0.3, 1400 * (0.6 + s.hard), 1500, 7000, 0.0012, 0.5)


def _grass(s: Step) -> Samples:
    n = b.count(0.3)
    swish = b.burst(n, 1800, 9000, 0.06, s.rng, 0.012)
    return 0.35 * _loose(s, 0.3, 500, 2500, 8000, 0.002, 1.4) + 0.3 * swish


def _leaves(s: Step) -> Samples:
    n = b.count(0.38)
    return _loose(s, 0.38, 900, 2200, 9000, 0.0025, 0.35) + 0.25 * b.burst(n, 2500, 10000, 0.08, s.rng, 0.01)


def _snow(s: Step) -> Samples:
    """Crystals that break in quick succession: a creak made of cracks, faster as the load comes on."""
    n = b.count(0.34)
    crush = _loose(s, 0.34, 3200, 900, 4200, 0.0018, 0.6)
    creak = b.slips(b.swell(n, 0.3, 0.6), 170 * p.near(1, s.rng, 0.2), 0.25, s.rng)
    squeal = b.showered(n, creak, s.rng.uniform(0.3, 1, len(creak)), b.burst(b.count(0.01), 1100, 3000, 0.0015, s.rng))
    return crush + 0.5 * squeal * b.swell(n, 0.3, 0.7)


def _sand(s: Step) -> Samples:
    n = b.count(0.3)
    return 0.5 * _loose(s, 0.3, 5000, 3000, 9000, 0.0008, 0.9) + 0.35 * b.burst(n, 1500, 8000, 0.05, s.rng, 0.004)


def _mud(s: Step) -> Samples:
    """A dull landing, then the suction that lets go in bubbles."""
    n = b.count(0.4)
    squelch = b.burst(n, 200, 1500, 0.05, s.rng, 0.004)
    at = b.times(140 * np.exp(-np.abs(b.clock(n) - 0.12) / 0.07), n, s.rng)
    pops = b.bubbles(n, at, s.rng.uniform(0.0025, 0.008, len(at)), np.full(len(at), 0.1), 0.2 + s.rng.random(len(at)))
    return 0.9 * _carpet_like(s, n) + 0.6 * squelch + 0.35 * pops


def _carpet_like(s: Step, n: int) -> Samples:
    return b.burst(n, 50 / s.size, 500, 0.028, s.rng, 0.0006)


def _water(s: Step) -> Samples:
    n = b.count(0.55)
    slap = b.burst(n, 500, 6000, 0.02, s.rng, 0.0004)
    spray = b.burst(n, 2000, 10000, 0.09, s.rng, 0.01)
    at = b.times(260 * np.exp(-b.clock(n) / 0.16), n, s.rng)
    drops = b.bubbles(
        n, at, s.rng.uniform(0.0008, 0.004, len(at)), s.rng.uniform(0, 0.1, len(at)), s.rng.random(len(at)) ** 2
    )
    return slap + 0.4 * spray + 0.5 * drops


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
    """An iron shoe on stone: hollow, hard, a little ring."""
    size = p.bigness(manner, strike)
    n = b.count(0.25)
    hollow = b.modes(np.array([520, 980, 1390]) / size * p.near(1, rng, 0.05), [0.016, 0.012, 0.009], [1, 0.6, 0.4], n)
    iron = b.modes(np.array([2400, 3650, 5200]) / size, [0.02, 0.015, 0.01], [0.2, 0.15, 0.1], n)
    x = hollow + iron + 0.5 * b.burst(n, 500, 6000, 0.005, rng)
    second = np.float32(0.7) * np.roll(x, 0)
    gap = min(rng.uniform(0.1, 0.16) / p.haste(manner), 0.45 * strike.gap_seconds)
    return p.struck(b.in_room(b.joined((0.0, x), (gap, second)), 0.3, 0.4), strike, manner, rng)
