"""The few synthesis blocks all voices are made of: modes, noise, grains, bubbles, friction, cycles, a room.

Conventions
-----------
Mono float32 at SAMPLE_RATE, full scale ±1; frequencies in hertz, times in seconds, `samples` counts. Blocks return
about unit amplitude; `voices/` set levels. Everything random comes from the generator handed in.

Sources
-------
Modal synthesis and material damping: K. van den Doel, D. Pai, "The sounds of physical shapes", Presence 7(4), 1998;
R. Klatzky et al., "Perception of material from contact sounds", Presence 9(4), 2000. Contact time and hardness:
F. Avanzini, D. Rocchesso, "Modeling collision sounds", DAFx 2001. Grains as random collisions: P. Cook, "Physically
informed sonic modeling (PhISM)", Computer Music Journal 21(3), 1997. Bubbles: M. Minnaert, "On musical air-bubbles and
the sounds of running water", 1933; K. van den Doel, "Physically based models for liquid sounds", ACM TAP 2(4), 2005.
Friction as irregular relaxation: F. Avanzini, S. Serafin, D. Rocchesso, "Interactive simulation of rigid body
interaction with friction-induced sound generation", IEEE TSAP 13(6), 2005.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, signal

from footfall_engine.models.procedural.voice import SAMPLE_RATE, Samples

Floats = NDArray[np.float64]
AnyFloats = NDArray[np.floating[Any]]
Rng = np.random.Generator

# ---- time and envelopes


def count(seconds: float) -> int:
    """Samples in so many seconds."""
    return max(1, round(seconds * SAMPLE_RATE))


def clock(samples: int) -> Samples:
    """Seconds since the start, for each sample."""
    return np.arange(samples, dtype=np.float32) / np.float32(SAMPLE_RATE)


def decay(samples: int, tau: float, attack: float = 0.0) -> Samples:
    """exp(−t/tau), risen over `attack` seconds by a raised cosine."""
    envelope = np.exp(clock(samples) * np.float32(-1 / tau))
    return _risen(envelope, attack)


def swell(samples: int, peak_at: float, sharpness: float = 2.0) -> Samples:
    """0 → 1 → 0 with its top at the share `peak_at` of the length."""
    x = np.linspace(0, 1, samples, dtype=np.float32)
    rise = np.clip(x / max(peak_at, 1e-3), 0, 1)
    fall = np.clip((1 - x) / max(1 - peak_at, 1e-3), 0, 1)
    return (rise * fall) ** np.float32(sharpness)


def faded(x: Samples, seconds: float) -> Samples:
    """`x` with its last `seconds` faded to nothing."""
    n = min(count(seconds), len(x))
    out = x.copy()
    out[-n:] *= np.cos(np.linspace(0, np.pi / 2, n, dtype=np.float32)) ** 2
    return out


def wander(samples: int, rate: float, rng: Rng) -> Samples:
    """A smooth random curve that turns about `rate` times a second; mean 0, deviation about 1."""
    hop = max(2, round(SAMPLE_RATE / rate))
    knots = rng.standard_normal(samples // hop + 3).astype(np.float32) * np.float32(1.25)
    blend = (0.5 - 0.5 * np.cos(np.pi * np.arange(hop) / hop)).astype(np.float32)
    curve = knots[:-1, None] * (1 - blend) + knots[1:, None] * blend
    first = int(rng.integers(hop))
    return curve.reshape(-1)[first : first + samples]


def followed(level: NDArray[np.float32], seconds: float) -> Samples:
    """The level curve smoothed by a one-pole filter of that time constant: things have inertia."""
    if level[0] == level.min() == level.max():
        return level
    pole = np.exp(-1 / (seconds * SAMPLE_RATE))
    out, _ = signal.lfilter([1 - pole], [1, -pole], level, zi=[pole * float(level[0])])
    return np.asarray(out, np.float32)


def _risen(x: Samples, attack: float) -> Samples:
    if attack > 0:
        n = min(count(attack), len(x))
        x[:n] *= 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, n, dtype=np.float32))
    return x


# ---- modes

_BLOCK = 256  # samples; t = block · a + b turns e^{st} into a product of two small tables


def modes(freqs: ArrayLike, taus: ArrayLike, gains: ArrayLike, samples: int) -> Samples:
    """Sum of exponentially damped sines: the free vibration of a struck body.

    e^{s(a·B + b)} = e^{s·a·B} e^{s·b}, so the whole bank is one matrix product of (blocks, modes) by (modes, B).

    Parameters
    ----------
    freqs, taus, gains : array_like, shape = (modes,); hertz, seconds to 1/e, amplitude
    samples : int

    Returns
    -------
    Samples, shape = (samples,)
    """
    f, tau, gain = (np.atleast_1d(np.asarray(x, np.float64)) for x in (freqs, taus, gains))
    gain = np.where(f < 0.45 * SAMPLE_RATE, gain, 0.0)
    s = (-1 / tau + 2j * np.pi * f) / SAMPLE_RATE
    blocks = -(-samples // _BLOCK)
    coarse = np.exp(np.multiply.outer(np.arange(blocks) * _BLOCK, s))
    fine = np.exp(np.multiply.outer(s, np.arange(_BLOCK))) * gain[:, None]
    out = coarse.real.astype(np.float32) @ fine.imag.astype(np.float32)
    out += coarse.imag.astype(np.float32) @ fine.real.astype(np.float32)
    return out.reshape(-1)[:samples]


def contact_gain(freqs: ArrayLike, contact: float) -> Floats:
    """How strongly a half-sine force pulse of `contact` seconds excites each frequency: soft hammers are dull."""
    x = 2 * np.asarray(freqs, np.float64) * contact
    away = np.where(np.abs(1 - x * x) < 1e-3, 1e-3, 1 - x * x)
    gain = np.abs(np.cos(np.pi * x / 2) / away)
    return np.maximum(gain, 0.02 / (1 + x * x))


def scattered(count_: int, jitter: float, key: float = 0.0) -> Floats:
    """A fixed, irregular sequence in ±jitter: makes a body inharmonic, and the same body each time."""
    golden = 0.6180339887498949
    return jitter * (2 * np.mod(golden * (np.arange(count_) + 1) + key, 1.0) - 1)


# ---- noise


def noise(samples: int, rng: Rng) -> Samples:
    """White, deviation 1."""
    return rng.standard_normal(samples, dtype=np.float32)


@lru_cache(maxsize=256)
def _band(low: float, high: float, order: int) -> NDArray[np.float64]:
    nyquist = SAMPLE_RATE / 2
    low, high = max(low, 0.0), min(high, 0.98 * nyquist)
    if low <= 0:
        return np.asarray(signal.butter(order, high, "low", fs=SAMPLE_RATE, output="sos"))
    if high >= 0.97 * nyquist:
        return np.asarray(signal.butter(order, low, "high", fs=SAMPLE_RATE, output="sos"))
    return np.asarray(signal.butter(order, [low, high], "band", fs=SAMPLE_RATE, output="sos"))


def band(x: Samples, low: float, high: float, order: int = 1) -> Samples:
    """`x` between two frequencies (0: no lower limit; above 23 kHz: no upper one)."""
    high = min(high, 0.98 * SAMPLE_RATE / 2)
    low = min(low, 0.8 * high)
    return np.asarray(signal.sosfilt(_band(round(low, 1), round(high, 1), order), x), np.float32)


def band_noise(samples: int, low: float, high: float, rng: Rng, order: int = 1) -> Samples:
    """Noise between two frequencies, deviation about 1; long low ones are made at a lower rate and interpolated."""
    if samples > 20_000 and high * 12 < SAMPLE_RATE:
        step = int(min(16, SAMPLE_RATE // (12 * high) + 1))
        return stretched(_filtered_noise(samples // step + 3, low * step, high * step, rng, order), step)[:samples]
    return _filtered_noise(samples, low, high, rng, order)


def _filtered_noise(samples: int, low: float, high: float, rng: Rng, order: int) -> Samples:
    x = band(noise(samples + 256, rng), low, high, order)[256:]
    return x * np.float32(np.sqrt(SAMPLE_RATE / 2 / max(min(high, SAMPLE_RATE / 2) - low, 20.0)))


def stretched(x: Samples, step: int) -> Samples:
    """`x` made `step` times as long by cubic (Catmull-Rom) interpolation: low sounds need few samples."""
    neighbours = np.stack([x[i : len(x) - 3 + i] for i in range(4)], axis=1)
    out = np.zeros(len(x) * step, np.float32)
    np.matmul(neighbours, _catmull_rom(step), out=out[: len(neighbours) * step].reshape(-1, step))
    return out


@lru_cache(maxsize=64)
def _catmull_rom(step: int) -> Samples:
    """What each of four neighbours weighs at `step` places between the middle two, shape = (4, step)."""
    u = np.arange(step) / step
    u2, u3 = u * u, u * u * u
    weights = [u2 - 0.5 * (u + u3), 1 - 2.5 * u2 + 1.5 * u3, 0.5 * u + 2 * u2 - 1.5 * u3, 0.5 * (u3 - u2)]
    return np.stack(weights).astype(np.float32)


def coloured(samples: int, rng: Rng, gain: Callable[[Floats], Floats]) -> Samples:
    """Noise of any spectrum, deviation 1; `gain` maps hertz (n,) to amplitude (n,)."""
    n = fft.next_fast_len(samples, real=True)
    spectrum = fft.rfft(noise(n, rng))
    spectrum *= gain(np.maximum(fft.rfftfreq(n, 1 / SAMPLE_RATE), 1.0).astype(np.float32))
    spectrum[0] = 0
    x = fft.irfft(spectrum, n)[:samples]
    return np.asarray(x / max(float(np.std(x)), 1e-9), np.float32)


def hill(f: Floats, centre: float, octaves: float) -> Floats:
    """A bell over log frequency: 1 at `centre`, e^−½ at ± `octaves`."""
    return np.asarray(np.exp(-0.5 * (np.log2(f / centre) / octaves) ** 2))


def burst(samples: int, low: float, high: float, tau: float, rng: Rng, attack: float = 0.0003) -> Samples:
    """A noise between two frequencies that dies with `tau`; peak about 1."""
    return 0.4 * band_noise(samples, low, high, rng) * decay(samples, tau, attack)


# ---- grains


@lru_cache(maxsize=64)
def clicks(
    low: float, high: float, width: float, tau_low: float, tau_high: float, kinds: int = 12
) -> tuple[Samples, ...]:
    """A kept set of short noises from `low` to `high` hertz, each `width` times as wide as its lower edge."""
    rng = np.random.default_rng(11)
    edges, taus = np.geomspace(low, high, kinds), np.geomspace(tau_low, tau_high, kinds)
    return tuple(
        peaked(burst(count(min(8 * tau, 0.05)), edge, width * edge, tau, rng, 0.0001), 1.0)
        for edge, tau in zip(edges.tolist(), taus.tolist(), strict=True)
    )


def hail(samples: int, rate: ArrayLike, grains: Sequence[Samples], exponent: float, rng: Rng) -> Samples:
    """Grains at random moments, `rate` a second, many soft and few loud (more so for a large exponent)."""
    at = times(rate, samples, rng)
    return scatter(
        samples, at, heavy_tailed(len(at), rng, exponent) + 0.02, grains, rng.integers(0, len(grains), len(at))
    )


def times(rate: ArrayLike, samples: int, rng: Rng, peak: float | None = None) -> NDArray[np.intp]:
    """Starts of a Poisson process; `rate` per second, a number or a curve of shape (samples,)."""
    curve = np.asarray(rate, np.float64)
    top = float(peak if peak is not None else curve.max(initial=0.0))
    n = rng.poisson(top * samples / SAMPLE_RATE)
    at = np.sort(rng.integers(0, samples, n))
    return at if curve.ndim == 0 else at[rng.random(n) * top < curve[at]]


def scatter(
    samples: int, at: NDArray[np.intp], gains: ArrayLike, grains: Sequence[Samples], which: ArrayLike
) -> Samples:
    """Place grain `which[i]`, times `gains[i]`, at sample `at[i]`; what hangs over the end is cut."""
    out = np.zeros(samples + max((len(g) for g in grains), default=0), np.float32)
    g32 = np.asarray(gains, np.float32)
    for start, gain, kind in zip(at.tolist(), g32, np.asarray(which, np.intp).tolist(), strict=True):
        grain = grains[kind]
        out[start : start + len(grain)] += gain * grain
    return out[:samples]


def showered(samples: int, at: NDArray[np.intp], gains: ArrayLike, grain: Samples) -> Samples:
    """The same grain at thousands of places, by one convolution."""
    train = np.zeros(samples, np.float32)
    np.add.at(train, at, np.asarray(gains, np.float32))
    return np.asarray(signal.oaconvolve(train, grain)[:samples], np.float32)


def heavy_tailed(n: int, rng: Rng, exponent: float = 2.0) -> Floats:
    """Sizes in 0…1, many small and few large."""
    return rng.random(n) ** exponent


# ---- liquids


def bubble(radius: float, rise: float, damping: float = 1.0) -> Samples:
    """One air bubble, van den Doel (2005), eqs. 2–4: damped sine whose pitch rises as it nears the surface.

    Parameters
    ----------
    radius : float, metres (0.15 mm … 15 mm); frequency 3 / radius, Minnaert
    rise : float, 0 … 2, share of the damping that turns into upward glide
    damping : float, share of the free bubble's losses; less in a vessel that sends sound back
    """
    f0 = 3.0 / radius
    loss = (0.13 / radius + 0.0072 * radius**-1.5) * damping
    t = clock(count(min(0.3, 7 / loss)))
    phase = 2 * np.pi * f0 * (t + 0.5 * rise * loss * t * t)
    return (np.sin(phase) * np.exp(-loss * t) * np.minimum(1, t / 0.001)).astype(np.float32)


def bubbles(samples: int, at: NDArray[np.intp], radii: AnyFloats, rises: AnyFloats, gains: ArrayLike) -> Samples:
    """Many bubbles, each radius rounded to one of 40 kept shapes."""
    if len(at) == 0:
        return np.zeros(samples, np.float32)
    steps = np.clip(np.round(8 * np.log2(radii / 1e-4)), 0, 63).astype(np.intp)
    rising = (np.asarray(rises) > 0.04).astype(np.intp)
    kinds, which = np.unique(steps * 2 + rising, return_inverse=True)
    grains = [_kept_bubble(int(k)) for k in kinds]
    return scatter(samples, at, gains, grains, which)


@lru_cache(maxsize=256)
def _kept_bubble(kind: int) -> Samples:
    return bubble(1e-4 * 2 ** (kind // 2 / 8), 0.1 if kind % 2 else 0.01)


# ---- friction and cycles


def cycles(freq: ArrayLike, samples: int, start: float = 0.0) -> Floats:
    """Phase in turns of something that goes round at `freq` per second (number or curve)."""
    f = np.broadcast_to(np.asarray(freq, np.float64), (samples,))
    return start + np.cumsum(f) / SAMPLE_RATE


def waveform(phase: Floats, amplitudes: ArrayLike, angles: ArrayLike | None = None) -> Samples:
    """A periodic wave with these harmonics, read from a table of 4096 points at `phase` turns."""
    a = np.asarray(amplitudes, np.float64)
    spectrum = np.zeros(2049, np.complex128)
    spectrum[1 : len(a) + 1] = a * np.exp(1j * np.asarray(angles if angles is not None else np.zeros(len(a)))) * -1j
    table = (np.fft.irfft(spectrum, 4096) * 2048).astype(np.float32)
    return table[(phase * 4096).astype(np.int64) & 4095]


def ticks(phase: Floats) -> NDArray[np.intp]:
    """Samples at which the phase passes a whole turn."""
    return np.flatnonzero(np.diff(np.floor(phase)) > 0).astype(np.intp) + 1


def slips(speed: NDArray[np.float32], per_second: float, jitter: float, rng: Rng) -> NDArray[np.intp]:
    """Moments at which a sticking contact lets go: about `per_second` times `speed`, irregular by `jitter`."""
    uneven = np.exp(jitter * wander(len(speed), 3 * per_second, rng)) if jitter else 1.0
    return ticks(cycles(speed * np.float32(per_second) * uneven, len(speed), float(rng.random())))


def resonated(x: AnyFloats, freqs: ArrayLike, taus: ArrayLike, gains: ArrayLike, seconds: float = 0.25) -> Samples:
    """`x` heard through a body with these modes."""
    body = modes(freqs, taus, gains, count(seconds))
    return np.asarray(signal.oaconvolve(x, body)[: len(x)], np.float32)


# ---- room and level


@lru_cache(maxsize=32)
def _tail(seconds: float, bright: float) -> Samples:
    """A dozen early reflections and a diffuse tail, duller as it dies; the direct sound is not in it."""
    rng = np.random.default_rng(_ROOM_KEY)
    n = count(1.2 * seconds)
    out = np.zeros(n, np.float32)
    early = count(0.004) + rng.integers(0, max(2, count(0.05 * (0.4 + seconds))), 12)
    out[np.minimum(early, n - 1)] += (rng.choice([-1, 1], 12) * np.exp(-early / count(0.03))).astype(np.float32)
    diffuse = noise(n, rng) * decay(n, seconds / 6.9, 0.012) * np.float32(0.12)
    dull = band(diffuse, 0, bright * 0.35) * np.float32(1.6)
    mix = decay(n, seconds / 12)
    out += diffuse * mix + dull * (1 - mix)
    return band(out, 220, bright)  # the bass of a small room, tail and all, would come after the hit and be louder


def in_room(x: Samples, wet: float, seconds: float = 0.35, bright: float = 6000.0) -> Samples:
    """`x` in a small room of that reverberation time, without DC: recordings are never quite dry."""
    seconds, bright = round(seconds, 2), round(bright, -2)
    response = _room(wet, seconds, bright)
    samples = len(x) + len(response) - 1
    size = fft.next_fast_len(-(-samples // _ROOM_STEP) * _ROOM_STEP, real=True)
    spectrum = fft.rfft(x, size) * _room_spectrum(wet, seconds, bright, size)
    return np.asarray(fft.irfft(spectrum, size)[:samples], np.float32)


_ROOM_KEY = 19  # of two dozen rooms, the one in which strikes are soonest at their loudest
_ROOM_STEP = 4096  # samples that sizes go up by, so that few spectra serve all strikes


@lru_cache(maxsize=64)
def _room(wet: float, seconds: float, bright: float) -> Samples:
    response = np.float32(wet) * _tail(seconds, bright)
    response[0] += 1
    return without_dc(response)


@lru_cache(maxsize=64)
def _room_spectrum(wet: float, seconds: float, bright: float, size: int) -> NDArray[np.complex64]:
    return np.asarray(fft.rfft(_room(wet, seconds, bright), size))


def without_dc(x: Samples) -> Samples:
    """High-passed at 25 Hz."""
    return band(x, 25.0, SAMPLE_RATE)


def joined(*parts: tuple[float, Samples]) -> Samples:
    """Sum of sounds, each starting at so many seconds."""
    starts = [round(at * SAMPLE_RATE) for at, _ in parts]
    out = np.zeros(max(s + len(x) for s, (_, x) in zip(starts, parts, strict=True)), np.float32)
    for start, (_, x) in zip(starts, parts, strict=True):
        out[start : start + len(x)] += x
    return out


def peaked(x: Samples, peak: float) -> Samples:
    """Scaled to that peak."""
    return x * np.float32(peak / max(float(np.abs(x).max(initial=0.0)), 1e-9))


def steady(x: Samples) -> Samples:
    """Scaled to deviation 1; silence stays silence."""
    return x * np.float32(1 / max(float(np.std(x)), 1e-9))
