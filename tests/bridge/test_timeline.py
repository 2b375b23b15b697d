from fractions import Fraction
from itertools import islice

import pytest
from footfall_bridge import timeline
from footfall_bridge.errors import InvalidRange, InvalidTime
from footfall_bridge.timeline import FILM_RATE, NTSC_RATE, TimeRange
from hypothesis import example, given
from hypothesis import strategies as st

NTSC_DOUBLE = Fraction(60000, 1001)
RATES = [FILM_RATE, Fraction(24), Fraction(25), NTSC_RATE, Fraction(30), Fraction(50), NTSC_DOUBLE, Fraction(60)]
DAY_FRAMES = 24 * 60 * 60 * 24  # fits every rate above

rates = st.sampled_from(RATES)
frames = st.integers(0, DAY_FRAMES - 1)
times = st.fractions(min_value=0, max_value=100_000, max_denominator=10**6)


def labels_counted_out(nominal: int, dropped: int):
    """Drop-frame labels, one after the other, by the words of the standard."""
    for hours in range(24):
        for minutes in range(60):
            for seconds in range(60):
                for frame in range(nominal):
                    if minutes % 10 and seconds == 0 and frame < dropped:
                        continue
                    yield f"{hours:02d}:{minutes:02d}:{seconds:02d};{frame:02d}"


@pytest.mark.parametrize(("rate", "nominal", "dropped"), [(NTSC_RATE, 30, 2), (NTSC_DOUBLE, 60, 4)])
def test_drop_frame_labels_are_those_counted_out_one_by_one(rate, nominal, dropped):
    counted = islice(labels_counted_out(nominal, dropped), 25 * 60 * nominal)  # past two tenth minutes
    for frame, label in enumerate(counted):
        assert timeline.timecode(frame, rate, drop_frame=True) == label
        assert timeline.frames_from_text(label, rate) == frame


@pytest.mark.parametrize(
    ("frame", "label"),
    [
        (1799, "00:00:59;29"),
        (1800, "00:01:00;02"),
        (17981, "00:09:59;29"),
        (17982, "00:10:00;00"),
        (107892, "01:00:00;00"),
        (2589407, "23:59:59;29"),
    ],
)
def test_drop_frame_labels_published_for_2997(frame, label):
    assert timeline.timecode(frame, NTSC_RATE, drop_frame=True) == label
    assert timeline.frames_from_text(label, NTSC_RATE) == frame


@given(st.integers(0, 2589407), st.sampled_from([NTSC_RATE, NTSC_DOUBLE]))
def test_drop_frame_comes_back_all_day(frame, rate):
    assert timeline.frames_from_text(timeline.timecode(frame, rate, drop_frame=True), rate) == frame


@given(frames, rates)
def test_timecode_comes_back(frame, rate):
    label = timeline.timecode(frame, rate)
    assert timeline.frames_from_text(label, rate) == frame
    assert timeline.seconds(label, rate) == frame / rate


@given(frames, rates)
def test_frames_come_back_from_seconds(frame, rate):
    time = timeline.seconds(f"{frame}f", rate)
    assert timeline.to_units(time, rate) == frame
    assert timeline.to_units_floor(time, rate) == frame


@given(times, st.sampled_from([44_100, 48_000, 96_000]))
def test_samples_lie_within_half_a_sample(time, sample_rate):
    assert abs(Fraction(timeline.to_units(time, sample_rate), sample_rate) - time) <= Fraction(1, 2 * sample_rate)


@given(times, st.integers(0, 1000), rates)
@example(Fraction(1, 50), 3, Fraction(25))  # exactly between two frames
def test_shifting_by_whole_frames_never_changes_how_a_time_rounds(time, shift, rate):
    assert timeline.to_units(time + shift / rate, rate) == timeline.to_units(time, rate) + shift


@given(st.floats(0, 1e6, allow_nan=False))
def test_a_float_is_taken_at_its_printed_value(value):
    assert timeline.seconds(value) == timeline.seconds(repr(value)) == Fraction(repr(value))


@pytest.mark.parametrize(
    ("value", "rate", "time"),
    [
        (0.1, None, Fraction(1, 10)),
        ("12.5", None, Fraction(25, 2)),
        (" 7 ", None, Fraction(7)),
        ("96000/48000", None, Fraction(2)),
        ("1e-3", None, Fraction(1, 1000)),
        ("48f", Fraction(24), Fraction(2)),
        ("48f", FILM_RATE, Fraction(2002, 1000)),
        ("01:00:00:00", Fraction(25), Fraction(3600)),
        ("01:00:00:00", NTSC_RATE, Fraction(108000 * 1001, 30000)),
        ("01:00:00;00", NTSC_RATE, Fraction(107892 * 1001, 30000)),
        (Fraction(1, 3), None, Fraction(1, 3)),
    ],
)
def test_ways_to_write_a_time(value, rate, time):
    assert timeline.seconds(value, rate) == time


@pytest.mark.parametrize(
    "value",
    [
        float("nan"), float("inf"), -1, -0.5, "-1", "", "soon", "nan", "inf", "1/0", "1:2", "1_000", True, None, [],
        b"1", "1e400000000", "9" * 5000, "9" * 5000 + "f", "1/" + "9" * 5000, "00:00:61:00", "00:60:00:00",
    ],
)  # fmt: skip
def test_what_is_no_time_is_named(value):
    with pytest.raises(InvalidTime) as caught:
        timeline.seconds(value, Fraction(25))
    assert str(value)[:20] in caught.value.message


@pytest.mark.parametrize("value", ["48f", "00:00:01:00"])
def test_counted_frames_need_a_rate(value):
    with pytest.raises(InvalidTime, match="frame rate"):
        timeline.seconds(value)


@pytest.mark.parametrize(
    ("label", "rate"),
    [
        ("00:00:00:25", Fraction(25)),
        ("00:01:00;01", NTSC_RATE),
        ("00:00:00;00", Fraction(25)),
        ("00:00:00;30", NTSC_RATE),
    ],
)
def test_labels_that_no_frame_has_are_refused(label, rate):
    with pytest.raises(InvalidTime):
        timeline.seconds(label, rate)


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_an_invalid_time(text):
    try:
        assert timeline.seconds(text, NTSC_RATE) >= 0
    except InvalidTime:
        pass


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        (23.976, FILM_RATE),
        ("23.98", FILM_RATE),
        (29.97, NTSC_RATE),
        (59.94, NTSC_DOUBLE),
        ("30000/1001", NTSC_RATE),
        (25, Fraction(25)),
        (25.0, Fraction(25)),
        ("12.5", Fraction(25, 2)),
    ],
)
def test_frame_rates_are_exact(value, rate):
    assert timeline.frame_rate(value) == rate


@pytest.mark.parametrize("value", [0, -25, "0", "fast", float("nan")])
def test_what_is_no_frame_rate_is_refused(value):
    with pytest.raises(InvalidTime):
        timeline.frame_rate(value)


@given(st.integers(0, 24 * 3600 * 24), rates)
def test_a_32_bit_time_snaps_back_to_its_frame_for_a_day(frame, rate):
    import struct

    (narrow,) = struct.unpack("f", struct.pack("f", frame / rate))
    assert timeline.snap(narrow, rate) == frame / rate


@given(st.floats(0.01, 100))
def test_a_speed_is_taken_at_its_printed_value(speed):
    assert timeline.play_rate(speed) == Fraction(str(speed))
    assert timeline.play_rate(str(speed)) == Fraction(str(speed))


@pytest.mark.parametrize("value", [0, -1, "0/5", float("nan"), float("inf"), True, "fast", None])
def test_what_is_no_speed_is_refused(value):
    with pytest.raises(InvalidTime):
        timeline.play_rate(value)


@given(times, times, times, st.fractions(Fraction(1, 4), 4, max_denominator=100))
def test_source_time_moves_with_the_play_rate(time, position, offset, play_rate):
    start = timeline.source_time(position, position, offset, play_rate)
    assert start == offset
    assert timeline.source_time(time, position, offset, play_rate) - start == (time - position) * play_rate


@given(times, st.fractions(Fraction(1, 1000), 1000, max_denominator=10**6), times)
def test_a_range_keeps_its_length_in_samples_wherever_it_lies(start, length, shift):
    span = TimeRange(start, start + length)
    assert span.duration == length
    assert span.shifted(shift).samples(48_000) == span.samples(48_000) == timeline.to_units(length, 48_000)


@pytest.mark.parametrize(("start", "end"), [(1, 1), (2, 1)])
def test_a_range_that_is_empty_or_backwards_is_refused(start, end):
    with pytest.raises(InvalidRange, match="before out"):
        TimeRange(Fraction(start), Fraction(end))
