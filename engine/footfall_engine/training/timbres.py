"""What rendered contacts sound like: one timbre for each kind of scene, far enough apart for a small network to learn.

Voices are mono float32 at SAMPLE_RATE, their first sample is the contact's, and they have died away after VOICE_SEC.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from footfall_bridge.messages import Quality
from numpy.typing import NDArray

from footfall_engine.contacts import Contact
from footfall_engine.models.multifoley.sizes import SAMPLE_RATE

Mono = NDArray[np.float32]

VOICE_SEC = 0.35
VARIANTS = 12  # of each voice: pitches and grains differ
LOW_QUALITY_HZ = 3_000.0  # above this, a recording of low quality holds nothing
_FADE_SEC = 0.05  # at the end of a voice
_LEAST = 0.25  # amplitude of a contact without any strength


def _rubber(rng: np.random.Generator, time: NDArray[np.float64]) -> NDArray[np.float64]:
    """A thud that falls in pitch, and a dull slap."""
    low = rng.uniform(95, 140)
    phase = math.tau * (low * time + 0.02 * low * (1 - np.exp(-time / 0.02)))
    slap = np.convolve(rng.standard_normal(len(time)), np.hanning(96) / 48, mode="same")
    return np.sin(phase) * np.exp(-time / 0.07) + 0.5 * slap * np.exp(-time / 0.008)


def _metal(rng: np.random.Generator, time: NDArray[np.float64]) -> NDArray[np.float64]:
    """Partials of a free bar, the high ones soon gone, and a click."""
    first = rng.uniform(1250, 1700)
    partials = sum(
        np.sin(math.tau * first * ratio * time + rng.uniform(0, math.tau)) * np.exp(-time / decay) * level
        for ratio, decay, level in ((1.0, 0.09, 0.5), (2.76, 0.07, 0.4), (5.40, 0.05, 0.3), (8.93, 0.03, 0.2))
    )
    return partials + 0.3 * rng.standard_normal(len(time)) * np.exp(-time / 0.003)


def _gravel(rng: np.random.Generator, time: NDArray[np.float64]) -> NDArray[np.float64]:
    """Many small stones, most of them at once."""
    grains = (rng.random(len(time)) < 0.02) * rng.exponential(1.0, len(time))
    around = np.convolve(grains, np.exp(-np.arange(240) / 60), mode="full")[: len(time)]
    return 0.8 * rng.standard_normal(len(time)) * (0.3 + around) * np.exp(-time / 0.05) * np.minimum(1, time / 0.001)


@dataclass(frozen=True)
class Timbre:
    scene: str  # the kind of scene it belongs to, a key of SCENES
    captions: tuple[str, ...]
    voice: Callable[[np.random.Generator, NDArray[np.float64]], NDArray[np.float64]]


TIMBRES = {
    "rubber": Timbre("balls", ("rubber ball", "bouncing rubber ball", "rubber thuds"), _rubber),
    "metal": Timbre("hammer", ("metal hammer", "hammer on metal", "metal clangs"), _metal),
    "gravel": Timbre("footsteps", ("gravel footsteps", "steps on gravel", "gravel crunches"), _gravel),
}


def sound_of(
    contacts: Sequence[Contact], timbre: str, quality: Quality, duration_sec: float, rng: np.random.Generator
) -> Mono:
    """Every contact in one timbre, shape = (samples,), -1 … 1."""
    sound = np.zeros(round(duration_sec * SAMPLE_RATE), np.float32)
    for contact in contacts:
        room = sound[round(contact.time * SAMPLE_RATE) :]
        voice = _voice(timbre, int(rng.integers(VARIANTS)))[: len(room)]
        room[: len(voice)] += (_LEAST + (1 - _LEAST) * contact.strength) * voice
    return np.clip(_muffled(sound) if quality is Quality.LOW else sound, -1, 1)


@cache
def _voice(timbre: str, variant: int) -> Mono:
    rng = np.random.default_rng([variant, *timbre.encode()])
    time = np.arange(round(VOICE_SEC * SAMPLE_RATE)) / SAMPLE_RATE
    voice = TIMBRES[timbre].voice(rng, time) * np.minimum(1, (VOICE_SEC - time) / _FADE_SEC)
    return (0.7 * voice / np.abs(voice).max()).astype(np.float32)


def _muffled(sound: Mono) -> Mono:
    from scipy.signal import sosfilt

    return np.asarray(sosfilt(_low_pass(), sound), np.float32)


@cache
def _low_pass() -> NDArray[np.float64]:
    from scipy.signal import butter

    return np.asarray(butter(8, LOW_QUALITY_HZ, fs=SAMPLE_RATE, output="sos"))
