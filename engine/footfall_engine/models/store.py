"""Weights of models on this machine: where they lie, fetching, checking and removing them.

Nothing here imports torch before it is needed, so that listing models stays quick. Each published checkpoint becomes
one .safetensors file with its sha256 beside it, in the format of ``sha256sum``.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footfall_bridge.errors import (
    BadRequest,
    DiskFull,
    EngineFault,
    FootfallError,
    ModelFailed,
    WeightsMissing,
    WeightsUnusable,
)

from footfall_engine.config import Settings

if TYPE_CHECKING:
    from footfall_engine.models.registry import ModelRow

log = logging.getLogger(__name__)

SAFETENSORS = ".safetensors"
CHECKSUM = ".sha256"
_DOWNLOADS = "download"  # subfolder, gone when all is there
_READ_BYTES = 2**22
_NEURAL_PACKAGES = ("torch", "diffusers", "safetensors", "transformers", "huggingface_hub")
_LFS_DIGITS = 64  # the hub's tag of a large file is its sha256


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
    return [file for file in row.hub_files if not _is_here(row, file)]


def _is_here(row: ModelRow, file: str) -> bool:
    path = model_folder(row.weights_folder) / file
    return path.is_file() or converted(path).is_file()


def weights_missing(model: str, files: list[str], folder: Path) -> WeightsMissing:
    return WeightsMissing(
        f"the weights of {model} are not on this machine: `footfall models pull {model}` fetches them, "
        f"or put {', '.join(files)} into {folder}"
    )


def require_neural(name: str) -> None:
    """ModelFailed when what neural models stand on is not installed."""
    if any(find_spec(package) is None for package in _NEURAL_PACKAGES):
        raise ModelFailed(f"the model {name} needs more than Footfall's base: python -m pip install 'footfall[neural]'")


# ---- fetching


def pull(row: ModelRow, say: Callable[[str], None]) -> Path:
    """Fetch and convert what is missing of a model's weights; their folder.

    A broken download goes on where it stopped. Raises BadRequest for a model without weights, DiskFull, WeightsUnusable
    for a file that is not what the hub says it is, or EngineFault when the hub cannot be reached.
    """
    if not row.hub_files:
        raise BadRequest(f"the model {row.name} needs no weights")
    require_neural(row.name)
    from footfall_engine.models.weights import convert

    folder = model_folder(row.weights_folder)
    for file, place in _on_hub(row).items():
        say(f"fetching {file}")
        fetched = _fetched(row, place, folder / _DOWNLOADS)
        say(f"converting {file}")
        convert(fetched, converted(folder / file))
        fetched.unlink()
    shutil.rmtree(folder / _DOWNLOADS, ignore_errors=True)
    for file in (*row.hub_files, *row.hub_extras):
        if (folder / file).is_file() and not converted(folder / file).is_file():
            say(f"converting {file}")
            convert(folder / file, converted(folder / file))
    return folder


def _on_hub(row: ModelRow) -> dict[str, str]:
    """Where in its repository each file lies that is not here yet; the hub keeps some in folders."""
    missing = missing_files(row)
    if not missing:
        return {}
    from huggingface_hub import HfApi

    with _reaching_the_hub(row):
        there = [each.rfilename for each in HfApi().model_info(row.hub_repository).siblings or []]
    wanted = [*missing, *(file for file in row.hub_extras if not _is_here(row, file))]
    places = {file: place for file in wanted for place in there if place.rpartition("/")[2] == file}
    if lost := [file for file in missing if file not in places]:
        raise WeightsMissing(f"{row.hub_repository} does not hold {', '.join(lost)} any more")
    return places


def _fetched(row: ModelRow, place: str, folder: Path) -> Path:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    folder.mkdir(parents=True, exist_ok=True)
    with _reaching_the_hub(row):
        facts = get_hf_file_metadata(hf_hub_url(row.hub_repository, place))
        _check_room(folder, 2 * (facts.size or 0), place)
        path = Path(hf_hub_download(row.hub_repository, place, local_dir=folder))
    if len(facts.etag or "") == _LFS_DIGITS and sha256_of(path) != facts.etag:
        path.unlink()
        raise WeightsUnusable(f"{place} arrived damaged; fetch it once more")
    return path


class _reaching_the_hub:
    """Turns whatever goes wrong on the way to the hub into one sentence."""

    def __init__(self, row: ModelRow) -> None:
        self._row = row

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, FootfallError) or not isinstance(error, Exception):
            return
        folder = model_folder(self._row.weights_folder)
        raise EngineFault(
            f"the weights of {self._row.name} cannot be fetched from {self._row.hub_repository}; "
            f"you can also put {', '.join(self._row.hub_files)} into {folder} yourself",
            detail=repr(error),
        ) from error


def _check_room(folder: Path, needed_bytes: int, what: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise DiskFull(f"{what} needs {needed_bytes / 1e9:.1f} GB in {folder}, and {free / 1e9:.1f} GB are free")


# ---- checking


@dataclass(frozen=True)
class Checked:
    """A file of weights, and what was found."""

    file: str
    good: bool
    found: str


def verify(row: ModelRow) -> Iterator[Checked]:
    """Whether each file is there, unchanged since it was converted, and holds what the model needs."""
    folder = model_folder(row.weights_folder)
    for file in (*row.hub_files, *(file for file in row.hub_extras if _is_here(row, file))):
        yield _checked(converted(folder / file), folder / file)
    if not missing_files(row):
        yield _fits(row)


def _checked(path: Path, checkpoint: Path) -> Checked:
    if not path.is_file():
        there = checkpoint.is_file()
        return Checked(checkpoint.name, there, "there, to be converted when it is used" if there else "missing")
    noted = _noted_sum(path)
    if noted is None:
        return Checked(path.name, True, "there, without a checksum")
    same = sha256_of(path) == noted
    return Checked(path.name, same, "unchanged" if same else "changed since it was converted")


def _fits(row: ModelRow) -> Checked:
    from footfall_engine.models.registry import load_model

    check = getattr(load_model(row.name), "check", None)
    try:
        if check is not None:
            check()
    except FootfallError as error:
        return Checked(row.name, False, error.message)
    return Checked(row.name, True, "all networks find their weights")


def note_sum(path: Path) -> None:
    """Keep a file's sha256 beside it."""
    path.with_name(path.name + CHECKSUM).write_text(f"{sha256_of(path)}  {path.name}\n", encoding="ascii")


def _noted_sum(path: Path) -> str | None:
    try:
        return path.with_name(path.name + CHECKSUM).read_text(encoding="ascii").split()[0]
    except (OSError, UnicodeDecodeError, IndexError):
        return None


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


# ---- removing


def remove(row: ModelRow) -> int:
    """Delete a model's weights; how many bytes that freed. Files that are not of the model stay."""
    folder = model_folder(row.weights_folder)
    freed = 0
    for file in (*row.hub_files, *row.hub_extras):
        ready = converted(folder / file)
        for path in (folder / file, ready, ready.with_name(ready.name + CHECKSUM)):
            if path.is_file():
                freed += path.stat().st_size
                path.unlink()
    shutil.rmtree(folder / _DOWNLOADS, ignore_errors=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
    return freed
