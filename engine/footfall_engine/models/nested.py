"""Checkpoints whose tensors lie in dictionaries inside dictionaries, as safetensors with joined keys."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from footfall_bridge.errors import WeightsMissing, WeightsUnusable
from torch import Tensor

from footfall_engine.models.store import converted, note_sum
from footfall_engine.models.weights import Weights


def ready_nested(checkpoint: Path) -> Path:
    """The checkpoint's tensors as a .safetensors file beside it, their keys joined by dots; made once.

    Raises WeightsMissing, or WeightsUnusable for a file that is damaged or asks to run code.
    """
    ready = converted(checkpoint)
    if not ready.is_file():
        if not checkpoint.is_file():
            raise WeightsMissing(f"there are no weights at {checkpoint}")
        _write(_joined(_read(checkpoint)), ready)
    return ready


def _read(checkpoint: Path) -> Any:
    try:
        return torch.load(checkpoint, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsUnusable(
            f"{checkpoint.name} holds more than tensors and could run code when read, so it is not read",
            detail=str(error),
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise WeightsUnusable(f"the weights {checkpoint.name} are damaged or cut short", detail=str(error)) from error


def _joined(found: Any, prefix: str = "") -> Weights:
    if isinstance(found, Tensor):
        return {prefix: found.detach().clone().contiguous()}
    if not isinstance(found, Mapping):
        return {}
    return {
        joined: tensor
        for key, value in found.items()
        for joined, tensor in _joined(value, f"{prefix}.{key}" if prefix else str(key)).items()
    }


def _write(weights: Weights, ready: Path) -> None:
    from safetensors.torch import save_file

    if not weights:
        raise WeightsUnusable(f"{ready.stem} holds no weights")
    part = ready.with_name(ready.name + ".part")
    try:
        save_file(weights, part)
        part.replace(ready)
        note_sum(ready)
    finally:
        part.unlink(missing_ok=True)
