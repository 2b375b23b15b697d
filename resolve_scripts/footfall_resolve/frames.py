"""Timeline arithmetic for an editor that counts in whole frames; pure, exact, no Resolve.

Conventions
-----------
Rates are Fractions of frames a second. A timeline *frame* is absolute: 01:00:00:00 at 24 is frame 86400, and it begins
frame / rate seconds after 00:00:00:00. A *sample* counts from there too, at 48 kHz.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple, Tuple

SAMPLE_RATE = 48_000  # Hz; of every stem

Range = Tuple[int, int]
"""[first, end) in whole frames."""


def rate_of(setting: object) -> Fraction:
    """Exact rate of what Resolve calls 23.976, 29.97 DF, 59.94 or 25.0; ValueError names what is no rate.

    Every rate with decimals that Resolve offers is a whole number · 1000 / 1001.
    """
    text = str(setting).upper().replace("DF", "").strip()
    try:
        number = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{setting!r} is no frame rate") from None
    if not 1 <= number <= 1000:
        raise ValueError(f"{setting!r} is no frame rate")
    return number if number.denominator == 1 else Fraction(math.ceil(number) * 1000, 1001)


def is_drop_frame(setting: object) -> bool:
    return "DF" in str(setting).upper()


def seconds(frame: int, rate: Fraction) -> Fraction:
    return Fraction(frame) / rate


def sample_at(frame: int, rate: Fraction) -> int:
    """The sample nearest to a frame's start."""
    return round(seconds(frame, rate) * SAMPLE_RATE)


def frame_before(sample: int, rate: Fraction) -> int:
    """The last frame that starts at a sample or before it, by its nearest sample."""
    frame = math.floor(Fraction(sample, SAMPLE_RATE) * rate)
    return frame + 1 if sample_at(frame + 1, rate) <= sample else frame


class Fitted(NamedTuple):
    """Where a stem's file goes so that its first sample sounds at the wanted one."""

    record_frame: int  # absolute, where the file starts
    frames: int  # how long it lasts on the timeline
    head_samples: int  # of silence before the stem
    tail_samples: int  # of silence after it


def fit(sample: int, samples: int, rate: Fraction) -> Fitted:
    """A stem of so many samples that shall start at a sample, padded to whole frames at both ends."""
    first = frame_before(sample, rate)
    end = first + 1
    while sample_at(end, rate) < sample + samples:
        end = max(end + 1, frame_before(sample + samples, rate))
    head = sample - sample_at(first, rate)
    return Fitted(first, end - first, head, sample_at(end, rate) - sample - samples)


def source_range(frames: int, timeline_rate: Fraction, file_rate: Fraction) -> Range:
    """[startFrame, endFrame) of a file that Resolve counts at `file_rate`, to last `frames` of the timeline.

    A WAV keeps the project's rate of its import, which may be another than the timeline's. Resolve rounds down what a
    range comes to on the timeline, so the range is the shortest that still comes to all its frames.
    """
    return 0, math.ceil(frames * file_rate / timeline_rate)


def shown_frames(frames: int, timeline_rate: Fraction, file_rate: Fraction) -> int:
    """How many timeline frames the `source_range` of so many comes to: more where the file's are the longer ones."""
    return math.floor(source_range(frames, timeline_rate, file_rate)[1] * timeline_rate / file_rate)


def common_frames(frames: int, timeline_rate: Fraction, file_rate: Fraction) -> int:
    """Timeline frames of the least file, as long or longer, that holds the whole of its `source_range`."""
    end = source_range(frames, timeline_rate, file_rate)[1]
    return max(frames, math.ceil(end * timeline_rate / file_rate))


def overlap(one: Range, other: Range) -> Range:
    """What two ranges share; empty (first == end) when that is nothing."""
    first = max(one[0], other[0])
    return first, max(first, min(one[1], other[1]))


def timecode(frame: int, rate: Fraction, drop_frame: bool = False) -> str:
    """hh:mm:ss:ff of a frame; with a semicolon and dropped labels when `drop_frame` (SMPTE ST 12-1)."""
    nominal = math.ceil(rate)
    if drop_frame:
        dropped = nominal // 15  # labels a minute: 2 at 29.97, 4 at 59.94
        minute = nominal * 60 - dropped
        tens, rest = divmod(frame, minute * 10 + dropped)
        frame += dropped * 9 * tens + (dropped * ((rest - dropped) // minute) if rest > dropped else 0)
    whole_seconds, frames = divmod(frame, nominal)
    minutes, secs = divmod(whole_seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return "{:02}:{:02}:{:02}{}{:02}".format(hours, minutes, secs, ";" if drop_frame else ":", frames)


def frame_of(timecode_text: str, rate: Fraction) -> int:
    """Frame of a label hh:mm:ss:ff; with a semicolon, labels are dropped. ValueError for anything else."""
    parts = timecode_text.strip().replace(";", ":").replace(".", ":").split(":")
    if len(parts) != 4 or not all(part.isdigit() for part in parts):
        raise ValueError(f"{timecode_text!r} is no timecode")
    hours, minutes, secs, count = (int(part) for part in parts)
    nominal = math.ceil(rate)
    frame = ((hours * 60 + minutes) * 60 + secs) * nominal + count
    if ";" not in timecode_text:
        return frame
    whole_minutes = hours * 60 + minutes
    return frame - nominal // 15 * (whole_minutes - whole_minutes // 10)
