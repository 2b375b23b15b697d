"""How well events sit on what is heard.

Lift
----
Raw F1 of event times against audible onsets says little, because many events hit something by chance. Lift is the
share of what chance leaves over: (F1 − chance) / (1 − chance), where chance is the mean F1 of the same events,
shifted circularly within the clip by k/16 of its length, k = 1…15. 1 is perfect, 0 no better than chance.

Matching is one to one and as large as can be, as in mir_eval's onset F-measure (Raffel et al., "mir_eval: a transparent
implementation of common MIR metrics", ISMIR 2014): an event and an onset may meet within `tolerance` seconds.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from footfall_bridge.errors import BadRequest, MediaNotFound

from footfall_engine.progress import ProgressFn, no_progress, part

ONSETS_FILE = "onsets.csv"
FILMS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mxf", ".webm")
TOLERANCE = 0.1  # seconds
SHIFTS = 15


@dataclass(frozen=True)
class Lift:
    """Events of one clip against its onsets."""

    lift: float
    f1: float
    chance: float
    precision: float
    recall: float
    median_offset: float | None  # seconds, event − onset, of the matched ones; None when nothing matched


def onset_lift(
    events: Sequence[float],
    onsets: Sequence[float],
    duration: float,
    tolerance: float = TOLERANCE,
    shifts: int = SHIFTS,
) -> Lift:
    """Lift of event times over chance.

    Parameters
    ----------
    events, onsets : sequence of float
        Seconds from the clip's start, in any order.
    duration : float
        Seconds of the clip, > 0; events wrap around at it.
    tolerance : float
        Seconds that a matched event may lie from its onset.
    shifts : int
        Circular shifts that chance is the mean of.
    """
    if not duration > 0 or shifts < 1:
        raise ValueError(f"a clip needs a duration above 0 and a shift or more, not {duration} s and {shifts}")
    offsets = match_offsets(events, onsets, tolerance)
    f1 = f_measure(len(offsets), len(events), len(onsets))
    chance = float(
        np.mean([_shifted_f1(events, onsets, duration, tolerance, k / (shifts + 1)) for k in range(1, shifts + 1)])
    )
    return Lift(
        lift=(f1 - chance) / (1.0 - chance) if chance < 1.0 else 0.0,
        f1=f1,
        chance=chance,
        precision=len(offsets) / len(events) if len(events) else 0.0,
        recall=len(offsets) / len(onsets) if len(onsets) else 0.0,
        median_offset=float(np.median(offsets)) if offsets else None,
    )


def match_offsets(events: Sequence[float], onsets: Sequence[float], tolerance: float) -> list[float]:
    """Event minus onset of each pair of a largest one-to-one matching.

    All windows are equally wide, so walking both lists in order of time and pairing what first meets is a largest
    matching (the earliest-deadline argument for interval scheduling).
    """
    events, onsets = sorted(events), sorted(onsets)
    offsets = []
    i = j = 0
    while i < len(events) and j < len(onsets):
        offset = events[i] - onsets[j]
        if abs(offset) <= tolerance + 1e-9:
            offsets.append(offset)
        i += offset <= tolerance + 1e-9
        j += offset >= -tolerance - 1e-9
    return offsets


def f_measure(matched: int, events: int, onsets: int) -> float:
    """Harmonic mean of precision and recall; 1 when nothing was to be found and nothing was."""
    return 2.0 * matched / (events + onsets) if events + onsets else 1.0


def evaluate_sync(folder: Path, progress: ProgressFn = no_progress) -> dict[str, Any]:
    """Lift of the events found in every clip that a folder's onsets.csv names.

    Returns
    -------
    dict
        ``mean_lift`` and ``clips``: for each its ``clip, events, onsets, precision, recall, f1, chance, lift,
        median_offset`` (seconds or None).
    """
    from footfall_engine.analysis import analyse
    from footfall_engine.media.video import probe, region_of

    onsets = read_onsets(Path(folder))
    rows = []
    for index, (clip, times) in enumerate(onsets.items()):
        region = region_of(probe(Path(folder) / clip), 0)
        watch = part(progress, index / len(onsets), (index + 1) / len(onsets))
        analysis = analyse(Path(folder) / clip, region, watch)
        found = onset_lift([hit.time for hit in analysis.hits], times, analysis.duration)
        rows.append(_row(clip, len(analysis.hits), len(times), found))
    return {"mean_lift": float(np.mean([row["lift"] for row in rows])), "clips": rows}


def read_onsets(folder: Path) -> dict[str, list[float]]:
    """Onset times of each clip of a folder, from its onsets.csv (columns clip and onset_seconds)."""
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
                onsets.setdefault(row["clip"], []).append(_onset(row["onset_seconds"], path, reader.line_num))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadRequest(f"{path} is not a CSV file in UTF-8: {error}") from error
    if not onsets:
        raise BadRequest(f"{path} names no onsets")
    for clip in onsets:
        if not clip or not (folder / clip).is_file():
            raise MediaNotFound(f"{path} names the clip {clip!r}, which is not in {folder}")
    return onsets


def films_with_sounds(paths: Sequence[Path], sounds: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Each film and what is to be heard with it: `sounds` in their order, or else its own.

    A folder stands for the films in it, each with the .wav of the same name if there is one.
    """
    if sounds and len(sounds) != len(paths):
        raise BadRequest(f"{len(paths)} films and {len(sounds)} sounds: give one sound for each film, or none")
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


def _shifted_f1(
    events: Sequence[float], onsets: Sequence[float], duration: float, tolerance: float, share: float
) -> float:
    shifted = [(event + share * duration) % duration for event in events]
    return f_measure(len(match_offsets(shifted, onsets, tolerance)), len(events), len(onsets))


def _row(clip: str, events: int, onsets: int, found: Lift) -> dict[str, Any]:
    return {
        "clip": clip,
        "events": events,
        "onsets": onsets,
        "precision": found.precision,
        "recall": found.recall,
        "f1": found.f1,
        "chance": found.chance,
        "lift": found.lift,
        "median_offset": found.median_offset,
    }
