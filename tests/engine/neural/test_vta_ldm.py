"""VTA-LDM as a model: lengths, seeds, windows, what is known, samplers, the files it reads."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footfall_bridge.errors import WeightsMissing, WeightsUnusable
from footfall_engine.diffusion import stock
from footfall_engine.media.audio import Recording
from footfall_engine.models.registry import MODELS
from footfall_engine.models.vta_ldm import configs
from footfall_engine.models.vta_ldm.model import (
    COLUMNS,
    FAST_STEPS,
    PUBLISHED_STEPS,
    STEPS,
    Sampler,
    VtaLdm,
    look_times,
    sampled_by,
)
from footfall_engine.progress import no_progress
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.neural import tiny_vta
from tests.engine.neural.tiny import CPU, Film, check_progress, conditions
from tests.engine.neural.tiny_vta import torch

RATE = 16_000
AS_NUMPY_1 = "ignore:__array__ implementation:DeprecationWarning"  # of diffusers, with numpy 2
pytestmark = pytest.mark.filterwarnings(AS_NUMPY_1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights") / "vta-ldm"


@pytest.fixture(scope="module")
def model(folder: Path) -> VtaLdm:
    return tiny_vta.tiny_model(folder)


def made(model: VtaLdm, seconds: float = 1.0, seeds: tuple[int, ...] = (1,), **changes: Any) -> np.ndarray:
    return model.generate(conditions(seconds, **{"steps": 1, **changes}), list(seeds), no_progress).audio


@pytest.mark.parametrize(("duration", "channels"), [(0.5, 1), (10.24, 2), (13.37, 1)])
def test_sound_is_exactly_as_long_as_asked(model: VtaLdm, duration: float, channels: int) -> None:
    audio = made(model, duration, channels=channels)
    assert audio.shape == (1, channels, round(duration * RATE))
    assert audio.dtype == np.float32
    assert np.isfinite(audio).all() and np.abs(audio).max() > 1e-3


def test_variants_are_made_together_as_they_are_alone(model: VtaLdm) -> None:
    alone, together = made(model, seeds=(5,)), made(model, seeds=(4, 5, 6))
    assert np.allclose(alone[0], together[1], atol=1e-4)
    assert not np.allclose(together[0], together[1], atol=1e-2)


@pytest.mark.parametrize(("control", "value"), [("steps", 3), ("guidance", 1.0)])
def test_a_control_changes_the_sound(model: VtaLdm, control: str, value: float) -> None:
    told: dict[str, Any] = {control: value}
    assert not np.allclose(made(model), made(model, **told), atol=1e-3)


@pytest.mark.heavy
def test_published_sampler_is_seeded_too(folder: Path) -> None:
    model = tiny_vta.tiny_model(folder, sampler="ddpm")
    first, again = made(model, seeds=(1, 2), steps=2), made(model, seeds=(1, 2), steps=2)
    assert np.array_equal(first, again)
    assert not np.allclose(first[0], first[1], atol=1e-3)


@pytest.mark.heavy
def test_progress_rises_and_stops_the_work_at_any_step(model: VtaLdm) -> None:
    check_progress(model, steps=3, fewest=6)


def test_a_remembered_picture_is_not_looked_at_again(model: VtaLdm) -> None:
    film = Film()
    kept: dict[str, Any] = {}

    def remember(name: str, make: Any) -> dict[str, np.ndarray]:
        return kept[name] if name in kept else kept.setdefault(name, make())

    first = made(model, 2.0, frames=film, remember=remember)
    asked = len(film.asked)
    second = made(model, 2.0, frames=film, remember=remember)
    assert asked == len(film.asked) == 4
    assert np.array_equal(first, second)


@pytest.mark.heavy
def test_what_is_known_shapes_what_is_made(model: VtaLdm) -> None:
    mask = np.ones(4 * 48_000, bool)
    mask[72_000:120_000] = False

    def sound(known: np.ndarray) -> np.ndarray:
        return made(model, 4.0, known=Recording(known.astype(np.float32), 48_000), known_mask=mask, steps=3)[0, 0]

    noise = 0.3 * np.random.default_rng(0).standard_normal((2, len(mask)))
    inside = slice(round(1.7 * RATE), round(2.3 * RATE))
    assert not np.allclose(sound(noise)[inside], sound(0 * noise)[inside], atol=1e-4)


@given(st.floats(0.01, 60))
def test_pictures_are_looked_at_twice_a_second_where_windows_lie(seconds: float) -> None:
    starts = COLUMNS.starts(COLUMNS.needed(round(seconds * RATE)))
    looks = look_times(seconds, starts)
    assert {len(look) for look in looks} == {max(1, math.ceil(min(seconds, 10.24) * 2))}
    for start, look in zip(starts, looks, strict=True):
        assert look[0] == min(seconds, COLUMNS.seconds(start))
        assert np.allclose(np.diff(look), 0.5) or look[-1] == seconds
        assert look[-1] <= seconds


# ---- samplers


def test_the_solver_lands_within_the_spread_of_the_published_sampler() -> None:
    """On a mixture whose best denoiser is known, guided as the model is: sets of samples of one sampler and of the
    other lie no further apart than two sets of the published one. By sliced Wasserstein distance, of the samples and of
    their means, deviations and peaks."""
    sizes, count = 24, 600
    random = torch.Generator().manual_seed(3)
    middles = torch.randn(4, sizes, generator=random)
    spreads = 0.3 * torch.exp(0.5 * torch.randn(4, sizes, generator=random))
    across = torch.nn.functional.normalize(torch.randn(sizes, 100, generator=random), dim=0)
    trained = stock.scheduler(configs.SCHEDULER)

    def noise_in(latents: torch.Tensor, alpha: float, sigma: float, heaps: slice) -> torch.Tensor:
        centres, variance = alpha * middles[heaps], (alpha * spreads[heaps]) ** 2 + sigma**2
        far = latents[:, None] - centres
        share = (-(far**2 / variance + variance.log()).sum(-1) / 2).softmax(-1)
        return sigma * (share[..., None] * far / variance).sum(1)

    def velocity(latents: torch.Tensor, time: float) -> torch.Tensor:
        power = float(trained.alphas_cumprod[round(time)])
        alpha, sigma = power**0.5, (1 - power) ** 0.5
        without, given = (noise_in(latents, alpha, sigma, heaps) for heaps in (slice(None), slice(0, 2)))
        noise = without + 3 * (given - without)
        return (noise - sigma * latents) / alpha

    def drawn(sampler: Sampler, steps: int, seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(count, sizes, generator=generator)
        stepper = stock.scheduler(sampled_by(sampler, configs.configs_in(Path("nowhere"))))
        return stock.scheduled(stepper, velocity, noise, steps, generators=[generator])

    def apart(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        slices = [((each @ across).sort(0).values) for each in (one, other)]
        facts = [torch.stack([each.mean(1), each.std(1), each.amax(1)], 1).sort(0).values for each in (one, other)]
        return torch.stack([(two[0] - two[1]).abs().mean() for two in (slices, facts)])

    original = [drawn(Sampler.PUBLISHED, PUBLISHED_STEPS, seed) for seed in range(4)]
    spread = torch.stack([apart(one, other) for one, other in combinations(original, 2)]).amax(0)

    def reach(sampler: Sampler, steps: int) -> torch.Tensor:
        made = [drawn(sampler, steps, seed) for seed in (10, 11)]
        return torch.stack([apart(one, other) for one in made for other in original]).mean(0)

    assert bool((reach(Sampler.SOLVER, STEPS) <= spread).all())
    assert not bool((reach(Sampler.PUBLISHED, FAST_STEPS) <= spread).all()), "so the test can fail"


@pytest.mark.parametrize("steps", [1, 2, 500, 998, 1000])
@pytest.mark.parametrize("sampler", list(Sampler))
def test_any_number_of_steps_ends_at_clean_latents(sampler: Sampler, steps: int) -> None:
    """Of data that is one point, which the best denoiser knows at any time."""
    trained = stock.scheduler(configs.SCHEDULER)
    point = torch.linspace(-1, 1, 8)[None]

    def velocity(latents: torch.Tensor, time: float) -> torch.Tensor:
        power = float(trained.alphas_cumprod[round(time)])
        noise = (latents - power**0.5 * point) / (1 - power) ** 0.5
        return power**0.5 * noise - (1 - power) ** 0.5 * point

    generator = torch.Generator().manual_seed(0)
    stepper = stock.scheduler(sampled_by(sampler, configs.configs_in(Path("nowhere"))))
    start = torch.randn(1, 8, generator=generator)
    assert torch.allclose(stock.scheduled(stepper, velocity, start, steps, generators=[generator]), point, atol=0.05)


def test_both_samplers_start_where_the_originals_do() -> None:
    stepper = stock.scheduler(configs.SCHEDULER)
    for steps, first, last in ((300, 898, 1), (200, 996, 1), (50, 981, 1)):
        stepper.set_timesteps(steps)
        assert (int(stepper.timesteps[0]), int(stepper.timesteps[-1])) == (first, last)


# ---- files


def test_position_variant_counts_its_pictures(folder: Path, tmp_path: Path) -> None:
    counting = tiny_vta.tiny_model(tmp_path, {"pe": True})
    assert not np.allclose(made(tiny_vta.tiny_model(folder), 2.0), made(counting, 2.0), atol=1e-4)


def test_text_variant_hears_the_prompt_and_the_plain_one_does_not(folder: Path, tmp_path: Path) -> None:
    plain, reading = tiny_vta.tiny_model(folder), tiny_vta.tiny_model(tmp_path, {"task": "text_video2audio"})
    assert np.array_equal(made(plain, prompt="rain"), made(plain, prompt="a"))
    assert not np.allclose(made(reading, prompt="rain"), made(reading, prompt="a"), atol=1e-4)


def test_a_summary_leads_to_no_file_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "summary.jsonl").write_text(
        '{"vae_model": "../../etc/other.ckpt", "unet_model_config": "..\\\\a.json"}'
    )
    found = configs.configs_in(tmp_path)
    assert found.sound_file == "other.ckpt"
    assert found.unet == configs.UNET


@pytest.mark.parametrize("text", ["", "[1]", "{broken"])
def test_a_damaged_summary_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "summary.jsonl").write_text(text)
    with pytest.raises(WeightsUnusable, match=r"summary\.jsonl"):
        configs.configs_in(tmp_path)


def test_what_a_checkpoint_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"pytorch_model_2\.bin"):
        VtaLdm(folder=tmp_path, runtime=CPU).check()
    tiny_vta.write_tree(tmp_path)
    whole = tiny_vta.model_weights()
    whole.pop("unet.conv_in.weight")
    torch.save(whole, tmp_path / "pytorch_model_2.bin")
    with pytest.raises(WeightsUnusable, match=r"does not have conv_in\.weight"):
        VtaLdm(folder=tmp_path, runtime=CPU).check()


def test_full_scale_does_not_wrap(tmp_path: Path) -> None:
    tiny_vta.write_tree(tmp_path)
    loud = tiny_vta.sound_weights()
    loud["first_stage_model.vocoder.conv_post.bias"] = torch.full((1,), 100.0)
    torch.save({"state_dict": loud}, tmp_path / "audioldm-s-full.ckpt")
    audio = made(VtaLdm(folder=tmp_path, runtime=CPU), 0.5)
    assert (audio == 1.0).all()


def test_row_names_the_published_files_and_what_is_honoured() -> None:
    row = next(row for row in MODELS if row.name == "vta-ldm")
    assert [part.name for part in row.parts if part.needed] == ["pytorch_model_2.bin", "audioldm-s-full.ckpt"]
    assert row.controls == {"steps", "guidance"} and row.fills_in and not row.commercial
