"""The training loop: one process or many, stopped and resumed at any step.

Item i of step s comes from a random generator seeded with (seed, s * batch + i), and so does all that is random about
it. Counting steps is therefore all that resuming needs beside the weights, their average and the optimiser's moments,
and a batch is the same batch however many processes or parts it is worked on in.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from footfall_bridge.errors import BadRequest, ModelFailed
from torch import Tensor, nn

from footfall_engine.ahead import read_ahead
from footfall_engine.models.multifoley import checkpoint
from footfall_engine.models.multifoley.checkpoint import Config, Trained
from footfall_engine.models.multifoley.dit import Told
from footfall_engine.models.multifoley.model import SCHEDULE
from footfall_engine.models.multifoley.text import Text
from footfall_engine.training import curves, state
from footfall_engine.training.crew import Crew
from footfall_engine.training.examples import Example, Source
from footfall_engine.training.objective import Batch, Counted, Drops, Objective, SpanRule, masked_loss

MODEL_FOLDER = "model"
"""What the engine reads, inside the folder of a run."""
BATCHES_AHEAD = 2
_TRAINING, _HELD_OUT = 0, 1  # streams of random generators


@dataclass(frozen=True)
class Recipe:
    """How to train. The paper's figures where it has them; those of its relatives where it has not."""

    steps: int = 600_000
    batch: int = 128  # items of an optimiser step, over all processes and parts
    parts: int = 1  # that each process works on its share of them in, one after another
    rate: float = 1e-4
    warm_up: int = 1000  # steps in which the rate rises to that
    weight_decay: float = 1e-6
    clip: float = 1.0  # norm of the gradient
    average: float = 0.9999  # share of the averaged weights that stays at each step
    span: SpanRule = field(default_factory=SpanRule)
    drops: Drops = field(default_factory=Drops)
    counted: Counted = Counted.NOISE
    seed: int = 0
    held_out_items: int = 32
    look_every: int = 200  # steps between rows of the curves
    save_every: int = 2000

    def rate_at(self, step: int) -> float:
        return self.rate * min(1.0, (step + 1) / max(1, self.warm_up))

    def average_at(self, step: int) -> float:
        """Early on, when the weights still move far, less of their average stays."""
        return min(self.average, (1 + step) / (10 + step))


@dataclass(frozen=True)
class Row:
    """A row of the curves."""

    step: int  # optimiser steps done
    loss: float  # mean since the row before
    held_out: float  # loss of the averaged weights on data never trained on; NaN where there is none
    gradient: float  # norm before clipping, mean since the row before
    rate: float  # of learning
    seconds: float  # of training so far, over all its runs


class Student(nn.Module):
    """All that is trained, and its loss."""

    def __init__(self, trained: Trained, text: Text | None = None) -> None:
        super().__init__()
        self.network = trained.network
        self.words = trained.words
        self._frozen_text = (text,)  # in a tuple, so that it is no part of the state

    def forward(self, batch: Batch) -> Tensor:
        read = self.words if self.words is not None else self._frozen_text[0]
        assert read is not None
        told = Told(batch.track, batch.has_track, *read(list(batch.texts)))
        predicted = self.network(batch.noisy, batch.time, told, batch.given)
        return masked_loss(predicted, batch.noise, batch.given, batch.weight)


class Trainer:
    """Everything that changes from step to step."""

    def __init__(
        self, config: Config, codec: Any, recipe: Recipe, crew: Crew, text: Text | None = None,
        precision: torch.dtype = torch.float32,
    ) -> None:  # fmt: skip
        if recipe.batch % (crew.size * recipe.parts):
            raise BadRequest(
                f"a batch of {recipe.batch} cannot be divided by {crew.size} processes × {recipe.parts} parts"
            )
        if text is None and not config.words:
            raise BadRequest("without words of its own, the network needs T5 to read captions")
        self.config, self.codec, self.recipe, self.crew, self.precision = config, codec, recipe, crew, precision
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            made = checkpoint.untrained(config, codec)
        self.student = Student(made, text).to(crew.device)
        self.averaged = deepcopy(self.student, {id(text): text}).requires_grad_(False)  # T5 is not copied
        self.optimiser = torch.optim.AdamW(self.student.parameters(), recipe.rate, weight_decay=recipe.weight_decay)
        self.objective = Objective(SCHEDULE, config.track_channels, recipe.span, recipe.drops, recipe.counted)
        self.step = 0
        self.seconds = 0.0
        self._parallel = self._in_parallel()

    def _in_parallel(self) -> nn.Module:
        if self.crew.size == 1:
            return self.student
        return nn.parallel.DistributedDataParallel(self.student)

    # ---- training

    def run(
        self, source: Source, folder: Path, held_out: Source | None = None,
        tell: Callable[[Row], None] = lambda row: None, longest_sec: float = math.inf,
    ) -> None:  # fmt: skip
        """Train up to the recipe's steps, or for so many seconds; goes on where `folder` left off.

        ModelFailed when the loss is no number any more; the last checkpoint is from before that.
        """
        state.resume(self, folder)
        rows = [row for row in curves.read(folder, Row) if row.step <= self.step]
        unseen = list(self._held_out(held_out)) if held_out is not None else []
        losses: list[Tensor] = []
        norms: list[Tensor] = []
        began, before = time.monotonic(), self.seconds
        with closing(read_ahead(self._batches(source), BATCHES_AHEAD)) as batches:
            for parts in batches:
                loss, norm = self._train(parts)
                losses.append(loss)
                norms.append(norm)
                self.seconds = before + time.monotonic() - began
                out_of_time = self.crew.any(self.seconds - before >= longest_sec)
                ends = self.step == self.recipe.steps or out_of_time
                saves = ends or self.step % self.recipe.save_every == 0
                if saves or self.step % self.recipe.look_every == 0:  # what is saved has been looked at
                    rows.append(self._look(losses, norms, unseen))
                    tell(rows[-1])
                    losses, norms = [], []
                if saves:
                    self.save(folder, rows)
                if ends:
                    break

    def save(self, folder: Path, rows: Sequence[Row] = ()) -> None:
        """What training goes on from, what the engine plays, and the curves."""
        if self.crew.leads:
            folder.mkdir(parents=True, exist_ok=True)
            state.write(self, folder)
            checkpoint.save(self.trained(), folder / MODEL_FOLDER)
            curves.write(folder, list(rows))
        self.crew.wait()

    def trained(self) -> Trained:
        """The averaged weights, as a model."""
        return Trained(self.config, self.averaged.network, self.averaged.words, self.codec)

    def _train(self, parts: Sequence[Batch]) -> tuple[Tensor, Tensor]:
        """One optimiser step; the loss and the norm of its gradient."""
        recipe = self.recipe
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.rate_at(self.step)
        total = torch.zeros((), device=self.crew.device)
        for number, batch in enumerate(parts):
            is_last = number == len(parts) - 1
            with nullcontext() if is_last or self._parallel is self.student else self._parallel.no_sync():
                with self._autocast():
                    loss = self._parallel(batch.to(self.crew.device)) / len(parts)
                loss.backward()
            total += loss.detach()
        norm = nn.utils.clip_grad_norm_(self.student.parameters(), recipe.clip)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self._average()
        self.step += 1
        return total, norm.detach()

    @torch.no_grad()
    def _average(self) -> None:
        share = 1 - self.recipe.average_at(self.step)
        for mean, now in zip(self.averaged.parameters(), self.student.parameters(), strict=True):
            mean.lerp_(now, share)

    def _autocast(self) -> Any:
        if self.precision is torch.float32:
            return nullcontext()
        return torch.autocast(self.crew.device.type, self.precision)

    # ---- looking

    def _look(self, losses: list[Tensor], norms: list[Tensor], unseen: list[Batch]) -> Row:
        loss = float(self.crew.mean(torch.stack(losses).mean()))
        if not math.isfinite(loss):
            raise ModelFailed(
                f"the loss is {loss} after step {self.step}: a lower rate than {self.recipe.rate} may help"
            )
        norm = float(torch.stack(norms).mean())
        return Row(self.step, loss, self._loss_of(unseen), norm, self.recipe.rate_at(self.step - 1), self.seconds)

    @torch.no_grad()
    def _loss_of(self, unseen: list[Batch]) -> float:
        if not unseen:
            return math.nan
        with self._autocast():
            return float(torch.stack([self.averaged(batch.to(self.crew.device)) for batch in unseen]).mean())

    # ---- data

    def _batches(self, source: Source) -> Iterator[list[Batch]]:
        """This process's parts of every step that is left."""
        for step in range(self.step, self.recipe.steps):
            own = [step * self.recipe.batch + item for item in self.crew.share(self.recipe.batch)]
            size = len(own) // self.recipe.parts
            pieces = (own[first : first + size] for first in range(0, len(own), size))
            yield [self._batch(source.draw, _TRAINING, piece) for piece in pieces]

    def _held_out(self, source: Source) -> Iterator[Batch]:
        size = max(1, self.recipe.batch // (self.crew.size * self.recipe.parts))
        for first in range(0, self.recipe.held_out_items, size):
            yield self._batch(source.draw, _HELD_OUT, range(first, min(first + size, self.recipe.held_out_items)))

    def _batch(self, draw: Callable[[np.random.Generator], Example], stream: int, numbers: Sequence[int]) -> Batch:
        return self.objective.batch(draw, [np.random.default_rng([self.recipe.seed, stream, n]) for n in numbers])
