"""Networks of diffusers and transformers, filled with weights that lie in checkpoints of somebody else's."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from footfall_bridge.errors import WeightsMissing, WeightsUnusable
from torch import Tensor, nn

from footfall_engine.models import weights as stored
from footfall_engine.models.parts import NETWORKS
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


# ---- folders in the layout of the hub

_ATTENTION = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}
"""Parts of an autoencoder's attention, as older files of diffusers name them and as newer ones do."""


def diffusers_network(cls: Any, folder: Path, dtype: torch.dtype | None = None) -> nn.Module:
    """A network of diffusers, its weights mapped where they have that precision or none is asked for.

    Raises WeightsMissing, or WeightsUnusable with the names of what the weights lack.
    """
    config = read_json(folder / "config.json")
    file = weights_in(folder)
    weights = {_renamed(key): tensor for key, tensor in stored.read_weights(file, dtype).items()}
    return filled(lambda: cls.from_config(config), weights, f"{folder.name}/{file.name}")


def _renamed(key: str) -> str:
    for old, new in _ATTENTION.items():
        key = key.replace(old, new)
    return key


def from_folder(cls: Any, folder: Path, dtype: torch.dtype | None = None, **options: Any) -> nn.Module:
    """A network of transformers.

    Raises WeightsMissing, or WeightsUnusable with the names of what the weights lack.
    """
    read_json(folder / "config.json")
    stored.read_weights(weights_in(folder), wanted=lambda key: False)  # says what is wrong with the file
    try:
        made, report = cls.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            torch_dtype=dtype or torch.float32,
            **options,
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise WeightsUnusable(f"{folder} does not hold the weights of this network", detail=str(error)) from error
    if lacking := sorted(map(str, report["missing_keys"])):
        raise WeightsUnusable(
            f"{folder} does not hold the weights of this network: it lacks {', '.join(lacking[:5])}",
            detail="\n".join(lacking),
        )
    return made.eval().requires_grad_(False)


def weights_in(folder: Path) -> Path:
    """The weights of a folder as safetensors; converted now where only a pickled checkpoint is there."""
    for published, ours in NETWORKS.items():
        if (folder / published).is_file():
            if not (folder / ours).is_file():
                stored.convert(folder / published, folder / ours)
            return folder / ours
    raise WeightsMissing(f"there are no weights in {folder}: {' or '.join(NETWORKS)}")


def clip_tokenizer(folder: Path) -> Any:
    """Texts to tokens, by the words that lie in a folder; for one job at a time, as tokenizers keep their options."""
    from transformers import CLIPTokenizer

    read_json(folder / "vocab.json")
    if not (folder / "merges.txt").is_file():
        raise WeightsMissing(f"there is no {folder / 'merges.txt'}")
    tokenizer, alone = CLIPTokenizer.from_pretrained(folder, local_files_only=True), threading.Lock()

    def tokens(*texts: Any, **options: Any) -> Any:
        with alone:
            return tokenizer(*texts, **options)

    return tokens
