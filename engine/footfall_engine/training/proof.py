"""Proof that the whole learns: `tiny`, trained on rendered contacts on one CPU, and asked what it has learnt.

Its codec is the analytical one: a learnt codec would not fit the time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from footfall_bridge.messages import Controls

from footfall_engine.models.multifoley import codec as codecs
from footfall_engine.models.multifoley.checkpoint import Config, Track
from footfall_engine.models.multifoley.model import MultiFoley, Sampler
from footfall_engine.models.multifoley.sizes import SIZES, Size
from footfall_engine.models.runtime import Runtime
from footfall_engine.progress import ProgressFn, no_progress, part
from footfall_engine.training import data, exam
from footfall_engine.training.crew import Crew
from footfall_engine.training.exam import Exam, Findings
from footfall_engine.training.examples import Mix, balanced, without_pictures
from footfall_engine.training.judges import Ear
from footfall_engine.training.network_training import MODEL_FOLDER, NetworkRecipe, NetworkRow, NetworkTrainer
from footfall_engine.training.objective import Counted, Drops, SpanRule
from footfall_engine.training.rendered import HELD_OUT, RenderedContacts

CPU = torch.device("cpu")
CODEC = "spectral"
SAMPLER_STEPS, GUIDANCE = 20, 3.0
TAKES_HEARD = 24  # of each timbre, that the ear learns from
LOOKING = 0.1  # share of an exam
SECONDS = 2.5
SHARE_WITH_PICTURE = 0.7
RECIPE = NetworkRecipe(
    steps=2000,
    batch=8,
    rate=1e-3,
    warm_up=100,
    average=0.999,
    span=SpanRule(probability=0.4, shortest_sec=0.2, longest_sec=2.0, at_start=0.4, outside=0.3),
    drops=Drops(caption=0.2, tag=0.1, track=0.15),
    counted=Counted.VELOCITY,
    held_out_items=32,
    look_every=100,
    save_every=250,
)


def train(
    run: Path, recipe: NetworkRecipe = RECIPE, tell: Callable[[NetworkRow], None] = lambda row: None,
    stop: Callable[[], bool] = lambda: False, size: Size = SIZES["tiny"], seconds: float = SECONDS,
) -> None:  # fmt: skip
    """On the CPU, in float32; goes on where it was stopped."""
    codec = codecs.made(CODEC)
    training, unseen = (_mixed(RenderedContacts(codec, seconds, first_seed=first)) for first in (0, HELD_OUT))
    config = Config(size, Track.EVENTS, CODEC, seconds=seconds, words=data.words(training))
    trainer = NetworkTrainer(config, codec, recipe, Crew(0, 1, CPU))
    trainer.run(training, run, unseen, tell, stop)


def examine(run: Path, pictures: int, progress: ProgressFn = no_progress, seconds: float = SECONDS) -> Findings:
    """Ask what a run has learnt."""
    folder = run / MODEL_FOLDER
    seen = exam.pictures(pictures, seconds, part(progress, 0, LOOKING))
    untouched = exam.untouched(folder, seconds, Controls(steps=SAMPLER_STEPS, guidance=GUIDANCE))
    model = MultiFoley(Sampler.SOLVER.value, folder, Runtime(CPU, torch.float32))
    asked = Exam(model, seen, Ear.trained(seconds, TAKES_HEARD), SAMPLER_STEPS, GUIDANCE)
    return asked.findings(untouched, part(progress, LOOKING, 1))


def _mixed(rendered: RenderedContacts) -> Mix:
    return balanced([rendered], [without_pictures(rendered)], SHARE_WITH_PICTURE)
