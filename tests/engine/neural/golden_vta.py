"""Recorded weights, inputs and outputs of the original VTA-LDM and FoleyCrafter.

FOOTFALL_GOLDEN_VTA names their folder; a test whose file is not there is skipped.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from footfall_engine.models.weights import Weights

from tests.clips import SHARED
from tests.engine.neural.golden import Recorded, there
from tests.engine.neural.golden import torch as torch

pytest.importorskip("transformers", reason="neural models need the 'neural' extra")

VTA = Recorded.of("vta", "FOOTFALL_GOLDEN_VTA")
file, arrays = VTA.file, VTA.arrays
CLOSE = 1e-4  # of networks
ROUNDING = 1e-5  # of samplers, as a share of what they make

CLIPS = {"avsync_0": "dog_two_barks", "avsync_1": "pistol"}
"""Clips whose pictures were recorded, by what they are called in the shared media folder."""


def weights(name: str) -> Weights:
    return VTA.weights(f"{name}.safetensors")


def config(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file(f"{name}.json").read_text())
    return found


def clip(recorded: str) -> Path:
    return there(SHARED / "media" / "sync" / f"{CLIPS[recorded]}.mp4")
