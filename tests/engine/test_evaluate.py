import pytest
from footfall_bridge.errors import BadRequest, MediaNotFound
from footfall_engine.contacts import Scene, render_clip
from footfall_engine.evaluation.folders import films_with_sounds, read_onsets
from footfall_engine.evaluation.lift import f_measure, match_offsets, onset_lift
from footfall_engine.evaluation.sync import evaluate_sync
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.matching import largest_matching

DURATION = 10.0
times = st.lists(st.floats(0, DURATION - 0.001), max_size=12)
few_times = st.lists(st.integers(0, 9).map(lambda second: second + 0.5), min_size=1, max_size=4, unique=True)


@given(times, times, st.floats(0.001, 2))
def test_matching_is_as_large_as_can_be(events, onsets, tolerance):
    offsets = match_offsets(events, onsets, tolerance)
    assert len(offsets) == largest_matching(events, onsets, lambda one, other: abs(one - other) <= tolerance + 1e-9)
    assert all(abs(offset) <= tolerance + 1e-9 for offset in offsets)


@given(few_times)
def test_events_on_every_onset_have_a_lift_of_one(onsets):
    found = onset_lift(onsets, onsets, DURATION)
    assert (found.lift, found.f1, found.precision, found.recall, found.median_offset) == (1, 1, 1, 1, 0)


@given(times, times)
def test_measures_lie_where_they_can(events, onsets):
    found = onset_lift(events, onsets, DURATION)
    assert found.lift <= 1
    assert all(0 <= value <= 1 for value in (found.f1, found.chance, found.precision, found.recall))


@given(times, times)
def test_order_of_events_does_not_matter(events, onsets):
    assert onset_lift(events[::-1], onsets[::-1], DURATION) == onset_lift(events, onsets, DURATION)


def test_shift_within_the_tolerance_only_shows_as_offset():
    onsets = [1.0, 2.5, 4.0, 8.1]
    straight, late = onset_lift(onsets, onsets, DURATION), onset_lift([t + 0.05 for t in onsets], onsets, DURATION)
    assert late.f1 == straight.f1 == 1
    assert late.median_offset == pytest.approx(0.05)


def test_events_at_any_time_have_no_lift():
    onsets = [second + 0.5 for second in range(10)]
    everywhere = [k * 0.05 for k in range(200)]
    assert abs(onset_lift(everywhere, onsets, DURATION).lift) < 1e-9


def test_chance_is_the_mean_over_circular_shifts():
    # of the shifts by 10 k / 16 s only the one by half the clip puts the event at 0 onto the onset at 5
    assert onset_lift([0.0], [5.0], DURATION).chance == pytest.approx(1 / 15)


def test_nothing_found_where_nothing_sounds_is_right():
    assert f_measure(0, 0, 0) == 1
    assert onset_lift([], [1.0], DURATION).lift == 0


@pytest.mark.parametrize("duration", [0, -1, float("nan")])
def test_clip_without_length_is_refused(duration):
    with pytest.raises(ValueError, match="duration above 0"):
        onset_lift([1.0], [1.0], duration)


# ---- folders


def test_folder_of_clips_is_measured_clip_by_clip(tmp_path):
    contacts = render_clip(tmp_path / "hammer.mp4", Scene("hammer", 4.0, width=320, height=180))
    lines = ["clip,onset_seconds,level", *(f"hammer.mp4,{contact.time:.3f},1.0" for contact in contacts)]
    (tmp_path / "onsets.csv").write_text("\n".join(lines))
    shares = []
    found = evaluate_sync(tmp_path, shares.append)
    (row,) = found["clips"]
    assert row["clip"] == "hammer.mp4"
    assert row["onsets"] == len(contacts)
    assert found["mean_lift"] == row["lift"] > 0.7
    assert shares == sorted(shares)
    assert shares[-1] <= 1


def test_onsets_past_the_end_of_a_clip_are_left_out_by_name(tmp_path):
    contacts = render_clip(tmp_path / "hammer.mp4", Scene("hammer", 2.0, width=160, height=90))
    render_clip(tmp_path / "short.mp4", Scene("hammer", 1.0, width=160, height=90))
    lines = [f"hammer.mp4,{contact.time}" for contact in contacts]
    (tmp_path / "onsets.csv").write_text("\n".join(["clip,onset_seconds", *lines]))
    wanted = evaluate_sync(tmp_path)
    late = ["hammer.mp4,2.5", "hammer.mp4,7", "short.mp4,1.5"]
    (tmp_path / "onsets.csv").write_text("\n".join(["clip,onset_seconds", *lines, *late]))
    found = evaluate_sync(tmp_path)
    assert wanted["warnings"] == []
    assert found["clips"] == wanted["clips"]
    first, second = found["warnings"]
    assert first == "hammer.mp4 ends at 2 s; left out are its onsets at 2.5 s, 7 s"
    assert second == "short.mp4 ends at 1 s; left out are its onsets at 1.5 s"


def test_a_folder_none_of_whose_onsets_lie_in_their_clips_is_refused(tmp_path):
    render_clip(tmp_path / "a.mp4", Scene("hammer", 1.0, width=160, height=90))
    (tmp_path / "onsets.csv").write_text("clip,onset_seconds\na.mp4,1.5\n")
    with pytest.raises(BadRequest, match=r"1\.5 s"):
        evaluate_sync(tmp_path)


def test_level_column_is_optional_and_byte_order_mark_is_forgiven(tmp_path):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "onsets.csv").write_text("\ufeffclip,onset_seconds\na.mp4,0.5\na.mp4,1\n", encoding="utf-8")
    assert read_onsets(tmp_path) == {"a.mp4": [0.5, 1.0]}


def test_folder_without_onsets_is_named(tmp_path):
    with pytest.raises(MediaNotFound, match=r"has no onsets\.csv"):
        evaluate_sync(tmp_path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no column 'clip'; it has none"),
        ("clip,seconds\na.mp4,1\n", "no column 'onset_seconds'"),
        ("clip,onset_seconds\n", "names no onsets"),
        ("clip,onset_seconds\na.mp4,soon\n", "line 2: 'soon' is not an onset"),
        ("clip,onset_seconds\na.mp4,0.5\na.mp4,nan\n", "line 3: 'nan'"),
        ("clip,onset_seconds\na.mp4,-1\n", "'-1' is not an onset"),
        ("clip,onset_seconds\na.mp4\n", "None is not an onset"),
        ("clip,onset_seconds\nb.mp4,1\n", r"what is not in .*: 'b\.mp4'$"),
        ("clip,onset_seconds\nb.mp4,1\na.mp4,1\nc.mp4,1\n", r"what is not in .*: 'b\.mp4', 'c\.mp4'$"),
        ("clip,onset_seconds\n../a.mp4,1\n", r"outside .*: '\.\./a\.mp4'$"),
        ("clip,onset_seconds\n/a.mp4,1\n", r"outside .*: '/a\.mp4'$"),
        ("onset_seconds,clip\n1\n", r"what is not in .*: ''$"),
    ],
)
def test_odd_onsets_are_refused_with_what_is_odd(tmp_path, text, complaint):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "onsets.csv").write_text(text)
    with pytest.raises(BadRequest, match=complaint):
        read_onsets(tmp_path)


def test_onsets_that_are_not_text_are_refused(tmp_path):
    (tmp_path / "onsets.csv").write_bytes(b"clip,onset_seconds\n\xff\xfe,1\n")
    with pytest.raises(BadRequest, match="not a CSV file in UTF-8"):
        read_onsets(tmp_path)


def test_films_are_heard_with_what_is_given_or_lies_beside_them(tmp_path):
    for name in ("b.mp4", "a.MOV", "a.wav", "onsets.csv"):
        (tmp_path / name).touch()
    a, b, sound = tmp_path / "a.MOV", tmp_path / "b.mp4", tmp_path / "a.wav"
    assert films_with_sounds([tmp_path], []) == [(a, sound), (b, b)]
    assert films_with_sounds([b, tmp_path], []) == [(b, b), (a, sound), (b, b)]
    assert films_with_sounds([b], [sound]) == [(b, sound)]
    with pytest.raises(BadRequest, match="1 films and 2 sounds"):
        films_with_sounds([b], [sound, sound])
    (tmp_path / "empty").mkdir()
    with pytest.raises(MediaNotFound, match="holds no film"):
        films_with_sounds([tmp_path / "empty"], [])
