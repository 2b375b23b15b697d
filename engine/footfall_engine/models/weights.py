"""Weights of neural models on disk: read safely, converted once, mapped into memory.

Published checkpoints are pickles that also hold an optimizer's state. They are read with torch's restricted unpickler
alone, which runs no code of theirs, and only their tensors are kept, as safetensors with the original keys.
"""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from footfall_bridge.errors import WeightsMissing, WeightsUnusable
from torch import Tensor, nn

from footfall_engine.models.parts import SAFETENSORS, converted
from footfall_engine.models.store import model_folder, note_sum, weights_missing

log = logging.getLogger(__name__)

Weights = dict[str, Tensor]

_NAMED_KEYS = 5  # of each kind in a sentence; all of them are in its detail
_INERT_PACKAGES = ("pytorch_lightning.", "lightning.")  # trainers whose classes stand in checkpoints as mere names
_COUNTERS = "num_batches_tracked"  # of batch norms in training; nothing reads them here
_TENSORS_PER_MAPPING = 64  # read and cast before the file is mapped anew, which gives the pages back


# ---- reading


def read_checkpoint(path: Path) -> Weights:
    """Tensors of a .safetensors file (mapped, not read) or of a pickled checkpoint, under their own keys.

    Raises WeightsMissing, or WeightsUnusable for a file that is damaged, holds no tensors, or asks to run code.
    """
    if not path.is_file():
        raise WeightsMissing(f"there are no weights at {path}")
    return _read_safetensors(path) if path.suffix == SAFETENSORS else _state_of(_unpickled(path), path)


def read_weights(path: Path, dtype: torch.dtype | None = None, wanted: Callable[[str], bool] | None = None) -> Weights:
    """Tensors of a .safetensors file whose keys are `wanted`.

    Mapped where the file has them in `dtype` (or none is given); otherwise cast a few at a time, so that the file's
    pages do not add up to a second copy in memory.
    """
    from safetensors import safe_open

    weights: Weights = {}
    with ExitStack() as files:
        file = files.enter_context(_opened(path))
        keys = iter([key for key in file.keys() if wanted is None or wanted(key)])  # noqa: SIM118 -- not a dict
        while some := list(islice(keys, _TENSORS_PER_MAPPING)):
            for key in some:
                weights[key] = _cast(file.get_tensor(key), dtype)
            if dtype is not None:
                files.close()
                file = files.enter_context(safe_open(path, "pt"))
    return weights


def _cast(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    return tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor


def _read_safetensors(path: Path) -> Weights:
    return read_weights(path)


def _opened(path: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise WeightsMissing(f"there are no weights at {path}")
    try:
        return safe_open(path, "pt")
    except (SafetensorError, OSError) as error:
        named = f"{path.parent.name}/{path.name}"
        raise WeightsUnusable(f"the weights {named} are damaged or cut short", detail=str(error)) from error


def _unpickled(path: Path) -> Any:
    """What a pickled checkpoint holds, by the restricted unpickler."""
    try:
        with torch.serialization.safe_globals(_inert_classes(path)):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=_is_zip(path))
    except pickle.UnpicklingError as error:
        raise WeightsUnusable(
            f"{path.name} holds more than tensors and could run code when read, so it is not read", detail=str(error)
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise WeightsUnusable(f"the weights {path.name} are damaged or cut short", detail=str(error)) from error


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _inert_classes(path: Path) -> list[tuple[type, str]]:
    """A class that does nothing for each name of a trainer's in a checkpoint (its callbacks' states are keyed so)."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # not a file of that kind; reading it will say what is wrong
        return []
    return [(type("Inert", (), {}), name) for name in names if name.startswith(_INERT_PACKAGES)]


def _state_of(found: Any, path: Path) -> Weights:
    """The state dict inside what was unpickled, without the prefixes that training on several devices leaves.

    State dicts of several networks, each under a name, become one whose keys are joined by dots.
    """
    state = found.get("state_dict", found) if isinstance(found, Mapping) else {}
    flat = {key: value for key, value in state.items() if isinstance(value, Tensor)}
    weights = {key.replace("module.", ""): value for key, value in (flat or _joined(state)).items()}
    if not weights:
        raise WeightsUnusable(f"{path.name} holds no weights")
    return weights


def _joined(found: Any, prefix: str = "") -> Weights:
    if isinstance(found, Tensor):
        return {prefix: found}
    if not isinstance(found, Mapping):
        return {}
    return {
        joined: tensor
        for key, value in found.items()
        for joined, tensor in _joined(value, f"{prefix}.{key}" if prefix else str(key)).items()
    }


# ---- converting


def ready_weights(model: str, file: str, folder: Path | None = None) -> Path:
    """The weights of a published checkpoint as safetensors; converted now if only the checkpoint itself is there."""
    folder = folder or model_folder(model)
    checkpoint, ready = folder / file, converted(folder / file)
    if checkpoint.is_file() and not (ready.is_file() and _of_same_time(checkpoint, ready)):
        convert(checkpoint, ready)
    if not ready.is_file():
        raise weights_missing(model, [file], folder)
    return ready


def _of_same_time(checkpoint: Path, ready: Path) -> bool:
    """Whether a file was converted from the checkpoint that lies there now."""
    return checkpoint.stat().st_mtime_ns == ready.stat().st_mtime_ns


def convert(source: Path, target: Path, beginnings: tuple[str, ...] = ()) -> None:
    """A pickled checkpoint as safetensors: its tensors alone, under their own keys; those that begin so, if told.

    The file appears whole, with the checkpoint's time, by which it is known whether that was replaced.
    """
    from safetensors.torch import save_file

    kept = beginnings or ("",)
    weights = {
        key: tensor.detach().clone().contiguous()
        for key, tensor in read_checkpoint(source).items()
        if key.startswith(kept)
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        save_file(weights, part)
        times = source.stat()
        os.utime(part, ns=(times.st_atime_ns, times.st_mtime_ns))
        part.replace(target)
        note_sum(target)
    finally:
        part.unlink(missing_ok=True)


# ---- filling networks


def network(
    make: Callable[[], nn.Module],
    weights: Mapping[str, Tensor],
    source: str,
    original_key: Callable[[str], str] = lambda key: key,
    to_own_keys: Callable[[Mapping[str, Tensor]], Weights] = dict,
) -> nn.Module:
    """A network ready to be asked, its weights those tensors themselves.

    `original_key` tells which key of `weights` each of the network's stands under and `to_own_keys` renames them all.
    WeightsUnusable names what is missing from `source`, of another shape, or unexpected.
    """
    made = _hollow(make)
    wanted = {original_key(key): key for key in _needed(made)}
    found = {key for key in weights if not key.endswith(_COUNTERS)}
    _refuse(source, "does not have", wanted.keys() - found, "has besides", found - wanted.keys())
    own = to_own_keys(weights)
    shapes = {key: tensor.shape for key, tensor in made.state_dict().items()}
    others = [
        f"{key} {tuple(own[name].shape)} instead of {tuple(shapes[name])}"
        for key, name in wanted.items()
        if own[name].shape != shapes[name]
    ]
    _refuse(source, "has in another shape", others)
    made.load_state_dict(own, strict=False, assign=True)
    for name, buffer in made.named_buffers():
        if buffer.is_meta and name.endswith(_COUNTERS):  # some checkpoints lack them
            made.get_submodule(name.rpartition(".")[0]).num_batches_tracked = torch.zeros((), dtype=torch.long)
    return made.eval().requires_grad_(False)


def original_shapes(
    make: Callable[[], nn.Module], original_key: Callable[[str], str] = lambda key: key
) -> dict[str, tuple[int, ...]]:
    """What a checkpoint for a network must hold: every key and the shape of its tensor."""
    return {original_key(key): tuple(tensor.shape) for key, tensor in _needed(_hollow(make)).items()}


def _hollow(make: Callable[[], nn.Module]) -> nn.Module:
    """The network without memory for its weights."""
    with torch.device("meta"):
        return make()


def _needed(made: nn.Module) -> Weights:
    return {key: tensor for key, tensor in made.state_dict().items() if not key.endswith(_COUNTERS)}


def _refuse(source: str, *faults: Any) -> None:
    kinds = [(what, sorted(keys)) for what, keys in zip(faults[::2], faults[1::2], strict=True) if keys]
    if kinds:
        told = "; it ".join(f"{what} {_shortened(keys)}" for what, keys in kinds)
        detail = "\n".join(f"{what}: {', '.join(keys)}" for what, keys in kinds)
        raise WeightsUnusable(f"{source} does not hold the weights of this network: it {told}", detail=detail)


def _shortened(keys: Iterable[str]) -> str:
    named = list(keys)
    more = len(named) - _NAMED_KEYS
    return ", ".join(named[:_NAMED_KEYS]) + (f" and {more} more" if more > 0 else "")
