"""How soon things answer: a request, a starting engine, an import."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

from footfall_bridge.messages import Spot

from footfall_engine.bench.measure import Bench, Measure, at_most, median
from footfall_engine.resident import Resident, resident_engine

REQUESTS, QUICK_REQUESTS = 200, 40
WIRES = {"udp": ("OSC over UDP", 5.0), "tcp": ("OSC over TCP", 5.0), "spool": ("spool folder", 100.0)}
STARTS = 5
IMPORTS = 5
START_LIMIT, IMPORT_LIMIT = 1.5, 0.3
TIME_IMPORT = "import time; t = time.perf_counter(); import footfall_bridge.client; print(time.perf_counter() - t)"


def latency(bench: Bench) -> Iterator[Measure]:
    bench.say("request to queued")
    with resident_engine(bench.fresh("latency")) as engine:
        for wire, (name, limit) in WIRES.items():
            count = QUICK_REQUESTS if bench.quick else REQUESTS
            waits = sorted(_waits(engine, wire, count, str(bench.folder / "no such clip.mp4")))
            worst = round(waits[-1], 2)
            yield at_most(f"request to queued, {name}", median(waits), limit, "ms", worst=worst, requests=count)


def _waits(engine: Resident, wire: str, count: int, clip: str) -> list[float]:
    """Milliseconds until each request is known to be queued. What is asked for fails at once, so no queue builds up."""
    waits = []
    with engine.connect(getattr(engine, wire)) as client:
        for _ in range(count):
            request = Spot(video=clip)
            started = time.perf_counter()
            job = client.submit(request)
            waits.append(1000 * (time.perf_counter() - started))
            for _ in client.events(job):
                pass
    return waits


def starting(bench: Bench) -> Iterator[Measure]:
    bench.say("engine start and import")
    starts = []
    for _ in range(STARTS):
        with resident_engine(bench.fresh("start")) as engine:
            starts.append(engine.ready_after)
    yield at_most("engine start to ready", median(starts), START_LIMIT, "s", worst=round(max(starts), 2))
    run = [sys.executable, "-c", TIME_IMPORT]
    imports = [float(subprocess.run(run, capture_output=True, text=True, check=True).stdout) for _ in range(IMPORTS)]
    yield at_most("import footfall_bridge.client", median(imports), IMPORT_LIMIT, "s")
