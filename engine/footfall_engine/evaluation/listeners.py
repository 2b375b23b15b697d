"""Networks that hear what a sound is: which file each needs, where it is looked for and how to get it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footfall_engine.extras import how_to_install
from footfall_engine.models.parts import converted
from footfall_engine.models.store import model_folder

if TYPE_CHECKING:
    from torch import Tensor

_PACKAGES = ("torch", "safetensors", "transformers")


@dataclass(frozen=True)
class Listener:
    name: str
    folder_name: str  # among the models' folders
    file: str  # that it is not without
    how: str  # to get it; {folder} is where
    licence: str

    @property
    def folder(self) -> Path:
        return model_folder(self.folder_name)

    @property
    def path(self) -> Path:
        return self.folder / self.file

    def lacking(self) -> str:
        """What it needs and does not have, and how to get that; "" when all is there."""
        if any(find_spec(package) is None for package in _PACKAGES):
            return f"{self.name} needs more than Footfall's base; {how_to_install('neural')}"
        if self.path.is_file() or converted(self.path).is_file():
            return ""
        return f"{self.name} needs {self.path} ({self.licence}): {self.how.format(folder=self.folder)}"


PANNS = Listener(
    "PANNs",
    "panns",
    "Cnn14_16k_mAP=0.438.pth",
    "https://zenodo.org/records/3987831/files/Cnn14_16k_mAP%3D0.438.pth",
    "CC-BY-4.0",
)
VGGISH = Listener(
    "VGGish",
    "vggish",
    "vggish-10086976.pth",
    "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
    "Apache-2.0",
)
CLAP = Listener(
    "CLAP",
    "clap",
    "config.json",
    'hf download laion/larger_clap_general --local-dir "{folder}"',
    "Apache-2.0",
)


def loaded(path: Path) -> dict[str, Tensor]:
    """The tensors of a published checkpoint, converted once; training left arrays of numbers in some."""
    import torch

    from footfall_engine.models.weights import read_weights, ready_weights

    with torch.serialization.safe_globals(_arrays()):
        ready = ready_weights(path.parent.name, path.name, path.parent)
    return read_weights(ready)


def length(weights: Mapping[str, Tensor], key: str) -> int:
    """Of a tensor's first axis; 1 where there is none, whose lack is told when the network is filled."""
    return len(weights[key]) if key in weights else 1


def _arrays() -> list[Any]:
    """What an array of numpy's needs to be unpickled, under its older and its newer name; none of it runs code."""
    import numpy as np
    from numpy._core.multiarray import _reconstruct, scalar

    modules = ("numpy.core.multiarray", "numpy._core.multiarray")
    functions = [(each, f"{module}.{each.__name__}") for module in modules for each in (_reconstruct, scalar)]
    kinds = [type(np.dtype(code)) for code in np.typecodes["AllInteger"] + np.typecodes["AllFloat"] + "?"]
    return [*functions, np.ndarray, np.dtype, *set(kinds)]
