"""A region of a clip as its host plays it: at its own speed, faster, or slower.

Everything that leaves the engine, and everything that a model is told, counts in played seconds from the region's
start; only the file and what was found in it count in the clip's. What is found is kept once, whatever the speed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from footfall_bridge.timeline import TimeRange
from numpy.typing import NDArray

from footfall_engine.analysis.picture import MOTION_RATE, PictureAnalysis


@dataclass(frozen=True, slots=True)
class Playback:
    """A region, and how many of its seconds pass in a second of the host's."""

    region: TimeRange  # of the clip
    speed: Fraction = Fraction(1)

    @property
    def duration(self) -> Fraction:
        """Played seconds."""
        return self.region.duration / self.speed

    def in_clip(self, span: TimeRange) -> TimeRange:
        """Where a span of played time lies in the clip."""
        return TimeRange(self.region.start + span.start * self.speed, self.region.start + span.end * self.speed)


def as_played(picture: PictureAnalysis, playback: Playback) -> PictureAnalysis:
    """What is seen of a region's picture when it is played.

    Times shrink by the speed and nothing else about a hit changes: its strength, like the motion curve, is relative to
    the region. Velocities grow by the speed. The curves are taken at each played sample's moment of the clip, as the
    analysis takes them from the pictures of a clip that was shot so. `activity` is 1 − exp(−velocity / unit), so it
    becomes 1 − (1 − activity)^speed.
    """
    if playback.speed == 1:
        return picture
    speed, duration = float(playback.speed), float(playback.duration)
    moments = speed * np.arange(round(duration * MOTION_RATE) + 1, dtype=np.float64)  # in samples of the clip's curves
    return replace(
        picture,
        duration=duration,
        hits=tuple(hit.model_copy(update={"time": hit.time / speed}) for hit in picture.hits),
        motion=_at(moments, picture.motion),
        motion_x=_at(moments, picture.motion_x),
        activity=1.0 - (1.0 - picture.activity) ** speed,
        cuts=tuple(time / speed for time in picture.cuts),
        frame_rate=picture.frame_rate * speed,
    )


def _at(moments: NDArray[np.float64], curve: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.interp(moments, np.arange(len(curve)), curve).astype(np.float32)
