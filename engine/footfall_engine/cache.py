"""What was costly to find out about a region, kept in memory and on disk."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from footfall_bridge.messages import Hit
from footfall_bridge.timeline import TimeRange
from numpy.typing import NDArray

from footfall_engine.analysis.picture import PictureAnalysis
from footfall_engine.media.video import file_identity
from footfall_engine.progress import ProgressFn

log = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]
Analyser = Callable[[str, TimeRange, ProgressFn], PictureAnalysis]

KEPT_IN_MEMORY = 16
_GLANCE_SEC = 0.1
ANALYSIS_VERSION = 3
"""Raised whenever the analysis finds something else than before, so that old findings are not taken for new ones."""


class Cache:
    """Named arrays by key; the least recently used files go when they outgrow the limit. A lost file is only slower."""

    def __init__(self, folder: Path, limit_mb: float) -> None:
        self._folder = folder
        self._limit_bytes = int(limit_mb * 2**20)
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, *key: object) -> Arrays | None:
        path = self._path(key)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            os.utime(path)
            return arrays
        except FileNotFoundError:
            return None
        except Exception:  # a damaged file is as good as none
            log.warning("dropping the unreadable cache file %s", path.name, exc_info=True)
            path.unlink(missing_ok=True)
            return None

    def put(self, arrays: Arrays, *key: object) -> None:
        path = self._path(key)
        part = path.with_name(f"{path.name}.{threading.get_ident()}.part")
        try:
            with part.open("wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]  # the stub takes any name for allow_pickle
            os.replace(part, path)
            self._make_room()
        except OSError:
            log.warning("could not keep %s in the cache", path.name, exc_info=True)
            part.unlink(missing_ok=True)

    def _path(self, key: tuple[object, ...]) -> Path:
        return self._folder / (
            hashlib.sha256(json.dumps([str(part) for part in key]).encode()).hexdigest()[:32] + ".npz"
        )

    def _make_room(self) -> None:
        with self._lock:
            files = sorted(((entry.stat().st_mtime, entry) for entry in self._folder.glob("*.npz")), reverse=True)
            total = 0
            for _, path in files:
                total += path.stat().st_size
                if total > self._limit_bytes:
                    path.unlink(missing_ok=True)


class Analyses:
    """Analyses by region: found once, then remembered, so that a variant or a regenerate never decodes again."""

    def __init__(self, cache: Cache, analyse: Analyser) -> None:
        self.cache = cache
        self._analyse = analyse
        self._recent: OrderedDict[tuple[object, ...], PictureAnalysis] = OrderedDict()
        self._looking = threading.Lock()

    def of(self, video: str, region: TimeRange, progress: ProgressFn) -> PictureAnalysis:
        """One job looks at a time: analysis takes all cores, and the next one may want the same region."""
        while not self._looking.acquire(timeout=_GLANCE_SEC):
            progress(0.0)
        try:
            return self._of(video, region, progress)
        finally:
            self._looking.release()

    def _of(self, video: str, region: TimeRange, progress: ProgressFn) -> PictureAnalysis:
        key = ("analysis", ANALYSIS_VERSION, file_identity(video), region.start, region.end)
        found = self._recent.pop(key, None) or self._stored(key)
        if found is None:
            found = self._analyse(video, region, progress)
            self.cache.put(_to_arrays(found), *key)
        self._recent[key] = found
        if len(self._recent) > KEPT_IN_MEMORY:
            self._recent.popitem(last=False)
        return found

    def _stored(self, key: tuple[object, ...]) -> PictureAnalysis | None:
        arrays = self.cache.get(*key)
        return _from_arrays(arrays) if arrays else None


def _to_arrays(analysis: PictureAnalysis) -> Arrays:
    facts = {
        "duration": analysis.duration,
        "activity": analysis.activity,
        "cuts": analysis.cuts,
        "frame_rate": analysis.frame_rate,
        "hits": [hit.model_dump(mode="json") for hit in analysis.hits],
    }
    return {"facts": np.array(json.dumps(facts)), "motion": analysis.motion, "motion_x": analysis.motion_x}


def _from_arrays(arrays: Arrays) -> PictureAnalysis:
    facts = json.loads(str(arrays["facts"]))
    return PictureAnalysis(
        duration=facts["duration"],
        hits=tuple(Hit(**hit) for hit in facts["hits"]),
        motion=arrays["motion"],
        motion_x=arrays["motion_x"],
        activity=facts["activity"],
        cuts=tuple(facts["cuts"]),
        frame_rate=facts["frame_rate"],
    )
