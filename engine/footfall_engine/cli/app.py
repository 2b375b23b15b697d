"""Every command by its name."""

from __future__ import annotations

import os
from pathlib import Path

import typer

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

app = typer.Typer(
    help="Foley on the timeline: a clip goes in, a stem in time with its picture comes out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
evaluations = typer.Typer(help="Measure against what is known.", no_args_is_help=True)
evaluations.command("sync")(evaluate.sync)
evaluations.command("align")(evaluate.align)
evaluations.command("sounds")(evaluate.sounds)
installs = typer.Typer(help="Put Footfall into an editor.", no_args_is_help=True)
installs.command("reaper")(install.install_reaper)
installs.command("resolve")(install.install_resolve)
installs.command("ardour")(install.install_ardour)
uninstalls = typer.Typer(help="Take Footfall out of an editor again.", no_args_is_help=True)
uninstalls.command("reaper")(install.uninstall_reaper)
uninstalls.command("resolve")(install.uninstall_resolve)
uninstalls.command("ardour")(install.uninstall_ardour)

trainings = typer.Typer(help="Train MultiFoley.", no_args_is_help=True)
trainings.command("network")(train.network)
trainings.command("codec")(train.codec)
trainings.command("proof")(train.proof)

weights = typer.Typer(invoke_without_command=True, callback=models.models)
weights.command("pull")(models.pull)
weights.command("verify")(models.verify)
weights.command("remove")(models.remove)

for command in (
    generate.generate, regenerate.regenerate, spot.spot, preview.preview, export.export, audition.audition, serve.serve,
    status.status, status.cancel, lists.families, doctor.doctor, demo.demo, bench.bench,
):  # fmt: skip
    app.command()(command)
app.add_typer(evaluations, name="evaluate")
app.add_typer(trainings, name="train")
app.add_typer(weights, name="models")
app.add_typer(installs, name="install")
app.add_typer(uninstalls, name="uninstall")


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
