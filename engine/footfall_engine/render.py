"""From a request to its stems: the recipes, in numbered steps."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from footfall_bridge import __version__, messages
from footfall_bridge.errors import BadRequest, InvalidRange, ModelFailed
from footfall_bridge.messages import Audition, Generate, Hit, Message, Regenerate, Spot, Stem
from footfall_bridge.timeline import TimeRange, frame_rate, seconds, to_units
from numpy.typing import NDArray

from footfall_engine import windows
from footfall_engine.analysis.picture import MOTION_RATE, PictureAnalysis
from footfall_engine.cache import Analyses
from footfall_engine.media import video, wav
from footfall_engine.media.audio import Audio, Recording, fit_length, read_recording, resample
from footfall_engine.media.ceiling import TruePeakCeiling
from footfall_engine.media.player import play
from footfall_engine.models.base import Conditions, TimedHit
from footfall_engine.models.registry import ModelRow, load_model, model_row, unhonoured
from footfall_engine.progress import ProgressFn, part

STEM_RATE = 48_000  # Hz; what picture is finished at
HITS_BEFORE_SEC = 10.0  # events this long before a window may still ring in it
PATCH_FADE_SEC = (0.010, 0.040)  # shortest and longest crossfade at the edges of a regenerated range
CONTEXT_SEC = Fraction(1, 2)  # made before a regenerated range, so that what rings into it is there
ANALYSIS_SHARE = 0.5  # of a job's progress


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


@dataclass(frozen=True)
class Scene:
    """Everything a model may know of a whole region; windows are cut from it."""

    video: str
    region: TimeRange  # of the clip
    prompt: str
    negative: str
    channels: int
    hits: tuple[Hit, ...]
    picture: PictureAnalysis
    reference: Recording | None
    steps: int | None
    guidance: float | None


@dataclass(frozen=True)
class Take:
    """One variant to be made: its number, seed and file."""

    variant: int
    seed: int
    path: Path


# ---- the recipes


def generate(request: Generate, studio: Studio, watcher: Watcher) -> None:
    # 1. what is asked for, and can it be done?
    row = model_row(request.model or studio.default_model)
    rate, region = region_of(request)
    length = TimeRange(Fraction(0), region.duration)
    takes = _takes(request, Path(request.video).stem, request.prompt, watcher)
    wav.check_stem_folder(
        Path(request.stem_folder), len(takes) * _stem_bytes(length.samples(STEM_RATE), request.channels)
    )
    _warn_of_unhonoured(request, row, watcher)

    # 2. what does the picture show?
    picture = studio.analyses.of(request.video, region, watcher.stage("looking at the picture", 0.0, ANALYSIS_SHARE))
    scene = _scene(request, request.video, region, request.channels, picture, watcher)

    # 3. a stem for each variant, batch by batch
    position = to_units(region.start if request.position is None else seconds(request.position, rate), STEM_RATE)
    for batch, progress in _batches(takes, row, watcher):
        facts = [_provenance(request, take.seed, row, region, rate) for take in batch]
        with _open_stems(batch, STEM_RATE, request.channels, position, facts, request.id) as stems:
            for block in _sound(scene, length, row, batch, STEM_RATE, watcher, progress):
                for stem, audio in zip(stems, block, strict=True):
                    stem.write(audio)
        _announce(batch, stems, position, watcher)


def regenerate(request: Regenerate, studio: Studio, watcher: Watcher) -> None:
    # 1. the stem, and how it was made
    old = wav.read_facts(Path(_absolute(request.stem)))
    made = _as_made(request, old)
    row = model_row(made.model or studio.default_model)
    rate, region = region_of(made)
    span = _patch_range(request, old, rate)
    takes = _takes(request, _without_take(old.path.stem), "", watcher)
    wav.check_stem_folder(Path(_absolute(request.stem_folder)), len(takes) * _stem_bytes(old.samples, old.channels))
    _warn_of_unhonoured(request, row, watcher)

    # 2. what does the picture show? Known from when the stem was made
    picture = studio.analyses.of(made.video, region, watcher.stage("looking at the picture", 0.0, ANALYSIS_SHARE))
    scene = _scene(made, made.video, region, old.channels, picture, watcher)

    # 3. everything before the range, new sound blended in at its edges, everything after it
    begin, end = (to_units(time, old.sample_rate) for time in (span.start, span.end))
    for batch, progress in _batches(takes, row, watcher):
        facts = [_provenance_of_patch(old, made, take.seed, span) for take in batch]
        with _open_stems(batch, old.sample_rate, old.channels, old.position, facts, request.id) as stems:
            _copy(old, 0, begin, stems)
            at = begin
            for block in _sound(scene, span, row, batch, old.sample_rate, watcher, progress):
                until = at + block.shape[-1]
                kept = wav.to_float(wav.read_pcm(old, at, until))
                angle = windows.patch_weight(
                    begin, end, np.arange(at, until), _fade_samples(end - begin, old.sample_rate)
                )
                for stem, audio in zip(stems, block, strict=True):
                    stem.write(windows.patched(kept, audio, angle))
                at = until
            for stem in stems:
                stem.flush()
            _copy(old, end, old.samples, stems)
        _announce(batch, stems, old.position, watcher)


def spot(request: Spot, studio: Studio, watcher: Watcher) -> None:
    _, region = region_of(request)
    picture = studio.analyses.of(request.video, region, watcher.stage("looking at the picture", 0.0, 1.0))
    watcher.report(messages.Spotted(id=request.id, duration=picture.duration, events=list(picture.hits)))


def audition(request: Audition, studio: Studio, watcher: Watcher) -> None:
    if request.path is not None:
        play(_absolute(request.path), watcher.stage("playing", 0.0, 1.0))


# ---- what is asked for


def region_of(request: Generate | Spot) -> tuple[Fraction, TimeRange]:
    """(rate that the request counts frames in, region of the clip)."""
    facts = video.probe(_absolute(request.video))
    rate = facts.frame_rate if request.frame_rate is None else frame_rate(request.frame_rate)
    end = facts.duration if request.end is None else seconds(request.end, rate)
    return rate, video.region_of(facts, seconds(request.start, rate), end)


def _absolute(path: str) -> str:
    """The path itself; BadRequest when it is relative, as a resident engine has no folder of its own to start from."""
    if not Path(path).is_absolute():
        raise BadRequest(f"the path {path!r} must be given from its root")
    return path


def _scene(
    request: Generate, clip: str, region: TimeRange, channels: int, picture: PictureAnalysis, watcher: Watcher
) -> Scene:
    return Scene(
        video=clip,
        region=region,
        prompt=request.prompt,
        negative=request.negative,
        channels=channels,
        hits=picture.hits if request.events is None else _inside(request.events, region, watcher),
        picture=picture,
        reference=None if request.reference is None else read_recording(_absolute(request.reference)),
        steps=request.steps,
        guidance=request.guidance,
    )


def _inside(events: list[Hit], region: TimeRange, watcher: Watcher) -> tuple[Hit, ...]:
    """The user's events in order of time; one past the region's end is said, not dropped in silence."""
    inside = sorted((hit for hit in events if hit.time < region.duration), key=lambda hit: hit.time)
    if len(inside) < len(events):
        outside = min(hit.time for hit in events if hit.time >= region.duration)
        sentence = f"{len(events) - len(inside)} of your events lie past the region's end, the first at {outside:g} s"
        watcher.warn("events_outside", sentence)
    return tuple(inside)


def _as_made(request: Regenerate, old: wav.StemFacts) -> Generate:
    """The request that made the stem, with what this one changes of it."""
    fields = {**old.provenance["request"], "id": request.id, "stem_folder": request.stem_folder}
    changes = ("video", "prompt", "negative", "seed", "model", "reference", "events", "steps", "guidance")
    fields |= {key: value for key, value in messages.to_fields(request).items() if key in changes}
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


def _fade_samples(patch_samples: int, sample_rate: int) -> int:
    shortest, longest = PATCH_FADE_SEC
    return round(min(longest * sample_rate, max(shortest * sample_rate, patch_samples / 8)))


def _warn_of_unhonoured(request: Generate | Regenerate, row: ModelRow, watcher: Watcher) -> None:
    for sentence in unhonoured(request, row):
        watcher.warn("control_ignored", sentence)


# ---- takes and their files


def _takes(request: Generate | Regenerate, source: str, prompt: str, watcher: Watcher) -> list[Take]:
    """Variants still to be made; those finished before an interruption are left as they are."""
    assert request.seed is not None, "the queue gives every job a seed"
    finished = {stem.variant for stem in watcher.finished if Path(stem.path).is_file()}
    name = "_".join(filter(None, [_slug(source), _slug(prompt), hashlib.sha256(request.id.encode()).hexdigest()[:8]]))
    folder = Path(request.stem_folder)
    return [
        Take(variant, (request.seed + variant - 1) % messages.SEED_LIMIT, folder / f"{name}_v{variant}.wav")
        for variant in range(1, request.variants + 1)
        if variant not in finished
    ]


def _slug(text: str) -> str:
    return re.sub(r"[^\w]+", "-", text).strip("-")[:32]


def _without_take(name: str) -> str:
    return re.sub(r"_[0-9a-f]{8}_v\d+$", "", name)


def _batches(takes: list[Take], row: ModelRow, watcher: Watcher) -> Iterator[tuple[list[Take], ProgressFn]]:
    """Takes in groups that the model makes at once, each with its share of the progress."""
    share = (1.0 - ANALYSIS_SHARE) / max(1, len(takes))
    for first in range(0, len(takes), row.batch):
        batch = takes[first : first + row.batch]
        start = ANALYSIS_SHARE + share * first
        name = f"making variant {batch[0].variant}" if len(batch) == 1 else f"making {len(batch)} variants"
        yield batch, watcher.stage(name, start, start + share * len(batch))


def _stem_bytes(samples: int, channels: int) -> int:
    return samples * channels * wav.BYTES_PER_SAMPLE


class _LimitedStem:
    """A stem that is being written, under the true-peak ceiling."""

    def __init__(self, writer: wav.StemWriter, channels: int) -> None:
        self.writer = writer
        self._channels = channels
        self._ceiling = TruePeakCeiling(channels)

    def write(self, audio: Audio) -> None:
        self.writer.write(self._ceiling.feed(audio))

    def flush(self) -> None:
        self.writer.write(self._ceiling.flush())
        self._ceiling = TruePeakCeiling(self._channels)


@contextmanager
def _open_stems(
    takes: list[Take], rate: int, channels: int, position: int, facts: list[dict[str, Any]], job_id: str
) -> Iterator[list[_LimitedStem]]:
    """A file for each take; they appear together when all are complete, and not at all after an error."""
    with ExitStack() as files:
        stems = []
        for take, provenance in zip(takes, facts, strict=True):
            writer = wav.StemWriter(take.path, rate, channels, position, provenance, job_id)
            stems.append(_LimitedStem(files.enter_context(writer), channels))
        yield stems
        for stem in stems:
            stem.flush()


def _copy(old: wav.StemFacts, start: int, end: int, stems: list[_LimitedStem]) -> None:
    for begin, until in wav.blocks(start, end):
        pcm = wav.read_pcm(old, begin, until)
        for stem in stems:
            stem.writer.write_pcm(pcm)


def _announce(takes: list[Take], stems: list[_LimitedStem], position: int, watcher: Watcher) -> None:
    for take, stem in zip(takes, stems, strict=True):
        watcher.report(
            Stem(
                id=stem.writer.reference,
                variant=take.variant,
                path=str(take.path),
                seed=take.seed,
                start=position,
                samples=stem.writer.samples,
                rate=stem.writer.sample_rate,
            )
        )


# ---- how it was made


def _provenance(request: Generate, seed: int, row: ModelRow, region: TimeRange, rate: Fraction) -> dict[str, Any]:
    """What goes into the file: enough for anyone to tell how it was made, and for us to make a part of it anew."""
    asked = messages.to_fields(request)
    for key in ("id", "type", "variants", "stem_folder"):
        asked.pop(key)
    exact = {"in": str(region.start), "out": str(region.end), "frame_rate": str(rate), "model": row.name, "seed": seed}
    return {
        "originator": wav.ORIGINATOR,
        "note": "synthetic sound",
        "version": __version__,
        "model": row.name,
        "weights": row.weights_licence,
        "prompt": request.prompt,
        "seed": seed,
        "request": {"type": "generate", "stem_folder": ".", **asked, **exact},
        "patches": [],
    }


def _provenance_of_patch(old: wav.StemFacts, made: Generate, seed: int, span: TimeRange) -> dict[str, Any]:
    patch = {
        "in": str(span.start),
        "out": str(span.end),
        "seed": seed,
        "prompt": made.prompt,
        "negative": made.negative,
        "model": made.model,
        "version": __version__,
    }
    return {**old.provenance, "patches": [*old.provenance.get("patches", []), patch]}


# ---- sound


def _sound(
    scene: Scene, span: TimeRange, row: ModelRow, takes: list[Take], rate: int, watcher: Watcher, progress: ProgressFn
) -> Iterator[NDArray[np.float32]]:
    """Sound of [span) of the region as blocks of shape (takes, channels, n) at `rate`."""
    start = max(Fraction(0), span.start - CONTEXT_SEC)
    pieces = windows.split(
        TimeRange(start, span.end), row.span_seconds, row.overlap_seconds, [hit.time for hit in scene.hits]
    )
    made = _windows(scene, pieces, row, [take.seed for take in takes], rate, watcher, progress)
    skipped = to_units(span.start, rate) - to_units(pieces[0].start, rate)
    left = to_units(span.end, rate) - to_units(span.start, rate)
    for block in windows.join(made, row.overlap_seconds, rate):
        wanted = block[..., skipped : skipped + left]
        skipped = max(0, skipped - block.shape[-1])
        left -= wanted.shape[-1]
        if wanted.shape[-1]:
            yield wanted


def _windows(
    scene: Scene,
    pieces: list[TimeRange],
    row: ModelRow,
    seeds: list[int],
    rate: int,
    watcher: Watcher,
    progress: ProgressFn,
) -> Iterator[NDArray[np.float32]]:
    """Each window's sound, exactly as long as it is."""
    model = load_model(row.name)
    for number, window in enumerate(pieces):
        generated = model.generate(
            _conditions(scene, window), seeds, part(progress, number / len(pieces), (number + 1) / len(pieces))
        )
        for code, sentence in generated.warnings:
            watcher.warn(code, sentence)
        _check(generated.audio, len(seeds), scene.channels, row)
        samples = to_units(window.end, rate) - to_units(window.start, rate)
        yield np.stack([fit_length(resample(audio, row.sample_rate, rate), samples) for audio in generated.audio])


def _conditions(scene: Scene, window: TimeRange) -> Conditions:
    start, duration = float(window.start), float(window.duration)
    first = to_units(window.start, MOTION_RATE)
    last = first + int(np.ceil(duration * MOTION_RATE)) + 1
    hits = (TimedHit.of(hit, index, start) for index, hit in enumerate(scene.hits))
    return Conditions(
        duration=duration,
        start=start,
        channels=scene.channels,
        prompt=scene.prompt,
        negative=scene.negative,
        hits=tuple(hit for hit in hits if -HITS_BEFORE_SEC <= hit.time < duration),
        motion=scene.picture.motion[first:last],
        motion_x=scene.picture.motion_x[first:last],
        activity=scene.picture.activity,
        frames=_frames(scene, window),
        reference=scene.reference,
        steps=scene.steps,
        guidance=scene.guidance,
    )


def _frames(scene: Scene, window: TimeRange) -> Callable[[float], Iterator[video.Frame]]:
    return lambda fps: video.read_frames(scene.video, window.shifted(scene.region.start), fps=fps, grey=False)


def _check(audio: NDArray[np.float32], count: int, channels: int, row: ModelRow) -> None:
    if audio.ndim != 3 or audio.shape[:2] != (count, channels):
        raise ModelFailed(f"the model {row.name} gave sound of shape {audio.shape} for {count} × {channels}")
    if not np.isfinite(audio).all():
        raise ModelFailed(f"the model {row.name} gave samples that are not numbers")
