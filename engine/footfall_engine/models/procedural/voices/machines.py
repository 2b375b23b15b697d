"""Machines: engines, hums, drills, clocks, sparks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from footfall_engine.models.procedural import blocks as b
from footfall_engine.models.procedural.voice import Manner, Samples, Strike
from footfall_engine.models.procedural.voices import playing as p

Level = NDArray[np.float32]


def engine(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    """Four cylinders: firings twice a turn, none like the last, through exhaust resonances; intake noise with load."""
    size = p.bigness(manner)
    load = np.clip(b.followed(level, 0.35), 0, 1)
    idle, top = 13.0 / size**0.7, 55.0 / size**0.7  # turns per second
    turns = (idle + (top - idle) * load**1.3) * p.haste(manner) ** 0.5 * (1 + 0.012 * b.wander(samples, 5, rng))
    phase = b.cycles(2 * turns, samples, float(rng.random()))
    at = b.ticks(phase)
    cylinder = np.array([1, 0.86, 0.95, 0.8])[np.arange(len(at)) % 4]
    gains = cylinder * rng.uniform(0.85, 1.15, len(at)) * (0.5 + 0.5 * load[at])
    pulse = b.burst(b.count(0.03), 40, 700, 0.006, rng, 0.0008) + b.modes(
        [85 / size, 140 / size], [0.012, 0.01], [1, 0.6], b.count(0.03)
    )
    firing = b.showered(samples, at, gains, pulse)
    freqs = np.array([95, 170, 260, 390, 620, 1100]) / size
    exhaust = b.resonated(
        firing, freqs, [0.012, 0.01, 0.008, 0.006, 0.004, 0.003], [0.08, 0.08, 0.06, 0.05, 0.04, 0.03], 0.06
    )
    valves = b.showered(samples, at, rng.uniform(0.5, 1, len(at)), b.burst(b.count(0.006), 1500, 6000, 0.001, rng))
    air = b.band_noise(samples, 200, 2500, rng) * (0.25 + load) * (0.6 + 0.4 * np.cos(2 * np.pi * phase))
    x = firing + exhaust + 0.1 * valves + 0.05 * air
    return p.sustained(x.astype(np.float32), manner, 0.09) * p.gated(level, 0.5)


def machine_hum(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    """A motor on the mains and the fan it turns: steady harmonics of 50 Hz, broad air noise, a slow beat."""
    size = p.bigness(manner)
    f = 50.0 / size
    a = np.array([0.5, 1.0, 0.25, 0.55, 0.12, 0.3, 0.08, 0.2, 0.05, 0.12, 0.03, 0.08])
    hum = b.waveform(b.cycles(f, samples, float(rng.random())), a, rng.uniform(0, 6.28, 12))
    shaft = b.waveform(b.cycles(f * 0.97 * 2.37, samples), [1, 0.4, 0.2])
    air = b.coloured(samples, rng, lambda g: 1 / (1 + (g / 400) ** 1.4) / (1 + (60 / g) ** 2))
    x = (0.6 * hum + 0.12 * shaft) * (1 + 0.05 * b.wander(samples, 1.5, rng)) + 0.25 * air
    return p.sustained(x, manner) * p.gated(level)


def drill(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    """A universal motor: commutator and gear whine that sags under load, brush noise, chatter of the bit."""
    size = p.bigness(manner)
    push = np.clip(b.followed(level, 0.12), 0, 1)
    turn = 250 / size * p.haste(manner) ** 0.5 * (0.55 + 0.45 * push) * (1 + 0.012 * b.wander(samples, 9, rng))
    phase = b.cycles(turn, samples)
    gears = b.waveform(phase, 1 / np.arange(1, 25) ** 0.55, rng.uniform(0, 6.28, 24))
    whine = b.waveform(phase * 11.3, [1, 0.4, 0.2])
    chatter = np.clip(1 + 0.5 * b.wander(samples, 70, rng), 0.1, 3)
    brush = b.band_noise(samples, 1500, 9000, rng) * (0.6 + 0.4 * np.cos(2 * np.pi * phase)).astype(np.float32)
    x = (b.peaked(gears, 1) * chatter + 0.12 * whine + 0.16 * brush).astype(np.float32)
    return p.sustained(b.band(x, 180, 10000), manner) * p.gated(level, 0.6)


def clock(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """An escapement: two or three quick clicks in a small box."""
    size, h = p.bigness(manner, strike), p.hardness(strike, manner)
    n = b.count(0.06)
    high = 1.0 if strike.index % 2 else 0.88
    f = np.array([1500, 2700, 4300, 6100]) / size * high
    tick = b.modes(f, [0.006, 0.005, 0.004, 0.003], [0.6, 0.8, 0.7, 0.4], n) + (0.4 + h) * b.burst(
        n, 2000, 12000, 0.0008, rng, 0.0001
    )
    parts = [(0.0, tick), (0.006, np.float32(0.4) * tick), (0.014, np.float32(0.25) * tick)]
    return p.struck(b.in_room(b.joined(*parts), 0.2, 0.25), strike, manner, rng)


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
