"""`footfall regenerate`: new sound for a part of a stem."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from footfall_bridge.errors import BadRequest

from footfall_engine.cli import options
from footfall_engine.cli.console import reported
from footfall_engine.cli.generate import tell
from footfall_engine.cli.jobs import How
from footfall_engine.cli.sharing import with_shared
from footfall_engine.cli.wishes import Wishes


@reported
@with_shared
def regenerate(
    stem: Annotated[Path, typer.Argument(metavar="STEM", help="A stem that Footfall made.", show_default=False)],
    start: options.In = None,
    out: Annotated[
        list[str],
        typer.Option(
            metavar="S|DIR",
            help="The end of the range; and, given once more, a folder for the new stems.",
            show_default=False,
        ),
    ] = [],  # noqa: B006 -- typer reads the default
    also: Annotated[
        list[str],
        typer.Option(metavar="S-S", help="A further part, such as 4.5-6; may be given again.", show_default=False),
    ] = [],  # noqa: B006 -- typer reads the default
    video: Annotated[
        Path | None, typer.Option(metavar="CLIP", help="Where the picture is now, if it has moved.")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Another prompt than the stem's.", show_default=False)
    ] = None,
    *,
    wishes: Wishes,
    how: How,
) -> None:
    """Make a part of STEM anew: seconds --in to --out from its first sample; everything else stays bit for bit.

    The new, full-length stems go beside the old one, or into the folder of a second --out.
    """
    end, folder = region_end_and_folder(out)
    if start is None or end is None:
        raise BadRequest(
            f"{'--in' if start is None else '--out'} is missing: which part of the stem is to be made anew"
        )
    path = options.existing_file(stem, "stem")
    outcome = how.do(
        type="regenerate",
        stem=path,
        in_=options.checked_time(start, "--in"),
        out=end,
        also=[part_of(text) for text in also],
        video=video and options.existing_file(video, "clip"),
        prompt=prompt,
        **wishes.as_fields(),
        stem_folder=str(Path(path).parent) if folder is None else options.made_folder(folder),
    )
    tell(outcome, how)


def part_of(text: str) -> dict[str, str | None]:
    start, found, end = text.partition("-")
    if not found:
        raise BadRequest(f"--also must be a part such as 4.5-6, not {text!r}")
    return {"in": options.checked_time(start, "--also"), "out": options.checked_time(end, "--also")}


def region_end_and_folder(out: list[str]) -> tuple[str | None, str | None]:
    """Here a single ``--out`` is the end of the range, not the folder."""
    if len(out) == 1:
        return options.checked_time(out[0], "--out"), None
    return options.time_and_folder(out)
