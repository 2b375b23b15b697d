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
from .errors import FootfallError, NotNow, ResolveError
from .frames import Range
from .resolve import AudioItem, AudioTrack, Host, Recording, Timeline

TRACK = "Footfall {}"
PLACED = "placed"  # folder of padded files, in the stem folder
SEARCHED_FRAMES = 250  # around the wanted place, for what Resolve has put elsewhere
SPARE_FRAMES = 1  # of silence behind what is shown: a range that comes out a frame short can be lengthened

NOT_NOW = ("resolve_busy", "no_project", "no_timeline")  # it may be placed later

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


def number_of(track: AudioTrack) -> int:
    """n of our track `Footfall n`; 0 for any other."""
    named = _OWN_TRACK.fullmatch(track.name)
    return int(named.group(1)) if named and track.format == "stereo" else 0


def own_tracks(tracks: list[AudioTrack]) -> list[AudioTrack]:
    return sorted((track for track in tracks if number_of(track)), key=number_of)


def placed_items(host: Host, span: Range | None = None) -> list[Placed]:
    """What is ours on our tracks, track by track; what shares a frame with a span, if one is given."""
    lying = [(track, item) for track in own_tracks(host.audio_tracks()) for item in host.audio_items(track.index, span)]
    known = [(track, item, memory.history(item.path)) for track, item in lying]
    return [Placed(track, item, made) for track, item, made in known if made is not None]


def free_track(host: Host, span: Range, after: int) -> AudioTrack:
    """The first of our tracks above `Footfall <after>` that is free in a span; a new one when none is."""
    tracks = host.audio_tracks()
    for track in own_tracks(tracks):
        if number_of(track) > after and is_free(host, track, span):
            return track
    taken = [int(named.group(1)) for named in map(_OWN_TRACK.fullmatch, [track.name for track in tracks]) if named]
    index = host.add_stereo_track(TRACK.format(max([*taken, after]) + 1))
    return host.audio_tracks()[index - 1]


def is_free(host: Host, track: AudioTrack, span: Range) -> bool:
    return not track.locked and not host.audio_items(track.index, span)


def hear_only(host: Host, number: int) -> None:
    """Of our tracks, only `Footfall <number>` is enabled."""
    for track in own_tracks(host.audio_tracks()):
        if track.enabled != (number_of(track) == number):
            host.enable_track(track.index, not track.enabled)


# ---- stems


def place_stems(host: Host, stems: list[Stem], facts: Fields) -> tuple[list[int], list[str]]:
    """Put a job's stems on tracks of ours: their numbers, and a sentence for each stem that could not be placed.

    What lies there already stays there; a stem that was placed before a crash is not placed twice.
    """
    timeline = host.timeline()
    numbers: list[int] = []
    problems: list[str] = []
    for stem in stems:
        own = dict(facts, variant=stem.variant)
        try:
            numbers.append(lying_already(host, stem) or place_stem(host, timeline, stem, own, max(numbers, default=0)))
        except (stem_file.WavError, FootfallError) as problem:
            if isinstance(problem, NotNow) or getattr(problem, "code", "") in NOT_NOW:
                raise
            problems.append(str(problem))
    if numbers:
        hear_only(host, numbers[0])
    return numbers, problems


def lying_already(host: Host, stem: Stem) -> int:
    """Number of the track on which a stem lies since before a crash; 0 when it does not."""
    path = placed_path(stem.path)
    if not os.path.exists(path):
        return 0
    return next((number_of(one.track) for one in placed_items(host) if one.item.path == path), 0)


def placed_path(stem: str) -> str:
    folder, name = os.path.split(stem)
    return os.path.join(folder, PLACED, name)


def place_stem(host: Host, timeline: Timeline, stem: Stem, facts: Fields, after: int) -> int:
    """Number of the track on which a stem's padded file lies now, looked at and found to be right."""
    path = placed_path(stem.path)
    fitted = frames.fit(stem.sample, stem.samples, timeline.rate)
    length = frames.common_frames(fitted.frames, timeline.rate, host.project_rate()) + SPARE_FRAMES
    end = frames.sample_at(fitted.record_frame + length, timeline.rate)
    stem_file.write_padded(stem.path, path, fitted.head_samples, end - stem.sample - stem.samples)
    memory.write_history(path, history_of(stem, fitted, facts))
    recording = host.import_recording(path)
    shown = frames.shown_frames(fitted.frames, timeline.rate, recording.rate)
    span = (fitted.record_frame, fitted.record_frame + shown)
    track = free_track(host, span, after)
    lay(host, timeline, recording, path, track, span)
    return number_of(track)


def history_of(stem: Stem, fitted: frames.Fitted, facts: Fields) -> Fields:
    own = {"stem": stem.path, "seed": stem.seed, "samples": stem.samples, "head_samples": fitted.head_samples}
    return dict(facts, **own)


def lay(host: Host, timeline: Timeline, recording: Recording, path: str, track: AudioTrack, span: Range) -> None:
    """Append a recording and look whether it lies there; once more, a frame longer, when it came out short."""
    first, end = frames.source_range(span[1] - span[0], timeline.rate, recording.rate)
    for longer in (0, 1):
        host.append(recording, track.index, span[0], (first, end + longer))
        found = _found(host, track, path, span)
        if found and (found.start, found.end) == span:
            return
        if found:
            host.delete_items([found])
        if not found or found.start != span[0] or found.end > span[1]:
            break
    raise ResolveError("not_placed", _why_not(host, timeline, track, path, span, found))


def _found(host: Host, track: AudioTrack, path: str, span: Range) -> AudioItem | None:
    """Where a file lies now: at a span, or beside it."""
    around = (span[0] - SEARCHED_FRAMES, span[1] + SEARCHED_FRAMES)
    return next((item for item in host.audio_items(track.index, around) if item.path == path), None)


def _why_not(host: Host, timeline: Timeline, track: AudioTrack, path: str, span: Range, found: AudioItem | None) -> str:
    label = frames.timecode(span[0], timeline.rate, timeline.drop_frame)
    begin = f"{os.path.basename(path)} could not be placed at {label} on the audio track '{track.name}'"
    if found:
        landed = frames.timecode(found.start, timeline.rate, timeline.drop_frame)
        long = f"{found.end - found.start} frames long instead of {span[1] - span[0]}"
        return f"{begin}: Resolve put it at {landed}, {long}; it was taken off again. The file is {path}."
    now = next((one for one in host.audio_tracks() if one.index == track.index), None)
    if now is None:
        reason = "the track is gone"
    elif now.locked:
        reason = "the track is locked"
    elif not is_free(host, now, span):
        reason = "something else was put there meanwhile"
    else:
        reason = "Resolve took it and placed nothing, without a word"
    return f"{begin}: {reason}. The file is {path}; drag it there."


# ---- keeping one


def settle_on_first_track(host: Host, kept: Placed) -> None:
    """Lay a kept item on our first track, if there is room and nobody has trimmed it: there it is heard with others."""
    first = own_tracks(host.audio_tracks())[0]
    span = (kept.item.start, kept.item.end)
    if first.index == kept.track.index or kept.item.left_offset != 0 or not is_free(host, first, span):
        return
    lay(host, host.timeline(), host.import_recording(kept.item.path), kept.item.path, first, span)
    host.delete_items([kept.item])
    hear_only(host, number_of(first))


# ---- where a stem lies


def stem_sample(placed: Placed, rate: Fraction) -> int:
    """Sample of the timeline at which a placed item's stem begins, wherever the item was moved or trimmed to."""
    skipped = round(frames.seconds(1, rate) * placed.item.left_offset * frames.SAMPLE_RATE)
    return frames.sample_at(placed.item.start, rate) - skipped + int(placed.history["head_samples"])
