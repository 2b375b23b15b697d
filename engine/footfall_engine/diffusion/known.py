"""Sound that is there already and stays: for regenerating a part, and for going on from what was made before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Hold(Protocol):
    """Puts what is known into latents at signal `alpha` and noise `sigma`."""

    def __call__(self, latents: Tensor, alpha: float, sigma: float, /) -> Tensor: ...


def nothing_known(latents: Tensor, alpha: float, sigma: float, /) -> Tensor:
    return latents


@dataclass(frozen=True)
class KnownRegion:
    """Known clean latents, shape = (batch, ...), and where they hold.

    A sampler asks for them before every call of its model, at the noise of that moment, so that what is made fits
    what stays (Lugmayr et al. 2022, without resampling). The noise is one and the same throughout: the sampler's own
    start, so that the known part moves on one straight path from it to `latents`.
    """

    latents: Tensor
    mask: Tensor  # broadcasts to latents: 1 known … 0 to be made
    noise: Tensor  # as latents

    def __call__(self, latents: Tensor, alpha: float, sigma: float, /) -> Tensor:
        known = alpha * self.latents + sigma * self.noise
        return torch.lerp(latents, known, self.mask.expand_as(latents))
