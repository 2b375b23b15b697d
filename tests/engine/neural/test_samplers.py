"""Samplers and guidance against every recorded call of the original, and on their own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import pytest
from footfall_engine.diffusion import guidance, samplers
from footfall_engine.diffusion.guidance import Denoiser
from footfall_engine.diffusion.schedules import NoiseSchedule, scaled_linear_betas
from footfall_engine.models.diff_foley import networks

from tests.engine.neural import golden
from tests.engine.neural.golden import relative, torch

pytestmark = pytest.mark.parity
CLOSE = 1e-4

SCHEDULE = NoiseSchedule(scaled_linear_betas(0.00085, 0.0120, 1000))


@cache
def tiny(name: str) -> torch.nn.Module:
    files = {"alignment": golden.weights("classifier_tiny.safetensors")}.get(name) or golden.ldm_weights()
    return getattr(networks, name)(files, golden.tiny_shape(), "tiny")


def predictor(net: torch.nn.Module) -> guidance.Predict:
    def predict(latents: torch.Tensor, time: float, context: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return net(latents, time, context, return_dict=False)[0]

    return predict


def judge(net: torch.nn.Module, rows: torch.Tensor) -> guidance.LogProbability:
    return lambda latents, time: net.model(latents, torch.full((len(latents),), time), rows)


def denoiser_of(name: str, recorded: dict[str, torch.Tensor]) -> Denoiser:
    """The guidance that a recording's name stands for."""
    predict, context, null = predictor(tiny("unet")), recorded["context"], recorded["uncond"]
    scale, classifier_scale = golden.guidance_scales()
    if "dg" in name and not name.endswith("cfg1"):
        likely = judge(tiny("alignment"), recorded["origin_cond"])
        slope = partial(guidance.gradient, likely)
        return guidance.double(predict, context, null, scale, slope, classifier_scale, SCHEDULE)
    return guidance.classifier_free(predict, context, null, scale if "_cfg_" in name else 1.0)


class Heard:
    """A denoiser that keeps what it was asked and what it answered."""

    def __init__(self, denoise: Denoiser) -> None:
        self.denoise = denoise
        self.calls: list[tuple[torch.Tensor, float, torch.Tensor]] = []

    def __call__(self, latents: torch.Tensor, time: float) -> torch.Tensor:
        answer = self.denoise(latents, time)
        self.calls.append((latents, time, answer))
        return answer


@pytest.mark.parametrize(
    "name",
    [
        "dg_5",
        pytest.param("dg_16", marks=pytest.mark.heavy),
        pytest.param("dg_25", marks=pytest.mark.heavy),
        "cfg_5",
        "nocfg_5",
        "dg_5_cfg1",
    ],
)
def test_every_call_of_dpm_solver_matches(name: str) -> None:
    recorded = golden.arrays(f"sampler_dpm_{name}.npz")
    heard = Heard(denoiser_of(f"dpm_{name}", recorded))
    steps = len(recorded["x_in"])
    final = samplers.dpm_solver_pp_2m(heard, recorded["x_T"], SCHEDULE, steps)
    assert len(heard.calls) == steps
    for number, (latents, time, answer) in enumerate(heard.calls):
        assert time == pytest.approx(1000 * float(recorded["t_cont"][number, 0]) - 1, abs=1e-3)
        assert relative(latents, recorded["x_in"][number]) <= CLOSE, f"latents of call {number}"
        assert relative(answer, recorded["eps"][number]) <= CLOSE, f"noise of call {number}"
    assert relative(final, recorded["final"]) <= CLOSE


@pytest.mark.parametrize("name", ["ddim_dg", "ddim_cfg", "plms_cfg"])
def test_the_other_samplers_end_alike(name: str) -> None:
    recorded = golden.arrays(f"sampler_{name}_5.npz")
    sample = getattr(samplers, name.partition("_")[0])
    assert (
        relative(sample(denoiser_of(f"{name}_5", recorded), recorded["x_T"], SCHEDULE, 5), recorded["final"]) <= CLOSE
    )


def test_each_term_of_double_guidance_matches() -> None:
    recorded, start = golden.arrays(golden.FIRST_CALL), golden.arrays("sampler_dpm_dg_5.npz")
    noise, time = start["x_T"], float(recorded["t_input"][0])
    predict = predictor(tiny("unet"))
    likely = judge(tiny("alignment"), start["origin_cond"])
    assert relative(predict(noise, time, start["uncond"]), recorded["eps_uncond"]) <= CLOSE
    assert relative(predict(noise, time, start["context"]), recorded["eps_cond"]) <= CLOSE
    assert relative(likely(noise, time).exp()[:, None], recorded["prob"]) <= CLOSE
    assert relative(guidance.gradient(likely, noise, time), recorded["grad_logp"]) <= CLOSE
    assert SCHEDULE.sigma(time) == pytest.approx(float(recorded["sigma"][0]), rel=1e-6)
    assert relative(denoiser_of("dg", start)(noise, time), recorded["eps_guided"]) <= CLOSE


@pytest.mark.heavy
def test_contexts_as_in_training_match_too() -> None:
    recorded, start = golden.arrays("sampler_variants_dg_5.npz"), golden.arrays("sampler_dpm_dg_5.npz")
    context, rows = start["context"], start["origin_cond"][:, : start["context"].shape[1]]
    alignment, embed, predict = tiny("alignment"), tiny("condition"), predictor(tiny("unet"))
    null = embed(torch.zeros_like(rows))
    scale, classifier_scale = golden.guidance_scales()
    assert relative(null, recorded["uncond_embed"]) <= CLOSE

    def made(null: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        slope = partial(guidance.gradient, judge(alignment, rows))
        double = guidance.double(predict, context, null, scale, slope, classifier_scale, SCHEDULE)
        return samplers.dpm_solver_pp_2m(double, start["x_T"], SCHEDULE, len(start["x_in"]))

    zeros = start["uncond"]
    assert relative(made(zeros, alignment.cond_model(rows)), recorded["origin_cond_is_cond_model_out"]) <= CLOSE
    assert relative(made(zeros, rows), recorded["origin_cond_first32_raw"]) <= CLOSE
    assert relative(made(null, start["origin_cond"]), recorded["uncond_is_cond_stage_of_zeros"]) <= CLOSE


def test_the_sampled_latents_decode_alike() -> None:
    recorded, vae = golden.arrays("sampler_dpm_dg_5.npz"), tiny("vae")
    decoded = vae.decode(recorded["final"] / vae.config.scaling_factor, return_dict=False)[0][:, 0]
    assert relative(decoded, recorded["decoded_ch0"]) <= CLOSE


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_full_size_double_guidance_ends_alike() -> None:
    recorded, conditions = golden.arrays("full_sampler_dpm_dg_5.npz"), golden.arrays("full_cond.npz")
    context = conditions["ldm_cond"]
    likely = judge(golden.full_size("alignment"), conditions["video_feat"])
    scale, classifier_scale = golden.guidance_scales()
    double = guidance.double(
        predictor(golden.full_size("unet")),
        context,
        torch.zeros_like(context),
        scale,
        partial(guidance.gradient, likely),
        classifier_scale,
        SCHEDULE,
    )
    noise = golden.recipe().normal(1008, *recorded["final"].shape)
    assert relative(samplers.dpm_solver_pp_2m(double, noise, SCHEDULE, 5), recorded["final"]) <= CLOSE


def test_the_schedule_matches() -> None:
    recorded, grid = golden.arrays("schedule.npz"), golden.arrays("dpm_time_grid_25.npz")
    steps = len(grid["t"]) - 1
    assert SCHEDULE.betas == pytest.approx(recorded["betas"].numpy(), rel=1e-5)
    assert SCHEDULE.alphas_cumprod == pytest.approx(recorded["alphas_cumprod"].numpy(), rel=1e-5)
    assert (1000 * grid["t"] - 1).numpy() == pytest.approx(grid["t_input"].numpy(), abs=1e-3)
    assert SCHEDULE.uniform_times(steps) == pytest.approx(grid["t_input"].numpy(), abs=1e-3)
    of_times: dict[str, Callable[[float], float]] = {
        "log_alpha": SCHEDULE.log_alpha, "sigma": SCHEDULE.sigma, "lamb": SCHEDULE.log_snr,
    }  # fmt: skip
    for name, of_time in of_times.items():
        ours = [of_time(time) for time in SCHEDULE.uniform_times(steps)]
        assert ours == pytest.approx(grid[name].numpy(), rel=1e-4, abs=1e-5), name
