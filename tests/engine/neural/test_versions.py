"""Weights that change while the engine runs: what is heard is always what lies there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from footfall_bridge.errors import WeightsMissing
from footfall_bridge.messages import TimingSource
from footfall_engine.models.base import Model
from footfall_engine.models.diff_foley.model import FILES
from footfall_engine.models.foleycrafter.model import FoleyCrafter
from footfall_engine.models.parts import converted
from footfall_engine.models.runtime import SHELF, Shelf
from footfall_engine.models.store import weights_version
from footfall_engine.models.weights import ready_weights
from footfall_engine.progress import no_progress

from tests.engine.neural import tiny, tiny_foleycrafter
from tests.engine.neural.golden import torch

FILE = FILES["condition"]


def latents(folder: Path) -> torch.Tensor:
    return tiny.tiny_model(folder).latents(tiny.conditions(0.5, steps=1), [1], no_progress)


def replace_condition(folder: Path) -> None:
    """Other weights under the same name, a second later."""
    state = {key: value for name in ("unet", "vae") for key, value in tiny.random_weights(name).items()}
    torch.save({"state_dict": state | tiny.random_weights("condition", seed=5)}, folder / FILE)
    later = converted(folder / FILE).stat().st_mtime_ns + 10**9
    os.utime(folder / FILE, ns=(later, later))


def test_another_version_is_loaded_in_place_of_the_first() -> None:
    shelf, made = Shelf(100), iter("abc")
    assert [shelf.get("net", lambda: next(made), len, version) for version in (1, 1, 2, 2, 1)] == list("aabbc")
    assert shelf.names() == ["net"]


def test_a_version_outlives_conversion_and_what_is_on_its_way(tmp_path: Path) -> None:
    tiny.write_checkpoints(tmp_path)
    version = weights_version(tmp_path)
    ready_weights("diff-foley", FILE, tmp_path)
    for place in ("download/hub", "convert"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / FILE).write_bytes(b"half of it")
    assert weights_version(tmp_path) == version
    (tmp_path / FILE).unlink()
    assert weights_version(tmp_path) == version
    converted(tmp_path / FILE).unlink()
    assert weights_version(tmp_path) < version


def test_replaced_weights_are_heard_and_the_old_ones_go(tmp_path: Path) -> None:
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    before = latents(there)
    loaded = SHELF.names()
    assert torch.equal(latents(there), before)
    replace_condition(there)
    after = latents(there)
    assert not torch.equal(after, before) and SHELF.names() == loaded
    latents(elsewhere)
    replace_condition(elsewhere)
    assert torch.equal(latents(elsewhere), after)


def test_weights_that_were_removed_are_missed(tmp_path: Path) -> None:
    latents(tmp_path)
    for path in (tmp_path / FILE, converted(tmp_path / FILE)):
        path.unlink()
    with pytest.raises(WeightsMissing, match=FILE):
        tiny.DiffFoley(folder=tmp_path, shape=tiny.SHAPE, runtime=tiny.CPU).generate(
            tiny.conditions(0.5), [1], no_progress
        )


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of diffusers, with numpy 2
def test_what_is_fetched_later_is_used_by_a_model_that_is_loaded(tmp_path: Path) -> None:
    model: Model = FoleyCrafter(tiny_foleycrafter.write_tree(tmp_path / "weights"), tiny.CPU)
    asked = tiny.conditions(0.5, steps=1, prompt="a dog", timing=TimingSource.LABEL)
    assert model.generate(asked, [1], no_progress).warnings
    tiny_foleycrafter.add_label_encoder(tmp_path / "weights")
    assert not model.generate(asked, [1], no_progress).warnings
