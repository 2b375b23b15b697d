from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from footfall_bridge.errors import BadRequest, MediaNotFound, NoAudio, NoPicture
from footfall_bridge.messages import Hit, HitKind
from footfall_bridge.timeline import TimeRange
from footfall_engine.analysis.picture import MOTION_RATE, PictureAnalysis
from footfall_engine.media import chart
from footfall_engine.media.audio import Recording
from footfall_engine.media.preview import write_preview
from footfall_engine.media.video import probe, read_frames, region_of
from footfall_engine.playback import Playback

from tests.clips import make_clip, number_of

RATE = 48_000
CLICK_AT = 0.5  # seconds into the stem


@pytest.fixture
def click(tmp_path: Path) -> Path:
    """Two seconds of silence with a click in it."""
    samples = np.zeros((2 * RATE, 2), np.float32)
    samples[round(CLICK_AT * RATE) : round(CLICK_AT * RATE) + 200] = 0.8
    soundfile.write(tmp_path / "click.wav", samples, RATE, subtype="PCM_24")
    return tmp_path / "click.wav"


def numbers_and_times(film: Path) -> list[tuple[int, float]]:
    region = region_of(probe(film), 0)
    return [(number_of(frame.image), frame.time) for frame in read_frames(film, region)]


def click_time(film: Path) -> float:
    with av.open(str(film)) as container:
        frames = [(float(frame.time), frame.to_ndarray()[0]) for frame in container.decode(audio=0)]
    start, sound = frames[0][0], np.concatenate([samples for _, samples in frames])
    return start + int(np.argmax(np.abs(sound) > 0.3)) / RATE


def picture_packets(film: Path) -> list[bytes]:
    with av.open(str(film)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def test_pictures_of_a_whole_clip_are_copied_untouched(tmp_path: Path, click: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", g="10", bf="2")
    write_preview(clip, click, tmp_path / "out.mp4", region_of(probe(clip), 0))
    assert picture_packets(tmp_path / "out.mp4") == picture_packets(clip)
    assert click_time(tmp_path / "out.mp4") == pytest.approx(CLICK_AT, abs=0.001)


def test_a_region_from_a_keyframe_is_copied_and_begins_at_0(tmp_path: Path, click: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", g="10", bf="2")
    write_preview(clip, click, tmp_path / "out.mp4", TimeRange(Fraction(10, 25), Fraction(30, 25)))
    shown = numbers_and_times(tmp_path / "out.mp4")
    assert shown[0] == (10, 0.0)
    assert [number for number, _ in shown][:20] == list(range(10, 30))
    assert set(picture_packets(tmp_path / "out.mp4")) <= set(picture_packets(clip))


def test_a_region_between_keyframes_is_encoded_at_its_own_times(tmp_path: Path, click: Path) -> None:
    times = [Fraction(n * n, 1000) for n in range(45)]
    clip = make_clip(tmp_path / "clip.mkv", times, g="40")
    write_preview(clip, click, tmp_path / "out.mp4", TimeRange(Fraction(1, 10), Fraction(1)))
    wanted = [(n, max(0.0, float(time) - 0.1)) for n, time in enumerate(times) if n >= 10 and time < 1]
    shown = numbers_and_times(tmp_path / "out.mp4")
    assert [number for number, _ in shown] == [number for number, _ in wanted]
    assert [time for _, time in shown] == pytest.approx([time for _, time in wanted], abs=0.002)
    assert click_time(tmp_path / "out.mp4") == pytest.approx(CLICK_AT, abs=0.001)


@pytest.mark.parametrize("speed", [Fraction(2), Fraction(1, 2)])
def test_a_clip_played_at_another_speed_is_seen_so_and_its_sound_stays(tmp_path: Path, click: Path, speed: Fraction):
    clip = make_clip(tmp_path / "clip.mp4", g="10")
    region = TimeRange(Fraction(10, 25), Fraction(40, 25))
    write_preview(clip, click, tmp_path / "out.mp4", region, speed=speed)
    shown = numbers_and_times(tmp_path / "out.mp4")
    assert [number for number, _ in shown] == list(range(10, 40))
    assert [time for _, time in shown] == pytest.approx([n / 25 / float(speed) for n in range(30)], abs=0.002)
    assert click_time(tmp_path / "out.mp4") == pytest.approx(CLICK_AT, abs=0.001)


@pytest.mark.parametrize("start", [Fraction(0), Fraction(3, 25)])
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_clip_is_upright(tmp_path: Path, click: Path, turn: int, start: Fraction) -> None:
    clip = make_clip(tmp_path / "clip.mp4", turn=turn, g="25")
    write_preview(clip, click, tmp_path / "out.mp4", TimeRange(start, Fraction(1)))
    first, facts = numbers_and_times(tmp_path / "out.mp4")[0], probe(tmp_path / "out.mp4")
    assert first == (round(start * 25), 0.0)
    assert (facts.width, facts.height) == (probe(clip).width, probe(clip).height)


@pytest.mark.parametrize("start", [Fraction(0), Fraction(3, 25)], ids=["copied", "encoded"])
@pytest.mark.parametrize(("turn", "aspect"), [(0, Fraction(4, 3)), (90, Fraction(3, 4))])
def test_pixels_stay_as_wide_as_they_are(
    tmp_path: Path, click: Path, start: Fraction, turn: int, aspect: Fraction
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", pixel_aspect=Fraction(4, 3), turn=turn, g="25")
    write_preview(clip, click, tmp_path / "out.mp4", TimeRange(start, Fraction(1)))
    with av.open(str(tmp_path / "out.mp4")) as film:
        stored = film.streams.video[0]
        assert stored.sample_aspect_ratio == (aspect if start else Fraction(4, 3))


@pytest.mark.parametrize("codec", ["mjpeg", "mpeg4"])
def test_what_a_player_may_not_know_still_becomes_a_preview(tmp_path: Path, click: Path, codec: str) -> None:
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    clip = make_clip(tmp_path / "clip.avi", codec=codec, pixels=pixels)
    write_preview(clip, click, tmp_path / "out.mp4", region_of(probe(clip), 0))
    assert len(numbers_and_times(tmp_path / "out.mp4")) == 50


def test_a_clip_whose_pictures_start_late_keeps_its_distance_to_the_sound(tmp_path: Path, click: Path) -> None:
    clip = make_clip(tmp_path / "clip.ts", start=Fraction(7, 5), g="10")
    write_preview(clip, click, tmp_path / "out.mp4", region_of(probe(clip), 0))
    assert numbers_and_times(tmp_path / "out.mp4")[0] == (0, 0.0)
    assert click_time(tmp_path / "out.mp4") == pytest.approx(CLICK_AT, abs=0.001)


def test_faults_are_told_by_name_and_leave_no_file(tmp_path: Path, click: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    region = region_of(probe(clip), 0)
    target = tmp_path / "out.mp4"
    silent = make_clip(tmp_path / "silent.mp4")
    with pytest.raises(MediaNotFound, match=r"none\.wav"):
        write_preview(clip, tmp_path / "none.wav", target, region)
    with pytest.raises(MediaNotFound, match=r"none\.mp4"):
        write_preview(tmp_path / "none.mp4", click, target, region)
    with pytest.raises(NoAudio):
        write_preview(clip, silent, target, region)
    with pytest.raises(NoPicture):
        write_preview(click, click, target, region)
    with pytest.raises(BadRequest, match="cannot be written"):
        write_preview(clip, click, tmp_path / "no folder" / "out.mp4", region)
    assert not list(tmp_path.glob("*out.mp4*"))


# ---- the chart


def test_the_chart_is_a_png_with_everything_on_it(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    region = TimeRange(Fraction(1, 2), Fraction(3, 2))
    curve = np.linspace(0, 1, MOTION_RATE + 1, dtype=np.float32)
    hits = (Hit(time=0.2, strength=0.5), Hit(time=0.7, strength=1.0))
    seen = PictureAnalysis(1.0, hits, curve, np.zeros_like(curve), 0.5, (0.4,), 25.0)
    sound = Recording(np.zeros((2, RATE), np.float32), RATE)
    frames = chart.strip_frames(clip, Playback(region))
    chart.write_chart(chart.ChartData("title", frames, seen, sound, (0.21,)), tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.glob("*.png*")] == ["chart.png"]


def test_the_legend_covers_nothing() -> None:
    curve = np.ones(MOTION_RATE + 1, np.float32)
    hits = tuple(Hit(time=0.99, strength=1.0, kind=kind) for kind in HitKind)
    seen = PictureAnalysis(1.0, hits, curve, np.zeros_like(curve), 0.5, (), 25.0)
    sound = Recording(np.zeros((1, RATE), np.float32), RATE)
    figure = chart.drawn(chart.ChartData("a long title " * 12, [], seen, sound, (0.99,)))
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [*chart.KIND_COLOURS, "known contact"]
    for panel in figure.axes:
        assert not panel.get_tightbbox().overlaps(legend.get_window_extent())


def test_the_strip_shows_the_picture_of_each_moment(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    frames = chart.strip_frames(clip, Playback(TimeRange(Fraction(0), Fraction(2))), count=5)
    assert [frame.time for frame in frames] == pytest.approx([0.2, 0.6, 1.0, 1.4, 1.8])
    assert [number_of(frame.image) for frame in frames] == [5, 15, 25, 35, 45]


def test_the_envelope_loses_no_peak() -> None:
    samples = np.zeros((2, 100_000), np.float32)
    samples[0, 54_321], samples[1, 1_234] = 0.9, -0.7
    times, low, high = chart.envelope(samples, RATE, columns=100)
    assert len(times) == len(low) == len(high) == 100
    assert high.max() == np.float32(0.9)
    assert low.min() == np.float32(-0.7)
    assert times[high.argmax()] <= 54_321 / RATE < times[high.argmax() + 1]


def test_a_full_scale_tone_stands_at_its_frequency_with_0_db() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)[None]
    times, frequencies, level = chart.spectrogram(tone, RATE)
    middle = level[:, len(times) // 2]
    assert abs(frequencies[middle.argmax()] - 1000) <= RATE / chart.SPECTRUM_SAMPLES
    assert middle.max() == pytest.approx(0, abs=1.5)
