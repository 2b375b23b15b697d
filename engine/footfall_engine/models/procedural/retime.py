"""The user's own recording, played by the picture.

Hits of the recording are cut at their onsets and placed on the events; a recording without clear hits, or one that is
to sound with movement, is laid anew from short stretches that are as loud as the picture is busy.

Onsets: half-wave rectified spectral flux of the log spectrum (Bello et al. 2005, "A tutorial on onset detection in
music signals"), each moved back to where the waveform's envelope begins to rise, to about a millisecond. Textures:
granular overlap-add with grains chosen by level (after Schwarz 2007, "Corpus-based concatenative synthesis").

Conventions: samples are mono float32 at SAMPLE_RATE. All choices hang on (seed, index of the event) or (seed, place
in the region), so windows of a long region agree.
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from footfall_engine.media.audio import Recording, resample
from footfall_engine.models.base import Conditions, TimedHit
from footfall_engine.models.procedural import mix, movement
from footfall_engine.models.procedural.prompt import Reading, manner_with
from footfall_engine.models.procedural.voice import SAMPLE_RATE, Manner, Role, Samples
from footfall_engine.progress import ProgressFn, no_progress, part

FLUX_HOP, FLUX_WINDOW = 256, 1024  # samples
ENVELOPE_SAMPLES = 24  # half a millisecond
MIN_GAP_SEC = 0.07  # between two onsets
PRE_ROLL_SEC = 0.004  # kept before an onset, faded in
LONGEST_HIT_SEC = 8.0
LONGEST_REFERENCE_SEC = 120.0  # what lies beyond is not used
SOURCES_KEPT = 2
GONE_DB = -54.0  # below a hit's peak its tail has died away
LOUDEST_BACKGROUND_DB = -30.0  # below a hit's peak: what is louder belongs to the hit
HIT_RISE_DB = 9.0  # from before an onset to after it, for a clear hit
STRIKE_PEAK = 0.25  # −12 dBFS at strength 1, as voices have it
TEXTURE_RMS = 0.05  # at motion 1, where voices lie after their trim …
TEXTURE_CREST = 6.0  # … but spiky recordings stay lower, so that their peaks do
GRAIN_SEC = 0.32
LEAD_SAMPLES = 2400  # silence before the recording, so that one that begins with a hit has it found
RUMBLE_HZ = 25.0  # wind, handling and DC that real recordings carry
HEARD_HZ = 100.0  # onsets are sought above the thump of a room
LEVEL_STEP = 240  # samples of one reading of the recording's level


@dataclass(frozen=True)
class Cut:
    """One hit of a recording."""

    samples: Samples  # begins `pre_roll` samples before the onset, fades at both ends
    pre_roll: int
    peak: float
    strength: float  # 0…1, its rank among the recording's hits


@dataclass(frozen=True)
class Source:
    """A recording taken apart."""

    samples: Samples  # mono, peak 1
    cuts: tuple[Cut, ...]  # by strength, weakest first
    hits_are_clear: bool


def retimed(
    conditions: Conditions, reading: Reading, seed: int, progress: ProgressFn
) -> tuple[mix.Bus, list[tuple[str, str]]]:
    """The reference in time with the picture: (channels, samples), and what was not done as asked."""
    assert conditions.reference is not None
    source = take_apart(conditions.reference, part(progress, 0.0, 0.3))
    progress(0.3)
    if not source.samples.any():
        silent = mix.new_bus(conditions.channels, round(conditions.duration * SAMPLE_RATE))
        return silent, [("silent_reference", "The reference recording is silent.")]
    manner, dry = _manner(reading)
    room = mix.room_amount(manner, dry)
    before = mix.room_samples(room)
    samples = before + round(conditions.duration * SAMPLE_RATE)
    warnings = _too_long(conditions.reference)
    if plays_hits(source, reading):
        hits = conditions.hits or movement.hits(conditions)
        if not conditions.hits:
            warnings.append(movement.no_events("the reference recording", guessed=bool(hits)))
        bus = play_hits(source, hits, conditions.channels, before, samples, seed, part(progress, 0.3, 0.9))
    else:
        bus = play_texture(source, conditions, before, samples, seed, part(progress, 0.3, 0.9))
    bus = mix.with_room(mix.colour(bus, manner.distance, manner.brightness), room)[:, before:]
    progress(1.0)
    return bus * np.float32(mix.db(mix.STRIKE_TRIM_DB + manner.gain_db)), warnings


def plays_hits(source: Source, reading: Reading) -> bool:
    """The words decide when they name something struck or something that moves, else the recording does."""
    roles = {layer.family.role for layer in reading.layers}
    if Role.HITS in roles:
        return bool(source.cuts)
    return source.hits_are_clear and Role.MOTION not in roles


def _manner(reading: Reading) -> tuple[Manner, bool]:
    """How the recording is to sound: qualities of the first layer that it stands for."""
    own = [layer for layer in reading.layers if layer.family.role is not Role.AMBIENCE]
    manner = own[0].manner if own else manner_with(Manner(), reading.qualities)
    return manner, reading.dry or any(layer.dry for layer in own)


def _too_long(reference: Recording) -> list[tuple[str, str]]:
    if reference.duration <= LONGEST_REFERENCE_SEC:
        return []
    used = f"the first {LONGEST_REFERENCE_SEC:.0f} of its {reference.duration:.0f} s are used"
    return [("long_reference", f"The reference recording is long; {used}.")]


# ---- the recording taken apart


def take_apart(recording: Recording, progress: ProgressFn = no_progress) -> Source:
    """Mono, at our rate, cut at its onsets; kept for the windows and variants that follow."""
    longest = round(LONGEST_REFERENCE_SEC * recording.sample_rate)
    samples = np.ascontiguousarray(recording.samples[:, :longest])
    key = blake2b(samples.data, digest_size=16).digest() + recording.sample_rate.to_bytes(8, "little")
    with _keeping:  # variants are made side by side; the second one waits for what the first one finds
        if key not in _kept:
            while len(_kept) >= SOURCES_KEPT:
                _kept.pop(next(iter(_kept)))
            _kept[key] = _taken_apart(samples, recording.sample_rate, progress)
        return _kept[key]


_kept: dict[bytes, Source] = {}
_keeping = threading.Lock()


def _taken_apart(samples: mix.Bus, sample_rate: int, progress: ProgressFn) -> Source:
    mono = samples.mean(axis=0, keepdims=True, dtype=np.float32)
    mono = np.nan_to_num(resample(mono, sample_rate, SAMPLE_RATE)[0], posinf=0.0, neginf=0.0)
    progress(0.2)
    mono = _peak_one(np.pad(_high_passed(mono, RUMBLE_HZ), (LEAD_SAMPLES, 0)))
    heard = _peak_one(_high_passed(mono, HEARD_HZ))
    progress(0.4)
    onsets = find_onsets(heard, part(progress, 0.4, 0.9))
    clear = [onset for onset in onsets if _rise_db(heard, onset) >= HIT_RISE_DB]
    return Source(mono, cut_hits(mono, heard, clear or onsets), hits_are_clear=_is_made_of_hits(heard, clear))


def _high_passed(mono: Samples, cutoff_hz: float) -> Samples:
    from scipy.signal import butter, sosfilt, sosfilt_zi

    if not len(mono):
        return mono
    sos = butter(2, cutoff_hz, "highpass", fs=SAMPLE_RATE, output="sos")
    level_at_start = sosfilt_zi(sos) * float(mono[0] if len(mono) else 0.0)  # no step where a recording cuts in
    return np.asarray(sosfilt(sos, mono, zi=level_at_start)[0], np.float32)


def _peak_one(mono: Samples) -> Samples:
    return np.asarray(mono / max(float(np.abs(mono).max(initial=0.0)), 1e-6), np.float32)


def find_onsets(mono: Samples, progress: ProgressFn = no_progress) -> list[int]:
    """Samples at which something begins to sound, to about a millisecond."""
    if len(mono) < FLUX_WINDOW // 4 or not mono.any():
        return []
    flux = _spectral_flux(mono, progress)
    frames = _peaks(flux, round(MIN_GAP_SEC * SAMPLE_RATE / FLUX_HOP))
    onsets: list[int] = []
    for frame in frames:
        onset = _refined(mono, frame * FLUX_HOP)
        if not onsets or onset - onsets[-1] >= MIN_GAP_SEC * SAMPLE_RATE:
            onsets.append(onset)
    return onsets


def _spectral_flux(mono: Samples, progress: ProgressFn) -> NDArray[np.float32]:
    """Mean rise of the log spectrum from one frame to the one two hops later; frame k is centred at k · FLUX_HOP."""
    padded = np.pad(mono, (FLUX_WINDOW // 2 + 2 * FLUX_HOP, FLUX_WINDOW))
    frames = sliding_window_view(padded, FLUX_WINDOW)[::FLUX_HOP]
    window = np.hanning(FLUX_WINDOW).astype(np.float32)
    flux = np.empty(len(frames), np.float32)
    carried = np.zeros((2, FLUX_WINDOW // 2 + 1), np.float32)
    for first in range(0, len(frames), 2000):  # bounded memory for long recordings
        level = np.log1p(30 * np.abs(np.fft.rfft(frames[first : first + 2000] * window, axis=1))).astype(np.float32)
        with_past = np.concatenate([carried, level])
        flux[first : first + len(level)] = np.maximum(with_past[2:] - with_past[:-2], 0).mean(axis=1)
        carried = with_past[-2:]
        progress(first / len(frames))
    return flux[2:]


def _peaks(flux: NDArray[np.float32], gap: int) -> list[int]:
    """Frames whose flux is the largest around and stands out of what is usual there."""
    padded = np.pad(flux, gap, constant_values=0)
    largest = sliding_window_view(padded, 2 * gap + 1).max(axis=1)
    around = 40
    usual = np.median(sliding_window_view(np.pad(flux, around, mode="edge"), 2 * around + 1)[:: around // 4], axis=1)
    usual_here = np.interp(np.arange(len(flux)), np.arange(len(usual)) * (around // 4), usual)
    floor = 0.12 * float(np.quantile(flux, 0.995))
    return [int(at) for at in np.flatnonzero((flux >= largest) & (flux > 1.7 * usual_here + floor))]


def _refined(mono: Samples, about: int) -> int:
    """Where the envelope begins its steepest rise near a flux peak: last moment below a tenth of what it reaches."""
    first = max(0, about - round(0.030 * SAMPLE_RATE))
    last = min(len(mono), about + round(0.035 * SAMPLE_RATE))
    envelope = _envelope(mono[first:last])
    if len(envelope) < 3:
        return first
    step = 48  # 1 ms
    ahead = np.array([envelope[at : at + 10 * step].max() for at in range(0, len(envelope), step)])
    behind = np.array([envelope[max(0, at - 8 * step) : at + 1].mean() for at in range(0, len(envelope), step)])
    steepest = int(np.argmax((ahead + 1e-5) / (behind + 1e-3 + 0.05 * ahead.max()) * ahead)) * step
    top = float(envelope[steepest : steepest + 10 * step].max())
    base = float(envelope[max(0, steepest - 8 * step) : steepest + 1].min())
    threshold = base + 0.1 * (top - base)
    reached = steepest + int(np.argmax(envelope[steepest : steepest + 10 * step] >= base + 0.5 * (top - base)))
    below = np.flatnonzero(envelope[: reached + 1] <= threshold)
    return first + (int(below[-1]) + ENVELOPE_SAMPLES if len(below) else 0)


def _envelope(mono: Samples) -> NDArray[np.float32]:
    """Largest magnitude within the half millisecond that begins with each sample."""
    padded = np.pad(np.abs(mono), (0, ENVELOPE_SAMPLES - 1))
    return np.asarray(sliding_window_view(padded, ENVELOPE_SAMPLES).max(axis=1), np.float32)


def _rise_db(mono: Samples, onset: int) -> float:
    """How much louder the loudest 10 ms after an onset are than the 30 ms before it."""
    before = mono[max(0, onset - 1440) : max(1, onset - 24)]
    after = max(_power(mono[onset + start : onset + start + 480]) for start in (0, 480, 960, 1440))
    return 10 * float(np.log10((after + 1e-9) / (_power(before) + 1e-7)))


def _is_made_of_hits(mono: Samples, onsets: list[int]) -> bool:
    """Whether a recording is struck, not sustained: it falls between its onsets, and is seldom near its loudest.

    The numbers tell apart 198 recordings of a public sound library (steps, slams, coins; fans, water, motors).
    """
    if not onsets:
        return False
    blocks = _block_powers(mono[LEAD_SAMPLES:], 960)
    near_loudest = float(np.mean(blocks > 0.06 * np.quantile(blocks, 0.95))) if len(blocks) else 0.0
    per_second = len(onsets) / (len(mono) / SAMPLE_RATE)
    struck = per_second >= 0.1 if near_loudest <= 0.5 else per_second >= 0.8 and near_loudest <= 0.9
    return struck and _median_fall_db(mono, onsets) >= 10.0


def _median_fall_db(mono: Samples, onsets: list[int]) -> float:
    """From the loudest 10 ms of each hit to the quiet of its second half."""
    falls = [0.0]
    for onset, following in itertools.pairwise([*onsets, len(mono)]):
        power = _block_powers(mono[onset : min(following, onset + 2 * SAMPLE_RATE)], 480)
        if len(power) >= 5:
            falls.append(
                10 * float(np.log10((power[:5].max() + 1e-9) / (np.quantile(power[len(power) // 2 :], 0.3) + 1e-9)))
            )
    return float(np.median(falls[1:] or falls))


def _block_powers(mono: Samples, size: int) -> NDArray[np.float32]:
    return np.asarray((mono[: len(mono) // size * size].reshape(-1, size) ** 2).mean(axis=1), np.float32)


def cut_hits(mono: Samples, heard: Samples, onsets: list[int]) -> tuple[Cut, ...]:
    """The recording's hits with their pre-rolls and natural tails, weakest first; ``heard`` tells how loud they are."""
    pieces = []
    blocks = _block_powers(heard[LEAD_SAMPLES:], 480)
    background = float(np.quantile(blocks, 0.1)) if len(blocks) else 0.0
    for onset, following in itertools.pairwise([*onsets, len(mono)]):
        pre_roll = min(onset, round(PRE_ROLL_SEC * SAMPLE_RATE))
        end = _end_of_tail(heard, onset, following, background)
        samples = mono[onset - pre_roll : end].copy()
        _fade(samples, pre_roll)
        loud = float(np.abs(samples).max(initial=0.0))
        if len(samples) > pre_roll + 48 and loud > 1e-4:
            pieces.append((float(np.sqrt(_power(heard[onset : onset + 2400]))), samples, pre_roll, loud))
    pieces.sort(key=lambda piece: piece[0])
    ranks = np.linspace(0, 1, len(pieces)) if len(pieces) > 1 else [1.0]
    return tuple(
        Cut(samples, pre_roll, loud, float(rank))
        for (_, samples, pre_roll, loud), rank in zip(pieces, ranks, strict=False)
    )


def _end_of_tail(mono: Samples, onset: int, following: int, background: float) -> int:
    """Where a hit has died away into the recording's background (a power), or just before the next one begins."""
    last = following == len(mono)
    end = following if last else following - round(0.006 * SAMPLE_RATE)
    end = min(end, onset + round(LONGEST_HIT_SEC * SAMPLE_RATE))
    power = _block_powers(mono[onset:end], 480)
    if len(power) < 4:
        return max(end, onset + 1)
    gone = max(
        power.max() * 10 ** (GONE_DB / 10), min(2 * background, power.max() * 10 ** (LOUDEST_BACKGROUND_DB / 10))
    )
    return min(end, onset + (int(np.flatnonzero(power > gone)[-1]) + 6) * 480)


def _fade(samples: Samples, pre_roll: int) -> None:
    """In over the pre-roll, out over the last fifth, 80 ms at most; in place."""
    if pre_roll:
        samples[:pre_roll] *= np.linspace(0, 1, pre_roll, dtype=np.float32) ** 2
    fall = max(1, min(len(samples) // 5, round(0.080 * SAMPLE_RATE)))
    samples[-fall:] *= np.cos(np.linspace(0, np.pi / 2, fall, dtype=np.float32))


def _power(samples: Samples) -> float:
    return float(np.mean(samples**2)) if len(samples) else 0.0


# ---- hits on events


def play_hits(
    source: Source,
    hits: tuple[TimedHit, ...],
    channels: int,
    before: int,
    samples: int,
    seed: int,
    progress: ProgressFn,
) -> mix.Bus:
    """A cut on every event: (channels, samples), of which ``before`` lie before the window."""
    bus = mix.new_bus(channels, samples)
    for number, hit in enumerate(hits):
        rng = np.random.default_rng([seed, hit.index])
        cut = choose(source.cuts, hit, rng)
        at = round(hit.time * SAMPLE_RATE) + before
        if at < samples and at + len(cut.samples) > 0:
            speed = float(np.exp(rng.normal(0, 0.008 if len(source.cuts) > 1 else 0.02)))
            level = STRIKE_PEAK * (0.2 + 0.8 * hit.strength) / cut.peak * mix.db(rng.normal(0, 0.6))
            voice = _at_speed(cut.samples, speed) * np.float32(level)
            mix.add_at(bus, voice, at - round(cut.pre_roll / speed), mix.pan_gains(hit.x, channels))
        progress((number + 1) / len(hits))
    return bus


def choose(cuts: tuple[Cut, ...], hit: TimedHit, rng: np.random.Generator) -> Cut:
    """A cut about as strong as the hit, never the one the hit before has.

    Cuts are dealt into two or three hands by rank, and hits draw from the hands in turn: no memory of the hit before is
    needed, so any window of a region makes the same choice.
    """
    hands = min(3 if len(cuts) >= 6 else 2, len(cuts))
    hand = cuts[hit.index % hands :: hands]
    nearest = sorted(hand, key=lambda cut: abs(cut.strength - hit.strength))[: min(3, (len(hand) + 1) // 2)]
    return nearest[int(rng.integers(len(nearest)))]


def _at_speed(samples: Samples, speed: float) -> Samples:
    """A little faster or slower, pitch and all."""
    positions = np.arange(int((len(samples) - 1) / speed)) * speed
    return np.interp(positions, np.arange(len(samples)), samples).astype(np.float32)


# ---- textures along the motion


def play_texture(
    source: Source, conditions: Conditions, before: int, samples: int, seed: int, progress: ProgressFn
) -> mix.Bus:
    """Grains of the recording as loud as the picture is busy: (channels, samples)."""
    grain = min(round(GRAIN_SEC * SAMPLE_RATE), len(source.samples)) // 2 * 2
    hop = grain // 2
    levels, starts = _levels(source.samples, grain)
    order = np.argsort(levels)
    window = np.sin(np.pi * (np.arange(grain) + 0.5) / grain).astype(np.float32)  # equal power at half overlap
    place = round(conditions.start * SAMPLE_RATE) - before  # of the bus in the region
    motion = movement.level(conditions, before, samples)
    voice = np.zeros(samples, np.float32)
    numbers = range(max(0, place // hop - 1), (place + samples) // hop + 1)  # grains stand on a grid of the region
    usual = max(float(np.quantile(levels, 0.8)), 1 / TEXTURE_CREST)
    for done, number in enumerate(numbers):
        rng = np.random.default_rng([seed, number])
        at = number * hop - place
        busy = float(motion[min(max(0, at + hop), samples - 1)])
        pick = _pick(order, busy, number, rng)
        gain = usual / max(float(levels[pick]), 0.25 * usual)
        piece = source.samples[starts[pick] : starts[pick] + grain] * window * np.float32(gain**0.7)
        first, last = max(0, -at), min(grain, samples - at)
        if last > first:
            voice[at + first : at + last] += piece[first:last]
        if done % 32 == 0:
            progress(done / len(numbers))
    voice *= motion * np.float32(TEXTURE_RMS / max(usual, 1e-5))
    return mix.pan_gains(movement.place(conditions, before, samples), conditions.channels) * voice[None]


def _levels(mono: Samples, grain: int) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """RMS of the recording in every grain that may be taken from it, and where each starts."""
    starts = np.arange(0, max(1, len(mono) - grain + 1), LEVEL_STEP)
    total = np.concatenate([[0.0], np.cumsum(mono.astype(np.float64) ** 2)])
    return np.sqrt((total[starts + grain] - total[starts]) / grain).astype(np.float32), starts


def _pick(order: NDArray[np.intp], busy: float, number: int, rng: np.random.Generator) -> int:
    """A place in the recording whose level ranks about where the motion does; neighbours never draw from one stretch.

    The recording's silent beginning and end (its lowest tenth) is left out.
    """
    lowest = len(order) // 10
    rank = lowest + (len(order) - lowest) * np.clip(busy + rng.normal(0, 0.18), 0, 0.999)
    around = order[max(lowest, int(rank) - len(order) // 8) : int(rank) + len(order) // 8 + 1]
    halves = around[(around * 4 // len(order)) % 2 == number % 2]  # alternate quarters of the recording
    drawn = halves if len(halves) else around
    return int(drawn[int(rng.integers(len(drawn)))])
