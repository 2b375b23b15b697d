"""`footfall evaluate`: how well events sit on what is heard, and sounds on what is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from footfall_engine.cli import options
from footfall_engine.cli.console import answer, answer_json, answer_table, reported
from footfall_engine.cli.logs import start_logging
from footfall_engine.config import Settings
from footfall_engine.progress import part


@reported
def sync(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Clips and an onsets.csv.", show_default=False)],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare the visible events of every clip in FOLDER with the onsets listed in its onsets.csv."""
    from footfall_engine.cli.steps import step_bar
    from footfall_engine.evaluation.sync import evaluate_sync

    start_logging(Settings.load())
    with step_bar("looking at the clips", quiet or as_json) as progress:
        found = evaluate_sync(folder, progress)
    if as_json:
        answer_json(found)
        return
    rows = [
        [
            row["clip"], str(row["onsets"]), str(row["events"]), f"{row['f1']:.2f}", f"{row['chance']:.2f}",
            f"{row['lift']:+.2f}", "" if row["median_offset"] is None else f"{row['median_offset'] * 1000:+.0f} ms",
        ]
        for row in found["clips"]
    ]  # fmt: skip
    answer_table(["clip", "onsets", "events", "F1", "chance", "lift", "offset"], rows)
    answer(f"mean lift {found['mean_lift']:.3f}")


@reported
def align(
    clips: Annotated[
        list[Path],
        typer.Argument(
            metavar="CLIP|FOLDER...",
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
    from footfall_engine.cli.steps import step_bar
    from footfall_engine.evaluation.folders import films_with_sounds
    from footfall_engine.models.registry import model_row
    from footfall_engine.models.store import require_neural

    start_logging(Settings.load())
    pairs = films_with_sounds(clips, sound)
    require_neural(model_row("diff-foley").name)
    from footfall_engine.media.audio import read_recording
    from footfall_engine.models.diff_foley.align import AlignmentJudge

    judge = AlignmentJudge()
    rows = []
    with step_bar("judging", quiet or as_json) as progress:
        for number, (clip, heard) in enumerate(pairs):
            watch = part(progress, number / len(pairs), (number + 1) / len(pairs))
            path = options.existing_file(clip, "clip")
            for found in judge.judge(Path(path), read_recording(options.existing_file(heard, "sound")), watch):
                rows.append({"clip": str(clip), "sound": str(heard), "start": found.start,
                             "probability": found.probability, "aligned": found.aligned})  # fmt: skip
    accuracy = sum(bool(row["aligned"]) for row in rows) / len(rows)
    if as_json:
        answer_json({"align_acc": accuracy, "windows": rows})
        return
    answer_table(
        ["clip", "sound", "from", "probability", "aligned"],
        [
            [str(row["clip"]), str(row["sound"]), f"{row['start']:g} s", f"{row['probability']:.3f}",
             "yes" if row["aligned"] else "no"]
            for row in rows
        ],
    )  # fmt: skip
    answer(f"Align Acc {accuracy:.3f}")
