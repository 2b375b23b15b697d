"""The training loop: one process or many, stopped and resumed at any step.

Item i of step s comes from a random generator seeded with (seed, s * batch + i), and so does all that is random about
it. Counting steps is therefore all that resuming needs beside the weights, their average and the optimiser's moments,
and a batch is the same batch however many processes or parts it is worked on in.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from footfall_bridge.errors import BadRequest, ModelFailed
from torch import nn

from footfall_engine.ahead import read_ahead
from footfall_engine.training import curves, state
from footfall_engine.training.crew import Crew

BATCHES_AHEAD = 2
_TRAINING, _HELD_OUT = 0, 1  # streams of random generators

Source = TypeVar("Source")  # what items are drawn from
Batch = TypeVar("Batch")
Losses = TypeVar("Losses")  # of a step: a dataclass of tensors without a shape


@dataclass(frozen=True)
class Recipe:
    """How to train, whatever it is."""

    steps: int
    batch: int  # items of an optimiser step, over all processes and parts
    rate: float  # of learning
    parts: int = 1  # that each process works on its share of a batch in, one after another
    average: float = 0.9999  # share of the averaged weights that stays at each step
    seed: int = 0
    held_out_items: int = 32
    look_every: int = 200  # steps between rows of the curves
    save_every: int = 2000

    def rate_at(self, step: int) -> float:
        raise NotImplementedError

    def average_at(self, step: int) -> float:
        """Early on, when the weights still move far, less of their average stays."""
        return min(self.average, (1 + step) / (10 + step))


class Trainer(ABC, Generic[Source, Batch, Losses]):
    """Everything that changes from step to step. What is learnt, and from which losses, is for those who inherit it."""

    row: Any  # of the curves: a dataclass of step, held_out, rate, seconds and the losses
    student: nn.Module  # all that is trained
    averaged: nn.Module
    optimiser: torch.optim.Optimizer

    def __init__(self, config: Any, recipe: Recipe, crew: Crew, precision: torch.dtype) -> None:
        if recipe.batch % (crew.size * recipe.parts):
            raise BadRequest(
                f"a batch of {recipe.batch} cannot be divided by {crew.size} processes × {recipe.parts} parts"
            )
        self.config, self.recipe, self.crew, self.precision = config, recipe, crew, precision
        self.step = 0
        self.seconds = 0.0

    # ---- what differs

    @abstractmethod
    def batch(self, source: Source, rngs: Sequence[np.random.Generator]) -> Batch:
        """An item from each generator."""

    @abstractmethod
    def train(self, parts: Sequence[Batch]) -> Losses:
        """One optimiser step on a batch in parts."""

    @abstractmethod
    def held_out_loss(self, unseen: Sequence[Batch]) -> float:
        """Of the averaged weights, on batches never trained on."""

    @abstractmethod
    def leave(self, folder: Path, source: Source) -> None:
        """What training is for."""

    # ---- training

    def run(
        self, source: Source, folder: Path, held_out: Source | None = None,
        tell: Callable[[Any], None] = lambda row: None, stop: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        """Train up to the recipe's steps, or until it is to stop; goes on where `folder` left off.

        ModelFailed when a loss is no number any more; the last checkpoint is from before that.
        """
        state.resume(self, folder)
        if self.crew.leads:
            state.note(self, folder)
        rows = [row for row in curves.read(folder, self.row) if row.step <= self.step]
        unseen = [] if held_out is None else list(self.some(held_out, _HELD_OUT))
        seen: list[Losses] = []
        began, before = time.monotonic(), self.seconds
        with closing(read_ahead(self.batches(source), BATCHES_AHEAD)) as batches:
            for parts in batches:
                seen.append(self.train(parts))
                self.seconds = before + time.monotonic() - began
                ends = self.crew.any(stop()) or self.step == self.recipe.steps
                saves = ends or self.step % self.recipe.save_every == 0
                if saves or self.step % self.recipe.look_every == 0:  # what is saved has been looked at
                    rows.append(self.look(seen, unseen))
                    tell(rows[-1])
                    seen = []
                if saves:
                    self.save(folder, source, rows)
                if ends:
                    break

    def save(self, folder: Path, source: Source, rows: Sequence[Any]) -> None:
        """What training goes on from, what it is for, and the curves."""
        if self.crew.leads:
            state.write(self, folder)
            self.leave(folder, source)
            curves.write(folder, rows)
        self.crew.wait()

    def update(self, followed: nn.Module) -> None:
        """Have the optimiser take its step, and the averaged weights follow those of a network."""
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        share = 1 - self.recipe.average_at(self.step)
        with torch.no_grad():
            for mean, now in zip(self.averaged.parameters(), followed.parameters(), strict=True):
                mean.lerp_(now, share)
        self.step += 1

    def autocast(self) -> AbstractContextManager[Any]:
        if self.precision is torch.float32:
            return nullcontext()
        return torch.autocast(self.crew.device.type, self.precision)

    def look(self, seen: Sequence[Losses], unseen: Sequence[Batch]) -> Any:
        """A row of the curves. ModelFailed when the mean of a loss, over all processes, is no number."""
        losses = {name: float(self.crew.mean(value)) for name, value in vars(mean_of(seen)).items()}
        for name, value in losses.items():
            if not math.isfinite(value):
                raise ModelFailed(
                    f"training went astray: {name} is {value} after step {self.step}; "
                    f"a lower rate than {self.recipe.rate} may help"
                )
        with torch.no_grad():
            held_out = self.held_out_loss(unseen) if unseen else math.nan
        rate = self.recipe.rate_at(self.step - 1)
        return self.row(step=self.step, held_out=held_out, rate=rate, seconds=self.seconds, **losses)

    # ---- data

    def batches(self, source: Source) -> Iterator[list[Batch]]:
        """This process's parts of every step that is left."""
        for step in range(self.step, self.recipe.steps):
            own = [step * self.recipe.batch + item for item in self.crew.share(self.recipe.batch)]
            yield list(self._drawn(source, _TRAINING, own))

    def some(self, source: Source, stream: int = _TRAINING) -> Iterator[Batch]:
        return self._drawn(source, stream, range(self.recipe.held_out_items))

    def _drawn(self, source: Source, stream: int, numbers: Sequence[int]) -> Iterator[Batch]:
        """As many items at once as a part has."""
        size = self.recipe.batch // (self.crew.size * self.recipe.parts)
        for first in range(0, len(numbers), size):
            piece = numbers[first : first + size]
            yield self.batch(source, [np.random.default_rng([self.recipe.seed, stream, number]) for number in piece])


def mean_of(each: Sequence[Losses]) -> Losses:
    """Of each loss by itself."""
    values = {name: torch.stack([getattr(losses, name) for losses in each]).mean() for name in vars(each[0])}
    return type(each[0])(**values)
