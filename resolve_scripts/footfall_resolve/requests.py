"""Requests to the engine as mappings. What is None or empty is left out: the engine has its defaults. Pure.

Times are exact: seconds as `numerator/denominator`.
"""

from __future__ import annotations

import uuid
from fractions import Fraction
from typing import Any, Dict, NamedTuple

from . import controls
from .errors import FootfallError
from .shots import Shot

MAX_TEXT = 10_000  # characters
MAX_VARIANTS = 8  # as many as one listens through; the engine can do more

Fields = Dict[str, Any]


class Wishes(NamedTuple):
    """What the user wants to hear."""

    prompt: str = ""
    negative: str = ""
    variants: int = 3
    model: str = ""
    more: str = ""  # controls of the model, as they are typed


def new_id() -> str:
    return str(uuid.uuid4())


def exact(seconds: Fraction) -> str:
    return f"{seconds.numerator}/{seconds.denominator}"


def generate(shot: Shot, wishes: Wishes, position: Fraction, stem_folder: str, events: list[Fields] | None) -> Fields:
    """Sound for a shot; `position` is where it starts on the timeline, in seconds from 00:00:00:00."""
    return _checked(
        dict(
            _shown(shot, "generate"),
            prompt=wishes.prompt,
            negative=wishes.negative,
            variants=wishes.variants,
            model=wishes.model,
            channels=2,
            events=events,
            stem_folder=stem_folder,
            position=exact(position),
            **controls.of(wishes.more),
        )
    )


def spot(shot: Shot) -> Fields:
    """The visible hits of a shot."""
    return _checked(_shown(shot, "spot"))


def regenerate(stem: str, first: Fraction, end: Fraction, wishes: Fields, stem_folder: str) -> Fields:
    """New sound for [first, end) of a stem, in seconds from its first sample; what is not in `wishes` stays."""
    times = {"in": exact(first), "out": exact(end)}
    return _checked(
        dict({"type": "regenerate", "id": new_id(), "stem": stem, "stem_folder": stem_folder}, **times, **wishes)
    )


def _shown(shot: Shot, kind: str) -> Fields:
    speed = float(shot.speed)
    lasts = (shot.source_out - shot.source_in) / shot.speed
    out = shot.source_in + lasts * Fraction(repr(speed))  # as the engine reads that number
    times = {"in": exact(shot.source_in), "out": exact(out)}
    return dict({"type": kind, "id": new_id(), "video": shot.video, "speed": speed if speed != 1 else None}, **times)


def _checked(fields: Fields) -> Fields:
    """Without what is empty; FootfallError for a text that no wire carries."""
    for key, value in fields.items():
        if isinstance(value, str) and "\0" in value:
            raise FootfallError("bad_message", f"The {key} holds a NUL character.")
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise FootfallError("bad_message", f"The {key} is longer than {MAX_TEXT} characters.")
    always = ("prompt", "negative") if fields["type"] == "regenerate" else ()  # there an empty one is a wish, too
    return {key: value for key, value in fields.items() if value is not None and (value != "" or key in always)}
