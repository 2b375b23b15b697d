"""How fast and in how much memory the other published models run at their full sizes, with random weights.

Every model is measured in a process of its own, so that memory is what it alone needs. On the CPU a few steps are
measured, and what a whole sample takes is reckoned from them.
"""

from __future__ import annotations

import itertools
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from footfall_bridge.errors import ModelFailed
from footfall_bridge.messages import Controls, TimingSource

from footfall_engine.bench.measure import Bench, Measure, at_least, median, peak_gb, skipped
from footfall_engine.media.video import Frame
from footfall_engine.models.base import Conditions, Features
from footfall_engine.models.store import require_neural
from footfall_engine.progress import no_progress

SECONDS = 8.0
VARIANTS = 4  # on a GPU
MEASURED_STEPS = 2
GAIN = 3.0
NEEDED_GB = {"vta-ldm": 7.0, "foleycrafter": 14.0, "smooth-foley": 14.0}
PICTURE = (180, 320, 3)


@dataclass(frozen=True)
class Costs:
    """Seconds of each stage, and the most memory that was held until its end."""

    device: str
    precision: str
    seconds: dict[str, float]
    memory_gb: dict[str, float]

    @property
    def step(self) -> float:
        return self.seconds["step"]

    def whole(self, steps: int) -> float:
        """What a sample of so many steps takes."""
        return sum(took for stage, took in self.seconds.items() if stage != "step") + steps * self.step


def published(bench: Bench) -> Iterator[Measure]:
    try:
        require_neural("vta-ldm")
    except ModelFailed as missing:
        yield skipped("VTA-LDM, FoleyCrafter, Smooth-Foley", "", missing.message)
        return
    from footfall_engine.models.runtime import chosen_runtime, machine_bytes

    on_gpu = chosen_runtime().device.type == "cuda"
    for model in NEEDED_GB:
        bench.say(f"{model} at full size")
        if not on_gpu and machine_bytes() < NEEDED_GB[model] * 1e9:
            yield skipped(model, "", f"needs {NEEDED_GB[model]:g} GB of memory")
        else:
            yield from (_on_gpu if on_gpu else _on_cpu)(bench, model)


def _on_cpu(bench: Bench, model: str) -> Iterator[Measure]:
    costs = _apart(costs_of, model, "")
    where = f"{costs.device}, {costs.precision}"
    for stage, took in costs.seconds.items():
        reached = f"{took:.3g} s, {costs.memory_gb[stage]:.3g} GB held at most so far ({where})"
        values = {"seconds": took, "memory_gb": costs.memory_gb[stage]}
        yield Measure(f"{model}, {SECONDS:g} s, {stage}", "", reached, None, values)
    if model == "vta-ldm":
        yield _against_the_original(costs, model, where)
    else:
        from footfall_engine.models.foleycrafter.model import STEPS

        reached = f"{costs.whole(STEPS):.3g} s, reckoned from single steps ({where})"
        yield Measure(f"{model}, {SECONDS:g} s in {STEPS} steps", "", reached, None, {"seconds": costs.whole(STEPS)})


def _against_the_original(costs: Costs, model: str, where: str) -> Measure:
    from footfall_engine.models.vta_ldm.model import PUBLISHED_STEPS, STEPS

    exact = costs if costs.precision == "float32" else _apart(costs_of, model, "float32")
    took, original = costs.whole(STEPS), exact.whole(PUBLISHED_STEPS)
    name = f"{model}, {SECONDS:g} s in {STEPS} steps against the published {PUBLISHED_STEPS} in float32"
    return at_least(
        f"{name}, reckoned from single steps ({where})", original / took, GAIN, "×", seconds=[took, original]
    )


def _on_gpu(bench: Bench, model: str) -> Iterator[Measure]:
    names = ("vta-ldm-fast", "vta-ldm", "vta-ldm-original") if model == "vta-ldm" else (model,)
    for name in names:
        took, memory_gb = _apart(variants_of, name)
        reached = f"{took:.3g} s, {memory_gb:.3g} GB of the card"
        values = {"seconds": took, "memory_gb": memory_gb}
        yield Measure(f"{name}, {VARIANTS} variants of {SECONDS:g} s on the GPU", "", reached, None, values)


def _apart(measure: Callable[..., Any], *told: Any) -> Any:
    """What is measured in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(measure, *told).result()


# ---- in a process of their own


def costs_of(name: str, precision: str) -> Costs:
    """Of one variant, stage by stage; a step is the median of some."""
    import torch

    from footfall_engine.models.runtime import Runtime, chosen_runtime

    chosen = chosen_runtime()
    runtime = Runtime(chosen.device, getattr(torch, precision)) if precision else chosen
    model = _model(name, runtime)
    watch = _Watch()
    model.generate(watch.conditions(MEASURED_STEPS), [0], watch.heard)
    return watch.costs(str(runtime.device), str(runtime.precision).removeprefix("torch."))


def variants_of(name: str) -> tuple[float, float]:
    """Seconds of a whole job on a card that has warmed up, and GB of it that were taken."""
    import torch

    from footfall_engine.models.runtime import chosen_runtime

    model = _model(name, chosen_runtime())
    for steps in (2, None):
        torch.cuda.synchronize()
        started = time.perf_counter()
        model.generate(_Watch().conditions(steps), list(range(VARIANTS)), no_progress)
        torch.cuda.synchronize()
        took = time.perf_counter() - started
    return took, torch.cuda.max_memory_allocated() / 1e9


def _model(name: str, runtime: Any) -> Any:
    from functools import partial

    from footfall_engine.bench import fullsize
    from footfall_engine.models.vta_ldm.model import FAST_STEPS, PUBLISHED_STEPS, Sampler

    made: dict[str, Callable[..., Any]] = {
        "vta-ldm": fullsize.RandomVtaLdm,
        "vta-ldm-fast": partial(fullsize.RandomVtaLdm, steps=FAST_STEPS),
        "vta-ldm-original": partial(fullsize.RandomVtaLdm, sampler=Sampler.PUBLISHED.value, steps=PUBLISHED_STEPS),
        "foleycrafter": fullsize.RandomFoleyCrafter,
        "smooth-foley": fullsize.RandomSmoothFoley,
    }
    return made[name](runtime=runtime)


class _Watch:
    """Hears how a job gets on, and keeps when each of its stages ended."""

    def __init__(self) -> None:
        self._told: list[tuple[float, float, float]] = []  # fraction, moment, GB
        self._looks: dict[str, float] = {}

    def heard(self, fraction: float, /) -> None:
        self._told.append((fraction, time.perf_counter(), peak_gb()))

    def conditions(self, steps: int | None) -> Conditions:
        nothing = np.zeros(1, np.float32)
        controls = Controls(steps=steps, timing=TimingSource.DETECTOR)
        return Conditions(
            SECONDS, 0.0, 1, "", "", (), nothing, nothing, 0.0, _pictures, controls=controls, remember=self._remember
        )

    def _remember(self, name: str, make: Callable[[], Features], /) -> Features:
        started = time.perf_counter()
        found = make()
        self._looks[f"looking: {name}"] = time.perf_counter() - started
        return found

    def costs(self, device: str, precision: str) -> Costs:
        from footfall_engine.models.stages import DECODED, LOADED, SAMPLED

        ended, most = time.perf_counter(), peak_gb()
        self._told.append((1.0, ended, most))
        at = {fraction: (moment, held) for fraction, moment, held in reversed(self._told)}
        fractions = sorted(fraction for fraction in at if LOADED < fraction < SAMPLED)
        moments = [at[fraction][0] for fraction in fractions] + [at[SAMPLED][0]]
        steps = [later - sooner for sooner, later in itertools.pairwise(moments)]
        first = at[fractions[0]][1]
        seconds = {
            **self._looks,
            "step": median(steps[-MEASURED_STEPS:]),
            "latents to spectrogram": at[DECODED][0] - at[SAMPLED][0],
            "spectrogram to sound": ended - at[DECODED][0],
        }
        held = [*[first] * len(self._looks), at[SAMPLED][1], at[DECODED][1], most]
        return Costs(device, precision, seconds, dict(zip(seconds, held, strict=True)))


def _pictures(times: Sequence[float]) -> Iterator[Frame]:
    picture = np.random.default_rng(0).integers(0, 255, PICTURE).astype(np.uint8)
    return (Frame(moment, np.roll(picture, number, axis=1)) for number, moment in enumerate(times))
