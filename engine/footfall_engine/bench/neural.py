"""How fast and in how much memory Diff-Foley runs at its published size, with random weights.

The weights lie on disk as those of a user would, and jobs go through an engine of their own, pictures and stems
included. What only compares runs here, with few steps.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
from footfall_bridge.errors import ModelFailed
from footfall_bridge.messages import Controls, Generate, Regenerate

from footfall_engine.bench.long import peak_memory_mb
from footfall_engine.bench.measure import Bench, Measure, at_least, at_most, skipped, timed_job
from footfall_engine.contacts import bench_scene, render_clip
from footfall_engine.media.video import Frame
from footfall_engine.models.base import Conditions
from footfall_engine.models.store import require_neural
from footfall_engine.progress import no_progress
from footfall_engine.resident import resident_engine

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from footfall_engine.models.diff_foley.model import DiffFoley
    from footfall_engine.models.runtime import Runtime

SECONDS = 8.0
STEPS = 25
ORIGINAL_SEC = STEPS * 2.74 + 2.9 + 3.7 + 0.9  # the published code for 8 s on two cores in float32
SHORT_STEPS, FEWEST_STEPS = 5, 2  # for what only compares
CPU_GAIN, VARIANTS_COST, CPU_MEMORY_GB = 3.0, 2.5, 3.0
GPU_FOUR_SEC, GPU_SAMPLE_SEC, GPU_BATCH = 0.6, 0.05, 64
NARROW_OFF, COMPILED_OFF = 0.03, 1e-4
PICTURE = (180, 320, 3)
NEEDED_GB = 8.0  # of memory, and of disk
NO_BFLOAT16 = "this processor has neither AMX nor AVX512-BF16, so it computes in float32"


def neural(bench: Bench) -> Iterator[Measure]:
    try:
        require_neural("diff-foley")
    except ModelFailed as missing:
        yield skipped("Diff-Foley", "", missing.message)
        return
    from footfall_engine.models.runtime import chosen_runtime, machine_bytes

    if min(machine_bytes(), shutil.disk_usage(bench.folder).free) < NEEDED_GB * 1e9:
        yield skipped("Diff-Foley", "", f"needs {NEEDED_GB:g} GB of memory and as much on disk")
        return
    runtime = chosen_runtime()
    bench.say(f"Diff-Foley at its full size, random weights, {runtime.device} in {_name(runtime)}")
    models = bench.fresh("models")
    weights = models / "diff-foley"
    write_random_weights(weights)
    yield from _through_an_engine(bench, models, runtime)
    if runtime.device.type == "cuda":
        yield from _on_gpu(weights, runtime)
    yield from _two_jobs(weights, runtime)
    if not bench.quick:
        yield from _narrow(weights, runtime)
        yield from _compiled(weights, runtime)
    shutil.rmtree(models)


# ---- jobs of a user's


def _through_an_engine(bench: Bench, models: Path, runtime: Runtime) -> Iterator[Measure]:
    folder, steps = bench.fresh("diff-foley"), SHORT_STEPS if bench.quick else STEPS
    for name in ("first.mp4", "clip.mp4"):
        render_clip(folder / name, bench_scene())

    def job(name: str, steps: int, variants: int = 1) -> Generate:
        return Generate(
            video=str(folder / name), stem_folder=str(folder), model="diff-foley", end=SECONDS, seed=1, steps=steps,
            variants=variants,
        )  # fmt: skip

    with patch.dict(os.environ, FOOTFALL_MODELS=str(models)), resident_engine(folder / "home") as engine:
        loading = timed_job(engine, job("first.mp4", 1)).done
        whole = timed_job(engine, job("clip.mp4", steps))
        one, four = (timed_job(engine, job("clip.mp4", SHORT_STEPS, variants)).done for variants in (1, 4))
        without_pictures(folder / "clip.mp4")
        part = Regenerate(
            stem=whole.stems[0].path, stem_folder=str(folder), start=3.0, end=4.0, seed=2, steps=SHORT_STEPS
        )
        again = timed_job(engine, part)
        peak = peak_memory_mb(engine.process.pid)
    yield from _whole(whole.done, steps, loading, runtime)
    yield at_most("Diff-Foley, four variants against one", four / one, VARIANTS_COST, "×", seconds=[one, four])
    made = bool(again.stems)
    reached = f"{again.done:.3g} s, {SHORT_STEPS} steps" if made else "no stem"
    yield Measure("Diff-Foley, 1 s made anew, no picture left", "", reached, made, {"seconds": again.done})
    yield from _memory(peak, runtime)


def _whole(seconds: float, steps: int, loading: float, runtime: Runtime) -> Iterator[Measure]:
    """From a request to its stem: picture, features, sampling, decoding, inverse."""
    values = {"seconds": seconds, "steps": steps, "first job, 1 step": loading}
    reached = f"{seconds:.3g} s for {steps} steps in {_name(runtime)}"
    yield Measure(f"Diff-Foley, 8 s through the engine on {runtime.device.type}", "", reached, None, values)
    if runtime.device.type != "cpu":
        return
    name, target = "Diff-Foley, 8 s on the CPU against the original", f"≥ {CPU_GAIN:g} ×"
    if _name(runtime) == "float32":
        yield skipped(name, target, NO_BFLOAT16)
    elif steps == STEPS:
        yield at_least(name, ORIGINAL_SEC / seconds, CPU_GAIN, "×")


def _memory(peak: float | None, runtime: Runtime) -> Iterator[Measure]:
    if peak is None:
        yield skipped("Diff-Foley, peak memory of the engine", "", "this system does not say")
        return
    name = f"Diff-Foley, peak memory of the engine, {_name(runtime)}"
    if runtime.device.type == "cpu" and _name(runtime) == "bfloat16":
        yield at_most(name, peak * 2**20 / 1e9, CPU_MEMORY_GB, "GB")
    else:
        yield Measure(name, "", f"{peak * 2**20 / 1e9:.3g} GB", None, {"gb": peak * 2**20 / 1e9})


def without_pictures(clip: Path) -> None:
    """Overwrite every picture of an .mp4; its size, its times and its index stay."""
    times, content = clip.stat(), bytearray(clip.read_bytes())
    at = content.index(b"mdat") - 4
    end = at + int.from_bytes(content[at : at + 4], "big")
    content[at + 8 : end] = bytes(end - at - 8)
    clip.write_bytes(content)
    os.utime(clip, ns=(times.st_atime_ns, times.st_mtime_ns))


# ---- the model alone


def _on_gpu(weights: Path, runtime: Runtime) -> Iterator[Measure]:
    model = _model(weights, runtime)
    for variants in (4, GPU_BATCH):
        _timed(model, variants, FEWEST_STEPS)
    yield at_most("Diff-Foley, four variants of 8 s on the GPU", _timed(model, 4, STEPS), GPU_FOUR_SEC, "s")
    each = _timed(model, GPU_BATCH, STEPS) / GPU_BATCH
    yield at_most(f"Diff-Foley, each of {GPU_BATCH} on the GPU", each, GPU_SAMPLE_SEC, "s")


def _two_jobs(weights: Path, runtime: Runtime) -> Iterator[Measure]:
    model = _model(weights, runtime)
    _timed(model, 2, 1)
    apart = _timed(model, 1, SHORT_STEPS) + _timed(model, 1, SHORT_STEPS)
    started = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(_timed, model, 1, SHORT_STEPS) for _ in range(2)]:
            job.result()
    together = time.perf_counter() - started
    done = "as jobs in the queue are" if model.takes_at_once > 1 else "so queued jobs stay apart"
    yield Measure(
        "Diff-Foley, two jobs in one batch against one after the other", "",
        f"{apart / together:.3g} × as fast, {done}", None, {"apart": apart, "together": together},
    )  # fmt: skip


def _narrow(weights: Path, runtime: Runtime) -> Iterator[Measure]:
    import torch

    made = [
        _sampled(_model(weights, replace(runtime, precision=precision, compiles=False))).latents
        for precision in (torch.float32, torch.bfloat16)
    ]
    yield at_most("Diff-Foley, latents in bfloat16 off those in float32", _off(made[1], made[0]), NARROW_OFF, "")


def _compiled(weights: Path, runtime: Runtime) -> Iterator[Measure]:
    plain, compiled = (_model(weights, replace(runtime, compiles=compiles)) for compiles in (False, True))
    without = [_sampled(plain) for _ in range(3)]
    having = [_sampled(compiled) for _ in range(3)]
    gained = min(run.seconds for run in without[1:]) / min(run.seconds for run in having[1:])
    off = _off(having[0].latents, without[0].latents)
    yield Measure(
        "Diff-Foley, its UNet compiled against as it is", f"off by ≤ {COMPILED_OFF:g} in float32",
        f"{gained:.3g} × as fast, {having[0].seconds:.3g} s the first time, off by {off:.2g}",
        off <= COMPILED_OFF if _name(runtime) == "float32" else None,
        {"gained": gained, "first": having[0].seconds, "off": off},
    )  # fmt: skip


def write_random_weights(folder: Path) -> None:
    """Checkpoints of the published names and keys, as they are after their conversion.

    The sizes are the published ones too, unless a file of the folder says others.
    """
    import torch
    from safetensors.torch import save_file

    from footfall_engine.models.diff_foley import networks
    from footfall_engine.models.diff_foley.model import FILES
    from footfall_engine.models.diff_foley.sizes import shape_in
    from footfall_engine.models.parts import converted

    folder.mkdir(parents=True, exist_ok=True)
    dice = torch.Generator().manual_seed(0)
    for file in sorted(set(FILES.values())):
        sizes: dict[str, tuple[int, ...]] = {}
        for name in (name for name in FILES if FILES[name] == file):
            sizes |= networks.original_shapes(name, shape_in(folder))
        save_file({key: _random(key, size, dice) for key, size in sizes.items()}, converted(folder / file))


def _random(key: str, size: tuple[int, ...], dice: torch.Generator) -> Tensor:
    """A tensor of a network that keeps the spread of what goes through it."""
    import torch

    if len(size) > 1:
        return torch.randn(size, generator=dice).div_(float(np.prod(size[1:])) ** 0.5)
    return torch.zeros(size) if key.endswith(("bias", "mean")) else torch.ones(size)


def _model(weights: Path, runtime: Runtime) -> DiffFoley:
    from footfall_engine.models.diff_foley.model import DiffFoley

    return DiffFoley(folder=weights, runtime=runtime)


@dataclass(frozen=True)
class _Sampled:
    latents: Tensor
    seconds: float


def _sampled(model: DiffFoley) -> _Sampled:
    """Of the fewest steps that use everything."""
    started = time.perf_counter()
    latents = model.latents(_conditions(FEWEST_STEPS), [0], no_progress)
    return _Sampled(latents, time.perf_counter() - started)


def _off(ours: Tensor, theirs: Tensor) -> float:
    """How far latents are from others, as a share of their norm."""
    return float((ours - theirs).norm() / theirs.norm())


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
