"""Sizes of a Diff-Foley that is not the published one: config.json beside its checkpoints.

    {"unet": {"channels": 192, "heads": 6}, "cavp": {"base_channels": 32}}

Keys are those of `Shape` and of the shapes in it; what is left out is as published.
"""

from __future__ import annotations

from pathlib import Path

from footfall_bridge.errors import WeightsUnusable
from pydantic import TypeAdapter, ValidationError

from footfall_engine.models.diff_foley.networks import Shape

FILE = "config.json"


def shape_in(folder: Path) -> Shape:
    """The sizes of the networks whose weights lie in `folder`; WeightsUnusable names a value that cannot be one."""
    path = folder / FILE
    if not path.is_file():
        return Shape()
    try:
        return TypeAdapter(Shape).validate_json(path.read_bytes())
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(map(str, fault["loc"])) or "its text"
        raise WeightsUnusable(f"{path}: {where}: {fault['msg']}", detail=str(error)) from error
