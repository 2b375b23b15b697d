"""Footfall Generate and its like, from Resolve's menu to stems on the timeline, against a real engine."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from footfall_engine.media import wav

from tests.fakes.resolve.resolve import STUDIO_ONLY
from tests.fakes.resolve.world import exact_rate
from tests.resolve.studio import Studio, histories, wishes

RATES = [
    ("23.976", False),
    ("24", False),
    ("25", False),
    ("29.97", True),
    ("30", False),
    ("50", False),
    ("59.94", False),
]


def whole(studio: Studio, clip: Path, start: int = 86_400, frames: int = 48, **facts) -> str:
    """The hammer's two seconds on the timeline."""
    return studio.show(studio.add_clip(clip, "25", 50), start, frames, **facts)


def made_of(studio: Studio) -> list[dict]:
    return list(histories(studio.items()))


# ---- the region


def test_what_lies_between_the_marks_gets_its_sound_to_the_sample(studio: Studio, hammer: Path):
    whole(studio, hammer, 86_424)
    studio.mark(24, 24 + 35)
    studio.generate(variants=2)
    first, second = studio.items()
    assert (first.start, first.frames) == (second.start, second.frames) == (86_424, 36)
    stem = wav.read_facts(Path(made_of(studio)[0]["stem"]))
    assert stem.position == 86_424 * 2000
    assert stem.samples == 36 * 2000
    assert studio.told == ""
    assert studio.journal == []


def test_variants_lie_on_stacked_stereo_tracks_of_which_one_is_heard(studio: Studio, hammer: Path):
    whole(studio, hammer)
    studio.mark(0, 47)
    studio.generate(variants=3)
    assert [track["name"] for track in studio.footfall_tracks] == ["Footfall 1", "Footfall 2", "Footfall 3"]
    assert [track["enabled"] for track in studio.footfall_tracks] == [True, False, False]
    assert {track["subtype"] for track in studio.footfall_tracks} == {"stereo"}
    assert [made["variant"] for made in made_of(studio)] == [1, 2, 3]


@pytest.mark.parametrize("first, last, region", [(12, None, (86_412, 36)), (None, 11, (86_400, 12))])
def test_either_mark_may_be_missing(studio: Studio, hammer: Path, first, last, region):
    whole(studio, hammer)
    studio.mark(first, last)
    studio.generate()
    (item,) = studio.items()
    assert (item.start, item.frames) == region


def test_without_marks_the_clip_under_the_playhead_gets_its_sound(studio: Studio, hammer: Path):
    whole(studio, hammer, 86_400)
    whole(studio, hammer, 86_500)
    studio.timeline["playhead"] = 86_510
    studio.generate()
    (item,) = studio.items()
    assert (item.start, item.frames) == (86_500, 48)


def test_with_nothing_marked_and_nothing_under_the_playhead_it_is_told_how(studio: Studio, hammer: Path):
    whole(studio, hammer)
    studio.timeline["playhead"] = 90_000
    before = json.dumps(studio.timeline)
    studio.run("Generate")
    assert "Mark a range with I and O" in studio.told
    assert json.dumps(studio.timeline) == before


def test_several_clips_become_several_jobs_on_the_same_tracks(studio: Studio, hammer: Path):
    whole(studio, hammer, 86_400, 24)
    whole(studio, hammer, 86_424, 24, source=25)
    studio.mark(0, 47)
    studio.generate(variants=2)
    assert [(item.track["name"], item.start, item.frames) for item in studio.items()] == [
        ("Footfall 1", 86_400, 24), ("Footfall 1", 86_424, 24), ("Footfall 2", 86_400, 24), ("Footfall 2", 86_424, 24),
    ]  # fmt: skip
    assert sorted(made["request"]["in"] for made in made_of(studio)[:2]) == ["0/1", "1/1"]


def test_a_retimed_clip_gets_a_stem_as_long_as_it_is_shown(studio: Studio, hammer: Path):
    whole(studio, hammer, 86_400, 24, speed=2.0)
    studio.mark(0, 23)
    studio.generate()
    (item,) = studio.items()
    (made,) = made_of(studio)
    assert (item.start, item.frames, made["request"]["speed"]) == (86_400, 24, 2.0)
    assert made["samples"] == 48_000


def test_what_cannot_be_done_is_named_before_and_after(studio: Studio, hammer: Path):
    whole(studio, hammer, 86_400, 24)
    whole(studio, hammer.with_name("gone.mov"), 86_424, 24)
    studio.show(None, 86_448, 24, name="Solid Color")
    studio.mark(0, 71)
    studio.generate()
    asked = next(what for what in studio.heard if what[0] == "ask")
    for sentence in ("is offline", "'Solid Color' is a title or a generator"):
        assert sentence in asked[2]
        assert sentence in studio.told
    assert [item.start for item in studio.items()] == [86_400]


# ---- rates and starts


@pytest.mark.parametrize("project_rate", ["same", "25"])
@pytest.mark.parametrize("rate, drop_frame", RATES)
def test_the_hit_is_heard_where_it_is_seen(
    studio: Studio, hammer: Path, rate: str, drop_frame: bool, project_rate: str
):
    """From 01:00:00:00, at every rate of timelines, in projects of another rate too."""
    studio.world["project"]["settings"]["timelineFrameRate"] = rate if project_rate == "same" else project_rate
    nominal = round(float(exact_rate(rate)))
    start = 3600 * nominal - (108 if drop_frame else 0)
    studio.add_timeline(rate, start, drop_frame=drop_frame)
    frames = int(2 * exact_rate(rate))
    whole(studio, hammer, start + 7, frames)
    studio.mark(7 + nominal // 2)
    studio.generate()
    (item,) = studio.items()
    (made,) = made_of(studio)
    stem = wav.read_facts(Path(made["stem"]))
    placed, _ = soundfile.read(item.path, always_2d=True)
    original, _ = soundfile.read(made["stem"], always_2d=True)
    begins = item.start / exact_rate(rate) * 48_000  # of the placed file, in samples of the timeline
    assert np.array_equal(placed[made["head_samples"] :][: len(original)], original)
    assert abs(begins + made["head_samples"] - stem.position) <= Fraction(1, 2)
    assert abs(stem.position - (start + 7 + nominal // 2) / exact_rate(rate) * 48_000) <= Fraction(1, 2)
    assert Fraction(made["request"]["in"]) == (nominal // 2) / exact_rate(rate)
    assert item.frames / exact_rate(rate) * 48_000 >= made["head_samples"] + stem.samples - 1


# ---- asking and remembering


def test_wishes_are_offered_again_in_the_same_project(studio: Studio, hammer: Path):
    whole(studio, hammer)
    studio.mark(0, 47)
    said = wishes("hammer on metal", 2, negative="rain", model="procedural", more="seed=7")
    studio.run("Generate", said)
    studio.run("Generate", None)
    asked = next(what for what in studio.heard if what[0] == "ask")
    assert asked[3] == said
    assert wav.read_facts(Path(made_of(studio)[0]["stem"])).provenance["seed"] == 7


@pytest.mark.parametrize("variants", [99, 3])
def test_what_is_remembered_and_cannot_be_is_told_where_nobody_can_be_asked(
    studio: Studio, hammer: Path, variants: int
):
    whole(studio, hammer)
    studio.mark(0, 47)
    studio.run("Generate", wishes())
    (project,) = (studio.spool.folder / "hosts" / "resolve" / "projects").glob("*.json")
    more = "" if variants > 8 else "stepps=3"
    project.write_text(json.dumps({**json.loads(project.read_text()), "variants": variants, "more": more}))
    studio.run("Generate", console=True)
    assert ("whole number from 1 to 8" if variants > 8 else "'stepps=3' cannot be asked for") in studio.printed
    assert len(studio.items()) == 1


@pytest.mark.parametrize("more", ["stepps=3", "steps=many", "seed = 1,5"])
def test_controls_that_cannot_be_read_are_told_and_asked_again(studio: Studio, hammer: Path, more: str):
    whole(studio, hammer)
    studio.mark(0, 47)
    studio.run("Generate", {"prompt": "drip", "more": more}, None)
    again = [what for what in studio.heard if what[0] == "ask"][1]
    assert "cannot be asked for" in again[2] or "has to be a whole number" in again[2]
    assert again[3]["more"] == more


def test_turning_away_from_the_dialog_changes_nothing(studio: Studio, hammer: Path):
    whole(studio, hammer)
    studio.mark(0, 47)
    before = json.dumps(studio.timeline)
    studio.run("Generate", None)
    assert json.dumps(studio.timeline) == before
    assert studio.journal == []


@pytest.mark.parametrize("variants", ["0", "9", "two", "", "1.5", "-1", "²"])
def test_a_number_of_variants_that_cannot_be_is_told_and_asked_again(studio: Studio, hammer: Path, variants: str):
    whole(studio, hammer)
    studio.mark(0, 47)
    studio.run("Generate", {"prompt": "drip", "variants": variants}, None)
    again = [what for what in studio.heard if what[0] == "ask"][1]
    assert "whole number from 1 to 8" in again[2]
    assert again[3]["prompt"] == "drip"


@pytest.mark.parametrize("prompt", ["boots, slow; \"wet\" = 'gravel' \\ {x} %d", "Türklopfen 戸を叩く", "a" * 500])
def test_any_prompt_arrives_as_it_was_typed(studio: Studio, hammer: Path, prompt: str):
    whole(studio, hammer)
    studio.mark(0, 23)
    studio.generate(prompt)
    (made,) = made_of(studio)
    assert wav.read_facts(Path(made["stem"])).provenance["prompt"] == prompt


def test_words_the_model_does_not_know_are_told_and_the_stem_lands(studio: Studio, hammer: Path):
    whole(studio, hammer)
    studio.mark(0, 23)
    studio.generate("hammer and flurble")
    assert "flurble" in studio.told
    assert len(studio.items()) == 1


def test_an_unknown_model_is_told_once_for_all_jobs_and_nothing_changes(studio: Studio, hammer: Path):
    whole(studio, hammer, 86_400, 24)
    whole(studio, hammer, 86_424, 24)
    studio.mark(0, 47)
    before = json.dumps(studio.timeline)
    studio.generate(model="no-such-model")
    assert studio.told.count("no-such-model") == 1
    assert json.dumps(studio.timeline) == before
    assert studio.journal == []


# ---- without windows


def test_in_the_console_a_marker_says_what_it_should_sound_like(studio: Studio, hammer: Path):
    whole(studio, hammer)
    studio.mark(0, 23)
    studio.timeline["markers"] = {
        "5": {"color": "Blue", "duration": 1, "note": "foley: hammer on metal | rain", "name": "M 1", "customData": ""}
    }
    studio.run("Generate", console=True)
    request = made_of(studio)[0]["request"]
    assert (request["prompt"], request["negative"], request["variants"]) == ("hammer on metal", "rain", 3)
    assert "Footfall Generate: Sound for 1 shot" in studio.printed


def test_in_the_console_the_last_wishes_hold(studio: Studio, hammer: Path):
    whole(studio, hammer)
    studio.mark(0, 23)
    studio.generate("hammer on wood", variants=1)
    studio.run("Generate", console=True)
    assert [made["request"]["prompt"] for made in made_of(studio)] == ["hammer on wood"] * 2


# ---- from markers


def test_markers_that_ask_for_sound_each_become_a_job(studio: Studio, hammer: Path):
    whole(studio, hammer)
    marker = {"color": "Blue", "note": "", "customData": ""}
    studio.timeline["markers"] = {
        "0": {**marker, "duration": 12, "name": "Foley: hammer on metal"},
        "20": {**marker, "duration": 1, "name": "FOLEY : wood | metal"},
        "30": {**marker, "duration": 1, "name": "somebody's own"},
        "40": {**marker, "duration": 1, "name": "", "note": "later\nfoley: drip"},
    }
    studio.run("Generate from Markers")
    firsts = [item for item in studio.items() if item.track["name"] == "Footfall 1"]
    assert [(item.start, item.frames) for item in firsts] == [(86_400, 12), (86_420, 20), (86_440, 8)]
    asked = [(made["request"]["prompt"], made["request"].get("negative")) for made in histories(firsts)]
    assert asked == [("hammer on metal", None), ("wood", "metal"), ("drip", None)]


def test_a_marker_without_a_picture_is_named(studio: Studio, hammer: Path):
    whole(studio, hammer)
    studio.timeline["markers"] = {
        "100": {"color": "Blue", "duration": 5, "note": "", "name": "foley: rain", "customData": ""}
    }
    studio.run("Generate from Markers")
    assert "'rain' at 01:00:04:04 has no picture under it." in studio.told


def test_without_such_markers_it_is_told_how_to_write_one(studio: Studio, hammer: Path):
    studio.run("Generate from Markers")
    assert "foley: what it should sound like" in studio.told


# ---- where stems go, and what is left as it was


def test_stems_go_to_the_users_film_folder_in_one_named_after_the_project(studio: Studio, hammer: Path):
    whole(studio, hammer)
    studio.mark(0, 23)
    studio.world["project"]["name"] = "A/B: the film?"
    studio.generate()
    (made,) = made_of(studio)
    folder = Path(made["stem"]).parent
    assert folder.parent.name == "Footfall"
    assert folder.is_relative_to(studio.home)
    assert folder.name == "A_B_ the film_"


def test_page_bin_marks_playhead_and_the_users_items_are_as_they_were(studio: Studio, hammer: Path):
    whole(studio, hammer)
    studio.mark(3, 23)
    studio.world["page"] = "fairlight"
    studio.timeline["playhead"] = 86_411
    before = json.loads(json.dumps(studio.timeline))
    bin_before = studio.world["bin"]
    studio.generate()
    after = studio.timeline
    assert (studio.world["page"], studio.world["bin"], after["playhead"]) == ("fairlight", bin_before, 86_411)
    assert after["marks"] == before["marks"]
    assert after["tracks"]["video"] == before["tracks"]["video"]
    assert after["tracks"]["audio"][0] == before["tracks"]["audio"][0]


def test_a_second_generate_leaves_the_first_one_alone_and_is_heard(studio: Studio, hammer: Path):
    whole(studio, hammer)
    studio.mark(0, 23)
    studio.generate(variants=2)
    studio.generate("hammer on wood", variants=2)
    assert [track["name"] for track in studio.footfall_tracks] == [f"Footfall {n}" for n in (1, 2, 3, 4)]
    assert [track["enabled"] for track in studio.footfall_tracks] == [False, False, True, False]


def test_hits_that_the_user_has_marked_are_gone_by(studio: Studio, hammer: Path):
    whole(studio, hammer)
    studio.mark(12, 35)
    studio.timeline["markers"] = {
        "18": {"color": "Red", "duration": 1, "note": "", "name": "impact 0.80", "customData": ""}
    }
    studio.generate()
    (made,) = made_of(studio)
    assert made["request"]["events"] == [{"time": 0.25, "strength": 0.8, "kind": "impact"}]


def test_a_free_resolve_is_never_asked_for_what_only_studio_does(studio: Studio, hammer: Path):
    whole(studio, hammer)
    studio.mark(0, 23)
    studio.generate()
    assert studio.world["modal"] is False
    assert not {call.split(".")[1] for call in studio.world["calls"]} & STUDIO_ONLY
