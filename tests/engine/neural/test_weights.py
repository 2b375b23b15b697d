"""Checkpoints: what is read, what is refused and how it is named."""

from __future__ import annotations

import os
import pickle
import sys
import types
from pathlib import Path

import pytest
from footfall_bridge.errors import WeightsMissing, WeightsUnusable
from footfall_engine.models.diff_foley import networks
from footfall_engine.models.diff_foley.model import FILES
from footfall_engine.models.parts import converted
from footfall_engine.models.weights import read_checkpoint, read_weights, ready_weights

from tests.engine.neural import tiny
from tests.engine.neural.golden import torch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny.write_checkpoints(tmp_path)
    return tmp_path


def test_only_tensors_are_kept_and_only_once(folder: Path) -> None:
    ready = ready_weights("diff-foley", FILES["unet"], folder)
    kept = read_weights(ready)
    assert set(kept) >= set(tiny.random_weights("unet")) | set(tiny.random_weights("vae"))
    assert not any("exp_avg" in key or "optimizer" in key for key in kept)
    assert ready.stat().st_size < (folder / FILES["unet"]).stat().st_size
    written = ready.stat().st_mtime_ns
    assert ready_weights("diff-foley", FILES["unet"], folder) == ready
    assert ready.stat().st_mtime_ns == written
    assert not list(folder.glob("*.part"))


def test_prefixes_of_training_on_several_devices_are_dropped(folder: Path) -> None:
    assert set(read_checkpoint(folder / FILES["cavp"])) == set(tiny.random_weights("cavp"))


@pytest.mark.parametrize("name", ["cavp", "unet", "vae", "condition", "alignment"])
def test_every_network_is_filled_with_exactly_its_weights(folder: Path, name: str) -> None:
    weights = read_weights(
        ready_weights("diff-foley", FILES[name], folder), wanted=lambda key: networks.belongs(name, key)
    )
    net = getattr(networks, name)(weights, tiny.SHAPE, "tiny")
    assert not any(tensor.is_meta for tensor in net.state_dict().values())
    assert not any(parameter.requires_grad for parameter in net.parameters())
    total = sum(value.double().sum() for key, value in net.state_dict().items() if not key.endswith("tracked"))
    assert float(total) == pytest.approx(float(sum(value.double().sum() for value in weights.values())), rel=1e-6)


@pytest.mark.parametrize("name", ["cavp", "unet", "vae", "condition", "alignment"])
def test_a_missing_key_is_named_as_in_the_checkpoint(name: str) -> None:
    weights = tiny.random_weights(name)
    for lost in list(weights)[:: max(1, len(weights) // 12)]:
        rest = {key: value for key, value in weights.items() if key != lost}
        with pytest.raises(WeightsUnusable) as refused:
            getattr(networks, name)(rest, tiny.SHAPE, "a.ckpt")
        assert f"a.ckpt does not hold the weights of this network: it does not have {lost}" == refused.value.message
        assert lost in refused.value.detail


def test_unexpected_keys_and_other_shapes_are_named() -> None:
    weights = tiny.random_weights("condition")
    with pytest.raises(WeightsUnusable, match=r"it has besides cond_stage_model\.extra"):
        networks.condition({**weights, "cond_stage_model.extra": torch.zeros(1)}, tiny.SHAPE, "a.ckpt")
    with pytest.raises(WeightsUnusable, match=r"pos_emb\.weight \(3, 16\) instead of \(40, 16\)"):
        changed = {**weights, "cond_stage_model.pos_emb.weight": torch.zeros(3, 16)}
        networks.condition(changed, tiny.SHAPE, "a.ckpt")


def test_another_models_weights_are_refused_with_a_few_names_and_all_in_the_detail() -> None:
    with pytest.raises(WeightsUnusable, match=r"and \d+ more") as refused:
        networks.unet(tiny.random_weights("vae"), tiny.SHAPE, "a.ckpt")
    assert len(refused.value.message) < 1000
    assert set(tiny.random_weights("unet")) <= set(refused.value.detail.removeprefix("does not have: ").split(", "))


@pytest.mark.parametrize("kept", [0, 10, 1000, -100])
@pytest.mark.parametrize("ready", [False, True])
def test_a_file_cut_short_is_refused(folder: Path, kept: int, ready: bool) -> None:
    path = folder / FILES["cavp"]
    if ready:
        path = ready_weights("diff-foley", FILES["cavp"], folder)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsUnusable, match=path.name):
        read_checkpoint(path)


def test_a_failed_conversion_leaves_nothing_behind(folder: Path) -> None:
    path = folder / FILES["cavp"]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsUnusable):
        ready_weights("diff-foley", FILES["cavp"], folder)
    assert not converted(path).exists() and not list(folder.glob("*.part"))


def test_a_file_that_is_not_there_is_missed(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="there are no weights at"):
        read_checkpoint(tmp_path / "a.ckpt")


class Malicious:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.mkdir, (str(self.mark), 0o700)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_checkpoint_that_would_run_code_is_not_read(tmp_path: Path, legacy: bool) -> None:
    path, mark = tmp_path / "a.ckpt", tmp_path / "ran"
    content = {"state_dict": {"a": torch.zeros(1)}, "callbacks": Malicious(mark)}
    if legacy:
        path.write_bytes(pickle.dumps(content["callbacks"], protocol=2))
    else:
        torch.save(content, path)
    with pytest.raises(WeightsUnusable, match=r"a\.ckpt holds more than tensors and could run code"):
        read_checkpoint(path)
    assert not mark.exists()


def test_a_trainers_own_classes_do_not_stand_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints of PyTorch Lightning name the classes of its callbacks; they are read without it."""
    module = types.ModuleType("pytorch_lightning.callbacks")
    module.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": module.__name__})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pytorch_lightning", types.ModuleType("pytorch_lightning"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    path = tmp_path / "a.ckpt"
    content = {
        "state_dict": {"a": torch.ones(2)},
        "callbacks": {module.ModelCheckpoint: {"best": module.ModelCheckpoint()}},
    }
    torch.save(content, path)
    monkeypatch.undo()
    assert torch.equal(read_checkpoint(path)["a"], torch.ones(2))


@pytest.mark.parametrize("content", [{}, [], {"state_dict": {}}, {"state_dict": {"a": 3}}, 5])
def test_a_file_without_tensors_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(WeightsUnusable, match=r"a\.ckpt holds no weights"):
        read_checkpoint(tmp_path / "a.ckpt")


def test_weights_are_cast_while_they_are_read(folder: Path) -> None:
    ready = ready_weights("diff-foley", FILES["cavp"], folder)
    plain, narrow = read_weights(ready), read_weights(ready, torch.bfloat16)
    assert plain.keys() == narrow.keys()
    assert all(torch.equal(tensor.bfloat16(), narrow[key]) for key, tensor in plain.items())
