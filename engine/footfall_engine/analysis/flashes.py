"""Flashes: light that flares up over much of the picture and is gone again, while the picture stays what it was.

A cut brings another picture and does not give it back; something that passes close to the lens brings another
picture, too. A flash leaves the pattern of the thumbnail alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from footfall_engine.analysis.cuts import likeness
from footfall_engine.analysis.flow import Field

BRIGHTER = 12.0  # grey levels by which a part of the picture lights up
WIDE = 0.3  # share of the picture that does
GONE = 0.5  # share of the light that is left when it counts as gone …
SOON = 0.25  # … after so many seconds
ALIKE = 0.5  # correlation of the thumbnails before and during
GLARING = 60.0  # grey levels, mean over the picture, of a flash of strength 1


@dataclass(frozen=True)
class Flash:
    time: float  # seconds: the first picture that shows it
    strength: float  # 0…1
    column: int  # of the thumbnail, where it is brightest


def find_flashes(field: Field, cuts: NDArray[np.bool_]) -> Iterator[Flash]:
    """Flashes of a region in order of time."""
    thumbs = field.thumbs.reshape(len(field.thumbs), -1)
    if len(thumbs) < 2:
        return
    rise = np.diff(thumbs.astype(np.float32), axis=0)
    for k in np.flatnonzero(((rise > BRIGHTER).mean(axis=1) > WIDE) & ~cuts).tolist():
        soon = (field.times > field.times[k + 1]) & (field.times <= field.times[k + 1] + SOON)
        lit, light = rise[k] > BRIGHTER, float(rise[k].mean())
        left = thumbs[soon][:, lit].mean(axis=1) - thumbs[k][lit].mean() if soon.any() else np.array([np.inf])
        pattern = likeness(thumbs[k : k + 1], thumbs[k + 1 : k + 2])[0, 0]
        if light > 0 and left.min() < GONE * rise[k][lit].mean() and pattern > ALIKE:
            column = int(rise[k].reshape(field.thumbs.shape[1:]).sum(axis=0).argmax())
            yield Flash(float(field.times[k + 1]), min(1.0, light / GLARING), column)
