"""What markers say: `foley: prompt | negative prompt` asks for sound, `impact 0.83` is a visible hit. Pure."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from typing import Any, Dict, NamedTuple

from . import frames
from .frames import Range
from .resolve import Marker

NOTHING_FOUND = (
    "Put markers on the timeline whose name or note is 'foley: what it should sound like' and run the script again. "
    "What it should not sound like may follow after a '|'; a marker with a duration gives the range."
)
KINDS = {"impact": "Red", "step": "Green", "stop": "Blue", "start": "Yellow", "flash": "Cream"}  # and their colours
OURS = "footfall hit"
NEARBY = (0, 1, -1, 2, -2)  # frames at which a hit may be marked when its own has a marker already

_FOLEY = re.compile(r"^\s*foley\s*:([^|]*)\|?(.*)$", re.IGNORECASE | re.MULTILINE)
_HIT = re.compile(r"^\s*(\w+)\s*([\d.]*)\s*$")

Fields = Dict[str, Any]


class Line(NamedTuple):
    """One line of a spotting list."""

    prompt: str
    negative: str
    span: Range


# ---- asking for sound


def wish_of(marker: Marker) -> tuple[str, str] | None:
    """Prompt and negative prompt that a marker asks for; None for any other marker."""
    found = _FOLEY.search(marker.name) or _FOLEY.search(marker.note)
    return (found.group(1).strip(), found.group(2).strip()) if found else None


def spotting_list(markers: list[Marker], end: int) -> list[Line]:
    """Lines in the order of time. A marker of one frame lasts to the next one that asks, or to the picture's end."""
    asking = [(marker, wish) for marker, wish in ((marker, wish_of(marker)) for marker in markers) if wish]
    ends = [marker.frame for marker, _ in asking[1:]] + [end]
    return [
        Line(wish[0], wish[1], (marker.frame, marker.frame + marker.duration if marker.duration > 1 else until))
        for (marker, wish), until in zip(asking, ends)
    ]


# ---- hits


def hit_marker(event: Fields, number: int, first_frame: int, rate: Fraction) -> Marker:
    """A visible hit at the frame nearest to its time, counted from the shot's first frame."""
    at = round(Fraction(repr(float(event["time"]))) * rate)
    name = "{} {:.2f}".format(event["kind"], event["strength"])
    seen = {"footfall": OURS, "n": number, "x": round(event["x"], 3), "size": round(event["size"], 3)}
    return Marker(first_frame + at, 1, name, "", json.dumps(seen))


def is_ours(marker: Marker) -> bool:
    return _seen(marker).get("footfall") == OURS


def _seen(marker: Marker) -> Fields:
    try:
        seen = json.loads(marker.data)
    except ValueError:
        return {}
    return seen if isinstance(seen, dict) else {}


def hits_between(markers: list[Marker], span: Range, rate: Fraction) -> list[Fields] | None:
    """Events that hit markers in a span stand for, in seconds from its start; None when there are none."""
    events = []
    for marker in markers:
        found = _HIT.match(marker.name)
        kind, strength = (found.group(1).lower(), found.group(2) or "1") if found else ("", "")
        if kind in KINDS and span[0] <= marker.frame < span[1] and 0 <= _number(strength) <= 1:
            seen = {key: value for key, value in _seen(marker).items() if key in ("x", "size")}
            time = float(frames.seconds(marker.frame - span[0], rate))
            events.append(dict(seen, time=time, strength=_number(strength), kind=kind))
    return events or None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0
