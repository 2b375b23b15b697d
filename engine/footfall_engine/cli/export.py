"""`footfall export`: a timeline file for editors without scripting."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from footfall_bridge.timeline import seconds

from footfall_engine.cli import options
from footfall_engine.cli.console import answer, answer_json, reported, say


@reported
def export(
    stems: Annotated[list[Path], typer.Argument(metavar="STEM", help="Stems made by Footfall.", show_default=False)],
    target: Annotated[
        Path, typer.Option("--to", metavar="FILE", help="A .otio timeline, or .xml for FCP7 XML.", show_default=False)
    ],
    clip: Annotated[
        Path | None,
        typer.Option("--clip", metavar="CLIP", help="Where the picture is now, if it has moved.", show_default=False),
    ] = None,
    start: Annotated[
        str, typer.Option("--start", metavar="S", help="Where the timeline starts; positions count from zero.")
    ] = "0",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a timeline with every STEM at its exact time, over its picture."""
    from footfall_engine.export import export as write_timeline
    from footfall_engine.export import shot_of
    from footfall_engine.media.wav import read_facts

    sounds = [Path(options.existing_file(stem, "stem")) for stem in stems]
    film = None if clip is None else Path(options.existing_file(clip, "clip"))
    rate = shot_of(read_facts(sounds[0]), film).frame_rate
    said = write_timeline(sounds, target, film, seconds(options.checked_time(start, "--start") or "0", rate))
    if as_json:
        answer_json({"timeline": str(target), "warnings": said})
    else:
        answer(str(target))
        for sentence in [] if quiet else said:
            say(sentence)
