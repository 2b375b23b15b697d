"""`footfall evaluate`: how well events sit on what is heard, sounds on what is seen, and what they are like."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from footfall_bridge.spool import write_whole

from footfall_engine.cli import options
from footfall_engine.cli.console import answer, answer_json, answer_table, reported, say
from footfall_engine.cli.steps import step_bar
from footfall_engine.config import Settings
from footfall_engine.logs import start_logging
from footfall_engine.progress import ProgressFn, in_turn

DIFF_FOLEY = "diff-foley"
EVALUATION_FILE = "evaluation.json"


@reported
def sync(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Clips and an onsets.csv.", show_default=False)],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare the visible events of every clip in FOLDER with the onsets listed in its onsets.csv."""
    from footfall_engine.evaluation.sync import evaluate_sync

    with _measuring("looking at the clips", quiet or as_json) as progress:
        found = evaluate_sync(folder, progress)
    _tell(found, as_json, _show_sync)
    _remark(found["warnings"], quiet or as_json)


@reported
def align(
    clips: Annotated[
        list[Path],
        typer.Argument(
            metavar="CLIP|FOLDER",
            help="Films, or folders of them, each with the .wav of the same name beside it.",
            show_default=False,
        ),
    ],
    sound: Annotated[
        list[Path],
        typer.Option(metavar="WAV", help="One for each film, in their order; their own sound without it."),
    ] = [],  # noqa: B006 -- typer reads the default
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Align Acc of Diff-Foley's paper: the share of 8 s windows whose sound is taken to belong to its picture."""
    from footfall_engine.evaluation.folders import films_with_sounds
    from footfall_engine.models.store import require_neural

    with _measuring("judging", quiet or as_json) as progress:
        pairs = films_with_sounds(clips, sound)
        require_neural(DIFF_FOLEY)
        from footfall_engine.evaluation.align import evaluate_align

        found = evaluate_align(pairs, progress)
    _tell(found, as_json, _show_align)


@reported
def sounds(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER",
            help="Films, each with the .wav of the same name beside it or its own sound; and an onsets.csv, if any.",
            show_default=False,
        ),
    ],
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Recordings or films of the same names, with the true sound.", show_default=False
        ),
    ] = None,
    prompt: Annotated[
        str,
        typer.Option(metavar="TEXT", help="What they are to sound like; Footfall's stems know it.", show_default=False),
    ] = "",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure the sounds of every clip in FOLDER: timing, and likeness where weights of listening networks are here.

    The figures are also written to FOLDER/evaluation.json.
    """
    from footfall_engine.evaluation.sounds import evaluate_sounds

    found = []
    with _measuring("watching and listening", quiet or as_json) as progress:
        for folder, watch in in_turn(folders, progress):
            found.append(evaluate_sounds(folder, against, prompt, watch))
            _write_beside(folder, found[-1])
    _tell({"folders": found}, as_json, _show_folders)
    _remark([warning for measured in found for warning in measured["warnings"]], quiet or as_json)


# ---- what they share


@contextmanager
def _measuring(what: str, quiet: bool) -> Iterator[ProgressFn]:
    start_logging(Settings.load())
    with step_bar(what, quiet) as progress:
        yield progress


def _tell(found: dict[str, Any], as_json: bool, show: Callable[[dict[str, Any]], None]) -> None:
    if as_json:
        answer_json(found)
    else:
        show(found)


def _remark(warnings: Iterable[str], quiet: bool) -> None:
    for warning in [] if quiet else warnings:
        say(f"note: {warning}")


def _write_beside(folder: Path, measured: dict[str, Any]) -> None:
    path = folder / EVALUATION_FILE
    try:
        write_whole(path, json.dumps(measured, ensure_ascii=False, allow_nan=False, indent=1))
    except OSError as error:
        say(f"footfall: {path} cannot be written: {error.strerror or error}")


def _show_sync(found: dict[str, Any]) -> None:
    rows = [
        [
            row["clip"], str(row["onsets"]), str(row["events"]), f"{row['f1']:.2f}", f"{row['chance']:.2f}",
            f"{row['lift']:+.2f}", _milliseconds(row["median_offset"]),
        ]
        for row in found["clips"]
    ]  # fmt: skip
    answer_table(["clip", "onsets", "events", "F1", "chance", "lift", "offset"], rows)
    answer(f"mean lift {found['mean_lift']:.3f}")


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{round(seconds * 1000):+d} ms"


def _show_align(found: dict[str, Any]) -> None:
    rows = [
        [
            row["clip"],
            row["sound"],
            f"{row['start']:g} s",
            f"{row['probability']:.3f}",
            "yes" if row["aligned"] else "no",
        ]
        for row in found["windows"]
    ]
    answer_table(["clip", "sound", "from", "probability", "aligned"], rows)
    answer(f"Align Acc {found['align_acc']:.3f}")


def _show_folders(found: dict[str, Any]) -> None:
    for measured in found["folders"]:
        _show_sounds(measured)


def _show_sounds(measured: dict[str, Any]) -> None:
    from footfall_engine.evaluation.sounds import MEASURES

    columns = [measure for measure in MEASURES if measure.key in measured["mean"]]
    rows = [[row["clip"], *(_figure(row.get(measure.key)) for measure in columns)] for row in measured["clips"]]
    mean = ["mean", *(_figure(measured["mean"][measure.key]) for measure in columns)]
    answer_table(["clip", *(measure.name for measure in columns)], [*rows, mean], title=measured["folder"])
    for row in measured["clips"]:
        if "problem" in row:
            answer(f"{row['clip']}: {row['problem']}")
    figures = measured["mean"] | measured["together"]
    answer_table(
        ["measure", "", "what it is, or why it is not there"],
        [
            [measure.name, _figure(figures.get(measure.key)), measured["missing"].get(measure.key, measure.about)]
            for measure in MEASURES
        ],
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
