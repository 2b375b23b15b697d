"""Recorded weights, inputs and outputs of the original Diff-Foley; FOOTFALL_GOLDEN names their folder."""

from __future__ import annotations

import importlib.util
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="neural models need the 'neural' extra")
pytest.importorskip("diffusers", reason="neural models need the 'neural' extra")

from footfall_engine.models.diff_foley import networks  # noqa: E402
from footfall_engine.models.diff_foley.cavp import CavpShape  # noqa: E402
from footfall_engine.models.diff_foley.classifier import ClassifierShape  # noqa: E402
from footfall_engine.models.diff_foley.latent import UNetShape, VaeShape  # noqa: E402
from footfall_engine.models.weights import Weights, read_weights  # noqa: E402

from tests.clips import SHARED  # noqa: E402


@dataclass(frozen=True)
class Recorded:
    """A folder of weights, inputs and outputs of originals; a test whose file is not there is skipped."""

    folder: Path

    @classmethod
    def of(cls, name: str, variable: str) -> Recorded:
        """That of the environment variable, or else the one of this name in the shared media folder."""
        return cls(Path(os.environ.get(variable) or SHARED / "golden" / name).absolute())

    def file(self, name: str) -> Path:
        return there(self.folder / name)

    def arrays(self, name: str) -> dict[str, torch.Tensor]:
        """The numeric arrays of an .npz file."""
        with np.load(self.file(name)) as stored:
            return {key: torch.from_numpy(stored[key]) for key in stored.files if stored[key].dtype.kind in "fiub"}

    def notes(self, name: str) -> dict[str, Any]:
        """The texts of an .npz file, which are JSON."""
        with np.load(self.file(name)) as stored:
            return {key: json.loads(str(stored[key])) for key in stored.files if stored[key].dtype.kind == "U"}

    def weights(self, *names: str) -> Weights:
        """Tensors of several files together."""
        return {key: tensor for name in names for key, tensor in read_weights(self.file(name)).items()}


def there(path: Path) -> Path:
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return path


DIFF_FOLEY = Recorded.of("diff-foley", "FOOTFALL_GOLDEN")
file, arrays, notes, weights = DIFF_FOLEY.file, DIFF_FOLEY.arrays, DIFF_FOLEY.notes, DIFF_FOLEY.weights


@cache
def recipe() -> ModuleType:
    """The module that derives weights from their keys, and inputs from seeds."""
    spec = importlib.util.spec_from_file_location("golden_recipe", file("recipe.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ldm_weights() -> Weights:
    return weights("ldm_tiny_unet.safetensors", "ldm_tiny_vae.safetensors", "ldm_tiny_rest.safetensors")


@cache
def tiny_shape() -> networks.Shape:
    """Sizes of the tiny networks, from their configurations, and for CAVP from its weights."""
    configs = json.loads(file("tiny_configs.json").read_text())
    ldm, judge = configs["ldm"]["params"], configs["classifier"]["params"]["classifier_config"]["params"]
    unet, autoencoder = ldm["unet_config"]["params"], ldm["first_stage_config"]["params"]["ddconfig"]
    cavp = weights("cavp_video_tiny.safetensors")
    return networks.Shape(
        cavp=CavpShape(
            base_channels=cavp["video_encoder.conv1.conv.weight"].shape[0],
            features=cavp["video_project_head.weight"].shape[0],
            audio_channels=None,
        ),
        unet=UNetShape(**_unet_sizes(unet), context=unet["context_dim"]),
        vae=VaeShape(
            latent_channels=autoencoder["z_channels"],
            channels=autoencoder["ch"],
            multipliers=tuple(autoencoder["ch_mult"]),
            layers=autoencoder["num_res_blocks"],
        ),
        classifier=ClassifierShape(**_unet_sizes(judge), features=judge["context_dim"]),
        longest_rows=ldm["cond_stage_config"]["params"]["seq_len"],
    )


def _unet_sizes(params: dict[str, Any]) -> dict[str, Any]:
    return {
        "latent_channels": params["in_channels"],
        "channels": params["model_channels"],
        "multipliers": tuple(params["channel_mult"]),
        "layers": params["num_res_blocks"],
        "attention_at": tuple(params["attention_resolutions"]),
        "heads": params["num_heads"],
    }


FIRST_CALL = "sampler_first_call_internals.npz"


@cache
def guidance_scales() -> tuple[float, float]:
    """Of classifier-free and of classifier guidance, as the terms of the first recorded call were added up."""
    if not (DIFF_FOLEY.folder / FIRST_CALL).is_file():
        return 4.5, 50.0
    terms = arrays(FIRST_CALL)
    given = terms["eps_cond"] - terms["eps_uncond"]
    likelier = -terms["sigma"][:, None, None, None] * terms["grad_logp"]
    added = terms["eps_guided"] - terms["eps_uncond"]
    sides = torch.stack([given.flatten(), likelier.flatten()], dim=1).double()
    scale, classifier_scale = torch.linalg.lstsq(sides, added.flatten()[:, None].double()).solution[:, 0].tolist()
    return round(scale, 4), round(classifier_scale, 2)


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Greatest absolute difference; shapes must be the same."""
    assert tuple(ours.shape) == tuple(theirs.shape)
    return float((ours.double() - theirs.double()).abs().max())


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Greatest absolute difference as a share of the recorded values' own spread."""
    return difference(ours, theirs) / max(1e-12, float(theirs.double().abs().max()))


@cache
def full_size(name: str) -> torch.nn.Module:
    """A network of the published size, its weights derived from their original keys."""
    shape = networks.Shape()
    make = networks.whole_cavp if name == "cavp" else getattr(networks, name)
    return make(_recipe_weights(name, shape), shape, "recipe")


def _recipe_weights(name: str, shape: networks.Shape) -> Weights:
    derived = recipe()
    wanted = networks.original_shapes(name, shape)
    learned = {key: size for key, size in wanted.items() if len(size) and key not in derived.SKIP}
    with ThreadPoolExecutor(2) as pool:
        values = dict(zip(learned, pool.map(derived.value, learned, learned.values()), strict=True))
    if "logit_scale" in wanted:  # untouched by the recipe: as it is before training
        values["logit_scale"] = torch.tensor(1 / 0.07).log()
    return values
