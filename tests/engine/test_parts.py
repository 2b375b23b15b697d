"""Parts of a model's weights: which published files belong to them, and where they are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from footfall_engine.models.parts import Part
from footfall_engine.models.registry import MODELS
from hypothesis import given
from hypothesis import strategies as st

FOLDER = Part("them/base", "unet", ("base/unet", "./unet"), holds="config.json")
FILE = Part("them/own", "semantic/adapter.bin", ("./semantic/adapter.bin", "checkpoints/semantic/adapter.bin"))
TOP = Part("them/labels", "", ("labels",), holds="config.json")


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (["model.safetensors", "pytorch_model.bin"], ["model.safetensors"]),
        (["pytorch_model.bin", "diffusion_pytorch_model.bin"], ["diffusion_pytorch_model.bin"]),
        (["model.fp16.safetensors", "flax_model.msgpack", "pytorch_model.bin"], ["pytorch_model.bin"]),
        (["model.onnx"], []),
    ],
)
def test_of_a_folder_the_settings_and_the_best_weights_are_taken(names: list[str], taken: list[str]) -> None:
    listing = ["README.md", "vae/config.json", "unet/deeper/config.json", "unet/config.json", "unet/merges.txt"]
    found = FOLDER.among(listing + [f"unet/{name}" for name in names])
    assert found == ["unet/config.json", "unet/merges.txt"] + [f"unet/{name}" for name in taken]
    assert TOP.among(["config.json", "unet/config.json", *names]) == ["config.json", *taken]


@given(st.from_regex(r"([a-z]{1,8}/){0,3}", fullmatch=True))
def test_a_file_is_found_in_any_folder_of_its_repository(above: str) -> None:
    assert FILE.among(["other.bin", f"{above}semantic/adapter.bin"]) == [f"{above}semantic/adapter.bin"]
    assert FILE.among([f"{above}unsemantic/adapter.bin", "semantic/adapter.bin.part"]) == []


def test_a_file_is_here_as_it_was_published_or_converted(tmp_path: Path) -> None:
    assert FILE.found(tmp_path) is None
    (tmp_path / "checkpoints" / "semantic").mkdir(parents=True)
    (tmp_path / "checkpoints" / "semantic" / "adapter.safetensors").touch()
    assert FILE.found(tmp_path) == tmp_path / "checkpoints/semantic/adapter.bin"
    assert [path.name for path in FILE.files(tmp_path)] == ["adapter.safetensors"]


def test_a_folder_is_here_once_it_holds_what_tells_so(tmp_path: Path) -> None:
    (tmp_path / "base" / "unet").mkdir(parents=True)
    (tmp_path / "base" / "unet" / "model.safetensors").touch()
    assert FOLDER.found(tmp_path) is None
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").touch()
    assert FOLDER.found(tmp_path) == tmp_path / "unet"
    (tmp_path / "unet" / "notes.md").touch()
    assert {path.name for path in FOLDER.files(tmp_path)} == {"model.safetensors", "config.json"}


@pytest.mark.parametrize(
    ("part", "published", "stored"),
    [
        (FOLDER, "unet/pytorch_model.bin", "model.safetensors"),
        (FOLDER, "unet/diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors"),
        (FOLDER, "unet/config.json", "config.json"),
        (FILE, "semantic/adapter.bin", "adapter.safetensors"),
        (FILE, "summary.jsonl", "summary.jsonl"),
    ],
)
def test_checkpoints_become_safetensors_and_the_rest_keeps_its_name(part: Part, published: str, stored: str) -> None:
    assert part.stored_name(published) == stored


def test_no_part_of_a_known_model_lies_outside_its_folder_or_in_anothers_place() -> None:
    for row in MODELS:
        places = [Path(place) for part in row.parts for place in part.places]
        assert not any(place.is_absolute() or ".." in place.parts for place in places)
        firsts = [part.name for part in row.parts]
        assert len(firsts) == len(set(firsts))
        assert bool(row.weights_mb) == any(part.repository for part in row.parts), row.name
