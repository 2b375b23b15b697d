"""What the network knows of the picture, one column for each of its latents.

Two tracks: the engine's own events and movement, which need no encoder, and CAVP's features (Diff-Foley, arXiv
2306.17203) at CAVP_RATE rows a second. Column c stands for the sound from c / LATENT_RATE to (c + 1) / LATENT_RATE.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from footfall_bridge.messages import HitKind
from numpy.typing import NDArray

from footfall_engine.analysis.picture import MOTION_RATE
from footfall_engine.models.multifoley.sizes import CAVP_FEATURES, CAVP_RATE, LATENT_RATE, SAMPLE_RATE, columns_of

Track = NDArray[np.float32]
"""Shape = (channels, columns)."""

KINDS = tuple(kind.value for kind in HitKind)
EVENT_CHANNELS = len(KINDS) + 6
_LEAST = 0.3  # of an event without any strength
_NEAR_SEC = 0.15  # in which what is told of an event's nearness falls to 1/e


class Happening(Protocol):
    """An event: a `Hit`, a `TimedHit` or a `Contact`."""

    @property
    def time(self) -> float: ...
    @property
    def strength(self) -> float: ...
    @property
    def x(self) -> float: ...
    @property
    def size(self) -> float: ...
    @property
    def kind(self) -> str: ...


def event_track(hits: Sequence[Happening], motion: NDArray[np.float32], duration: float) -> Track:
    """Events and movement as the network hears of them, shape = (EVENT_CHANNELS, columns).

    Parameters
    ----------
    hits : events in order of time; their times (seconds) may lie before 0 and after the end
    motion : (n,), MOTION_RATE per second, 0…1
    duration : seconds

    Returns
    -------
    One channel for each of KINDS, an event's strength shared out between the two columns whose middles lie around it,
    so that its time can be told more closely than to a column; then how near the event before and the one after are
    (1 … 0), its place (-1 … 1) and size (0 … 1), and the movement and how it changes.
    """
    columns = columns_of(round(duration * SAMPLE_RATE))
    middles = column_middles(columns)
    times = np.array([hit.time for hit in hits], dtype=np.float64)
    before = np.searchsorted(times, middles, side="right") - 1  # -1: none
    after = before + 1
    after[after == len(hits)] = -1
    nearness = [_nearness(hits, each, middles) for each in (before, after)]
    where = [_of_each(before, values) for values in ([hit.x for hit in hits], [hit.size for hit in hits])]
    moving = np.interp(middles, np.arange(len(motion)) / MOTION_RATE, motion) if len(motion) else np.zeros(columns)
    change = np.diff(moving, prepend=moving[:1])
    return np.stack([*_struck(hits, columns), *nearness, *where, moving, change]).astype(np.float32)


def _struck(hits: Sequence[Happening], columns: int) -> Track:
    """Strength of each kind of event, shape = (kinds, columns)."""
    struck = np.zeros((len(KINDS), columns), np.float32)
    for hit in hits:
        at = hit.time * LATENT_RATE - 0.5
        first, strength = math.floor(at), _LEAST + (1 - _LEAST) * hit.strength
        for column, share in ((first, first + 1 - at), (first + 1, at - first)):
            if 0 <= column < columns:
                struck[KINDS.index(hit.kind), column] += strength * share
    return struck


def _nearness(hits: Sequence[Happening], which: NDArray[np.int64], middles: NDArray[np.float64]) -> Track:
    """1 at the event that each column is told of, falling off in time; 0 where there is none."""
    away = np.abs(middles - _of_each(which, [hit.time for hit in hits]))
    return np.where(which >= 0, np.exp(-away / _NEAR_SEC), 0).astype(np.float32)


def _of_each(which: NDArray[np.int64], values: Sequence[float]) -> NDArray[np.float64]:
    """The value of each column's event; 0 where there is none."""
    return np.append(np.asarray(values, dtype=np.float64), 0.0)[which]


def cavp_track(rows: NDArray[np.float32], columns: int) -> Track:
    """Rows of CAVP's features, shape = (n, CAVP_FEATURES), interpolated to columns: (CAVP_FEATURES, columns).

    Row r is what is seen at `look_time(r)`.
    """
    at = np.clip(column_middles(columns) * CAVP_RATE - 0.5, 0, len(rows) - 1)
    first = np.floor(at).astype(int)
    share = (at - first).astype(np.float32)[:, None]
    following = np.minimum(first + 1, len(rows) - 1)
    return np.ascontiguousarray((rows[first] * (1 - share) + rows[following] * share).T)


def look_time(row: int) -> float:
    """Second in the middle of what a row of CAVP's features stands for."""
    return (row + 0.5) / CAVP_RATE


CHANNELS = {"events": EVENT_CHANNELS, "cavp": CAVP_FEATURES}
"""Of each kind of track."""


def column_middles(columns: int) -> NDArray[np.float64]:
    """Seconds."""
    return (np.arange(columns) + 0.5) / LATENT_RATE
