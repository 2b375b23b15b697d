"""Which stretches of a sound are made, one after the other, each going on from what is there by then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from footfall_engine.models.multifoley.sizes import HOP


@dataclass(frozen=True)
class Stretch:
    """Columns [start, stop) that the network sees at once."""

    start: int
    stop: int

    @property
    def columns(self) -> slice:
        return slice(self.start, self.stop)

    @property
    def samples(self) -> slice:
        return slice(self.start * HOP, self.stop * HOP)


def stretches(known: NDArray[np.bool_], longest: int, context: int) -> list[Stretch]:
    """In what order to make all columns that are not known yet, shape = (columns,).

    A gap that fits is made at once, with what is known on both sides of it; a longer one piece by piece, each with
    `context` columns of what was there before, from its start to its end. Only a gap at the very start, which nothing
    goes before, is made from its end to its start when something comes after it.
    """
    if not 0 <= context < longest:
        raise ValueError(f"{context} columns of context do not fit into {longest}")
    there, made = known.copy(), []
    while (gap := _first_gap(there)) is not None:
        made.append(_for_gap(gap, len(there), longest, context))
        there[made[-1].columns] = True
    return made


def joined(made: list[Stretch]) -> list[Stretch]:
    """Stretches that touch or overlap as one, in order of time."""
    found: list[Stretch] = []
    for each in sorted(made, key=lambda stretch: stretch.start):
        if found and each.start <= found[-1].stop:
            each = Stretch(found[-1].start, max(found.pop().stop, each.stop))
        found.append(each)
    return found


def _first_gap(there: NDArray[np.bool_]) -> Stretch | None:
    gaps = np.flatnonzero(~there)
    if not len(gaps):
        return None
    after = np.flatnonzero(there[gaps[0] :])
    return Stretch(int(gaps[0]), int(gaps[0] + after[0]) if len(after) else len(there))


def _for_gap(gap: Stretch, columns: int, longest: int, context: int) -> Stretch:
    before, after = min(context, gap.start), min(context, columns - gap.stop)
    if before + gap.stop - gap.start + after <= longest:
        start = gap.start - (longest - (gap.stop - gap.start)) // 2
    elif gap.start == 0 and gap.stop < columns:
        start = gap.stop + after - longest
    else:
        start = gap.start - before
    start = max(0, min(start, columns - longest))
    return Stretch(start, min(start + longest, columns))
