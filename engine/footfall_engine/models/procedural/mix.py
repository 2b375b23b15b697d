"""Places mono voices in a stereo picture: side, distance, room, level.

Conventions
-----------
A bus is float32 of shape (channels, samples) at SAMPLE_RATE. Levels never depend on what a bus holds, so that windows
of one region, and a regenerated part of it, come out equally loud. Nothing here delays a sound: a distant hit stays on
its picture, only its room comes later.

Sources: constant-power (sine) panning law; air absorption and the direct-to-reverberant cue of distance after
Zahorik, Brungart & Bronkhorst (2005), "Auditory distance perception in humans"; late reverberation as exponentially
decaying noise after Moorer (1979), "About this reverberation business".
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from footfall_engine.models.procedural.voice import SAMPLE_RATE, Manner
from footfall_engine.progress import ProgressFn, no_progress

Bus = NDArray[np.float32]

STRIKE_TRIM_DB = 9.0  # a strike peaks at −12 dBFS; in the middle of the picture that becomes −6
TEXTURE_TRIM_DB = 6.0
TEXTURE_KNEE, TEXTURE_LIMIT = 0.35, 0.6  # where a texture's rare peaks begin to bend, and what they never pass
PAN_WIDTH = 0.8  # what stands at the picture's edge is not yet all in one loudspeaker
FAR_DB = -20.0  # level of what is as far away as can be
FAR_CUTOFF_HZ = 1500.0
NEAR_CUTOFF_HZ = 16_000.0
ROOM_OF_DISTANCE = 0.35  # share of a room that distance alone adds
MIN_ROOM = 0.02
ROOM_STRETCH_SEC = 4.0  # convolved at once
DRY_RT60, WIDE_RT60 = 0.18, 4.2  # seconds, room 0 and 1
ROOM_GAIN_DB = (-22.0, -11.0)  # energy of the response, room 0 and 1; most of it lies where sounds have theirs
SPREAD_ANGLE = 0.18  # of an ambience's halves from the picture's edges, in radians
SEAM_SEC = 0.05
_ROOM_SEED = 20_231


def db(gain_db: float) -> float:
    return float(10.0 ** (gain_db / 20.0))


def new_bus(channels: int, samples: int) -> Bus:
    return np.zeros((channels, samples), np.float32)


def pan_gains(x: NDArray[np.float32] | float, channels: int) -> NDArray[np.float32]:
    """Constant-power gains of a place on the screen.

    Parameters
    ----------
    x : float or ndarray of shape (samples,), −1 the left edge … 1 the right
    channels : 1 or 2

    Returns
    -------
    ndarray, shape = (channels, 1) or (channels, samples); a mono bus hears what the middle of a stereo bus has
    """
    x = np.atleast_1d(np.asarray(x, np.float32))
    angle = (np.clip(x, -1, 1) * PAN_WIDTH + 1) * np.float32(np.pi / 4)
    if channels == 1:
        return np.full((1, len(x)), np.sqrt(0.5), np.float32)
    return np.stack([np.cos(angle), np.sin(angle)]).astype(np.float32)


def add_at(bus: Bus, voice: NDArray[np.float32], at: int, gains: NDArray[np.float32]) -> None:
    """Add a mono voice to a bus with its first sample at ``at`` (may be negative); what hangs over is cut."""
    first = max(0, -at)
    last = min(len(voice), bus.shape[1] - at)
    if last > first:
        bus[:, at + first : at + last] += gains * voice[None, first:last]


def softened(voice: NDArray[np.float32]) -> NDArray[np.float32]:
    """A texture whose rare peaks are rounded off, sample by sample, so that windows agree."""
    over = np.maximum(np.abs(voice) - TEXTURE_KNEE, 0)
    if not over.any():
        return voice
    room = TEXTURE_LIMIT - TEXTURE_KNEE
    bent = TEXTURE_KNEE + room * np.tanh(over / room)
    return np.where(over > 0, np.sign(voice) * bent, voice).astype(np.float32)


def spread(voice: NDArray[np.float32], channels: int) -> Bus:
    """A mono texture made as wide as the picture: it stands on the left, and half its length later on the right.

    What is so far apart in time is independent, as two halves of a rain are, and adds up to mono without colouring.
    Each side is as loud as a voice in the middle. The last SEAM_SEC of the right half are silent.
    """
    if channels == 1:
        return voice[None] * np.float32(np.sqrt(0.5))
    near, far = np.float32(np.sqrt(0.5) * np.cos(SPREAD_ANGLE)), np.float32(np.sqrt(0.5) * np.sin(SPREAD_ANGLE))
    turned = _turned(voice, len(voice) // 2)
    return np.stack([near * voice + far * turned, far * voice + near * turned])


def _turned(voice: NDArray[np.float32], by: int) -> NDArray[np.float32]:
    """A texture that starts ``by`` samples in and goes on from its own beginning when it ends, short by the seam."""
    seam = min(round(SEAM_SEC * SAMPLE_RATE), by // 2)
    rise = np.sin(np.pi / 2 * (np.arange(seam) + 0.5) / max(1, seam)).astype(np.float32)
    end = len(voice) - seam
    joint = voice[end:] * rise[::-1] + voice[:seam] * rise
    return np.concatenate([voice[by:end], joint, voice[seam:by], np.zeros(seam, np.float32)])


def colour(bus: Bus, distance: float, brightness: float = 0.0) -> Bus:
    """Distance takes level and treble; brightness −1…1 takes or gives treble (±9 dB above 3 kHz)."""
    if distance > 0.01:
        cutoff = NEAR_CUTOFF_HZ * (FAR_CUTOFF_HZ / NEAR_CUTOFF_HZ) ** distance
        bus = _low_pass(bus, cutoff) * np.float32(db(FAR_DB * distance))
    if abs(brightness) > 0.01:
        low = _one_pole(bus, 3000.0)
        bus = low + (bus - low) * np.float32(db(9.0 * brightness))
    return bus


def room_amount(manner: Manner, dry: bool) -> float:
    """How much room a layer gets, 0…1: what is said, and a little for what is far away."""
    return 0.0 if dry else min(1.0, max(manner.room, ROOM_OF_DISTANCE * manner.distance))


def room_samples(amount: float) -> int:
    """How long a room rings, in samples."""
    return 0 if amount < MIN_ROOM else int(_rt60(amount) * SAMPLE_RATE)


def with_room(bus: Bus, amount: float, progress: ProgressFn = no_progress) -> Bus:
    """A bus with its early reflections and tail added (overlap-add); the bus keeps its length."""
    if amount < MIN_ROOM:
        return bus
    samples = bus.shape[1]
    response = _room_response(round(amount, 2))[: bus.shape[0]]
    stretch = min(samples, round(ROOM_STRETCH_SEC * SAMPLE_RATE))
    size = _fft_size(stretch + response.shape[1])
    room = np.fft.rfft(response, size, axis=1)
    sent = bus.sum(axis=0) * np.float32(1 / np.sqrt(bus.shape[0]))
    total = bus.copy()
    for first in range(0, samples, stretch):
        wet = np.fft.irfft(np.fft.rfft(sent[first : first + stretch], size) * room, size, axis=1)
        total[:, first : first + size] += wet[:, : samples - first].astype(np.float32)
        progress((first + stretch) / samples)
    return total


def _rt60(amount: float) -> float:
    return DRY_RT60 * (WIDE_RT60 / DRY_RT60) ** amount


@lru_cache(maxsize=8)
def _room_response(amount: float) -> Bus:
    """Two decorrelated channels of a room: a few early reflections, then noise whose treble dies first.

    The seed is constant: a room is the same in every window and variant.
    """
    rng = np.random.default_rng(_ROOM_SEED)
    samples = room_samples(amount)
    time = np.arange(samples, dtype=np.float32) / SAMPLE_RATE
    tail = np.zeros((2, samples), np.float32)
    # Decay of low, middle and high bands (Hz) as shares of the whole decay time; air and walls eat treble.
    for low_hz, high_hz, share, level in ((120, 700, 1.0, 1.0), (700, 3500, 0.8, 0.9), (3500, 9000, 0.45, 0.6)):
        noise = _band_noise(rng, samples, low_hz, high_hz)
        tail += noise * np.exp(-6.91 * time / (_rt60(amount) * share)) * np.float32(level)
    first = int((0.004 + 0.022 * amount) * SAMPLE_RATE)
    tail[:, :first] = 0
    tail *= 1 / np.sqrt((tail**2).sum(axis=1, keepdims=True) + 1e-12)
    early = _early_reflections(rng, samples, amount)
    gain = db(ROOM_GAIN_DB[0] + (ROOM_GAIN_DB[1] - ROOM_GAIN_DB[0]) * amount)
    return ((0.8 * tail + 0.6 * early) * gain).astype(np.float32)


def _early_reflections(rng: np.random.Generator, samples: int, amount: float) -> Bus:
    """Ten echoes on each side within 10 to 80 ms, energy 1."""
    early = np.zeros((2, samples), np.float32)
    span = (0.010 + 0.070 * amount) * SAMPLE_RATE
    for side in early:
        times = (0.003 * SAMPLE_RATE + span * np.sort(rng.uniform(0.05, 1, 10))).astype(int)
        side[times[times < samples]] += (rng.choice([-1, 1], 10) * np.exp(-1.8 * times / span))[times < samples]
    early = _one_pole(early, 5000.0)
    return early / np.sqrt((early**2).sum(axis=1, keepdims=True) + 1e-12)


def _band_noise(rng: np.random.Generator, samples: int, low_hz: float, high_hz: float) -> Bus:
    size = _fft_size(samples)
    spectrum = np.fft.rfft(rng.standard_normal((2, size)).astype(np.float32), axis=1)
    frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    spectrum *= 1 / np.sqrt((1 + (low_hz / np.maximum(frequency, 1)) ** 4) * (1 + (frequency / high_hz) ** 4))
    return np.fft.irfft(spectrum, size, axis=1)[:, :samples].astype(np.float32)


def _low_pass(bus: Bus, cutoff_hz: float) -> Bus:
    from scipy.signal import butter, sosfilt  # a slow import, wanted by few prompts

    sos = butter(2, cutoff_hz, fs=SAMPLE_RATE, output="sos").astype(np.float32)
    return np.asarray(sosfilt(sos, bus, axis=1), np.float32)


def _one_pole(bus: Bus, cutoff_hz: float) -> Bus:
    from scipy.signal import lfilter

    keep = np.float32(np.exp(-2 * np.pi * cutoff_hz / SAMPLE_RATE))
    return np.asarray(
        lfilter(np.array([1 - keep], np.float32), np.array([1, -keep], np.float32), bus, axis=1), np.float32
    )


def _fft_size(samples: int) -> int:
    """Smallest size of the form 2^a · 3^b that holds so many samples."""
    best = 1 << max(1, (samples - 1).bit_length())
    for threes in (3, 9, 27):
        twos = max(0, (-(-samples // threes) - 1).bit_length())
        best = min(best, threes << twos)
    return best
