"""MultiFoley as a model of the engine: pictures or events, words and other sound in, sound out."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path

import torch
from footfall_bridge.messages import Controls, Quality
from torch import Tensor

from footfall_engine.diffusion import samplers, stock
from footfall_engine.diffusion.guidance import Denoiser
from footfall_engine.diffusion.known import Hold
from footfall_engine.diffusion.schedules import NoiseSchedule, scaled_linear_betas
from footfall_engine.models.base import Conditions, Generated, asked
from footfall_engine.models.diff_foley import model as diff_foley
from footfall_engine.models.multifoley import checkpoint
from footfall_engine.models.multifoley.checkpoint import Track
from footfall_engine.models.multifoley.guidance import Gamma, Scale
from footfall_engine.models.multifoley.job import Job
from footfall_engine.models.multifoley.networks import Networks, load
from footfall_engine.models.runtime import SHELF, Runtime, chosen_runtime
from footfall_engine.models.stages import LOADED
from footfall_engine.models.store import model_folder
from footfall_engine.models.together import JoinsJobs
from footfall_engine.progress import ProgressFn, no_progress, part

NAME = "multifoley"

STRENGTH = Gamma(3.0)  # of the paper's benchmark
SCHEDULE = NoiseSchedule(scaled_linear_betas(0.00085, 0.0120, 1000))

_DDIM = {
    "_class_name": "DDIMScheduler", "num_train_timesteps": len(SCHEDULE.betas), "trained_betas": SCHEDULE.betas,
    "clip_sample": False, "timestep_spacing": "trailing",
}  # fmt: skip
"""Steps are spaced so that the first one starts from noise alone, however few they are."""


def ddim(denoise: Denoiser, noise: Tensor, steps: int, hold: Hold, progress: ProgressFn) -> Tensor:
    return stock.scheduled(stock.scheduler(_DDIM), denoise, noise, steps, hold, progress)


def dpm_solver(denoise: Denoiser, noise: Tensor, steps: int, hold: Hold, progress: ProgressFn) -> Tensor:
    return samplers.dpm_solver_pp_2m(denoise, noise, SCHEDULE, steps, hold, progress)


class Sampler(Enum):
    """PUBLISHED: DDIM in 100 steps. SOLVER: DPM-Solver++ (2M), which needs a quarter of them."""

    PUBLISHED = "ddim"
    SOLVER = "dpm-solver++"


Sample = Callable[..., Tensor]
_SAMPLERS: dict[Sampler, tuple[Sample, int]] = {Sampler.PUBLISHED: (ddim, 100), Sampler.SOLVER: (dpm_solver, 25)}
"""Each with its usual number of steps."""


class MultiFoley(JoinsJobs):
    """Networks are loaded when the first sound is asked for, and stay while there is room for them."""

    most_at_once = 8

    def __init__(
        self,
        sampler: str = Sampler.PUBLISHED.value,
        folder: Path | None = None,
        runtime: Runtime | None = None,
        strength: Gamma | Scale = STRENGTH,
        cavp_folder: Path | None = None,
    ) -> None:
        self._sample, self._steps = _SAMPLERS[Sampler(sampler)]
        self._folder = folder
        self._runtime = runtime
        self._strength = strength
        self._cavp_folder = cavp_folder

    @torch.no_grad()
    def generate(self, conditions: Conditions, seeds: list[int], progress: ProgressFn) -> Generated:
        # 1. networks, and which stretches of the sound are to be made
        runtime = self._runtime or chosen_runtime()
        nets = self._networks(runtime, part(progress, 0.0, LOADED))
        job = Job(nets, runtime, conditions, progress)

        # 2. what the picture shows, what is said
        pictured = job.pictured()
        said = job.said(asked(conditions.controls.quality, Quality.HIGH))

        # 3. latents that fit it and what sounds already
        strength = asked(strength_in(conditions.controls), self._strength)
        sample = partial(self._sample, steps=asked(conditions.controls.steps, self._steps))
        latents = job.latents(pictured, said, strength, seeds, sample)

        # 4. sound from them
        return Generated(job.sound(latents), job.warnings)

    @property
    def also_takes(self) -> frozenset[str]:
        """Controls that these weights honour and others of this model do not."""
        told_of_events = checkpoint.read_config(self._place).track is Track.EVENTS
        return frozenset({"events"} if told_of_events else ())

    @property
    def borrows_from(self) -> tuple[str, ...]:
        """Models of whose weights these make use."""
        return (diff_foley.NAME,) if checkpoint.read_config(self._place).track is Track.CAVP else ()

    def make_ready(self, progress: ProgressFn) -> None:
        """Load the networks if they are not there; WeightsMissing or WeightsUnusable says what does not fit."""
        self._networks(self._runtime or chosen_runtime(), progress)

    def check(self) -> None:
        """That the weights of all networks are there and fit; WeightsMissing or WeightsUnusable says what does not."""
        load(self._place, self._cavp_folder, Runtime(torch.device("cpu"), torch.float32), no_progress)

    @property
    def _place(self) -> Path:
        return self._folder or model_folder(NAME)

    def _networks(self, runtime: Runtime, progress: ProgressFn) -> Networks:
        trained_at = checkpoint.identity(self._place)  # it may be trained on while the engine runs
        ready = partial(load, self._place, self._cavp_folder, runtime, progress)
        return SHELF.get((NAME, self._place, self._cavp_folder, runtime), ready, lambda nets: nets.size, trained_at)


Fast: Callable[[], MultiFoley] = partial(MultiFoley, sampler=Sampler.SOLVER.value)
"""With fewer steps, as a model of its own."""


def strength_in(controls: Controls) -> Gamma | Scale | None:
    """The one that the request names, if it does."""
    if controls.gamma is not None:
        return Gamma(controls.gamma)
    return None if controls.guidance is None else Scale(controls.guidance)
