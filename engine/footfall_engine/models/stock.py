"""Networks of diffusers and transformers, filled with weights that lie in checkpoints of somebody else's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from footfall_bridge.errors import WeightsMissing, WeightsUnusable
from torch import Tensor, nn

from footfall_engine.models import weights as stored
from footfall_engine.models.weights import Weights

PLACES = "position_ids"  # a table 0, 1, 2 … that older files of CLIP hold and newer networks make themselves


def filled(
    make: Callable[[], nn.Module],
    weights: Mapping[str, Tensor],
    source: str,
    original_key: Callable[[str], str] = lambda key: key,
    to_own_keys: Callable[[Mapping[str, Tensor]], Weights] = dict,
) -> nn.Module:
    """`weights.network`, for networks that also count their own positions."""
    learned = {key: tensor for key, tensor in weights.items() if not key.endswith(PLACES)}
    made = stored.network(make, learned, source, original_key, to_own_keys)
    for name, buffer in list(made.named_buffers()):
        if buffer.is_meta and name.endswith(PLACES):
            counted = torch.arange(buffer.shape[-1]).expand(buffer.shape)
            made.get_submodule(name.rpartition(".")[0]).register_buffer(PLACES, counted, persistent=False)
    return made


def under(prefix: str, weights: Mapping[str, Tensor]) -> Weights:
    """The tensors whose keys begin with a prefix, without it."""
    return {key.removeprefix(prefix): tensor for key, tensor in weights.items() if key.startswith(prefix)}


def read_json(path: Path, default: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The object in a file of JSON, or in its first line; without the file, the default, if there is one."""
    if not path.is_file():
        if default is None:
            raise WeightsMissing(f"there is no {path}")
        return dict(default)
    text = path.read_text(encoding="utf-8", errors="replace")
    for part in (text, text.partition("\n")[0]):
        try:
            found = json.loads(part)
        except json.JSONDecodeError:
            continue
        if isinstance(found, dict):
            return found
    raise WeightsUnusable(f"{path} is not an object of JSON")


def from_folder(cls: Any, folder: Path, dtype: torch.dtype | None = None) -> nn.Module:
    """A network from a folder in the layout of the hub: config.json and its weights.

    Raises WeightsMissing, or WeightsUnusable with the names of what the weights lack.
    """
    if not (folder / "config.json").is_file():
        raise WeightsMissing(f"there is no {folder / 'config.json'}")
    try:
        made, report = cls.from_pretrained(
            folder, local_files_only=True, output_loading_info=True, torch_dtype=dtype or torch.float32
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        kind = WeightsMissing if isinstance(error, OSError) else WeightsUnusable
        raise kind(f"{folder} does not hold the weights of this network", detail=str(error)) from error
    if lacking := sorted(map(str, report["missing_keys"])):
        raise WeightsUnusable(
            f"{folder} does not hold the weights of this network: it lacks {', '.join(lacking[:5])}",
            detail="\n".join(lacking),
        )
    return made.eval().requires_grad_(False)
