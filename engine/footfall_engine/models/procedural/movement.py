"""The motion curve as sounds need it: at audio rate, as a place on the screen, or as hits where it peaks."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from footfall_engine.analysis.picture import MOTION_RATE
from footfall_engine.models.base import Conditions, TimedHit
from footfall_engine.models.procedural.voice import SAMPLE_RATE

QUIETEST = 0.4  # level of a barely moving picture's busiest moment, beside a wild one's 1
LEVEL_SEC = 0.05  # smoothing of the level …
PAN_SEC = 0.25  # … and of the place
PEAK_SEC = 0.1  # smoothing before peaks are sought
LOWEST_PEAK, MIN_GAP_SEC = 0.3, 0.25  # of peaks that may stand for hits
PEAK_HIT_STRENGTH = 0.5  # of a hit guessed from movement, at the curve's top
LONGEST_PAUSE_SEC = 3.0  # without a hit where something moves …
MOVING, MOVING_SHARE = 0.2, 0.8  # … which is above so much of the busiest moment for so much of the pause
GUESSED_INDEX = 1_000_000  # guessed hits count from here, by their place in the region


def level(conditions: Conditions, before: int, samples: int) -> NDArray[np.float32]:
    """The motion curve at audio rate, 0…1; a calm picture is softer all through, and still to be heard."""
    scale = QUIETEST + (1 - QUIETEST) * np.sqrt(np.clip(conditions.activity, 0, 1))
    return _at_audio_rate(_smoothed(conditions.motion, LEVEL_SEC), before, samples) * np.float32(scale)


def place(conditions: Conditions, before: int, samples: int) -> NDArray[np.float32]:
    """Where it moves at audio rate; while nothing does, the last place holds."""
    weight = _smoothed(conditions.motion, PAN_SEC) + np.float32(1e-3)
    where = _smoothed(conditions.motion * conditions.motion_x, PAN_SEC) / weight
    return _at_audio_rate(where.astype(np.float32), before, samples)


def _smoothed(curve: NDArray[np.float32], seconds: float) -> NDArray[np.float32]:
    """A curve at MOTION_RATE under a raised-cosine window of so many seconds."""
    half = max(1, round(seconds * MOTION_RATE / 2))
    window = np.hanning(2 * half + 3)
    padded = np.pad(curve, half + 1, mode="edge") if len(curve) else np.zeros(2 * half + 3, np.float32)
    return np.convolve(padded, window / window.sum(), "valid").astype(np.float32)


def _at_audio_rate(curve: NDArray[np.float32], before: int, samples: int) -> NDArray[np.float32]:
    times = (np.arange(samples) - before) * (MOTION_RATE / SAMPLE_RATE)
    return np.interp(times, np.arange(len(curve)), curve).astype(np.float32)


def hits(conditions: Conditions) -> tuple[TimedHit, ...]:
    """Peaks of the motion curve as weak hits, for a picture that moves and shows no blow."""
    if conditions.activity <= 0:
        return ()
    x, smooth = conditions.motion_x, _smoothed(conditions.motion, PEAK_SEC)
    before, here, after = smooth[:-2], smooth[1:-1], smooth[2:]
    peaks = np.flatnonzero((here > before) & (here >= after) & (here > LOWEST_PEAK)) + 1
    found: list[TimedHit] = []
    for at in peaks:
        time = float(at / MOTION_RATE)
        if time >= conditions.duration or (found and time - found[-1].time < MIN_GAP_SEC):
            continue
        index = GUESSED_INDEX + round((conditions.start + time) * MOTION_RATE)
        found.append(TimedHit(time, PEAK_HIT_STRENGTH * float(smooth[at]), float(x[at]), 0.2, "impact", index))
    return tuple(found)


def no_events(what: str, guessed: bool) -> tuple[str, str]:
    """Warning for a window without hits. The same sentence for every window, so that it is told once."""
    sentence = f"No hit is to be seen to play {what} on, in this region or a long part of it"
    return "no_events", sentence + ("; peaks of the movement are played softly instead." if guessed else ".")


def moves_without_hits(conditions: Conditions) -> bool:
    """Whether the movement goes on for LONGEST_PAUSE_SEC or more while no hit is seen."""
    if conditions.activity <= 0:
        return False
    inside = [hit.time for hit in conditions.hits if 0 < hit.time < conditions.duration]
    pauses = itertools.pairwise([0.0, *inside, conditions.duration])
    moving = _smoothed(conditions.motion, PAN_SEC) > MOVING
    return any(
        np.mean(moving[round(first * MOTION_RATE) : round(last * MOTION_RATE)]) >= MOVING_SHARE
        for first, last in pauses
        if last - first >= LONGEST_PAUSE_SEC
    )


def few_events(what: str) -> tuple[str, str]:
    """Warning for sounds that follow one another as long as something moves, where hits are missing."""
    sentence = f"Few hits are to be seen to play {what} on: something moves for {LONGEST_PAUSE_SEC:g} s or longer"
    return "few_events", f"{sentence} without any, and nothing is struck there. Markers of your own can say where."
