"""From what Resolve tells of its items to parts of files: the strict Resolve in this process, no engine."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.fakes.resolve import world as worlds
from tests.resolve.test_placement import RATES, Laid

from footfall_resolve import shots  # isort: skip

rates = st.sampled_from(RATES)
CLIP = "/films/a film.mov"


def found_in(laid: Laid, first: int, end: int) -> tuple[list[shots.Shot], list[str]]:
    return shots.of_region(laid.host.video_items((first, end)), (first, end), laid.host.timeline().rate, lambda _: True)


def show(
    laid: Laid,
    start: int,
    frames: int,
    rate: str = "24",
    track: int = 1,
    clip: dict[str, Any] | None = None,
    **facts: Any,
) -> str:
    """A clip of 100,000 frames on a video track; how it is shown is in `facts`."""
    with laid.changed() as world:
        own = {"path": CLIP, "rate": rate, "frames": 100_000, **(clip or {})}
        id = worlds.add_clip(world, own.pop("path"), own.pop("rate"), own.pop("frames"), **own)
        worlds.add_item(world, laid.timeline_id, track, id, start, frames, **facts)
    return id


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    return Laid(tmp_path, "24", 86_400)


# ---- which part of the file, and how fast


@settings(max_examples=80)
@given(
    rate=rates, clip_rate=rates, source=st.integers(0, 50_000), frames=st.integers(1, 500),
    start=st.integers(0, 90_000), off_by=st.integers(-1, 1), tc=st.sampled_from([0.0, 3600.0, 15517.834]),
    data=st.data(),
)  # fmt: skip
def test_a_clip_at_its_own_speed_is_found_to_the_frame(
    tmp_path_factory, rate, clip_rate, source, frames, start, off_by, tc, data
):
    laid = Laid(tmp_path_factory.mktemp("laid"), rate)
    show(laid, start, frames, clip_rate, source=source, source_off_by=off_by, clip={"start_seconds": tc})
    first = data.draw(st.integers(0, frames - 1))
    (shot,), refused = found_in(laid, start + first, start + frames)
    assert refused == []
    assert shot.speed == 1
    assert shot.source_in == source / worlds.exact_rate(clip_rate) + first / laid.rate
    assert shot.source_out - shot.source_in == (frames - first) / laid.rate
    assert shot.frames == (start + first, start + frames)


@settings(max_examples=80)
@given(
    rate=rates, clip_rate=rates, source=st.integers(0, 50_000), frames=st.integers(48, 2000),
    percent=st.integers(10, 400), off_by=st.integers(-1, 1),
)  # fmt: skip
def test_a_retimed_clip_is_found_with_its_speed(tmp_path_factory, rate, clip_rate, source, frames, percent, off_by):
    laid = Laid(tmp_path_factory.mktemp("laid"), rate)
    own = worlds.exact_rate(clip_rate)
    speed = Fraction(percent, 100)
    assume(speed != 1)
    show(laid, 0, frames, clip_rate, source=source, speed=percent / 100, source_off_by=off_by)
    (shot,), refused = found_in(laid, 0, frames)
    assert refused == []
    lasts = frames / laid.rate
    assert abs(shot.speed - speed) * lasts * own <= 3
    assert abs(shot.source_in - source / own) * own <= 3 + 2 * abs(shot.speed - speed) / speed * source
    assert shot.source_out - shot.source_in == lasts * shot.speed


def test_a_subclip_is_found_in_its_file(laid: Laid):
    show(laid, 86_400, 48, source=24, clip={"start": 240})
    (shot,), _ = found_in(laid, 86_400, 86_448)
    assert shot.source_in == 11


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"speed": -1.0, "source": 400}, "played backwards"),
    ({"speed": 0.01}, "freeze frame"),
    ({"unknown_source": True}, "Resolve knows no source range"),
    ({"source": 200, "source_off_by": 40}, "depending on how Resolve is asked"),
    ({"clip": {"path": ""}}, "has no file of its own"),
    ({"clip": {"path": "", "kind": "Compound"}}, "is a compound clip"),
    ({"clip": {"kind": "Still"}}, "is a still picture"),
    ({"clip": {"frames": 1}}, "is a still picture"),
]


@pytest.mark.parametrize("facts, reason", REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be_done_is_named_and_the_rest_is_done(laid: Laid, facts: dict[str, Any], reason: str):
    show(laid, 86_400, 48, **{"source": 0, **facts})
    show(laid, 86_448, 48, source=10)
    (shot,), (sentence,) = found_in(laid, 86_400, 86_496)
    assert shot.frames == (86_448, 86_496)
    assert reason in sentence


def test_a_file_that_is_not_there_is_named(laid: Laid):
    show(laid, 86_400, 48)
    items = laid.host.video_items((86_400, 86_448))
    found, (sentence,) = shots.of_region(items, (86_400, 86_448), laid.rate)
    assert found == []
    assert f"there is no file {CLIP}" in sentence


# ---- what is seen


def test_the_topmost_picture_counts_and_what_it_hides_does_not(laid: Laid):
    show(laid, 86_400, 96, clip={"path": "/below.mov"})
    show(laid, 86_424, 24, track=2, clip={"path": "/above.mov"})
    found, _ = found_in(laid, 86_400, 86_496)
    assert [(shot.video, shot.frames) for shot in found] == [
        ("/below.mov", (86_400, 86_424)), ("/above.mov", (86_424, 86_448)), ("/below.mov", (86_448, 86_496)),
    ]  # fmt: skip


def test_clips_and_tracks_that_are_disabled_hide_nothing(laid: Laid):
    show(laid, 86_400, 48)
    show(laid, 86_400, 48, track=2, enabled=False)
    show(laid, 86_400, 48, track=3)
    with laid.changed():
        laid.timeline["tracks"]["video"][2]["enabled"] = False
    found, refused = found_in(laid, 86_400, 86_448)
    assert [shot.frames for shot in found] == [(86_400, 86_448)]
    assert refused == []


def test_titles_hide_nothing_and_are_named_once(laid: Laid):
    show(laid, 86_400, 48)
    show(laid, 86_448, 48)
    with laid.changed() as world:
        worlds.add_item(world, laid.timeline_id, 2, None, 86_410, 60, name="Text")
    found, refused = found_in(laid, 86_400, 86_496)
    assert [shot.frames for shot in found] == [(86_400, 86_448), (86_448, 86_496)]
    assert refused == ["'Text' is a title or a generator and has no film file."]


def test_a_transition_is_not_mistaken_for_a_title(laid: Laid):
    show(laid, 86_400, 48)
    show(laid, 86_448, 48)
    with laid.changed() as world:
        worlds.add_item(world, laid.timeline_id, 1, None, 86_442, 12, name="Cross Dissolve")
    assert found_in(laid, 86_400, 86_496)[1] == []


@given(
    lying=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 30), st.integers(1, 30)), max_size=6),
    first=st.integers(0, 40), frames=st.integers(1, 40),
)  # fmt: skip
@settings(max_examples=60)
def test_each_moment_with_a_picture_is_in_exactly_one_shot(tmp_path_factory, lying, first, frames):
    laid = Laid(tmp_path_factory.mktemp("laid"))
    for track, start, length in lying:
        show(laid, start, length, track=track)
    span = (first, first + frames)
    found, _ = found_in(laid, *span)
    covered = [frame for shot in found for frame in range(*shot.frames)]
    assert covered == sorted(set(covered))
    seen = {frame for _, start, length in lying for frame in range(start, start + length)}
    assert set(covered) == seen & set(range(*span))


# ---- the region


@pytest.mark.parametrize(
    "marks, region",
    [((10, 20), (10, 20)), ((10, None), (10, 99)), ((None, 20), (5, 20)), ((20, 10), None), ((None, None), None)],
)
def test_a_missing_mark_is_the_timelines_end_on_that_side(marks, region):
    assert shots.region_of(marks, None, (5, 99)) == region


def test_marks_count_from_the_timelines_start_and_the_last_frame_is_inside(laid: Laid):
    with laid.changed():
        laid.timeline["marks"] = {"video": {"in": 0, "out": 23}}
    assert laid.host.marks() == (86_400, 86_424)
    with laid.changed():
        laid.timeline["marks"] = {"video": {"out": 23}}
    assert laid.host.marks() == (None, 86_424)


def test_before_there_were_calls_for_marks_there_are_none(laid: Laid):
    with laid.changed() as world:
        world["version"] = [18, 6, 6, 7, ""]
    assert laid.host.marks() == (None, None)


def test_without_marks_the_current_clip_is_the_region(laid: Laid):
    show(laid, 86_400, 48)
    with laid.changed():
        laid.timeline["playhead"] = 86_410
    current = laid.host.current_item()
    assert shots.region_of((None, None), current, (86_400, 86_448)) == (86_400, 86_448)
