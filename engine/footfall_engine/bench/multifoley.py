"""How fast and in how much memory MultiFoley runs, with random weights.

Every row is measured in a process of its own, so that memory is what this part alone needs.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from footfall_bridge.errors import ModelFailed

from footfall_engine.bench.measure import Bench, Measure, at_most, median, peak_gb, skipped
from footfall_engine.models.store import require_neural

if TYPE_CHECKING:
    from footfall_engine.models.multifoley.codec import Codec

SECONDS, QUICK_SECONDS = 8.0, 2.0  # of sound; the paper's clips
LONGER = 3  # times as long, and no more memory
MEMORY_GROWTH = 1.25
WARM_SECONDS = 0.2
STEPS, PUBLISHED_STEPS = 5, 100
TOKENS = 77  # of text
BRANCHES = 2  # of guidance: what is asked for, and what is not
CPU_VARIANTS, GPU_VARIANTS = 1, 16
NEEDED_GB = 6.0


@dataclass(frozen=True)
class Cost:
    seconds: float
    memory_gb: float
    device: str
    precision: str


def multifoley(bench: Bench) -> Iterator[Measure]:
    try:
        require_neural("multifoley")
    except ModelFailed as missing:
        yield skipped("MultiFoley", "", missing.message)
        return
    from footfall_engine.models.runtime import machine_bytes

    if machine_bytes() < NEEDED_GB * 1e9:
        yield skipped("MultiFoley", "", f"needs {NEEDED_GB:g} GB of memory")
        return
    for size in ("small", "base"):
        yield _stepped(bench, size)
    yield from _coded(bench, QUICK_SECONDS if bench.quick else SECONDS)


def _stepped(bench: Bench, size: str) -> Measure:
    bench.say(f"MultiFoley: a step of {size}")
    cost, variants = _apart(step, size), _variants()
    name = f"MultiFoley {size}, a step of {variants} × {SECONDS:g} s with guidance ({cost.device}, {cost.precision})"
    return _row(name, cost, f"; {PUBLISHED_STEPS} steps: {cost.seconds * PUBLISHED_STEPS:.3g} s")


def _coded(bench: Bench, seconds: float) -> Iterator[Measure]:
    ways: tuple[tuple[str, Callable[[float], Cost]], ...] = (
        ("sound to latents", encoding),
        ("latents to sound", decoding),
    )
    for name, way in ways:
        bench.say(f"MultiFoley's codec: {name}")
        short = _apart(way, seconds)
        yield _row(f"MultiFoley's codec, {seconds:g} s of {name} ({short.device}, {short.precision})", short)
    if not bench.quick:
        long = _apart(decoding, seconds * LONGER)
        name = f"MultiFoley's codec, memory for {seconds * LONGER:g} s against {seconds:g} s"
        yield at_most(name, long.memory_gb / short.memory_gb, MEMORY_GROWTH, "×", seconds=long.seconds)


def _row(name: str, cost: Cost, more: str = "") -> Measure:
    reached = f"{cost.seconds:.3g} s in {cost.memory_gb:.3g} GB{more}"
    return Measure(name, "", reached, None, vars(cost))


def _apart(measured: Callable[..., Cost], *given: Any) -> Cost:
    """What it costs in a process that does nothing else."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(measured, *given).result()


# ---- in that process


def step(size: str) -> Cost:
    """One step of the network for as many variants as the device is given at once."""
    import torch

    from footfall_engine.models.multifoley.dit import FoleyDiT, Told
    from footfall_engine.models.multifoley.features import CHANNELS
    from footfall_engine.models.multifoley.sizes import LATENT_CHANNELS, LATENT_RATE, SIZES
    from footfall_engine.models.multifoley.text import T5_WIDTH
    from footfall_engine.models.runtime import chosen_runtime

    runtime, batch, columns = chosen_runtime(), BRANCHES * _variants(), round(SECONDS * LATENT_RATE)
    network = runtime.on_device(FoleyDiT(SIZES[size], CHANNELS["events"], T5_WIDTH).eval().requires_grad_(False))

    def noise(*shape: int) -> Any:
        return torch.randn(batch, *shape, device=runtime.device, dtype=runtime.precision)

    yes = torch.ones(batch, TOKENS, dtype=torch.bool, device=runtime.device)
    told = Told(noise(CHANNELS["events"], columns), yes[:, 0], noise(TOKENS, T5_WIDTH), yes)
    given, moment = noise(columns) * 0, torch.full((batch,), 500.0, device=runtime.device)
    latents = noise(LATENT_CHANNELS, columns)
    seconds = [_timed(lambda: network(latents, moment, told, given)) for _ in range(1 + STEPS)]
    return _cost(median(seconds[1:]), str(runtime.precision))


def encoding(seconds: float) -> Cost:
    import torch

    codec, device, rate = _codec()
    sound = 0.1 * torch.randn(1, 1, round(seconds * rate), device=device)
    codec.encode(sound[..., : round(WARM_SECONDS * rate)])
    return _cost(_timed(lambda: codec.encode(sound)), str(sound.dtype))


def decoding(seconds: float) -> Cost:
    import torch

    from footfall_engine.models.multifoley.sizes import LATENT_CHANNELS, columns_of

    codec, device, rate = _codec()
    samples = round(seconds * rate)
    latents = torch.randn(1, LATENT_CHANNELS, columns_of(samples), device=device)
    codec.decode(latents[..., : columns_of(round(WARM_SECONDS * rate))], round(WARM_SECONDS * rate))
    return _cost(_timed(lambda: codec.decode(latents, samples)), str(latents.dtype))


def _codec() -> tuple[Codec, Any, int]:
    """The learnt codec in mono, in float32 as the model has it, its device and its rate."""
    import torch

    from footfall_engine.models.multifoley.codec import OobleckCodec, OobleckShape
    from footfall_engine.models.multifoley.sizes import SAMPLE_RATE
    from footfall_engine.models.runtime import chosen_runtime

    torch.manual_seed(0)
    device = chosen_runtime().device
    return OobleckCodec(OobleckShape()).eval().requires_grad_(False).to(device), device, SAMPLE_RATE


def _timed(work: Callable[[], Any]) -> float:
    import torch

    started = time.perf_counter()
    with torch.no_grad():
        work()
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()
    return time.perf_counter() - started


def _cost(seconds: float, precision: str) -> Cost:
    """Memory is the card's where there is one, else that of this process."""
    import torch

    from footfall_engine.models.runtime import chosen_runtime

    device = chosen_runtime().device.type
    memory = torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else peak_gb()
    return Cost(seconds, memory, device, precision.removeprefix("torch."))


def _variants() -> int:
    from footfall_engine.models.runtime import chosen_runtime

    return GPU_VARIANTS if chosen_runtime().device.type == "cuda" else CPU_VARIANTS
