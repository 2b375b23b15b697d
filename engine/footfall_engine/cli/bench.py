"""`footfall bench`: the figures that Footfall promises, measured here."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from footfall_bridge.errors import BadRequest

from footfall_engine.cli import options
from footfall_engine.cli.console import answer_table, aside, reported
from footfall_engine.config import Settings
from footfall_engine.logs import start_logging


@reported
def bench(
    file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures there.", show_default=False)
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer clips, 3 minutes for 30; a few minutes in all.")
    ] = False,
    only: Annotated[
        list[str],
        typer.Option(
            metavar="GROUP",
            help="speed, latency, start, long, events, sync, ear, onsets, neural, published, multifoley.",
        ),
    ] = [],  # noqa: B006 -- typer reads the default
    quiet: options.Quiet = False,
) -> None:
    """Measure everything, print what must be reached and what is, and exit with 0 whatever the figures are."""
    from footfall_engine.bench.suite import GROUPS, report, run

    start_logging(Settings.load())
    if unknown := [name for name in only if name not in GROUPS]:
        raise BadRequest(f"there is no group {unknown[0]!r}; there are {', '.join(GROUPS)}")
    target = file and file.absolute()
    if target and not target.parent.is_dir():
        raise BadRequest(f"--json {file}: there is no folder {target.parent}")
    started = time.monotonic()
    with aside().status("starting", spinner="line") as status:
        say = (lambda what: None) if quiet else (lambda what: status.update(what))
        measures = list(run(only or list(GROUPS), quick, say))
    seconds = time.monotonic() - started
    verdicts = {True: "yes", False: "NO", None: "–"}
    answer_table(
        ["what", "must reach", "reached", "good"],
        [[measure.name, measure.target, measure.reached, verdicts[measure.good]] for measure in measures],
        f"Footfall bench, {seconds / 60:.1f} min",
    )
    if target:
        text = json.dumps(report(measures, quick, seconds), indent=1, ensure_ascii=False, default=str)
        target.write_text(text + "\n", encoding="utf-8")
