"""Arguments and options that several commands share, and what their texts stand for."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Any

import typer
from footfall_bridge import messages
from footfall_bridge.errors import BadRequest, InvalidTime, MediaNotFound, StemFolderUnusable

from footfall_engine.config import named_path

Clip = Annotated[Path, typer.Argument(metavar="CLIP", help="The film.", show_default=False)]
In = Annotated[
    str | None, typer.Option("--in", metavar="S", help="Start: seconds, 48f, or 00:00:01:00.", show_default=False)
]
Out = Annotated[
    str | None,
    typer.Option("--out", metavar="S", help="End of the region; the clip's end without it.", show_default=False),
]
TimeAndFolder = Annotated[
    list[str],
    typer.Option(
        "--out", metavar="S|DIR", show_default=False,
        help="The folder for the stems; and, given once more, a time: the end of the region.",
    ),
]  # fmt: skip
Negative = Annotated[str | None, typer.Option(metavar="TEXT", help="What it must not sound like.", show_default=False)]
Variants = Annotated[int, typer.Option(metavar="N", help="How many to make.")]
Seed = Annotated[
    int | None, typer.Option(metavar="N", help="Same seed, same sound; without it, a new one.", show_default=False)
]
Model = Annotated[str | None, typer.Option(metavar="MODEL", help="As `footfall models` lists it.", show_default=False)]
Reference = Annotated[
    Path | None, typer.Option(metavar="WAV", help="A recording to re-time to the picture.", show_default=False)
]
ReferenceIn = Annotated[
    str | None, typer.Option(metavar="S", help="Start of the part of it that is used.", show_default=False)
]
ReferenceOut = Annotated[
    str | None, typer.Option(metavar="S", help="End of the part of it that is used.", show_default=False)
]
Steps = Annotated[int | None, typer.Option(metavar="N", help="Of a neural model's sampler.", show_default=False)]
Guidance = Annotated[
    float | None,
    typer.Option(metavar="X", help="How closely a neural model follows the picture.", show_default=False),
]
Gamma = Annotated[
    float | None,
    typer.Option(metavar="X", help="The guidance less one, as the paper counts it (multifoley).", show_default=False),
]
ClassifierScale = Annotated[
    float | None,
    typer.Option(metavar="X", help="How much a classifier of fitting sound guides (diff-foley).", show_default=False),
]
SemanticScale = Annotated[
    float | None,
    typer.Option(metavar="X", help="How much of what the picture shows is told (foleycrafter).", show_default=False),
]
TemporalScale = Annotated[
    float | None,
    typer.Option(metavar="X", help="How much of when it sounds is told (foleycrafter).", show_default=False),
]
Pictures = Annotated[
    int | None, typer.Option(metavar="N", help="How many of a window are looked at (foleycrafter).", show_default=False)
]
Timing = Annotated[
    messages.TimingSource | None,
    typer.Option(help="Where the timing comes from (foleycrafter, smooth-foley).", show_default=False),
]
Quality = Annotated[messages.Quality | None, typer.Option(help="Of the sound (multifoley).", show_default=False)]
ReferencePicture = Annotated[
    bool | None,
    typer.Option("--reference-picture", help="The reference is a film: let its picture tell, too.", show_default=False),
]
Speed = Annotated[float, typer.Option(metavar="X", help="How fast you play the clip; times count as it is played.")]
Events = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Your own events (JSON as `spot` writes it, or CSV), not the found ones."),
]
Here = Annotated[bool, typer.Option("--here", help="Work in this process, even if an engine is running.")]
Json = Annotated[bool, typer.Option("--json", help="Only JSON on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no remarks.")]

_TIME = re.compile(r"^\s*(\d+/\d+|\d+f|\d{1,3}:\d\d:\d\d[:;]\d{1,3})\s*$")


def is_time(text: str) -> bool:
    """Whether a text is meant as a time, good or bad: ``nan`` and ``-1`` are."""
    if _TIME.match(text):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def checked_time(text: str | None, option: str) -> str | None:
    """A time as the message takes it; InvalidTime names the option."""
    if text is None:
        return None
    if not is_time(text):
        raise InvalidTime(f"{option} must be a time such as 1.5, 48f or 00:00:01:00, not {text!r}")
    if not _TIME.match(text) and (not math.isfinite(float(text)) or float(text) < 0):
        raise InvalidTime(f"{option} must be 0 or more seconds, not {text}")
    return text.strip()


def time_and_folder(values: list[str]) -> tuple[str | None, str | None]:
    """The region's end and the stem folder out of one or two ``--out``; of two, the end is the one that is a time."""
    if len(values) > 2:
        raise BadRequest(f"--out was given {len(values)} times; once for the end of the region, once for the folder")
    if len(values) < 2:
        return None, (values[0] if values else None)
    first, second = values
    if not is_time(first):
        first, second = second, first
    return checked_time(first, "--out"), second


def existing_file(path: Path, what: str = "file") -> str:
    """The absolute path of a file that is there."""
    if not path.exists():
        raise MediaNotFound(f"there is no {what} {path}")
    if not path.is_file():
        raise MediaNotFound(f"{path} is a folder, not a {what}")
    return str(path.absolute())


def made_folder(name: str) -> str:
    """The absolute path of a folder for stems, made if it was not there."""
    folder = named_path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StemFolderUnusable(f"stems cannot be written to {folder}: {error.strerror or error}") from error
    return str(folder)


def given(**fields: Any) -> dict[str, Any]:
    """The fields that were given; ``in_`` becomes ``in``."""
    return {name.rstrip("_"): value for name, value in fields.items() if value is not None}
