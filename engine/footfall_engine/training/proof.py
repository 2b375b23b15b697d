"""Proof that the whole learns: `tiny`, trained on rendered contacts on one CPU, and asked what it has learnt."""

from __future__ import annotations

from footfall_engine.models.multifoley.checkpoint import Config, Track
from footfall_engine.models.multifoley.codec import Codec
from footfall_engine.models.multifoley.guidance import TAGS
from footfall_engine.models.multifoley.sizes import SIZES, Size
from footfall_engine.models.multifoley.text import vocabulary
from footfall_engine.training.examples import Mix, balanced, without_pictures
from footfall_engine.training.loop import Recipe
from footfall_engine.training.objective import Drops, SpanRule
from footfall_engine.training.rendered import RenderedContacts

SECONDS = 2.5
SHARE_WITH_PICTURE = 0.7
RECIPE = Recipe(
    steps=6000,
    batch=8,
    rate=1e-3,
    warm_up=100,
    average=0.999,
    span=SpanRule(probability=0.4, shortest_sec=0.2, longest_sec=2.0, at_start=0.4, outside=0.3),
    drops=Drops(caption=0.2, tag=0.1, track=0.15),
    held_out_items=32,
    look_every=100,
    save_every=250,
)


def config(source: RenderedContacts, size: Size = SIZES["tiny"]) -> Config:
    words = vocabulary([*source.captions, *TAGS.values()])
    return Config(size, Track.EVENTS, "spectral", seconds=source.seconds, words=words)


def data(codec: Codec, seconds: float = SECONDS, first_seed: int = 0) -> Mix:
    rendered = RenderedContacts(codec, seconds, first_seed=first_seed)
    return balanced([rendered], [without_pictures(rendered)], SHARE_WITH_PICTURE)
