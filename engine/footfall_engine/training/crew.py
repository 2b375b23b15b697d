"""The processes that train together: one alone, or those that torchrun starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

PATIENCE = timedelta(hours=6)
"""For one another, while data are being prepared."""


@dataclass(frozen=True)
class Crew:
    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """The items that are this process's own, of `count` that the crew divides evenly."""
        own = count // self.size
        return range(self.rank * own, (self.rank + 1) * own)

    def mean(self, value: Tensor) -> Tensor:
        """Of all processes."""
        if self.size == 1:
            return value
        total = value.clone()
        distributed.all_reduce(total)
        return total / self.size

    def mean_gradients(self, network: nn.Module) -> None:
        """Give every process the mean of all their gradients, for networks that no DistributedDataParallel wraps."""
        for parameter in network.parameters() if self.size > 1 else ():
            if parameter.grad is not None:
                parameter.grad = self.mean(parameter.grad)

    def any(self, wish: bool) -> bool:
        """Whether a process wants it; all of them hear the same answer."""
        return wish if self.size == 1 else bool(self.mean(torch.tensor(float(wish), device=self.device)).item())

    def wait(self) -> None:
        if self.size > 1:
            distributed.barrier()


@contextmanager
def gathered(device: torch.device) -> Iterator[Crew]:
    """Those that torchrun started, over NCCL or Gloo; this process alone where there is no torchrun."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Crew(0, 1, device)
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Crew(distributed.get_rank(), size, device)
    finally:
        distributed.destroy_process_group()
