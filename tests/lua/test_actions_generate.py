"""Generate for selection, end to end: REAPER's actions, a real engine, stems on the timeline."""

from __future__ import annotations

from pathlib import Path

from tests.lua.session import Session, facts_of, provenance


def test_a_selected_video_item_gets_its_variants_as_takes_on_a_track_below(studio: Session, hammer: Path):
    picture = studio.project.add_track("Picture")
    picture.add_item(studio.reaper.source(hammer), position=3.25, selected=True)
    studio.generate("hammer on metal", variants=2)
    (track,) = studio.stem_tracks
    (item,) = track.items
    assert track.number == picture.number + 1
    assert track.name == "Footfall: hammer on metal"
    assert [provenance(take)["variant"] for take in item.takes] == [1, 2]
    assert item.active_take is item.takes[0]
    assert (item.position, item.length) == (3.25, facts_of(item.takes[0]).samples / 48_000)
    assert facts_of(item.takes[0]).position == round(3.25 * 48_000)
    assert item.value("B_LOOPSRC") == 0
    assert studio.journal == []
    assert studio.told == ""
