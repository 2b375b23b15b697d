"""How much noise there is at each time, and at which times a sampler looks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def linear_betas(first: float, last: float, count: int) -> NDArray[np.float64]:
    """Noise variances that rise evenly (Ho et al. 2020), shape = (count,)."""
    return np.asarray(np.linspace(first, last, count), dtype=np.float64)


def scaled_linear_betas(first: float, last: float, count: int) -> NDArray[np.float64]:
    """Noise variances whose square roots rise evenly (latent diffusion), shape = (count,)."""
    roots = linear_betas(math.sqrt(first), math.sqrt(last), count)
    return np.asarray(roots * roots, dtype=np.float64)


@dataclass(frozen=True)
class NoiseSchedule:
    """Signal and noise at any time, from the variances `betas`, shape = (T,), float64, of a variance-preserving
    process; between two integer times, log alpha is interpolated."""

    betas: NDArray[np.float64]

    @property
    def alphas_cumprod(self) -> NDArray[np.float64]:
        """alpha(t)² at integer times, shape = (T,)."""
        return np.asarray(np.cumprod(1.0 - self.betas), dtype=np.float64)

    @property
    def last_time(self) -> float:
        return float(len(self.betas) - 1)

    def log_alpha(self, time: float) -> float:
        return float(np.interp(time, np.arange(len(self.betas)), 0.5 * np.log(self.alphas_cumprod)))

    def alpha(self, time: float) -> float:
        return float(np.exp(self.log_alpha(time)))

    def sigma(self, time: float) -> float:
        return float(np.sqrt(-np.expm1(2.0 * self.log_alpha(time))))

    def log_snr(self, time: float) -> float:
        """log(alpha / sigma), called lambda in the papers on DPM-Solver."""
        return self.log_alpha(time) - float(np.log(self.sigma(time)))

    def uniform_times(self, steps: int) -> NDArray[np.float64]:
        """`steps` even steps from the last time to 0, most of them between integers, shape = (steps + 1,)."""
        return np.linspace(self.last_time, 0.0, steps + 1)
