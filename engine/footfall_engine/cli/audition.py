"""`footfall audition`: hear a stem."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from footfall_bridge import messages

from footfall_engine.cli import options
from footfall_engine.cli.console import answer_json, reported
from footfall_engine.cli.jobs import run_job
from footfall_engine.config import Settings
from footfall_engine.logs import start_logging


@reported
def audition(
    stem: Annotated[Path | None, typer.Argument(metavar="STEM", help="Without it, playing stops.")] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    here: options.Here = False,
) -> None:
    """Play STEM on this machine (the engine's, when one is running)."""
    settings = Settings.load()
    start_logging(settings)
    path = stem and options.existing_file(stem, "stem")
    run_job(messages.parse_request(options.given(type="audition", path=path)), settings, quiet or as_json, here)
    if as_json:
        answer_json({"played": path or None})
