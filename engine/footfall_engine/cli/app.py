"""Every command by its name."""

from __future__ import annotations

import typer

from footfall_engine.cli import (
    audition,
    bench,
    demo,
    doctor,
    evaluate,
    generate,
    lists,
    preview,
    regenerate,
    serve,
    spot,
    status,
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

for command in (
    generate.generate, regenerate.regenerate, spot.spot, preview.preview, audition.audition, serve.serve, status.status,
    status.cancel, lists.models, lists.families, doctor.doctor, demo.demo, bench.bench,
):  # fmt: skip
    app.command()(command)
app.add_typer(evaluations, name="evaluate")


@app.callback(invoke_without_command=True)
def root(version: bool = typer.Option(False, "--version", help="Say the version and leave.")) -> None:
    if version:
        from footfall_bridge import __version__

        typer.echo(f"footfall {__version__}")
        raise typer.Exit
