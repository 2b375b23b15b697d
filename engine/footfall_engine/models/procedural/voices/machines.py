"""Machines: engines, hums, drills, clocks, sparks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from footfall_engine.models.procedural import blocks as b
from footfall_engine.models.procedural.voice import BLOCK_SEC, Manner, Samples, Strike
from footfall_engine.models.procedural.voices import playing as p

Level = NDArray[np.float32]


IDLE, FULL = 21.5, 75.0  # firings a second
ROOM_TONE_RMS = 0.012  # far below what happens in the room


def engine(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    """Four cylinders, no firing like the last, through an exhaust's resonances; valves; intake noise with load."""
    size = p.bigness(manner)
    load = np.clip(b.followed(level, 0.35), 0, 1)
    rate = (IDLE + (FULL - IDLE) * load**1.3) * p.haste(manner) ** 0.5 / size**0.7
    phase = b.cycles(rate * (1 + 0.04 * b.wander(samples, 7, rng)), samples, float(rng.random()))
    at = b.ticks(phase)
    cylinder = np.array([1, 0.85, 0.94, 0.8])[np.arange(len(at)) % 4]
    late = rng.normal(0, 0.0006 * b.SAMPLE_RATE, len(at)).astype(np.intp)
    at = np.clip(at + late, 0, samples - 1)
    n = b.count(0.04)
    pulse = b.burst(n, 35, 700 / size, 0.0044, rng, 0.0015)
    pulse += 0.6 * b.modes(np.array([70, 120]) / size, [0.012, 0.01], [1, 0.6], n)
    firing = b.showered(samples, at, cylinder * rng.uniform(0.8, 1.2, len(at)) * (0.5 + 0.5 * load[at]), pulse)
    k = np.arange(12)
    freqs = 95 / size * (1 + 0.5 * k) * (1 + b.scattered(12, 0.12))
    exhaust = b.resonated(firing, freqs, 1 / (56 + 0.05 * freqs), 0.05 / (1 + 0.1 * k), 0.06)
    stroke = (0.64 + 0.36 * (0.5 + 0.5 * np.cos(2 * np.pi * phase))).astype(np.float32)
    valves = b.showered(samples, at, rng.uniform(0.3, 1, len(at)), b.burst(b.count(0.006), 1500, 6000, 0.001, rng))
    air = b.band_noise(samples, 126, 2500 / size**0.5, rng) * (0.3 + load) * stroke
    x = 0.3 * b.steady(firing) + 0.4 * b.steady(exhaust) + 0.19 * valves + 0.15 * air
    return p.sustained(x, manner, 0.09) * p.gated(level, 0.5)


def machine_hum(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    """A motor on the mains and the air it moves: steady harmonics, the even ones stronger (iron is pulled twice a
    cycle), a case that rings along, and a broad breath."""
    size = p.bigness(manner)
    k = np.arange(1.0, 63)
    strengths = np.where(k % 2 == 0, 3, 1) / k * rng.uniform(0.85, 1.15, len(k))
    strengths[0] *= 4.2
    mains = round(50 / size * p.haste(manner) ** 0.3 * BLOCK_SEC) / BLOCK_SEC  # the next block goes on in step
    phase = b.cycles(mains, samples, float(rng.random()))
    hum = b.steady(b.waveform(phase, strengths, rng.uniform(0, 1.2, len(k))))  # nearly in step: a buzz, not a chord
    case = b.resonated(hum, 300 / size * np.array([1, 1.9, 3.1]), [0.01, 0.008, 0.006], [0.1, 0.1, 0.1], 0.05)
    air = b.coloured(samples, rng, lambda f: 1 / (1 + (f * size / 2300) ** 1.3) / (1 + (60 / f) ** 2))
    x = (hum + 0.3 * b.steady(case)) * (1 + 0.01 * b.wander(samples, 5, rng)) + 0.13 * air
    return p.sustained(x, manner) * p.gated(level)


def room_tone(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    """A room in which nothing happens: far ventilation, duller the bigger the room, that comes and goes a little."""
    size = p.bigness(manner)
    air = b.coloured(samples, rng, lambda f: (f / 100) ** -0.8 / (1 + (35 / f) ** 4) / (1 + (f * size / 5000) ** 2))
    return p.sustained(air * (1 + 0.06 * b.wander(samples, 0.4, rng)), manner, ROOM_TONE_RMS) * p.gated(level)


def drill(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    """A universal motor: gear teeth and commutator over the shaft's turn, sagging under load; brush noise; its case."""
    size = p.bigness(manner)
    push = np.clip(b.followed(level, 0.25), 0, 1)
    turns = 229 / size * p.haste(manner) ** 0.5 * (0.53 + 0.47 * push) * (1 + 0.006 * b.wander(samples, 40, rng))
    phase = b.cycles(turns, samples, float(rng.random()))
    teeth = np.arange(1, 12) ** -0.48 * rng.uniform(0.4, 1, 11)
    gears = b.waveform(phase, teeth, rng.uniform(0, 2 * np.pi, 11))
    whine = b.waveform(phase * 9.26, [1, 0.5, 0.3, 0.15])
    bite = np.clip(1 + 0.3 * b.wander(samples, 20, rng), 0.1, 3)
    brush = b.band_noise(samples, 900 / size**0.5, 6100, rng)
    motor = b.peaked(gears, 1) * bite + 0.13 * brush
    freqs = 529 / size * (1 + 0.4 * np.arange(14)) * (1 + b.scattered(14, 0.12))
    case = b.resonated(motor, freqs, np.full(14, 0.003), np.full(14, 0.05), 0.03)
    x = b.steady(motor) + 0.5 * b.steady(case) + 0.41 * whine * bite
    x += 0.2 * b.band_noise(samples, 300, 3000, rng) * bite
    return p.sustained(b.band(x, 150, 11000), manner) * p.gated(level, 0.6)


def clock(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """An escapement: two or three quick clicks in a small box, tick and tock unlike."""
    size, h = p.bigness(manner, strike), p.hardness(strike, manner)
    pitch = (1.0 if strike.index % 2 else 0.85) / size

    def click(gain: float) -> Samples:
        n = b.count(0.04)
        freqs = 900 * pitch * (1 + 0.4 * np.arange(12)) * (1 + b.scattered(12, 0.13))
        box = b.modes(freqs, 1 / (250 + 0.06 * freqs), rng.uniform(0.3, 1, 12), n)
        noise = b.burst(n, 1200 * pitch, 5000 * (0.6 + 0.6 * h), 0.0015, rng, 0.0002)
        return np.float32(gain) * (0.3 * b.peaked(box, 1.0) + noise)

    parts = [(0.0, click(1.0)), (0.009, click(0.5)), (0.021, click(0.35))]
    return p.struck(b.in_room(b.joined(*parts), 0.35, 0.25, 4500), strike, manner, rng)


def spark(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """An arc: a hard snap and a buzz at twice the mains' rate that dies out."""
    size = p.bigness(manner, strike)
    n = b.count(0.3)
    t = b.clock(n)
    buzz = b.band_noise(n, 1500 / size, 12000, rng) * (np.abs(np.sin(2 * np.pi * 50 * t)) > 0.75) * np.exp(-t / 0.09)
    x = b.burst(n, 1000 / size, 16000, 0.002, rng, 0.0001) * 1.5 + 0.3 * buzz
    return p.struck(b.in_room(x.astype(np.float32), 0.15, 0.3), strike, manner, rng)


def buzzing(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    """A failing lamp: arcs that come and go with the mains."""
    amount = p.gated(level)
    phase = b.cycles(100 / p.bigness(manner), samples)
    arcs = np.clip(b.wander(samples, 8 * p.haste(manner), rng), 0, 1)
    x = b.band_noise(samples, 1500, 12000, rng) * (np.mod(phase, 1) < 0.3) * arcs + 0.1 * b.waveform(
        phase, 1 / np.arange(1, 9)
    )
    return p.sustained(x.astype(np.float32), manner) * amount
