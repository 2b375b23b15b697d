"""Options that every command which makes sound has, as the keys of its request."""

from __future__ import annotations

import csv
import functools
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from footfall_bridge.errors import InvalidMessage, MediaNotFound
from footfall_bridge.messages import Hit
from pydantic import ValidationError

from footfall_engine.cli import options

WISHES: dict[str, Any] = {
    "negative": options.Negative,
    "variants": options.Variants,
    "seed": options.Seed,
    "model": options.Model,
    "reference": options.Reference,
    "reference_in": options.ReferenceIn,
    "reference_out": options.ReferenceOut,
    "events": options.Events,
    "steps": options.Steps,
    "guidance": options.Guidance,
    "gamma": options.Gamma,
    "classifier_scale": options.ClassifierScale,
    "semantic_scale": options.SemanticScale,
    "temporal_scale": options.TemporalScale,
    "pictures": options.Pictures,
    "timing": options.Timing,
    "quality": options.Quality,
    "reference_picture": options.ReferencePicture,
}
"""What may be wished for, whether a sound is made or made anew."""
UNSET = {"variants": 1}  # what is wished for without a word


def with_wishes(command: Callable[..., None]) -> Callable[..., None]:
    """A command with an option for every wish; it is handed `wishes`, the keys of a request that were given."""
    own = inspect.signature(command, eval_str=True).parameters
    added = {
        name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=UNSET.get(name), annotation=kind)
        for name, kind in WISHES.items()
    }
    before = list(own)[: list(own).index("wishes")]
    shown = {name: own[name] for name in before} | added | {name: own[name] for name in own if name != "wishes"}

    @functools.wraps(command)
    def run(**values: Any) -> None:
        wishes = {name: values.pop(name) for name in WISHES}
        command(**values, wishes=_fields_of(wishes))

    told: Any = run
    told.__signature__ = inspect.Signature(
        [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in shown.values()]
    )
    told.__annotations__ = {name: each.annotation for name, each in shown.items()}
    return run


def _fields_of(wishes: dict[str, Any]) -> dict[str, Any]:
    reference = wishes["reference"]
    return options.given(
        **wishes
        | {
            "reference": reference and options.existing_file(reference, "recording"),
            "reference_in": options.checked_time(wishes["reference_in"], "--reference-in"),
            "reference_out": options.checked_time(wishes["reference_out"], "--reference-out"),
            "events": read_events(wishes["events"]),
        }
    )


def read_events(file: Path | None) -> list[Hit] | None:
    """A user's own events: JSON as `footfall spot --json` writes it, a bare list, or CSV with a column `time`."""
    if file is None:
        return None
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MediaNotFound(f"the events {file} cannot be read: {error}") from error
    try:
        rows: Any
        if text.lstrip()[:1] in ("{", "["):
            rows = json.loads(text)
            rows = rows["events"] if isinstance(rows, dict) else rows
        else:
            rows = [
                {key: value for key, value in row.items() if key and value} for row in csv.DictReader(text.splitlines())
            ]
        return [Hit(**row) for row in rows]
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(map(str, problem["loc"]))
        raise InvalidMessage(f"{file}: '{key}' cannot be {problem.get('input')!r}: {problem['msg']}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidMessage(f"{file} is no list of events (JSON or CSV with a column 'time'): {error}") from error
