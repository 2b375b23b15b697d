"""Checkpoints: what is read, what is refused and how it is named."""

from __future__ import annotations

import json
import os
import pickle
import stat
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
from footfall_bridge.errors import DiskFull, EngineFault, WeightsMissing, WeightsUnusable
from footfall_engine.models import weights as checkpoints
from footfall_engine.models.diff_foley import networks
from footfall_engine.models.diff_foley.model import FILES
from footfall_engine.models.parts import converted
from footfall_engine.models.store import CONVERTING
from footfall_engine.models.weights import convert, read_checkpoint, read_weights, ready_weights
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.torch import save

from tests.clips import SHARED
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
    assert not any(module.training for module in net.modules())
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


def test_weights_made_whole_numbers_are_named() -> None:
    weights = tiny.random_weights("cavp")
    key = "video_encoder.conv1.conv.weight"
    with pytest.raises(WeightsUnusable, match=f"it has in whole numbers {key}$"):
        networks.cavp({**weights, key: weights[key].to(torch.int8)}, tiny.SHAPE, "a.ckpt")


def test_cavp_is_checked_whole_and_keeps_what_sees() -> None:
    shape = replace(tiny.SHAPE, cavp=replace(tiny.SHAPE.cavp, mel_bands=8, audio_channels=(2,) * 6))
    weights = {key: torch.ones(size) for key, size in networks.original_shapes("cavp", shape).items()}
    heard = {key for key in weights if key.startswith("spec_encoder.")}
    network = networks.cavp(weights, shape, "a.ckpt")
    assert heard and not heard & network.state_dict().keys()
    assert network.encode_video(torch.rand(1, 2, 3, 32, 32)).shape == (1, 2, shape.cavp.features)
    with pytest.raises(WeightsUnusable, match="does not have spec_encoder"):
        networks.cavp({key: value for key, value in weights.items() if key not in heard}, shape, "a.ckpt")


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
    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call[0], self.call[1:]


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("by", ["os", "builtins", "pathlib"])
def test_a_checkpoint_that_would_run_code_is_not_read(tmp_path: Path, legacy: bool, by: str) -> None:
    path, mark = tmp_path / "a.ckpt", tmp_path / "ran"
    calls = {
        "os": Malicious(os.mkdir, str(mark), 0o700),
        "builtins": Malicious(exec, f"open({str(mark)!r}, 'w')"),
        "pathlib": Malicious(Path.touch, mark),
    }
    content = {"state_dict": {"a": torch.zeros(1)}, "callbacks": calls[by]}
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


def test_numbers_of_numpys_in_a_trainers_notes_do_not_stand_in_the_way(tmp_path: Path) -> None:
    notes = {"best_score": np.float64(0.5), "history": np.arange(3), "kind": np.dtype("float32")}
    torch.save({"state_dict": {"a": torch.ones(2)}, "callbacks": notes}, tmp_path / "a.ckpt")
    assert torch.equal(read_checkpoint(tmp_path / "a.ckpt")["a"], torch.ones(2))


@pytest.mark.parametrize(
    "content",
    [
        {}, [], 5, {"state_dict": {}}, {"state_dict": {"a": 3}}, {"state_dict": None}, {"state_dict": [torch.ones(1)]},
        {"sparse": torch.eye(3).to_sparse()}, {"complex": torch.ones(3, dtype=torch.complex128)},
        {"nowhere": torch.empty(3, device="meta")},
    ],
)  # fmt: skip
def test_a_file_without_tensors_of_a_network_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(WeightsUnusable, match=r"a\.ckpt holds no weights"):
        read_checkpoint(tmp_path / "a.ckpt")


def test_tensors_under_numbers_are_told_by_them(tmp_path: Path) -> None:
    torch.save({0: torch.ones(1), (1, 2): {3: torch.ones(2)}}, tmp_path / "a.ckpt")
    assert set(read_checkpoint(tmp_path / "a.ckpt")) == {"0", "(1, 2).3"}


@pytest.mark.parametrize(
    "content",
    [
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", b"<!DOCTYPE html><html></html>",
        b'{"error": "Repository not found"}', b"", bytes(10_000), save({"a": torch.ones(2)}),
    ],
    ids=["git-lfs", "page", "answer", "nothing", "zeros", "safetensors"],
)  # fmt: skip
def test_what_is_no_checkpoint_is_not_said_to_be_dangerous(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.ckpt").write_bytes(content)
    with pytest.raises(WeightsUnusable, match=r"a\.ckpt is no checkpoint, or is damaged or cut short"):
        read_checkpoint(tmp_path / "a.ckpt")


@pytest.mark.filterwarnings("ignore::UserWarning:torch.*")  # that a damaged file is of another version
@pytest.mark.parametrize("zipped", [True, False])
def test_damage_of_any_kind_is_refused_and_never_a_bug_of_ours(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "a.ckpt"
    content = {"state_dict": {f"layer.{n}": torch.ones(3, 2) for n in range(3)}, "epoch": 3}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()

    @settings(max_examples=400, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), min_size=1, max_size=4))
    def damaged(changes: list[tuple[int, int]]) -> None:
        spoilt = bytearray(whole)
        for place, value in changes:
            spoilt[place] = value
        path.write_bytes(spoilt)
        with suppress(WeightsUnusable):
            read_checkpoint(path)

    damaged()


@pytest.mark.parity
@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("cavp", ["cavp"]),
        ("ldm", ["unet", "vae", "condition"]),
        ("double_guidance_classifier", ["alignment"]),
        ("eval_classifier", ["vae", "alignment"]),
    ],
)
def test_every_key_of_the_originals_checkpoints_has_its_place(file: str, names: list[str]) -> None:
    listing = SHARED / "facts" / "manifests" / f"diff-foley.{file}.json"
    if not listing.is_file():
        pytest.skip(f"{listing} is not there")
    keys = [tensor["key"] for tensor in json.loads(listing.read_text())["tensors"]]
    for name in names:
        there = {key for key in keys if networks.belongs(name, key) and not key.endswith("num_batches_tracked")}
        assert there == networks.original_shapes(name, networks.Shape()).keys()


# ---- converting


def test_tensors_are_copied_only_where_they_share_memory(tmp_path: Path) -> None:
    whole = torch.arange(6.0).view(2, 3)
    tensors = {"own": torch.ones(4), "whole": whole, "again": whole, "row": whole[1], "turned": torch.ones(2, 3).t()}
    apart = checkpoints._apart(tensors)
    assert [key for key, tensor in apart.items() if tensor.data_ptr() == tensors[key].data_ptr()] == ["own", "whole"]
    torch.save(tensors, tmp_path / "a.ckpt")
    convert(tmp_path / "a.ckpt", tmp_path / "a.safetensors")
    kept = read_weights(tmp_path / "a.safetensors")
    assert all(torch.equal(kept[key], tensor) for key, tensor in tensors.items())


def test_jobs_that_need_the_same_checkpoint_convert_it_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def reading(path: Path) -> checkpoints.Weights:
        read.append(path)
        return read_checkpoint(path)

    monkeypatch.setattr(checkpoints, "read_checkpoint", reading)
    with ThreadPoolExecutor(4) as pool:
        ready = list(pool.map(lambda _: ready_weights("diff-foley", FILES["unet"], folder), range(4)))
    assert len(set(ready)) == 1 and len(read) == 1
    assert set(read_weights(ready[0])) >= set(tiny.random_weights("unet"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_who_may_read_a_checkpoint_may_read_what_it_becomes(folder: Path) -> None:
    (folder / FILES["cavp"]).chmod(0o644)
    assert stat.S_IMODE(ready_weights("diff-foley", FILES["cavp"], folder).stat().st_mode) == 0o644


def test_what_a_killed_conversion_left_is_gone_after_the_next(folder: Path) -> None:
    left = folder / CONVERTING / ".tmpAbCdEf"
    left.parent.mkdir()
    left.write_bytes(b"half a file")
    ready_weights("diff-foley", FILES["cavp"], folder)
    assert not left.parent.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limits")
def test_what_the_disk_refuses_while_converting_is_said_and_nothing_is_left(folder: Path) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(EngineFault, match=f"{folder} cannot be written to .*large"):
            ready_weights("diff-foley", FILES["unet"], folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name for path in folder.iterdir()} == set(FILES.values())


def test_a_full_disk_is_said_as_such(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(weights: object, path: Path) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(DiskFull, match=f"the disk of {folder} is full"):
        ready_weights("diff-foley", FILES["unet"], folder)


def test_weights_are_cast_while_they_are_read(folder: Path) -> None:
    ready = ready_weights("diff-foley", FILES["cavp"], folder)
    plain, narrow = read_weights(ready), read_weights(ready, torch.bfloat16)
    assert plain.keys() == narrow.keys()
    assert all(torch.equal(tensor.bfloat16(), narrow[key]) for key, tensor in plain.items())


def test_whole_numbers_are_not_cast(tmp_path: Path) -> None:
    safetensors.torch.save_file({"positions": torch.arange(1000)}, tmp_path / "a.safetensors")
    assert torch.equal(read_weights(tmp_path / "a.safetensors", torch.bfloat16)["positions"], torch.arange(1000))
