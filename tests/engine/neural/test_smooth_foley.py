"""Smooth-Foley: every picture's tokens, the label's own moments, its scale and number of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footfall_engine.models.foleycrafter.model import FoleyCrafter, label_projection
from footfall_engine.models.smooth_foley.model import SmoothFoley
from footfall_engine.progress import no_progress

from tests.engine.neural import tiny_foleycrafter
from tests.engine.neural.tiny import CPU, conditions
from tests.engine.neural.tiny_foleycrafter import SEEN, torch


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tiny_foleycrafter.write_tree(tmp_path_factory.mktemp("weights"))
    tiny_foleycrafter.add_label_encoder(path)
    return path


def generated(folder: Path, cls: type[FoleyCrafter] = SmoothFoley, options: Any = None, **told: Any) -> Any:
    model = cls(folder=folder, runtime=CPU, **(options or {}))
    return model.generate(conditions(4.0, **{"steps": 1, "prompt": "rain", **told}), [1], no_progress)


def test_each_picture_counts_and_not_their_mean(folder: Path) -> None:
    alike = {"pictures_per_window": 20, "timing": "events"}
    smooth = generated(folder, options=alike).audio
    assert not np.allclose(smooth, generated(folder, FoleyCrafter, alike).audio, atol=1e-5)
    assert not np.allclose(smooth, generated(folder, options={**alike, "pictures_per_window": 5}).audio, atol=1e-5)


def test_one_picture_is_its_own_mean(folder: Path) -> None:
    alone = {"pictures_per_window": 1, "timing": "events"}
    assert np.array_equal(generated(folder, options=alone).audio, generated(folder, FoleyCrafter, alone).audio)


def test_lambda_is_a_parameter(folder: Path) -> None:
    without, half = (generated(folder, options={"semantic_scale": scale}).audio for scale in (0.0, 0.5))
    assert not np.allclose(without, half, atol=1e-5)


def test_the_label_times_the_sound_unless_there_is_none(folder: Path) -> None:
    assert generated(folder).warnings == ()
    assert [code for code, _ in generated(folder, prompt="").warnings] == ["timing_from_events"]
    on_and_off = generated(folder, options={"smooth": False}).audio
    assert not np.allclose(generated(folder).audio, on_and_off, atol=1e-6)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_trained_projection_is_used_when_it_is_there(tmp_path: Path, layers: int) -> None:
    path = tiny_foleycrafter.write_tree(tmp_path)
    tiny_foleycrafter.add_label_encoder(path)
    before = generated(path).audio
    linear = [torch.randn(SEEN, SEEN, generator=torch.Generator().manual_seed(n)) for n in range(layers)]
    names = ["weight"] if layers == 1 else ["0.weight", "2.weight"]
    biases = {name.replace("weight", "bias"): torch.zeros(SEEN) for name in names}
    torch.save(dict(zip(names, linear, strict=True)) | biases, path / "label_projection.pt")
    net = label_projection(dict(zip(names, linear, strict=True)) | biases, "mine")
    rows = torch.randn(3, SEEN, generator=torch.Generator().manual_seed(9))
    expected = rows @ linear[0].T if layers == 1 else (rows @ linear[0].T).relu() @ linear[1].T
    assert torch.allclose(net(rows), expected, atol=1e-5)
    from footfall_engine.models.runtime import SHELF

    for name in SHELF.names():
        SHELF.drop(name)
    assert not np.allclose(before, generated(path).audio, atol=1e-6)
