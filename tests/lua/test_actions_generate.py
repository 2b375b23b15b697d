"""Generate for selection, end to end: REAPER's actions, a real engine, stems on the timeline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clips import make_sound_only
from tests.fakes.reaper.model import Item, Source
from tests.lua.session import GENERATE, REPEAT, Session, facts_of, provenance, wishes


def show(studio: Session, clip: Path, position: float = 0.0, length: float = 0.5, **facts: float | bool) -> Item:
    """The clip on a new track."""
    track = studio.project.add_track(f"Picture {len(studio.project.tracks) + 1}")
    return track.add_item(studio.reaper.source(clip), position, length, **facts)


def test_a_selected_video_item_gets_its_variants_as_takes_on_a_track_below(studio: Session, hammer: Path):
    picture = studio.project.add_track("Picture")
    studio.project.add_track("Dialogue")
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


def test_everything_lands_in_one_undo_point_and_undo_restores_the_project_exactly(studio: Session, hammer: Path):
    show(studio, hammer, selected=True)
    before = studio.facts()
    studio.generate(variants=2)
    assert studio.project.undo_name == "Footfall: generate hammer on metal"
    assert studio.project.undo_at == 1
    studio.project.step_in_history(-1)
    assert studio.facts() == before


def test_a_clip_played_at_another_speed_gets_a_stem_as_long_as_it_is_shown(studio: Session, hammer: Path):
    picture = show(studio, hammer, 1.0, 1.6, rate=1.25, selected=True)
    studio.generate()
    (item,) = studio.stem_items
    assert (item.position, item.length) == (1.0, pytest.approx(picture.length, abs=1 / 48_000))
    assert provenance(item.takes[0])["request"]["speed"] == 1.25


def test_several_items_make_several_jobs_on_one_track_for_each_picture_track(studio: Session, clips: Path):
    first = show(studio, clips / "hammer.mp4", 0.0, selected=True)
    first.track.add_item(studio.reaper.source(clips / "steps.mp4"), 2.0, 0.5, selected=True)
    show(studio, clips / "hammer.mp4", 1.0, selected=True)
    studio.generate("hammer")
    tracks = studio.stem_tracks
    assert [[item.position for item in track.ordered] for track in tracks] == [[0.0, 2.0], [1.0]]
    assert [track.number for track in tracks] == [2, 4]


# ---- what counts as selected


def test_a_time_selection_over_selected_items_is_the_part_that_counts(studio: Session, hammer: Path):
    show(studio, hammer, 10.0, 2.0, selected=True)
    studio.project.time_selection = (10.5, 11.0)
    studio.generate()
    (item,) = studio.stem_items
    assert (item.position, item.length) == (10.5, 0.5)
    assert provenance(item.takes[0])["request"]["in"] == 0.5


def test_a_time_selection_elsewhere_does_not_matter_to_selected_items(studio: Session, hammer: Path):
    show(studio, hammer, 10.0, selected=True)
    studio.project.time_selection = (0.0, 5.0)
    studio.generate()
    assert [item.position for item in studio.stem_items] == [10.0]


def test_a_time_selection_alone_means_the_videos_of_the_selected_tracks(studio: Session, hammer: Path):
    show(studio, hammer, 0.0, 2.0)
    wanted = show(studio, hammer, 0.0, 2.0)
    wanted.track.set_value("I_SELECTED", 1)
    studio.project.time_selection = (0.25, 0.75)
    studio.generate()
    (track,) = studio.stem_tracks
    assert track.number == wanted.track.number + 1


def test_a_time_selection_alone_means_all_videos_when_no_selected_track_has_one(studio: Session, hammer: Path):
    show(studio, hammer, 0.0, 2.0)
    studio.project.add_track("Music").set_value("I_SELECTED", 1)
    studio.project.time_selection = (0.25, 0.75)
    studio.generate()
    assert [item.position for item in studio.stem_items] == [0.25]


def test_razor_edits_over_video_are_shots_and_those_over_envelopes_are_not(studio: Session, hammer: Path):
    picture = show(studio, hammer, 0.0, 2.0)
    razor = '0.25 0.75 "" 1.0 1.5 "" 0.0 2.0 "{7E0A4F2C-7A11-4A0C-8F2B-0123456789AB}"'
    picture.track.strings["P_RAZOREDITS"] = razor
    studio.generate()
    assert [(item.position, item.length) for item in studio.stem_items] == [(0.25, 0.5), (1.0, 0.5)]


def test_nothing_selected_is_told_and_nothing_changes(studio: Session, hammer: Path):
    show(studio, hammer)
    before = studio.facts(), studio.project.undo_at
    studio.finish(GENERATE)
    assert "Select one or more video items" in studio.told
    assert (studio.facts(), studio.project.undo_at) == before


def test_turning_away_from_the_dialog_changes_nothing(studio: Session, hammer: Path):
    show(studio, hammer, selected=True)
    before = studio.facts(), studio.project.undo_at
    studio.finish(GENERATE, None)
    assert (studio.facts(), studio.project.undo_at) == before
    assert studio.journal == [] and studio.told == ""


# ---- what cannot be done is named


def stretched(studio: Session, hammer: Path) -> None:
    show(studio, hammer, selected=True).takes[0].stretch_markers = [(0.0, 0.0), (0.2, 0.3)]


def reversed_(studio: Session, hammer: Path) -> None:
    source = Source.section(studio.reaper.source(hammer), 0.0, 2.0, reversed=True)
    studio.project.add_track().add_item(source, 0.0, 0.5, selected=True)


def offline(studio: Session, hammer: Path) -> None:
    gone = Source("VIDEO", hammer.with_name("gone.mov"), 2.0, 48_000, 2)
    studio.project.add_track().add_item(gone, 0.0, 0.5, selected=True)


def midi(studio: Session, hammer: Path) -> None:
    studio.project.add_track().add_item(Source("MIDI", None, 2.0, 0, 0), 0.0, 0.5, selected=True)


def empty(studio: Session, hammer: Path) -> None:
    studio.project.add_track().add_item(None, 0.0, 0.5, selected=True).lanes.clear()


def sound(studio: Session, hammer: Path) -> None:
    path = make_sound_only(studio.reaper.folder / "line.m4a")
    source = Source("M4A", path, 1.0, 48_000, 1)
    studio.project.add_track().add_item(source, 0.0, 0.5, selected=True)


@pytest.mark.parametrize(
    "unusable, reason",
    [
        (stretched, "has stretch markers"), (reversed_, "is reversed"), (offline, "is offline: there is no file"),
        (midi, "is MIDI"), (empty, "has no take"), (sound, "has no picture"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_named_and_the_rest_is_done(studio: Session, hammer: Path, unusable, reason: str):
    unusable(studio, hammer)
    show(studio, hammer, 5.0, selected=True)
    studio.generate()
    assert reason in studio.told
    assert [item.position for item in studio.stem_items] == [5.0]


def test_alone_it_is_named_and_nobody_is_asked_anything(studio: Session, hammer: Path):
    midi(studio, hammer)
    studio.finish(GENERATE)
    assert "is MIDI" in studio.told and not studio.stem_tracks


def test_an_item_that_starts_behind_its_source_s_end_is_named(studio: Session, hammer: Path):
    show(studio, hammer, 0.0, 1.0, start_offset=5.0, selected=True)
    studio.finish(GENERATE)
    assert "its source has ended" in studio.told


# ---- asking and remembering


def test_wishes_are_remembered_with_the_project_and_repeated_without_asking(studio: Session, hammer: Path):
    show(studio, hammer, 0.0, selected=True)
    said = wishes("hammer on metal", 2, negative="rain", model="procedural", more="seed=7")
    studio.finish(GENERATE, said)
    studio.finish(REPEAT)
    asked = [provenance(item.takes[0])["request"] for item in studio.stem_items]
    wanted = {"prompt": "hammer on metal", "negative": "rain", "variants": 2, "model": "procedural", "seed": 7}
    assert [{key: one[key] for key in wanted} for one in asked] == [wanted] * 2
    studio.finish(GENERATE, None)
    assert list(studio.reaper.messages[-1].fields.values()) == said
    studio.reaper.open_project()
    show(studio, hammer, 0.0, selected=True)
    studio.finish(GENERATE, None)
    assert studio.reaper.messages[-1].fields["Prompt"] == ""


@pytest.mark.parametrize("variants", ["0", "9", "two", "", "1.5", "-1"])
def test_a_number_of_variants_that_cannot_be_is_told_and_asked_again(studio: Session, hammer: Path, variants: str):
    show(studio, hammer, selected=True)
    studio.finish(GENERATE, ["drip", "", variants, "", ""], None)
    assert "whole number from 1 to 8" in studio.told
    assert studio.reaper.messages[-1].fields["Prompt"] == "drip"


@pytest.mark.parametrize("prompt", ["boots, slow; \"wet\" = 'gravel' \\ {x} %d", "Türklopfen 戸を叩く", "a" * 500])
def test_any_prompt_arrives_as_it_was_typed(studio: Session, hammer: Path, prompt: str):
    show(studio, hammer, selected=True)
    studio.generate(prompt)
    (item,) = studio.stem_items
    assert provenance(item.takes[0])["request"]["prompt"] == prompt
    assert facts_of(item.takes[0]).provenance["prompt"] == prompt
    (track,) = studio.stem_tracks
    assert track.name == f"Footfall: {prompt if len(prompt) <= 60 else prompt[:59] + '…'}"


def test_an_unknown_model_is_told_once_for_all_jobs_and_nothing_changes(studio: Session, hammer: Path):
    for position in range(3):
        show(studio, hammer, float(position), selected=True)
    before = studio.facts(), studio.project.undo_at
    studio.finish(GENERATE, wishes(model="no-such-model"))
    boxes = [dialog for dialog in studio.reaper.messages if dialog.kind == "box"]
    assert len(boxes) == 1 and "no-such-model" in boxes[0].text and "3 jobs failed" in boxes[0].text
    assert (studio.facts(), studio.project.undo_at) == before
    assert studio.journal == []


def test_words_the_model_does_not_know_are_told_briefly_and_the_stem_lands(studio: Session, hammer: Path):
    show(studio, hammer, selected=True)
    studio.generate("hammer and flurble")
    assert "flurble" in studio.told
    assert len(studio.stem_items) == 1


# ---- options and the reference


def test_variants_in_lanes_lie_beside_each_other_and_the_first_one_plays(studio: Session, hammer: Path):
    studio.run("Options", {"Variants in lanes (yes/no)": "yes"})
    show(studio, hammer, 2.0, selected=True)
    studio.generate(variants=3)
    (track,) = studio.stem_tracks
    assert track.value("I_FREEMODE") == 2
    items = sorted(track.items, key=lambda item: item.value("I_FIXEDLANE"))
    assert [item.value("I_FIXEDLANE") for item in items] == [0, 1, 2]
    assert {item.position for item in items} == {2.0}
    assert track.value("C_LANEPLAYS:0") == 1
    assert [provenance(item.takes[0])["variant"] for item in items] == [1, 2, 3]


def test_before_version_7_variants_stay_takes(tmp_path: Path, engine, clips: Path, hammer: Path):
    from tests.fakes.reaper.run import OLD
    from tests.lua.session import session

    with session(tmp_path / "old", engine.settings, readable=[clips], version=OLD) as old:
        old.run("Options", {"Variants in lanes (yes/no)": "yes"})
        show(old, hammer, selected=True)
        old.generate(variants=2)
        (item,) = old.stem_items
        assert len(item.takes) == 2


@pytest.mark.parametrize("answer, channels", [("mono", 1), ("stereo", 2)])
def test_stems_have_as_many_channels_as_the_options_say(studio: Session, hammer: Path, answer: str, channels: int):
    studio.run("Options", {"Stems (mono/stereo)": answer})
    show(studio, hammer, selected=True)
    studio.generate()
    assert facts_of(studio.stem_items[0].takes[0]).channels == channels


def test_options_outlive_reaper_and_wrong_answers_are_asked_again(studio: Session):
    studio.run("Options", {"Stems (mono/stereo)": "surround"}, {"Stems (mono/stereo)": "mono"})
    assert "mono or stereo" in studio.told
    studio.reaper.restart()
    studio.run("Options", None)
    assert studio.reaper.messages[-1].fields["Stems (mono/stereo)"] == "mono"


def recording(studio: Session, seconds: float = 1.0) -> Path:
    import numpy as np
    import soundfile

    path = studio.reaper.folder / "knock.wav"
    sound = np.zeros(round(seconds * 48_000))
    sound[4800::9600] = 0.9
    soundfile.write(path, sound, 48_000)
    return path


def test_the_selected_recording_becomes_the_reference_of_the_next_generate(studio: Session, hammer: Path):
    path = recording(studio)
    item = show(studio, path, 1.0, 0.4, start_offset=0.25, selected=True)
    studio.run("Use as reference")
    item.selected = False
    show(studio, hammer, selected=True)
    studio.generate()
    assert "like knock.wav" in next(d.title for d in studio.reaper.messages if d.kind == "inputs")
    asked = provenance(studio.stem_items[0].takes[0])["request"]
    assert (asked["reference"], asked["reference_in"], asked["reference_out"]) == (str(path), 0.25, pytest.approx(0.65))


def test_with_nothing_selected_the_reference_is_given_up_after_asking(studio: Session, hammer: Path):
    item = show(studio, recording(studio), selected=True)
    studio.run("Use as reference")
    item.selected = False
    studio.run("Use as reference", "no")
    assert ("footfall", "reference") in studio.project.ext
    studio.run("Use as reference", "yes")
    show(studio, hammer, selected=True)
    studio.generate()
    assert "reference" not in provenance(studio.stem_items[0].takes[0])["request"]


def test_a_reference_that_has_gone_is_told_before_anything_is_asked(studio: Session, hammer: Path):
    path = recording(studio)
    show(studio, path, selected=True)
    studio.run("Use as reference")
    path.unlink()
    show(studio, hammer, selected=True)
    studio.finish(GENERATE)
    assert "knock.wav is gone" in studio.told and not studio.stem_tracks


@pytest.mark.parametrize("unusable, reason", [(midi, "has no sound"), (empty, "is empty"), (reversed_, "is reversed")])
def test_what_cannot_be_a_reference_is_named(studio: Session, hammer: Path, unusable, reason: str):
    unusable(studio, hammer)
    if unusable is reversed_:
        studio.project.items[0].takes[0].source.channels = 2
    studio.run("Use as reference")
    assert reason in studio.told
    assert ("footfall", "reference") not in studio.project.ext


# ---- where stems go


def test_stems_of_a_saved_project_go_beside_its_recordings(studio: Session, hammer: Path):
    (studio.reaper.folder / "film").mkdir()
    studio.reaper.save(path=studio.reaper.folder / "film" / "film.RPP")
    show(studio, hammer, selected=True)
    studio.generate()
    assert facts_of(studio.stem_items[0].takes[0]).path.parent == studio.reaper.folder / "film" / "Media" / "Footfall"


def test_stems_of_an_unsaved_project_go_to_reapers_recording_path(studio: Session, hammer: Path):
    show(studio, hammer, selected=True)
    studio.generate()
    assert facts_of(studio.stem_items[0].takes[0]).path.parent == studio.reaper.default_record_path / "Footfall"


def test_a_stem_folder_that_cannot_be_made_is_told_before_anything_is_asked(studio: Session, hammer: Path):
    studio.reaper.default_record_path.write_text("a file where the folder should be")
    show(studio, hammer, selected=True)
    studio.finish(GENERATE)
    assert "cannot be made or written to" in studio.told
    assert studio.journal == [] and not studio.stem_tracks


def test_a_second_generate_makes_a_track_of_its_own_and_leaves_the_first_one_alone(studio: Session, hammer: Path):
    show(studio, hammer, selected=True)
    studio.generate("hammer")
    first = studio.facts()[1]
    studio.generate("hammer on wood")
    assert [track.name for track in studio.stem_tracks] == ["Footfall: hammer on wood", "Footfall: hammer"]
    assert first in studio.facts()


def test_what_was_asked_is_kept_with_each_take(studio: Session, hammer: Path):
    show(studio, hammer, selected=True)
    studio.generate("hammer", variants=2)
    for number, take in enumerate(studio.stem_items[0].takes, 1):
        made = provenance(take)
        assert made["path"] == str(facts_of(take).path)
        assert (made["variant"], made["rate"], made["samples"]) == (number, 48_000, facts_of(take).samples)
        assert made["seed"] == facts_of(take).provenance["seed"]
        assert json.loads(take.ext["footfall"])["request"]["video"] == str(hammer)
