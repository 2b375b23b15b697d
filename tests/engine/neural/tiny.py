"""A Diff-Foley of toy size with random weights, on disk as the published one would be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="neural models need the 'neural' extra")
pytest.importorskip("diffusers", reason="neural models need the 'neural' extra")

from footfall_bridge.errors import JobCancelled  # noqa: E402
from footfall_bridge.messages import Controls  # noqa: E402
from footfall_engine.media.video import Frame  # noqa: E402
from footfall_engine.models.base import Conditions, Model  # noqa: E402
from footfall_engine.models.diff_foley import networks  # noqa: E402
from footfall_engine.models.diff_foley.cavp import CavpShape  # noqa: E402
from footfall_engine.models.diff_foley.classifier import ClassifierShape  # noqa: E402
from footfall_engine.models.diff_foley.latent import UNetShape, VaeShape  # noqa: E402
from footfall_engine.models.diff_foley.model import FILES, DiffFoley  # noqa: E402
from footfall_engine.models.parts import converted  # noqa: E402
from footfall_engine.models.runtime import Runtime  # noqa: E402
from footfall_engine.progress import no_progress  # noqa: E402

SHAPE = networks.Shape(
    cavp=CavpShape(base_channels=2, features=16, audio_channels=None),
    unet=UNetShape(channels=32, multipliers=(1, 1), layers=1, attention_at=(2,), heads=2, context=16),
    vae=VaeShape(channels=32, multipliers=(1, 1, 1, 1), layers=1),
    classifier=ClassifierShape(channels=32, multipliers=(1, 1), heads=2, attention_at=(2,), features=16),
)
CPU = Runtime(torch.device("cpu"), torch.float32)


def random_weights(name: str, seed: int = 0) -> dict[str, Any]:
    """A network's tensors under their original keys."""
    generator = torch.Generator().manual_seed(seed)
    made = {}
    for key, size in networks.original_shapes(name, SHAPE).items():
        values = torch.randn(size, generator=generator) / max(1.0, float(np.prod(size[1:]))) ** 0.5
        made[key] = values.abs() + 0.5 if key.endswith(("running_var", "norm.weight")) else values
    if name == "vae":  # so that what is decoded lies between silence and the loudest
        made["first_stage_model.decoder.conv_out.weight"] *= 0.1
        made["first_stage_model.decoder.conv_out.bias"] = torch.full((3,), 0.5)
    return made


def write_checkpoints(folder: Path) -> None:
    """Pickled checkpoints with the published names, each with what training leaves in them."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in set(FILES.values()):
        state = {key: value for name in FILES if FILES[name] == file for key, value in random_weights(name).items()}
        state["betas"] = torch.zeros(10)
        if file == FILES["cavp"]:
            state.pop("betas")
            state = {f"module.{key}": value for key, value in state.items()}
        torch.save(
            {"state_dict": state, "epoch": 3, "optimizer_states": [{"exp_avg": torch.zeros(1000)}]}, folder / file
        )


def tiny_model(folder: Path, **options: Any) -> DiffFoley:
    if not converted(folder / FILES["cavp"]).is_file():
        write_checkpoints(folder)
    return DiffFoley(folder=folder, shape=SHAPE, **{"runtime": CPU, **options})


class Film:
    """Grey pictures that grow lighter with time, and the times that were asked for."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def __call__(self, times: Sequence[float]) -> Iterator[Frame]:
        for time in times:
            self.asked.append(time)
            yield Frame(time, np.full((36, 64, 3), int(10 * time) % 256, np.uint8))


def conditions(duration: float, **changes: Any) -> Conditions:
    given: dict[str, Any] = {
        "duration": duration, "start": 0.0, "channels": 2, "prompt": "", "negative": "", "hits": (),
        "motion": np.zeros(1, np.float32), "motion_x": np.zeros(1, np.float32), "activity": 0.0, "frames": Film(),
    }  # fmt: skip
    controls = {"steps": 2} | {name: changes.pop(name) for name in Controls.model_fields if name in changes}
    return Conditions(**given | {"controls": Controls(**controls)} | changes)


def check_progress(model: Model, steps: int, fewest: int) -> None:
    """It rises by `fewest` values at least, and whoever hears of it can stop the work at any step."""
    model.generate(conditions(0.5, steps=1), [1], no_progress)  # networks are loaded, and tell of it, but once
    heard: list[float] = []
    model.generate(conditions(1.0, steps=steps), [1], heard.append)
    assert heard == sorted(heard)
    assert len(set(heard)) >= fewest
    for stop_after in (1, len(heard) // 2, len(heard) - 1):
        left = iter(range(stop_after))

        def progress(fraction: float, left: Any = left) -> None:
            if next(left, None) is None:
                raise JobCancelled("enough")

        with pytest.raises(JobCancelled):
            model.generate(conditions(1.0, steps=steps), [1], progress)
