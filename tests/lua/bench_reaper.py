"""What REAPER's user feels, measured with the real scripts, the strict REAPER and a real engine process.

A step's time is this thread's own; what the stand-in for REAPER takes itself is not counted.
"""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from footfall_bridge.messages import Hit, Progress
from footfall_engine import contacts
from footfall_engine.bench.measure import Measure, at_most
from footfall_engine.resident import Resident, resident_engine

from tests.fakes.reaper import run
from tests.fakes.reaper.model import Source
from tests.fakes.reaper.table import FUNCTIONS, Function
from tests.lua.session import GENERATE, Session, quick_session, session, wishes

QUEUED_MS, STEP_MS, GROWTH_KB = 250, 5, 16
REPEATS = 10
JOBS, VARIANTS = 20, 4
POLLS = 10_000
HITS = 250  # of a shot of some minutes
GLANCE = 0.0005


def measured() -> Iterator[Measure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = folder / "clips" / "hammer.mp4"
        clip.parent.mkdir()
        contacts.render_clip(clip, contacts.Scene("hammer", duration=2.0, width=160, height=90))
        with resident_engine(folder / "engine") as engine:
            for wire, has_socket in (("spool folder", False), ("OSC over UDP", True)):
                yield queued(folder, engine, clip, wire, has_socket)
            yield longest_step(folder, engine, clip)
        yield longest_step_with_many_hits(folder / "hits")
        yield growth(folder / "growth", POLLS)


def queued(folder: Path, engine: Resident, clip: Path, wire: str, has_socket: bool) -> Measure:
    """From the action's start to the engine knowing the job, the user's own time at the dialog left out."""
    times = []
    for number in range(REPEATS):
        place = folder / f"queued-{has_socket}-{number}"
        with session(place, engine.settings, readable=[clip.parent], lua_socket=has_socket) as studio:
            studio.project.add_track().add_item(studio.reaper.source(clip), 1.0, 1.0, selected=True)
            known = set(jobs_of(engine))
            began = time.perf_counter()
            studio.run(GENERATE, wishes())
            while set(jobs_of(engine)) == known:
                studio.reaper.step()
                time.sleep(GLANCE)
            times.append(1000 * (time.perf_counter() - began))
            studio.wait()
    return at_most(f"REAPER action to queued, {wire}", statistics.median(times), QUEUED_MS, "ms", worst=max(times))


def jobs_of(engine: Resident) -> list[str]:
    """Jobs in the engine's queue, as its database has them: whatever wire they came by."""
    import sqlite3

    (database,) = engine.settings.data_folder.glob("*.db")
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return [row[0] for row in connection.execute("select id from jobs")]


@contextmanager
def own_time() -> Iterator[None]:
    """Steps are timed by what this thread computes, without Python's garbage: nothing of that is there in REAPER."""
    clock = SimpleNamespace(perf_counter=time.thread_time, monotonic=time.monotonic, sleep=time.sleep, time=time.time)
    real, run.time = run.time, clock  # type: ignore[attr-defined]
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        run.time = real  # type: ignore[attr-defined]


def longest_step(folder: Path, engine: Resident, clip: Path) -> Measure:
    """The longest step of twenty jobs of four variants each, from their first moment to the last stem."""
    with own_time(), session(folder / "steps", engine.settings, readable=[clip.parent]) as studio:
        track = studio.project.add_track()
        for number in range(JOBS):
            track.add_item(studio.reaper.source(clip), float(number), 0.5, selected=True)
        studio.run(GENERATE, wishes("rain", VARIANTS))
        studio.reaper.pump(seconds=300)
        assert len(studio.stem_items) == JOBS
        return step_row(studio, f"REAPER's longest defer step, {JOBS} jobs")


def step_row(studio: Session, name: str) -> Measure:
    times = sorted(1000 * step.seconds_of_script for step in studio.reaper.steps if step.deferred)
    return at_most(name, times[-1], STEP_MS, "ms", median=statistics.median(times), steps=len(times))


def longest_step_with_many_hits(folder: Path) -> Measure:
    """Many hits that become markers."""
    with own_time(), quick_session(folder) as (studio, engine):
        show_stand_in(studio)
        studio.run("Spot hits")
        (asked,) = engine.take()
        hits = [Hit(time=number * 0.4 + 0.1, strength=0.83, x=0.125, size=0.3) for number in range(HITS)]
        engine.finish(asked, spotted={"id": asked.id, "duration": 600.0, "events": hits})
        studio.wait()
        assert len(studio.project.items[0].takes[0].markers) == HITS
        return step_row(studio, f"REAPER's longest defer step, {HITS} hits")


def show_stand_in(studio: Session) -> None:
    path = studio.reaper.folder / "reel.mov"
    path.touch()
    studio.project.add_track().add_item(Source("VIDEO", path, 600.0, 48_000, 2), 0.0, selected=True)


def growth(folder: Path, polls: int) -> Measure:
    """What the script's Lua state has gained after so many polls of a running job, its collector run before."""
    with quick_session(folder) as (studio, engine):
        show_stand_in(studio)
        action = studio.run(GENERATE, wishes())
        (asked,) = engine.take()

        def poll(number: int) -> None:
            progress = Progress(id=asked.id, stage="making the sound", fraction=number / polls, eta_seconds=1.0)
            engine.finish(asked, "running", stems=[], progress=progress)
            studio.reaper.step()

        with fast_clock(lambda: studio.reaper.steps.clear()):
            for number in range(polls // 10):
                poll(number)
            before = action.kilobytes
            for number in range(polls // 10, polls):
                if number % 100 == 0:
                    engine.beat()
                poll(number)
            gained = action.kilobytes - before
            looks = sum(what == "io.open" and path.endswith("status.json") for what, path in studio.reaper.files.used)
            assert not action.ended and looks >= polls, f"only {looks} looks"
    return at_most(f"memory gained over {polls:,} polls", gained, GROWTH_KB, "kB", at_first=before)


class fast_clock:
    """A REAPER whose clock goes on by a tenth of a second whenever it is asked, so that each step is a poll."""

    def __init__(self, every_look: Callable[[], Any]) -> None:
        self.now, self.every_look = time.perf_counter(), every_look

    def look(self, host: Any) -> float:
        self.now += 0.1
        self.every_look()
        return self.now

    def __enter__(self) -> None:
        self.real = FUNCTIONS["time_precise"]
        FUNCTIONS["time_precise"] = Function(self.look)

    def __exit__(self, *error: object) -> None:
        FUNCTIONS["time_precise"] = self.real
