"""Sound as columns of latents: how many a sound needs, where windows lie, and which are known already.

Latents have time last, shape = (batch, ..., columns). A window is what a network was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from footfall_engine.diffusion.known import Hold, KnownRegion, nothing_known
from footfall_engine.diffusion.stretches import window_starts
from footfall_engine.media.audio import fit_length, resample
from footfall_engine.models.base import Conditions


@dataclass(frozen=True)
class Columns:
    """How a model's latents follow its sound."""

    sample_rate: int  # Hz
    samples: int  # of one column
    window: int  # columns
    overlap: int  # columns that neighbouring windows share at least

    @property
    def window_seconds(self) -> float:
        return self.window * self.samples / self.sample_rate

    def needed(self, samples: int) -> int:
        """Columns of a sound of so many samples: a window at least."""
        return max(self.window, -(-samples // self.samples))

    def starts(self, columns: int) -> list[int]:
        return window_starts(columns, self.window, self.overlap)

    def seconds(self, column: int) -> float:
        return column * self.samples / self.sample_rate

    def known(self, mask: NDArray[np.bool_], sample_rate: int, columns: int) -> NDArray[np.float32]:
        """1 for each column all of whose samples stay, 0 for the others, shape = (columns,)."""
        edges = np.round(np.arange(columns + 1) * self.samples * sample_rate / self.sample_rate).astype(int)
        made_anew = np.concatenate([[0], np.cumsum(~mask)])
        inside = np.minimum(edges, len(mask))
        whole = (made_anew[inside[1:]] == made_anew[inside[:-1]]) & (inside[1:] > inside[:-1])
        return whole.astype(np.float32)

    def held(self, conditions: Conditions, noise: Tensor, encode: Callable[[Tensor], Tensor]) -> Hold:
        """What the conditions know of the sound; `encode` makes latents of it, from shape = (1, samples)."""
        known, mask = conditions.known, conditions.known_mask
        if known is None or mask is None:
            return nothing_known
        columns = noise.shape[-1]
        mono = resample(known.samples.mean(0, keepdims=True), known.sample_rate, self.sample_rate)
        latents = encode(torch.from_numpy(fit_length(mono, columns * self.samples)).to(noise.device))
        where = torch.from_numpy(self.known(mask, known.sample_rate, columns)).to(noise)
        return KnownRegion(latents.expand_as(noise), where, noise)


def seeded_noise(
    seeds: Sequence[int], shape: tuple[int, ...], device: torch.device
) -> tuple[Tensor, list[torch.Generator]]:
    """Noise for each seed, the same on every device, and the generators as they stand after it."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return torch.stack([torch.randn(shape, generator=each) for each in generators]).to(device), generators
