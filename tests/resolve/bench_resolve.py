"""What Resolve's user feels, measured with the real scripts, the strict Resolve and a real engine process.

The stand-in for Resolve takes its part of the times.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from footfall_bridge.messages import Generate
from footfall_engine import contacts
from footfall_engine.bench.measure import Measure, at_most
from footfall_engine.resident import Resident, resident_engine

from tests.resolve.studio import Studio, histories

ADDED_MS = 300
REPEATS = 10
CUTS = 500  # of a long timeline; most of what they add is the stand-in's


def measured() -> Iterator[Measure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = folder / "hammer.mp4"
        contacts.render_clip(clip, contacts.Scene("hammer", duration=2.0, width=160, height=90))
        with resident_engine(folder / "engine") as engine:
            yield added(folder / "short", engine, clip, cuts=0)
            yield added(folder / "long", engine, clip, cuts=CUTS)


def added(folder: Path, engine: Resident, clip: Path, cuts: int) -> Measure:
    """From the start of the script's process to its end, with its stem on the timeline; less the engine's own time."""
    studio = studio_with(folder, engine, clip, cuts)
    studio.generate()  # the engine has seen the picture from here on
    (item,) = studio.items()
    request = next(histories([item]))["request"]
    times = []
    for _ in range(REPEATS):
        studio = studio_with(folder, engine, clip, cuts)
        began = time.perf_counter()
        studio.generate()
        times.append(1000 * (time.perf_counter() - began - own_time(engine, request)))
        assert len(studio.items()) == 1
    name = "Resolve's script to placed stem, beyond the engine" + (f", {cuts} cuts" if cuts else "")
    return at_most(name, statistics.median(times), ADDED_MS, "ms", worst=max(times))


def studio_with(folder: Path, engine: Resident, clip: Path, cuts: int) -> Studio:
    studio = Studio(folder, engine.settings)
    studio.add_timeline("24", 86_400)
    shown = studio.add_clip(clip, "25", 50)
    for number in range(max(1, cuts)):
        studio.show(shown, 86_400 + 48 * number, 48)
    studio.mark(0, 47)
    return studio


def own_time(engine: Resident, request: dict) -> float:
    """Seconds that the same job takes without any script."""
    job = Generate.model_validate({key: value for key, value in request.items() if key != "id"})
    with engine.connect() as client:
        began = time.perf_counter()
        client.submit(job)
        for _ in client.events(job.id):
            pass
        return time.perf_counter() - began
