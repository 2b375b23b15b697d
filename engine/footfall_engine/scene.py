"""A region as models see it, and its sound, window by window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from footfall_bridge.errors import ModelFailed
from footfall_bridge.messages import Controls, Hit
from footfall_bridge.timeline import TimeRange, to_units
from numpy.typing import NDArray

from footfall_engine import windows
from footfall_engine.analysis.picture import MOTION_RATE, PictureAnalysis
from footfall_engine.cache import Cache
from footfall_engine.media import video
from footfall_engine.media.audio import Recording, fit_length, resample
from footfall_engine.models.base import Conditions, Features, Remember, Seen, TimedHit
from footfall_engine.models.registry import ModelRow, load_model
from footfall_engine.playback import Playback
from footfall_engine.progress import ProgressFn, in_turn

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
    reference_seen: Seen | None
    controls: Controls
    cache: Cache


@dataclass(frozen=True)
class Known:
    """Sound of a region that is there already, and the spans of it that are to be made anew."""

    spans: tuple[TimeRange, ...]
    sample_rate: int
    read: Callable[[int, int], NDArray[np.float32]]  # samples [first, last), shape = (channels, n)

    def sound(self, window: TimeRange) -> Recording:
        first, last = self._samples(window)
        return Recording(self.read(first, last), self.sample_rate)

    def mask(self, window: TimeRange) -> NDArray[np.bool_]:
        """Which samples of the window are to stay."""
        at = np.arange(*self._samples(window))
        made_anew = np.zeros(len(at), np.bool_)
        for begin, end in map(self._samples, self.spans):
            made_anew |= (at >= begin) & (at < end)
        return ~made_anew

    def _samples(self, span: TimeRange) -> tuple[int, int]:
        return to_units(span.start, self.sample_rate), to_units(span.end, self.sample_rate)


def sound_of(
    scene: Scene,
    span: TimeRange,
    row: ModelRow,
    seeds: list[int],
    rate: int,
    warn: Warn,
    progress: ProgressFn,
    known: Known | None = None,
) -> Iterator[NDArray[np.float32]]:
    """Sound of [span) of the region at `rate`, as blocks of shape (seeds, channels, n).

    With what is `known`, windows lie as they did when the whole region was made, so that what the model remembers of
    their pictures serves again; without, they start shortly before the span.
    """
    begin = Fraction(0) if known else max(Fraction(0), span.start - CONTEXT_SEC)
    end = scene.playback.duration if known else span.end
    pieces = windows.split(
        TimeRange(begin, end), row.span_seconds, row.overlap_seconds, [hit.time for hit in scene.hits]
    )
    pieces = [piece for piece in pieces if piece.start < span.end and span.start < piece.end]
    made = _windows(scene, pieces, row, seeds, rate, warn, progress, known)
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
    fade = round(DECLICK_SEC * rate)
    fading = min(block.shape[-1], max(0, fade - left))
    if fading:
        before_end = left + np.arange(fading, 0, -1, dtype=np.float32)
        block = block.copy()
        block[..., -fading:] *= before_end / np.float32(fade)
    return block


def _windows(
    scene: Scene,
    pieces: list[TimeRange],
    row: ModelRow,
    seeds: list[int],
    rate: int,
    warn: Warn,
    progress: ProgressFn,
    known: Known | None,
) -> Iterator[NDArray[np.float32]]:
    """Each window's sound, exactly as long as it is."""
    model = load_model(row.name)
    for window, share in in_turn(pieces, progress):
        generated = model.generate(_conditions(scene, window, row, known), seeds, share)
        for code, sentence in generated.warnings:
            warn(code, sentence)
        _check(generated.audio, len(seeds), scene.channels, row)
        samples = to_units(window.end, rate) - to_units(window.start, rate)
        yield np.stack([fit_length(resample(audio, row.sample_rate, rate), samples) for audio in generated.audio])


def _conditions(scene: Scene, window: TimeRange, row: ModelRow, known: Known | None) -> Conditions:
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
        frames=_frames(scene.video, scene.playback, window),
        reference=scene.reference,
        reference_seen=scene.reference_seen,
        controls=scene.controls,
        remember=_remember(scene, window, row),
        known=known.sound(window) if known else None,
        known_mask=known.mask(window) if known else None,
    )


def seen_of(clip: str, playback: Playback, picture: PictureAnalysis) -> Seen:
    """What the picture of a whole recording shows."""
    hits = tuple(TimedHit.of(hit, index, 0.0) for index, hit in enumerate(picture.hits))
    whole = TimeRange(Fraction(0), playback.duration)
    return Seen(float(playback.duration), hits, picture.motion, _frames(clip, playback, whole))


def _frames(clip: str, playback: Playback, window: TimeRange) -> Callable[[Sequence[float]], Iterator[video.Frame]]:
    """The window's pictures at played times."""

    def frames(times: Sequence[float]) -> Iterator[video.Frame]:
        speed = float(playback.speed)
        spec = video.FrameSpec(times=[time * speed for time in times], grey=False)
        pictures = video.read_frames_at(clip, playback.in_clip(window), {"": spec})
        for time, (_, picture) in zip(times, pictures, strict=False):
            yield video.Frame(time, picture.image)

    return frames


def _remember(scene: Scene, window: TimeRange, row: ModelRow) -> Remember:
    """Features of a window's picture, kept for variants and regenerates."""
    region, speed = scene.playback.region, scene.playback.speed
    place = (row.name, video.file_identity(scene.video), region.start, region.end, speed, window.start, window.end)

    def remember(name: str, make: Callable[[], Features], /) -> Features:
        found = scene.cache.get("features", name, *place)
        if found is None:
            found = make()
            scene.cache.put(found, "features", name, *place)
        return found

    return remember


def _check(audio: NDArray[np.float32], count: int, channels: int, row: ModelRow) -> None:
    if audio.ndim != 3 or audio.shape[:2] != (count, channels):
        raise ModelFailed(f"the model {row.name} gave sound of shape {audio.shape} for {count} × {channels}")
    if not np.isfinite(audio).all():
        raise ModelFailed(f"the model {row.name} gave samples that are not numbers")
