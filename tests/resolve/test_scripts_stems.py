"""What is done with stems that lie on the timeline already, and with hits: against a real engine."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from footfall_bridge.messages import Spot, Spotted
from footfall_engine.resident import Resident

from tests.resolve.studio import Item, Studio, histories, wishes


def with_stems(studio: Studio, hammer: Path, variants: int = 3) -> None:
    """The hammer's two seconds, with its variants under it, and the playhead in them."""
    studio.show(studio.add_clip(hammer, "25", 50), 86_400, 48)
    studio.mark(0, 47)
    studio.generate(variants=variants)
    studio.timeline["playhead"] = 86_410


def enabled(studio: Studio) -> list[str]:
    return [track["name"] for track in studio.footfall_tracks if track["enabled"]]


# ---- variants


def test_next_and_previous_go_round_and_one_track_is_heard(studio: Studio, hammer: Path):
    with_stems(studio, hammer)
    heard = []
    for script in ("Next Variant", "Next Variant", "Next Variant", "Previous Variant", "Previous Variant"):
        studio.run(script)
        heard += enabled(studio)
    assert heard == ["Footfall 2", "Footfall 3", "Footfall 1", "Footfall 3", "Footfall 2"]


def test_a_single_variant_and_a_playhead_elsewhere_are_told(studio: Studio, hammer: Path):
    with_stems(studio, hammer, 1)
    studio.run("Next Variant")
    assert "only one variant" in studio.told
    studio.timeline["playhead"] = 90_000
    studio.run("Next Variant")
    assert "Put the playhead on a stem" in studio.told


def test_on_a_page_without_a_timeline_it_is_told_where_to_go(studio: Studio, hammer: Path):
    with_stems(studio, hammer)
    studio.world["page"] = "media"
    studio.run("Next Variant")
    assert "Go to the Edit page" in studio.told


@pytest.mark.parametrize("page", ["edit", "fairlight", "color"])
def test_keep_leaves_what_is_heard_on_the_first_track_and_the_files(studio: Studio, hammer: Path, page: str):
    with_stems(studio, hammer)
    studio.run("Next Variant")
    studio.world["page"] = page
    paths = [item.path for item in studio.items()]
    studio.run("Keep Variant", True)
    (kept,) = studio.items()
    assert (kept.track["name"], kept.start, kept.frames) == ("Footfall 1", 86_400, 48)
    assert next(histories([kept]))["variant"] == 2
    assert enabled(studio) == ["Footfall 1"]
    assert all(path.exists() for path in paths)
    assert (studio.world["page"], studio.timeline["playhead"]) == (page, 86_410)


def test_keep_asks_and_no_means_no(studio: Studio, hammer: Path):
    with_stems(studio, hammer)
    before = json.dumps(studio.timeline)
    studio.run("Keep Variant", False)
    assert json.dumps(studio.timeline) == before


def test_keep_leaves_other_places_alone(studio: Studio, hammer: Path):
    with_stems(studio, hammer, 2)
    studio.show(studio.add_clip(hammer, "25", 50), 86_448, 48)
    studio.mark(48, 95)
    studio.generate(variants=2)
    studio.run("Keep Variant", True)
    assert [(item.track["name"], item.start) for item in studio.items()] == [
        ("Footfall 1", 86_400), ("Footfall 1", 86_448), ("Footfall 2", 86_448),
    ]  # fmt: skip


# ---- a part anew


def sound_of(item: Item) -> Any:
    made = next(histories([item]))
    sound, _ = soundfile.read(item.path, dtype="int32", always_2d=True)
    return sound[made["head_samples"] :][: made["samples"]]


def test_a_marked_part_is_made_anew_and_the_rest_stays_bit_for_bit(studio: Studio, hammer: Path):
    with_stems(studio, hammer, 1)
    studio.mark(12, 23)
    studio.run("Regenerate", wishes("hammer on wood"))
    old, new = studio.items()
    assert (new.track["name"], new.start, new.frames) == ("Footfall 2", 86_400, 48)
    assert enabled(studio) == ["Footfall 2"]
    was, now = sound_of(old), sound_of(new)
    changed = np.flatnonzero((was != now).any(axis=1))
    assert len(was) == len(now)
    assert changed.size > 0
    assert changed[0] >= 24_000
    assert changed[-1] < 48_000
    request = next(histories([new]))["request"]
    assert (Fraction(request["in"]), Fraction(request["out"])) == (Fraction(1, 2), 1)
    assert request["prompt"] == "hammer on wood"


def test_what_is_not_changed_stays_as_it_was_made(studio: Studio, hammer: Path):
    with_stems(studio, hammer, 1)
    studio.mark(12, 23)
    studio.run("Regenerate", {"variants": "2"})
    request = next(histories(studio.items()[1:]))["request"]
    assert "prompt" not in request
    assert request["variants"] == 2
    assert len(studio.items()) == 3


def test_what_was_wished_for_a_part_is_not_offered_for_the_next_clip(studio: Studio, hammer: Path):
    with_stems(studio, hammer, 2)
    studio.mark(12, 23)
    studio.run("Regenerate", wishes("hammer on wood"))
    studio.run("Generate", None)
    offered = next(what for what in studio.heard if what[0] == "ask")[3]
    assert (offered["prompt"], offered["variants"]) == ("hammer on metal", "2")


def test_a_part_of_a_stem_that_was_moved_and_trimmed_is_the_part_that_is_heard_there(studio: Studio, hammer: Path):
    with_stems(studio, hammer, 1)
    (item,) = studio.footfall_tracks[0]["items"]
    item.update(start=86_500, frames=24, source=12)  # moved by 88 frames, its first 12 cut off
    studio.mark(106, 111)
    studio.run("Regenerate", wishes("hammer on wood"))
    new = studio.items()[1]
    request = next(histories([new]))["request"]
    assert (Fraction(request["in"]), Fraction(request["out"])) == (Fraction(18, 24), Fraction(24, 24))
    assert new.start == 86_488


def test_of_several_variants_the_one_that_is_heard_is_meant(studio: Studio, hammer: Path):
    with_stems(studio, hammer, 2)
    studio.run("Next Variant")
    studio.mark(12, 23)
    studio.run("Regenerate", wishes())
    request = next(histories(studio.items()[-1:]))["request"]
    assert request["stem"] == list(histories(studio.items()))[1]["stem"]


@pytest.mark.parametrize("marks", [(None, None), (200, 210)])
def test_without_a_marked_stem_it_is_told_how(studio: Studio, hammer: Path, marks):
    with_stems(studio, hammer, 1)
    studio.mark(*marks)
    studio.run("Regenerate")
    assert "Mark a part of a stem" in studio.told


# ---- hits


def seen_by(engine: Resident, clip: Path) -> list[float]:
    """When the engine sees hits, asked without any script."""
    request = Spot(video=str(clip))
    with engine.connect() as client:
        client.submit(request)
        spotted = next(event for event in client.events(request.id) if isinstance(event, Spotted))
    assert spotted.events
    return [hit.time for hit in spotted.events]


def hits(studio: Studio) -> dict[int, dict[str, Any]]:
    return {int(frame): one for frame, one in studio.timeline["markers"].items() if "footfall" in one["customData"]}


def test_every_visible_hit_gets_a_marker_that_counts_from_the_timelines_start(
    studio: Studio, engine: Resident, hammer: Path
):
    studio.show(studio.add_clip(hammer, "25", 50), 86_424, 48)
    studio.mark(24, 71)
    studio.run("Spot Hits")
    found = hits(studio)
    assert sorted(found) == [24 + round(time * 24) for time in seen_by(engine, hammer)]
    assert all(one["name"].split()[0] in ("impact", "step", "stop", "start", "flash") for one in found.values())


def test_spotting_again_replaces_ours_and_leaves_the_users(studio: Studio, hammer: Path):
    studio.show(studio.add_clip(hammer, "25", 50), 86_400, 48)
    studio.mark(0, 47)
    own = {"color": "Blue", "duration": 1, "note": "", "name": "impact of the war", "customData": ""}
    studio.timeline["markers"]["3"] = own
    studio.run("Spot Hits")
    first = dict(studio.timeline["markers"])
    studio.run("Spot Hits")
    assert studio.timeline["markers"] == first
    assert studio.timeline["markers"]["3"] == own


def test_a_hit_whose_frame_has_a_marker_already_is_marked_beside_it(studio: Studio, hammer: Path):
    studio.show(studio.add_clip(hammer, "25", 50), 86_400, 48)
    studio.mark(0, 47)
    studio.run("Spot Hits")
    found = hits(studio)
    taken = {"color": "Blue", "duration": 1, "note": "", "name": "mine", "customData": ""}
    studio.timeline["markers"] = {str(frame): dict(taken) for frame in found}
    studio.run("Spot Hits")
    assert len(hits(studio)) == len(found)
    assert not set(hits(studio)) & set(found)
    assert studio.told == ""


def test_spotted_hits_are_gone_by_when_sound_is_made(studio: Studio, hammer: Path):
    studio.show(studio.add_clip(hammer, "25", 50), 86_400, 48)
    studio.mark(0, 47)
    studio.run("Spot Hits")
    studio.generate()
    (made,) = histories(studio.items())
    assert [event["time"] for event in made["request"]["events"]] == [frame / 24 for frame in sorted(hits(studio))]
    assert {"x", "size"} <= set(made["request"]["events"][0])
