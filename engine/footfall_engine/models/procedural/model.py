"""The embedded default: what the picture shows plays what the prompt names, on the CPU, without weights.

Every random choice hangs on (seed, sound, place in the region) and never on the window that asks, so windows of a long
region agree: a hit sounds the same from wherever it is heard, an ambience is cut from one endless stretch. Movement
textures agree as far as the motion that two windows know is the same.

Who plays which hit, when a prompt names several sounds that are struck:
1. The first sound that is not a rarity (doors, explosions, breaking glass happen once) leads and plays every hit.
2. Another sound takes over the hits of a kind it is made for and the leader is not: footsteps take steps from a door.
3. A rarity keeps only the strongest of those. A sound that the kinds give nothing doubles the strongest few hits.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from footfall_engine.models.base import Conditions, Generated, TimedHit
from footfall_engine.models.procedural import mix, movement, retime
from footfall_engine.models.procedural.families import FAMILIES, family
from footfall_engine.models.procedural.prompt import Layer, Reading, manner_with, read_prompt
from footfall_engine.models.procedural.voice import BLOCK_SEC, SAMPLE_RATE, Role, Samples, Strike
from footfall_engine.progress import ProgressFn, in_turn, part

LONGEST_RING_SEC = 8.0  # a strike rings no longer
MIDDLE = np.zeros(1, np.float32)
BLOCK_OVERLAP_SEC = 1.0  # of two blocks of an endless texture
DECLICK_SEC = 0.010
BURST_SEC = 0.35  # of a texture that is played on a hit

STEP, IMPACT, STOP, START, FLASH = "step", "impact", "stop", "start", "flash"
MADE_FOR: dict[str, frozenset[str]] = {
    "footsteps": frozenset({STEP}),
    "hooves": frozenset({STEP}),
    "shot": frozenset({FLASH, START}),
    "explosion": frozenset({FLASH}),
    "thunder": frozenset({FLASH}),
    "electric spark": frozenset({FLASH}),
}
"""Kinds of hit that a family is made for; any other family is made for all but steps and flashes."""
ANY_BLOW = frozenset({IMPACT, STOP, START})
RARITIES = frozenset({"door", "drawer", "glass break", "explosion", "thunder", "body fall", "splash", "zipper", "bell"})
FREQUENT = frozenset({"footsteps", "hooves", "keyboard", "drum", "bounce"})
"""Families that are struck again and again while something moves; of any other, one hit may be all there is."""
ONE_IN = 8  # hits that a rarity or a doubling sound plays: the strongest eighth, at least one


@dataclass(frozen=True)
class Playing:
    """One layer with the hits it plays."""

    layer: Layer
    hits: tuple[TimedHit, ...] = ()


Cast = Sequence[Playing]


class Procedural:
    """Sound from events, movement and words."""

    sample_rate = SAMPLE_RATE

    def __init__(self) -> None:
        threadpool_limits(1, user_api="blas")  # the matrices are small, and threads cost twice what they bring

    def generate(self, conditions: Conditions, seeds: list[int], progress: ProgressFn) -> Generated:
        progress(0.0)
        reading = read_prompt(conditions.prompt, conditions.negative, FAMILIES)
        if conditions.reference is not None:
            cast, warnings = _cast_beside_reference(reading)
        else:
            cast, warnings = _cast(reading, conditions)
        audio = []
        for seed, share in in_turn(seeds, progress):
            bus = _perform(cast, conditions, seed, part(share, 0.0, 0.5 if conditions.reference else 1.0))
            if conditions.reference is not None:
                own, said = retime.retimed(conditions, reading, seed, part(share, 0.5, 1.0))
                bus += own
                warnings += [warning for warning in said if warning not in warnings]
            audio.append(bus)
        return Generated(np.stack(audio), (*reading.warnings, *warnings))


# ---- who plays what


def _cast(reading: Reading, conditions: Conditions) -> tuple[Cast, list[tuple[str, str]]]:
    """Layers and their hits, and what was not done as asked."""
    if reading.silenced:
        return [], []
    if not reading.layers:
        return voice_from_picture(conditions.hits, conditions.activity, reading)
    struck = [layer for layer in reading.layers if layer.family.role is Role.HITS]
    lasting = [Playing(layer) for layer in reading.layers if layer.family.role is not Role.HITS]
    warnings = []
    hits = conditions.hits
    if struck and not hits:
        hits = () if lasting else movement.hits(conditions)
        warnings.append(movement.no_events(_names(struck), guessed=bool(hits)))
    frequent = [layer for layer in struck if layer.family.name in FREQUENT]
    if frequent and conditions.hits and movement.moves_without_hits(conditions):
        warnings.append(movement.few_events(_names(frequent)))
    moving = [each.layer for each in lasting if each.layer.family.role is Role.MOTION]
    if moving and conditions.activity <= 0:
        warnings.append(("no_movement", f"Nothing moves in this picture, so {_names(moving)} cannot be heard."))
    return [*deal(struck, hits), *lasting], warnings


def _cast_beside_reference(reading: Reading) -> tuple[Cast, list[tuple[str, str]]]:
    """With a recording of the user's, only the ambiences are ours."""
    return [Playing(layer) for layer in reading.layers if layer.family.role is Role.AMBIENCE], []


def deal(layers: Sequence[Layer], hits: tuple[TimedHit, ...]) -> list[Playing]:
    """Which layer plays which hit; the rules stand at the top of this file."""
    if len(layers) < 2 or not hits:
        return [Playing(layer, hits) for layer in layers]
    lead = next((layer for layer in layers if layer.family.name not in RARITIES), layers[0])
    taken: set[int] = set()
    cast = []
    for layer in layers:
        if layer is lead:
            continue
        own = [hit for hit in hits if hit.kind in _made_for(layer) - _made_for(lead) and hit.index not in taken]
        if layer.family.name in RARITIES:
            own = _strongest(own, len(hits))
        if own and len(own) + len(taken) < len(hits):
            taken |= {hit.index for hit in own}
        else:
            own = _strongest([hit for hit in hits if hit.kind in _made_for(layer)] or hits, len(hits))
        cast.append(Playing(layer, _in_time(own)))
    return [Playing(lead, tuple(hit for hit in hits if hit.index not in taken)), *cast]


def _made_for(layer: Layer) -> frozenset[str]:
    return MADE_FOR.get(layer.family.name, ANY_BLOW)


def _strongest(hits: Iterable[TimedHit], among: int) -> list[TimedHit]:
    return sorted(hits, key=lambda hit: (-hit.strength, hit.index))[: max(1, among // ONE_IN)]


def _in_time(hits: Iterable[TimedHit]) -> tuple[TimedHit, ...]:
    return tuple(sorted(hits, key=lambda hit: hit.time))


@dataclass(frozen=True)
class Choice:
    """What is played for one kind of thing that the picture shows."""

    seen: str  # as the warning calls it
    family: str
    effects: Mapping[str, float]


SMALL, BIG = 0.12, 0.45  # sizes of hits, shares of the picture's height
CHOICES: dict[str, Choice] = {
    STEP: Choice("steps", "footsteps", {}),
    "small impact": Choice("small impacts", "wood impact", {"size": -0.4, "effort": -0.2}),
    IMPACT: Choice("impacts", "wood impact", {"brightness": -0.1}),
    "big impact": Choice("big impacts", "body fall", {"effort": 0.4, "size": 0.3}),
    STOP: Choice("what comes to rest", "body fall", {"effort": -0.5, "size": -0.2, "gain_db": -4.0}),
    START: Choice("what flies off", "whoosh", {"gain_db": -3.0}),
    FLASH: Choice("flashes", "electric spark", {"gain_db": -4.0}),
    "movement": Choice("movement", "cloth", {"gain_db": -8.0}),
}


def voice_from_picture(
    hits: tuple[TimedHit, ...], activity: float, reading: Reading | None = None
) -> tuple[Cast, list[tuple[str, str]]]:
    """Without a prompt: each hit by its kind and size, movement as cloth. The warning says what was chosen."""
    cast, said = [], []
    for number, (kind, choice) in enumerate(CHOICES.items()):
        own = tuple(hit for hit in hits if _kind_and_size(hit) == kind)
        if own or (kind == "movement" and activity > 0):
            cast.append(Playing(_chosen(choice, number, reading or Reading(())), own))
            said.append(f"'{choice.family}' for {choice.seen}")
    played = ", ".join(said) or "nothing moves in the picture, so nothing sounds"
    return cast, [("no_prompt", f"No prompt names a sound that is known; chosen from the picture: {played}.")]


def _kind_and_size(hit: TimedHit) -> str:
    if hit.kind != IMPACT:
        return hit.kind
    return "small impact" if hit.size < SMALL else "big impact" if hit.size > BIG else IMPACT


def _chosen(choice: Choice, copy: int, reading: Reading) -> Layer:
    chosen = family(choice.family)
    manner = manner_with(manner_with(chosen.manner, choice.effects), reading.qualities)
    manner = replace(manner, material=chosen.manner.material or chosen.default_variant)
    return Layer(chosen, manner, text="", dry=reading.dry, copy=copy)


def _names(layers: Sequence[Layer]) -> str:
    return " and ".join(f"'{layer.family.name}'" for layer in layers)


# ---- playing


def _perform(cast: Cast, conditions: Conditions, seed: int, progress: ProgressFn) -> mix.Bus:
    """The window's sound: (channels, samples)."""
    samples = round(conditions.duration * SAMPLE_RATE)
    total = mix.new_bus(conditions.channels, samples)
    for each, share in in_turn(cast, progress):
        room = mix.room_amount(each.layer.manner, each.layer.dry)
        before = mix.room_samples(room)  # what sounded this long ago is still in the room
        bus = _play(each, conditions, seed, before, before + samples, part(share, 0.0, 0.8))
        bus = mix.with_room(mix.colour(bus, each.layer.manner.distance), room, part(share, 0.8, 1.0))[:, before:]
        total += bus * np.float32(mix.db(_trim_db(each) + each.layer.level_db + each.layer.manner.gain_db))
        share(1.0)
    return _declicked(total, conditions)


def _trim_db(each: Playing) -> float:
    struck = each.hits and each.layer.family.strike is not None
    return mix.STRIKE_TRIM_DB if struck else mix.TEXTURE_TRIM_DB


def _play(each: Playing, conditions: Conditions, seed: int, before: int, samples: int, progress: ProgressFn) -> mix.Bus:
    """A layer's dry sound; its first ``before`` samples lie before the window."""
    kind = each.layer.family
    if each.hits and kind.strike is not None:
        return _play_hits(each, conditions, seed, before, samples, progress)
    if each.hits:
        level, pan = _burst_level(each.hits, before, samples), _pan_on(_mean_x(each.hits), conditions)
    elif kind.role is Role.AMBIENCE:
        tonal = each.layer.family.tonal  # as a mono sum of what stands apart would be missing tones
        level, pan = np.ones(samples, np.float32), _pan_on(MIDDLE, conditions) if tonal else _wide(conditions)
    elif kind.role is Role.MOTION:
        level, pan = (
            movement.level(conditions, before, samples),
            _pan_on(movement.place(conditions, before, samples), conditions),
        )
    else:
        return mix.new_bus(conditions.channels, samples)
    return _play_texture(each.layer, level, pan, conditions, seed, before, progress)


def _play_hits(
    each: Playing, conditions: Conditions, seed: int, before: int, samples: int, progress: ProgressFn
) -> mix.Bus:
    bus = mix.new_bus(conditions.channels, samples)
    strike = each.layer.family.strike
    assert strike is not None
    for number, hit in enumerate(each.hits):
        at = round(hit.time * SAMPLE_RATE) + before
        if -LONGEST_RING_SEC * SAMPLE_RATE < at < samples:
            rng = _rng(seed, each.layer, hit.index)
            voice = strike(Strike(hit.strength, hit.size, hit.index, _gap(each.hits, number)), each.layer.manner, rng)
            mix.add_at(bus, voice, at, mix.pan_gains(hit.x, conditions.channels))
        progress((number + 1) / len(each.hits))
    return bus


def _gap(hits: Sequence[TimedHit], number: int) -> float:
    return hits[number + 1].time - hits[number].time if number + 1 < len(hits) else float("inf")


def _play_texture(
    layer: Layer,
    level: NDArray[np.float32],
    place: Placer,
    conditions: Conditions,
    seed: int,
    before: int,
    progress: ProgressFn,
) -> mix.Bus:
    """A stretch of an endless texture that is made in blocks, each of the region's own, joined at equal power.

    ``level`` is that of each sample of the bus; where a block reaches beyond the bus, the level at its edge holds.
    """
    bus = mix.new_bus(conditions.channels, len(level))
    texture = layer.family.texture
    if texture is None:
        return bus
    hop, overlap = round(BLOCK_SEC * SAMPLE_RATE), round(BLOCK_OVERLAP_SEC * SAMPLE_RATE)
    size = hop + overlap
    first = round(conditions.start * SAMPLE_RATE) - before  # of the bus, in the region
    numbers = range(max(0, (first - overlap) // hop), max(0, first + len(level) - 1) // hop + 1)
    tonal = layer.family.tonal
    rise = ((np.arange(overlap) + 0.5) / overlap).astype(np.float32)  # at equal gain for what goes on in step
    rise = rise if tonal else np.sin(np.pi / 2 * rise)
    for done, number in enumerate(numbers):
        at = number * hop - first
        if at + size > 0:
            own_level = level[np.clip(np.arange(at, at + size), 0, len(level) - 1)]
            voice = mix.softened(texture(size, own_level, layer.manner, _rng(seed, layer, 0 if tonal else number)))
            fade = np.concatenate([rise if number else np.ones_like(rise), np.ones(hop - overlap), rise[::-1]])
            begin, end = max(0, at), min(len(level), at + size)
            bus[:, begin:end] += place(voice, begin - at, begin, end) * fade[begin - at : end - at].astype(np.float32)
        progress((done + 1) / len(numbers))
    return bus


Placer = Callable[[Samples, int, int, int], mix.Bus]
"""(voice, where it is first wanted, begin, end) → the bus from sample begin to end."""


def _pan_on(x: NDArray[np.float32], conditions: Conditions) -> Placer:
    """At a place on the screen, one for each sample of the bus or one for all."""
    gains = mix.pan_gains(x, conditions.channels)

    def place(voice: Samples, skip: int, begin: int, end: int) -> mix.Bus:
        own = gains if gains.shape[1] == 1 else gains[:, begin:end]
        return own * voice[None, skip : skip + end - begin]

    return place


def _wide(conditions: Conditions) -> Placer:
    """All around."""
    return lambda voice, skip, begin, end: mix.spread(voice, conditions.channels)[:, skip : skip + end - begin]


def _burst_level(hits: Sequence[TimedHit], before: int, samples: int) -> NDArray[np.float32]:
    """For a texture that is played on hits: a quick rise and a slow fall at each."""
    level = np.zeros(samples, np.float32)
    rise, fall = round(0.25 * BURST_SEC * SAMPLE_RATE), round(BURST_SEC * SAMPLE_RATE)
    shape = np.concatenate([np.hanning(2 * rise)[:rise], np.hanning(2 * fall)[fall:]]).astype(np.float32)
    for hit in hits:
        at = round(hit.time * SAMPLE_RATE) + before
        first, last = max(0, -at), min(len(shape), samples - at)
        if last > first:
            stretch = level[at + first : at + last]
            np.maximum(stretch, (0.3 + 0.7 * hit.strength) * shape[first:last], out=stretch)
    return level


def _mean_x(hits: Sequence[TimedHit]) -> NDArray[np.float32]:
    return np.array([np.mean([hit.x for hit in hits])], np.float32)


def _declicked(bus: mix.Bus, conditions: Conditions) -> mix.Bus:
    """The region's very first samples fade in; where it ends only the renderer knows."""
    if conditions.start == 0 and not any(0 <= hit.time < DECLICK_SEC for hit in conditions.hits):
        fade = min(bus.shape[1], round(DECLICK_SEC * SAMPLE_RATE))
        bus[:, :fade] *= np.linspace(0, 1, fade, dtype=np.float32)
    return bus


def _rng(seed: int, layer: Layer, place: int) -> np.random.Generator:
    """Randomness of one hit or block: the same from every window, and whatever other layers there are."""
    sound = zlib.crc32(layer.family.name.encode())
    return np.random.default_rng([seed, sound, layer.copy, max(0, place)])
