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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
    matches = [len(match_offsets(times, onsets, tolerance)) for times in shifted(events, duration, shifts)]
    chance = float(np.mean([f_measure(matched, len(events), len(onsets)) for matched in matches]))
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


def shifted(times: Sequence[float], duration: float, shifts: int = SHIFTS) -> list[list[float]]:
    """The same times later by each of so many even parts of a clip, those past its end from its start on."""
    return [[(time + k / (shifts + 1) * duration) % duration for time in times] for k in range(1, shifts + 1)]
