"""From a request to its stems: the recipes, in numbered steps."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from footfall_bridge import messages
from footfall_bridge.errors import BadRequest, InvalidRange, MediaNotFound
from footfall_bridge.messages import (
    STRENGTH,
    Audition,
    Controls,
    Generate,
    Hit,
    Job,
    Message,
    Regenerate,
    Spot,
    Stem,
    TimingSource,
)
from footfall_bridge.timeline import TimeRange, frame_rate, play_rate, seconds, to_units

from footfall_engine.analysis.picture import PictureAnalysis
from footfall_engine.cache import Analyses
from footfall_engine.media import video, wav
from footfall_engine.media.audio import Recording, read_recording
from footfall_engine.media.player import play
from footfall_engine.models.base import Seen
from footfall_engine.models.registry import ModelRow, joins_jobs, make_ready, takes_at_once, unhonoured, usable_row
from footfall_engine.patching import SHORTEST_FADE_SEC, Bed, Part, around, let_in, merged, parts_of
from footfall_engine.playback import Playback, as_played
from footfall_engine.progress import ProgressFn, begun_by_progress, in_turn, no_progress, side_by_side
from footfall_engine.scene import Known, Scene, seen_of, sound_of
from footfall_engine.stems import (
    CHANGES,
    REFERENCE_PART,
    Fill,
    LimitedStem,
    Note,
    StemForm,
    Take,
    announcement,
    open_stems,
    provenance,
    provenance_around,
    provenance_of_patch,
    seeds_of,
    stem_bytes,
    takes_of,
    without_take,
)

STEM_RATE = 48_000  # Hz; what picture is finished at
LOOKING = "looking at the picture"
LOADING = "loading the model"
MAKING = "making the sound"
LOADING_SHARE = 0.01  # of a job's time, where there is something to load


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


@dataclass(frozen=True)
class Company:
    """Jobs that are better worked on together."""

    model: str
    takes: int  # variants of all of them, at most


def company(request: Job, studio: Studio) -> Company | None:
    """Which jobs gain by being worked on beside this one; None: it is best alone. Errors are those of its recipe."""
    if not isinstance(request, (Generate, Regenerate)):
        return None
    made = request if isinstance(request, Generate) else _as_made(request, _stem_of(request))
    row = usable_row(made.model or studio.default_model, studio.commercial_use)
    return Company(row.name, takes_at_once(row)) if joins_jobs(row) else None


# ---- the recipes


def generate(request: Generate, studio: Studio, watcher: Watcher) -> None:
    if request.keep is not None:
        extend(request, request.keep, studio, watcher)
        return

    # 1. what is asked for, and can it be done?
    row = usable_row(request.model or studio.default_model, studio.commercial_use)
    rate, playback = playback_of(request)
    length = TimeRange(Fraction(0), playback.duration)
    takes = takes_of(request, Path(request.video).stem, request.prompt, watcher.finished)
    form = StemForm(STEM_RATE, request.channels, _position(request, playback, rate, STEM_RATE))
    _check_folder(request, takes, length.samples(STEM_RATE), form)

    # 2. what does the picture show?
    scene = _scene(request, request, rate, playback, request.channels, row, studio, watcher)

    # 3. a stem for each variant, batch by batch
    def note(take: Take) -> Note:
        return provenance(request, take.seed, row, playback.region, rate)

    def fill(batch: list[Take], stems: list[LimitedStem], progress: ProgressFn) -> None:
        for block in sound_of(scene, length, row, seeds_of(batch), STEM_RATE, watcher.warn, progress):
            for stem, audio in zip(stems, block, strict=True):
                stem.write(audio)

    _make_all(takes, form, row, note, fill, request.id, watcher)


def extend(request: Generate, kept: str, studio: Studio, watcher: Watcher) -> None:
    # 1. what is asked for, where the stem lies in it, and what is left around it
    row = usable_row(request.model or studio.default_model, studio.commercial_use)
    rate, playback = playback_of(request)
    old = wav.read_facts(Path(_absolute(kept)))
    bed = _bed(request, old, playback)
    takes = takes_of(request, without_take(old.path.stem), request.prompt, watcher.finished)
    form = StemForm(old.sample_rate, old.channels, _position(request, playback, rate, old.sample_rate))
    _check_folder(request, takes, bed.samples, form)

    # 2. what does the picture show?
    scene = _scene(request, request, rate, playback, old.channels, row, studio, watcher)

    # 3. the stem as it is, new sound around it
    def note(take: Take) -> Note:
        return provenance_around(old, request, take.seed, row, playback.region, rate)

    fill = _filler(bed, around(bed, old.sample_rate), scene, row, watcher)
    _make_all(takes, form, row, note, fill, request.id, watcher)


def regenerate(request: Regenerate, studio: Studio, watcher: Watcher) -> None:
    # 1. the stem, and how it was made
    old = _stem_of(request)
    made = _as_made(request, old)
    row = usable_row(made.model or studio.default_model, studio.commercial_use)
    rate, playback = _played_as_made(request, made, old, watcher)
    spans = _patch_ranges(request, old, rate)
    takes = takes_of(request, without_take(old.path.stem), "", watcher.finished)
    form = StemForm(old.sample_rate, old.channels, old.position)
    _check_folder(request, takes, old.samples, form)

    # 2. what does the picture show? Known from when the stem was made
    scene = _scene(request, made, rate, playback, old.channels, row, studio, watcher)

    # 3. the stem as it is, new sound blended in where it was asked for
    def note(take: Take) -> Note:
        return provenance_of_patch(old, made, take.seed, row, spans)

    fill = _filler(Bed(old, 0, old.samples), parts_of(spans, old.sample_rate), scene, row, watcher)
    _make_all(takes, form, row, note, fill, request.id, watcher)


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


def _played_as_made(
    request: Regenerate, made: Generate, old: wav.StemFacts, watcher: Watcher
) -> tuple[Fraction, Playback]:
    """As `playback_of`; MediaNotFound says of what picture it is, and one that has changed is told of."""
    try:
        version = video.file_version(_absolute(made.video))
    except MediaNotFound as error:
        raise MediaNotFound(
            f"the picture that {old.path.name} was made of is not where it was: {error.message}. "
            f"Put it back, or say where it is now (key 'video', --video)"
        ) from error
    if request.video is None and version != old.provenance.get("picture", version):
        watcher.warn(
            "picture_changed",
            f"{Path(made.video).name} has been written anew since {old.path.name} was made of it: "
            f"the part is made of the picture as it is now",
        )
    return playback_of(made)


def _position(request: Generate, playback: Playback, rate: Fraction, stem_rate: int) -> int:
    """Where the stem belongs on the timeline, in its own samples."""
    begins = playback.region.start if request.position is None else seconds(request.position, rate)
    return to_units(begins, stem_rate)


def _check_folder(request: Generate | Regenerate, takes: list[Take], samples: int, form: StemForm) -> None:
    wav.check_stem_folder(Path(_absolute(request.stem_folder)), len(takes) * stem_bytes(samples, form.channels))


def _absolute(path: str) -> str:
    """The path itself; BadRequest when it is relative, as a resident engine has no folder of its own to start from."""
    if not Path(path).is_absolute():
        raise BadRequest(f"the path {path!r} must be given from its root")
    return path


def _stem_of(request: Regenerate) -> wav.StemFacts:
    return wav.read_facts(Path(_absolute(request.stem)))


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


def _reference_seen(request: Generate, studio: Studio) -> Seen | None:
    """What the picture of the reference shows, where the request wants the model told of it."""
    if request.reference is None or not request.reference_picture:
        return None
    facts = video.probe(request.reference)
    rate = facts.frame_rate
    start = seconds(request.reference_in, rate) if request.reference_in is not None else Fraction(0)
    end = facts.duration if request.reference_out is None else seconds(request.reference_out, rate)
    playback = Playback(video.region_of(facts, start, end))
    return seen_of(request.reference, playback, studio.analyses.of(request.reference, playback.region, no_progress))


def _look(request: Generate | Spot, playback: Playback, studio: Studio, progress: ProgressFn) -> PictureAnalysis:
    return as_played(studio.analyses.of(request.video, playback.region, progress), playback)


def _scene(
    request: Generate | Regenerate,
    made: Generate,
    rate: Fraction,
    playback: Playback,
    channels: int,
    row: ModelRow,
    studio: Studio,
    watcher: Watcher,
) -> Scene:
    """What the model is told; `made` says how the sound was or will be made, `request` what is new of that."""
    reference = _reference(made, rate)
    for sentence in unhonoured(request, row):
        watcher.warn("control_ignored", sentence)
    picture = _look(made, playback, studio, watcher.stage(LOOKING, 0.0, row.looking_share))
    return Scene(
        video=made.video,
        playback=playback,
        prompt=made.prompt,
        negative=made.negative,
        channels=channels,
        hits=picture.hits if made.events is None else _inside(made.events, playback.duration, watcher),
        picture=picture,
        reference=reference,
        reference_seen=_reference_seen(made, studio) if "reference_picture" in row.controls else None,
        controls=controls_of(made),
        cache=studio.analyses.cache,
    )


def controls_of(request: Generate) -> Controls:
    """What a model is asked for; who gives events of their own has those tell the timing, unless they say otherwise."""
    wished = {name: getattr(request, name) for name in Controls.model_fields}
    if request.events is not None and request.timing is None:
        wished["timing"] = TimingSource.EVENTS
    return Controls(**wished)


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
    fields = {**_fields_of(old), "id": request.id, "stem_folder": request.stem_folder}
    if request.model in (None, fields["model"]):  # as it was usual then, for it may be something else by now
        fields = {**old.provenance.get("controls", {}), **fields}
    else:  # another model has scales of its own
        fields = {key: value for key, value in fields.items() if key not in Controls.model_fields}
    if request.reference is not None:  # the old one's part means nothing in another recording
        fields = {key: value for key, value in fields.items() if key not in REFERENCE_PART}
    if any(getattr(request, key) is not None for key in STRENGTH):
        fields = {key: value for key, value in fields.items() if key not in STRENGTH}
    fields |= {key: value for key, value in messages.to_fields(request).items() if key in CHANGES}
    if request.frame_rate is not None:
        rate = frame_rate(request.frame_rate)
        fields |= {key: str(seconds(getattr(request, key), rate)) for key in REFERENCE_PART if getattr(request, key)}
    made = messages.parse_request(fields)
    assert isinstance(made, Generate)
    return made


def _made_by(old: wav.StemFacts, **changes: str) -> Generate:
    made = messages.parse_request({**_fields_of(old), **changes})
    assert isinstance(made, Generate)
    return made


def _fields_of(old: wav.StemFacts) -> dict[str, Any]:
    """The request that made a stem; one that was extended is now whole."""
    return {key: value for key, value in old.provenance["request"].items() if key != "keep"}


def _patch_ranges(request: Regenerate, old: wav.StemFacts, rate: Fraction) -> list[TimeRange]:
    """What is to be made anew, in order, nothing twice."""
    rate = rate if request.frame_rate is None else frame_rate(request.frame_rate)
    asked = [(request.start, request.end), *((part.start, part.end) for part in request.also)]
    return merged(_patch_range(seconds(start, rate), seconds(end, rate), old, rate) for start, end in asked)


def _patch_range(start: Fraction, end: Fraction, old: wav.StemFacts, rate: Fraction) -> TimeRange:
    length = Fraction(old.samples, old.sample_rate)
    span = TimeRange(start, end)
    if span.end > length + 1 / rate:
        raise InvalidRange(f"out ({float(span.end):g} s) lies past the stem's end ({float(length):g} s)")
    span = TimeRange(span.start, min(span.end, length))
    if span.duration < 2 * SHORTEST_FADE_SEC:
        raise InvalidRange(f"{float(span.duration) * 1000:.1f} ms are too short to regenerate; 20 ms are the least")
    return span


def _bed(request: Generate, old: wav.StemFacts, playback: Playback) -> Bed:
    """Where a stem lies in the region it is to be extended to; InvalidRange when that does not reach around it."""
    was = _made_by(old, video=request.video)
    _, before = playback_of(was)
    if before.speed != playback.speed:
        raise BadRequest(
            f"{old.path.name} was made for a clip played at {float(before.speed):g} × its speed, "
            f"not at {float(playback.speed):g} ×"
        )
    offset = to_units(abs(before.region.start - playback.region.start) / playback.speed, old.sample_rate)
    samples = to_units(playback.duration, old.sample_rate)
    bed = Bed(old, offset, samples)
    if before.region.start < playback.region.start or bed.end > samples + 1:
        raise InvalidRange(f"{old.path.name} (seconds {before.region} of the clip) lies not within {playback.region}")
    if not around(bed, old.sample_rate):
        raise InvalidRange(f"{old.path.name} covers all of {playback.region}: there is nothing around it to be made")
    return bed


def _filler(bed: Bed, parts: list[Part], scene: Scene, row: ModelRow, watcher: Watcher) -> Fill:
    """Writes a stem that is there, and parts made anew in it; those that a window of the model holds, together."""
    rate, duration = bed.stem.sample_rate, scene.playback.duration
    spans = [each.span(rate, bed.samples, duration) for each in parts]
    known = Known(tuple(spans), rate, bed.read) if row.fills_in else None
    together = merged(spans, Fraction(row.span_seconds) if row.fills_in else Fraction(0))

    def fill(batch: list[Take], stems: list[LimitedStem], progress: ProgressFn) -> None:
        at = 0
        for span, share in in_turn(together, progress):
            begin = to_units(span.start, rate)
            bed.copy(at, begin, stems)
            blocks = sound_of(scene, span, row, seeds_of(batch), rate, watcher.warn, share, known)
            at = let_in(bed, parts, begin, blocks, stems)
        bed.copy(at, bed.samples, stems)

    return fill


def _make_all(
    takes: list[Take], form: StemForm, row: ModelRow, note: Callable[[Take], Note], fill: Fill, job: str,
    watcher: Watcher,
) -> None:  # fmt: skip
    """Make takes in groups that the model makes at once, side by side as far as the model and our cores allow."""

    def make(batch: list[Take], progress: ProgressFn) -> None:
        with open_stems(batch, form, [note(take) for take in batch], job) as stems:
            fill(batch, stems, progress)
        for take, stem in zip(batch, stems, strict=True):
            watcher.report(announcement(take, stem, form.position))

    at_once = takes_at_once(row)
    batches = [takes[first : first + at_once] for first in range(0, len(takes), at_once)]
    looked = row.looking_share
    make_ready(row, begun_by_progress(lambda: watcher.stage(LOADING, looked, looked + LOADING_SHARE)))
    progress = watcher.stage(MAKING, looked, 1.0)
    side_by_side(make, batches, min(row.side_by_side, os.cpu_count() or 1), progress)
