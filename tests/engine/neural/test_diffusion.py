"""Samplers, windows and known regions on noise that is known exactly: no network is needed."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest
from footfall_bridge.errors import JobCancelled
from footfall_engine.diffusion import guidance, samplers
from footfall_engine.diffusion.known import KnownRegion
from footfall_engine.diffusion.schedules import NoiseSchedule, linear_betas, scaled_linear_betas
from footfall_engine.diffusion.stretches import blend, cut, over_windows, window_starts
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.neural.golden import torch

SCHEDULES = [
    NoiseSchedule(scaled_linear_betas(0.00085, 0.0120, 1000)),
    NoiseSchedule(linear_betas(0.0015, 0.0195, 1000)),
]
SCHEDULE = SCHEDULES[0]
ALL = [samplers.dpm_solver_pp_2m, samplers.ddim, samplers.plms]
SPREAD, MIDDLE = 0.3, 0.7


def exact(latents: torch.Tensor, time: float, schedule: NoiseSchedule = SCHEDULE) -> torch.Tensor:
    """The noise in latents whose clean values are normal with MIDDLE and SPREAD."""
    alpha, sigma = schedule.alpha(time), schedule.sigma(time)
    return sigma * (latents - alpha * MIDDLE) / (alpha**2 * SPREAD**2 + sigma**2)


def start(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("sample", ALL)
def test_samples_have_the_spread_of_the_data(sample: samplers.Sampler, schedule: NoiseSchedule) -> None:
    made = sample(lambda x, t: exact(x, t, schedule), start(1, 20_000), schedule, 200)
    assert float(made.mean()) == pytest.approx(MIDDLE, abs=0.03)
    assert float(made.std()) == pytest.approx(SPREAD, rel=0.1)


@pytest.mark.parametrize("sample", ALL)
def test_what_is_known_stays_to_the_last_bit_and_the_rest_is_made(sample: samplers.Sampler) -> None:
    noise, known = start(2, 4, 8, 32), start(2, 4, 8, 32, seed=1)
    mask = torch.zeros(32)
    mask[10:20] = 1
    made = sample(exact, noise, SCHEDULE, 10, hold=KnownRegion(known, mask, noise))
    free = sample(exact, noise, SCHEDULE, 10)
    assert torch.equal(made[..., 10:20], known[..., 10:20])
    assert torch.allclose(made[..., :10], free[..., :10], atol=1e-4)  # this denoiser sees no neighbours


def test_the_denoiser_always_sees_what_is_known_at_the_noise_of_the_moment() -> None:
    noise, known, seen = start(1, 8), start(1, 8, seed=1), []
    mask = torch.tensor([1.0] * 4 + [0.0] * 4)

    def denoise(latents: torch.Tensor, time: float) -> torch.Tensor:
        expected = SCHEDULE.alpha(time) * known + SCHEDULE.sigma(time) * noise
        seen.append(float((latents - expected)[..., :4].abs().max()))
        return exact(latents, time)

    for sample in ALL:
        sample(denoise, noise, SCHEDULE, 8, hold=KnownRegion(known, mask, noise))
    assert max(seen) < 1e-5 and len(seen) >= 24


@pytest.mark.parametrize("sample", ALL)
def test_a_sampler_stops_when_told(sample: samplers.Sampler) -> None:
    calls: list[float] = []

    def denoise(latents: torch.Tensor, time: float) -> torch.Tensor:
        calls.append(time)
        return exact(latents, time)

    def progress(fraction: float, /) -> None:
        if fraction >= 0.5:
            raise JobCancelled("enough")

    with pytest.raises(JobCancelled):
        sample(denoise, start(1, 4), SCHEDULE, 10, progress=progress)
    assert 4 <= len(calls) <= 7


@pytest.mark.parametrize(("steps", "steadier"), [(5, True), (14, True), (15, False), (25, False)])
def test_the_last_step_is_of_first_order_below_15_steps(
    steps: int, steadier: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made() -> torch.Tensor:
        return samplers.dpm_solver_pp_2m(exact, start(1, 100), SCHEDULE, steps)

    usual, made_with = made(), {}
    for always, fewest in ((True, 1000), (False, 0)):
        monkeypatch.setattr(samplers, "FEWEST_STEPS_OF_SECOND_ORDER_END", fewest)
        made_with[always] = made()
    assert torch.equal(usual, made_with[steadier])
    assert not torch.equal(usual, made_with[not steadier])


@given(st.integers(1, 60), st.integers(0, 1))
def test_times_fall_evenly_from_all_noise_to_none(steps: int, which: int) -> None:
    schedule = SCHEDULES[which]
    times = schedule.uniform_times(steps)
    assert (times[0], times[-1], len(times)) == (999.0, 0.0, steps + 1)
    ratios = [schedule.log_snr(time) for time in times]
    assert ratios == sorted(ratios)
    assert schedule.alpha(times[0]) ** 2 + schedule.sigma(times[0]) ** 2 == pytest.approx(1.0)


@given(st.integers(1, 400), st.integers(8, 64), st.integers(0, 7))
def test_windows_cover_everything_and_blending_undoes_cutting(length: int, window: int, overlap: int) -> None:
    length = max(length, window)
    starts = window_starts(length, window, overlap)
    whole = start(2, 3, length)
    pieces = cut(whole, starts, window)
    assert pieces.shape == (2 * len(starts), 3, window)
    assert starts[0] == 0 and starts[-1] + window == max(length, window)
    assert all(later - earlier <= window - overlap for earlier, later in pairwise(starts))
    assert torch.allclose(blend(pieces, starts, length), whole, atol=1e-5)


def test_each_window_counts_less_towards_its_edges() -> None:
    pieces = torch.tensor([0.0, 1.0])[:, None].expand(2, 64)
    blended = blend(pieces, [0, 40], 104)[0]
    assert torch.equal(blended[:40], torch.zeros(40)) and torch.equal(blended[64:], torch.ones(40))
    assert float(blended[40:64].diff().min()) > 0 and float(blended[40]) < 0.1 and float(blended[63]) > 0.9


def test_windows_agree_on_one_sound() -> None:
    """A denoiser that wants each window flat at a level of its own: the whole moves from one level to the other."""
    starts = window_starts(112, 64, 16)
    levels = torch.tensor([0.0, 1.0])[:, None, None]

    def denoise(latents: torch.Tensor, time: float) -> torch.Tensor:
        return (latents - SCHEDULE.alpha(time) * levels) / SCHEDULE.sigma(time)

    made = samplers.dpm_solver_pp_2m(over_windows(denoise, starts, 64), start(1, 1, 112), SCHEDULE, 10)[0, 0]
    assert torch.allclose(made[:40], torch.zeros(40), atol=0.15)
    assert torch.allclose(made[-40:], torch.ones(40), atol=0.15)
    assert float(made[40:-40].diff().abs().max()) < 0.3


def test_guidance_at_scale_1_asks_once_and_classifier_at_scale_0_not_at_all() -> None:
    asked: list[int] = []

    def predict(latents: torch.Tensor, time: float, context: torch.Tensor) -> torch.Tensor:
        asked.append(len(latents))
        return latents * context.mean()

    def never(latents: torch.Tensor, time: float) -> torch.Tensor:
        raise AssertionError("asked")

    context = torch.ones(2, 1)
    guidance.double(predict, context, torch.zeros(2, 1), 1.0, never, 0.0, SCHEDULE)(start(2, 4), 500.0)
    guidance.double(predict, context, torch.zeros(2, 1), 2.0, never, 0.0, SCHEDULE)(start(2, 4), 500.0)
    assert asked == [2, 4]


def test_the_classifier_pulls_towards_what_it_finds_likely() -> None:
    def likely(latents: torch.Tensor, time: float) -> torch.Tensor:
        return -(latents - 3.0).square().sum(1) / 2

    free = samplers.dpm_solver_pp_2m(exact, start(1, 1000), SCHEDULE, 20)
    pull = guidance.classifier(exact, partial(guidance.gradient, likely), 0.05, SCHEDULE)
    pulled = samplers.dpm_solver_pp_2m(pull, start(1, 1000), SCHEDULE, 20)
    assert float(pulled.mean()) > float(free.mean()) + 0.001
