"""How fast a warm engine makes stems for 8 s of 1080p25."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from footfall_bridge.messages import Generate, Regenerate

from footfall_engine.bench.measure import Bench, Measure, Timed, at_most, median, timed_job
from footfall_engine.contacts import bench_scene, render_clip
from footfall_engine.resident import Resident, resident_engine

PROMPT = "rubber ball on wood, light wind"
VARIANTS = 4
REPEATS = 5
ALL_LIMIT, FIRST_LIMIT, CACHED_LIMIT = 0.3, 0.2, 0.05  # shares of the clip's length


def speed(bench: Bench) -> Iterator[Measure]:
    bench.say("8 s of 1080p25, four variants")
    folder = bench.fresh("speed")
    scene = bench_scene()
    render_clip(folder / "clip.mp4", scene)
    length = scene.duration
    with resident_engine(folder / "home") as engine:
        _copy_and_make(engine, folder, "warm-up")
        runs = [_copy_and_make(engine, folder, f"run-{number}") for number in range(REPEATS)]
        clip = str(folder / f"run-{REPEATS - 1}.mp4")
        again = [timed_job(engine, _generate(clip, folder, seed, VARIANTS)) for seed in range(10, 10 + REPEATS)]
        variants = [timed_job(engine, _generate(clip, folder, seed, 1)) for seed in range(20, 20 + REPEATS)]
        stem = variants[-1].stems[0].path
        patches = [timed_job(engine, _regenerate(stem, folder, seed)) for seed in range(30, 30 + REPEATS)]
    unit = "× length"
    first, last = median([run.first_stem for run in runs]), median([run.done for run in runs])
    yield at_most("four variants, analysis not cached", last / length, ALL_LIMIT, unit, seconds=_seconds(runs))
    yield at_most("their first stem", first / length, FIRST_LIMIT, unit)
    cached = {"another variant, analysis cached": variants, "regenerate of 2 s, analysis cached": patches,
              "the four variants again, analysis cached": again}  # fmt: skip
    for name, timed in cached.items():
        yield at_most(name, median([run.done for run in timed]) / length, CACHED_LIMIT, unit, seconds=_seconds(timed))


def _copy_and_make(engine: Resident, folder: Path, name: str) -> Timed:
    """A copy of the clip is another file, so nothing is known of it yet."""
    clip = folder / f"{name}.mp4"
    shutil.copyfile(folder / "clip.mp4", clip)
    return timed_job(engine, _generate(str(clip), folder, 1, VARIANTS))


def _generate(clip: str, folder: Path, seed: int, variants: int) -> Generate:
    return Generate(video=clip, prompt=PROMPT, seed=seed, variants=variants, stem_folder=str(folder))


def _regenerate(stem: str, folder: Path, seed: int) -> Regenerate:
    return Regenerate(stem=stem, start=3.0, end=5.0, seed=seed, stem_folder=str(folder))


def _seconds(runs: list[Timed]) -> list[float]:
    return [round(run.done, 3) for run in runs]
