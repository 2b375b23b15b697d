"""The proof that the whole learns, far smaller than `footfall train proof`: a minute or so of one core."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from footfall_engine.models.multifoley.model import MultiFoley, Sampler
from footfall_engine.models.multifoley.sizes import Size
from footfall_engine.models.runtime import Runtime
from footfall_engine.training import exam, proof
from footfall_engine.training.exam import Exam
from footfall_engine.training.judges import Ear
from footfall_engine.training.network_training import MODEL_FOLDER, NetworkRow

SECONDS, PICTURES = 2.0, 9
SIZE = Size(width=64, layers=3, heads=4)
RECIPE = replace(
    proof.RECIPE, steps=400, rate=2e-3, warm_up=30, average=0.98, look_every=50, save_every=400, held_out_items=8
)


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_minutes_of_training_place_sounds_in_time_with_unseen_pictures_and_in_the_timbre_of_the_text(
    tmp_path: Path,
) -> None:
    rows: list[NetworkRow] = []
    proof.train(tmp_path, RECIPE, rows.append, size=SIZE, seconds=SECONDS)
    assert rows[-1].held_out < rows[0].held_out / 2

    model = MultiFoley(Sampler.SOLVER.value, tmp_path / MODEL_FOLDER, Runtime(torch.device("cpu"), torch.float32))
    pictures = exam.pictures(PICTURES, SECONDS)
    asked = Exam(model, pictures, Ear.trained(SECONDS, takes=12), steps=12, guidance=3.0)
    answers = [asked.by_text(number) for number in range(PICTURES)]
    onset_f1, chance_f1 = asked.timing([answer["onsets"] for answer in answers])
    assert onset_f1 > chance_f1 + 0.15
    assert np.mean([answer["text"] for answer in answers]) >= 0.6  # a third by chance
