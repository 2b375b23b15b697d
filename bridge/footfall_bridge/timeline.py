"""Seconds, frames, samples and timecode, converted exactly.

Conventions
-----------
A time is a `Fraction` of seconds; a rate is a `Fraction` of units per second (frames or samples).
Floats from a wire are taken at their printed value (``0.1`` is one tenth). Samples appear once, at the end:
a range [in, out) has ``round((out - in) * sample_rate)`` samples, whatever its frames were.
Rounding to the nearest is half-up, so that shifting a time by whole units never changes how it rounds.

Drop-frame timecode (SMPTE ST 12-1): 30000/1001 skips frame labels 0 and 1 of every minute but each tenth;
60000/1001 skips 0 to 3. Labels are dropped, never frames.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from footfall_bridge.errors import InvalidRange, InvalidTime

Time = Fraction | float | int | str

FILM_RATE = Fraction(24000, 1001)
NTSC_RATE = Fraction(30000, 1001)
_NTSC_FAMILY = {round(nominal * 1000 / 1001, 2): Fraction(nominal * 1000, 1001) for nominal in (24, 30, 48, 60, 120)}
_TIMECODE = re.compile(r"^(\d{1,3}):([0-5]\d):([0-5]\d)([:;])(\d{1,3})$")
_FRAMES = re.compile(r"^(\d{1,18})f$")
_RATIO = re.compile(r"^(\d{1,18})/(\d{1,18})$")
_DECIMAL = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$", re.IGNORECASE)
_LONGEST_TEXT = 100  # characters: a time is short, and exact numbers of any length would stall whoever reads them


def frame_rate(value: Time) -> Fraction:
    """Exact frame rate: ``23.976`` and ``"23.98"`` become 24000/1001, ``"30000/1001"`` and ``25`` are themselves."""
    rate = _exact(value, "frame rate")
    if rate <= 0:
        raise InvalidTime(f"a frame rate must be above 0, not {value}")
    if rate.denominator in (1, 1001):
        return rate
    return _NTSC_FAMILY.get(round(float(rate), 2), rate)


def seconds(value: Time, rate: Fraction | None = None) -> Fraction:
    """Exact seconds of a number, a decimal or ratio string (``"96000/48000"``), frames (``"48f"``) or timecode.

    Frames and timecode need ``rate``. Raises InvalidTime for anything that is not a finite time of 0 or later.
    """
    if isinstance(value, str):
        text = _short(value, "time")
        if _TIMECODE.match(text) or _FRAMES.match(text):
            if rate is None:
                raise InvalidTime(f"the time {value!r} counts frames, so it needs a frame rate")
            return frames_from_text(text, rate) / rate
    time = _exact(value, "time")
    if time < 0:
        raise InvalidTime(f"a time must be 0 or later, not {value}")
    return time


def play_rate(value: Time) -> Fraction:
    """Exact speed at which a clip is played: ``1.25`` is five quarters."""
    speed = _exact(value, "speed")
    if speed <= 0:
        raise InvalidTime(f"a speed must be above 0, not {value}")
    return speed


def frames_from_text(text: str, rate: Fraction) -> int:
    """Frame count of ``"48f"`` or of a timecode label at ``rate``."""
    if match := _FRAMES.match(text):
        return int(match[1])
    match = _TIMECODE.match(text)
    if match is None:
        raise InvalidTime(f"{text!r} is not a timecode such as 01:00:00:00")
    hours, minutes, secs, frames = (int(match[group]) for group in (1, 2, 3, 5))
    nominal = math.ceil(rate)
    if frames >= nominal:
        raise InvalidTime(f"timecode {text!r} has frame {frames}, but there are {nominal} frames in a second")
    total_minutes = hours * 60 + minutes
    count = (total_minutes * 60 + secs) * nominal + frames
    if match[4] == ":":
        return count
    dropped = dropped_labels(rate)
    if minutes % 10 and secs == 0 and frames < dropped:
        raise InvalidTime(f"timecode {text!r} is a label that drop-frame counting skips")
    return count - dropped * (total_minutes - total_minutes // 10)


def timecode(frame: int, rate: Fraction, drop_frame: bool = False) -> str:
    """Label of a frame: ``HH:MM:SS:FF``, or ``HH:MM:SS;FF`` with drop-frame counting."""
    if frame < 0:
        raise InvalidTime(f"a frame number must be 0 or later, not {frame}")
    nominal = math.ceil(rate)
    if drop_frame:
        dropped = dropped_labels(rate)
        per_minute = nominal * 60 - dropped
        per_ten_minutes = per_minute * 10 + dropped
        tens, rest = divmod(frame, per_ten_minutes)
        minutes_in_ten = max(0, (rest - dropped) // per_minute)
        frame += dropped * (9 * tens + minutes_in_ten)
    secs, frames = divmod(frame, nominal)
    hours, secs = divmod(secs, 3600)
    minutes, secs = divmod(secs, 60)
    return f"{hours:02d}:{minutes:02d}:{secs:02d}{';' if drop_frame else ':'}{frames:02d}"


def dropped_labels(rate: Fraction) -> int:
    """Frame labels that drop-frame counting skips at the start of a minute: 2 at 29.97, 4 at 59.94."""
    if rate not in (Fraction(30000, 1001), Fraction(60000, 1001)):
        raise InvalidTime(f"drop-frame timecode exists at 29.97 and 59.94 frames a second, not at {float(rate):g}")
    return math.ceil(rate) // 15


def to_units(time: Fraction, rate: Fraction | int) -> int:
    """Nearest frame or sample to a time, halves up."""
    return math.floor(time * rate + Fraction(1, 2))


def to_units_floor(time: Fraction, rate: Fraction | int) -> int:
    """Frame or sample that a time lies in."""
    return math.floor(time * rate)


def snap(time: float, rate: Fraction) -> Fraction:
    """Nearest frame boundary to a 32-bit time, which is off by up to 4 ms after a day."""
    return to_units(_exact(time, "time"), rate) / rate


def source_time(timeline_time: Fraction, position: Fraction, offset: Fraction, play_rate: Fraction) -> Fraction:
    """Time inside a source file of a moment on the timeline, for an item at ``position`` that starts ``offset`` in."""
    return offset + (timeline_time - position) * play_rate


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Half-open [start, end) in exact seconds."""

    start: Fraction
    end: Fraction

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise InvalidRange(f"in ({float(self.start):g} s) must lie before out ({float(self.end):g} s)")

    @property
    def duration(self) -> Fraction:
        return self.end - self.start

    def samples(self, sample_rate: int) -> int:
        return to_units(self.duration, sample_rate)

    def shifted(self, by: Fraction) -> TimeRange:
        return TimeRange(self.start + by, self.end + by)

    def __str__(self) -> str:
        return f"{float(self.start):g}–{float(self.end):g} s"


def _exact(value: Time, what: str) -> Fraction:
    """Number or decimal/ratio string as the Fraction it prints as; InvalidTime when it is no finite number."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise InvalidTime(f"a {what} must be a number or a string, not {value!r}")
    if isinstance(value, str):
        return _exact_text(_short(value, what), what)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidTime(f"a {what} must be finite, not {value}")
    return Fraction(repr(value) if isinstance(value, float) else value)


def _exact_text(text: str, what: str) -> Fraction:
    if match := _RATIO.match(text):
        if int(match[2]) == 0:
            raise InvalidTime(f"the {what} {text!r} divides by zero")
        return Fraction(int(match[1]), int(match[2]))
    if not _DECIMAL.match(text):
        raise InvalidTime(f"{text!r} is not a {what}")
    return Fraction(text)


def _short(text: str, what: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise InvalidTime(f"{text[:40]!r}… is too long for a {what}")
    return text.strip()
