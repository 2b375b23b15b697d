"""Hits as markers, markers as hits, and spotting lists as regions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fakes.reaper.model import Item, Source
from tests.lua.session import GENERATE, Session, provenance, quick_session, wishes

SPOT, REGIONS = "Spot hits", "Generate for regions"
HIT = re.compile(r"(impact|step|stop|start|flash) [01]\.\d\d")


@pytest.fixture
def picture(studio: Session, hammer: Path) -> Item:
    """Two seconds of hammering at 3 s, selected."""
    return studio.project.add_track("Picture").add_item(studio.reaper.source(hammer), 3.0, selected=True)


def use_project_markers(studio: Session) -> None:
    studio.run("Options", {"Hits as markers of (take/project)": "project"})


# ---- spot


def test_every_visible_hit_becomes_a_take_marker_named_after_its_strength(studio: Session, picture: Item):
    studio.finish(SPOT)
    (spotted,) = [status.spotted for status in studio.statuses() if status.spotted]
    markers = picture.takes[0].markers
    assert len(markers) == len(spotted.events) > 0
    assert [time for time, _, _ in markers] == pytest.approx([event.time for event in spotted.events])
    assert all(HIT.fullmatch(name) for _, name, _ in markers)
    assert studio.project.undo_at == 1 and not studio.stem_tracks


def test_markers_lie_in_the_takes_own_seconds_whatever_it_shows(studio: Session, hammer: Path, picture: Item):
    studio.finish(SPOT)
    times = [time for time, _, _ in picture.takes[0].markers]
    picture.selected = False
    section = Source.section(studio.reaper.source(hammer), 0.25, 1.75)
    other = studio.project.add_track().add_item(section, 7.0, 0.875, rate=2.0, selected=True)
    studio.finish(SPOT)
    late = [time for time, _, _ in other.takes[0].markers]
    assert late
    for time in late:
        assert min(abs(time + 0.25 - whole) for whole in times) < 0.06


def test_project_markers_lie_where_the_item_shows_the_hits_also_in_every_round_of_a_loop(
    studio: Session, picture: Item
):
    use_project_markers(studio)
    picture.values.update(B_LOOPSRC=1.0, D_LENGTH=4.0)
    studio.finish(SPOT)
    (spotted,) = [status.spotted for status in studio.statuses() if status.spotted]
    expected = sorted(3.0 + event.time + lap * 2.0 for event in spotted.events for lap in (0, 1))
    assert [marker.start for marker in studio.project.markers] == pytest.approx(expected)
    assert not picture.takes[0].markers


def test_spotting_again_replaces_our_own_markers_and_never_the_users(studio: Session, picture: Item):
    take = picture.takes[0]
    studio.finish(SPOT)
    found = list(take.markers)
    moved = (found[0][0] + 0.03, found[0][1], 0)
    take.markers = sorted([moved, *found[1:], (0.5, "door here", 0), (0.6, "impact 0.50", 0)])
    studio.finish(SPOT)
    assert set(found) <= set(take.markers)
    assert {moved, (0.5, "door here", 0), (0.6, "impact 0.50", 0)} <= set(take.markers)
    assert len(take.markers) == len(found) + 3


def test_spotting_a_part_again_leaves_our_markers_elsewhere_as_they_are(studio: Session, picture: Item):
    studio.finish(SPOT)
    before = set(picture.takes[0].markers)
    studio.project.time_selection = (3.0, 4.0)
    studio.finish(SPOT)
    late = {marker for marker in before if marker[0] >= 1.0}
    assert late and late <= set(picture.takes[0].markers)
    studio.project.time_selection = (0.0, 0.0)
    studio.finish(SPOT)
    assert set(picture.takes[0].markers) == before


def test_project_markers_follow_an_item_that_was_moved_meanwhile(studio: Session, picture: Item):
    use_project_markers(studio)
    studio.run(SPOT)
    picture.set_value("D_POSITION", 30.0)
    studio.wait()
    (spotted,) = [status.spotted for status in studio.statuses() if status.spotted]
    assert [marker.start for marker in studio.project.markers] == pytest.approx(
        [30.0 + event.time for event in spotted.events]
    )


def test_project_markers_of_the_user_survive_spotting_again(studio: Session, picture: Item):
    use_project_markers(studio)
    studio.project.add_marker(3.5, "impact 0.50")
    studio.project.add_region(3.0, 5.0, "scene 1")
    studio.finish(SPOT)
    first = [(marker.start, marker.name, marker.end) for marker in studio.project.markers]
    studio.finish(SPOT)
    assert [(marker.start, marker.name, marker.end) for marker in studio.project.markers] == first
    assert (3.5, "impact 0.50", None) in first and (3.0, "scene 1", 5.0) in first


def test_an_item_deleted_meanwhile_is_named_and_nothing_changes(studio: Session, picture: Item):
    studio.run(SPOT)
    picture.track.items.remove(picture)
    picture.free()
    before = studio.facts(), studio.project.undo_at
    studio.wait()
    assert "was deleted meanwhile" in studio.told
    assert (studio.facts(), studio.project.undo_at) == before


def test_a_picture_without_hits_is_told_and_makes_no_undo_point(tmp_path: Path):
    with quick_session(tmp_path) as (session, engine):
        (session.reaper.folder / "calm.mov").touch()
        calm = Source("VIDEO", session.reaper.folder / "calm.mov", 5.0, 0, 0)
        session.project.add_track().add_item(calm, 0.0, 2.0, selected=True)
        session.run(SPOT)
        (asked,) = engine.take()
        engine.finish(asked, spotted={"id": asked.id, "duration": 2.0, "events": []})
        session.wait()
        assert "No hits are visible in calm" in session.told
        assert session.project.undo_at == 0


# ---- generate by markers


def test_generate_goes_by_the_users_markers_as_they_are_now(studio: Session, picture: Item):
    studio.finish(SPOT)
    take = picture.takes[0]
    take.markers = [(0.4, "step 0.25", 0), (0.9, "impact 1.00", 0), (1.2, "a note", 0), (1.9, "Impact", 0)]
    studio.finish(GENERATE, wishes())
    assert "on your 3 hit markers" in studio.reaper.messages[-1].title
    events = provenance(studio.stem_items[0].takes[0])["request"]["events"]
    assert [(e["time"], e["kind"], e["strength"]) for e in events] == [
        (0.4, "step", 0.25), (0.9, "impact", 1.0), (1.9, "impact", 1.0),
    ]  # fmt: skip


def test_a_marker_that_was_moved_keeps_what_was_seen_of_its_hit(studio: Session, picture: Item):
    studio.finish(SPOT)
    (spotted,) = [status.spotted for status in studio.statuses() if status.spotted]
    take, first = picture.takes[0], spotted.events[0]
    time, name, colour = take.markers[0]
    take.markers[0] = (time + 0.02, name, colour)
    studio.finish(GENERATE, wishes())
    event = provenance(studio.stem_items[0].takes[0])["request"]["events"][0]
    assert event["time"] == pytest.approx(first.time + 0.02)
    assert (event["x"], event["size"]) == (pytest.approx(first.x), pytest.approx(first.size))


def test_markers_count_in_played_time_from_the_regions_start(studio: Session, hammer: Path):
    section = Source.section(studio.reaper.source(hammer), 0.25, 1.75)
    item = studio.project.add_track().add_item(section, 7.0, 0.5, start_offset=0.5, rate=2.0, selected=True)
    item.takes[0].markers = [(0.4, "impact 0.50", 0), (0.9, "impact 0.50", 0), (1.6, "impact 0.50", 0)]
    studio.finish(GENERATE, wishes())
    events = provenance(studio.stem_items[0].takes[0])["request"]["events"]
    assert [event["time"] for event in events] == [pytest.approx(0.2)]


def test_an_option_leaves_markers_aside(studio: Session, picture: Item):
    studio.run("Options", {"Go by my hit markers (yes/no)": "no"})
    picture.takes[0].markers = [(0.4, "step 0.25", 0)]
    studio.finish(GENERATE, wishes())
    assert "hit marker" not in studio.reaper.messages[-1].title
    assert "events" not in provenance(studio.stem_items[0].takes[0])["request"]


# ---- regions


def test_a_spotting_list_becomes_sound_in_one_click(studio: Session, picture: Item):
    picture.selected = False
    studio.project.add_region(3.25, 3.75, "foley: hammer on metal | rain")
    studio.project.add_region(4.0, 4.5, "Foley: steps on gravel")
    studio.project.add_region(4.0, 4.5, "scene 1")
    studio.finish(REGIONS)
    made = {item.position: provenance(item.takes[0])["request"] for item in studio.stem_items}
    assert set(made) == {3.25, 4.0}
    assert (made[3.25]["prompt"], made[3.25]["negative"]) == ("hammer on metal", "rain")
    assert made[4.0]["prompt"] == "steps on gravel" and "negative" not in made[4.0]
    assert (made[4.0]["in"], made[4.0]["out"]) == (1.0, 1.5)
    assert len(studio.stem_tracks) == 1


def test_a_spotting_list_goes_by_the_model_and_the_controls_asked_for_last(studio: Session, picture: Item):
    studio.generate(model="procedural", more="seed=7")
    picture.selected = False
    studio.project.add_region(3.5, 4.0, "foley: hammer on metal")
    studio.finish(REGIONS)
    asked = [provenance(item.takes[0])["request"] for item in studio.stem_items]
    assert [(one["model"], one["seed"]) for one in asked] == [("procedural", 7)] * 2


def test_regions_at_the_same_time_get_tracks_of_their_own(studio: Session, picture: Item):
    studio.project.add_region(3.0, 3.5, "foley: hammer")
    studio.project.add_region(3.25, 3.75, "foley: rain")
    studio.finish(REGIONS)
    assert sorted([item.position for item in track.items] for track in studio.stem_tracks) == [[3.0], [3.25]]
    assert {track.name for track in studio.stem_tracks} == {"Footfall: regions"}


def test_a_marker_runs_to_the_next_marker_or_to_the_end_of_the_picture(studio: Session, picture: Item):
    studio.project.add_marker(3.5, "foley: hammer")
    studio.project.add_marker(4.0, "a note")
    studio.project.add_marker(4.5, "foley: rain")
    studio.finish(REGIONS)
    spans = sorted((item.position, item.end) for item in studio.stem_items)
    assert spans == [(3.5, 4.0), (4.5, 5.0)]


def test_the_topmost_visible_picture_counts_and_a_cut_makes_two_jobs(studio: Session, clips: Path, picture: Item):
    below = studio.project.add_track("Below")
    below.add_item(studio.reaper.source(clips / "steps.mp4"), 4.5, 1.5)
    hidden = studio.project.add_track("Hidden", index=0)
    hidden.set_value("B_SHOWINTCP", 0)
    hidden.add_item(studio.reaper.source(clips / "steps.mp4"), 4.5, 1.5)
    muted = studio.project.add_track("Muted", index=0)
    muted.add_item(studio.reaper.source(clips / "steps.mp4"), 4.5, 1.5).set_value("B_MUTE", 1)
    studio.project.add_region(4.75, 5.25, "foley: steps")
    studio.finish(REGIONS)
    made = sorted((item.position, item.length, Path(provenance(item.takes[0])["request"]["video"]).name)
                  for item in studio.stem_items)  # fmt: skip
    assert made == [(4.75, 0.25, "hammer.mp4"), (5.0, 0.25, "steps.mp4")]


def test_what_has_no_picture_is_named_and_the_rest_is_done(studio: Session, picture: Item):
    studio.project.add_region(3.25, 3.75, "foley: hammer")
    studio.project.add_region(50.0, 51.0, "foley: door")
    studio.project.add_marker(60.0, "foley: bell")
    studio.finish(REGIONS)
    assert "'foley: door' at 50.000 s has no picture" in studio.told
    assert "'foley: bell' at 60.000 s has no picture" in studio.told
    assert [item.position for item in studio.stem_items] == [3.25]


def test_without_a_list_the_user_is_told_how_to_write_one(studio: Session, picture: Item):
    studio.project.add_region(3.25, 3.75, "scene 1")
    studio.finish(REGIONS)
    assert "Name regions (or markers) 'foley:" in studio.told


def test_a_list_uses_variants_and_model_of_the_last_dialog(studio: Session, picture: Item):
    studio.finish(GENERATE, wishes("hammer", 2))
    studio.project.add_region(3.25, 3.75, "foley: rain")
    studio.finish(REGIONS)
    (item,) = [item for item in studio.stem_items if item.position == 3.25]
    assert len(item.takes) == 2
