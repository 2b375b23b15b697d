"""Narrow numbers and other devices: how far latents may be from those of the original, at full size."""

from __future__ import annotations

from functools import partial

import pytest
from footfall_engine.diffusion import guidance, samplers
from footfall_engine.models.diff_foley import networks
from footfall_engine.models.diff_foley.model import SCHEDULE
from footfall_engine.models.runtime import Runtime, fitting_precision

from tests.engine.neural import golden
from tests.engine.neural.golden import torch

WITHIN = 0.03  # of the latents' norm
STEPS = 5  # where they are not recorded

on_gpu = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
]
DEVICES = [pytest.param("cuda", marks=on_gpu), "cpu"]


@pytest.mark.parity
@pytest.mark.heavy
@pytest.mark.parametrize("device", DEVICES)
def test_latents_of_tiny_networks_in_bfloat16_stay_near_the_recorded_ones(device: str) -> None:
    recorded = golden.arrays("sampler_dpm_dg_5.npz")
    shape, runtime = golden.tiny_shape(), Runtime(torch.device(device), torch.bfloat16)
    unet = runtime.with_wide_sums(networks.unet(golden.ldm_weights(), shape, "tiny"))
    judge = networks.alignment(golden.weights("classifier_tiny.safetensors"), shape, "tiny")
    assert off_by(recorded, unet, runtime.on_device(judge), recorded["origin_cond"], runtime) <= WITHIN


def off_by(
    recorded: dict[str, torch.Tensor],
    unet: torch.nn.Module,
    judge: torch.nn.Module,
    rows: torch.Tensor,
    runtime: Runtime,
) -> float:
    """Distance of our final latents from those recorded, as a share of their norm."""
    narrow = {"device": runtime.device, "dtype": runtime.precision}
    context, null, seen = (each.to(**narrow) for each in (recorded["context"], recorded["uncond"], rows))

    def predict(latents: torch.Tensor, time: float, given: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return unet(latents, time, given, return_dict=False)[0]

    def likely(latents: torch.Tensor, time: float) -> torch.Tensor:
        return judge.model(
            latents.to(runtime.precision), torch.full((len(latents),), time, device=runtime.device), seen
        )

    slope = partial(guidance.gradient, likely)
    scale, classifier_scale = golden.guidance_scales()
    double = guidance.double(predict, context, null, scale, slope, classifier_scale, SCHEDULE)
    steps = len(recorded["x_in"]) if "x_in" in recorded else STEPS
    made = samplers.dpm_solver_pp_2m(double, recorded["x_T"].to(runtime.device), SCHEDULE, steps).cpu()
    return float((made - recorded["final"]).norm() / recorded["final"].norm())


@pytest.mark.parity
@pytest.mark.heavy
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("device", DEVICES)
def test_latents_in_the_devices_own_precision_stay_near_the_recorded_ones(device: str) -> None:
    runtime = Runtime(torch.device(device), fitting_precision(torch.device(device)))
    if runtime.precision == torch.float32:
        pytest.skip("computes in float32, which is compared more closely elsewhere")
    recorded, conditions = golden.arrays("full_sampler_dpm_dg_5.npz"), golden.arrays("full_cond.npz")
    unet = runtime.with_wide_sums(golden.full_size("unet"))
    judge = runtime.on_device(golden.full_size("alignment"))
    recorded["x_T"] = golden.recipe().normal(1008, *recorded["final"].shape)
    recorded["context"] = conditions["ldm_cond"]
    recorded["uncond"] = torch.zeros_like(recorded["context"])
    distance = off_by(recorded, unet, judge, conditions["video_feat"], runtime)
    golden.full_size.cache_clear()  # those networks are no longer as recorded
    assert distance <= WITHIN
