"""What the bench tells of a job's stages."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footfall_engine.bench import fullsize
from footfall_engine.bench.published import MEASURED_STEPS, Costs, _Watch
from footfall_engine.models.foleycrafter.detector import Detector
from footfall_engine.models.hifigan import Geometry

from tests.engine.neural import tiny_vta
from tests.engine.neural.tiny import CPU
from tests.engine.neural.tiny_vta import VISION

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers, numpy 2

SMALL = {
    "SD_UNET": {
        "block_out_channels": (8, 16), "attention_head_dim": 2, "layers_per_block": 1, "norm_num_groups": 8,
        "cross_attention_dim": 16, "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    },
    "SD_VAE": {
        "block_out_channels": (8,) * 4, "layers_per_block": 1, "norm_num_groups": 8,
        "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
    },
    "VIT_H": {**VISION, "patch_size": 8, "image_size": 32},
    "SD_TEXT": {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2},
    "AUFFUSION_VOICE": Geometry(256, 32, upsample_kernel_sizes=(11, 8, 4, 4, 4), exact_length=True),
}  # fmt: skip
"""What fullsize.py has, smaller."""

STAGES = ["looking: clip", "step", "latents to spectrogram", "spectrogram to sound"]


def test_a_watched_job_tells_each_of_its_stages(tmp_path: Path) -> None:
    watch = _Watch()
    tiny_vta.tiny_model(tmp_path).generate(watch.conditions(MEASURED_STEPS), [0], watch.heard)
    costs = watch.costs("cpu", "float32")
    assert list(costs.seconds) == STAGES == list(costs.memory_gb)
    assert all(took > 0 for took in costs.seconds.values())
    held = list(costs.memory_gb.values())
    assert held == sorted(held) and held[0] > 0


@pytest.mark.parametrize("model", [fullsize.RandomFoleyCrafter, fullsize.RandomSmoothFoley])
def test_random_networks_do_for_a_watched_job(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, sizes in SMALL.items():
        monkeypatch.setattr(fullsize, name, sizes)
    monkeypatch.setattr(fullsize.detector, "Detector", partial(Detector, (4, 4, 4, 4)))
    watch = _Watch()
    made = model(runtime=CPU, folder=Path(model.__name__)).generate(watch.conditions(MEASURED_STEPS), [0], watch.heard)
    assert np.isfinite(made.audio).all() and made.audio.shape == (1, 1, 8 * 16_000)
    looks = {stage for stage in watch.costs("cpu", "float32").seconds if stage.startswith("looking")}
    assert len(looks) == 2, "CLIP and the detector"


@pytest.mark.parametrize(("steps", "seconds"), [(0, 6.0), (25, 56.0), (300, 606.0)])
def test_a_whole_sample_is_reckoned_from_a_step_and_what_is_done_once(steps: int, seconds: float) -> None:
    costs = Costs("cpu", "float32", dict(zip(STAGES, [1.0, 2.0, 2.0, 3.0], strict=True)), {})
    assert costs.whole(steps) == pytest.approx(seconds)
