import itertools
import logging
import math
import os
import sys
import weakref
from fractions import Fraction

import numpy as np
import pytest
from footfall_bridge.errors import InvalidRange, InvalidTime, JobCancelled, MediaNotFound, NoPicture, UnreadableMedia
from footfall_bridge.timeline import TimeRange
from footfall_engine.contacts import Scene, render_long_clip
from footfall_engine.media.video import (
    FrameSpec,
    file_identity,
    probe,
    read_frames,
    read_frames_at,
    region_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import clips
from tests.clips import make_clip, needs_shared_media, number_of

SECOND = TimeRange(Fraction(1), Fraction(2))
LONG_GOP = {"g": "250", "bf": "3", "preset": "fast"}


def seen(path, region, **wishes):
    """(time, number) of each picture."""
    return [(round(frame.time, 4), number_of(frame.image)) for frame in read_frames(path, region, **wishes)]


def whole(path):
    return region_of(probe(path), 0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """2 s at 25 fps, one keyframe, B-frames."""
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", **LONG_GOP)


@pytest.fixture(scope="module")
def variable_times():
    gaps = np.random.default_rng(1).integers(1500, 9000, 59)
    return [Fraction(int(tick), 90_000) for tick in np.concatenate([[0], np.cumsum(gaps)])]


@pytest.fixture(scope="module")
def variable(tmp_path_factory, variable_times):
    return make_clip(tmp_path_factory.mktemp("variable") / "variable.mp4", variable_times, **LONG_GOP)


# ---- facts


def test_facts_of_a_plain_clip(clip):
    facts = probe(clip)
    assert (facts.width, facts.height, facts.rotation, facts.has_audio) == (*clips.SIZE, 0, False)
    assert (facts.duration, facts.frame_rate) == (2, 25)


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(24), Fraction(50)])
@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
def test_frame_rate_is_exact(tmp_path, rate, ending):
    facts = probe(make_clip(tmp_path / f"clip.{ending}", rate=rate))
    assert facts.frame_rate == rate
    assert facts.duration == pytest.approx(50 / rate, abs=0.001)


def test_duration_is_that_of_the_picture_not_of_the_sound(tmp_path):
    facts = probe(make_clip(tmp_path / "clip.mp4", sound_seconds=5))
    assert facts.has_audio
    assert facts.duration == 2


def test_file_identity_changes_when_the_file_does(tmp_path):
    path = make_clip(tmp_path / "clip.mp4", count=5)
    before = file_identity(path)
    assert file_identity(path) == before
    make_clip(path, count=6)
    assert file_identity(path) != before
    assert probe(path).duration == Fraction(6, 25)


# ---- regions of every kind of clip


@pytest.mark.parametrize(
    ("name", "wishes"),
    [
        ("long_gop.mp4", LONG_GOP),
        ("long_gop.mkv", LONG_GOP),
        ("long_gop.mov", LONG_GOP),
        ("long_gop.ts", LONG_GOP),  # starts at 1.4 s of its own time
        ("elementary.264", {"bf": "2", "preset": "fast"}),  # no times at all
        ("old.avi", {"codec": "mpeg4", "bf": "2"}),  # no presentation times
        ("intra.mov", {"codec": "mjpeg", "pixels": "yuvj422p"}),
        ("ten_bit.mov", {"codec": "prores_ks", "pixels": "yuv422p10le"}),
        ("rgb.mov", {"codec": "png", "pixels": "rgb24"}),
        ("starts_at_1_s.mp4", {"start": 1, **LONG_GOP}),
        ("starts_at_1_s.mkv", {"start": 1, **LONG_GOP}),
        ("a name with spaces, é and 🎬.mp4", {}),
        ("n" * 240 + ".mp4", {}),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_region_gives_its_own_pictures_at_their_times(tmp_path, name, wishes):
    path = make_clip(tmp_path / name, **wishes)
    assert probe(path).duration == 2
    assert seen(path, whole(path)) == [(round(n / 25, 4), n) for n in range(50)]
    assert seen(path, SECOND) == [(round(n / 25, 4), 25 + n) for n in range(25)]
    assert seen(path, TimeRange(Fraction("1.5"), Fraction("1.58"))) == [(0.02, 38), (0.06, 39)]


def test_path_of_300_characters(tmp_path):
    folder = tmp_path / ("d" * 150)
    folder.mkdir()
    path = make_clip(folder / ("c" * 150 + ".mp4"), count=5)
    assert len(seen(path, whole(path))) == 5


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_picture_that_starts_after_its_sound_keeps_its_distance(tmp_path, ending):
    path = make_clip(tmp_path / f"clip.{ending}", start=Fraction(1, 2), sound_seconds=3, **LONG_GOP)
    assert probe(path).duration == Fraction(5, 2)
    assert seen(path, whole(path))[0] == (0.5, 0)
    assert seen(path, SECOND)[:2] == [(0.02, 13), (0.06, 14)]
    assert seen(path, TimeRange(Fraction(0), Fraction(1, 5))) == [(0.0, 0)]


def test_variable_rate_keeps_each_time(variable, variable_times):
    found = seen(variable, whole(variable))
    assert found == [(round(float(time), 4), n) for n, time in enumerate(variable_times)]
    inside = [(round(float(time - 1), 4), n) for n, time in enumerate(variable_times) if 1 <= time < 2]
    assert seen(variable, SECOND) == inside


def test_milliseconds_of_matroska_do_not_shift_a_region(tmp_path):
    rate = Fraction(24000, 1001)
    path = make_clip(tmp_path / "clip.mkv", rate=rate, count=60)
    numbers = [number for _, number in seen(path, TimeRange(24 / rate, 36 / rate))]
    assert numbers == list(range(24, 36))


def test_region_inside_one_long_picture_gives_that_picture(tmp_path):
    path = make_clip(tmp_path / "still.mp4", [Fraction(0), Fraction(1), Fraction(9), Fraction(10)])
    assert seen(path, TimeRange(Fraction(3), Fraction(5))) == [(0.0, 1)]


def test_regions_of_one_cut_add_up_to_the_whole(variable):
    facts = probe(variable)
    cuts = [facts.duration * n / 7 for n in range(8)]
    parts = [number for first, last in itertools.pairwise(cuts) for _, number in seen(variable, TimeRange(first, last))]
    assert parts == list(range(60))


# ---- the picture itself


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("grey", [True, False])
def test_rotation_is_honoured(tmp_path, turn, grey):
    path = make_clip(tmp_path / "clip.mp4", count=6, turn=turn)
    facts = probe(path)
    assert (facts.width, facts.height, facts.rotation) == (*clips.SIZE, turn)
    for height in (None, 48):
        frames = list(read_frames(path, whole(path), grey=grey, height=height))
        assert [number_of(frame.image) for frame in frames] == list(range(6))
        expected = (96, 160) if height is None else (48, 80)
        assert all(frame.image.shape[:2] == expected for frame in frames)


@pytest.mark.parametrize("height", [24, 36, 40, 96, 120])
@pytest.mark.parametrize("grey", [True, False])
def test_scaling_keeps_aspect_and_content(clip, height, grey):
    frame = next(read_frames(clip, SECOND, height=height, grey=grey))
    assert frame.image.shape == (height, round(height * 160 / 96)) + (() if grey else (3,))
    assert frame.image.dtype == np.uint8
    assert number_of(frame.image) == 25


@pytest.mark.parametrize(
    ("codec", "pixels"),
    [("libx264", "yuv420p"), ("libx264", "yuv444p"), ("prores_ks", "yuv422p10le"), ("png", "rgb24")],
)
def test_grey_has_the_levels_of_the_picture_in_every_format(tmp_path, codec, pixels):
    path = make_clip(tmp_path / "clip.mov", codec=codec, pixels=pixels, count=2)
    image = next(read_frames(path, whole(path))).image.astype(float)
    wanted = clips.barcode(0).astype(float)
    assert np.abs(image - wanted)[60:].mean() < 3


def test_colours_come_as_red_green_blue(tmp_path):
    import av

    path = tmp_path / "red.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        red = np.zeros((64, 64, 3), np.uint8)
        red[..., 0] = 220
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(red, format="rgb24")))
        container.mux(stream.encode())
    image = next(read_frames(path, whole(path), grey=False)).image
    assert image[..., 0].mean() > 180
    assert image[..., 1:].mean() < 40


# ---- several rates from one pass


def test_several_rates_and_sizes_come_from_one_pass(clip, monkeypatch):
    from footfall_engine.media import video

    passes = []
    opened = video._pictures
    monkeypatch.setattr(video, "_pictures", lambda *asked: passes.append(asked) or opened(*asked))
    specs = {"all": FrameSpec(height=48), "slow": FrameSpec(fps=4, height=24, grey=False), "fast": FrameSpec(fps=60)}
    found = {name: [] for name in specs}
    for name, frame in read_frames_at(clip, SECOND, specs):
        found[name].append(frame)
    assert len(passes) == 1
    assert {name: len(frames) for name, frames in found.items()} == {"all": 25, "slow": 4, "fast": 60}
    assert {frame.image.shape for frame in found["slow"]} == {(24, 40, 3)}
    for name, frames in found.items():
        alone = list(read_frames(clip, SECOND, **vars_of(specs[name])))
        assert [frame.time for frame in frames] == [frame.time for frame in alone]
        assert all(np.array_equal(one.image, other.image) for one, other in zip(frames, alone, strict=True))


def vars_of(spec):
    return {"fps": spec.fps, "height": spec.height, "grey": spec.grey}


@pytest.mark.parametrize("fps", [4, 12.5, 25, 29.97, 60])
def test_resampling_shows_the_latest_picture_that_is_not_later(variable, variable_times, fps):
    region = TimeRange(Fraction("0.7"), Fraction("2.3"))
    frames = seen(variable, region, fps=fps)
    assert len(frames) == math.ceil(float(region.duration) * fps)
    for n, (time, number) in enumerate(frames):
        assert time == pytest.approx(n / fps, abs=1e-4)
        on_screen = max(
            k for k, shown in enumerate(variable_times) if shown <= region.start + Fraction(n / fps) + Fraction(1, 1000)
        )
        assert number == on_screen


@given(milliseconds=st.integers(40, 1000), fps=st.sampled_from([3.0, 8.0, 24.0, 25.0, 29.97]))
@settings(max_examples=15, deadline=None)
def test_resampling_gives_as_many_frames_as_the_region_has_ticks(clip, milliseconds, fps):
    region = TimeRange(Fraction(1), 1 + Fraction(milliseconds, 1000))
    assert len(list(read_frames(clip, region, fps=fps, height=24))) == math.ceil(region.duration * Fraction(fps))


def test_resampling_before_the_first_picture_shows_the_first(tmp_path):
    path = make_clip(tmp_path / "late.mp4", start=Fraction(1, 2), sound_seconds=3)
    assert [number for _, number in seen(path, TimeRange(Fraction(0), Fraction(1)), fps=10)][:6] == [0] * 6


# ---- regions that cannot be


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (1, 1, "must lie before out"),
        (1.5, 1, r"in \(1\.5 s\) must lie before out \(1 s\)"),
        (2, 3, r"in \(2 s\) lies past the end .* 2 s long"),
        (5, None, r"in \(5 s\) lies past the end"),
        (0, 2.5, r"out \(2\.5 s\) lies past the end"),
        (1, 1.01, "shorter than one frame"),
        (1.99, None, "shorter than one frame"),
    ],
)
def test_impossible_region_is_refused_with_its_values(clip, start, end, words):
    with pytest.raises(InvalidRange, match=words):
        region_of(probe(clip), start, end)


@pytest.mark.parametrize("time", [math.nan, math.inf, -1, "tea", "00:00:00:30"])
def test_time_that_is_none_is_refused(clip, time):
    with pytest.raises(InvalidTime):
        region_of(probe(clip), time, 2)


def test_an_end_one_frame_past_the_picture_is_moved_there(clip):
    assert region_of(probe(clip), 0, "2.04") == TimeRange(Fraction(0), Fraction(2))
    assert region_of(probe(clip), "25f", "00:00:01:10") == TimeRange(Fraction(1), Fraction(35, 25))


@given(
    start=st.fractions(0, 2, max_denominator=96_000),
    end=st.fractions(0, 3, max_denominator=96_000),
)
def test_region_is_inside_the_clip_or_refused(clip, start, end):
    facts = probe(clip)
    try:
        region = region_of(facts, start, end)
    except InvalidRange:
        assert start >= end or end > facts.duration or end - start < Fraction(1, 25)
    else:
        assert 0 <= region.start < region.end <= facts.duration


# ---- files that cannot be read


def test_missing_file(tmp_path):
    with pytest.raises(MediaNotFound, match=r"none\.mp4"):
        probe(tmp_path / "none.mp4")


@pytest.mark.parametrize("path", ["x" * 5000, "a\0b"])
def test_path_that_cannot_be(path):
    with pytest.raises(MediaNotFound):
        probe(path)


def test_folder(tmp_path):
    with pytest.raises(UnreadableMedia, match="folder"):
        probe(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.mp4", b"", "empty"),
        ("zeros.mp4", bytes(50_000), "cannot be read"),
        ("words.mp4", b"once upon a time " * 500, "cannot be read"),
        ("words.txt", b"once upon a time " * 500, "not a film"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST", "cannot be read"),
    ],
)
def test_what_is_no_film_is_refused(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableMedia, match=words) as refusal:
        probe(tmp_path / name)
    assert name in str(refusal.value)


def test_still_picture_is_no_film(tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "still.png"), clips.barcode(1))
    with pytest.raises(UnreadableMedia, match="not a film"):
        probe(tmp_path / "still.png")


def test_sound_only(tmp_path):
    with pytest.raises(NoPicture, match="sound but no picture"):
        probe(clips.make_sound_only(tmp_path / "sound.mp4"))


def test_cover_picture_is_no_picture(tmp_path):
    import av
    import cv2
    from av.stream import Disposition

    path = tmp_path / "song.mp4"
    _, cover = cv2.imencode(".png", clips.barcode(1))
    with av.open(str(path), "w") as container:
        voice = container.add_stream("aac", rate=48_000, layout="mono")
        picture = container.add_stream("png", rate=1)
        picture.width, picture.height, picture.pix_fmt = *clips.SIZE, "gray"
        picture.disposition = Disposition.attached_pic
        packet = av.Packet(cover.tobytes())
        packet.stream, packet.pts, packet.dts = picture, 0, 0
        container.start_encoding()
        container.mux(packet)
        clips.mux_silence(container, voice, 1)
    with pytest.raises(NoPicture):
        probe(path)


def test_film_without_its_index_is_refused(tmp_path):
    with pytest.raises(UnreadableMedia, match="cut_short"):
        probe(clips.cut_short(make_clip(tmp_path / "cut_short.mp4"), 0.6))


@pytest.mark.parametrize("ending", ["mkv", "ts"])
def test_truncated_film_ends_where_its_pictures_do(tmp_path, ending):
    path = clips.cut_short(make_clip(tmp_path / f"clip.{ending}", count=200), 0.5)
    facts = probe(path)
    assert 2 < facts.duration < 6
    found = seen(path, whole(path))
    assert [number for _, number in found] == list(range(len(found)))
    assert float(facts.duration) == pytest.approx(len(found) / 25, abs=0.05)


def test_download_that_stopped_ends_where_its_pictures_do(tmp_path):
    """The index comes first and promises 8 s."""
    import av

    whole_clip, path = make_clip(tmp_path / "whole.mp4", count=200), tmp_path / "part.mp4"
    with av.open(str(whole_clip)) as source, av.open(str(path), "w", options={"movflags": "faststart"}) as target:
        copy = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    clips.cut_short(path, 0.6)
    facts = probe(path)
    assert 2 < facts.duration < 6
    with pytest.raises(InvalidRange, match="past the end"):
        region_of(facts, 7, 8)
    assert len(seen(path, whole(path))) == pytest.approx(float(facts.duration) * 25, abs=2)


def test_film_whose_pictures_are_all_gone_is_refused(tmp_path):
    path = make_clip(tmp_path / "clip.mkv", count=100)
    with pytest.raises((UnreadableMedia, NoPicture)):
        probe(clips.cut_short(path, 0.05))


def test_damaged_pictures_are_skipped_and_counted(tmp_path, caplog):
    path = clips.damage(make_clip(tmp_path / "clip.mp4", count=200, g="20"), 0.3, 0.5)
    with caplog.at_level(logging.WARNING):
        found = seen(path, whole(path))
    assert "damaged packets skipped" in caplog.text
    assert len(found) > 150
    times = [time for time, _ in found]
    assert times == sorted(set(times))
    undamaged = [(time, number) for time, number in found if time > 6]
    assert undamaged == [(round(n / 25, 4), n) for n in range(151, 200)]


def test_region_without_one_good_picture_is_an_error(tmp_path):
    path = make_clip(tmp_path / "clip.mp4", **LONG_GOP)
    content = path.read_bytes()
    start = content.index(b"mdat") + 4
    path.write_bytes(
        content[:start] + bytes(content.index(b"moov") - 4 - start) + content[content.index(b"moov") - 4 :]
    )
    with pytest.raises(UnreadableMedia, match="no picture could be decoded between 1–2 s"):
        list(read_frames(path, SECOND))


# ---- how it runs


def test_progress_rises_to_the_end_and_can_cancel(clip):
    told = []
    list(read_frames(clip, SECOND, progress=told.append))
    assert told == sorted(told)
    assert told[0] >= 0
    assert told[-1] > 0.9

    def stop(fraction):
        raise JobCancelled("enough")

    with pytest.raises(JobCancelled):
        list(read_frames(clip, SECOND, progress=stop))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="looks at open files in /proc")
def test_closing_early_closes_the_file(clip):
    def is_open():
        links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
        return any(os.path.realpath(link) == str(clip.resolve()) for link in links if os.path.islink(link))

    frames = read_frames(clip, whole(clip))
    next(frames)
    assert is_open()
    frames.close()
    assert not is_open()


def test_memory_does_not_grow_with_the_clip(tmp_path):
    """2,400 pictures of 230 kB would be 550 MB if they were kept."""
    resource = pytest.importorskip("resource")
    path = tmp_path / "long.mp4"
    seconds = render_long_clip(path, 1.6, Scene("balls", duration=2.4, width=640, height=360))
    per_megabyte = 2**20 if sys.platform == "darwin" else 2**10
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_megabyte
    alive: set[int] = set()
    most = count = 0
    for frame in read_frames(path, whole(path)):
        count += 1
        alive.add(count)
        weakref.finalize(frame.image, alive.discard, count)
        most = max(most, len(alive))
    assert count == pytest.approx(seconds * 25, abs=1)
    assert most <= 3
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_megabyte - before < 150


# ---- real clips


def real_clips():
    folder = clips.SHARED / "media"
    return sorted(path for kind in ("sync", "other", "silent") for path in (folder / kind).glob("*.mp4"))


@needs_shared_media
@pytest.mark.parametrize("path", real_clips(), ids=lambda path: path.stem[:30])
def test_middle_of_a_real_clip_is_the_same_as_in_a_full_decode(path):
    """Read only as far as the region, so that the long clips do not take long."""
    facts = probe(path)
    middle = TimeRange(min(facts.duration / 2, Fraction(5)), min(facts.duration / 2, Fraction(5)) + Fraction(1, 2))
    start = float(middle.start)
    everything = {
        round(frame.time - start, 6): frame.image
        for frame in read_frames(path, TimeRange(Fraction(0), middle.end), height=90)
        if -0.001 <= frame.time - start < 0.499
    }
    inside = {round(frame.time, 6): frame.image for frame in read_frames(path, middle, height=90)}
    assert list(inside) == [max(0.0, time) for time in everything]
    if "damaged" not in path.name:
        assert all(np.array_equal(a, b) for a, b in zip(inside.values(), everything.values(), strict=True))
