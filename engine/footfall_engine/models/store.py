"""Weights of models on this machine: where they lie, fetching, checking and removing them.

Nothing here imports torch before it is needed, so that listing models stays quick. Beside each file or folder that was
fetched or converted lies its sha256, in the format of ``sha256sum``.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from footfall_bridge.errors import (
    BadRequest,
    DiskFull,
    EngineFault,
    FootfallError,
    ModelFailed,
    WeightsMissing,
    WeightsUnusable,
)

from footfall_engine.config import Settings, named_path
from footfall_engine.extras import how_to_install
from footfall_engine.models.parts import CHECKPOINTS, SAFETENSORS, SETTINGS, Part, stored

if TYPE_CHECKING:
    from footfall_engine.models.registry import ModelRow

log = logging.getLogger(__name__)

CHECKSUM = ".sha256"
CONVERTING = "convert"  # subfolder of where weights are to lie, gone when they do
_DOWNLOADS = "download"  # subfolder, gone when all is there
_PART = ".part"  # of a download that is not whole yet
_READ_BYTES = 2**22
_FULL = (errno.ENOSPC, errno.EDQUOT)  # the disk, or what of it one may use
_NEURAL_PACKAGES = ("torch", "diffusers", "safetensors", "transformers", "huggingface_hub")

Say = Callable[[str], None]


def models_folder() -> Path:
    """A folder of folders, one for each model's weights; FOOTFALL_MODELS says where it is."""
    named = os.environ.get("FOOTFALL_MODELS")
    return named_path(named) if named else Settings.load().data_folder / "models"


def model_folder(name: str) -> Path:
    return models_folder() / name


def weights_version(folder: Path) -> frozenset[tuple[str, int]]:
    """Which weights lie in a folder, and of when; a checkpoint that is converted stays the same."""
    written = set()
    for path in folder.rglob("*"):
        on_its_way = {CONVERTING, _DOWNLOADS} & {*path.relative_to(folder).parts}
        if path.suffix in (*CHECKPOINTS, *SETTINGS, SAFETENSORS) and not on_its_way:
            with suppress(FileNotFoundError):  # it goes while this looks
                written.add((str(path.with_suffix("")), path.stat().st_mtime_ns))
    return frozenset(written)


def missing_files(row: ModelRow) -> list[str]:
    """The parts of a model's weights that it needs and that are not here, by where they belong."""
    return [part.name for part in _missing(row) if part.needed]


def _missing(row: ModelRow) -> list[Part]:
    folder = model_folder(row.weights_folder)
    return [part for part in row.parts if part.found(folder) is None]


def weights_missing(model: str, files: list[str], folder: Path) -> WeightsMissing:
    return WeightsMissing(
        f"the weights of {model} are not on this machine: `footfall models pull {model}` fetches them, "
        f"or put {', '.join(files)} into {folder}"
    )


def require_neural(name: str) -> None:
    """ModelFailed when what neural models stand on is not installed."""
    if any(find_spec(package) is None for package in _NEURAL_PACKAGES):
        raise ModelFailed(f"the model {name} needs more than Footfall's base; {how_to_install('neural')}")


# ---- writing


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turns what a disk refuses into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(f"the disk of {folder} is full", detail=str(error)) from error
        raise EngineFault(
            f"{folder} cannot be written to ({error.strerror or error}); FOOTFALL_MODELS names another place",
            detail=str(error),
        ) from error


@contextmanager
def one_at_a_time(what: str, wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """While no other process does the same in the folder of models; `wait` is called if another does it now."""
    folder = models_folder()
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f".{what}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            wait()
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


# ---- fetching


@dataclass(frozen=True)
class Published:
    """A file on the hub."""

    path: str
    size: int  # bytes; 0 when the hub does not say
    sha256: str  # or "" when the hub does not say
    revision: str


@dataclass(frozen=True)
class Parcel:
    """A part that is to be fetched, and the files that make it up."""

    part: Part
    files: tuple[Published, ...]


def pull(row: ModelRow, say: Say) -> Path:
    """Fetch and convert what is missing of a model's weights; their folder.

    A download that broke off, or that was stopped, goes on from there. Raises BadRequest for a model without weights,
    DiskFull, WeightsUnusable for a file that is not what the hub says it is, or EngineFault when the hub cannot be
    reached or the folder not be written to.
    """
    if not row.parts:
        raise BadRequest(f"the model {row.name} needs no weights")
    folder = model_folder(row.weights_folder)
    if not any(part.repository for part in row.parts):
        named = ", ".join(part.name for part in row.parts)
        raise BadRequest(f"nobody publishes weights of {row.name}; put your own, {named}, into {folder}")
    require_neural(row.name)
    with one_at_a_time("pull", lambda: say("waiting for another `footfall models pull`")), writing_to(folder):
        parcels = _parcels(row, say)
        _check_room(folder, parcels)
        for parcel in parcels:
            say(f"fetching {parcel.part.name}")
            _store(parcel.part, _fetched(row, parcel, folder), folder, say)
        shutil.rmtree(folder / _DOWNLOADS, ignore_errors=True)
        _convert_what_lies_there(row, folder, say)
    return folder


def _parcels(row: ModelRow, say: Say) -> list[Parcel]:
    """What is missing and published. A repository of which nothing is needed may be out of reach."""
    missing = [part for part in _missing(row) if part.repository]
    found: list[Parcel] = []
    for repository in dict.fromkeys(part.repository for part in missing):
        parts = [part for part in missing if part.repository == repository]
        try:
            there = _listed(row, repository)
        except EngineFault as fault:
            if any(part.needed for part in parts):
                raise
            say(f"without {', '.join(part.name for part in parts)}, which {row.name} can do without: {fault.detail}")
            continue
        parcels = [Parcel(part, tuple(there[path] for path in part.among(there))) for part in parts]
        if lost := [parcel.part.published for parcel in parcels if parcel.part.needed and not parcel.files]:
            raise WeightsMissing(f"{repository} does not hold {', '.join(lost)} any more")
        found += [parcel for parcel in parcels if parcel.files]
    return found


def _listed(row: ModelRow, repository: str) -> dict[str, Published]:
    """All files of a repository by their paths, as they are now."""
    from huggingface_hub import HfApi

    with _reaching_the_hub(row, repository):
        facts = HfApi().model_info(repository, files_metadata=True)
        return {
            each.rfilename: Published(
                each.rfilename, each.size or 0, each.lfs.sha256 if each.lfs else "", facts.sha or "main"
            )
            for each in facts.siblings or []
            if _leads_inside(each.rfilename)
        }


def _leads_inside(path: str) -> bool:
    """Whether a path from elsewhere stays in the folder it is put into, on any system."""
    at = PureWindowsPath(path)
    return not at.anchor and ".." not in at.parts


def _fetched(row: ModelRow, parcel: Parcel, folder: Path) -> list[Path]:
    """The files of a parcel as they were published."""
    fetched = []
    for file in parcel.files:
        path = _place_of(parcel.part.repository, file, folder)
        if not path.is_file():
            with _reaching_the_hub(row, parcel.part.repository):
                _download(parcel.part.repository, file, path)
        if file.sha256 and sha256_of(path) != file.sha256:
            path.unlink()
            raise WeightsUnusable(f"{file.path} arrived damaged; fetch it once more")
        fetched.append(path)
    return fetched


def _place_of(repository: str, file: Published, folder: Path) -> Path:
    """Where a download lies once it is whole; those of other revisions are other files."""
    return folder / _DOWNLOADS / repository.replace("/", "--") / file.revision / file.path


def _part_of(download: Path) -> Path:
    return download.with_name(download.name + _PART)


def _download(repository: str, file: Published, path: Path) -> None:
    """Fetch a file from the hub, the rest of it where some is there: the hub's own client begins anew each time."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    path.parent.mkdir(parents=True, exist_ok=True)
    with _part_of(path).open("ab") as part:
        if part.tell() > file.size:
            part.truncate(0)
        http_get(
            hf_hub_url(repository, file.path, revision=file.revision), part, resume_size=part.seek(0, os.SEEK_END),
            headers=build_hf_headers(), expected_size=file.size or None, displayed_filename=path.name,
        )  # fmt: skip
    _part_of(path).replace(path)


def _store(part: Part, fetched: Sequence[Path], folder: Path, say: Say) -> None:
    """Put a part in its place, checkpoints converted; the file that tells that a folder is whole comes last."""
    from footfall_engine.models.weights import convert

    place = folder / part.places[0]
    for path in sorted(fetched, key=lambda path: path.name == part.holds):
        target = place / part.stored_name(path.name) if part.holds else stored(place)
        if path.suffix in CHECKPOINTS or (part.keys and path.suffix == SAFETENSORS):
            say(f"converting {path.name}")
            convert(path, target, part.keys)
            path.unlink()
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
        if target.suffix not in SETTINGS:
            note_sum(target)


def _convert_what_lies_there(row: ModelRow, folder: Path, say: Say) -> None:
    from footfall_engine.models.weights import convert

    for path in (found for part in row.parts if not part.holds and (found := part.found(folder))):
        if path.is_file() and not stored(path).is_file():
            say(f"converting {path.name}")
            convert(path, stored(path))


class _reaching_the_hub:
    """Turns whatever goes wrong on the way to the hub into one sentence."""

    def __init__(self, row: ModelRow, repository: str) -> None:
        self._row = row
        self._repository = repository

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, FootfallError) or not isinstance(error, Exception):
            return
        if getattr(error, "errno", None) in _FULL:
            return
        wanted = [part.name for part in _missing(self._row) if part.needed and part.repository == self._repository]
        folder = model_folder(self._row.weights_folder)
        raise EngineFault(
            f"the weights of {self._row.name} cannot be fetched from {self._repository}; "
            f"you can also put {', '.join(wanted)} into {folder} yourself",
            detail=repr(error),
        ) from error


def _check_room(folder: Path, parcels: Sequence[Parcel]) -> None:
    """DiskFull unless there is room for what is still to come and for one of the files being converted."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = [file.size for parcel in parcels for file in parcel.files]
    places = [_place_of(parcel.part.repository, file, folder) for parcel in parcels for file in parcel.files]
    there = sum(path.stat().st_size for place in places for path in (place, _part_of(place)) if path.is_file())
    needed = sum(sizes) + max(sizes, default=0) - there
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(f"the weights need {needed / 1e9:.1f} GB in {folder}, and {free / 1e9:.1f} GB are free")


# ---- checking


@dataclass(frozen=True)
class Checked:
    """A file of weights, and what was found."""

    file: str
    good: bool
    found: str


def verify(row: ModelRow) -> Iterator[Checked]:
    """Whether each part is there, unchanged since it was stored, and holds what the model needs."""
    if not row.parts:
        yield Checked(row.name, True, "needs no weights")
        return
    folder = model_folder(row.weights_folder)
    for part in row.parts:
        if part.needed or part.found(folder):
            yield _checked(part, folder)
    if not missing_files(row):
        yield _fits(row)


def _checked(part: Part, folder: Path) -> Checked:
    place = part.found(folder)
    if place is None:
        return Checked(part.name, False, "missing")
    path = place if part.holds else stored(place)
    name = str(path.relative_to(folder))
    if not path.exists():
        return Checked(str(place.relative_to(folder)), True, "there, to be converted when it is used")
    sums = [each for each in ([path] if path.is_file() else path.iterdir()) if _noted_sum(each)]
    if not sums:
        return Checked(name, True, "there, without a checksum")
    changed = [each.name for each in sums if sha256_of(each) != _noted_sum(each)]
    return Checked(name, not changed, f"changed since it was stored: {', '.join(changed)}" if changed else "unchanged")


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
    _sum_of(path).write_text(f"{sha256_of(path)}  {path.name}\n", encoding="ascii")


def _sum_of(path: Path) -> Path:
    return path.with_name(path.name + CHECKSUM)


def _noted_sum(path: Path) -> str | None:
    try:
        return _sum_of(path).read_text(encoding="ascii").split()[0]
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
    with writing_to(folder):
        for path in {path for part in row.parts for path in part.files(folder)}:
            freed += path.stat().st_size
            path.unlink()
            _sum_of(path).unlink(missing_ok=True)
        for left in (folder / _DOWNLOADS, *folder.rglob(CONVERTING)):
            shutil.rmtree(left, ignore_errors=True)
        for place in [place for part in row.parts for place in part.places]:
            _remove_empty(folder / place, folder)
    return freed


def _remove_empty(path: Path, top: Path) -> None:
    """Delete a folder and those above it, as far as `top`, that nothing is left in."""
    for each in (path, *path.parents):
        if top not in (each, *each.parents):
            return
        if each.is_dir():
            if any(each.iterdir()):
                return
            each.rmdir()
