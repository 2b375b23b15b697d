"""`footfall models`: what there is to choose from, and the weights of neural models."""

from __future__ import annotations

from typing import Annotated

import typer
from footfall_bridge import messages
from footfall_bridge.errors import WeightsUnusable

from footfall_engine.cli import options
from footfall_engine.cli.console import answer, answer_json, answer_table, reported, say
from footfall_engine.config import Settings
from footfall_engine.logs import start_logging

Name = Annotated[str, typer.Argument(metavar="MODEL", help="As `footfall models` lists it.", show_default=False)]


@reported
def models(context: typer.Context, as_json: options.Json = False) -> None:
    """List the models, and what their code and weights may be used for."""
    if context.invoked_subcommand:
        return
    from footfall_engine.models.registry import list_models, model_row

    listed = list_models().models
    if as_json:
        answer_json({"models": [messages.to_fields(model) for model in listed]})
        return
    rows = [
        [
            model.name, _size(model_row(model.name).weights_mb),
            f"{model.sample_rate / 1000:g} kHz", f"{model.span_seconds:g} s", f"{model.memory_mb} MB",
            ", ".join(model.controls), model.code_licence, model.weights_licence, "yes" if model.present else "not yet",
        ]
        for model in listed
    ]  # fmt: skip
    answer_table(["model", "size", "rate", "span", "memory", "takes", "code", "weights", "here"], rows)


def _size(megabytes: int) -> str:
    return f"{megabytes / 1000:.1f} GB" if megabytes else "–"


@reported
def pull(name: Name, as_json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Fetch the weights of MODEL, or what is missing of them."""
    from footfall_engine.models import store
    from footfall_engine.models.registry import model_row

    start_logging(Settings.load())
    row = model_row(name)
    silent = quiet or as_json
    if silent:
        from huggingface_hub.utils import disable_progress_bars

        disable_progress_bars()
    folder = store.pull(row, (lambda sentence: None) if silent else say)
    if as_json:
        answer_json({"folder": str(folder), "code_licence": row.code_licence, "weights_licence": row.weights_licence})
    else:
        say(f"code: {row.code_licence}; weights: {row.weights_licence}")
        answer(str(folder))


@reported
def verify(name: Name, as_json: options.Json = False) -> None:
    """Check that the weights of MODEL are complete and unchanged."""
    from footfall_engine.models import store
    from footfall_engine.models.registry import model_row

    start_logging(Settings.load())
    found = list(store.verify(model_row(name)))
    good = all(checked.good for checked in found)
    if as_json:
        answer_json({"good": good, "files": [vars(checked) for checked in found]})
    else:
        answer_table(
            ["what", "good", "found"], [[each.file, "yes" if each.good else "NO", each.found] for each in found]
        )
    if not good:
        raise typer.Exit(WeightsUnusable.exit_status)


@reported
def remove(name: Name, as_json: options.Json = False) -> None:
    """Delete the weights of MODEL from this machine."""
    from footfall_engine.models import store
    from footfall_engine.models.registry import model_row

    start_logging(Settings.load())
    freed = store.remove(model_row(name))
    if as_json:
        answer_json({"freed_bytes": freed})
    else:
        answer(f"{freed / 1e9:.1f} GB freed" if freed else f"there are no weights of {name} on this machine")
