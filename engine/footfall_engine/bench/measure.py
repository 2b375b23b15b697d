"""What a measurement is, and what it needs."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from footfall_bridge.messages import Job, Stem

from footfall_engine.resident import Resident


@dataclass(frozen=True)
class Measure:
    """One row: what must be reached, what was, and whether that is enough (None: not measured)."""

    name: str
    target: str
    reached: str
    good: bool | None
    values: dict[str, Any] = field(default_factory=dict)


def at_most(name: str, value: float, limit: float, unit: str, **values: Any) -> Measure:
    return Measure(
        name,
        f"≤ {limit:g} {unit}".strip(),
        f"{value:.3g} {unit}".strip(),
        bool(value <= limit),
        {"value": value, **values},
    )


def at_least(name: str, value: float, limit: float, unit: str = "", **values: Any) -> Measure:
    return Measure(
        name,
        f"≥ {limit:g} {unit}".strip(),
        f"{value:.3g} {unit}".strip(),
        bool(value >= limit),
        {"value": value, **values},
    )


def skipped(name: str, target: str, reason: str) -> Measure:
    return Measure(name, target, f"skipped: {reason}", None)


@dataclass(frozen=True)
class Bench:
    """Where a measurement works, and how long it may take."""

    folder: Path  # for clips, stems and homes of engines; emptied afterwards
    quick: bool
    shared: Path  # real clips and tools, if there are any
    say: Callable[[str], None]

    def fresh(self, name: str) -> Path:
        """A folder that was not there before."""
        made = self.folder / f"{name}-{time.monotonic_ns()}"
        made.mkdir(parents=True)
        return made


Group = Callable[[Bench], Iterator[Measure]]


def shared_folder(environment: dict[str, str] | None = None) -> Path:
    """Real material beside the repository, or where FOOTFALL_SHARED says."""
    named = (environment or dict(os.environ)).get("FOOTFALL_SHARED")
    return Path(named) if named else Path(__file__).parents[4] / "shared"


@dataclass(frozen=True)
class Timed:
    """A job's stems, and the seconds after its submission at which they were there and it was done."""

    stems: list[Stem]
    first_stem: float
    done: float


def timed_job(engine: Resident, request: Job) -> Timed:
    from footfall_engine.cli.jobs import Outcome, collect

    outcome, first = Outcome(), 0.0
    with engine.connect() as client:
        started = time.perf_counter()
        for event in client.events(client.submit(request)):
            collect(outcome, event)
            if isinstance(event, Stem) and not first:
                first = time.perf_counter() - started
        return Timed(outcome.stems, first, time.perf_counter() - started)


def median(values: Sequence[float]) -> float:
    return float(statistics.median(values))


def peak_gb() -> float:
    """The most memory that this process has held at a time."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e9
    except (OSError, StopIteration):
        pass
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # on Linux, of the process that started it as well
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e9
