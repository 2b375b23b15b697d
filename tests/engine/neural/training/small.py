"""A network small enough to be trained in a test, and what it is trained on."""

from __future__ import annotations

from pathlib import Path

import torch
from footfall_engine.models.multifoley import codec as codecs
from footfall_engine.models.multifoley.checkpoint import Config, Track
from footfall_engine.models.multifoley.sizes import Size
from footfall_engine.training import data
from footfall_engine.training.crew import Crew
from footfall_engine.training.examples import Mix, balanced, without_pictures
from footfall_engine.training.network_training import NetworkRecipe, NetworkTrainer
from footfall_engine.training.rendered import RenderedContacts

SECONDS = 1.5
SIZE = Size(width=32, layers=2, heads=2)
CREW = Crew(0, 1, torch.device("cpu"))
CODEC = codecs.made("spectral")
RECIPE = NetworkRecipe(
    steps=6, batch=4, rate=1e-3, warm_up=3, average=0.9, held_out_items=4, look_every=2, save_every=2
)


def rendered(first_seed: int = 0) -> Mix:
    source = RenderedContacts(CODEC, SECONDS, first_seed=first_seed)
    return balanced([source], [without_pictures(source)])


def trainer(recipe: NetworkRecipe = RECIPE, crew: Crew = CREW) -> NetworkTrainer:
    config = Config(SIZE, Track.EVENTS, "spectral", seconds=SECONDS, words=data.words(rendered()))
    return NetworkTrainer(config, CODEC, recipe, crew)


def trained(folder: Path, recipe: NetworkRecipe = RECIPE) -> NetworkTrainer:
    made = trainer(recipe)
    made.run(rendered(), folder)
    return made
