"""Tracks of clips for training, of either kind that the network can be told of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from footfall_bridge.timeline import TimeRange
from numpy.typing import NDArray

from footfall_engine.media.video import Frame, FrameSpec, read_frames_at
from footfall_engine.models.multifoley import looks, networks
from footfall_engine.models.multifoley.checkpoint import Track
from footfall_engine.models.multifoley.features import cavp_track, event_track
from footfall_engine.models.multifoley.sizes import SAMPLE_RATE, columns_of
from footfall_engine.models.runtime import Runtime
from footfall_engine.progress import ProgressFn

See = Callable[[Path, TimeRange, ProgressFn], NDArray[np.float32]]
"""A track of a clip's region, shape = (channels, columns)."""


def seeing(track: Track, runtime: Runtime) -> See:
    """WeightsMissing where CAVP is wanted and not here."""
    return events if track is Track.EVENTS else cavp(runtime)


def events(path: Path, region: TimeRange, progress: ProgressFn) -> NDArray[np.float32]:
    """The engine's own events and movement."""
    from footfall_engine.analysis import analyse

    found = analyse(path, region, progress)
    return event_track(found.hits, found.motion, found.duration)


def cavp(runtime: Runtime) -> See:
    """Diff-Foley's features."""
    network, _ = networks.cavp(None, runtime)

    @torch.no_grad()
    def encode(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        video = torch.from_numpy(pictures).permute(0, 3, 1, 2)[None].to(runtime.device, runtime.precision) / 255
        rows: NDArray[np.float32] = network.encode_video(video)[0].float().cpu().numpy()
        return rows

    def see(path: Path, region: TimeRange, progress: ProgressFn) -> NDArray[np.float32]:
        def frames(times: Sequence[float]) -> Iterator[Frame]:
            spec = FrameSpec(grey=False, times=times)
            return (frame for _, frame in read_frames_at(path, region, {"": spec}))

        seconds = float(region.duration)
        return cavp_track(looks.rows(frames, seconds, encode, progress), columns_of(round(seconds * SAMPLE_RATE)))

    return see
