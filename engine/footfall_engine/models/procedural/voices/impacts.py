"""One thing hits another: bodies of wood, metal, glass, stone, plastic; skin, flesh, drums, bells, breakage.

A body is a set of modes; its substance decides how they are spread, how fast they die (τ = 1 / (α + β f): internal
friction grows with frequency, Klatzky et al. 2000) and how hard the contact is (Avanzini & Rocchesso 2001).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footfall_engine.models.procedural import blocks as b
from footfall_engine.models.procedural.voice import Manner, Samples, Strike
from footfall_engine.models.procedural.voices import playing as p


@dataclass(frozen=True)
class Body:
    """What a struck thing is made of."""

    fundamental: float  # Hz
    growth: float  # mode k lies at fundamental · (1 + spacing · k) ** growth: 1 plate, 2 bar
    spacing: float
    count: int
    jitter: float  # inharmonicity, share of a mode's frequency
    alpha: float  # 1/s, losses of air and support
    beta: float  # 1/s per Hz, losses inside the substance
    contact: float  # s, at middle hardness
    slope: float  # gain ~ f ** slope
    click: float  # share of the contact's own noise
    click_band: tuple[float, float]
    click_tau: float
    seconds: float
    room: float = 0.25
    room_top: float = 6000  # Hz


WOOD = Body(160, 1.0, 0.161, 30, 0.12, 8.4, 0.044, 0.0007, -0.59, 0.83, (300, 2700), 0.0045, 0.5, 0.7, 2900)
METAL = Body(520, 1.25, 0.62, 34, 0.12, 1.6, 0.0011, 0.00022, 0.05, 0.35, (2000, 12000), 0.004, 2.2, 0.2)
GLASS = Body(1650, 1.3, 0.75, 14, 0.08, 6.0, 0.0016, 0.00010, 0.0, 0.25, (4000, 14000), 0.0025, 1.2, 0.2)
STONE = Body(620, 1.0, 0.16, 40, 0.15, 60, 0.035, 0.0003, -0.25, 1.3, (500, 6000), 0.005, 0.25, 0.4, 4500)
PLASTIC = Body(260, 1.0, 0.22, 34, 0.14, 45, 0.085, 0.0008, -0.4, 1.0, (400, 4000), 0.005, 0.3, 0.4, 3500)
CERAMIC = Body(850, 1.1, 0.32, 30, 0.13, 18, 0.008, 0.0002, -0.15, 0.8, (1200, 9000), 0.004, 0.6, 0.3, 6000)


def sounded(
    body: Body, strike: Strike, manner: Manner, rng: b.Rng, scale: float = 1.0, hard: float | None = None
) -> Samples:
    """One blow on a body, unfinished: modes weighted by where and how hard it is hit, plus the contact's noise."""
    h = p.hardness(strike, manner) if hard is None else hard
    size = p.bigness(manner, strike) * scale * p.near(1, rng, 0.01)
    k = np.arange(body.count)
    freqs = body.fundamental / size * (1 + body.spacing * k) ** body.growth * (1 + b.scattered(body.count, body.jitter))
    taus = 1 / (body.alpha / size + body.beta * freqs) * (1 - 0.6 * manner.wetness)
    contact = body.contact * 2 ** (3 * (0.55 - h)) * np.sqrt(size)
    place = np.abs(np.sin(np.pi * (k + 1) * rng.uniform(0.12, 0.45))) + 0.15
    gains = (
        place * b.contact_gain(freqs, contact) * (freqs / freqs[0]) ** body.slope * rng.uniform(0.7, 1.3, body.count)
    )
    n = b.count(min(body.seconds * max(size, 0.6) ** 0.5, 4.0))
    ring = b.peaked(b.modes(freqs, taus, gains, n), 1.0)
    low, high = body.click_band
    click = b.burst(b.count(8 * body.click_tau), low / size**0.5, high * (0.3 + 0.9 * h), body.click_tau, rng)
    return b.joined((0.0, ring), (0.0, np.float32(body.click * (0.4 + 0.9 * h)) * click))


def _impact(body: Body, strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    return p.struck(b.in_room(sounded(body, strike, manner, rng), body.room, 0.35, body.room_top), strike, manner, rng)


def wood(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    return _impact(WOOD, strike, manner, rng)


def metal(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    return _impact(METAL, strike, manner, rng)


def glass(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    return _impact(GLASS, strike, manner, rng)


def stone(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    return _impact(STONE, strike, manner, rng)


def plastic(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    return _impact(PLASTIC, strike, manner, rng)


def ceramic(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    return _impact(CERAMIC, strike, manner, rng)


def skin(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A slap: fingers, then the palm, squeeze the air out from under them; most of it lies at 1 to 5 kHz."""
    h, size = p.hardness(strike, manner), p.bigness(manner, strike)

    def contact(gain: float) -> Samples:
        n = b.count(0.06)
        smack = b.burst(n, 1000 / size, 4500 * (0.6 + 0.6 * h), 0.0018, rng, 0.0002)
        hollow = b.modes(rng.uniform(700, 3500, 16) / size, rng.uniform(0.002, 0.006, 16), rng.uniform(0.3, 1, 16), n)
        flesh = b.burst(n, 150 / size, 700, 0.008, rng, 0.0003)
        return np.float32(gain) * (smack + 0.2 * b.peaked(hollow, 1.0) + 0.2 * flesh)

    parts = [(0.0, contact(1.0)), (rng.uniform(0.006, 0.01), contact(0.5)), (rng.uniform(0.013, 0.023), contact(0.35))]
    return p.struck(b.in_room(b.joined(*parts), 0.35, 0.3, 4500), strike, manner, rng)


def punch(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A fist on a body: a low thump, a leathery smack, a little cloth."""
    h, size = p.hardness(strike, manner), p.bigness(manner, strike)
    n = b.count(0.35)
    thump = _thump(n, 156 / size, 78 / size, 0.037 * size**0.3, rng)
    smack = b.burst(n, 414 / size, 4040 * (0.5 + 0.8 * h), 0.012, rng, 0.0003)
    flesh = b.burst(n, 172 / size, 1770 / size, 0.019, rng, 0.0004)
    crack = b.burst(n, 1500, 7000, 0.004, rng, 0.0001)
    cloth = b.burst(n, 900, 5000, 0.05, rng, 0.004)
    x = 0.9 * thump + 0.53 * (0.6 + 0.5 * h) * smack + 0.24 * flesh + 0.25 * h * crack + 0.047 * cloth
    return p.struck(b.in_room(np.tanh(1.4 * x), 0.3, 0.3, 3400), strike, manner, rng)


def body_fall(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A body goes down: hip, shoulder, arm within a quarter of a second, and its clothes."""
    h, size = p.hardness(strike, manner), p.bigness(manner, strike)

    def limb(weight: float) -> Samples:
        n = b.count(0.4)
        thump = _thump(n, p.near(82, rng, 0.06) / size, 41 / size, 0.027 * size**0.5, rng)
        floor = b.burst(n, 100 / size, 900 / size**0.5, 0.01, rng, 0.0006)
        smack = b.burst(n, 400 / size, 4400, 0.006, rng, 0.0005)
        return np.float32(weight) * (thump + 0.93 * floor + 0.15 * (0.5 + h) * smack)

    n = b.count(0.4)
    clothes = b.burst(n, 500, 4500, 0.1, rng, 0.01) * np.clip(0.6 + 0.6 * b.wander(n, 35, rng), 0, 3)
    parts = [(0.0, limb(1.0)), (rng.uniform(0.065, 0.1), limb(0.5)), (rng.uniform(0.14, 0.21), limb(0.3))]
    x = b.joined(*parts, (0.01, np.float32(0.08) * clothes))
    return p.struck(b.in_room(x, 0.47, 0.3, 1150), strike, manner, rng)


def _thump(n: int, start: float, end: float, tau: float, rng: b.Rng) -> Samples:
    """A soft heavy thing: a low sine that sinks, under noise."""
    t = b.clock(n)
    phase = 2 * np.pi * (end * t + (start - end) * 0.02 * (1 - np.exp(-t / 0.02)))
    sine = (np.sin(phase + 0.6) * np.exp(-t / tau)).astype(np.float32)
    return sine + 0.5 * b.burst(n, 30, 3 * start, tau, rng, 0.0005)


def glass_break(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A pane gives: the crack, the burst of splinters, then shards that fall and ring."""
    h, size = p.hardness(strike, manner), p.bigness(manner, strike)
    n = b.count(1.8 * max(1.0, size**0.5))
    crack = b.burst(n, 1200 / size, 15000, 0.012, rng, 0.0001)
    crush = b.burst(n, 2500 / size, 16000, 0.09, rng, 0.002)
    grains = [_shard(rng, size) for _ in range(14)]
    t = b.clock(n)
    rate = (260 + 300 * h) * np.exp(-t / 0.16) + 26 * np.exp(-t / 0.55)
    at = b.times(rate, n, rng)
    gains = (0.1 + 0.9 * b.heavy_tailed(len(at), rng, 3)) * np.exp(-at / b.SAMPLE_RATE / 0.8)
    shards = b.scatter(n, at, gains, grains, rng.integers(0, len(grains), len(at)))
    x = 1.2 * crack + 0.35 * crush + 0.35 * shards
    return p.struck(b.in_room(x, 0.2, 0.4, 9000), strike, manner, rng)


def _shard(rng: b.Rng, size: float) -> Samples:
    """One splinter's tinkle."""
    f = rng.uniform(2200, 6500) / size**0.7
    freqs = f * np.array([1, 1.52, 2.28, 2.9]) * rng.uniform(0.95, 1.05, 4)
    n = b.count(0.15)
    ring = b.modes(freqs, rng.uniform(0.012, 0.05) * np.array([1, 0.8, 0.6, 0.5]), rng.uniform(0.3, 1, 4), n)
    return ring + 0.8 * b.burst(n, 3000, 16000, 0.002, rng, 0.0001)


_CHURCH = np.array([0.5, 1.0, 1.19, 1.5, 2.0, 2.51, 2.66, 3.01, 4.17, 5.43, 6.79, 8.21])  # hum, prime, tierce, quint …


def bell(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A bell: partials of a tuned bell (hum, prime, tierce, quint, nominal …), each a beating pair."""
    h, size = p.hardness(strike, manner), p.bigness(manner, strike)
    f = 620 / size * _CHURCH
    taus = 2.6 * size**0.6 / (1 + 0.55 * np.arange(len(f)))
    gains = np.array([0.3, 0.7, 0.7, 0.4, 1.0, 0.55, 0.5, 0.6, 0.45, 0.35, 0.25, 0.2]) * b.contact_gain(
        f, 0.0003 * (1.5 - h)
    )
    split = 1 + 0.0012 * rng.uniform(0.5, 1.5, len(f))
    n = b.count(min(5.0, 3.5 * size**0.6))
    ring = b.modes(np.r_[f, f * split], np.r_[taus, taus], np.r_[gains, 0.6 * gains], n)
    clang = b.burst(n, 2500, 12000, 0.01, rng, 0.0001)
    x = b.peaked(ring, 1.0) + (0.15 + 0.3 * h) * clang
    return p.struck(b.in_room(x, 0.15, 0.8), strike, manner, rng)


def drum(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A circular membrane (zeros of Bessel functions) over a shell, sinking in pitch as it relaxes."""
    h, size = p.hardness(strike, manner), p.bigness(manner, strike)
    ratios = np.array([1, 1.593, 2.135, 2.295, 2.653, 2.917, 3.155, 3.5, 3.598])
    f = 105 / size * ratios
    n = b.count(0.9)
    skin_ = b.modes(f, 0.22 * size**0.5 / ratios, b.contact_gain(f, 0.003 * (1.4 - h)), n)
    x = b.peaked(skin_, 1.0) + 0.5 * _thump(n, 150 / size, 80 / size, 0.12, rng)
    x += (0.2 + 0.4 * h) * b.burst(n, 800, 6000, 0.008, rng)
    return p.struck(b.in_room(x, 0.25, 0.5), strike, manner, rng)


def bounce(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A ball on a floor: the thump of the floor, the slap of the skin, the air inside that rings for a moment."""
    h, size = p.hardness(strike, manner), p.bigness(manner, strike)
    n = b.count(0.35)
    thump = _thump(n, 150 / size, 85 / size, 0.04, rng)
    slap = b.burst(n, 250 / size, 1800 * (0.5 + h), 0.012, rng, 0.0004)
    freqs = 320 / size * (1 + 0.6 * np.arange(10)) * (1 + b.scattered(10, 0.1))
    air = b.modes(freqs, 1 / (30 + 0.03 * freqs), b.contact_gain(freqs, 0.003) * rng.uniform(0.4, 1, 10), n)
    return p.struck(b.in_room(thump + 1.2 * slap + 0.35 * b.peaked(air, 1.0), 0.6, 0.6, 3000), strike, manner, rng)


def knock(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """Knuckles on a door: a panel hit by something fairly soft."""
    x = sounded(WOOD, strike, manner, rng, 1.15, 0.8 * p.hardness(strike, manner))
    return p.struck(b.in_room(x, 0.7, 0.4, 2500), strike, manner, rng)


def jingle(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """Keys, coins or a chain: a handful of small metal pieces that meet within a third of a second (PhISEM)."""
    size, h = p.bigness(manner, strike), p.hardness(strike, manner)
    n = b.count(0.7)
    grains = []
    for _ in range(9):
        f = rng.uniform(2600, 7500, 5) / size
        grains.append(b.modes(f, rng.uniform(0.015, 0.07, 5), rng.uniform(0.2, 1, 5), b.count(0.25)))
    t = b.clock(n)
    at = np.r_[0, b.times((40 + 60 * h) * p.haste(manner) * np.exp(-t / 0.16), n, rng)]
    gains = np.r_[1.0, (0.15 + b.heavy_tailed(len(at) - 1, rng, 1.5)) * np.exp(-at[1:] / b.SAMPLE_RATE / 0.25)]
    x = b.scatter(n, at, gains, grains, rng.integers(0, len(grains), len(at)))
    return p.struck(b.in_room(x, 0.2, 0.35, 9000), strike, manner, rng)
