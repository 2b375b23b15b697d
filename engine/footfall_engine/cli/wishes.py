"""Options that every command which makes sound has, as the keys of its request."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footfall_bridge.errors import InvalidMessage, MediaNotFound
from footfall_bridge.messages import Hit
from pydantic import ValidationError

from footfall_engine.cli import options


@dataclass(frozen=True)
class Wishes:
    """What may be wished for, whether a sound is made or made anew."""

    negative: options.Negative = None
    variants: options.Variants = 1
    seed: options.Seed = None
    model: options.Model = None
    reference: options.Reference = None
    reference_in: options.ReferenceIn = None
    reference_out: options.ReferenceOut = None
    events: options.Events = None
    steps: options.Steps = None
    guidance: options.Guidance = None
    gamma: options.Gamma = None
    classifier_scale: options.ClassifierScale = None
    semantic_scale: options.SemanticScale = None
    temporal_scale: options.TemporalScale = None
    pictures: options.Pictures = None
    timing: options.Timing = None
    quality: options.Quality = None
    reference_picture: options.ReferencePicture = None

    def as_fields(self) -> dict[str, Any]:
        """The keys of a request that were given."""
        reference = self.reference
        return options.given(
            **vars(self)
            | {
                "reference": reference and options.existing_file(reference, "recording"),
                "reference_in": options.checked_time(self.reference_in, "--reference-in"),
                "reference_out": options.checked_time(self.reference_out, "--reference-out"),
                "events": read_events(self.events),
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
