"""Where neural models run, in what precision, how much at once, and which of them stay loaded."""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from footfall_bridge.errors import InvalidSettings
from torch import Tensor, nn

from footfall_engine.config import AUTOMATIC, DEVICES, ON, PRECISIONS, Settings
from footfall_engine.models.mixed import in_mixed_precision
from footfall_engine.models.winograd import with_fewer_multiplications

log = logging.getLogger(__name__)

T = TypeVar("T")


class Sized(Protocol):
    """Networks of a model."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...


N = TypeVar("N", bound=Sized)

_MEMORY_SHARE = 0.6  # of a machine's memory that weights, and of a card's free memory that a batch, may take
_ROOMY = 2.5  # times what networks take: a machine with so much memory has room for larger weights that are quicker
_UNKNOWN_MEMORY = 8 * 2**30  # bytes; of machines that do not say
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))  # cgroups 2 and 1


@dataclass(frozen=True)
class Runtime:
    """A device, the precision of networks on it, and whether those that take longest are compiled for it."""

    device: torch.device
    precision: torch.dtype
    compiles: bool = False

    @property
    def reading_precision(self) -> torch.dtype | None:
        """What weights are cast to while they are read; None: as the file has them, so that it can stay mapped."""
        return self.precision if self.device.type == "cpu" and self.precision != torch.float32 else None

    def on_device(self, network: nn.Module) -> nn.Module:
        there = nn.Module.to(network, self.device, self.precision)  # diffusers' own warns whatever is asked
        return there.to(memory_format=torch.channels_last) if self.device.type == "cuda" else there

    def with_wide_sums(self, network: nn.Module) -> nn.Module:
        """The network there, for float32, of which it narrows only what it multiplies: what guidance is to amplify."""
        there = self.on_device(network)
        return there if self.precision == torch.float32 else in_mixed_precision(there)

    @property
    def is_plain_cpu(self) -> bool:
        """A CPU that computes in float32, as busy with one item as with many."""
        return self.device.type == "cpu" and self.precision == torch.float32

    def with_fast_convolutions(self, networks: N, *names: str) -> N:
        """Those networks as they are quickest where multiplications are what takes the time; they take half more.

        Not if they are compiled: a compiler does better with convolutions that it knows.
        """
        if self.is_plain_cpu and not self.compiles and machine_bytes() >= _ROOMY * networks.size:
            for name in names:
                with_fewer_multiplications(getattr(networks, name))
        return networks

    def sped_up(self, network: nn.Module) -> nn.Module:
        """The network, compiled when it first runs where that pays."""
        if self.compiles:
            network.forward = Compiled(network.forward)
        return network

    def free_bytes(self) -> int:
        """Memory that a batch may take."""
        if self.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.device)
            kept = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
            return int((free + kept) * _MEMORY_SHARE)  # torch keeps what earlier batches took, for later ones
        return int(machine_bytes() * _MEMORY_SHARE / 2)  # the other half is for the weights


@cache
def chosen_runtime() -> Runtime:
    """The fastest device of this machine and what suits it, unless the settings name others.

    FOOTFALL_DEVICE and FOOTFALL_PRECISION go before the settings.
    """
    settings = Settings.load()
    device = _usable_device(_named("FOOTFALL_DEVICE", DEVICES, settings.device, numbered=True) or _fastest_device())
    precision = _named("FOOTFALL_PRECISION", PRECISIONS, settings.precision)
    runtime = Runtime(
        device,
        getattr(torch, precision) if precision else fitting_precision(device),
        device.type == "cuda" if settings.compile == AUTOMATIC else settings.compile == ON,
    )
    log.info("neural models run on %s in %s%s", device, runtime.precision, ", compiled" if runtime.compiles else "")
    return runtime


def fitting_precision(device: torch.device) -> torch.dtype:
    """The narrowest numbers that the device computes with at full speed and that the models bear."""
    if device.type == "mps":
        return torch.float16
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if _cpu_multiplies_bfloat16() else torch.float32


def _named(variable: str, known: tuple[str, ...], setting: str, numbered: bool = False) -> str:
    """What the environment or else the settings say, perhaps of several by its number; "" for whatever suits."""
    name = os.environ.get(variable, "") or setting
    if name == AUTOMATIC:
        return ""
    if (name.partition(":")[0] if numbered else name) not in known:
        raise InvalidSettings(f"{variable} must be one of {', '.join(known)}, not {name!r}")
    return name


def _usable_device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
        return device
    except (RuntimeError, AssertionError) as error:
        raise InvalidSettings(
            f"neural models cannot run on {name} on this machine; leave the setting device, and FOOTFALL_DEVICE, "
            f"at {AUTOMATIC!r}, or name a device that it has",
            detail=str(error),
        ) from error


def _fastest_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _cpu_multiplies_bfloat16() -> bool:
    """AMX or AVX512-BF16: without them, bfloat16 is slower than float32."""
    return bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())


def machine_bytes() -> int:
    """Memory of this machine, or as much of it as the container that this runs in may take."""
    return min([_physical_bytes(), *_container_limits()])


def _physical_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN_MEMORY


def _container_limits() -> Iterator[int]:
    for file in _LIMITS:
        with suppress(OSError, ValueError):  # not Linux, or "max"
            yield int(file.read_text())


class Compiled:
    """A function of tensors that torch compiles when it is first called; as it is where that fails."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._plain = function
        self._run = torch.compile(function)

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        try:
            return self._run(*inputs, **options)
        except Exception as error:
            if self._run is self._plain or _out_of_memory(error):
                raise
            log.warning("not compiled, as that failed: %r", error)
            self._run = self._plain
        return self._plain(*inputs, **options)


# ---- how much at once


class Batches:
    """Runs a function of tensors along their first axis, as many items at once as memory holds.

    The first guess comes from `item_bytes`, what one item takes in float32; whenever memory runs out all the same,
    half as many are tried, and no more than that from then on. `between` is called before every run, and may raise.
    """

    def __init__(self, runtime: Runtime, item_bytes: int, between: Callable[[], None] = lambda: None) -> None:
        width = torch.finfo(runtime.precision).bits // 8
        self.most = max(1, runtime.free_bytes() * 4 // width // item_bytes)
        self._between = between

    def run(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """`function` of all items; every input has the same first axis, and so has the result."""
        done: list[Tensor] = []
        first, count = 0, len(inputs[0])
        while first < count:
            self._between()
            try:
                done.append(function(*(each[first : first + self.most] for each in inputs)))
                first += self.most
                continue
            except (RuntimeError, MemoryError) as error:
                if self.most == 1 or not _out_of_memory(error):
                    raise
            # not earlier: the error held what the function had made
            self.most = min(self.most, count) // 2 or 1
            log.warning("out of memory: %d at once from now on", self.most)
            _give_back()
        return done[0] if len(done) == 1 else torch.cat(done)


def _out_of_memory(error: Exception) -> bool:
    """The CPU's allocator and Metal's have no exception of their own."""
    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
        sign in text for sign in ("out of memory", "can't allocate memory", "not enough memory")
    )


# ---- what stays loaded


@dataclass(frozen=True)
class _Loaded:
    networks: Any
    size: int
    version: Any


class Shelf:
    """Loaded networks by name; the least recently used go when all together outgrow the budget."""

    def __init__(self, budget_bytes: int | None = None) -> None:
        self._budget = budget_bytes
        self._lock = threading.RLock()
        self._loaded: OrderedDict[Any, _Loaded] = OrderedDict()

    def get(self, name: Any, load: Callable[[], T], size_of: Callable[[T], int], version: Any = None) -> T:
        """What was loaded under a name, or is loaded now; when memory does not suffice, in place of all others.

        What was loaded of another `version` goes first.
        """
        with self._lock:
            if name in self._loaded and self._loaded[name].version == version:
                self._loaded.move_to_end(name)
                found: T = self._loaded[name].networks
                return found
            self.drop(name)
            made = self._made(load)
            self._loaded[name] = _Loaded(made, size_of(made), version)
            self._make_room()
            return made

    def _made(self, load: Callable[[], T]) -> T:
        try:
            return load()
        except (RuntimeError, MemoryError) as error:
            if not self._loaded or not _out_of_memory(error):
                raise
        log.warning("out of memory: unloading %s", ", ".join(map(str, self._loaded)))
        self._loaded.clear()
        _give_back()
        return load()

    def names(self) -> list[Any]:
        with self._lock:
            return list(self._loaded)

    def drop(self, name: Any) -> None:
        with self._lock:
            self._loaded.pop(name, None)

    def _make_room(self) -> None:
        budget = _models_bytes() if self._budget is None else self._budget
        while len(self._loaded) > 1 and sum(each.size for each in self._loaded.values()) > budget:
            name = next(iter(self._loaded))
            del self._loaded[name]
            log.info("unloading %s to make room", name)
            _give_back()


def _models_bytes() -> int:
    """Memory that all loaded networks may take together."""
    if named := Settings.load().models_mb:
        return named * 2**20
    if chosen_runtime().device.type == "cuda":
        return int(torch.cuda.get_device_properties(chosen_runtime().device).total_memory * _MEMORY_SHARE)
    return int(machine_bytes() * _MEMORY_SHARE / 2)


def _give_back() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


SHELF = Shelf()
"""The networks of all models of this process."""


def network_bytes(*networks: nn.Module) -> int:
    return sum(tensor.nbytes for network in networks for tensor in network.state_dict().values())
