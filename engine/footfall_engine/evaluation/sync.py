"""How well the events that are seen sit on what is heard, in a folder of clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from footfall_bridge.errors import BadRequest

from footfall_engine.evaluation.folders import read_onsets, within
from footfall_engine.evaluation.lift import Lift, onset_lift
from footfall_engine.progress import ProgressFn, in_turn, no_progress


def evaluate_sync(folder: Path, progress: ProgressFn = no_progress) -> dict[str, Any]:
    """Lift of the events found in every clip that a folder's onsets.csv names.

    Returns
    -------
    dict
        ``mean_lift`` and ``clips``: for each its ``clip, events, onsets, precision, recall, f1, chance, lift,
        median_offset`` (seconds or None); and ``warnings``, sentences about what was left out.

    Raises MediaNotFound, or BadRequest for an onsets.csv that is odd.
    """
    from footfall_engine.analysis import analyse
    from footfall_engine.media.video import probe, region_of

    onsets = read_onsets(Path(folder))
    inside = {clip: within(Path(folder) / clip, times) for clip, times in onsets.items()}
    measured = [(clip, times) for clip, (times, _) in inside.items() if times]
    warnings = [warning for _, warning in inside.values() if warning]
    if not measured:
        raise BadRequest(f"no onset lies within its clip. {'; '.join(warnings)}")
    rows = []
    for (clip, times), watch in in_turn(measured, progress):
        region = region_of(probe(Path(folder) / clip), 0)
        analysis = analyse(Path(folder) / clip, region, watch)
        found = onset_lift([hit.time for hit in analysis.hits], times, analysis.duration)
        rows.append(_row(clip, len(analysis.hits), len(times), found))
    return {"mean_lift": float(np.mean([row["lift"] for row in rows])), "clips": rows, "warnings": warnings}


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
