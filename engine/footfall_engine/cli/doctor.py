"""`footfall doctor`: is everything there, and what are the settings?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from footfall_engine.cli import options
from footfall_engine.cli.console import answer, answer_json, answer_table, reported
from footfall_engine.config import Settings


@reported
def doctor(
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Zip log, settings and system facts (no media) for a bug report."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Look at this machine and at the settings; exit status 1 when something is broken."""
    from footfall_engine.doctor import State, examine, settings_table, write_bundle

    settings = Settings.load()
    if bundle is not None:
        names = write_bundle(settings, bundle)
        answer_json({"bundle": str(bundle), "parts": names}) if as_json else answer(str(bundle))
        return
    findings = examine(settings)
    if as_json:
        answer_json(
            {
                "findings": [
                    {"name": found.name, "state": found.state.value, "said": found.said} for found in findings
                ],
                "settings": {key: {"value": value, "from": origin} for key, value, origin in settings_table(settings)},
            }
        )
    else:
        answer_table(["", "", ""], [[found.name, found.state.value, found.said] for found in findings], "This machine")
        answer_table(["setting", "value", "from"], [list(row) for row in settings_table(settings)], "Settings")
    if any(found.state is State.BROKEN for found in findings):
        raise typer.Exit(1)
