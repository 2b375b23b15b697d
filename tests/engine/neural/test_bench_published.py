"""What the bench tells of a job's stages."""

from __future__ import annotations

from pathlib import Path

import pytest
from footfall_engine.bench.published import MEASURED_STEPS, Costs, _Watch

from tests.engine.neural import tiny_vta

STAGES = ["looking: clip", "step", "latents to spectrogram", "spectrogram to sound"]


def test_a_watched_job_tells_each_of_its_stages(tmp_path: Path) -> None:
    watch = _Watch()
    tiny_vta.tiny_model(tmp_path).generate(watch.conditions(MEASURED_STEPS), [0], watch.heard)
    costs = watch.costs("cpu", "float32")
    assert list(costs.seconds) == STAGES == list(costs.memory_gb)
    assert all(took > 0 for took in costs.seconds.values())
    held = list(costs.memory_gb.values())
    assert held == sorted(held) and held[0] > 0


@pytest.mark.parametrize(("steps", "seconds"), [(0, 6.0), (25, 56.0), (300, 606.0)])
def test_a_whole_sample_is_reckoned_from_a_step_and_what_is_done_once(steps: int, seconds: float) -> None:
    costs = Costs("cpu", "float32", dict(zip(STAGES, [1.0, 2.0, 2.0, 3.0], strict=True)), {})
    assert costs.whole(steps) == pytest.approx(seconds)
