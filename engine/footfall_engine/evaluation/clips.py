"""Clips to be evaluated: what each is heard with, and what that is to be like."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from footfall_bridge.errors import BadRequest, MediaNotFound, UnreadableMedia
from numpy.typing import NDArray

from footfall_engine.evaluation.folders import FILMS, ONSETS_FILE, films_with_sounds, read_onsets
from footfall_engine.media.audio import fit_length, read_recording
from footfall_engine.media.wav import read_facts
from footfall_engine.progress import ProgressFn, in_turn

Mono = NDArray[np.float32]
Figures = dict[str, float | None]


@dataclass
class Clip:
    film: Path
    sound: Path
    reference: Path | None = None  # whose sound is the true one
    onsets: list[float] = field(default_factory=list)  # seconds, annotated
    prompt: str = ""
    figures: Figures = field(default_factory=dict)  # by the keys of the measures
    warning: str = ""  # what of it is left out
    problem: str = ""  # why it has no more figures


def gathered(folder: Path, against: Path | None, prompt: str) -> list[Clip]:
    """The films of a folder, each with what there is to hold its sound against. MediaNotFound, or BadRequest."""
    for each in (folder, against):
        if each is not None and not each.is_dir():
            raise MediaNotFound(f"there is no folder {each}")
    onsets = read_onsets(folder) if (folder / ONSETS_FILE).is_file() else {}
    return [
        Clip(
            film,
            sound,
            _reference(film, sound, against) if against else None,
            onsets.get(film.name, []),
            prompt or _asked_for(sound),
        )
        for film, sound in films_with_sounds([folder], [])
    ]


def for_each(clips: Sequence[Clip], work: Callable[[Clip, ProgressFn], None], progress: ProgressFn) -> None:
    """Work on every clip that has no problem yet; one that cannot be read has one from then on."""
    for clip, watch in in_turn(clips, progress):
        if clip.problem:
            continue
        try:
            work(clip, watch)
        except BadRequest as error:
            clip.problem = error.message


def mono(path: Path, sample_rate: int) -> Mono:
    """A file's sound at a rate, shape = (samples,), to the sample as librosa reads it: onsets hang on the filter."""
    import soxr

    recording = read_recording(str(path))
    mixed = recording.samples.mean(axis=0)
    if not np.isfinite(mixed).all():
        raise UnreadableMedia(f"{path} holds samples that are no numbers")
    converted = soxr.resample(mixed, recording.sample_rate, sample_rate, quality="HQ")
    return fit_length(converted, math.ceil(len(mixed) * sample_rate / recording.sample_rate))


def _reference(film: Path, sound: Path, against: Path) -> Path | None:
    """What a clip's sound is held against: a file by its name that is not that sound itself."""
    places = (against / f"{film.stem}{suffix}" for suffix in (".wav", film.suffix, *FILMS))
    return next((place for place in places if place.is_file() and not place.samefile(sound)), None)


def _asked_for(sound: Path) -> str:
    """The prompt in the notes of a stem made by Footfall."""
    try:
        return str(read_facts(sound).provenance.get("prompt", ""))
    except BadRequest:
        return ""
