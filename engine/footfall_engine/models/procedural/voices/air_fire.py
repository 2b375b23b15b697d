"""Moving air and burning, bursting things: wind, whoosh, fire, thunder, explosion, shot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from footfall_engine.models.procedural import blocks as b
from footfall_engine.models.procedural.voice import Manner, Samples, Strike
from footfall_engine.models.procedural.voices import playing as p

Level = NDArray[np.float32]


def _bank(samples: int, position: Samples, centres: NDArray[np.float64], width: float, rng: b.Rng) -> Samples:
    """Noise whose band glides: fixed bands `width` wide, of which `position` (0…1) says how much each is heard.

    Made at as low a rate as its highest band allows.
    """
    step = max(1, int(b.SAMPLE_RATE / (8 * centres[-1] * width)))
    n = samples // step + 4
    heard = np.pad(position[::step], (0, n), mode="edge")[:n] * np.float32(len(centres) - 1)
    source = b.noise(n, rng)
    out = np.zeros(n, np.float32)
    for k, centre in enumerate(step * centres):
        share = np.sqrt(b.SAMPLE_RATE / 2 / (centre * (width - 1 / width)))
        out += b.band(source, centre / width, centre * width) * np.maximum(0, 1 - np.abs(heard - k)) * np.float32(share)
    return out[:samples] if step == 1 else b.stretched(out, step)[:samples]


def wind(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    """Gusts: turbulence has more power the slower it is, and obstacles whistle where the speed sets (Strouhal)."""
    size = p.bigness(manner)
    gust = 0.5 + 0.25 * b.wander(samples, 0.69 * p.haste(manner), rng) + 0.12 * b.wander(samples, 7.2, rng)
    gust = np.clip(gust + 0.1 * manner.effort, 0, 1)
    body = _bank(samples, gust, np.geomspace(91, 400, 5) / size, 1.93, rng)
    whistle = _bank(samples, np.clip(0.75 * gust + 0.1, 0, 1), np.geomspace(420, 1470, 6) / size, 1.08, rng)
    low = b.coloured(samples, rng, lambda f: (f / 100) ** -1.1 / (1 + (35 / f) ** 4))
    x = (body + 0.8 * low) * (0.15 + gust) + 0.1 * whistle * gust
    return p.sustained(x, manner) * p.gated(level)


def whoosh(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    """Air parted by a quick thing: higher with its speed, and louder with its cube (a dipole; Curle 1955)."""
    size = p.bigness(manner)
    speed = np.clip(b.followed(level, 0.02), 0, 1)
    x = _bank(samples, np.clip(speed * 0.9, 0, 1), np.geomspace(260, 2600, 6) / size, 1.7, rng)
    return p.sustained(x, manner, 0.12) * speed**3


def swish(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """One stroke through the air, heard from its start."""
    size = p.bigness(manner, strike)
    n = b.count(rng.uniform(0.32, 0.5) * size**0.3 / p.haste(manner))
    shape = b.swell(n, 0.3, 1.3) + 0.5 * b.decay(n, 0.05, 0.0003)
    x = _bank(n, np.clip(shape, 0, 1), np.geomspace(300, 2800, 6) / size, 1.7, rng) * shape
    return p.struck(b.in_room(x, 0.08, 0.25), strike, manner, rng)


# ---- fire


def _crackles(samples: int, rate: float, size: float, rng: b.Rng) -> Samples:
    """Pockets of gas that burst wood fibres: clicks of every size, in little volleys."""
    volleys = np.clip(b.wander(samples, 6, rng), 0.1, 3) ** 2
    low = round(700 / size**0.6)
    return b.hail(samples, rate * volleys, b.clicks(low, 9 * low, 3, 0.0039, 0.0005), 4, rng)


def _embers(samples: int, size: float, speed: float, rng: b.Rng) -> Samples:
    """Large crackles among many small ones."""
    low = round(2400 / size**0.6)
    small = b.hail(samples, 244 * speed, b.clicks(low, 2.6 * low, 3, 0.0013, 0.0006), 3, rng)
    return _crackles(samples, 25 * speed, size, rng) + 0.27 * small


def fire(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    """Lapping flames (slow low noise), hiss of escaping gas, crackles large and small."""
    size = p.bigness(manner)
    lap = b.band_noise(samples, 30, 110 / size**0.5, rng) * np.clip(0.6 + 0.5 * b.wander(samples, 5.5, rng), 0.05, 2)
    hiss = b.band_noise(samples, 3000 / size**0.7, 11900, rng) * np.clip(0.6 + 0.4 * b.wander(samples, 3, rng), 0.1, 2)
    embers = _embers(samples, size, p.haste(manner), rng)
    return p.sustained(embers + 0.04 * size * lap + 0.01 * hiss, manner) * p.gated(level)


def crackle(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    """Embers, static, twigs: the clicks alone."""
    return p.sustained(_embers(samples, p.bigness(manner), p.haste(manner), rng), manner) * p.gated(level)


def crackle_hit(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    size = p.bigness(manner, strike)
    n = b.count(0.35)
    x = _crackles(n, 40, size, rng) * b.decay(n, 0.12) + b.burst(n, 900 / size, 8000, 0.003, rng, 0.0001)
    return p.struck(b.in_room(x, 0.1, 0.25), strike, manner, rng)


def steam(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    """A jet through a narrow opening."""
    size = p.bigness(manner)
    x = b.coloured(samples, rng, lambda f: (f / 4000) ** 0.6 / (1 + (f * size / 9000) ** 2))
    return p.sustained(x * (1 + 0.1 * b.wander(samples, 20, rng)), manner) * p.gated(level)


# ---- bursts


# Of thunder in recordings: the band in Hz, its loudness, and the seconds in which it dies; what is high dies first.
_RUMBLE = ((90, 320, 0.9, 2.4), (250, 900, 0.9, 1.4), (1200, 2500, 0.25, 0.5))


def thunder(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A crooked channel kilometres long: the sound of its pieces arrives one after the other, from farther away later
    and duller (Few, "Power spectrum of thunder", 1969); a near one begins with a tearing crack."""
    size, h = p.bigness(manner, strike) ** 0.5, p.hardness(strike, manner)
    n = b.count(6.0)
    t = b.clock(n)
    x = np.zeros(n, np.float32)
    for k, (low, high, gain, tau) in enumerate(_RUMBLE):
        m = min(n, b.count(6 * tau * size))
        pieces = np.clip(1 + 0.4 * (1 + 0.25 * k) * b.wander(m, 12, rng), 0.05, 3) * b.decay(m, tau * size)
        x[:m] += (gain if k < 2 else gain * (0.4 + 0.8 * h)) * b.band_noise(m, low / size, high / size, rng, 2) * pieces
    x *= np.clip(1 + 0.3 * b.wander(n, 2, rng), 0.1, 3) * np.minimum(1, 0.35 + 0.65 * t / 0.25)
    crack = b.peaked(b.burst(b.count(0.6), 200 / size, 3700, 0.05, rng, 0.0004), 1.0)
    x = b.joined((0.0, b.peaked(x, 1.0)), (0.0, np.float32(0.3 + 0.2 * h) * crack))
    return p.struck(b.faded(b.without_dc(x), 1.5), strike, manner, rng)


def explosion(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A blast wave, the fireball's roar, its echo off the ground, and debris."""
    size, h = p.bigness(manner, strike), p.hardness(strike, manner)
    n = b.count(2.6 * max(1, size**0.4))
    t = b.clock(n)
    m = b.count(0.2)
    blast = 0.5 * b.burst(m, 60, 9000, 0.015, rng) + (1 - t[:m] / 0.004) * np.exp(-t[:m] / 0.003)
    roar = b.band_noise(n, 120 / size, 1800 / size**0.5, rng) * np.clip(1 + 0.5 * b.wander(n, 33, rng), 0, 3)
    sinking = 38 / size * t + 1.8 / size * (1 - np.exp(-t / 0.06))
    heave = np.sin(2 * np.pi * sinking) * b.decay(n, 0.35)
    fire = 0.42 * _boom(n, size, rng) * b.decay(n, 0.55) + 0.21 * roar * b.decay(n, 0.66) + 0.9 * heave
    x = b.joined((0.0, fire.astype(np.float32)), (0.0, np.float32(1.2 + 0.8 * h) * b.peaked(blast, 1.0)))
    x = np.tanh(0.93 * x)
    x[:n] += 0.07 * _crackles(n, 30, size, rng) * b.decay(n, 0.9)
    return p.struck(b.faded(b.in_room(x, 0.3, 2.0, 4100), 0.5), strike, manner, rng)


def _boom(n: int, size: float, rng: b.Rng) -> Samples:
    """Low noise of a fireball: level up to 90 Hz, falling slowly above; made at an eighth of the rate."""
    step = 8

    def gain(f: b.Floats) -> b.Floats:
        heard = f / step
        return 1 / (1 + (28 / heard) ** 4) / (1 + (heard * size / 90) ** 1.24)

    return b.stretched(b.coloured(n // step + 4, rng, gain), step)[:n]


def shot(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """Muzzle blast (a sharp pulse, Friedlander 1946), the gas behind it, the place's echoes and dull tail."""
    size, h = p.bigness(manner, strike), p.hardness(strike, manner)
    n = b.count(0.4)
    t = b.clock(n)
    wave = (1 - t / 0.0012) * np.exp(-t / 0.0009)
    crack = b.burst(n, 279 / size, 14000, 0.0054, rng, 0.0001)
    gas = b.burst(n, 120 / size, 4940 / size**0.7, 0.035, rng, 0.0001)
    thump = np.sin(2 * np.pi * 75 / size * t + 0.5) * b.decay(n, 0.05)
    x = np.tanh(1.4 * (4 * wave + (0.5 + 0.5 * h) * 0.54 * crack + 0.9 * gas + 0.28 * thump)).astype(np.float32)
    away = b.burst(b.count(1.2), 100 / size, 1640, 0.21, rng, 0.02)
    echo = 0.063 * b.band(x, 80, 2500)
    x = b.joined((0.0, x), (0.0, 0.3 * away), (0.12, echo), (0.276, 0.5 * echo))
    return p.struck(b.faded(b.in_room(x, 0.25, 1.2, 5100), 0.3), strike, manner, rng)
