"""The whole round in every REAPER: old and new (Lua 5.3 and 5.4), on each system, saved and read again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from footfall_engine.resident import Resident

from tests.fakes.reaper.run import OLD, RECENT
from tests.lua.session import GENERATE, Session, facts_of, provenance, session, wishes

HOSTS = [(RECENT, "Other"), (OLD, "Other"), (RECENT, "Win64"), (RECENT, "macOS-arm64"), (OLD, "Win64")]


@pytest.fixture(params=HOSTS, ids=[f"{version.split('/')[0]} {system}" for version, system in HOSTS])
def host(request: pytest.FixtureRequest, tmp_path: Path, engine: Resident, clips: Path) -> Iterator[Session]:
    version, system = request.param
    with session(tmp_path / "reaper", engine.settings, readable=[clips], version=version, system=system) as opened:
        yield opened
    shutil.rmtree(engine.settings.spool_folder / "hosts", ignore_errors=True)


def test_generate_listen_keep_regenerate_and_spot(host: Session, hammer: Path):
    picture = host.project.add_track("Picture").add_item(host.reaper.source(hammer), 1.0, selected=True)
    host.finish("Spot hits")
    assert picture.takes[0].markers
    host.generate(variants=3)
    picture.selected = False
    (item,) = host.stem_items
    item.selected = True
    host.run("Next variant")
    host.finish("Keep variant", "yes")
    assert [provenance(take)["variant"] for take in item.takes] == [2]
    host.project.time_selection = (1.25, 1.5)
    host.finish("Regenerate selected part", {})
    assert len(item.takes) == 2 and item.active_take is item.takes[1]
    assert host.told.count("\n") == 0 and "Keep what is heard" in host.told


def test_stems_of_a_project_in_the_background_land_there(host: Session, hammer: Path):
    host.project.add_track("Picture").add_item(host.reaper.source(hammer), 1.0, 0.5, selected=True)
    host.run(GENERATE, wishes())
    home = host.project
    other = host.reaper.open_project()
    host.wait()
    assert [track.name for track in home.tracks] == ["Picture", "Footfall: hammer on metal"]
    assert other.tracks == [] and host.project is other


def test_after_saving_and_starting_again_stems_are_still_ours(studio: Session, hammer: Path):
    studio.project.add_track("Picture").add_item(studio.reaper.source(hammer), 1.0, 1.0, selected=True)
    studio.generate(variants=2)
    studio.reaper.save()
    studio.reaper.restart()
    studio.project.items[0].selected = False
    (item,) = studio.stem_items
    assert (item.position, item.length) == (1.0, facts_of(item.takes[0]).samples / 48_000)
    item.selected = True
    studio.run("Next variant")
    assert item.active_take is item.takes[1]
    studio.project.time_selection = (1.25, 1.5)
    studio.finish("Regenerate selected part", {})
    assert len(item.takes) == 3


def test_after_saving_and_starting_again_our_hit_markers_are_still_ours(studio: Session, hammer: Path):
    studio.project.add_track("Picture").add_item(studio.reaper.source(hammer), 1.0, selected=True)
    studio.finish("Spot hits")
    before = len(studio.project.items[0].takes[0].markers)
    studio.reaper.save()
    studio.reaper.restart()
    studio.project.items[0].selected = True
    studio.finish("Spot hits")
    assert len(studio.project.items[0].takes[0].markers) == before > 0
