"""Things that stay in touch: cloth, leather, paper, keys, scraping, rolling, squeaking, doors and drawers.

Friction is stick and slip (Avanzini et al. 2005): at low speed single releases are heard, at high speed a tone or a
noise, coloured by the body that is rubbed. Cloth and paper are crowds of small buckling events (PhISEM, Cook 1997).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from footfall_engine.models.procedural import blocks as b
from footfall_engine.models.procedural.voice import Manner, Samples, Strike
from footfall_engine.models.procedural.voices import playing as p

Level = NDArray[np.float32]


# ---- cloth, leather, paper


def _rustle(samples: int, low: float, high: float, folds: float, least: float, rng: b.Rng) -> Samples:
    """Soft noise broken up by folds that catch and let go, `folds` a second; `least` is heard between them."""
    catching = np.clip(b.wander(samples, folds, rng), 0, 3) ** 1.65 + least
    return b.band_noise(samples, low, high, rng) * catching


def _strokes(samples: int, speed: float, rng: b.Rng) -> Samples:
    """How a hand or a limb goes about it: in strokes, with pauses."""
    strokes = np.clip(0.6 + 0.6 * b.wander(samples, 2.3 * speed, rng), 0.02, 2)
    return strokes * np.clip(0.5 + 0.6 * b.wander(samples, 3.6 * speed, rng), 0.03, 2)


def _weave(samples: int, strokes: Samples, size: float, speed: float, rng: b.Rng) -> Samples:
    """Cloth on cloth: folds, and the threads' own small catches."""
    low = round(800 / size**0.7)
    threads = b.hail(samples, 800 * strokes, b.clicks(low, 6 * low, 2, 0.0012, 0.0012), 3, rng)
    return _rustle(samples, 275 / size, 9500, 35 * speed, 0.24, rng) * strokes + 1.4 * threads


def _sheet(samples: int, strokes: Samples, size: float, speed: float, rng: b.Rng) -> Samples:
    """Paper on paper: facets of a stiff sheet snap over, clicks of very unequal size over a dry rustle."""
    low = round(793 / size**0.7)
    facets = b.hail(samples, 800 * strokes, b.clicks(low, 6 * low, 1.52, 0.0009, 0.0009), 3.2, rng)
    snaps = b.hail(samples, 19 * strokes, b.clicks(2 * low, 8 * low, 4, 0.0016, 0.0006), 4, rng)
    return _rustle(samples, 306 / size, 11000, 45 * speed, 0.43, rng) * strokes + 2.8 * facets + 3 * snaps


def cloth(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    h, size = p.hardness(strike, manner), p.bigness(manner, strike)
    n = b.count(rng.uniform(0.3, 0.5) * size**0.3 / p.haste(manner))
    pull = b.decay(n, 0.12, 0.0008) + 0.7 * b.swell(n, 0.35, 1.0)
    x = b.peaked(_weave(n, pull, size, 1.0, rng), 1) + 0.8 * b.burst(n, 250 / size, 3500 * (0.5 + h), 0.012, rng)
    return p.struck(b.in_room(x, 0.1, 0.25), strike, manner, rng)


def cloth_moving(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    speed = p.haste(manner)
    x = _weave(samples, _strokes(samples, speed, rng), p.bigness(manner), speed, rng)
    return p.sustained(x, manner) * p.gated(level, 1.2)


def leather(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A creak of slow releases through a soft, thick skin."""
    size, n = p.bigness(manner, strike), b.count(rng.uniform(0.3, 0.5) / p.haste(manner))
    x = _creaking(n, b.swell(n, 0.3, 0.5) + np.float32(0.3), 55 * p.haste(manner), 420 / size, 0.5, rng)
    x += 0.5 * b.burst(n, 200 / size, 2500, 0.012, rng) + 0.1 * _rustle(n, 800, 4500, 60, 0.0, rng) * b.swell(n, 0.3)
    return p.struck(b.in_room(x, 0.12, 0.25), strike, manner, rng)


def leather_moving(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    amount = p.gated(level)
    pull = amount * np.clip(0.3 + b.wander(samples, 3, rng), 0, 2)
    x = _creaking(samples, pull, 60 * p.haste(manner), 420 / p.bigness(manner), 0.5, rng)
    return p.sustained(x + 0.15 * _rustle(samples, 700, 4500, 60, 0.0, rng) * pull, manner) * amount


def paper(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    size = p.bigness(manner, strike)
    n = b.count(rng.uniform(0.35, 0.6) / p.haste(manner))
    grip = 0.15 + b.decay(n, 0.08) + 0.6 * b.swell(n, 0.4, 1)
    x = b.peaked(_sheet(n, grip * b.faded(np.ones(n, np.float32), 0.1), size, 1.0, rng), 1)
    x += 0.8 * b.burst(n, 1200 / size, 9000, 0.006, rng)
    return p.struck(b.in_room(x, 0.1, 0.25), strike, manner, rng)


def paper_moving(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    speed = p.haste(manner)
    x = _sheet(samples, _strokes(samples, speed, rng), p.bigness(manner), speed, rng)
    return p.sustained(x, manner) * p.gated(level)


def tear(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A rip: fibres that part one after the other, faster and faster."""
    size, n = p.bigness(manner, strike), b.count(rng.uniform(0.37, 0.56) / p.haste(manner))
    speed = np.linspace(0.5, 1.7, n, dtype=np.float32) * np.clip(1 + 0.4 * b.wander(n, 9, rng), 0.2, 2)
    low = round(1000 / size**0.7)
    fibres = b.hail(n, 635 * speed, b.clicks(low, 3 * low, 2.5, 0.0024, 0.0014), 1.8, rng)
    x = b.steady(fibres) + 0.5 * b.steady(_rustle(n, 300 / size, 8000, 103, 0.2, rng) * speed)
    return _let_go(x, 1000 / size, strike, manner, rng)


def zipper(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A slider over teeth: a run of tiny ticks that speeds up, over the rub of the slider itself."""
    size, n = p.bigness(manner, strike), b.count(rng.uniform(0.4, 0.6) / p.haste(manner))
    speed = 0.6 + b.swell(n, 0.6, 0.6)
    teeth = b.slips(speed, 400 * p.haste(manner) / size, 0.02, rng)
    tooth = b.burst(b.count(0.02), 3050 / size, 5000, 0.0007, rng, 0.0002)
    tooth += 0.3 * b.burst(b.count(0.02), 400 / size, 1500, 0.004, rng, 0.0003)
    x = b.steady(b.showered(n, teeth, rng.uniform(0.3, 1, len(teeth)), tooth))
    x += 0.92 * b.band_noise(n, 2440 / size, 5000, rng) * speed * np.clip(1 + 0.2 * b.wander(n, 40, rng), 0.1, 3)
    return _let_go(x, 1500 / size, strike, manner, rng)


def _let_go(x: Samples, edge: float, strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A run of small things that begins with a jerk."""
    run = b.peaked(b.faded(x, 0.05), 1.0)
    jerk = b.peaked(b.burst(len(x), edge, 9000, 0.005, rng), 1.0)
    return p.struck(b.in_room(run + 0.5 * jerk, 0.1, 0.25), strike, manner, rng)


# ---- keys and switches


def _clack(low: float, size: float, rng: b.Rng) -> Samples:
    """Plastic meets plastic: a short noise, a cluster of high modes, a small thock of the case."""
    n = b.count(0.07)
    freqs = rng.uniform(1000, 6000, 14) / size
    ring = b.modes(freqs, rng.uniform(0.0015, 0.006, 14), rng.uniform(0.2, 1, 14), n)
    case = 305 / size * np.array([1, 1.7, 2.6]) * rng.uniform(0.9, 1.1, 3)
    thock = b.modes(case, [0.007, 0.005, 0.0035], [0.6, 0.5, 0.4], n)
    return b.burst(n, low / size, 3650 / size**0.5, 0.0068, rng, 0.0003) + 0.08 * ring + 0.25 * thock


def _key(h: float, size: float, rng: b.Rng) -> Samples:
    """One key: the cap's click, the bottom of its travel 25 ms later, the release."""
    return b.joined(
        (0.0, np.float32(0.6) * _clack(1350, size, rng)),
        (rng.uniform(0.019, 0.035), np.float32(0.7 + 0.4 * h) * _clack(900, size, rng)),
        (rng.uniform(0.06, 0.09), np.float32(0.27) * _clack(1170, size, rng)),
    )


def keyboard(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A key; when the hands are not seen to come down again soon, the fingers type on a little."""
    h, size = p.hardness(strike, manner), p.bigness(manner, strike)
    keys = [_key(h, size, rng) for _ in range(4)]
    parts, at = [(0.0, keys[0])], 0.0
    last = min(strike.gap_seconds, 1.2) - 0.2
    while (at := at + p.near(0.108, rng, 0.35) / p.haste(manner)) < last:
        parts.append((at, np.float32(rng.uniform(0.45, 0.9)) * keys[rng.integers(4)]))
    return p.struck(b.in_room(b.joined(*parts), 0.25, 0.43, 3500), strike, manner, rng)


def switch(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A click: a spring that snaps over."""
    return p.struck(
        b.in_room(
            _key(0.8 * p.hardness(strike, manner), 0.8 * p.bigness(manner, strike), rng)[: b.count(0.08)], 0.2, 0.3
        ),
        strike,
        manner,
        rng,
    )


# ---- friction


def _creaking(samples: int, pull: Samples, per_second: float, formant: float, jitter: float, rng: b.Rng) -> Samples:
    """Releases of a stuck contact through a body with a dozen broad modes, each release with its own crackle."""
    at = b.slips(np.clip(pull, 0, 4), per_second, jitter, rng)
    freqs = formant * (1 + 0.55 * np.arange(12)) * (1 + b.scattered(12, 0.13))
    n = b.count(0.04)
    grain = b.peaked(b.modes(freqs, 1 / (120 + 0.06 * freqs), rng.uniform(0.4, 1, 12), n), 1.0)
    grain += 0.5 * b.burst(n, formant, 7000, 0.0015, rng, 0.0002)
    return b.showered(samples, at, rng.uniform(0.3, 1, len(at)) ** 1.5 * np.minimum(1, pull[at] + 0.2), grain)


def scrape(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    """Hard edge over rough face: strokes of a hail of tiny contacts, now and then caught, heard through the body."""
    amount = p.gated(level)
    size = p.bigness(manner)
    strokes = np.clip(0.75 + 0.66 * b.wander(samples, 7.3 * p.haste(manner), rng), 0.05, 2)
    rough = np.abs(b.wander(samples, 278 * p.haste(manner), rng)) ** 2.28 + 0.22
    caught = b.slips(strokes * (0.4 + 0.6 * amount), 180 * p.haste(manner) ** 0.5, 0.25, rng)
    tooth = b.burst(b.count(0.006), 223 / size, 5830, 0.001, rng)
    hail = b.band_noise(samples, 223 / size, 5830 / size**0.3, rng) * rough
    hail += 0.58 * b.showered(samples, caught, rng.uniform(0.2, 1, len(caught)), tooth)
    hail *= strokes
    freqs = 852 / size * (1 + 0.35 * np.arange(11)) * (1 + b.scattered(11, 0.13))
    body = b.resonated(hail, freqs, 1 / (58 + 0.04 * freqs), np.full(11, 0.06), 0.06)
    return p.sustained(hail + 0.4 * body, manner) * amount


def scrape_hit(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A short drag."""
    n = b.count(rng.uniform(0.3, 0.5) / p.haste(manner))
    level = (0.4 + 0.6 * b.swell(n, 0.3, 1)) * b.faded(np.ones(n, np.float32), 0.1)
    x = b.peaked(scrape(n, level, manner, rng), 1.0) + 0.8 * b.burst(n, 500, 7000, 0.006, rng)
    return p.struck(b.in_room(x, 0.15, 0.3), strike, manner, rng)


def roll(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    """A round thing over an uneven floor (Rath, "An expressive real-time sound model of rolling", DAFx 2003): the
    grain of both faces is a low, rough noise; once per turn its own unevenness swells; joints and pebbles click."""
    amount = p.gated(level)
    size = p.bigness(manner)
    speed = (0.4 + 0.6 * b.followed(level, 0.2)) * p.haste(manner)
    turn = b.cycles(4.6 / size * speed, samples, float(rng.random()))
    uneven = (1 + 0.62 * np.sin(2 * np.pi * turn)) * np.clip(1 + 0.5 * b.wander(samples, 200, rng), 0.1, 3)
    uneven = (uneven * np.clip(1 + 0.2 * b.wander(samples, 1.9, rng), 0.2, 3)).astype(np.float32)
    ground = b.band_noise(samples, 238 / size, 951 / size, rng, 2) + 0.075 * b.band_noise(samples, 1000, 4900, rng)
    x = (ground + 1.06 * b.band_noise(samples, 40, 150 / size, rng)) * uneven
    joints = b.slips(speed, 2.6, 0.6, rng)
    n = b.count(0.1)
    click = b.burst(n, 1160 / size, 9000, 0.004, rng, 0.0003) + b.burst(n, 200 / size, 1200, 0.02, rng, 0.0005)
    x += 4.6 * b.showered(samples, joints, rng.random(len(joints)) ** 2, click)
    freqs = 180 / size * (1 + 0.4 * np.arange(20)) * (1 + b.scattered(20, 0.13))
    shell = b.resonated(x, freqs, 1 / (60 + 0.08 * freqs), np.full(20, 0.05), 0.05)
    return p.sustained(b.steady(x) + 2 * b.steady(shell), manner, 0.08) * amount


def _singing(pitch: b.AnyFloats, size: float, rng: b.Rng) -> Samples:
    """Steady stick and slip: rich in harmonics, its period never quite even, coloured by the body it shakes."""
    n = len(pitch)
    uneven = 1 + 0.087 * b.wander(n, 82, rng)
    tone = b.waveform(b.cycles(pitch * uneven, n), np.arange(1, 17) ** -0.47, rng.uniform(0, 2 * np.pi, 16))
    freqs = 800 / size * (1 + 0.45 * np.arange(10)) * (1 + b.scattered(10, 0.1))
    body = b.resonated(tone, freqs, np.full(10, 0.004), np.full(10, 0.05), 0.03)
    return b.steady(tone) + 0.7 * b.steady(body) + 0.05 * b.band_noise(n, 1500, 8000, rng)


def squeak(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """A hinge or a sole that sings, its pitch drawn by the load."""
    size, n = p.bigness(manner, strike), b.count(rng.uniform(0.16, 0.3) / p.haste(manner))
    bend = 0.014 * b.wander(n, 4, rng) + 0.088 * (rng.uniform(-1, 1) * np.linspace(0, 1, n) + b.swell(n, 0.5, 1))
    pitch = p.near(900, rng, 0.12) / size * np.exp(bend)
    shape = (b.decay(n, 0.06, 0.0006) + b.swell(n, rng.uniform(0.3, 0.6), 0.7)) * b.faded(np.ones(n, np.float32), 0.04)
    shape *= np.clip(1 + 0.25 * b.wander(n, 30, rng), 0.05, 3) * np.clip(0.8 + 0.3 * b.wander(n, 6.4, rng), 0.02, 2)
    return p.struck(b.in_room(_singing(pitch, size, rng) * shape, 0.14, 0.4), strike, manner, rng)


def creak(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """An old hinge: separate releases that run together and apart again."""
    size, n = p.bigness(manner, strike), b.count(rng.uniform(0.7, 1.2) / p.haste(manner))
    pull = np.clip(0.6 + 0.5 * b.swell(n, 0.5, 0.6) + 0.35 * b.wander(n, 4, rng), 0.1, 2)
    x = _creaking(n, pull, 75 * p.haste(manner), 640 / size, 0.25, rng)
    x = b.peaked(x, 1) * (0.5 + 0.5 * b.swell(n, 0.4, 0.4)) + 0.6 * b.peaked(
        b.burst(n, 400 / size, 4000, 0.008, rng), 1
    )
    return p.struck(b.in_room(x, 0.3, 0.5), strike, manner, rng)


def squeak_moving(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    """Squeaks for as long as it moves, higher with speed."""
    size = p.bigness(manner)
    pitch = 850 / size * np.exp(0.25 * b.followed(level, 0.1) + 0.12 * b.wander(samples, 3, rng))
    sings = np.clip(0.6 + b.wander(samples, 2.5 * p.haste(manner), rng), 0.15, 1)
    return p.sustained(_singing(pitch, size, rng) * sings, manner) * p.gated(level)


# ---- doors and drawers


def _panel(n: int, f0: float, spacing: float, damping: tuple[float, float], contact: float, rng: b.Rng) -> Samples:
    """A plate with forty modes at even distances, as plates have, hit somewhere by something; peak 1."""
    freqs = f0 * (1 + spacing * np.arange(40)) * (1 + b.scattered(40, 0.12))
    gains = b.contact_gain(freqs, contact) * rng.uniform(0.3, 1, 40)
    return b.peaked(b.modes(freqs, 1 / (damping[0] + damping[1] * freqs), gains, n), 1.0)


def _latch(rng: b.Rng, size: float) -> Samples:
    n = b.count(0.06)
    ring = b.modes(rng.uniform(900, 4500, 10) / size, rng.uniform(0.003, 0.01, 10), rng.uniform(0.2, 1, 10), n)
    return b.burst(n, 900 / size, 5000, 0.006, rng, 0.0003) + 0.3 * ring


def door(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """Panel against frame, then the latch; a slam is harder and has more room, a creak is the hinge alone."""
    if manner.material == "creak":
        return creak(strike, manner, rng)
    slam = manner.material == "slam"
    size = p.bigness(manner, strike)
    hard = min(1.0, p.hardness(strike, manner) + (0.35 if slam else 0.0))

    def shut(h: float) -> Samples:
        n = b.count(0.5)
        boards = _panel(n, 86 / size, 0.28, (11.7, 0.05), 0.003 * size**0.5 * (1.5 - h), rng)
        return boards + b.burst(n, 236 / size, 2500 * (0.6 + 0.8 * h), 0.024, rng, 0.0005)

    latch = np.float32(0.37) * _latch(rng, size**0.5)
    after = rng.uniform(0.048, 0.072)
    parts = [
        (0.0, np.float32(0.8) * shut(hard)),
        (0.0, np.float32(0.5) * latch),
        (after, np.float32(0.9) * shut(0.8 * hard)),
        (after + 0.012, latch),
        (after + 0.055, np.float32(0.5) * latch),
    ]
    return p.struck(
        b.in_room(b.joined(*parts), 0.59, 0.45 if slam else 0.36, 2800 if slam else 2400), strike, manner, rng
    )


def door_moving(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    """A hinge while the door swings."""
    amount = p.gated(level)
    pull = np.clip(b.followed(level, 0.05) + 0.3 * b.wander(samples, 3, rng), 0, 2)
    return (
        p.sustained(_creaking(samples, pull, 80 * p.haste(manner), 640 / p.bigness(manner), 0.25, rng), manner) * amount
    )


def _slide(samples: int, size: float, rng: b.Rng) -> Samples:
    """Wood on wooden runners."""
    rub = b.band_noise(samples, 690 / size, 2300, rng) * (0.25 + b.wander(samples, 47, rng) ** 2)
    freqs = np.geomspace(160, 2200, 16) / size
    return rub + 0.1 * b.resonated(rub, freqs, 1 / (30 + 0.06 * freqs), np.full(16, 0.08), 0.08)


SLIDE, THINGS = 0.5, 0.35  # beside the knock at the stop


def drawer(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """Pulled free with a knock, a slide on wooden runners, what lies in it shifts, and the stop."""
    h, size = p.hardness(strike, manner), p.bigness(manner, strike)

    def box(weight: float) -> Samples:
        n = b.count(0.3)
        boards = _panel(n, 139 / size, 0.3, (27, 0.2), 0.0026 * size**0.5 * (1.5 - h), rng)
        return np.float32(weight) * (boards + 0.4 * b.burst(n, 250 / size, 3500, 0.012, rng, 0.0004))

    length = max(0.08, min(p.near(0.34, rng, 0.12) / p.haste(manner), 0.7 * strike.gap_seconds))
    n = b.count(length)
    slide = SLIDE * b.peaked(_slide(n, size, rng) * b.swell(n, 0.6, 0.4), 1.0)
    things = THINGS * b.hail(n, 30, b.clicks(500, 1200, 4, 0.005, 0.004, 4), 1, rng)
    parts = [(0.0, box(1.0)), (0.005, slide + things), (length, box(0.9)), (length + 0.035, box(0.28))]
    return p.struck(b.in_room(b.joined(*parts), 0.3, 0.35, 3800), strike, manner, rng)


def drawer_moving(samples: int, level: Level, manner: Manner, rng: b.Rng) -> Samples:
    return p.sustained(_slide(samples, p.bigness(manner), rng), manner) * p.gated(level)


def crunch(strike: Strike, manner: Manner, rng: b.Rng) -> Samples:
    """Something brittle gives way: a bite, a twig, a tin."""
    size = p.bigness(manner, strike)
    n = b.count(rng.uniform(0.2, 0.35))
    low = round(560 / size**0.7)
    cells = b.hail(n, 900 * b.decay(n, 0.09), b.clicks(low, 7 * low, 2.4, 0.004, 0.0012), 4, rng)
    x = b.peaked(cells, 1) + 0.9 * b.burst(n, 500 / size, 6000, 0.008, rng)
    return p.struck(b.in_room(x, 0.12, 0.25), strike, manner, rng)
