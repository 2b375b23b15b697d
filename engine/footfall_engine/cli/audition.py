"""`footfall audition`: hear a stem."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from footfall_engine.cli import options
from footfall_engine.cli.console import answer_json, reported
from footfall_engine.cli.jobs import How
from footfall_engine.cli.sharing import with_shared


@reported
@with_shared
def audition(
    stem: Annotated[Path | None, typer.Argument(metavar="STEM", help="Without it, playing stops.")] = None,
    *,
    how: How,
) -> None:
    """Play STEM on this machine (the engine's, when one is running)."""
    path = stem and options.existing_file(stem, "stem")
    how.do(type="audition", path=path)
    if how.as_json:
        answer_json({"played": path or None})
