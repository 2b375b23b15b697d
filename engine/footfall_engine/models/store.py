"""Where the weights of models lie, and whether they are there; without torch, so that listing models stays quick."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from footfall_engine.config import Settings

if TYPE_CHECKING:
    from footfall_engine.models.registry import ModelRow

SAFETENSORS = ".safetensors"


def models_folder() -> Path:
    """A folder of folders, one for each model's weights; FOOTFALL_MODELS says where it is."""
    named = os.environ.get("FOOTFALL_MODELS")
    return Path(named).expanduser().absolute() if named else Settings.load().data_folder / "models"


def model_folder(name: str) -> Path:
    return models_folder() / name


def converted(checkpoint: Path) -> Path:
    """The file that a published checkpoint becomes."""
    return checkpoint.with_suffix(SAFETENSORS)


def missing_files(row: ModelRow) -> list[str]:
    """The published files of a model that are here neither as they are nor converted."""
    folder = model_folder(row.weights_folder)
    return [file for file in row.hub_files if not (folder / file).is_file() and not converted(folder / file).is_file()]
