"""Training of the network that makes latents from text, picture and sound."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from footfall_bridge.errors import BadRequest
from torch import Tensor, nn

from footfall_engine.models.multifoley import checkpoint
from footfall_engine.models.multifoley.checkpoint import Config, Trained
from footfall_engine.models.multifoley.dit import Told
from footfall_engine.models.multifoley.model import SCHEDULE
from footfall_engine.models.multifoley.text import Text
from footfall_engine.training.crew import Crew
from footfall_engine.training.examples import Source
from footfall_engine.training.loop import Recipe, Trainer
from footfall_engine.training.objective import Batch, Counted, Drops, Objective, SpanRule, masked_loss

MODEL_FOLDER = "model"
"""What the engine reads, inside the folder of a run."""


@dataclass(frozen=True)
class NetworkRecipe(Recipe):
    """The paper's figures where it has them; those of its relatives where it has not."""

    steps: int = 600_000
    batch: int = 128
    rate: float = 1e-4
    warm_up: int = 1000  # steps in which the rate rises to that
    weight_decay: float = 1e-6
    clip: float = 1.0  # norm of the gradient
    span: SpanRule = field(default_factory=SpanRule)
    drops: Drops = field(default_factory=Drops)
    counted: Counted = Counted.NOISE

    def rate_at(self, step: int) -> float:
        return self.rate * min(1.0, (step + 1) / max(1, self.warm_up))


@dataclass(frozen=True)
class NetworkRow:
    """A row of the curves."""

    step: int  # optimiser steps done
    loss: float  # mean since the row before
    held_out: float  # loss of the averaged weights on data never trained on; NaN where there is none
    gradient: float  # norm before clipping, mean since the row before
    rate: float  # of learning
    seconds: float  # of training so far, over all its runs


@dataclass(frozen=True)
class Losses:
    loss: Tensor
    gradient: Tensor  # norm before clipping


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


class NetworkTrainer(Trainer[Source, Batch, Losses]):
    row = NetworkRow
    recipe: NetworkRecipe

    def __init__(
        self, config: Config, codec: Any, recipe: NetworkRecipe, crew: Crew, text: Text | None = None,
        precision: torch.dtype = torch.float32,
    ) -> None:  # fmt: skip
        super().__init__(config, recipe, crew, precision)
        if text is None and not config.words:
            raise BadRequest("without words of its own, the network needs T5 to read captions")
        self.codec = codec
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            made = checkpoint.untrained(config, codec)
        self.student = Student(made, text).to(crew.device)
        self.averaged = deepcopy(self.student, {id(text): text}).requires_grad_(False)  # T5 is not copied
        self.optimiser = torch.optim.AdamW(self.student.parameters(), recipe.rate, weight_decay=recipe.weight_decay)
        self.objective = Objective(SCHEDULE, config.track_channels, recipe.span, recipe.drops, recipe.counted)
        self._parallel = self.student if crew.size == 1 else nn.parallel.DistributedDataParallel(self.student)

    def batch(self, source: Source, rngs: Sequence[np.random.Generator]) -> Batch:
        return self.objective.batch(source.draw, rngs)

    def train(self, parts: Sequence[Batch]) -> Losses:
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate_at(self.step)
        total = torch.zeros((), device=self.crew.device)
        for number, batch in enumerate(parts):
            is_last = number == len(parts) - 1
            with nullcontext() if is_last or self._parallel is self.student else self._parallel.no_sync():
                with self.autocast():
                    loss = self._parallel(batch.to(self.crew.device)) / len(parts)
                loss.backward()
            total += loss.detach()
        norm = nn.utils.clip_grad_norm_(self.student.parameters(), self.recipe.clip)
        self.update(self.student)
        return Losses(total, norm.detach())

    def held_out_loss(self, unseen: Sequence[Batch]) -> float:
        with self.autocast():
            return float(torch.stack([self.averaged(batch.to(self.crew.device)) for batch in unseen]).mean())

    def leave(self, folder: Path, source: Source) -> None:
        """The averaged weights, as the engine loads them."""
        made = Trained(self.config, self.averaged.network, self.averaged.words, self.codec)
        checkpoint.save(made, folder / MODEL_FOLDER)
