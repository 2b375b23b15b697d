"""VTA-LDM in a real engine, over its wires: both samplers, every control of a request, text variants, faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footfall_engine.resident import Resident

from tests.clips import cut_short
from tests.engine.neural import checks, tiny_vta
from tests.engine.neural.films import film
from tests.engine.neural.resident import engine_with, events_of, failure_of, pcm, stem_of, stems_in, warnings_in
from tests.engine.neural.tiny_vta import torch

SECONDS = 3.5
MODELS = ["vta-ldm", "vta-ldm-fast", "vta-ldm-original"]
BOTH = pytest.mark.parametrize("model", ["vta-ldm", "vta-ldm-original"])


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_vta.write_tree(folder / "vta-ldm")
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("clips") / "shade.mov", 4.0)


@pytest.fixture
def asked(clip: Path, tmp_path: Path) -> dict[str, Any]:
    return {
        "type": "generate", "video": str(clip), "stem_folder": str(tmp_path), "model": "vta-ldm", "seed": 3,
        "steps": 2, "out": SECONDS, "channels": 1,
    }  # fmt: skip


def sound(engine: Resident, **asked: Any) -> np.ndarray:
    return pcm(stem_of(engine, **asked))


def warnings_of(engine: Resident, **asked: Any) -> dict[str, str]:
    """What was warned of in a job that ended well."""
    events = events_of(engine, **asked)
    assert stems_in(events)
    return warnings_in(events)


@BOTH
def test_variants_are_as_long_as_asked_seeded_and_differ(engine: Resident, asked: dict[str, Any], model: str) -> None:
    events = events_of(engine, **{**asked, "model": model, "variants": 3, "channels": 2})
    checks.variants(events, model, SECONDS, asked["seed"])
    checks.progress(events)


@BOTH
def test_a_sound_is_made_of_its_request_and_of_nothing_else(
    engine: Resident, asked: dict[str, Any], model: str
) -> None:
    first = sound(engine, **{**asked, "model": model})
    for change in ({}, {"steps": 3}, {"guidance": 1.0}, {"seed": 4}):
        again = sound(engine, **{**asked, "model": model, **change})
        assert np.array_equal(first, again) == (not change), change


def test_both_samplers_are_models_of_their_own(engine: Resident, asked: dict[str, Any]) -> None:
    usual, fast, original = (sound(engine, **{**asked, "model": model}) for model in MODELS)
    assert not np.array_equal(usual, original)
    assert np.array_equal(usual, fast), "which differ by their steps alone, and those were asked for"


@BOTH
def test_a_part_is_made_anew_and_nothing_else_changes(
    engine: Resident, asked: dict[str, Any], model: str, tmp_path: Path
) -> None:
    old = stem_of(engine, **{**asked, "model": model})
    again = {"type": "regenerate", "stem": str(old.path), "in": 1.0, "out": 2.0, "seed": 9, "steps": 3,
             "stem_folder": str(tmp_path)}  # fmt: skip
    new = stem_of(engine, **again)
    checks.part_made_anew(old, new, 1, 2)
    assert new.provenance["patches"][0]["seed"] == 9


@pytest.mark.heavy
def test_a_region_longer_than_the_span_is_exact_and_sounds_throughout(
    engine: Resident, asked: dict[str, Any], tmp_path: Path
) -> None:
    long = film(tmp_path / "long.mov", 66.0)
    whole = sound(engine, **{**asked, "video": str(long), "model": "vta-ldm-fast", "out": 65.3, "steps": 1})
    checks.sounds_throughout(whole, 65.3)


@BOTH
def test_a_cancelled_job_stops_between_steps_and_leaves_nothing(
    engine: Resident, asked: dict[str, Any], model: str, tmp_path: Path
) -> None:
    checks.cancelling(engine, {**asked, "model": model}, tmp_path)


def test_what_the_model_does_not_take_is_warned_of(engine: Resident, asked: dict[str, Any]) -> None:
    told = warnings_of(
        engine, **asked, prompt="rain", negative="a", events=[{"time": 1.0}], timing="detector", pictures=3,
        semantic_scale=0.5, temporal_scale=0.5,
    )  # fmt: skip
    assert set(told) == {"control_ignored"}
    for what in ("a prompt", "a negative prompt", "your own events", "a choice of where the timing comes from",
                 "a number of pictures", "a scale of what the picture shows", "a scale of when it sounds"):  # fmt: skip
        assert f"the model vta-ldm does not take {what}" in told["control_ignored"]


def test_weights_that_take_words_hear_the_prompt_and_are_not_warned_of_it(
    asked: dict[str, Any], tmp_path: Path
) -> None:
    tiny_vta.write_tree(tmp_path / "models" / "vta-ldm", task="text_video2audio")
    with engine_with(tmp_path / "models", tmp_path / "home") as engine:
        assert warnings_of(engine, **asked, prompt="rain") == {}
        assert not np.array_equal(sound(engine, **asked, prompt="rain"), sound(engine, **asked, prompt="a"))
        told = warnings_of(engine, **asked, prompt="rain", negative="a")
        assert told == {"control_ignored": "the model vta-ldm does not take a negative prompt"}


def test_a_full_scale_vocoder_stays_in_range_in_the_stem(asked: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "models" / "vta-ldm"
    tiny_vta.write_tree(folder)
    loud = tiny_vta.sound_weights() | {"first_stage_model.vocoder.conv_post.bias": torch.full((1,), 100.0)}
    torch.save({"state_dict": loud}, folder / "audioldm-s-full.ckpt")
    with engine_with(tmp_path / "models", tmp_path / "home") as engine:
        checks.full_scale(sound(engine, **asked))


# ---- what cannot be


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights as they were published, which no engine has converted."""
    folder = tmp_path_factory.mktemp("published") / "vta-ldm"
    tiny_vta.write_tree(folder)
    return folder


FAULTS: dict[str, tuple[Any, str, str]] = {
    "no checkpoint": (lambda tree: (tree / "pytorch_model_2.bin").unlink(), "weights_missing", "pytorch_model_2.bin"),
    "no sound": (lambda tree: (tree / "audioldm-s-full.ckpt").unlink(), "weights_missing", "audioldm-s-full.ckpt"),
    "cut short": (lambda tree: cut_short(tree / "pytorch_model_2.bin", 0.9), "weights_unusable", "cut short"),
    "a pointer": (
        lambda tree: (tree / "pytorch_model_2.bin").write_text("version https://git-lfs.github.com/spec/v1\n"),
        "weights_unusable",
        "pytorch_model_2.bin",
    ),
    "other sizes": (
        lambda tree: tiny_vta.write_tree(tree, embedding_dim=8), "weights_unusable", "(8, 16)",
    ),
    "no summary of that kind": (
        lambda tree: (tree / "summary.jsonl").write_text("[1]"), "weights_unusable", "summary.jsonl",
    ),
    "no tokenizer": (
        lambda tree: without_tokenizer(tree), "weights_missing", "vocab.json",
    ),
    "another sampler": (
        lambda tree: scheduler_of(tree, "NobodysScheduler"), "weights_unusable", "NobodysScheduler",
    ),
}  # fmt: skip


def scheduler_of(tree: Path, name: str) -> None:
    folder = tree / "stable-diffusion-2-1"
    folder.mkdir()
    (folder / "scheduler_config.json").write_text(json.dumps({"_class_name": name}))


def without_tokenizer(tree: Path) -> None:
    tiny_vta.write_tree(tree, task="text_video2audio")
    (tree / "clip-vit-large-patch14" / "vocab.json").unlink()


@pytest.mark.parametrize("fault", FAULTS)
def test_weights_that_cannot_be_used_are_named(
    broken: tuple[Resident, Path], whole: Path, asked: dict[str, Any], fault: str
) -> None:
    spoil, code, named = FAULTS[fault]
    checks.fault(broken, whole, {**asked, "model": "vta-ldm-original"}, spoil, code, named)


def test_an_engine_for_commercial_use_refuses_them_all(models: Path, asked: dict[str, Any], tmp_path: Path) -> None:
    with engine_with(models, tmp_path / "home", licence="commercial") as engine:
        for model in MODELS:
            failure = failure_of(engine, **{**asked, "model": model})
            assert failure.code == "licence" and "CC-BY-NC" in failure.message
