"""From a region of a clip to what is seen in it: hits, movement, cuts."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path

from footfall_bridge.timeline import TimeRange

from footfall_engine.ahead import read_ahead
from footfall_engine.analysis.picture import PictureAnalysis
from footfall_engine.progress import ProgressFn, no_progress, part

PIXELS = 256 * 144
"""Size of the pictures that are analysed; their shape is the clip's."""
NARROWEST = 32
"""Pixels that their shorter side has at least, so that flow can be measured."""
FRAMES_AHEAD = 8
"""Pictures that are decoded while an earlier one is looked at."""
LOOKING = 0.95
"""Share of the time that goes into looking at the pictures; the rest is thinking about them."""


def analyse(path: Path | str, region: TimeRange, progress: ProgressFn = no_progress) -> PictureAnalysis:
    """Hits, motion curve and cuts of a region, in one streamed pass over its pictures.

    Raises what `read_frames` raises, and JobCancelled out of `progress`.
    """
    import cv2

    from footfall_engine.analysis.cuts import cut_pairs, cut_times
    from footfall_engine.analysis.events import find_hits
    from footfall_engine.analysis.flow import measure
    from footfall_engine.analysis.motion import motion_curves
    from footfall_engine.media.video import probe, read_frames

    cv2.setNumThreads(1)  # on such small pictures its threads wait for each other, on cores that decoding needs
    facts = probe(path)
    height = looking_height(facts.width, facts.height)
    duration = float(region.duration)
    with closing(read_ahead(read_frames(path, region, height=height, grey=True), FRAMES_AHEAD)) as frames:
        field = measure(frames, duration, part(progress, 0.0, LOOKING))
    cuts = cut_pairs(field)
    motion, motion_x, activity = motion_curves(field, cuts, duration)
    return PictureAnalysis(
        duration=duration,
        hits=find_hits(field, cuts, duration, part(progress, LOOKING, 1.0)),
        motion=motion,
        motion_x=motion_x,
        activity=activity,
        cuts=cut_times(field, cuts),
        frame_rate=field.frame_rate,
    )


def looking_height(width: int, height: int) -> int:
    """Height in pixels at which a clip of some size is analysed."""
    scale = min(1.0, math.sqrt(PIXELS / (width * height)))
    return round(height * max(scale, NARROWEST / min(width, height)))
