"""Visible hits, from how the cells of the picture move.

What strikes something is stopped or thrown back within a frame or two: where a cell moved, its movement is suddenly
gone or reversed. The sum of that over the picture, with cells counted by its square so that a few cells that lose all
outweigh many that waver, is the impact curve; its peaks that stand out are the hits
(compare the visual impact envelope of Davis and Agrawala, "Visual Rhythm and Beat", SIGGRAPH 2018).
"""

from __future__ import annotations

import numpy as np
from footfall_bridge.messages import Hit, HitKind
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from footfall_engine.analysis.flow import Field
from footfall_engine.analysis.motion import columns_x

SHORTEST_GAP = 0.15  # seconds between two hits
STANDS_OUT = 1.0  # standard deviations above the mean of the impact curve
LEAST_IMPACT = 0.01  # heights per second, RMS over the picture


def find_hits(field: Field, cuts: NDArray[np.bool_], duration: float) -> tuple[Hit, ...]:
    """Hits of a region in order of time; none lies on a cut."""
    if len(field.u) < 2:
        return ()
    impact = impact_grid(field, cuts)
    curve = np.sqrt(np.square(impact).mean(axis=(1, 2)))
    times = field.times[1:-1]
    chosen = pick_peaks(times, curve)
    strongest = max((curve[k] for k in chosen), default=1.0)
    return tuple(_hit(times[k], impact[k], curve[k] / strongest, duration) for k in chosen)


def impact_grid(field: Field, cuts: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Downward movement that is stopped or thrown back at every inner frame, heights per second.

    Shape = (pairs − 1, rows, columns).
    """
    v = field.v.astype(np.float32)
    v[cuts] = 0.0
    moving, then = v[:-1], v[1:]
    rebound = np.where(moving > 0, np.maximum(moving - maximum_filter(then, size=(1, 3, 3)), 0.0), 0.0)
    beside_cut = cuts[:-1] | cuts[1:]
    rebound[beside_cut] = 0.0
    return rebound


def pick_peaks(times: NDArray[np.float64], curve: NDArray[np.float32]) -> list[int]:
    """Peaks that stand out of the curve, strongest first at least SHORTEST_GAP apart, in order of time."""
    threshold = max(LEAST_IMPACT, float(curve.mean() + STANDS_OUT * curve.std()))
    padded = np.pad(curve, 1, constant_values=-1.0)
    peaks = np.flatnonzero((curve > padded[:-2]) & (curve >= padded[2:]) & (curve > threshold))
    chosen: list[int] = []
    for k in peaks[np.argsort(-curve[peaks], kind="stable")]:
        if all(abs(times[k] - times[other]) >= SHORTEST_GAP for other in chosen):
            chosen.append(int(k))
    return sorted(chosen)


def _hit(time: float, impact: NDArray[np.float32], strength: float, duration: float) -> Hit:
    total = float(impact.sum())
    rows, columns = impact.shape
    x = float((impact.sum(axis=0) * columns_x(columns)).sum() / total)
    size = float(total / impact.max() / (rows * columns)) ** 0.5
    return Hit(
        time=min(max(0.0, time), duration),
        strength=min(1.0, max(0.0, float(strength))),
        x=min(1.0, max(-1.0, x)),
        size=min(1.0, size),
        kind=HitKind.IMPACT,
    )
