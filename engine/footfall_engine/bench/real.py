"""Real clips with their own sound, and what a classifier of everyday sounds hears in stems. Needs the shared folder."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from footfall_bridge.messages import Generate

from footfall_engine.bench.measure import Bench, Measure, at_least, skipped, timed_job
from footfall_engine.contacts import Scene, render_clip
from footfall_engine.resident import resident_engine

LIFT_LIMIT = 0.35
SEEDS = 3
AMONG = {5: 0.50, 10: 0.60}  # a class of the family among so many strongest: in at least this share of stems


def sync(bench: Bench) -> Iterator[Measure]:
    from footfall_engine.evaluation.folders import ONSETS_FILE
    from footfall_engine.evaluation.sync import evaluate_sync

    folder, name = bench.shared / "media" / "sync", "mean lift on real clips"
    if not (folder / ONSETS_FILE).is_file():
        yield skipped(name, f"≥ {LIFT_LIMIT}", "no real clips here (FOOTFALL_SHARED)")
        return
    bench.say("events of real clips against their sound")
    found = evaluate_sync(folder)
    lifts = {row["clip"]: round(row["lift"], 3) for row in found["clips"]}
    yield at_least(name, found["mean_lift"], LIFT_LIMIT, clips=lifts)


def heard(bench: Bench) -> Iterator[Measure]:
    names = {rank: f"family among the {rank} strongest classes heard" for rank in AMONG}
    tool, reason = bench.shared / "tools" / "ear.py", ""
    if not tool.is_file():
        reason = "no ear here (FOOTFALL_SHARED)"
    elif missing := [name for name in ("ai_edge_litert", "librosa") if importlib.util.find_spec(name) is None]:
        reason = f"without {' and '.join(missing)} (the extra 'ear')"
    if reason:
        yield from (skipped(names[rank], f"≥ {limit}", reason) for rank, limit in AMONG.items())
        return
    ear = _load(tool)
    folder = bench.fresh("ear")
    clip = folder / "clip.mp4"
    render_clip(clip, Scene("balls", 8.0))
    families = list(ear.FAMILIES)[:: 7 if bench.quick else 1]
    shares: dict[str, dict[int, float]] = {}
    with resident_engine(folder / "home") as engine:
        for family in families:
            bench.say(f"listening: {family}")
            asked = Generate(video=str(clip), prompt=family, seed=1, variants=SEEDS, stem_folder=str(folder))
            stems = [stem.path for stem in timed_job(engine, asked).stems]
            shares[family] = _shares(ear, family, stems)
    for rank, limit in AMONG.items():
        mean = sum(share[rank] for share in shares.values()) / len(shares)
        by_family = {family: round(share[rank], 2) for family, share in shares.items()}
        yield at_least(names[rank], mean, limit, families=by_family, seeds=SEEDS)


def _shares(ear: ModuleType, family: str, stems: list[str]) -> dict[int, float]:
    """Share of stems in which one of the family's classes is among the strongest, by how many of them count."""
    wanted = set(ear.FAMILIES[family])
    ranked = [[ear.NAMES[index] for index in (-ear.listen(stem)).argsort()] for stem in stems]
    return {rank: sum(bool(wanted & set(names[:rank])) for names in ranked) / len(ranked) for rank in AMONG}


def _load(tool: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("footfall_ear", tool)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
