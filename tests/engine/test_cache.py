"""What is known of a region is found once."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from footfall_bridge.messages import Hit, HitKind
from footfall_bridge.timeline import TimeRange
from footfall_engine.analysis.picture import PictureAnalysis
from footfall_engine.cache import Analyses, Cache
from footfall_engine.progress import no_progress

REGION = TimeRange(Fraction(1), Fraction(3))


def looked_at(duration: float = 2.0) -> PictureAnalysis:
    return PictureAnalysis(
        duration=duration,
        hits=(Hit(time=0.51234567, strength=0.5, x=-0.25, size=0.1, kind=HitKind.STEP),),
        motion=np.linspace(0, 1, 201, dtype=np.float32),
        motion_x=np.linspace(-1, 1, 201, dtype=np.float32),
        activity=0.3,
        cuts=(1.5,),
        frame_rate=24000 / 1001,
    )


class Looker:
    """Counts how often the picture was looked at."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, video: str, region: TimeRange, progress: object) -> PictureAnalysis:
        self.times += 1
        return looked_at(float(region.duration))


@pytest.fixture
def clip(tmp_path: Path) -> str:
    (tmp_path / "clip.mp4").write_bytes(b"pictures")
    return str(tmp_path / "clip.mp4")


def test_a_region_is_looked_at_once(tmp_path: Path, clip: str):
    look = Looker()
    analyses = Analyses(Cache(tmp_path / "cache", 10), look)
    assert analyses.of(clip, REGION, no_progress) is analyses.of(clip, REGION, no_progress)
    assert look.times == 1
    analyses.of(clip, TimeRange(Fraction(1), Fraction(2)), no_progress)
    assert look.times == 2, "another region is another thing to look at"


def test_a_restarted_engine_remembers_everything(tmp_path: Path, clip: str):
    Analyses(Cache(tmp_path / "cache", 10), Looker()).of(clip, REGION, no_progress)
    look = Looker()
    found = Analyses(Cache(tmp_path / "cache", 10), look).of(clip, REGION, no_progress)
    assert look.times == 0
    expected = looked_at()
    assert (found.hits, found.cuts, found.activity, found.frame_rate) == (
        expected.hits,
        expected.cuts,
        expected.activity,
        expected.frame_rate,
    )
    assert np.array_equal(found.motion, expected.motion) and np.array_equal(found.motion_x, expected.motion_x)


def test_a_changed_clip_is_looked_at_again(tmp_path: Path, clip: str):
    look = Looker()
    analyses = Analyses(Cache(tmp_path / "cache", 10), look)
    analyses.of(clip, REGION, no_progress)
    Path(clip).write_bytes(b"other pictures")
    analyses.of(clip, REGION, no_progress)
    assert look.times == 2


def test_a_damaged_cache_file_only_costs_time(tmp_path: Path, clip: str):
    Analyses(Cache(tmp_path / "cache", 10), Looker()).of(clip, REGION, no_progress)
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(file.read_bytes()[:50])
    look = Looker()
    assert Analyses(Cache(tmp_path / "cache", 10), look).of(clip, REGION, no_progress).duration == 2.0
    assert look.times == 1


def test_the_cache_stays_within_its_limit_and_keeps_what_was_used_last(tmp_path: Path):
    cache = Cache(tmp_path / "cache", limit_mb=0.5)
    for number in range(10):
        cache.put({"a": np.zeros(15_000, np.float64)}, number)  # about 0.12 MB
    assert sum(file.stat().st_size for file in (tmp_path / "cache").iterdir()) <= 0.5 * 2**20
    assert cache.get(9) is not None
    assert cache.get(0) is None


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path: Path):
    cache = Cache(tmp_path / "cache", 10)
    (tmp_path / "cache").rmdir()
    cache.put({"a": np.zeros(3)}, "key")
    assert cache.get("key") is None
