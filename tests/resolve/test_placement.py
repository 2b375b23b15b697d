"""Every way a stem may have to be laid on a timeline: the strict Resolve in this process, real files, no engine."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from footfall_engine.media import wav
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.resolve import world as worlds
from tests.fakes.resolve.resolve import FakeResolve
from tests.resolve import lib  # noqa: F401

from footfall_resolve import errors, place  # isort: skip
from footfall_resolve.resolve import Host  # isort: skip

RATES = ["23.976", "24", "25", "29.97", "29.97 DF", "30", "47.952", "48", "50", "59.94", "60"]
FACTS = {"originator": wav.ORIGINATOR, "prompt": "ball", "request": {}}
JOB = {"job": "job", "label": "ball", "request": {}}
rates = st.sampled_from(RATES)


class Laid:
    """A Resolve with a timeline, a folder for stems, and the scripts' own view of both."""

    def __init__(self, folder: Path, rate: str = "24", start: int = 0, project_rate: str | None = None) -> None:
        self.folder, self.rate = folder, worlds.exact_rate(rate)
        world = worlds.make_world(project_rate or rate)
        self.timeline_id = worlds.add_timeline(world, rate=rate, start=start, drop_frame="DF" in rate)
        (folder / "world.json").write_text(json.dumps(world), encoding="utf-8")
        self.fake = FakeResolve(str(folder / "world.json"))
        self.host = Host(self.fake.handle)

    @property
    def timeline(self) -> dict[str, Any]:
        return self.fake.world["timelines"][self.timeline_id]

    @contextmanager
    def changed(self) -> Iterator[dict[str, Any]]:
        """The user, or Resolve itself, changes something."""
        self.fake.store.refresh()
        yield self.fake.world
        self.fake.store.save()

    def stem(self, sample: int, samples: int, variant: int = 1) -> place.Stem:
        path = self.folder / f"stem_{sample}_v{variant}.wav"
        with wav.StemWriter(path, 48_000, 2, sample, FACTS, "job") as stem:
            stem.write(np.full((2, samples), 0.25, np.float32))
        return place.Stem(str(path), variant, 7, sample, samples)

    def place(self, *stems: place.Stem) -> list[int]:
        numbers, problems = place.place_stems(self.host, list(stems), JOB)
        assert problems == []
        return numbers

    def items(self, track: int) -> list[dict[str, Any]]:
        return self.timeline["tracks"]["audio"][track - 1]["items"]

    def heard(self, item: dict[str, Any]) -> tuple[Fraction, Fraction]:
        """When an item's sound starts and ends, in samples of the timeline from 00:00:00:00."""
        sound, _ = soundfile.read(self.fake.world["clips"][item["clip"]]["path"], always_2d=True)
        loud = np.flatnonzero(sound[:, 0])
        begins = item["start"] / self.rate * 48_000
        return begins + int(loud[0]), begins + int(loud[-1]) + 1

    def overlaps(self) -> bool:
        for track in self.timeline["tracks"]["audio"]:
            lying = sorted((item["start"], item["start"] + item["frames"]) for item in track["items"])
            if any(one[1] > other[0] for one, other in itertools.pairwise(lying)):
                return True
        return False


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    return Laid(tmp_path, "24", 86_400)


# ---- to the sample, at every rate


@settings(max_examples=60)
@given(
    rate=rates,
    project_rate=rates,
    start=st.sampled_from([0, 86_400, 90_000, 107_892, 1]),
    offset=st.integers(0, 480_000),
    samples=st.integers(1, 30_000),
)
def test_any_stem_is_heard_at_its_sample_and_shown_whole(
    tmp_path_factory, rate: str, project_rate: str, start: int, offset: int, samples: int
):
    laid = Laid(tmp_path_factory.mktemp("laid"), rate, start, project_rate)
    sample = round(start / laid.rate * 48_000) + offset
    assert laid.place(laid.stem(sample, samples)) == [1]
    (item,) = laid.items(2)
    first, end = laid.heard(item)
    assert abs(first - sample) <= Fraction(1, 2)
    assert end - first == samples
    assert item["start"] <= Fraction(sample + 1, 48_000) * laid.rate
    assert (item["start"] + item["frames"]) / laid.rate * 48_000 >= end - Fraction(1, 2)
    assert item["frames"] <= samples / Fraction(48_000) * laid.rate + 2 + laid.rate / worlds.exact_rate(project_rate)


@given(rate=rates, project_rate=rates, frame=st.integers(0, 100_000), frames=st.integers(1, 40))
def test_a_stem_on_whole_frames_lies_on_exactly_these(
    tmp_path_factory, rate: str, project_rate: str, frame: int, frames: int
):
    laid = Laid(tmp_path_factory.mktemp("laid"), rate, 0, project_rate)
    first, end = (round(at / laid.rate * 48_000) for at in (frame, frame + frames))
    laid.place(laid.stem(first, end - first))
    (item,) = laid.items(2)
    own = worlds.exact_rate(project_rate)
    fewest = math.ceil(frames * own / laid.rate)  # of the file's frames, which may be longer than the timeline's
    assert (item["start"], item["frames"]) == (frame, math.floor(fewest * laid.rate / own))
    assert item["frames"] == frames or own < laid.rate


@given(spans=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20)), min_size=1, max_size=6))
@settings(max_examples=30)
def test_whatever_lies_there_nothing_overlaps_and_one_track_is_heard(tmp_path_factory, spans: list[tuple[int, int]]):
    laid = Laid(tmp_path_factory.mktemp("laid"))
    for number, (frame, frames) in enumerate(spans):
        stems = [laid.stem(frame * 2000 + number, frames * 2000, variant) for variant in (1, 2)]
        first, second = laid.place(*stems)
        assert first < second
        assert not laid.overlaps()
        enabled = [t["name"] for t in laid.timeline["tracks"]["audio"] if t["enabled"] and t["name"] != "Audio 1"]
        assert enabled == [f"Footfall {first}"]
    tracks = laid.timeline["tracks"]["audio"][1:]
    assert [track["name"] for track in tracks] == [f"Footfall {n}" for n in range(1, len(tracks) + 1)]
    assert {track["subtype"] for track in tracks} == {"stereo"}
    assert sum(len(track["items"]) for track in tracks) == 2 * len(spans)


# ---- what is there already


def test_the_users_own_tracks_are_never_used(laid: Laid):
    with laid.changed() as world:
        world["timelines"][laid.timeline_id]["tracks"]["audio"].append(worlds.new_track("Footfall 1", "mono"))
        world["timelines"][laid.timeline_id]["tracks"]["audio"].append(worlds.new_track("Music", "stereo"))
    assert laid.place(laid.stem(172_800_000, 4800)) == [2]
    assert [len(track["items"]) for track in laid.timeline["tracks"]["audio"]] == [0, 0, 0, 1]


def test_a_locked_track_is_left_alone(laid: Laid):
    laid.place(laid.stem(172_800_000, 4800))
    with laid.changed():
        laid.timeline["tracks"]["audio"][1]["locked"] = True
    assert laid.place(laid.stem(172_900_000, 4800)) == [2]


def test_a_job_that_was_placed_before_a_crash_is_not_placed_twice(laid: Laid):
    stems = [laid.stem(172_800_000, 4800, variant) for variant in (1, 2)]
    laid.place(stems[0])
    assert laid.place(*stems) == [1, 2]
    assert [len(track["items"]) for track in laid.timeline["tracks"]["audio"]] == [0, 1, 1]


def test_stems_come_into_a_bin_of_their_own_and_the_users_bin_stays_open(laid: Laid):
    before = laid.fake.world["bin"]
    laid.place(laid.stem(172_800_000, 4800))
    (own,) = (id for id, one in laid.fake.world["bins"].items() if one["name"] == "Footfall")
    assert {clip["bin"] for clip in laid.fake.world["clips"].values()} == {own}
    assert laid.fake.world["bin"] == before


# ---- a Resolve that does not do what it says


QUIRKS: list[tuple[dict[str, Any], str]] = [
    ({"appends_nothing": True}, "placed nothing, without a word"),
    ({"lands_late": 1}, "Resolve put it at 01:00:00:01"),
    ({"lands_short": 2}, "frames long instead of"),
    ({"imports_nothing": True}, "did not import"),
    ({"adds_no_track": True}, "did not add the stereo track 'Footfall 1'"),
]


@pytest.mark.parametrize(
    "quirk, reason", QUIRKS, ids=lambda value: next(iter(value)) if isinstance(value, dict) else ""
)
def test_what_resolve_did_otherwise_is_told_and_taken_off_again(laid: Laid, quirk: dict[str, Any], reason: str):
    with laid.changed() as world:
        world["quirks"] = quirk
    numbers, problems = place.place_stems(laid.host, [laid.stem(172_800_000, 48_000)], JOB)
    assert numbers == []
    assert reason in problems[0]
    assert not any(track["items"] for track in laid.timeline["tracks"]["audio"])


def test_a_clip_that_lands_a_frame_short_is_laid_again_at_its_length(laid: Laid):
    with laid.changed() as world:
        world["quirks"] = {"lands_short": 1}
    laid.place(laid.stem(172_800_000, 48_000))
    (item,) = laid.items(2)
    assert (item["start"], item["frames"]) == (86_400, 24)


def test_a_stem_that_is_gone_is_told_and_the_other_one_lands(laid: Laid):
    gone, there = laid.stem(172_800_000, 4800, 1), laid.stem(172_800_000, 4800, 2)
    Path(gone.path).unlink()
    numbers, problems = place.place_stems(laid.host, [gone, there], JOB)
    assert numbers == [1]
    assert "stem_172800000_v1.wav cannot be read" in problems[0]


def test_under_an_open_dialog_nothing_is_given_up(laid: Laid):
    with laid.changed() as world:
        world["events"] = [{"before": "MediaPool.AppendToTimeline", "becomes": {"modal": True}}]
    with pytest.raises(errors.ResolveError) as refused:
        place.place_stems(laid.host, [laid.stem(172_800_000, 4800)], JOB)
    assert refused.value.code in ("resolve_busy", "no_project")


def test_a_track_that_cannot_be_disabled_is_told(laid: Laid):
    with laid.changed() as world:
        world["quirks"] = {"enables_no_track": True}
    with pytest.raises(errors.ResolveError, match="has not disabled the audio track 3"):
        place.place_stems(laid.host, [laid.stem(172_800_000, 4800, n) for n in (1, 2)], JOB)
