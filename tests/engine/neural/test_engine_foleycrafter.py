"""FoleyCrafter and Smooth-Foley in a real engine: every control of a request, where the timing comes from, faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footfall_engine.resident import Resident

from tests.clips import cut_short
from tests.engine.neural import checks, tiny_foleycrafter
from tests.engine.neural.films import film
from tests.engine.neural.resident import RATE, engine_with, events_of, failure_of, pcm, stem_of, stems_in, warnings_in
from tests.engine.neural.tiny_foleycrafter import torch

SECONDS = 3.5
BOTH = pytest.mark.parametrize("model", ["foleycrafter", "smooth-foley"])
EARLY, LATE = [{"time": 0.5}], [{"time": 2.0}]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tree = tiny_foleycrafter.write_tree(folder / "foleycrafter")
    tiny_foleycrafter.add_detector(tree)
    tiny_foleycrafter.add_label_encoder(tree)
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "shade.mov"
    return film(path, 4.0, lambda time: 40 + round(50 * time))


@pytest.fixture
def asked(clip: Path, tmp_path: Path) -> dict[str, Any]:
    return {
        "type": "generate", "video": str(clip), "stem_folder": str(tmp_path), "seed": 3, "steps": 1, "out": SECONDS,
        "channels": 1, "prompt": "rain",
    }  # fmt: skip


Make = Callable[..., tuple[np.ndarray, dict[str, str]]]


@pytest.fixture
def made(engine: Resident, asked: dict[str, Any]) -> Make:
    """A sound, and what was warned of; what a request does not say is as in `asked`."""

    def make(**changes: Any) -> tuple[np.ndarray, dict[str, str]]:
        events = events_of(engine, **{**asked, **changes})
        (stem,) = stems_in(events)
        return pcm(stem), warnings_in(events)

    return make


@BOTH
def test_variants_are_as_long_as_asked_seeded_and_differ(engine: Resident, asked: dict[str, Any], model: str) -> None:
    events = events_of(engine, **{**asked, "model": model, "variants": 3, "channels": 2})
    checks.variants(events, model, SECONDS, asked["seed"])
    checks.progress(events)


@BOTH
def test_every_control_changes_the_sound_and_nothing_else_does(made: Make, model: str) -> None:
    first, warned = made(model=model, timing="events", events=EARLY)
    assert warned == {}
    changes: list[dict[str, Any]] = [
        {}, {"seed": 4}, {"steps": 2}, {"guidance": 1.0}, {"prompt": "a"}, {"negative": "a"}, {"semantic_scale": 0.0},
        {"temporal_scale": 2.0}, {"pictures": 3}, {"events": LATE}, {"timing": "label", "events": None},
        {"timing": "detector", "events": None},
    ]  # fmt: skip
    for change in changes:
        again, _ = made(**{"model": model, "timing": "events", "events": EARLY, **change})
        assert np.array_equal(first, again) == (not change), change


@BOTH
def test_events_of_the_users_own_tell_the_timing_unless_another_source_is_named(made: Make, model: str) -> None:
    early, warned = made(model=model, events=EARLY)
    assert warned == {}
    assert np.array_equal(early, made(model=model, events=EARLY, timing="events")[0])
    assert not np.array_equal(early, made(model=model, events=LATE)[0])
    heard, warned = made(model=model, events=EARLY, timing="detector")
    assert warned == {"control_ignored": "your own events are not used: the timing is asked of the detector"}
    assert np.array_equal(heard, made(model=model, timing="detector")[0])


def test_without_a_wish_each_model_asks_whom_it_was_made_for(made: Make) -> None:
    for model, usual in (("foleycrafter", "detector"), ("smooth-foley", "label")):
        heard, warned = made(model=model)
        assert warned == {} and np.array_equal(heard, made(model=model, timing=usual)[0])


@BOTH
def test_timing_by_the_label_without_a_prompt_is_said_to_need_one(made: Make, model: str) -> None:
    _, warned = made(model=model, timing="label", prompt="")
    assert list(warned) == ["timing_from_events"] and "needs a prompt" in warned["timing_from_events"]


def test_smooth_foley_without_a_prompt_asks_the_detector_and_says_so(made: Make) -> None:
    heard, warned = made(model="smooth-foley", prompt="")
    assert list(warned) == ["timing_from_detector"] and "needs a prompt" in warned["timing_from_detector"]
    assert np.array_equal(heard, made(model="smooth-foley", prompt="", timing="detector")[0])


def test_weights_that_a_source_of_the_timing_lacks_are_named_with_the_way_to_get_them(
    asked: dict[str, Any], tmp_path: Path
) -> None:
    folder = tiny_foleycrafter.write_tree(tmp_path / "models" / "foleycrafter")

    def warned(engine: Resident, **changes: Any) -> dict[str, str]:
        events = events_of(engine, **{**asked, **changes})
        assert stems_in(events)
        return warnings_in(events)

    with engine_with(tmp_path / "models", tmp_path / "home") as engine:
        lacking = warned(engine, model="foleycrafter", timing="detector")["timing_from_events"]
        assert f"timestamp_detector.pth.tar in {folder}" in lacking and "models pull foleycrafter" in lacking
        lacking = warned(engine, model="foleycrafter", timing="label")["timing_from_events"]
        assert f"label_encoder in {folder}" in lacking and "models pull smooth-foley" in lacking
        lacking = warned(engine, model="smooth-foley", prompt="")["timing_from_events"]
        assert all(what in lacking for what in ("a prompt", "label_encoder", "timestamp_detector"))
        assert warned(engine, model="smooth-foley", timing="events") == {}


@BOTH
def test_a_part_is_made_anew_with_another_timing_and_nothing_else_changes(
    engine: Resident, asked: dict[str, Any], model: str, tmp_path: Path
) -> None:
    old = stem_of(engine, **{**asked, "model": model, "events": EARLY})
    again = {"type": "regenerate", "stem": str(old.path), "in": 1.0, "out": 2.0, "stem_folder": str(tmp_path)}
    same, other = (stem_of(engine, **again, seed=9, **change) for change in ({}, {"timing": "detector"}))
    for new in (same, other):
        checks.part_made_anew(old, new, 1, 2)
    assert not np.array_equal(pcm(same), pcm(other))


@pytest.mark.heavy
@BOTH
def test_a_region_longer_than_the_span_is_exact_and_sounds_throughout(made: Make, tmp_path: Path, model: str) -> None:
    long = film(tmp_path / "long.mov", 66.0)
    whole, _ = made(model=model, video=str(long), out=65.3, timing="events")
    checks.sounds_throughout(whole, 65.3)


def test_an_event_late_in_a_long_region_changes_the_sound_around_it_alone(made: Make, tmp_path: Path) -> None:
    long = film(tmp_path / "long.mov", 32.0)
    one, other = (
        made(model="foleycrafter", video=str(long), out=31.0, events=[{"time": time}], temporal_scale=1.0)[0]
        for time in (24.0, 24.4)
    )
    differs = np.flatnonzero((one != other).any(axis=0)) / RATE
    assert differs.max() > 24
    assert differs.min() > 6, "a step tells a window's neighbours of it, and theirs are told by the next"


def test_a_cancelled_job_stops_between_steps_and_leaves_nothing(
    engine: Resident, asked: dict[str, Any], tmp_path: Path
) -> None:
    checks.cancelling(engine, {**asked, "model": "foleycrafter"}, tmp_path)


def test_what_the_models_do_not_take_is_warned_of(engine: Resident, asked: dict[str, Any]) -> None:
    events = events_of(engine, **asked, model="foleycrafter", classifier_scale=3.0, quality="high", events=EARLY)
    assert stems_in(events)
    assert set(warnings_in(events)["control_ignored"].splitlines()) == {
        "the model foleycrafter does not take a scale of guidance by a classifier",
        "the model foleycrafter does not take a quality",
    }


def test_a_full_scale_vocoder_stays_in_range_in_the_stem(asked: dict[str, Any], tmp_path: Path) -> None:
    folder = tiny_foleycrafter.write_tree(tmp_path / "models" / "foleycrafter")
    loud = tiny_foleycrafter.vocoder_weights() | {"conv_post.bias": torch.full((1,), 100.0)}
    torch.save({"generator": loud}, folder / "vocoder" / "vocoder.pt")
    with engine_with(tmp_path / "models", tmp_path / "home") as engine:
        stem = stem_of(engine, **asked, model="foleycrafter", timing="events")
    checks.full_scale(pcm(stem))


# ---- what cannot be


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights as they were published, which no engine has converted."""
    folder = tmp_path_factory.mktemp("published") / "foleycrafter"
    tiny_foleycrafter.write_tree(folder)
    return folder


def no_adapter(tree: Path) -> None:
    other = tiny_foleycrafter.semantic_weights()
    other["ip_adapter"].pop("3.to_k_ip.weight")
    torch.save(other, tree / "semantic" / "semantic_adapter.bin")


WEIGHTS = "diffusion_pytorch_model.safetensors"
FAULTS: dict[str, tuple[Callable[[Path], Any], str, tuple[str, ...]]] = {
    "no UNet": (lambda tree: (tree / "auffusion/unet/config.json").unlink(), "weights_missing", ("auffusion/unet",)),
    "UNet without weights": (lambda tree: (tree / "auffusion/unet" / WEIGHTS).unlink(), "weights_missing", ("unet",)),
    "UNet cut short": (lambda tree: cut_short(tree / "auffusion/unet" / WEIGHTS, 0.7), "weights_unusable", ("unet",)),
    "no sizes": (
        lambda tree: (tree / "auffusion/vae/config.json").write_text("{broken"), "weights_unusable", ("vae",),
    ),
    "image encoder cut short": (
        lambda tree: cut_short(tree / "image_encoder/model.safetensors", 0.5), "weights_unusable", ("image_encoder",),
    ),
    "no words": (
        lambda tree: (tree / "auffusion/tokenizer/vocab.json").unlink(), "weights_missing", ("auffusion/tokenizer",),
    ),
    "half a tokenizer": (
        lambda tree: (tree / "auffusion/tokenizer/vocab.json").write_text("{"), "weights_unusable", ("tokenizer",),
    ),
    "temporal adapter cut short": (
        lambda tree: cut_short(tree / "temporal_adapter.ckpt", 0.9), "weights_unusable", ("temporal_adapter.ckpt",),
    ),
    "another adapter": (no_adapter, "weights_unusable", ("semantic_adapter", "ip_adapter.3.to_k_ip.weight")),
    "vocoder of unknown sizes": (
        lambda tree: (tree / "vocoder/config.json").unlink(), "weights_missing", ("vocoder/config.json",),
    ),
    "no sampler": (
        lambda tree: (tree / "auffusion/scheduler/scheduler_config.json").write_text(
            json.dumps({"_class_name": "NobodysScheduler"})
        ),
        "weights_unusable",
        ("NobodysScheduler",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_weights_that_cannot_be_used_are_named(
    broken: tuple[Resident, Path], whole: Path, asked: dict[str, Any], fault: str
) -> None:
    spoil, code, named = FAULTS[fault]
    checks.fault(broken, whole, {**asked, "model": "foleycrafter"}, spoil, code, *named)


@BOTH
def test_an_engine_for_commercial_use_refuses_both(
    models: Path, asked: dict[str, Any], tmp_path: Path, model: str
) -> None:
    with engine_with(models, tmp_path / "home", licence="commercial") as engine:
        failure = failure_of(engine, **asked, model=model)
        assert failure.code == "licence" and model in failure.message
