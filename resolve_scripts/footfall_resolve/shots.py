"""From items on the video tracks to shots: which part of which file the picture shows, and how fast. Pure.

What cannot be done is named with its reason, and the rest is done.

Resolve tells where an item starts in its source in two ways that disagree by design, and either may be a frame off:
the left offset counts frames of the timeline and of the clip as played (a retimed clip's is divided by its speed); the
source start counts frames of the clip, from the file's start, from the subclip's, or from the file's timecode. They are
read against each other; where no reading makes them agree, the item is refused rather than guessed at.
"""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Callable, NamedTuple

from .frames import Range, overlap
from .resolve import VideoItem

COMPOSED = {
    "Compound": "is a compound clip",
    "Fusion": "is a Fusion clip",
    "Multicam": "is a multicam clip",
    "Timeline": "is a nested timeline",
}
FRAMES_OFF = 2  # by which a source position may be off: rounded down, and wrong by one
SPAN_OFF = 3  # frames of the clip by which what an item uses of its source may be off: both its ends are
CLEAR = Fraction(1, 50)  # frames within which a speed near 100 % has to be a whole per cent to be believed
SNAP = Fraction(1, 50)  # frames of the clip; offsets come as floats
SLOWEST, FASTEST = Fraction(1, 20), Fraction(20)

NOTHING_MARKED = "Mark a range with I and O, or put the playhead on a clip on the Edit page, and run the script again."


class Shot(NamedTuple):
    name: str
    video: str
    source_in: Fraction  # seconds of the file
    source_out: Fraction
    speed: Fraction
    frames: Range  # of the timeline


class Refused(Exception):
    """Why an item cannot be worked with."""


# ---- which part of the timeline


def region_of(marks: tuple[int | None, int | None], current: VideoItem | None, ends: Range) -> Range | None:
    """Between the marks (a missing one is the timeline's end on that side), else the current clip; None without."""
    first, end = marks
    if first is None and end is None:
        return (current.start, current.end) if current else None
    span = (ends[0] if first is None else first, ends[1] if end is None else end)
    return span if span[0] < span[1] else None


# ---- what shows there


def of_region(
    items: list[VideoItem], span: Range, rate: Fraction, is_file: Callable[[str], bool] = os.path.isfile
) -> tuple[list[Shot], list[str]]:
    """Shots of the topmost picture at each moment of a span, in the order of time, and a sentence for each refusal."""
    found, refused = [], []
    for item, part in topmost(items, span):
        try:
            found.append(shot_of(item, part, rate, is_file))
        except Refused as reason:
            refused.append(f"'{item.name}' {reason}.")
    found.sort(key=lambda shot: shot.frames)
    return found, list(dict.fromkeys(refused))


def topmost(items: list[VideoItem], span: Range) -> list[tuple[VideoItem, Range]]:
    """Which item shows which part of a span. Titles and generators hide nothing: they are only named."""
    uncovered, parts = [span], []
    for item in sorted(items, key=lambda item: -item.track):
        if not item.enabled or is_transition(item, items):
            continue
        visible = [part for part in (overlap((item.start, item.end), free) for free in uncovered) if part[0] < part[1]]
        parts += [(item, part) for part in (visible if item.has_media else visible[:1])]
        if item.has_media:
            uncovered = [left for free in uncovered for left in _without(free, (item.start, item.end))]
    return parts


def is_transition(item: VideoItem, items: list[VideoItem]) -> bool:
    """Transitions are listed like items; unlike a generator, one lies across a cut of its track."""
    return not item.has_media and any(
        other.has_media and other.track == item.track and item.start < edge < item.end
        for other in items
        for edge in (other.start, other.end)
    )


def _without(span: Range, cut: Range) -> list[Range]:
    first, end = overlap(span, cut)
    if first == end:
        return [span]
    return [part for part in ((span[0], first), (end, span[1])) if part[0] < part[1]]


# ---- one item


def shot_of(item: VideoItem, part: Range, rate: Fraction, is_file: Callable[[str], bool]) -> Shot:
    refuse_what_is_no_film(item, is_file)
    speed = speed_of(item, rate)
    begins = source_start(item, rate, speed) + (part[0] - item.start) / rate * speed
    return Shot(item.name, item.path, begins, begins + (part[1] - part[0]) / rate * speed, speed, part)


def refuse_what_is_no_film(item: VideoItem, is_file: Callable[[str], bool]) -> None:
    if not item.has_media:
        raise Refused("is a title or a generator and has no film file")
    if item.kind in COMPOSED or not item.path:
        raise Refused(COMPOSED.get(item.kind, "has no file of its own") + "; render it in place, or open it, first")
    if item.kind == "Still" or item.clip_frames == 1:
        raise Refused("is a still picture")
    if not is_file(item.path):
        raise Refused("is offline or an image sequence: there is no file " + item.path)
    if item.clip_rate is None:
        raise Refused("has no frame rate that Resolve tells")


def speed_of(item: VideoItem, rate: Fraction) -> Fraction:
    """How fast an item plays its source: what it uses of it against how long it lasts; a ramp's mean.

    Resolve counts what is used in frames, up to three of them off, and in seconds, exactly but for what a transition
    blends in beyond the item's ends.
    """
    lasts = (item.end - item.start) / rate * (item.clip_rate or rate)  # all in frames of the clip from here on
    counted = Fraction((item.source_end or 0) - (item.source_start or 0))
    timed = None if item.source_seconds is None else item.source_seconds * (item.clip_rate or rate)
    if not item.source_start and not item.source_end and not timed:
        raise Refused("does not tell which part of its file it shows; Resolve knows no source range for it")
    if counted < -SPAN_OFF:
        raise Refused("is played backwards; render it in place first")
    if abs(counted - lasts) <= SPAN_OFF:
        return _percent(timed / lasts, lasts, CLEAR) or Fraction(1) if timed else Fraction(1)
    trusted = timed is not None and abs(timed - counted) <= SPAN_OFF
    speed = (timed if trusted and timed else counted) / lasts
    if not SLOWEST <= speed <= FASTEST:
        raise Refused(f"is a freeze frame, or plays at {float(speed):.0%} of its speed")
    return _percent(speed, lasts, SPAN_OFF) or speed.limit_denominator(100_000)


def _percent(speed: Fraction, lasts: Fraction, may_be_off: Fraction | int) -> Fraction | None:
    """The whole per cent that a speed comes to within some frames, as speeds are typed in; None when it is none."""
    percent = Fraction(round(speed * 100), 100)
    return percent if abs(percent - speed) * lasts <= may_be_off else None


def source_start(item: VideoItem, rate: Fraction, speed: Fraction) -> Fraction:
    """Seconds of the file at which an item starts."""
    clip_rate = item.clip_rate or rate
    told = (item.source_start or 0) / clip_rate
    if item.left_offset is None:
        return told
    offset = _snapped(item.left_offset / rate * speed, clip_rate)
    may_be_off = FRAMES_OFF / clip_rate + (0 if speed == 1 else FRAMES_OFF * speed / rate)
    for begins in (Fraction(0), item.clip_start / clip_rate):  # of the file, of the subclip in it
        if abs(begins + offset - told) <= may_be_off:
            return begins + offset
    if abs(item.clip_start_seconds + offset - told) <= may_be_off:  # counted from the file's timecode
        return offset
    if abs(item.left_offset - (item.source_start or 0)) <= FRAMES_OFF:  # both count frames of the clip
        return told
    raise Refused(
        f"starts {float(told):.3f} s or {float(offset):.3f} s into its file, depending on how Resolve is asked; "
        "render it in place first"
    )


def _snapped(seconds: Fraction, clip_rate: Fraction) -> Fraction:
    frame = seconds * clip_rate
    return round(frame) / clip_rate if abs(frame - round(frame)) <= SNAP else seconds
