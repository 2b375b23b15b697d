"""Folders of clips: the onsets known of them, and what is to be heard with each."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from footfall_bridge.errors import BadRequest, MediaNotFound

ONSETS_FILE = "onsets.csv"
FILMS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mxf", ".webm")


def read_onsets(folder: Path) -> dict[str, list[float]]:
    """Onset times of each clip of a folder, from its onsets.csv (columns clip and onset_seconds)."""
    if not folder.is_dir():
        raise MediaNotFound(f"there is no folder {folder}")
    path = folder / ONSETS_FILE
    if not path.is_file():
        raise MediaNotFound(f"{folder} has no {ONSETS_FILE}, which names the clips and their onsets")
    onsets: dict[str, list[float]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            for column in ("clip", "onset_seconds"):
                if column not in (reader.fieldnames or ()):
                    raise BadRequest(
                        f"{path} has no column {column!r}; it has {', '.join(reader.fieldnames or ()) or 'none'}"
                    )
            for row in reader:
                onsets.setdefault(row["clip"] or "", []).append(_onset(row["onset_seconds"], path, reader.line_num))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadRequest(f"{path} is not a CSV file in UTF-8: {error}") from error
    if not onsets:
        raise BadRequest(f"{path} names no onsets")
    _check_clips(onsets, path)
    return onsets


def _check_clips(names: Iterable[str], path: Path) -> None:
    """All of them are to be files in the folder of the onsets.csv at `path`, or below it."""
    if outside := [name for name in names if Path(name).anchor or ".." in Path(name).parts]:
        raise BadRequest(f"{path} names what lies outside {path.parent}: {_listed(outside)}")
    if missing := [name for name in names if not name or not (path.parent / name).is_file()]:
        raise MediaNotFound(f"{path} names what is not in {path.parent}: {_listed(missing)}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))


def within(clip: Path, onsets: Sequence[float]) -> tuple[list[float], str]:
    """The onsets that lie in a clip, and a sentence about those that do not ("" when all do)."""
    from footfall_engine.media.video import probe

    if not onsets:
        return [], ""
    duration = float(probe(clip).duration)
    late = [f"{time:g} s" for time in onsets if time > duration]
    told = f"{clip.name} ends at {duration:g} s; left out are its onsets at {', '.join(late)}" if late else ""
    return [time for time in onsets if time <= duration], told


def films_with_sounds(paths: Sequence[Path], sounds: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Each film and what is to be heard with it: `sounds` in their order, or else its own.

    A folder stands for the films in it, each with the .wav of the same name if there is one.
    """
    if sounds and len(sounds) != len(paths):
        raise BadRequest(f"{len(paths)} films and {len(sounds)} sounds: give one sound for each film, or none")
    for path in (*paths, *sounds):
        if not path.exists():
            raise MediaNotFound(f"there is no file or folder {path}")
    if sounds:
        return list(zip(paths, sounds, strict=True))
    return [pair for path in paths for pair in (_in_folder(path) if path.is_dir() else [(path, path)])]


def _in_folder(folder: Path) -> list[tuple[Path, Path]]:
    films = sorted(path for path in folder.iterdir() if path.suffix.lower() in FILMS)
    if not films:
        raise MediaNotFound(f"{folder} holds no film ({', '.join(FILMS)})")
    beside = ((film, film.with_suffix(".wav")) for film in films)
    return [(film, sound if sound.is_file() else film) for film, sound in beside]


def _onset(text: str | None, path: Path, line: int) -> float:
    try:
        time = float(text or "")
    except ValueError:
        time = math.nan
    if not (math.isfinite(time) and time >= 0):
        raise BadRequest(f"{path}, line {line}: {text!r} is not an onset in seconds")
    return time
