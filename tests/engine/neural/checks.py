"""What holds of every neural model in a real engine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from footfall_bridge import messages
from footfall_bridge.messages import Message, Progress
from footfall_engine import render
from footfall_engine.media import wav
from footfall_engine.resident import Resident

from tests.engine.neural.resident import PATIENCE, RATE, failure_of, pcm, stems_in

LEAST = 2**10  # of 24 bits: what is heard
CEILING = 10 ** (-1 / 20)  # -1 dBTP


def variants(events: list[Message], model: str, seconds: float, first_seed: int) -> None:
    """Three of them."""
    stems = stems_in(events)
    assert [stem.samples for stem in stems] == [round(seconds * RATE)] * 3
    assert [stem.provenance["model"] for stem in stems] == [model] * 3
    assert [stem.provenance["seed"] for stem in stems] == [first_seed, first_seed + 1, first_seed + 2]
    sounds = [pcm(stem) for stem in stems]
    assert all(np.abs(sound).max() > 4 * LEAST for sound in sounds)
    assert all(not np.array_equal(one, other) for one, other in pairwise(sounds))


def progress(events: list[Message]) -> None:
    told = [event for event in events if isinstance(event, Progress)]
    fractions = [event.fraction for event in told]
    assert fractions == sorted(fractions) and len(set(fractions)) > 4
    stages = [*dict.fromkeys(event.stage for event in told)]
    assert [stage for stage in stages if stage != render.LOADING] == [render.LOOKING, render.MAKING]


def cancelling(engine: Resident, asked: dict[str, Any], folder: Path) -> None:
    """A job of many steps stops between two of them and leaves nothing."""
    request = messages.parse_request({**asked, "steps": 900})
    with engine.connect() as client:
        job, heard = client.submit(request), []
        for event in client.events(job, PATIENCE):
            heard.append(event)
            if isinstance(event, Progress) and event.stage == render.MAKING and event.fraction > 0.25:
                client.cancel(job)
    assert isinstance(heard[-1], messages.Cancelled)
    assert max(event.fraction for event in heard if isinstance(event, Progress)) < 0.6, "long before the last step"
    assert not list(folder.iterdir())


def part_made_anew(old: wav.StemFacts, new: wav.StemFacts, start: int, end: int) -> None:
    """From second `start` to second `end`, and nothing else."""
    changed = np.flatnonzero((pcm(old) != pcm(new)).any(axis=0))
    assert new.samples == old.samples
    assert changed.min() >= start * RATE and changed.max() < end * RATE
    assert len(changed) > 0.9 * (end - start) * RATE


def sounds_throughout(sound: np.ndarray, seconds: float) -> None:
    """It is as long as asked, and no second of it is left out."""
    assert sound.shape[-1] == round(seconds * RATE)
    assert min(np.abs(second).max() for second in np.array_split(sound, round(seconds), axis=1)) > LEAST


def full_scale(sound: np.ndarray) -> None:
    """Of a vocoder that gives nothing but the greatest value."""
    samples = sound / 2**23
    assert samples.min() >= -0.01, "what is over the top must not come out at the bottom"
    assert 0.8 < samples.max() <= CEILING


def fault(
    broken: tuple[Resident, Path], whole: Path, asked: dict[str, Any], spoil: Callable[[Path], Any], code: str,
    *named: str,
) -> None:  # fmt: skip
    """What is said of a copy of whole weights once it is spoilt."""
    engine, folder = broken
    tree = folder / whole.name
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(whole, tree)
    spoil(tree)
    failure = failure_of(engine, **asked)
    assert failure.code == code, failure
    assert all(name in failure.message + failure.detail for name in named), failure
