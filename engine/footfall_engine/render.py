"""From a request to its stems: the recipes, in numbered steps."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from footfall_bridge import messages
from footfall_bridge.errors import BadRequest, InvalidRange
from footfall_bridge.messages import Audition, Controls, Generate, Hit, Message, Regenerate, Spot, Stem
from footfall_bridge.timeline import TimeRange, frame_rate, play_rate, seconds, to_units
from numpy.typing import NDArray

from footfall_engine import windows
from footfall_engine.analysis.picture import PictureAnalysis
from footfall_engine.cache import Analyses
from footfall_engine.media import video, wav
from footfall_engine.media.audio import Recording, fit_length, read_recording
from footfall_engine.media.player import play
from footfall_engine.models.registry import ModelRow, takes_at_once, unhonoured, usable_row
from footfall_engine.playback import Playback, as_played
from footfall_engine.progress import ProgressFn, part, side_by_side
from footfall_engine.scene import Known, Scene, sound_of
from footfall_engine.stems import (
    Take,
    announcement,
    copy_pcm,
    open_stems,
    provenance,
    provenance_of_patch,
    seeds_of,
    stem_bytes,
    takes_of,
    without_take,
)

STEM_RATE = 48_000  # Hz; what picture is finished at
PATCH_FADE_SEC = (0.010, 0.040)  # shortest and longest crossfade at the edges of a regenerated range
LOOKING = "looking at the picture"
REFERENCE_PART = ("reference_in", "reference_out")
CHANGES = (
    "video", "prompt", "negative", "seed", "model", "reference", *REFERENCE_PART, "events", *Controls.model_fields,
)  # fmt: skip
"""Keys of a regenerate that change how the stem was made."""


class Watcher(Protocol):
    """Who a recipe reports to."""

    finished: Sequence[Stem]  # stems that are there from before an interruption

    def report(self, event: Message) -> None: ...

    def warn(self, code: str, sentence: str) -> None: ...

    def stage(self, name: str, start: float, end: float) -> ProgressFn:
        """Progress of a step that takes the share start…end of the job."""
        ...


@dataclass(frozen=True)
class Studio:
    """What all jobs share."""

    analyses: Analyses
    default_model: str
    commercial_use: bool = False  # only models whose weights surely allow it


# ---- the recipes


def generate(request: Generate, studio: Studio, watcher: Watcher) -> None:
    # 1. what is asked for, and can it be done?
    row = usable_row(request.model or studio.default_model, studio.commercial_use)
    rate, playback = playback_of(request)
    length = TimeRange(Fraction(0), playback.duration)
    takes = takes_of(request, Path(request.video).stem, request.prompt, watcher.finished)
    needed_bytes = len(takes) * stem_bytes(length.samples(STEM_RATE), request.channels)
    wav.check_stem_folder(Path(_absolute(request.stem_folder)), needed_bytes)
    reference = _reference(request, rate)
    _warn_of_unhonoured(request, row, watcher)

    # 2. what does the picture show?
    picture = _look(request, playback, studio, watcher.stage(LOOKING, 0.0, row.looking_share))
    scene = _scene(request, playback, request.channels, picture, reference, studio, watcher)

    # 3. a stem for each variant, batch by batch
    begins = playback.region.start if request.position is None else seconds(request.position, rate)
    position = to_units(begins, STEM_RATE)

    def make(batch: list[Take], progress: ProgressFn) -> None:
        facts = [provenance(request, take.seed, row, playback.region, rate) for take in batch]
        with open_stems(batch, STEM_RATE, request.channels, position, facts, request.id) as stems:
            for block in sound_of(scene, length, row, seeds_of(batch), STEM_RATE, watcher.warn, progress):
                for stem, audio in zip(stems, block, strict=True):
                    stem.write(audio)
        for take, stem in zip(batch, stems, strict=True):
            watcher.report(announcement(take, stem, position))

    _make_all(takes, row, make, watcher)


def regenerate(request: Regenerate, studio: Studio, watcher: Watcher) -> None:
    # 1. the stem, and how it was made
    old = wav.read_facts(Path(_absolute(request.stem)))
    made = _as_made(request, old)
    row = usable_row(made.model or studio.default_model, studio.commercial_use)
    rate, playback = playback_of(made)
    span = _patch_range(request, old, rate)
    takes = takes_of(request, without_take(old.path.stem), "", watcher.finished)
    wav.check_stem_folder(Path(_absolute(request.stem_folder)), len(takes) * stem_bytes(old.samples, old.channels))
    reference = _reference(made, rate)
    _warn_of_unhonoured(request, row, watcher)

    # 2. what does the picture show? Known from when the stem was made
    picture = _look(made, playback, studio, watcher.stage(LOOKING, 0.0, row.looking_share))
    scene = _scene(made, playback, old.channels, picture, reference, studio, watcher)
    known = Known(span, old.sample_rate, partial(_kept, old)) if row.fills_in else None

    # 3. everything before the range, new sound blended in at its edges, everything after it
    begin, end = (to_units(time, old.sample_rate) for time in (span.start, span.end))

    def make(batch: list[Take], progress: ProgressFn) -> None:
        facts = [provenance_of_patch(old, made, take.seed, span) for take in batch]
        with open_stems(batch, old.sample_rate, old.channels, old.position, facts, request.id) as stems:
            copy_pcm(old, 0, begin, stems)
            at = begin
            for block in sound_of(scene, span, row, seeds_of(batch), old.sample_rate, watcher.warn, progress, known):
                until = at + block.shape[-1]
                kept = _kept(old, at, until)
                angle = windows.patch_angle(
                    begin, end, np.arange(at, until), _fade_samples(end - begin, old.sample_rate)
                )
                for stem, audio in zip(stems, block, strict=True):
                    stem.write(windows.blended(kept, audio, angle))
                at = until
            for stem in stems:
                stem.flush()
            copy_pcm(old, end, old.samples, stems)
        for take, stem in zip(batch, stems, strict=True):
            watcher.report(announcement(take, stem, old.position))

    _make_all(takes, row, make, watcher)


def spot(request: Spot, studio: Studio, watcher: Watcher) -> None:
    _, playback = playback_of(request)
    picture = _look(request, playback, studio, watcher.stage(LOOKING, 0.0, 1.0))
    watcher.report(messages.Spotted(id=request.id, duration=picture.duration, events=list(picture.hits)))


def audition(request: Audition, studio: Studio, watcher: Watcher) -> None:
    if request.path is not None:
        play(_absolute(request.path), watcher.stage("playing", 0.0, 1.0))


# ---- what is asked for


def playback_of(request: Generate | Spot) -> tuple[Fraction, Playback]:
    """(rate that the request counts frames in, region of the clip as it is played)."""
    facts = video.probe(_absolute(request.video))
    rate = facts.frame_rate if request.frame_rate is None else frame_rate(request.frame_rate)
    end = facts.duration if request.end is None else seconds(request.end, rate)
    region = video.region_of(facts, seconds(request.start, rate), end)
    return rate, Playback(region, play_rate(request.speed))


def _absolute(path: str) -> str:
    """The path itself; BadRequest when it is relative, as a resident engine has no folder of its own to start from."""
    if not Path(path).is_absolute():
        raise BadRequest(f"the path {path!r} must be given from its root")
    return path


def _reference(request: Generate, rate: Fraction) -> Recording | None:
    """The part of the recording that is to be used."""
    start, end = (
        None if time is None else seconds(time, rate) for time in (request.reference_in, request.reference_out)
    )
    if request.reference is None:
        if start is not None or end is not None:
            raise BadRequest("reference_in and reference_out name a part of a recording, and there is no reference")
        return None
    if start is not None and end is not None and start >= end:
        raise InvalidRange(f"reference_in ({float(start):g} s) must lie before reference_out ({float(end):g} s)")
    return read_recording(_absolute(request.reference), start or Fraction(0), end)


def _look(request: Generate | Spot, playback: Playback, studio: Studio, progress: ProgressFn) -> PictureAnalysis:
    return as_played(studio.analyses.of(request.video, playback.region, progress), playback)


def _scene(
    request: Generate,
    playback: Playback,
    channels: int,
    picture: PictureAnalysis,
    reference: Recording | None,
    studio: Studio,
    watcher: Watcher,
) -> Scene:
    return Scene(
        video=request.video,
        playback=playback,
        prompt=request.prompt,
        negative=request.negative,
        channels=channels,
        hits=picture.hits if request.events is None else _inside(request.events, playback.duration, watcher),
        picture=picture,
        reference=reference,
        controls=controls_of(request),
        cache=studio.analyses.cache,
    )


def controls_of(request: Controls) -> Controls:
    return Controls(**{name: getattr(request, name) for name in Controls.model_fields})


def _inside(events: list[Hit], duration: Fraction, watcher: Watcher) -> tuple[Hit, ...]:
    """The user's events in order of time; one past the region's end is said, not dropped in silence."""
    inside = sorted((hit for hit in events if hit.time < duration), key=lambda hit: hit.time)
    if len(inside) < len(events):
        outside = min(hit.time for hit in events if hit.time >= duration)
        sentence = f"{len(events) - len(inside)} of your events lie past the region's end, the first at {outside:g} s"
        watcher.warn("events_outside", sentence)
    return tuple(inside)


def _as_made(request: Regenerate, old: wav.StemFacts) -> Generate:
    """The request that made the stem, with what this one changes of it."""
    fields = {**old.provenance["request"], "id": request.id, "stem_folder": request.stem_folder}
    if request.reference is not None:  # the old one's part means nothing in another recording
        fields = {key: value for key, value in fields.items() if key not in REFERENCE_PART}
    fields |= {key: value for key, value in messages.to_fields(request).items() if key in CHANGES}
    if request.frame_rate is not None:
        rate = frame_rate(request.frame_rate)
        fields |= {key: str(seconds(getattr(request, key), rate)) for key in REFERENCE_PART if getattr(request, key)}
    made = messages.parse_request(fields)
    assert isinstance(made, Generate)
    return made


def _patch_range(request: Regenerate, old: wav.StemFacts, rate: Fraction) -> TimeRange:
    rate = rate if request.frame_rate is None else frame_rate(request.frame_rate)
    length = Fraction(old.samples, old.sample_rate)
    span = TimeRange(seconds(request.start, rate), seconds(request.end, rate))
    if span.end > length + 1 / rate:
        raise InvalidRange(f"out ({float(span.end):g} s) lies past the stem's end ({float(length):g} s)")
    span = TimeRange(span.start, min(span.end, length))
    if span.duration < 2 * Fraction(PATCH_FADE_SEC[0]):
        raise InvalidRange(f"{float(span.duration) * 1000:.1f} ms are too short to regenerate; 20 ms are the least")
    return span


def _kept(old: wav.StemFacts, first: int, last: int) -> NDArray[np.float32]:
    """Samples [first, last) of a stem, shape = (channels, last - first); silence past its end."""
    return fit_length(wav.to_float(wav.read_pcm(old, first, min(last, old.samples))), last - first)


def _fade_samples(patch_samples: int, sample_rate: int) -> int:
    shortest, longest = PATCH_FADE_SEC
    return round(min(longest * sample_rate, max(shortest * sample_rate, patch_samples / 8)))


def _warn_of_unhonoured(request: Generate | Regenerate, row: ModelRow, watcher: Watcher) -> None:
    for sentence in unhonoured(request, row):
        watcher.warn("control_ignored", sentence)


def _make_all(
    takes: list[Take], row: ModelRow, make: Callable[[list[Take], ProgressFn], None], watcher: Watcher
) -> None:
    """Make takes in groups that the model makes at once.

    The first one alone, so that it is there soon; the rest side by side as far as the model and our cores allow.
    """
    at_once = takes_at_once(row)
    batches = [takes[first : first + at_once] for first in range(0, len(takes), at_once)]
    progress = watcher.stage("making the sound", row.looking_share, 1.0)
    first_share = 1 / max(1, len(batches))
    side_by_side(make, batches[:1], 1, part(progress, 0.0, first_share))
    side_by_side(make, batches[1:], min(row.side_by_side, os.cpu_count() or 1), part(progress, first_share, 1.0))
