"""Align Acc of Diff-Foley's paper: whether sound is taken to belong to its picture, in films with their sounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from footfall_engine.media.audio import read_recording
from footfall_engine.models.diff_foley.align import AlignmentJudge
from footfall_engine.progress import ProgressFn, in_turn, no_progress


def evaluate_align(pairs: Sequence[tuple[Path, Path]], progress: ProgressFn = no_progress) -> dict[str, Any]:
    """Verdicts on all windows of films with their sounds.

    Returns
    -------
    dict
        ``align_acc``, the share of windows whose sound is taken to belong to its picture, and ``windows``: for each its
        ``clip, sound, start`` (seconds), ``probability, aligned``.

    Raises WeightsMissing where Diff-Foley's evaluation classifier is not here.
    """
    judge = AlignmentJudge()
    windows = [
        {"clip": str(clip), "sound": str(sound), "start": found.start, "probability": found.probability,
         "aligned": found.aligned}
        for (clip, sound), watch in in_turn(pairs, progress)
        for found in judge.judge(clip, read_recording(str(sound)), watch)
    ]  # fmt: skip
    return {"align_acc": sum(bool(window["aligned"]) for window in windows) / len(windows), "windows": windows}
