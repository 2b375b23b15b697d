"""All measurements in one run."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from footfall_bridge import __version__

from footfall_engine.bench import latency, long, multifoley, neural, published, real, rendered, speed
from footfall_engine.bench.measure import Bench, Group, Measure, shared_folder

GROUPS: dict[str, Group] = {
    "speed": speed.speed,
    "latency": latency.latency,
    "start": latency.starting,
    "long": long.long,
    "events": rendered.events,
    "sync": real.sync,
    "ear": real.heard,
    "onsets": rendered.onsets,
    "neural": neural.neural,
    "published": published.published,
    "multifoley": multifoley.multifoley,
}


def run(groups: list[str], quick: bool, say: Callable[[str], None]) -> Iterator[Measure]:
    """Measure group by group; a group that breaks is a row that says so."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as folder:
        bench = Bench(Path(folder), quick, shared_folder(), say)
        for name in groups:
            try:
                yield from GROUPS[name](bench)
            except Exception as error:  # the other figures are still wanted
                yield Measure(name, "", f"failed: {error}", False, {"error": repr(error)})


def report(measures: list[Measure], quick: bool, seconds: float) -> dict[str, Any]:
    """Everything that was measured, for a file."""
    return {
        "footfall": __version__,
        "machine": machine(),
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "quick": quick,
        "seconds": round(seconds, 1),
        "rows": [vars(measure) for measure in measures],
    }


def machine() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
