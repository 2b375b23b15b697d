"""Finished stems onto the timeline: to the sample, on tracks of their own, looked at again after each step.

Variants lie on stacked stereo tracks `Footfall 1`, `Footfall 2` …; one of these is enabled, the others wait disabled.
A stem's file is padded to whole frames and lies where the stem's own first sample is due.
"""

from __future__ import annotations

import os
import re
from fractions import Fraction
from typing import Any, Dict, NamedTuple

from . import frames, memory, stem_file
from .errors import FootfallError, ResolveError
from .frames import Range
from .resolve import AudioItem, AudioTrack, Host, Recording, Timeline

TRACK = "Footfall {}"
PLACED = "placed"  # folder of padded files, in the stem folder
SPARE_FRAMES = 1  # of silence behind what is shown: a range that comes out a frame short can be lengthened

_OWN_TRACK = re.compile(r"Footfall (\d+)")

Fields = Dict[str, Any]


class Stem(NamedTuple):
    """A finished stem and the sample of the timeline (at 48 kHz, from 00:00:00:00) at which it is due."""

    path: str
    variant: int
    seed: int
    sample: int
    samples: int


class Placed(NamedTuple):
    """An item of ours on the timeline, and how it was made."""

    track: AudioTrack
    item: AudioItem
    history: Fields


# ---- our tracks


def number_of(track: AudioTrack) -> int | None:
    """n of the track `Footfall n`; None for any other."""
    named = _OWN_TRACK.fullmatch(track.name)
    return int(named.group(1)) if named and track.format == "stereo" else None


def own_tracks(tracks: list[AudioTrack]) -> list[AudioTrack]:
    return sorted((track for track in tracks if number_of(track) is not None), key=lambda track: number_of(track) or 0)


def placed_items(tracks: list[AudioTrack]) -> list[Placed]:
    """Everything of ours on our tracks, track by track."""
    found = [(track, item, memory.history(item.path)) for track in own_tracks(tracks) for item in track.items]
    return [Placed(track, item, made) for track, item, made in found if made is not None]


def is_free(track: AudioTrack, span: Range) -> bool:
    return not track.locked and all(not _overlaps((item.start, item.end), span) for item in track.items)


def _overlaps(one: Range, other: Range) -> bool:
    first, end = frames.overlap(one, other)
    return first < end


def free_track(host: Host, span: Range, after: int) -> int:
    """Index of the first track of ours above `Footfall <after>` where nothing lies in a span; a new one when all are taken."""
    own = own_tracks(host.audio_tracks())
    for track in own:
        if (number_of(track) or 0) > after and is_free(track, span):
            return track.index
    return host.add_stereo_track(TRACK.format(max([number_of(track) or 0 for track in own] + [after]) + 1))


def hear_only(host: Host, index: int) -> None:
    """Of our tracks, only one is enabled."""
    for track in own_tracks(host.audio_tracks()):
        if track.enabled != (track.index == index):
            host.enable_track(track.index, track.index == index)


# ---- stems


def place_stems(host: Host, stems: list[Stem], facts: Fields) -> tuple[list[int], list[str]]:
    """Put a job's stems on tracks of ours: numbers of the tracks, and a sentence for each stem that could not be placed.

    What lies there already stays there; a stem that was placed before a crash is not placed twice.
    """
    timeline = host.timeline()
    there = {item.path: number_of(track) or 0 for track in own_tracks(host.audio_tracks()) for item in track.items}
    numbers: list[int] = []
    problems: list[str] = []
    after = 0
    for stem in stems:
        path = placed_path(stem.path)
        try:
            number = there.get(path) or place_stem(host, timeline, stem, path, dict(facts, variant=stem.variant), after)
        except (stem_file.WavError, FootfallError) as problem:
            problems.append(str(problem))
            continue
        numbers.append(number)
        after = number
    if numbers:
        hear_only(host, _index_of(host, numbers[0]))
    return numbers, problems


def placed_path(stem: str) -> str:
    folder, name = os.path.split(stem)
    return os.path.join(folder, PLACED, name)


def _index_of(host: Host, number: int) -> int:
    return next(track.index for track in own_tracks(host.audio_tracks()) if number_of(track) == number)


def place_stem(host: Host, timeline: Timeline, stem: Stem, path: str, facts: Fields, after: int) -> int:
    """Number of the track on which a stem's padded file lies now, looked at and found to be right."""
    fitted = frames.fit(stem.sample, stem.samples, timeline.rate)
    length = frames.common_frames(fitted.frames, timeline.rate, host.project_rate()) + SPARE_FRAMES
    end = frames.sample_at(fitted.record_frame + length, timeline.rate)
    stem_file.write_padded(stem.path, path, fitted.head_samples, end - stem.sample - stem.samples)
    memory.write_history(path, history_of(stem, fitted, facts))
    recording = host.import_recording(path)
    span = (fitted.record_frame, fitted.record_frame + fitted.frames)
    index = free_track(host, span, after)
    lay(host, timeline, recording, path, index, span)
    return next(number_of(track) or 0 for track in host.audio_tracks() if track.index == index)


def history_of(stem: Stem, fitted: frames.Fitted, facts: Fields) -> Fields:
    own = {"stem": stem.path, "seed": stem.seed, "samples": stem.samples, "head_samples": fitted.head_samples}
    return dict(facts, **own)


def lay(host: Host, timeline: Timeline, recording: Recording, path: str, index: int, span: Range) -> None:
    """Append a recording and look whether it lies there; once more, a frame longer, when it came out short."""
    first, end = frames.source_range(span[1] - span[0], timeline.rate, recording.rate)
    for longer in (0, 1):
        host.append(recording, index, span[0], (first, end + longer))
        found = _found(host, index, path)
        if found and (found.start, found.end) == span:
            return
        if found:
            host.delete_items([found])
        if not found or found.start != span[0] or found.end > span[1]:
            break
    raise ResolveError("not_placed", _why_not(host, timeline, index, path, span, found))


def _found(host: Host, index: int, path: str) -> AudioItem | None:
    track = next((track for track in host.audio_tracks() if track.index == index), None)
    return next((item for item in track.items if item.path == path), None) if track else None


def _why_not(host: Host, timeline: Timeline, index: int, path: str, span: Range, found: AudioItem | None) -> str:
    label = frames.timecode(span[0], timeline.rate, timeline.drop_frame)
    begin = f"{os.path.basename(path)} could not be placed at {label} on the audio track {index}"
    if found:
        landed = frames.timecode(found.start, timeline.rate, timeline.drop_frame)
        return f"{begin}: Resolve put it at {landed}, {found.end - found.start} frames long instead of {span[1] - span[0]}; it was taken off again. The file is {path}."
    track = next((track for track in host.audio_tracks() if track.index == index), None)
    if track is None:
        reason = "the track is gone"
    elif track.locked:
        reason = "the track is locked"
    elif not is_free(track, span):
        reason = "something else was put there meanwhile"
    else:
        reason = "Resolve took it and placed nothing, without a word"
    return f"{begin}: {reason}. The file is {path}; drag it there."


# ---- where a stem lies


def stem_sample(placed: Placed, rate: Fraction) -> int:
    """Sample of the timeline at which a placed item's stem begins, wherever the item was moved or trimmed to."""
    skipped = round(frames.seconds(1, rate) * placed.item.left_offset * frames.SAMPLE_RATE)
    return frames.sample_at(placed.item.start, rate) - skipped + int(placed.history["head_samples"])
