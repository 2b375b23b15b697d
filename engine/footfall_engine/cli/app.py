"""Every command by its name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from footfall_bridge.errors import BadRequest
from typer.core import TyperGroup

from footfall_engine.cli import (
    audition,
    bench,
    demo,
    doctor,
    evaluate,
    export,
    generate,
    install,
    lists,
    models,
    preview,
    regenerate,
    serve,
    spot,
    status,
    train,
)
from footfall_engine.cli.console import fail

JSON = "--json"
UsageError: Any = typer.BadParameter.__base__
"""Click's, which some versions of typer have within themselves."""


class Commands(TyperGroup):
    """Has words that are wrong told as every other fault is."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[JSON] = JSON in args
        with told(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with told(ctx):
            return super().invoke(ctx)


@contextmanager
def told(ctx: Any) -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        path = error.ctx.command_path if error.ctx else f"{ctx.command_path} {ctx.invoked_subcommand or ''}".rstrip()
        sentence = error.format_message().rstrip(".")
        if not sentence or "\n" in sentence:  # a group's help counts as an error, too
            raise
        fail(BadRequest(f"{sentence} (see `{path} -h`)"), ctx.meta[JSON])


app = typer.Typer(
    cls=Commands,
    help="Foley on the timeline: a clip goes in, a stem in time with its picture comes out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
GROUPS: dict[str, tuple[str, dict[str, Callable[..., None]]]] = {
    "evaluate": (
        "Measure against what is known.",
        {"sync": evaluate.sync, "align": evaluate.align, "sounds": evaluate.sounds},
    ),
    "train": (
        "Train MultiFoley on your own clips and recordings.",
        {"network": train.network, "codec": train.codec, "proof": train.proof},
    ),
    "install": (
        "Put Footfall into an editor.",
        {"reaper": install.install_reaper, "resolve": install.install_resolve, "ardour": install.install_ardour},
    ),
    "uninstall": (
        "Take Footfall out of an editor again.",
        {"reaper": install.uninstall_reaper, "resolve": install.uninstall_resolve, "ardour": install.uninstall_ardour},
    ),
}
weights = typer.Typer(invoke_without_command=True, callback=models.models)
weights.command("pull")(models.pull)
weights.command("verify")(models.verify)
weights.command("remove")(models.remove)

for command in (
    generate.generate, regenerate.regenerate, spot.spot, preview.preview, export.export, audition.audition, serve.serve,
    status.status, status.cancel, lists.families, doctor.doctor, demo.demo, bench.bench,
):  # fmt: skip
    app.command()(command)
app.add_typer(weights, name="models")
for name, (about, members) in GROUPS.items():
    group = typer.Typer(help=about, no_args_is_help=True)
    for member, command in members.items():
        group.command(member)(command)
    app.add_typer(group, name=name)


@app.callback(invoke_without_command=True)
def root(
    version: bool = typer.Option(False, "--version", help="Say the version and leave."),
    home: Path | None = typer.Option(None, metavar="FOLDER", help="Settings, data and log there, as FOOTFALL_HOME."),
    config: Path | None = typer.Option(None, metavar="FILE", help="Another settings file, as FOOTFALL_CONFIG."),
) -> None:
    for variable, value in (("FOOTFALL_HOME", home), ("FOOTFALL_CONFIG", config)):
        if value is not None:
            os.environ[variable] = str(value)
    if version:
        from footfall_bridge import __version__

        typer.echo(f"footfall {__version__}")
        raise typer.Exit
