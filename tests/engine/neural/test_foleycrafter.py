"""FoleyCrafter as a model: lengths, seeds, scales, timing, windows, the files it reads."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footfall_bridge.errors import WeightsMissing, WeightsUnusable
from footfall_engine.media.audio import Recording
from footfall_engine.models.base import TimedHit
from footfall_engine.models.foleycrafter.model import FoleyCrafter
from footfall_engine.progress import no_progress

from tests.engine.neural import tiny_foleycrafter
from tests.engine.neural.tiny import CPU, Film, check_progress, conditions
from tests.engine.neural.tiny_foleycrafter import torch

RATE = 16_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_foleycrafter.write_tree(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Path:
    """The same weights, and a detector's."""
    path = shutil.copytree(folder, tmp_path_factory.mktemp("weights") / "all")
    tiny_foleycrafter.add_detector(path)
    return path


def hit(time: float) -> TimedHit:
    return TimedHit(time, 1.0, 0.0, 1.0, "hit", 0)


def generated(
    folder: Path, seconds: float = 1.0, seeds: tuple[int, ...] = (1,), options: Any = None, **told: Any
) -> Any:
    model = FoleyCrafter(folder=folder, runtime=CPU, **(options or {}))
    return model.generate(conditions(seconds, **{"steps": 1, **told}), list(seeds), no_progress)


def made(folder: Path, seconds: float = 1.0, **told: Any) -> np.ndarray:
    audio: np.ndarray = generated(folder, seconds, **told).audio
    return audio


@pytest.mark.parametrize(("duration", "channels"), [(0.5, 1), (10.24, 2), (14.3, 1)])
def test_sound_is_exactly_as_long_as_asked(folder: Path, duration: float, channels: int) -> None:
    audio = made(folder, duration, channels=channels)
    assert audio.shape == (1, channels, round(duration * RATE)) and audio.dtype == np.float32
    assert np.isfinite(audio).all() and np.abs(audio).max() > 1e-3


def test_variants_are_made_together_as_they_are_alone(folder: Path) -> None:
    alone, together = made(folder, seeds=(5,)), made(folder, seeds=(4, 5))
    apart = [float(np.abs(alone[0] - other).max()) for other in together]  # rounding grows in a random vocoder
    assert apart[1] < 1e-3 and apart[0] > 0.1


@pytest.mark.parametrize(
    "told",
    [{"prompt": "rain"}, {"negative": "rain"}, {"steps": 3}, {"guidance": 1.0}, {"hits": (hit(0.5),)}],
    ids=lambda told: next(iter(told)),
)
def test_a_control_changes_the_sound(folder: Path, told: dict[str, Any]) -> None:
    assert not np.allclose(made(folder), made(folder, **told), atol=1e-4)


@pytest.mark.parametrize("scale", ["semantic_scale", "temporal_scale"])
def test_a_scale_changes_the_sound_and_zero_turns_its_adapter_off(folder: Path, scale: str) -> None:
    told: dict[str, Any] = {"hits": (hit(0.2),)}
    off = made(folder, options={scale: 0.0}, **told)
    assert not np.allclose(made(folder, **told), off, atol=1e-4)
    if scale == "temporal_scale":
        assert np.array_equal(off, made(folder, options={scale: 0.0}, hits=(hit(0.7),)))


def test_without_a_detector_timing_comes_from_events_and_that_is_said(folder: Path) -> None:
    assert [code for code, _ in generated(folder).warnings] == ["timing_from_events"]
    assert generated(folder, options={"timing": "events"}).warnings == ()


@pytest.mark.heavy
def test_a_detector_is_asked_when_it_is_there_unless_the_request_says_otherwise(watching: Path) -> None:
    first = generated(watching, hits=(hit(0.2),))
    assert first.warnings == ()
    assert np.array_equal(first.audio, made(watching, hits=(hit(0.7),)))
    early, late = (made(watching, hits=(hit(time),), timing="events") for time in (0.2, 0.7))
    assert not np.allclose(early, late, atol=1e-5)


def test_no_picture_is_looked_at_twice_when_it_is_remembered(watching: Path) -> None:
    film = Film()
    kept: dict[str, Any] = {}

    def remember(name: str, make: Any) -> dict[str, np.ndarray]:
        return kept[name] if name in kept else kept.setdefault(name, make())

    first = made(watching, 2.0, frames=film, remember=remember)
    asked = len(film.asked)
    assert np.array_equal(first, made(watching, 2.0, frames=film, remember=remember))
    assert asked == len(film.asked) and len(kept) == 2


@pytest.mark.heavy
def test_progress_rises_and_stops_the_work_at_any_step(folder: Path) -> None:
    check_progress(FoleyCrafter(folder=folder, runtime=CPU), steps=3, fewest=6)


@pytest.mark.heavy
def test_what_is_known_shapes_what_is_made(folder: Path) -> None:
    mask = np.ones(4 * 48_000, bool)
    mask[72_000:120_000] = False

    def sound(known: np.ndarray) -> np.ndarray:
        return made(folder, 4.0, known=Recording(known.astype(np.float32), 48_000), known_mask=mask, steps=3)[0, 0]

    noise = 0.3 * np.random.default_rng(0).standard_normal((2, len(mask)))
    inside = slice(round(1.7 * RATE), round(2.3 * RATE))
    assert not np.allclose(sound(noise)[inside], sound(0 * noise)[inside], atol=1e-4)


def test_files_are_found_in_the_layout_of_the_original_repository(folder: Path, tmp_path: Path) -> None:
    original = tiny_foleycrafter.write_tree(
        tmp_path, "auffusion/auffusion-full-no-adapter", "checkpoints", "h94/IP-Adapter/models/image_encoder"
    )
    assert np.array_equal(made(folder), made(original))


def test_full_scale_does_not_wrap(tmp_path: Path) -> None:
    tiny_foleycrafter.write_tree(tmp_path)
    loud = tiny_foleycrafter.vocoder_weights() | {"conv_post.bias": torch.full((1,), 100.0)}
    torch.save({"generator": loud}, tmp_path / "vocoder" / "vocoder.pt")
    assert (made(tmp_path, 0.5) == 1.0).all()


@pytest.mark.parametrize(
    "lost", ["temporal_adapter.ckpt", "semantic/semantic_adapter.bin", "auffusion/unet", "image_encoder"]
)
def test_what_is_missing_is_named(folder: Path, tmp_path: Path, lost: str) -> None:
    path = shutil.copytree(folder, tmp_path / "some", ignore=shutil.ignore_patterns("*.safetensors.sha256"))
    shutil.rmtree(path / lost) if (path / lost).is_dir() else (path / lost).unlink()
    (path / lost).with_suffix(".safetensors").unlink(missing_ok=True)
    with pytest.raises(WeightsMissing, match=lost):
        FoleyCrafter(folder=path, runtime=CPU).check()


def test_an_adapter_of_another_network_is_refused(folder: Path, tmp_path: Path) -> None:
    path = tiny_foleycrafter.write_tree(tmp_path)
    other = tiny_foleycrafter.semantic_weights()
    other["ip_adapter"].pop("3.to_k_ip.weight")
    torch.save(other, path / "semantic" / "semantic_adapter.bin")
    with pytest.raises(WeightsUnusable, match=r"ip_adapter\.3\.to_k_ip\.weight"):
        FoleyCrafter(folder=path, runtime=CPU).check()


def test_a_pickle_that_would_run_code_is_not_read(tmp_path: Path) -> None:
    path = tiny_foleycrafter.write_tree(tmp_path)
    torch.save({"image_proj": print, "ip_adapter": {}}, path / "semantic" / "semantic_adapter.bin")
    with pytest.raises(WeightsUnusable, match="could run code"):
        FoleyCrafter(folder=path, runtime=CPU).check()
