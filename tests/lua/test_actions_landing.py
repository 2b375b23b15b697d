"""Stems land at the exact sample, whatever the item does with its source."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.reaper.media import bwf_time_reference
from tests.fakes.reaper.model import Source
from tests.lua.session import GENERATE, Session, StandIn, facts_of, provenance, quick_session, wishes

CLIP_SECONDS = 20.0
RATES = (44_100, 48_000, 88_200, 96_000, 176_400, 192_000)
FINEST = Fraction(1, 2 * 192_000)  # half a sample at the highest rate

some = settings(max_examples=20)


def video(path: Path, seconds: float = CLIP_SECONDS) -> Source:
    """A picture of that length as REAPER has it; nothing here reads the file."""
    path.touch()
    return Source("VIDEO", path, seconds, 48_000, 2)


def generate(session: Session, engine: StandIn) -> None:
    session.run(GENERATE, wishes())
    engine.answer_all()
    session.wait()


def seconds(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


def exact(value: float) -> Fraction:
    return Fraction(value)


positions = st.one_of(seconds(0, 30), st.integers(0, 172_800_001).map(lambda samples: samples / 48_000))
play_rates = st.one_of(
    st.just(1.0), st.sampled_from([0.25, 0.5, 24 / 25, 25 / 24, 1000 / 1001, 2.0, 4.0]), seconds(0.3, 3)
)


@some
@given(
    position=positions,
    length=seconds(0.1, 4),
    start_offset=seconds(0, 5),
    rate=play_rates,
    project_start=st.sampled_from([0.0, 3600.0, 86_399.0, 1 / 3]),
    stem_rate=st.sampled_from(RATES),
)
def test_a_whole_item(tmp_path_factory, position, length, start_offset, rate, project_start, stem_rate):
    with quick_session(tmp_path_factory.mktemp("landing"), stem_rate) as (session, engine):
        session.project.offset = project_start
        picture = session.project.add_track().add_item(
            video(session.reaper.folder / "shot.mov"), position, length, start_offset=start_offset, rate=rate,
            selected=True,
        )  # fmt: skip
        generate(session, engine)
        (asked,), (item,) = engine.asked, session.stem_items
        assert item.position == picture.position
        assert abs(exact(asked.start) - exact(start_offset)) < FINEST
        assert abs(exact(asked.end) - (exact(start_offset) + exact(length) * exact(rate))) < FINEST
        assert asked.speed == rate
        assert asked.position == position + project_start
        samples = round(exact(length) * stem_rate)
        assert item.length == samples / stem_rate
        stamp = bwf_time_reference(item.takes[0].source.path)
        assert abs(stamp - (exact(position) + exact(project_start)) * stem_rate) <= 1


@some
@given(
    position=positions,
    rate=play_rates,
    start_offset=seconds(0, 5),
    begin=seconds(0, 2),
    length=seconds(0.1, 2),
)
def test_a_time_selection_inside_an_item(tmp_path_factory, position, rate, start_offset, begin, length):
    with quick_session(tmp_path_factory.mktemp("landing")) as (session, engine):
        session.project.add_track().add_item(
            video(session.reaper.folder / "shot.mov"), position, 4.0, start_offset=start_offset, rate=rate
        )
        session.project.time_selection = from_, to = position + begin, position + begin + length
        generate(session, engine)
        (asked,), (item,) = engine.asked, session.stem_items
        assert item.position == from_
        assert abs(exact(asked.start) - (exact(start_offset) + (exact(from_) - exact(position)) * exact(rate))) < FINEST
        assert abs(item.length - (to - from_)) <= 1 / 48_000


@some
@given(
    source_seconds=seconds(0.5, 3),
    start_offset=seconds(0, 0.4),
    length=seconds(1, 8),
    position=seconds(0, 100),
    rate=st.sampled_from([0.5, 1.0, 1.25, 2.0]),
)
def test_a_loop_is_a_stem_for_each_round_without_gaps(
    tmp_path_factory, source_seconds, start_offset, length, position, rate
):
    with quick_session(tmp_path_factory.mktemp("landing")) as (session, engine):
        source = video(session.reaper.folder / "shot.mov", source_seconds)
        engine.clip_seconds = source_seconds
        picture = session.project.add_track().add_item(
            source, position, length, start_offset=start_offset, rate=rate, loop=True, selected=True
        )
        generate(session, engine)
        items = session.stem_items
        assert items[0].position == position
        for item, following in pairwise(items):
            assert abs(item.end - following.position) <= 1 / 48_000
        assert abs(items[-1].end - picture.end) <= 1 / 48_000
        for item in items[1:]:
            assert provenance(item.takes[0])["request"]["in"] == 0.0
        rounds = (exact(start_offset) + exact(length) * exact(rate)) / exact(source_seconds)
        assert len(items) == -(-rounds // 1) or rounds % 1 < Fraction(1, 10_000)


def test_an_item_longer_than_its_source_gets_sound_up_to_the_source_s_end(tmp_path: Path):
    with quick_session(tmp_path) as (session, engine):
        source = video(session.reaper.folder / "shot.mov", 2.0)
        session.project.add_track().add_item(source, 1.0, 10.0, start_offset=0.5, selected=True)
        session.run(GENERATE, wishes())
        (asked,) = engine.take()
        assert (asked.start, asked.end) == (0.5, None)  # to the end, which the engine knows best


@pytest.mark.parametrize("offset, length, item_offset", [(3.0, 2.0, 0.0), (3.0, 2.0, 0.75), (0.0, 5.0, 1.0)])
def test_a_section_counts_from_its_start_in_the_file(tmp_path: Path, offset: float, length: float, item_offset: float):
    with quick_session(tmp_path) as (session, engine):
        section = Source.section(video(session.reaper.folder / "shot.mov"), offset, length)
        session.project.add_track().add_item(section, 5.0, 1.0, start_offset=item_offset, selected=True)
        generate(session, engine)
        (asked,) = engine.asked
        assert (asked.start, asked.end) == (offset + item_offset, offset + item_offset + 1.0)


def test_a_section_of_a_section_counts_both(tmp_path: Path):
    with quick_session(tmp_path) as (session, engine):
        inner = Source.section(Source.section(video(session.reaper.folder / "shot.mov"), 3.0, 8.0), 2.0, 4.0)
        session.project.add_track().add_item(inner, 5.0, 1.0, start_offset=0.5, selected=True)
        generate(session, engine)
        (asked,) = engine.asked
        assert (asked.start, asked.end) == (5.5, 6.5)


@pytest.mark.parametrize("project_rate", [44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("samples", [1, 93_093, 172_800_001])
def test_a_position_in_project_samples_comes_back_as_that_sample(tmp_path: Path, project_rate: int, samples: int):
    with quick_session(tmp_path) as (session, engine):
        session.project.sample_rate = project_rate
        session.project.frame_rate = 24_000 / 1001
        session.project.add_track().add_item(
            video(session.reaper.folder / "shot.mov"), samples / project_rate, 1.0, selected=True
        )
        generate(session, engine)
        (item,) = session.stem_items
        assert Fraction(item.position) * project_rate == pytest.approx(samples, abs=1e-6)
        session.reaper.save()
        again = session.reaper.open_project(session.project.path)
        saved = again.tracks[1].items[0]
        assert round(saved.position * project_rate) == samples


# ---- the same with a real engine: what the files say of themselves agrees with where they lie

CASES = [  # project's rate in Hz, position in its samples, offset in the source, play rate, project's start; seconds
    (44_100, 1, 0.0, 1.0, 0.0),
    (48_000, 93_093, 0.25, 1.0, 3600.0),
    (48_000, 172_800_001, 0.5, 0.96, 0.0),
    (88_200, 12_345_679, 0.1, 1.25, 35_999.0),
    (96_000, 96_001, 1 / 3, 1001 / 1000, 3600.0),
    (176_400, 7, 0.0, 2.0, 86_000.0),
    (192_000, 19_200_001, 0.123456789, 0.5, 1 / 3),
]


@pytest.mark.parametrize("rate, samples, offset, play_rate, project_start", CASES)
def test_rendered_stems_lie_where_their_files_say(
    studio: Session, hammer: Path, rate: int, samples: int, offset: float, play_rate: float, project_start: float
):
    studio.project.sample_rate, studio.project.offset = rate, project_start
    position, length = samples / rate, 0.4
    studio.project.add_track().add_item(
        studio.reaper.source(hammer), position, length, start_offset=offset, rate=play_rate, selected=True
    )
    studio.generate("rain")
    (item,) = studio.stem_items
    facts = facts_of(item.takes[0])
    assert round(exact(item.position) * rate) == samples and item.position == position
    assert facts.samples == round(exact(length) * 48_000) and item.length == facts.samples / 48_000
    assert facts.position == round((exact(position) + exact(project_start)) * 48_000)
