"""Visible hits: the strokes that stand out."""

from __future__ import annotations

import numpy as np
from footfall_bridge.messages import Hit, HitKind
from numpy.typing import NDArray

from footfall_engine.analysis.flow import Field
from footfall_engine.analysis.motion import columns_x
from footfall_engine.analysis.strokes import GRID_RATE, Stroke, find_strokes

SHORTEST_GAP = 0.15  # seconds between two hits
STANDS_OUT = 0.3  # share of the clip's strong strokes
STRONG = 95  # percentile of the envelope of salience that counts as strong


def find_hits(field: Field, cuts: NDArray[np.bool_], duration: float) -> tuple[Hit, ...]:
    """Hits of a region in order of time; none lies on a cut."""
    envelope = np.zeros(round(duration * GRID_RATE) + 1, np.float32)
    strokes = find_strokes(field, cuts, envelope)
    strong = float(np.percentile(envelope, STRONG))
    chosen = choose(strokes, STANDS_OUT * strong)
    strongest = max((stroke.salience for stroke in chosen), default=1.0)
    return tuple(_hit(field, stroke, stroke.salience / strongest, duration) for stroke in chosen)


def choose(strokes: list[Stroke], threshold: float) -> list[Stroke]:
    """Strokes above a threshold, the strongest first at least SHORTEST_GAP apart, in order of time."""
    chosen: list[Stroke] = []
    for stroke in sorted(strokes, key=lambda stroke: (-stroke.salience, stroke.time)):
        if stroke.salience < threshold:
            break
        if all(abs(stroke.time - other.time) >= SHORTEST_GAP for other in chosen):
            chosen.append(stroke)
    return sorted(chosen, key=lambda stroke: stroke.time)


def _hit(field: Field, stroke: Stroke, strength: float, duration: float) -> Hit:
    return Hit(
        time=min(max(0.0, stroke.time), duration),
        strength=min(1.0, strength),
        x=float(columns_x(field.u.shape[2])[stroke.column]),
        size=0.2,
        kind=HitKind.IMPACT,
    )
