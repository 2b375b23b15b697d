"""`footfall generate`: sound for a region of a clip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from footfall_bridge.errors import BadRequest

from footfall_engine.cli import options
from footfall_engine.cli.console import answer, answer_json, reported, say
from footfall_engine.cli.jobs import How, Outcome
from footfall_engine.cli.sharing import with_shared
from footfall_engine.cli.wishes import Wishes


@reported
@with_shared
def generate(
    clip: options.Clip,
    prompt: Annotated[
        str, typer.Option(metavar="TEXT", help='What it sounds like: "boots on gravel, light rain".')
    ] = "",
    start: options.In = None,
    out: options.TimeAndFolder = [],  # noqa: B006 -- typer reads the default
    speed: options.Speed = 1.0,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="STEM", help="A stem of this clip that stays; sound is made around it.", show_default=False
        ),
    ] = None,
    *,
    wishes: Wishes,
    mono: Annotated[bool, typer.Option("--mono", help="One channel, not two.")] = False,
    position: Annotated[
        str | None, typer.Option(metavar="S", help="Of the region on your timeline; its start when left out.")
    ] = None,
    how: How,
) -> None:
    """Make sound in time with CLIP: one stem (Broadcast WAV) for each variant, in the folder --out DIR."""
    end, folder = options.time_and_folder(out)
    if folder is None:
        raise BadRequest("--out DIR is missing: the folder for the stems")
    if options.is_time(folder) and start is not None:
        raise BadRequest(f"--out {folder} reads as a time, and the folder for the stems is missing (a second --out)")
    outcome = how.do(
        type="generate",
        video=options.existing_file(clip, "clip"),
        in_=options.checked_time(start, "--in"),
        out=end,
        speed=speed,
        prompt=prompt,
        channels=1 if mono else 2,
        keep=keep and options.existing_file(keep, "stem"),
        **wishes.as_fields(),
        position=options.checked_time(position, "--position"),
        stem_folder=options.made_folder(folder),
    )
    tell(outcome, how)


def tell(outcome: Outcome, how: How) -> None:
    """Paths are the answer, for other commands too; seeds are said beside it."""
    if how.as_json:
        answer_json(outcome.as_json())
        return
    for stem in outcome.in_order():
        answer(stem.path)
        if not how.quiet:
            say(f"variant {stem.variant}: seed {stem.seed}")
