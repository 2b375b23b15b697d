"""Half an hour of 1080p: how much memory it takes, and whether the time grows with the length alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from footfall_bridge.messages import Generate

from footfall_engine.bench.measure import Bench, Measure, at_most, median, skipped, timed_job
from footfall_engine.bench.speed import PROMPT
from footfall_engine.contacts import render_long_clip
from footfall_engine.resident import Resident, resident_engine

MINUTES, QUICK_MINUTES = (1, 30), (1, 3)
MEMORY_LIMIT_MB = 700
GROWTH_LIMIT_PERCENT = 15


def long(bench: Bench) -> Iterator[Measure]:
    short_minutes, long_minutes = QUICK_MINUTES if bench.quick else MINUTES
    bench.say(f"{long_minutes} minutes of 1080p")
    folder = bench.fresh("long")
    clip = folder / "long.mp4"
    length = render_long_clip(clip, long_minutes)
    with resident_engine(folder / "home") as engine:
        timed_job(engine, _generate(clip, folder, 0.0, 8.0))
        span = 60.0 * short_minutes
        before = [_seconds_per_second(engine, clip, folder, start, start + span) for start in (0.0, span)]
        whole = _seconds_per_second(engine, clip, folder, 0.0, length)
        after = _seconds_per_second(engine, clip, folder, 2 * span, min(length, 3 * span))
        memory = peak_memory_mb(engine.process.pid)
    name = f"peak memory, {long_minutes} min of 1080p"
    if memory is None:
        yield skipped(name, f"≤ {MEMORY_LIMIT_MB} MB", "this system does not tell a process's peak")
    else:
        yield at_most(name, round(memory), MEMORY_LIMIT_MB, "MB")
    short = median([*before, after])  # of other minutes, so that none is known already
    growth = 100 * abs(whole / short - 1)
    yield at_most(
        f"time per minute, {long_minutes} min against {short_minutes} min", growth, GROWTH_LIMIT_PERCENT, "% off",
        per_second_short=[round(value, 4) for value in (*before, after)], per_second_long=round(whole, 4),
    )  # fmt: skip


def _seconds_per_second(engine: Resident, clip: Path, folder: Path, start: float, end: float) -> float:
    """Seconds of work for a second of clip."""
    return timed_job(engine, _generate(clip, folder, start, end)).done / (end - start)


def _generate(clip: Path, folder: Path, start: float, end: float) -> Generate:
    return Generate(video=str(clip), start=start, end=end, prompt=PROMPT, seed=1, stem_folder=str(folder))


def peak_memory_mb(pid: int) -> float | None:
    """Most memory that a process has had resident, as Linux or Windows counts it."""
    status = Path(f"/proc/{pid}/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    try:
        import psutil

        return psutil.Process(pid).memory_info().peak_wset / 2**20
    except (ImportError, AttributeError):
        return None
