"""Narrow numbers and other devices: how far latents may be from those of the original, at full size."""

from __future__ import annotations

import pytest
from footfall_engine.diffusion import guidance, samplers
from footfall_engine.models.diff_foley.model import CLASSIFIER_SCALE, GUIDANCE, SCHEDULE
from footfall_engine.models.runtime import Runtime, fitting_precision

from tests.engine.neural import golden
from tests.engine.neural.golden import torch

WITHIN = 0.03  # of the latents' norm
STEPS = 5

on_gpu = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
]
DEVICES = [pytest.param("cuda", marks=on_gpu), "cpu"]


@pytest.mark.parity
@pytest.mark.heavy
@pytest.mark.parametrize("device", DEVICES)
def test_latents_in_the_devices_own_precision_stay_near_the_recorded_ones(device: str) -> None:
    runtime = Runtime(torch.device(device), fitting_precision(torch.device(device)))
    if runtime.precision == torch.float32:
        pytest.skip("computes in float32, which is compared more closely elsewhere")
    recorded, conditions = golden.arrays("full_sampler_dpm_dg_5.npz"), golden.arrays("full_cond.npz")
    unet, alignment = (runtime.on_device(golden.full_size(name)) for name in ("unet", "alignment"))
    context, rows = (conditions[name].to(runtime.device, runtime.precision) for name in ("ldm_cond", "video_feat"))

    def predict(latents: torch.Tensor, time: float, seen: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return unet(latents.to(runtime.precision), time, seen, return_dict=False)[0].float()

    def likely(latents: torch.Tensor, time: float) -> torch.Tensor:
        x = latents.to(runtime.precision)
        return alignment.model(x, torch.full((len(x),), time, device=x.device), rows)

    null = torch.zeros_like(context)
    double = guidance.double(predict, context, null, GUIDANCE, likely, CLASSIFIER_SCALE, SCHEDULE)
    noise = golden.recipe().normal(1008, *recorded["final"].shape).to(runtime.device)
    made = samplers.dpm_solver_pp_2m(double, noise, SCHEDULE, STEPS).cpu()
    golden.full_size.cache_clear()  # those networks are no longer as recorded
    assert float((made - recorded["final"]).norm() / recorded["final"].norm()) <= WITHIN
