"""From noise to latents, with a denoiser asked once a step.

A sampler takes (denoiser, noise, schedule, steps) and gives clean latents of the noise's shape. `hold` puts what is
known into the latents before every step; `progress` hears of every step and may raise to stop.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from torch import Tensor

from footfall_engine.diffusion import stock
from footfall_engine.diffusion.guidance import Denoiser
from footfall_engine.diffusion.known import Hold, nothing_known
from footfall_engine.diffusion.schedules import NoiseSchedule
from footfall_engine.progress import ProgressFn, no_progress

Sampler = Callable[..., Tensor]

FEWEST_STEPS_OF_SECOND_ORDER_END = 15  # below, the last step is of first order, which is steadier


def dpm_solver_pp_2m(
    denoise: Denoiser,
    noise: Tensor,
    schedule: NoiseSchedule,
    steps: int,
    hold: Hold = nothing_known,
    progress: ProgressFn = no_progress,
) -> Tensor:
    """DPM-Solver++(2M), Algorithm 2 of Lu et al. 2022 (arXiv 2211.01095), on even steps of (fractional) time."""
    latents = noise
    before: Tensor | None = None  # x_0 as predicted one step earlier
    step_before = 0.0  # of log_snr
    for number, (time, next_time) in enumerate(pairwise(schedule.uniform_times(steps))):
        progress(number / steps)
        alpha, sigma = schedule.alpha(time), schedule.sigma(time)
        latents = hold(latents, alpha, sigma)
        clean = hold((latents - sigma * denoise(latents, float(time))) / alpha, 1.0, 0.0)
        step = schedule.log_snr(next_time) - schedule.log_snr(time)
        first_order = before is None or (number == steps - 1 and steps < FEWEST_STEPS_OF_SECOND_ORDER_END)
        towards = clean if first_order else clean + (clean - before) * (step / step_before / 2)
        latents = latents * (schedule.sigma(next_time) / sigma) - towards * (
            schedule.alpha(next_time) * float(np.expm1(-step))
        )
        before, step_before = clean, step
    return hold(latents, 1.0, 0.0)


def ddim(
    denoise: Denoiser,
    noise: Tensor,
    schedule: NoiseSchedule,
    steps: int,
    hold: Hold = nothing_known,
    progress: ProgressFn = no_progress,
) -> Tensor:
    """DDIM without noise of its own (Song et al. 2021), on integer times 1, 1 + T // steps, …"""
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(clip_sample=False, **_leading_times(schedule))
    return stock.scheduled(scheduler, denoise, noise, steps, hold, progress)


def plms(
    denoise: Denoiser,
    noise: Tensor,
    schedule: NoiseSchedule,
    steps: int,
    hold: Hold = nothing_known,
    progress: ProgressFn = no_progress,
) -> Tensor:
    """Pseudo linear multistep (Liu et al. 2022) on the times of `ddim`; its first step asks the denoiser twice."""
    from diffusers import PNDMScheduler

    scheduler = PNDMScheduler(skip_prk_steps=True, **_leading_times(schedule))
    return stock.scheduled(scheduler, denoise, noise, steps, hold, progress)


def _leading_times(schedule: NoiseSchedule) -> dict[str, Any]:
    return {
        "num_train_timesteps": len(schedule.betas),
        "trained_betas": schedule.betas,
        "timestep_spacing": "leading",
        "steps_offset": 1,
        "set_alpha_to_one": False,
    }
