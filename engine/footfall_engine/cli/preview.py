"""`footfall preview`: a stem on its clip, to watch; and the two on one time axis, to look at."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from footfall_bridge.errors import NotAStem
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
    stem: Annotated[Path, typer.Argument(metavar="STEM", help="A stem, or any recording.", show_default=False)],
    target: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="The MP4; beside the stem when left out.")
    ] = None,
    chart: Annotated[Path | None, typer.Option(metavar="PNG", help="Also draw frames, events and sound.")] = None,
    start: Annotated[
        str | None, typer.Option("--in", metavar="S", help="Where in the clip the stem starts; a stem knows it itself.")
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put STEM under CLIP as an MP4 to watch; pictures are copied untouched where that is possible."""
    start_logging(Settings.load())
    film, sound = Path(options.existing_file(clip, "clip")), Path(options.existing_file(stem, "stem"))
    playback = stem_playback(film, sound, options.checked_time(start, "--in"))
    made = {"preview": target or sound.with_suffix(".mp4")}
    from footfall_engine.media.preview import write_preview

    with step_bar("muxing", quiet or as_json) as progress:
        write_preview(film, sound, made["preview"], playback.region, progress, playback.speed)
    if chart is not None:
        made["chart"] = chart
        draw(film, sound, playback, chart, f"{film.name}, {playback.region} · {sound.name}")
    if as_json:
        answer_json({name: str(path) for name, path in made.items()})
    else:
        answer("\n".join(str(path) for path in made.values()))


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
