"""How good the sounds of a folder of clips are, by every measure that what is at hand allows.

What a measure lacks (weights, packages, recordings to compare with, onsets, a prompt, enough clips) is said in its
place, and all others are there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from footfall_engine.evaluation import timing
from footfall_engine.evaluation.clips import Clip, gathered
from footfall_engine.evaluation.folders import ONSETS_FILE
from footfall_engine.evaluation.hearing import hear_all
from footfall_engine.progress import ProgressFn, no_progress, part

REFERENCE = "compares with recordings of the clips' names: --against FOLDER"
ONSETS = f"compares with the onsets in the folder's {ONSETS_FILE}"
PROMPT = "compares with a prompt: --prompt TEXT, or stems made by Footfall from one"
NOTHING = "there is nothing to measure in these clips"


@dataclass(frozen=True)
class Measure:
    key: str
    name: str
    about: str
    wants: str = ""  # what is said where it is not there


MEASURES = (
    Measure("av_align", "AV-Align", "peaks of sound and movement that meet, over all of them"),
    Measure("av_align_over_chance", "over chance", "AV-Align less that of shifted sound: what tells something"),
    Measure("onset_accuracy", "onset acc", "onsets of the recording met within 0.1 s", REFERENCE),
    Measure("onset_ap", "onset AP", "average precision of the onsets, within 0.1 s", REFERENCE),
    Measure("as_many_onsets", "as many", "as many onsets as the recording", REFERENCE),
    Measure("hit_accuracy", "hit acc", "annotated onsets met within 0.3 s, of the first 8 s", ONSETS),
    Measure("hit_ap", "hit AP", "average precision of the onsets, within 0.3 s", ONSETS),
    Measure("hit_f1", "hit F1", "F1 of the same", ONSETS),
    Measure("lift", "lift", "F1 over chance of onsets within 0.1 s of the annotated: 0 chance, 1 perfect", ONSETS),
    Measure("kl", "KL", "divergence of classes, recording ‖ sound, by PANNs; lower is better", REFERENCE),
    Measure("clap", "CLAP", "cosine of sound and prompt", PROMPT),
    Measure("fad", "FAD", "Fréchet distance by VGGish; lower is better", REFERENCE),
    Measure("fd", "FD", "Fréchet distance by PANNs; lower is better", REFERENCE),
    Measure("kad", "KAD", "kernel distance by PANNs, for few clips too; lower is better", REFERENCE),
    Measure("inception_score", "IS", "how sure and how varied the classes are, by PANNs"),
)
_TIMING_SHARE = 0.6  # of the work, about


def evaluate_sounds(
    folder: Path, against: Path | None = None, prompt: str = "", progress: ProgressFn = no_progress
) -> dict[str, Any]:
    """Every measure of a folder's clips.

    Parameters
    ----------
    folder : Path
        Films, each with the .wav of the same name beside it or its own sound; an onsets.csv is used if there is one.
    against : Path or None
        A folder of recordings or films of the same names, whose sound is the true one. It may be the same folder.
    prompt : str
        What all are to sound like; a stem made by Footfall has its own in its notes.

    Returns
    -------
    dict
        ``clips`` (for each its figures by the keys of MEASURES, and a ``problem`` if it cannot be read), ``mean`` over
        the clips that have a figure, ``together`` (figures of all clips at once), ``missing`` (why one is not there),
        ``warnings`` (sentences about what was left out).

    Raises MediaNotFound, or BadRequest for an onsets.csv that is odd.
    """
    clips = gathered(folder, against, prompt)
    if not (lacking := timing.lacking()):
        timing.time_sounds(clips, part(progress, 0.0, _TIMING_SHARE))
    together = hear_all(clips, part(progress, _TIMING_SHARE, 1.0))
    missing = {**together.missing, **(dict.fromkeys(timing.KEYS, lacking) if lacking else {})}
    mean = _mean(clips)
    found = {**mean, **together.figures}
    return {
        "folder": str(folder),
        "clips": [_row(clip) for clip in clips],
        "mean": mean,
        "together": together.figures,
        "warnings": [clip.warning for clip in clips if clip.warning],
        "missing": {
            measure.key: missing.get(measure.key) or _why_not(measure, clips)
            for measure in MEASURES
            if measure.key not in found
        },
    }


def _row(clip: Clip) -> dict[str, Any]:
    row = {"clip": clip.film.name, "sound": clip.sound.name, **clip.figures}
    return {**row, "problem": clip.problem} if clip.problem else row


def _mean(clips: list[Clip]) -> dict[str, float]:
    figures = {
        measure.key: [value for clip in clips if (value := clip.figures.get(measure.key)) is not None]
        for measure in MEASURES
    }
    return {key: float(np.mean(values)) for key, values in figures.items() if values}


_HAS: dict[str, Callable[[Clip], object]] = {
    REFERENCE: lambda clip: clip.reference,
    ONSETS: lambda clip: clip.onsets,
    PROMPT: lambda clip: clip.prompt,
}


def _why_not(measure: Measure, clips: list[Clip]) -> str:
    has = _HAS.get(measure.wants)
    return measure.wants if has and not any(map(has, clips)) else NOTHING
