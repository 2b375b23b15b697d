"""Weights of neural models on disk: read safely, converted once, mapped into memory.

Published checkpoints are pickles that also hold an optimizer's state. They are read with torch's restricted unpickler
alone, which runs no code of theirs, and only their tensors are kept, as safetensors with the original keys.
"""

from __future__ import annotations

import logging
import os
import pickle
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from footfall_bridge.errors import WeightsMissing, WeightsUnusable
from torch import Tensor, nn

from footfall_engine.models.parts import SAFETENSORS, converted
from footfall_engine.models.store import (
    CONVERTING,
    model_folder,
    note_sum,
    one_at_a_time,
    weights_missing,
    writing_to,
)

log = logging.getLogger(__name__)

Weights = dict[str, Tensor]

_NAMED_KEYS = 5  # of each kind in a sentence; all of them are in its detail
_INERT_PACKAGES = ("pytorch_lightning.", "lightning.", "numpy.")  # of trainers' notes beside the tensors
_BEGINNINGS = (b"PK\x03\x04", b"\x80")  # of checkpoints: torch's zip archive, a pickle
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
    with path.open("rb") as file:
        beginning = file.read(4)
    if not beginning.startswith(_BEGINNINGS):
        raise WeightsUnusable(f"{path.name} is no checkpoint, or is damaged or cut short", detail=repr(beginning))
    try:
        with torch.serialization.safe_globals(_inert_classes(path)):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=beginning == _BEGINNINGS[0])
    except pickle.UnpicklingError as error:
        raise WeightsUnusable(
            f"{path.name} holds more than tensors and could run code when read, so it is not read", detail=str(error)
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # of any kind, as damage may look like anything
        raise WeightsUnusable(f"the weights {path.name} are damaged or cut short", detail=repr(error)) from error


class _Inert:
    """Stands for an object of a class that is not looked up, and takes what would have made it."""

    def __new__(cls, *_: Any) -> _Inert:
        return object.__new__(cls)

    def __init__(self, *_: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...


def _inert_classes(path: Path) -> list[tuple[type, str]]:
    """A class that does nothing for each name of a trainer's in a checkpoint (its callbacks' states are keyed so)."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # not a file of that kind; reading it will say what is wrong
        return []
    return [(type("Inert", (_Inert,), {}), name) for name in names if name.startswith(_INERT_PACKAGES)]


def _state_of(found: Any, path: Path) -> Weights:
    """The state dict inside what was unpickled, without the prefixes that training on several devices leaves.

    State dicts of several networks, each under a name, become one whose keys are joined by dots.
    """
    state = found.get("state_dict", found) if isinstance(found, Mapping) else {}
    flat = {key: value for key, value in _items(state) if isinstance(key, str) and _is_plain(value)}
    weights = {key.replace("module.", ""): value for key, value in (flat or _joined(state)).items()}
    if not weights:
        raise WeightsUnusable(f"{path.name} holds no weights")
    return weights


def _joined(found: Any, prefix: str = "") -> Weights:
    if _is_plain(found):
        return {prefix: found}
    return {
        joined: tensor
        for key, value in _items(found)
        for joined, tensor in _joined(value, f"{prefix}.{key}" if prefix else str(key)).items()
    }


def _items(found: Any) -> Iterable[tuple[Any, Any]]:
    return found.items() if isinstance(found, Mapping) else ()


def _is_plain(found: Any) -> bool:
    """A tensor whose numbers lie one after the other, as those of all networks here do."""
    return (
        isinstance(found, Tensor)
        and found.layout == torch.strided
        and not (found.is_quantized or found.is_meta or found.is_complex())
    )


# ---- converting


def ready_weights(model: str, file: str, folder: Path | None = None) -> Path:
    """The weights of a published checkpoint as safetensors; converted now if only the checkpoint itself is there."""
    folder = folder or model_folder(model)
    checkpoint, ready = folder / file, converted(folder / file)
    if checkpoint.is_file():
        convert(checkpoint, ready)
    if not ready.is_file():
        raise weights_missing(model, [file], folder)
    return ready


def convert(source: Path, target: Path, beginnings: tuple[str, ...] = ()) -> None:
    """A pickled checkpoint as safetensors: its tensors alone, under their own keys; those that begin so, if told.

    The file appears whole, with the checkpoint's time, by which it is known whether that was replaced. Raises DiskFull
    and EngineFault besides what `read_checkpoint` does.
    """
    if _is_converted(source, target):
        return
    with one_at_a_time("convert"):
        if not _is_converted(source, target):
            _convert(source, target, beginnings or ("",))


def _is_converted(checkpoint: Path, ready: Path) -> bool:
    """Whether a file was converted from the checkpoint that lies there now."""
    return ready.is_file() and checkpoint.stat().st_mtime_ns == ready.stat().st_mtime_ns


def _convert(source: Path, target: Path, beginnings: tuple[str, ...]) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    weights = {key: tensor for key, tensor in read_checkpoint(source).items() if key.startswith(beginnings)}
    room = target.parent / CONVERTING
    part = room / target.name
    with writing_to(target.parent):
        shutil.rmtree(room, ignore_errors=True)  # what was left when the machine went down
        room.mkdir(parents=True)
        try:
            save_file(_apart(weights), part)
            shutil.copystat(source, part)
            part.replace(target)
            note_sum(target)
        except SafetensorError as error:
            raise _as_os_error(error) from error
        finally:
            shutil.rmtree(room, ignore_errors=True)


def _apart(weights: Weights) -> Weights:
    """The tensors without what links them; only those that share memory, or are part of more of it, are copied."""
    places: set[int] = set()
    apart: Weights = {}
    for key, tensor in weights.items():
        plain = tensor.detach()
        alone = plain.is_contiguous() and plain.untyped_storage().nbytes() == plain.nbytes
        apart[key] = plain if alone and plain.data_ptr() not in places else plain.clone().contiguous()
        places.add(plain.data_ptr())
    return apart


def _as_os_error(error: Exception) -> OSError:
    """What the disk said to safetensors, which tells it in a text of its own."""
    number = re.search(r"os error (\d+)", str(error))
    return OSError(int(number[1]), os.strerror(int(number[1]))) if number else OSError(str(error))


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
    WeightsUnusable names what is missing from `source`, of another shape or kind, or unexpected.
    """
    made = _hollow(make)
    wanted = {original_key(key): key for key in _needed(made)}
    found = {key for key in weights if not key.endswith(_COUNTERS)}
    _refuse(source, "does not have", wanted.keys() - found, "has besides", found - wanted.keys())
    own = to_own_keys(weights)
    empty = made.state_dict()
    others = [
        f"{key} {tuple(own[name].shape)} instead of {tuple(empty[name].shape)}"
        for key, name in wanted.items()
        if own[name].shape != empty[name].shape
    ]
    whole = [
        key for key, name in wanted.items() if empty[name].is_floating_point() and not own[name].is_floating_point()
    ]
    _refuse(source, "has in another shape", others, "has in whole numbers", whole)
    made.load_state_dict(own, strict=False, assign=True)
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
