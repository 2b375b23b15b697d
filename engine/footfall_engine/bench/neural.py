"""How fast and in how much memory Diff-Foley runs at its published size, with random weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from footfall_bridge.errors import ModelFailed
from footfall_bridge.messages import Controls

from footfall_engine.bench.measure import Bench, Measure, at_least, at_most, peak_gb, skipped
from footfall_engine.media.video import Frame
from footfall_engine.models.base import Conditions
from footfall_engine.models.store import require_neural
from footfall_engine.progress import no_progress

if TYPE_CHECKING:
    from footfall_engine.models.diff_foley.model import DiffFoley
    from footfall_engine.models.runtime import Runtime

SECONDS = 8.0
STEPS = 25
ORIGINAL_SEC = STEPS * 2.74 + 2.9 + 3.7 + 0.9  # the published code for 8 s on two cores in float32
SHORT_STEPS = 5  # for what only compares
CPU_GAIN, VARIANTS_COST, CPU_MEMORY_GB = 3.0, 2.5, 3.0
GPU_FOUR_SEC, GPU_SAMPLE_SEC, GPU_BATCH = 0.6, 0.05, 64
PICTURE = (180, 320, 3)
NEEDED_GB = 8.0


def neural(bench: Bench) -> Iterator[Measure]:
    try:
        require_neural("diff-foley")
    except ModelFailed as missing:
        yield skipped("Diff-Foley", "", missing.message)
        return
    import torch

    from footfall_engine.models.runtime import chosen_runtime, machine_bytes

    runtime = chosen_runtime()
    if runtime.device.type == "cuda":
        yield from _on_gpu(bench, runtime)
        return
    if machine_bytes() < NEEDED_GB * 1e9:
        yield skipped("Diff-Foley", "", f"needs {NEEDED_GB:g} GB of memory")
        return
    yield from _on_cpu(bench, runtime, runtime.precision == torch.bfloat16)


def _on_cpu(bench: Bench, runtime: Runtime, narrow: bool) -> Iterator[Measure]:
    bench.say("Diff-Foley at full size on the CPU")
    model = _random_model(runtime)
    _timed(model, 1, 1)  # loads, and makes what is made once
    steps = SHORT_STEPS if bench.quick else STEPS
    one = _timed(model, 1, steps)
    if bench.quick or not narrow:
        reached = f"{one:.3g} s for {steps} steps in {_name(runtime)}"
        yield Measure("Diff-Foley, 8 s on the CPU", "", reached, None, {"seconds": one, "steps": steps})
    else:
        yield at_least(
            "Diff-Foley, 8 s on the CPU, against the original", ORIGINAL_SEC / one, CPU_GAIN, "×", seconds=one
        )
    short = _timed(model, 1, SHORT_STEPS)
    four = _timed(model, 4, SHORT_STEPS)
    yield at_most("Diff-Foley, four variants against one", four / short, VARIANTS_COST, "×", seconds=[short, four])
    if narrow:
        yield at_most("Diff-Foley, memory on the CPU", peak_gb(), CPU_MEMORY_GB, "GB")


def _on_gpu(bench: Bench, runtime: Runtime) -> Iterator[Measure]:
    bench.say("Diff-Foley at full size on the GPU")
    model = _random_model(runtime)
    for variants in (4, GPU_BATCH):
        _timed(model, variants, 2)
    yield at_most("Diff-Foley, four variants of 8 s on the GPU", _timed(model, 4, STEPS), GPU_FOUR_SEC, "s")
    each = _timed(model, GPU_BATCH, STEPS) / GPU_BATCH
    yield at_most(f"Diff-Foley, each of {GPU_BATCH} on the GPU", each, GPU_SAMPLE_SEC, "s")


def _random_model(runtime: Runtime) -> DiffFoley:
    import torch

    from footfall_engine.models.diff_foley import networks
    from footfall_engine.models.diff_foley.model import FILES, DiffFoley, Networks

    class Random(DiffFoley):
        """The published sizes with weights that nobody trained."""

        def _load(self, runtime: Runtime, progress: Callable[[float], None]) -> Networks:
            torch.manual_seed(0)
            torch.set_default_dtype(runtime.precision)  # no second copy that would count as memory needed
            try:
                fresh = ((name, networks.untrained(name, networks.Shape())) for name in FILES)
                made = {name: runtime.on_device(network.eval().requires_grad_(False)) for name, network in fresh}
            finally:
                torch.set_default_dtype(torch.float32)
            return Networks(**made)

    return Random(runtime=runtime)


def _timed(model: DiffFoley, variants: int, steps: int) -> float:
    """Seconds from pictures to sound."""
    started = time.perf_counter()
    model.generate(_conditions(steps), list(range(variants)), no_progress)
    return time.perf_counter() - started


def _conditions(steps: int) -> Conditions:
    picture = np.random.default_rng(0).integers(0, 255, PICTURE).astype(np.uint8)

    def frames(times: Sequence[float]) -> Iterator[Frame]:
        return (Frame(moment, np.roll(picture, number, axis=1)) for number, moment in enumerate(times))

    nothing = np.zeros(1, np.float32)
    return Conditions(SECONDS, 0.0, 1, "", "", (), nothing, nothing, 0.0, frames, controls=Controls(steps=steps))


def _name(runtime: Runtime) -> str:
    return str(runtime.precision).removeprefix("torch.")
