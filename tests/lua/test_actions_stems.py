"""What one does with stems that are there: regenerate a part, listen through variants, keep one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from footfall_engine.media import wav

from tests.fakes.reaper.model import Item, Source, Take
from tests.lua.session import Session, facts_of, provenance

REGENERATE = "Regenerate selected part"
SAME = {}  # an answer that changes nothing


@pytest.fixture
def stem(studio: Session, hammer: Path) -> Item:
    """A stem of one second at 4 s, made by Footfall."""
    picture = studio.project.add_track("Picture")
    picture.add_item(studio.reaper.source(hammer), 4.0, 1.0, selected=True)
    studio.generate("hammer on metal")
    picture.items[0].selected = False
    (item,) = studio.stem_items
    return item


def regenerate(studio: Session, from_: float, to: float, answer: object = SAME) -> None:
    studio.project.time_selection = (from_, to)
    studio.finish(REGENERATE, answer)


def samples_of(take: Take) -> np.ndarray:
    facts = facts_of(take)
    return wav.read_pcm(facts, 0, facts.samples)


def changed_seconds(old: Take, new: Take) -> tuple[float, float]:
    """First and last moment at which two stems differ."""
    differ = np.flatnonzero((samples_of(old) != samples_of(new)).any(axis=0))
    return differ[0] / 48_000, differ[-1] / 48_000


# ---- regenerate


def test_a_part_arrives_as_a_new_active_take_and_the_rest_is_the_same_to_the_bit(studio: Session, stem: Item):
    regenerate(studio, 4.25, 4.5)
    old, new = stem.takes
    assert stem.active_take is new
    assert (stem.position, stem.length) == (4.0, 1.0)
    first, last = changed_seconds(old, new)
    assert first >= 0.25 and last < 0.5
    assert studio.project.undo_at == 2
    assert studio.told == ""


def test_regenerating_is_one_undo_point_and_undo_restores_the_project_exactly(studio: Session, stem: Item):
    before = studio.facts()
    regenerate(studio, 4.25, 4.5)
    studio.project.step_in_history(-1)
    assert studio.facts() == before


def test_the_prompts_start_from_how_the_stem_was_made_and_may_be_changed(studio: Session, stem: Item):
    regenerate(studio, 4.25, 4.75, {"Prompt": "hammer on wood", "Variants (1-8)": "2"})
    dialog = next(d for d in studio.reaper.messages if d.title == "Footfall: 1 part anew")
    assert dialog.fields["Prompt"] == "hammer on metal"
    assert len(stem.takes) == 3
    assert facts_of(stem.takes[2]).provenance["patches"][-1]["prompt"] == "hammer on wood"


@pytest.mark.parametrize(
    "edit",
    [
        {"D_POSITION": 40.0},
        {"D_LENGTH": 0.8},
        {"D_POSITION": 4.125, "D_LENGTH": 0.5, "D_STARTOFFS": 0.125},
        {"D_PLAYRATE": 2.0, "D_LENGTH": 0.5},
        {"D_PLAYRATE": 0.5, "D_LENGTH": 2.0, "D_POSITION": 1.0},
    ],
    ids=["moved", "end trimmed", "start trimmed", "twice as fast", "half as fast"],
)
def test_a_stem_that_was_edited_since_is_made_anew_where_the_selection_lies(
    studio: Session, stem: Item, edit: dict[str, float]
):
    take = stem.takes[0]
    for key, value in edit.items():
        (take if key in ("D_STARTOFFS", "D_PLAYRATE") else stem).set_value(key, value)
    begin, end = stem.position + 0.15, stem.position + 0.4
    regenerate(studio, begin, end)
    expected = [take.start_offset + (time - stem.position) * take.rate for time in (begin, end)]
    asked = next(r for r in studio.requests() if r["type"] == "regenerate" and r["stem"] == str(take.source.path))
    assert [asked["in"], asked["out"]] == pytest.approx(expected, abs=1e-9)
    new = stem.takes[1]
    assert (new.start_offset, new.rate) == (take.start_offset, take.rate)


def test_takes_keep_volume_pan_and_pitch_of_the_one_they_replace(studio: Session, stem: Item):
    values = {"D_VOL": 0.5, "D_PAN": -0.25, "D_PITCH": 2.0, "I_CHANMODE": 2.0}
    stem.takes[0].values.update(values)
    stem.set_value("D_FADEOUTLEN", 0.2)
    regenerate(studio, 4.25, 4.5)
    assert {key: stem.takes[1].value(key) for key in values} == values
    assert stem.value("D_FADEOUTLEN") == 0.2


def test_of_a_split_stem_only_the_piece_that_is_selected_gets_the_take(studio: Session, stem: Item):
    right = split(studio, stem, 4.5)
    right.selected = True
    regenerate(studio, 4.25, 4.75)
    assert len(stem.takes) == 1 and len(right.takes) == 2
    assert right.takes[1].start_offset == 0.5
    asked = [r for r in studio.requests() if r["type"] == "regenerate" and r["out"] == 0.75]
    assert [r["in"] for r in asked] == [0.5]


def split(studio: Session, item: Item, position: float) -> Item:
    from tests.fakes.reaper.tracks_items import SplitMediaItem

    right = SplitMediaItem(studio.reaper, item, position)
    assert right is not None
    return right


def test_a_take_goes_to_where_its_item_is_when_it_comes(studio: Session, stem: Item):
    studio.project.time_selection = (4.25, 4.5)
    studio.run(REGENERATE, SAME)
    stem.set_value("D_POSITION", 9.0)
    stem.takes[0].set_value("D_STARTOFFS", 0.1)
    studio.wait()
    assert (len(stem.takes), stem.position, stem.takes[1].start_offset) == (2, 9.0, 0.1)


def test_when_its_item_is_gone_the_stem_lands_at_its_time_on_a_track_of_its_own(studio: Session, stem: Item):
    stem.takes[0].set_value("D_STARTOFFS", 0.125)
    stem.set_value("D_LENGTH", 0.75)
    studio.project.time_selection = (4.25, 4.5)
    studio.run(REGENERATE, SAME)
    stem.track.items.remove(stem)
    stem.free()
    studio.wait()
    (item,) = studio.stem_items
    assert (item.position, item.length, item.takes[0].start_offset) == (4.0, 0.75, 0.125)


def glued(stem: Item) -> None:
    path = facts_of(stem.takes[0]).path
    copy = path.with_name("glued.wav")
    copy.write_bytes(path.read_bytes())
    stem.takes[0].source.path = copy


def stretched(stem: Item) -> None:
    stem.takes[0].stretch_markers = [(0.0, 0.0), (0.2, 0.3)]


def reversed_(stem: Item) -> None:
    take = stem.takes[0]
    take.set_source(Source.section(take.source, 0.0, 1.0, reversed=True))


def looped(stem: Item) -> None:
    stem.values.update(B_LOOPSRC=1.0, D_LENGTH=3.0)


def missing(stem: Item) -> None:
    facts_of(stem.takes[0]).path.unlink()


@pytest.mark.parametrize(
    "edit, reason",
    [
        (glued, "plays another file"), (stretched, "has stretch markers"), (reversed_, "is reversed"),
        (looped, "is looped"), (missing, "is offline"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_anew_is_refused_with_its_reason(studio: Session, stem: Item, edit, reason: str):
    edit(stem)
    before = studio.facts()
    studio.project.time_selection = (4.25, 4.5)
    studio.finish(REGENERATE)
    assert reason in studio.told
    assert studio.facts() == before


def test_without_a_time_selection_or_a_stem_under_it_the_user_is_told_what_to_select(studio: Session, stem: Item):
    studio.finish(REGENERATE)
    studio.project.time_selection = (100.0, 101.0)
    studio.finish(REGENERATE)
    assert studio.told.count("time selection inside a stem") == 2


def test_a_part_of_a_part_keeps_the_patches_before_it(studio: Session, stem: Item):
    regenerate(studio, 4.1, 4.3)
    regenerate(studio, 4.6, 4.8)
    assert len(stem.takes) == 3
    assert len(facts_of(stem.takes[2]).provenance["patches"]) == 2
    first, last = changed_seconds(stem.takes[1], stem.takes[2])
    assert first >= 0.6 and last < 0.8


# ---- variants


@pytest.fixture
def choice(studio: Session, hammer: Path) -> Item:
    """An item with three variants, selected."""
    track = studio.project.add_track("Picture")
    track.add_item(studio.reaper.source(hammer), 4.0, 0.5, selected=True)
    studio.generate(variants=3)
    track.items[0].selected = False
    (item,) = studio.stem_items
    item.selected = True
    return item


def heard(item: Item) -> int:
    assert item.active_take is not None
    return provenance(item.active_take)["variant"]


def test_next_and_previous_go_round_and_round(studio: Session, choice: Item):
    seen = []
    for action in ["Next variant"] * 4 + ["Previous variant"] * 3:
        studio.run(action)
        seen.append(heard(choice))
    assert seen == [2, 3, 1, 2, 1, 3, 2]
    assert studio.project.undo_name == "Footfall: previous variant"


def test_without_a_selected_stem_the_one_under_the_edit_cursor_is_meant(studio: Session, choice: Item):
    choice.selected = False
    studio.project.cursor = 4.2
    studio.run("Next variant")
    assert heard(choice) == 2
    studio.project.cursor = 8.0
    studio.run("Next variant")
    assert heard(choice) == 2 and "Select a stem that Footfall has made" in studio.told


def test_a_users_own_take_is_never_stepped_onto_nor_removed(studio: Session, choice: Item, hammer: Path):
    own = choice.add_take(studio.reaper.source(hammer))
    for _ in range(3):
        studio.run("Next variant")
    assert heard(choice) == 1
    studio.finish("Keep variant", "yes")
    assert [take is own or provenance(take)["variant"] for take in choice.takes] == [1, True]


def test_keep_removes_the_other_variants_after_asking_in_one_undo_point(studio: Session, choice: Item):
    files = [facts_of(take).path for take in choice.takes]
    studio.run("Next variant")
    before, points = studio.facts(), studio.project.undo_at
    studio.finish("Keep variant", "yes")
    assert [provenance(take)["variant"] for take in choice.takes] == [2]
    assert heard(choice) == 2 and choice.selected
    assert all(path.is_file() for path in files)
    assert studio.project.undo_at == points + 1
    studio.project.step_in_history(-1)
    assert studio.facts() == before


def test_keep_asks_first_and_no_means_no(studio: Session, choice: Item):
    before = studio.facts(), studio.project.undo_at
    studio.finish("Keep variant", "no")
    assert (studio.facts(), studio.project.undo_at) == before
    assert "remove 2 other variants" in studio.told and "files stay" in studio.told


def test_with_one_variant_there_is_nothing_to_step_or_keep(studio: Session, stem: Item):
    stem.selected = True
    points = studio.project.undo_at
    for action in ("Next variant", "Keep variant"):
        studio.run(action)
    assert studio.told.count("only one variant") == 2
    assert studio.project.undo_at == points


def test_lanes_are_stepped_and_kept_like_takes(studio: Session, hammer: Path):
    studio.run("Options", {"Variants in lanes (yes/no)": "yes"})
    track = studio.project.add_track("Picture")
    track.add_item(studio.reaper.source(hammer), 4.0, 0.5, selected=True)
    studio.generate(variants=3)
    track.items[0].selected = False
    (stems,) = studio.stem_tracks
    stems.ordered[0].selected = True

    def playing() -> list[int]:
        return [lane for lane in range(3) if stems.value(f"C_LANEPLAYS:{lane}")]

    studio.run("Next variant")
    assert playing() == [1]
    studio.run("Previous variant")
    studio.run("Previous variant")
    assert playing() == [2]
    studio.finish("Keep variant", "yes")
    assert [provenance(item.takes[0])["variant"] for item in stems.items] == [3]


def test_several_selected_stems_step_together(studio: Session, choice: Item, hammer: Path):
    track = studio.project.add_track("Picture 2")
    track.add_item(studio.reaper.source(hammer), 8.0, 0.5, selected=True)
    choice.selected = False
    studio.generate(variants=2)
    track.items[0].selected = False
    for item in studio.stem_items:
        item.selected = True
    points = studio.project.undo_at
    studio.run("Next variant")
    assert [heard(item) for item in studio.stem_items] == [2, 2]
    assert studio.project.undo_at == points + 1
