"""`footfall preview`: stems on their clip, to watch; and the two on one time axis, to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from footfall_bridge.errors import BadRequest, NotAStem
from footfall_bridge.messages import Hit
from footfall_bridge.timeline import play_rate

from footfall_engine.cli import options
from footfall_engine.cli.console import answer, answer_json, reported
from footfall_engine.cli.steps import step_bar
from footfall_engine.config import Settings
from footfall_engine.logs import start_logging
from footfall_engine.progress import no_progress

if TYPE_CHECKING:
    from footfall_engine.analysis.picture import PictureAnalysis
    from footfall_engine.playback import Playback


@reported
def preview(
    clip: options.Clip,
    stems: Annotated[list[Path], typer.Argument(metavar="STEM", help="Stems, or any recordings.", show_default=False)],
    target: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE|DIR", help="The MP4, or a folder for them; beside its stem when left out."),
    ] = None,
    chart: Annotated[
        Path | None,
        typer.Option(metavar="PNG|DIR", help="Also draw frames, events and sound; into a folder for several stems."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--in", metavar="S", help="Where in the clip the stem starts; a stem knows it itself.")
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put each STEM under CLIP as an MP4 to watch; pictures are copied untouched where that is possible."""
    start_logging(Settings.load())
    film = Path(options.existing_file(clip, "clip"))
    sounds = [Path(options.existing_file(stem, "stem")) for stem in stems]
    first = options.checked_time(start, "--in")
    previews = targets(sounds, target, ".mp4", "--to")
    charts = targets(sounds, chart, ".png", "--chart") if chart else [None] * len(sounds)
    check_targets([*previews, *filter(None, charts)], [film, *sounds])
    made = []
    for sound, watched, drawn in zip(sounds, previews, charts, strict=True):
        made.append(show(film, sound, first, watched, drawn, quiet or as_json))
        if not as_json:
            answer("\n".join(made[-1].values()))
    if as_json:
        answer_json({"previews": made})


def targets(sounds: Sequence[Path], given: Path | None, suffix: str, option: str) -> list[Path]:
    """Where what is made of each stem goes: beside it, into the folder `given`, or to the file of that name."""
    if given is None:
        return [sound.with_suffix(suffix) for sound in sounds]
    if given.is_dir():
        return [given / sound.with_suffix(suffix).name for sound in sounds]
    if len(sounds) > 1:
        raise BadRequest(f"{option} {given} is no folder, and one file cannot hold what is made of {len(sounds)} stems")
    return [given]


def check_targets(made: Sequence[Path], sources: Sequence[Path]) -> None:
    """Nothing is written twice, nor over what it is made of."""
    for number, path in enumerate(made):
        if path in made[:number]:
            raise BadRequest(f"{path} would be written twice: preview stems of one name one by one, each with its --to")
        if path.exists() and any(path.samefile(source) for source in sources):
            raise BadRequest(f"{path} would be overwritten, and the preview is made of it: name another file with --to")


def show(film: Path, sound: Path, start: str | None, target: Path, chart: Path | None, quiet: bool) -> dict[str, str]:
    """Make a stem's preview, and its chart if there is to be one; their paths by what they are."""
    from footfall_engine.media.preview import write_preview

    playback = stem_playback(film, sound, start)
    with step_bar("muxing", quiet) as progress:
        write_preview(film, sound, target, playback.region, progress, playback.speed)
    if chart is None:
        return {"preview": str(target)}
    draw(film, sound, playback, chart, f"{film.name}, {playback.region} · {sound.name}")
    return {"preview": str(target), "chart": str(chart)}


def stem_playback(clip: Path, sound: Path, start: str | None) -> Playback:
    """The part of the clip that a recording belongs to: from `start`, or where the stem itself says it was made for."""
    from footfall_engine.media.video import probe, region_of
    from footfall_engine.media.wav import read_facts
    from footfall_engine.playback import Playback

    facts = probe(clip)
    try:
        stem = read_facts(sound)
    except NotAStem:
        return Playback(region_of(facts, start or 0))
    asked = stem.provenance.get("request", {})
    speed = play_rate(asked.get("speed", 1))
    first = region_of(facts, start if start is not None else asked.get("in", 0)).start
    seen = Fraction(stem.samples, stem.sample_rate) * speed
    return Playback(region_of(facts, first, min(facts.duration, first + seen)), speed)


def draw(clip: Path, sound: Path, playback: Playback, target: Path, title: str, known: tuple[float, ...] = ()) -> None:
    """The chart of a stem and the region it was made for, with the events it was made from."""
    from footfall_engine.media.audio import read_recording
    from footfall_engine.media.chart import ChartData, strip_frames, write_chart

    seen = _seen(clip, playback)
    if (given := _asked(sound).get("events")) is not None:
        seen = replace(seen, hits=tuple(Hit(**hit) for hit in given))
    write_chart(ChartData(title, strip_frames(clip, playback), seen, read_recording(str(sound)), known), target)


def _seen(clip: Path, playback: Playback) -> PictureAnalysis:
    """What the picture shows; from the engine's cache where there is one."""
    from footfall_engine.analysis import analyse
    from footfall_engine.cache import Analyses, Cache
    from footfall_engine.playback import as_played

    settings = Settings.load()
    cache = settings.data_folder / "cache"
    if not cache.is_dir():
        return as_played(analyse(clip, playback.region), playback)
    found = Analyses(Cache(cache, settings.cache_mb), analyse).of(str(clip), playback.region, no_progress)
    return as_played(found, playback)


def _asked(sound: Path) -> dict[str, Any]:
    """The request that a stem was made for; empty for any other recording."""
    from footfall_engine.media.wav import read_facts

    try:
        return dict(read_facts(sound).provenance.get("request", {}))
    except NotAStem:
        return {}
