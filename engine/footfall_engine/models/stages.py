"""What the jobs of all diffusion models have in common: the stages of one sound, told as they end."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from footfall_engine.models.base import Conditions
from footfall_engine.models.runtime import Batches, Runtime
from footfall_engine.models.together import Together
from footfall_engine.progress import ProgressFn

LOADED, SAMPLED, DECODED = 0.05, 0.92, 0.96
"""Shares of the work done when a stage ends; those of a model's own lie between them."""


class Stages:
    """One sound's way through a model's networks."""

    def __init__(self, runtime: Runtime, conditions: Conditions, progress: ProgressFn) -> None:
        self._runtime = runtime
        self._conditions = conditions
        self._progress = progress
        self._done = LOADED

    def _tell(self, fraction: float, /) -> None:
        self._done = fraction
        self._progress(fraction)

    def _batches(self, item_bytes: int) -> Batches:
        """Batches between which the job can be cancelled."""
        return Batches(self._runtime, item_bytes, between=lambda: self._progress(self._done))

    def _asked(
        self, together: Together, what: str, item_bytes: int, network: Callable[..., Tensor]
    ) -> Callable[..., Tensor]:
        """(latents, time, what else it is told of each) → what `network` makes of them, of a time for each of them.

        Other jobs' items are in the same batch; `what` names the network as in `Together.run`.
        """
        batches = self._batches(item_bytes)

        def ask(latents: Tensor, time: float, *told: Tensor) -> Tensor:
            times = torch.full((len(latents),), float(time), device=latents.device)
            return together.run(what, batches, network, latents, times, *told)

        return ask

    def _here(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._runtime.device, self._runtime.precision)
