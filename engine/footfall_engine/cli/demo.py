"""`footfall demo`: a clip goes through a real engine over OSC; its sound is left to hear, to watch and to look at."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from footfall_bridge.errors import EngineFault
from footfall_bridge.messages import Generate, Hit, Job, Spot, Stem

from footfall_engine.cli import options
from footfall_engine.cli.console import answer, answer_json, answer_table, reported, say
from footfall_engine.cli.jobs import Outcome, collect, job_bar
from footfall_engine.config import Settings
from footfall_engine.logs import start_logging
from footfall_engine.resident import Resident, resident_engine

DEMO_FOLDER = Path("demo-out")
DEMO_PROMPT = "rubber ball on wood, light room tone"
DEMO_SECONDS = 6.0
MATCH_SECONDS = 0.1  # an event further from a contact is another one


@dataclass(frozen=True)
class Demo:
    """What is shown: a clip, what it should sound like, and its contacts where they are known."""

    clip: Path
    prompt: str
    known: tuple[float, ...] = ()


@reported
def demo(
    clip: Annotated[Path | None, typer.Argument(metavar="CLIP", help="Your own film.", show_default=False)] = None,
    prompt: Annotated[str | None, typer.Option(metavar="TEXT", help="What it sounds like.", show_default=False)] = None,
    folder: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the results go.")] = DEMO_FOLDER,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed, same sound.")] = 1,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show everything at once: a short animation (or CLIP) gets its sound from a real engine, spoken to over OSC."""
    start_logging(Settings.load())
    results = Path(options.made_folder(str(folder)))
    shown = Demo(Path(options.existing_file(clip, "clip")), prompt or "") if clip else animation(results, prompt)
    with tempfile.TemporaryDirectory(prefix="footfall-demo-") as home, resident_engine(Path(home)) as engine:
        if not quiet:
            say(f"the engine answers after {engine.ready_after:.1f} s at {engine.tcp} and {engine.udp}")
        asked = Generate(video=str(shown.clip), prompt=shown.prompt, seed=seed, stem_folder=str(results))
        stem = ask(engine, asked, quiet or as_json).stems[0]
        spotted = ask(engine, Spot(video=str(shown.clip)), quiet or as_json).spotted
    assert spotted is not None, "a spot job that is done has said what it found"
    files = leave_results(shown, stem, results)
    tell(shown, spotted.events, files, as_json)


def animation(folder: Path, prompt: str | None) -> Demo:
    """The rendered clip whose contacts are known."""
    from footfall_engine.contacts import Scene, render_clip

    clip = folder / "animation.mp4"
    contacts = render_clip(clip, Scene("balls", duration=DEMO_SECONDS))
    return Demo(clip, DEMO_PROMPT if prompt is None else prompt, tuple(contact.time for contact in contacts))


def ask(engine: Resident, request: Job, quiet: bool) -> Outcome:
    outcome = Outcome()
    with engine.connect() as client, job_bar(quiet) as show:
        for event in client.events(client.submit(request)):
            collect(outcome, event)
            show(event)
    return outcome


def leave_results(shown: Demo, stem: Stem, folder: Path) -> dict[str, Path]:
    from footfall_engine.cli.preview import draw, stem_playback
    from footfall_engine.media.preview import write_preview

    sound = Path(stem.path)
    playback = stem_playback(shown.clip, sound, None)
    files = {"stem": sound, "preview": sound.with_suffix(".mp4"), "chart": sound.with_suffix(".png")}
    write_preview(shown.clip, sound, files["preview"], playback.region)
    title = f"{shown.clip.name} · “{shown.prompt}”" if shown.prompt else shown.clip.name
    draw(shown.clip, sound, playback, files["chart"], title, shown.known)
    return files


def tell(shown: Demo, events: list[Hit], files: dict[str, Path], as_json: bool) -> None:
    offsets = [nearest_offset(time, events) for time in shown.known]
    if as_json:
        rows = [{"contact": time, "offset": offset} for time, offset in zip(shown.known, offsets, strict=True)]
        answer_json({**{name: str(path) for name, path in files.items()}, "events": len(events), "contacts": rows})
        return
    if shown.known:
        rows_said = [
            [f"{time:.3f}", "missed" if offset is None else f"{offset * 1000:+.1f}"]
            for time, offset in zip(shown.known, offsets, strict=True)
        ]
        answer_table(["known contact (s)", "event − contact (ms)"], rows_said)
        _tell_summary([offset for offset in offsets if offset is not None], len(shown.known), len(events))
    else:
        answer(f"{len(events)} events seen")
    for name, path in files.items():
        answer(f"{name:8} {path}")


def _tell_summary(offsets: list[float], known: int, events: int) -> None:
    if not offsets:
        raise EngineFault(f"none of the {known} contacts was found among {events} events")
    sizes = sorted(abs(offset) * 1000 for offset in offsets)
    answer(
        f"{len(offsets)} of {known} contacts found by {events} events; "
        f"|offset| median {sizes[len(sizes) // 2]:.1f} ms, worst {sizes[-1]:.1f} ms"
    )


def nearest_offset(time: float, events: list[Hit]) -> float | None:
    """Event minus contact of the nearest event, None when it lies too far off to be the same."""
    offset = min((event.time - time for event in events), key=abs, default=None)
    return offset if offset is not None and abs(offset) <= MATCH_SECONDS else None
