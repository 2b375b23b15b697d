"""Samplers of diffusers, as their published configurations name them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from footfall_bridge.errors import WeightsUnusable
from torch import Tensor

from footfall_engine.diffusion.guidance import Denoiser
from footfall_engine.diffusion.known import Hold, nothing_known
from footfall_engine.progress import ProgressFn, no_progress

SCHEDULERS = (
    "DDPMScheduler", "DDIMScheduler", "PNDMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler",
)  # fmt: skip


def scheduler(config: Mapping[str, Any]) -> Any:
    """A scheduler as its published configuration describes it; WeightsUnusable for one that is not known here."""
    import diffusers

    name = config.get("_class_name", "")
    if name not in SCHEDULERS:
        raise WeightsUnusable(f"the sampler {name!r} is not one of {', '.join(SCHEDULERS)}")
    return getattr(diffusers, name).from_config(dict(config))


def scheduled(
    stepper: Any,
    denoise: Denoiser,
    noise: Tensor,
    steps: int,
    hold: Hold = nothing_known,
    progress: ProgressFn = no_progress,
    generators: Sequence[torch.Generator] = (),
) -> Tensor:
    """Clean latents by a scheduler, which keeps the state of one sampling; `denoise` predicts what it is made for.

    `generators`, one for each item of the batch, give the noise of samplers that add some at every step.
    """
    stepper.set_timesteps(min(steps, _most_steps(stepper)))
    random = {"generator": list(generators)} if "generator" in inspect.signature(stepper.step).parameters else {}
    latents = noise * stepper.init_noise_sigma
    for number, time in enumerate(stepper.timesteps):
        progress(number / len(stepper.timesteps))
        asked = stepper.scale_model_input(latents, time)
        if hold is not nothing_known:
            alpha, sigma = _signal_and_noise(stepper, float(time))
            held = hold(asked, alpha, sigma)
            latents = latents + (held - asked) * (_inflation(stepper, alpha))
            asked = held
        latents = stepper.step(denoise(asked, float(time)), time, latents, **random).prev_sample
    return hold(latents, 1.0, 0.0)


def _most_steps(stepper: Any) -> int:
    """Times that are spaced by one and begin at 1 must not pass the last."""
    begins_later = stepper.config.get("timestep_spacing") == "leading"
    return stepper.config.num_train_timesteps - (2 if begins_later else 0)


def _signal_and_noise(stepper: Any, time: float) -> tuple[float, float]:
    power = float(stepper.alphas_cumprod[round(time)])
    return power**0.5, (1 - power) ** 0.5


def _inflation(stepper: Any, alpha: float) -> float:
    """How much larger than a network's input a sampler keeps its latents: 1 where variance is preserved."""
    return 1.0 if stepper.init_noise_sigma == 1 else 1 / alpha
