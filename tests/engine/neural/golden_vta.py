"""Recorded weights, inputs and outputs of the original VTA-LDM and FoleyCrafter.

FOOTFALL_GOLDEN_VTA names their folder; a test whose file is not there is skipped.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="neural models need the 'neural' extra")
pytest.importorskip("diffusers", reason="neural models need the 'neural' extra")
pytest.importorskip("transformers", reason="neural models need the 'neural' extra")

from footfall_engine.models.weights import Weights, read_weights  # noqa: E402

from tests.clips import SHARED  # noqa: E402

FOLDER = Path(
    os.environ.get("FOOTFALL_GOLDEN_VTA") or Path(__file__).parents[4] / "shared" / "golden" / "vta"
).absolute()
CLOSE = 1e-4  # of networks
ROUNDING = 1e-5  # of samplers, as a share of what they make

CLIPS = {"avsync_0": "dog_two_barks", "avsync_1": "pistol"}
"""Clips whose pictures were recorded, by what they are called in the shared media folder."""


def file(name: str) -> Path:
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return path


def arrays(name: str) -> dict[str, torch.Tensor]:
    with np.load(file(name)) as stored:
        return {key: torch.from_numpy(stored[key]) for key in stored.files}


def weights(name: str) -> Weights:
    return read_weights(file(f"{name}.safetensors"))


def config(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file(f"{name}.json").read_text())
    return found


def clip(recorded: str) -> Path:
    path = SHARED / "media" / "sync" / f"{CLIPS[recorded]}.mp4"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return path
