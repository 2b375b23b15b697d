from __future__ import annotations

from fractions import Fraction

import pytest
from footfall_bridge import timeline
from hypothesis import given
from hypothesis import strategies as st

from tests.resolve import lib  # noqa: F401  (makes footfall_resolve importable)

from footfall_resolve import frames  # isort: skip

RATES = [
    "23.976",
    24.0,
    "24",
    "25",
    "29.97",
    "29.97 DF",
    "30",
    "47.952",
    "48",
    "50",
    "59.94",
    "59.94 DF",
    "60",
    "119.88",
]
rates = st.sampled_from(RATES).map(frames.rate_of)
a_day = 24 * 3600


@pytest.mark.parametrize(
    ("setting", "rate"),
    [("23.976", Fraction(24000, 1001)), ("29.97 DF", Fraction(30000, 1001)), (59.94, Fraction(60000, 1001)),
     (25.0, Fraction(25)), ("119.88", Fraction(120000, 1001)), ("16", Fraction(16))],
)  # fmt: skip
def test_resolves_names_of_rates_are_exact(setting: object, rate: Fraction):
    assert frames.rate_of(setting) == rate


@pytest.mark.parametrize("setting", ["", "fast", "0", "-25", None, "nan", "1/0"])
def test_what_is_no_rate_is_named(setting: object):
    with pytest.raises(ValueError, match="no frame rate"):
        frames.rate_of(setting)


@given(rate=rates, sample=st.integers(0, a_day * 48_000), samples=st.integers(1, 48_000 * 600))
def test_a_padded_stem_sounds_at_its_sample_and_lasts_whole_frames(rate: Fraction, sample: int, samples: int):
    fitted = frames.fit(sample, samples, rate)
    start = frames.sample_at(fitted.record_frame, rate)
    assert start + fitted.head_samples == sample
    assert 0 <= fitted.head_samples <= frames.SAMPLE_RATE / rate + 1
    end = frames.sample_at(fitted.record_frame + fitted.frames, rate)
    assert start + fitted.head_samples + samples + fitted.tail_samples == end
    assert 0 <= fitted.tail_samples <= frames.SAMPLE_RATE / rate + 1


@given(rate=rates, frame=st.integers(0, a_day * 24), count=st.integers(1, 10_000))
def test_what_starts_and_ends_on_frames_is_not_padded(rate: Fraction, frame: int, count: int):
    sample, end = frames.sample_at(frame, rate), frames.sample_at(frame + count, rate)
    assert frames.fit(sample, end - sample, rate) == (frame, count, 0, 0)


@given(frame=st.integers(1, 100_000), timeline_rate=rates, file_rate=rates)
def test_a_file_that_keeps_another_rate_lasts_all_its_timeline_frames(frame, timeline_rate, file_rate):
    first, end = frames.source_range(frame, timeline_rate, file_rate)
    assert first == 0
    assert (
        int(end * timeline_rate / file_rate)
        >= frame
        > int((end - 1) * timeline_rate / file_rate) - (1 if timeline_rate > file_rate else 0)
    )
    assert frames.common_frames(frame, timeline_rate, file_rate) >= end * timeline_rate / file_rate


@given(st.data(), rates)
def test_timecode_is_that_of_the_bridge(data: st.DataObject, rate: Fraction):
    frame = data.draw(st.integers(0, int(a_day * rate) - 1))
    drop = data.draw(st.booleans()) and rate in (Fraction(30000, 1001), Fraction(60000, 1001))
    assert frames.timecode(frame, rate, drop) == timeline.timecode(frame, rate, drop)


@given(*[st.tuples(st.integers(0, 99), st.integers(0, 99)).map(sorted).map(tuple)] * 2)
def test_an_overlap_holds_the_frames_of_both(one, other):
    first, end = frames.overlap(one, other)
    assert set(range(first, end)) == set(range(*one)) & set(range(*other))
