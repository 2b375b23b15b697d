"""Whoever judges sounds of rendered contacts: when they begin, and of which timbre they are.

Sounds are mono float32 at SAMPLE_RATE, shape = (samples,).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from footfall_bridge.messages import Quality
from numpy.typing import NDArray

from footfall_engine.contacts import Scene, contacts_of
from footfall_engine.models.multifoley.sizes import SAMPLE_RATE
from footfall_engine.training.timbres import TIMBRES, Mono, sound_of

# ---- when

_HOP = 240  # samples: 5 ms
_WINDOW = 720
_AHEAD, _BEHIND = 2, 4  # hops between which the level must rise
_RISE_DB = 9.0
_FLOOR_DB = -50.0  # below full scale; quieter is silence
_APART = 20  # hops: contacts are 0.12 s apart at least


def onset_times(sound: Mono) -> list[float]:
    """Seconds at which the level jumps up by _RISE_DB, in order."""
    level = _levels(sound)
    padded = np.pad(level, (_BEHIND, _AHEAD), mode="edge")
    rise = padded[_BEHIND + _AHEAD :] - np.minimum.reduce([padded[lag : len(level) + lag] for lag in range(_BEHIND)])
    onsets: list[int] = []
    for at in np.argsort(-rise, kind="stable"):
        if rise[at] < _RISE_DB:
            break
        if all(abs(int(at) - other) >= _APART for other in onsets):
            onsets.append(int(at))
    return sorted((at + 0.5) * _HOP / SAMPLE_RATE for at in onsets)


def _levels(sound: Mono) -> NDArray[np.float64]:
    """Decibels every _HOP samples, _FLOOR_DB at least."""
    padded = np.pad(np.square(sound, dtype=np.float64), (_WINDOW - _HOP) // 2)
    means = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP] @ np.full(_WINDOW, 1 / _WINDOW)
    return np.maximum(10 * np.log10(means + 1e-12), _FLOOR_DB)


# ---- of which timbre

_EDGES_HZ = np.geomspace(60, 16_000, 25)  # of the bands that tell
_SPECTRUM = 2048  # samples


@dataclass(frozen=True)
class Ear:
    """Nearest of the timbres' mean spectra, as far as spectra of one timbre differ in each band."""

    means: NDArray[np.float64]  # (timbres, bands)
    spread: NDArray[np.float64]  # (bands,)

    @classmethod
    def trained(cls, seconds: float, takes: int, seed: int = 0) -> Ear:
        """On so many rendered takes of each timbre, whatever is seen, half of them of low quality."""
        heard = np.array([[bands(sound) for sound in rendered(timbre, seconds, takes, seed)] for timbre in TIMBRES])
        return cls(heard.mean(1), heard.std(1).mean(0) + 1.0)

    def hears(self, sound: Mono) -> str:
        """A key of TIMBRES."""
        apart = np.square((self.means - bands(sound)) / self.spread).sum(1)
        return list(TIMBRES)[int(np.argmin(apart))]


def rendered(timbre: str, seconds: float, takes: int, seed: int) -> list[Mono]:
    """Contacts of any scene in one timbre."""
    rng = np.random.default_rng([seed, 1, *timbre.encode()])
    sounds = []
    for number in range(takes):
        shown = list(TIMBRES.values())[number % len(TIMBRES)].scene
        contacts = contacts_of(Scene(shown, duration=seconds, seed=int(rng.integers(2**31))))
        sounds.append(sound_of(contacts, timbre, list(Quality)[number // 2 % 2], seconds, rng))
    return sounds


def bands(sound: Mono) -> NDArray[np.float64]:
    """Mean level of each band, decibels about the mean of all."""
    padded = np.pad(sound, (0, max(0, _SPECTRUM - len(sound))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _SPECTRUM)[:: _SPECTRUM // 2]
    power = np.square(np.abs(np.fft.rfft(windows * np.hanning(_SPECTRUM)))).mean(0)
    places = np.searchsorted(np.fft.rfftfreq(_SPECTRUM, 1 / SAMPLE_RATE), _EDGES_HZ)
    means = np.array([power[first : max(last, first + 1)].mean() for first, last in pairwise(places)])
    levels = np.maximum(10 * np.log10(means + 1e-9), -60)
    return np.asarray(levels - levels.mean())
