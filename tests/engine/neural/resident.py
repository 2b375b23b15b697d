"""A real engine process that finds the toy Diff-Foley where a user's would lie."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footfall_bridge import messages
from footfall_bridge.messages import FINAL_EVENTS, Message, Stem, Warned
from footfall_engine.media import wav
from footfall_engine.models.diff_foley.align import EVALUATION_FILE
from footfall_engine.models.diff_foley.sizes import FILE as SIZES_FILE
from footfall_engine.resident import Resident, resident_engine

from tests.engine.neural import tiny
from tests.engine.neural.golden import torch

RATE = 48_000
PATIENCE = 120.0  # seconds without a word; the first job imports torch
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # toys lose by sharing their work out


def write_tree(models: Path) -> Path:
    """The published files of the toy, and what says that it is one; the folder of its weights."""
    folder = models / "diff-foley"
    tiny.write_checkpoints(folder)
    judge = {**tiny.random_weights("vae"), **tiny.random_weights("alignment")}
    torch.save({"state_dict": judge}, folder / EVALUATION_FILE)
    (folder / SIZES_FILE).write_text(json.dumps(dataclasses.asdict(tiny.SHAPE)))
    return folder


@contextmanager
def engine_with(models: Path, home: Path, **settings: Any) -> Iterator[Resident]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {"FOOTFALL_MODELS": str(models), **ONE_THREAD}.items():
            environment.setenv(name, value)
        with resident_engine(home, **settings) as engine:
            yield engine


def events_of(engine: Resident, **fields: Any) -> list[Message]:
    """All that is heard of a job, whatever its end."""
    with engine.connect() as client:
        return list(client.events(client.submit(messages.parse_request(fields)), PATIENCE))


def failure_of(engine: Resident, **fields: Any) -> messages.Failed:
    last = events_of(engine, **fields)[-1]
    assert isinstance(last, messages.Failed), last
    return last


def stems_in(events: list[Message]) -> list[wav.StemFacts]:
    """Stems by variant, of a job that was done."""
    assert isinstance(events[-1], FINAL_EVENTS)
    assert isinstance(events[-1], messages.Done), events[-1]
    stems = sorted((event for event in events if isinstance(event, Stem)), key=lambda stem: stem.variant)
    return [wav.read_facts(Path(stem.path)) for stem in stems]


def stem_of(engine: Resident, **fields: Any) -> wav.StemFacts:
    """The only one of a job that was done."""
    (stem,) = stems_in(events_of(engine, **fields))
    return stem


def warnings_in(events: list[Message]) -> dict[str, str]:
    """What was warned of, by code; messages of one code are lines."""
    told: dict[str, list[str]] = {}
    for event in events:
        if isinstance(event, Warned):
            told.setdefault(event.code, []).append(event.message)
    return {code: "\n".join(messages) for code, messages in told.items()}


def pcm(stem: wav.StemFacts) -> np.ndarray:
    """Shape = (channels, samples), int32."""
    return wav.read_pcm(stem, 0, stem.samples)


def footfall(engine: Resident, models: Path, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """A command line of the user's, beside the engine."""
    environment = {
        **os.environ, **ONE_THREAD,
        "FOOTFALL_HOME": str(engine.settings.file.parent), "FOOTFALL_MODELS": str(models),
    }  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-m", "footfall_engine", *words], env=environment, capture_output=True, text=True, timeout=150
    )
    assert ran.returncode == status, ran.stderr
    return ran
