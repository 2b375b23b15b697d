"""Ways to turn what a network predicts towards what is asked for. Each makes a denoiser, for any sampler.

A `Predict` is a network: (noisy latents (b, ...), time, context (b, ...)) → the noise in them. A `Denoiser` has its
context inside. A `LogProbability` tells how likely a classifier finds noisy latents, shape = (b,), and a `Slope` which
way they would be likelier.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from footfall_engine.diffusion.schedules import NoiseSchedule

T = TypeVar("T", float, Tensor)

Predict = Callable[[Tensor, float, Tensor], Tensor]
Denoiser = Callable[[Tensor, float], Tensor]
LogProbability = Callable[[Tensor, float], Tensor]
Slope = Callable[[Tensor, float], Tensor]


def conditional(predict: Predict, context: Tensor) -> Denoiser:
    return lambda latents, time: predict(latents, time, context)


def classifier_free(predict: Predict, context: Tensor, null: Tensor, scale: float) -> Denoiser:
    """Away from what is predicted for the `null` context (Ho & Salimans 2022); both go through in one batch.

    `context` and `null` have the shape (b, ...); at scale 1 the null context is not needed and not asked for.
    """
    if scale == 1:
        return conditional(predict, context)
    contexts = torch.cat([null, context])

    def denoise(latents: Tensor, time: float) -> Tensor:
        without, given = predict(torch.cat([latents, latents]), time, contexts).chunk(2)
        return without + scale * (given - without)

    return denoise


def classifier(denoise: Denoiser, slope: Slope, scale: float, schedule: NoiseSchedule) -> Denoiser:
    """Towards what a classifier of noisy latents finds likely (Dhariwal & Nichol 2021, Algorithm 2).

    `slope` is the `gradient` of its log probability.
    """
    if scale == 0:
        return denoise

    def guided(latents: Tensor, time: float) -> Tensor:
        return denoise(latents, time) - scale * schedule.sigma(time) * slope(latents, time)

    return guided


def double(
    predict: Predict,
    context: Tensor,
    null: Tensor,
    scale: float,
    slope: Slope,
    classifier_scale: float,
    schedule: NoiseSchedule,
) -> Denoiser:
    """Both of them at every step (Diff-Foley, Luo et al. 2023, section 3.3)."""
    return classifier(classifier_free(predict, context, null, scale), slope, classifier_scale, schedule)


def gradient(log_probability: Callable[[Tensor, T], Tensor], latents: Tensor, time: T) -> Tensor:
    """Of the log probability of each item by its own latents, shape = as latents; of one time, or each of its own."""
    with torch.enable_grad():
        free = latents.detach().requires_grad_()
        return torch.autograd.grad(log_probability(free, time).sum(), free)[0]
