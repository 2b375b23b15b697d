"""A region as models see it, and its sound, window by window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from footfall_bridge.errors import ModelFailed
from footfall_bridge.messages import Hit
from footfall_bridge.timeline import TimeRange, to_units
from numpy.typing import NDArray

from footfall_engine import windows
from footfall_engine.analysis.picture import MOTION_RATE, PictureAnalysis
from footfall_engine.media import video
from footfall_engine.media.audio import Recording, fit_length, resample
from footfall_engine.models.base import Conditions, TimedHit
from footfall_engine.models.registry import ModelRow, load_model
from footfall_engine.playback import Playback
from footfall_engine.progress import ProgressFn, part

HITS_BEFORE_SEC = 10.0  # events this long before a window may still ring in it
HITS_AFTER_SEC = 2.0  # events this soon after a window tell how close the last one's successor is
CONTEXT_SEC = Fraction(1, 2)  # made before a span inside the region, so that what rings into it is there
DECLICK_SEC = 0.010  # fade at the region's end

Warn = Callable[[str, str], None]
"""Told of a code and a sentence."""


@dataclass(frozen=True)
class Scene:
    """Everything a model may know of a whole region as it is played; windows are cut from it."""

    video: str
    playback: Playback
    prompt: str
    negative: str
    channels: int
    hits: tuple[Hit, ...]
    picture: PictureAnalysis
    reference: Recording | None
    steps: int | None
    guidance: float | None


def sound_of(
    scene: Scene, span: TimeRange, row: ModelRow, seeds: list[int], rate: int, warn: Warn, progress: ProgressFn
) -> Iterator[NDArray[np.float32]]:
    """Sound of [span) of the region at `rate`, as blocks of shape (seeds, channels, n)."""
    start = max(Fraction(0), span.start - CONTEXT_SEC)
    pieces = windows.split(
        TimeRange(start, span.end), row.span_seconds, row.overlap_seconds, [hit.time for hit in scene.hits]
    )
    made = _windows(scene, pieces, row, seeds, rate, warn, progress)
    skipped = to_units(span.start, rate) - to_units(pieces[0].start, rate)
    left = to_units(span.end, rate) - to_units(span.start, rate)
    for block in windows.join(made, row.overlap_seconds, rate):
        wanted = block[..., skipped : skipped + left]
        skipped = max(0, skipped - block.shape[-1])
        left -= wanted.shape[-1]
        if wanted.shape[-1]:
            yield wanted if span.end < scene.playback.duration else _declicked(wanted, left, rate)


def _declicked(block: NDArray[np.float32], left: int, rate: int) -> NDArray[np.float32]:
    """A block that `left` samples of the region follow, with what lies in its last moment faded out."""
    before_end = left + np.arange(block.shape[-1], 0, -1)
    return block * np.minimum(1.0, before_end / (DECLICK_SEC * rate)).astype(np.float32)


def _windows(
    scene: Scene,
    pieces: list[TimeRange],
    row: ModelRow,
    seeds: list[int],
    rate: int,
    warn: Warn,
    progress: ProgressFn,
) -> Iterator[NDArray[np.float32]]:
    """Each window's sound, exactly as long as it is."""
    model = load_model(row.name)
    for number, window in enumerate(pieces):
        generated = model.generate(
            _conditions(scene, window), seeds, part(progress, number / len(pieces), (number + 1) / len(pieces))
        )
        for code, sentence in generated.warnings:
            warn(code, sentence)
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
        hits=tuple(hit for hit in hits if -HITS_BEFORE_SEC <= hit.time < duration + HITS_AFTER_SEC),
        motion=scene.picture.motion[first:last],
        motion_x=scene.picture.motion_x[first:last],
        activity=scene.picture.activity,
        frames=_frames(scene, window),
        reference=scene.reference,
        steps=scene.steps,
        guidance=scene.guidance,
    )


def _frames(scene: Scene, window: TimeRange) -> Callable[[float], Iterator[video.Frame]]:
    """The window's pictures at so many a played second, at their played times."""

    def frames(fps: float) -> Iterator[video.Frame]:
        pictures = video.read_frames(
            scene.video, scene.playback.in_clip(window), fps=Fraction(fps) / scene.playback.speed, grey=False
        )
        for number, picture in enumerate(pictures):
            yield video.Frame(number / fps, picture.image)

    return frames


def _check(audio: NDArray[np.float32], count: int, channels: int, row: ModelRow) -> None:
    if audio.ndim != 3 or audio.shape[:2] != (count, channels):
        raise ModelFailed(f"the model {row.name} gave sound of shape {audio.shape} for {count} × {channels}")
    if not np.isfinite(audio).all():
        raise ModelFailed(f"the model {row.name} gave samples that are not numbers")
