"""`footfall evaluate`: how well the events sit on what is heard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from footfall_engine.cli import options
from footfall_engine.cli.console import answer, answer_json, answer_table, reported
from footfall_engine.cli.logs import start_logging
from footfall_engine.config import Settings


@reported
def sync(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Clips and an onsets.csv.", show_default=False)],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare the visible events of every clip in FOLDER with the onsets listed in its onsets.csv."""
    from footfall_engine.cli.steps import step_bar
    from footfall_engine.evaluate import evaluate_sync

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
