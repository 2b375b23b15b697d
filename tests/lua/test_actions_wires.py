"""The same actions over OSC/UDP, where LuaSocket is installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from footfall_engine.resident import Resident

from tests.lua.session import GENERATE, Session, facts_of, provenance, session, wishes


@pytest.fixture
def wired(tmp_path: Path, engine: Resident, clips: Path) -> Iterator[Session]:
    with session(tmp_path / "reaper", engine.settings, readable=[clips], lua_socket=True) as opened:
        yield opened
    shutil.rmtree(engine.settings.spool_folder / "hosts", ignore_errors=True)


def show(studio: Session, clip: Path, position: float = 0.0) -> None:
    studio.project.add_track("Picture").add_item(studio.reaper.source(clip), position, 0.5, selected=True)


def test_generate_over_udp_leaves_no_request_in_the_folder_and_lands_the_same(wired: Session, hammer: Path):
    show(wired, hammer, 3.25)
    wired.generate("hammer on metal", variants=2)
    (item,) = wired.stem_items
    assert item.position == 3.25 and len(item.takes) == 2
    assert facts_of(item.takes[0]).position == round(3.25 * 48_000)
    assert wired.requests() == []
    assert wired.journal == [] and wired.told == ""


def test_many_jobs_over_udp_all_land_once(wired: Session, hammer: Path):
    for number in range(12):
        show(wired, hammer, float(number))
    wired.generate("rain")
    assert sorted(item.position for item in wired.stem_items) == [float(number) for number in range(12)]


def test_spotting_over_udp_marks_the_hits(wired: Session, hammer: Path):
    show(wired, hammer)
    wired.project.items[0].set_value("D_LENGTH", 2.0)
    wired.finish("Spot hits")
    assert wired.project.items[0].takes[0].markers


def test_a_job_asked_over_udp_is_found_again_after_reaper_was_closed(wired: Session, hammer: Path):
    show(wired, hammer, 1.0)
    wired.run(GENERATE, wishes())
    wired.reaper.step(20)
    wired.reaper.save()
    wired.reaper.restart()
    wired.finish("Place finished stems", "yes")
    (item,) = wired.stem_items
    assert item.position == 1.0 and provenance(item.takes[0])["variant"] == 1
