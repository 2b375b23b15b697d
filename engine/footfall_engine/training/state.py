"""What training goes on from: one .safetensors file with weights, their average and the optimiser's moments.

Beside the tensors it holds, as text, how many steps are done and by which recipe. There are no states of random
generators in it: they follow from the seed and the step.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from footfall_bridge.errors import BadRequest, WeightsUnusable
from pydantic import TypeAdapter
from torch import Tensor, nn

from footfall_engine.models.stock import under
from footfall_engine.models.weights import read_weights

FILE, RECIPE_FILE = "training.safetensors", "recipe.json"
STUDENT, AVERAGED, OPTIMISER = "student.", "averaged.", "optimiser."
FREE_TO_CHANGE = ("steps", "parts", "look_every", "save_every", "held_out_items")
"""Of a recipe, between one run and the next that goes on from it."""


class Resumable(Protocol):
    """Whatever trains: a network or a codec."""

    config: Any  # a dataclass: what is made
    recipe: Any  # a dataclass: how it is trained
    student: nn.Module
    averaged: nn.Module
    optimiser: torch.optim.Optimizer
    step: int
    seconds: float


def write(trainer: Resumable, folder: Path) -> None:
    """The file appears whole."""
    from safetensors.torch import save_file

    tensors = {
        **_named(STUDENT, trainer.student.state_dict()),
        **_named(AVERAGED, trainer.averaged.state_dict()),
        **_named(OPTIMISER, _moments(trainer.optimiser)),
    }
    facts = {"step": trainer.step, "seconds": trainer.seconds, **_identity(trainer)}
    part = folder / f"{FILE}.part"
    try:
        save_file(tensors, part, {"footfall": json.dumps(facts)})
        part.replace(folder / FILE)
    finally:
        part.unlink(missing_ok=True)


def resume(trainer: Resumable, folder: Path) -> None:
    """Go on from what `folder` holds, if it holds something.

    BadRequest names what differs from how training began; WeightsUnusable is for a file that is not ours.
    """
    path = folder / FILE
    if not path.is_file():
        return
    tensors = read_weights(path)
    facts = _facts(path)
    _check_same(facts, _identity(trainer), path)
    _fill(trainer.student, under(STUDENT, tensors), path)
    _fill(trainer.averaged, under(AVERAGED, tensors), path)
    _load_moments(trainer.optimiser, under(OPTIMISER, tensors))
    trainer.step, trainer.seconds = int(facts["step"]), float(facts["seconds"])


def note(trainer: Resumable, folder: Path) -> None:
    """The recipe, to be read, changed and handed in again."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECIPE_FILE).write_text(json.dumps(_plain(trainer.recipe), indent=1) + "\n", encoding="utf-8")


def _facts(path: Path) -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        noted = (file.metadata() or {}).get("footfall")
    if noted is None:
        raise WeightsUnusable(f"{path} is not what training goes on from")
    facts: dict[str, Any] = json.loads(noted)
    return facts


def _identity(trainer: Resumable) -> dict[str, Any]:
    recipe = {key: value for key, value in _plain(trainer.recipe).items() if key not in FREE_TO_CHANGE}
    return {"recipe": recipe, "model": _plain(trainer.config)}


def _plain(described: Any) -> dict[str, Any]:
    plain: dict[str, Any] = TypeAdapter(type(described)).dump_python(described, mode="json")
    return plain


def _check_same(before: Mapping[str, Any], now: Mapping[str, Any], path: Path) -> None:
    for part, values in now.items():
        for key, value in values.items():
            if key not in before[part] or before[part][key] != value:
                raise BadRequest(
                    f"{path.parent} was begun with another {key} ({before[part].get(key)}, not {value}): "
                    "go on as it began, or train in another folder"
                )


def _fill(module: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise WeightsUnusable(f"{path} does not fit the network", detail=str(error)) from error


def _moments(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    states = optimiser.state_dict()["state"]
    return {f"{number}.{key}": tensor for number, moments in states.items() for key, tensor in moments.items()}


def _load_moments(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, key = name.split(".")
        states.setdefault(int(number), {})[key] = tensor.clone()
    optimiser.load_state_dict({"state": states, "param_groups": optimiser.state_dict()["param_groups"]})


def _named(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + key: tensor.detach().cpu().clone().contiguous() for key, tensor in tensors.items()}
