"""Recordings read whole or in part: the part is what the whole has there, and little else is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from footfall_bridge.errors import InvalidRange, MediaNotFound, NoAudio, UnreadableMedia
from footfall_engine.media import audio
from footfall_engine.media.audio import read_recording
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clips import make_clip

RATE = 44_100
SECONDS = 30
EXACT = {"a.wav": "pcm_s16le", "a.flac": "flac", "a.mp3": "libmp3lame", "a.opus": "libopus", "a.m4a": "aac"}
TO_A_MILLISECOND = {"a.mka": "libopus", "film.mkv": "aac"}  # Matroska's time stamps count those


def encode(path: Path, codec: str, sound: np.ndarray, with_picture: bool = False) -> Path:
    """A recording, or a film with it, of samples at RATE of shape (2, n)."""
    with av.open(str(path), "w") as container:
        rate = 48_000 if codec == "libopus" else RATE
        stream: Any = container.add_stream(codec, rate=rate, layout="stereo")
        pictures: Any = container.add_stream("libx264", rate=25) if with_picture else None
        if pictures is not None:
            pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
            for number in range(25 * sound.shape[1] // RATE):
                picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number % 256, np.uint8))
                picture.pts, picture.time_base = number, Fraction(1, 25)
                container.mux(pictures.encode(picture))
            container.mux(pictures.encode())
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound, np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        queue = av.AudioFifo()
        for piece in av.AudioResampler(format=stream.format.name, layout="stereo", rate=rate).resample(frame):
            queue.write(piece)
        while piece := queue.read(stream.codec_context.frame_size or 1024, partial=True):
            container.mux(stream.encode(piece))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Noise that swells, so that no two places are alike."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, SECONDS * RATE))
    return noise * (1 + np.sin(np.arange(noise.shape[1]) / 3000))


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory, sound: np.ndarray) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("recordings")
    named = {**EXACT, **TO_A_MILLISECOND, "film.mp4": "aac"}
    return {
        name: encode(folder / name, codec, sound, with_picture=name.startswith("film")) for name, codec in named.items()
    }


@pytest.mark.parametrize("name", [*EXACT, *TO_A_MILLISECOND, "film.mp4"])
@pytest.mark.parametrize(("start", "end"), [("0.25", "0.5"), ("12.345", "13"), ("25", None), ("0", "3")])
def test_a_part_is_what_the_whole_has_there(recordings: dict[str, Path], name: str, start: str, end: str | None):
    path = str(recordings[name])
    whole = read_recording(path)
    found = read_recording(path, Fraction(start), Fraction(end) if end else None)
    first = int(Fraction(start) * whole.sample_rate + Fraction(1, 2))
    length = whole.duration - float(Fraction(start)) if end is None else float(Fraction(end) - Fraction(start))
    slack = whole.sample_rate // 1000 if name in TO_A_MILLISECOND else 0
    assert found.samples.shape[1] == pytest.approx(length * whole.sample_rate, abs=slack + 1)
    assert nearest(whole.samples, found.samples, first, slack) < 0.02  # codecs that fill bands with noise do it anew


def nearest(whole: np.ndarray, part: np.ndarray, first: int, slack: int) -> float:
    """Largest difference at the best place within so many samples of where it should be."""
    part = part[:, : whole.shape[1] - first - slack]
    places = range(max(0, first - slack), first + slack + 1)
    return min(float(np.abs(whole[:, at : at + part.shape[1]] - part).max()) for at in places)


@settings(max_examples=30)
@given(st.data())
def test_parts_of_pcm_are_exact_to_the_sample(recordings: dict[str, Path], data: st.DataObject):
    whole = read_recording(str(recordings["a.wav"])).samples
    first = data.draw(st.integers(0, whole.shape[1] - 2))
    last = data.draw(st.integers(first + 1, whole.shape[1]))
    part = read_recording(str(recordings["a.wav"]), Fraction(first, RATE), Fraction(last, RATE))
    assert np.array_equal(part.samples, whole[:, first:last])


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.m4a", "film.mp4"])
def test_little_more_than_the_part_is_decoded(recordings: dict[str, Path], name: str, monkeypatch: pytest.MonkeyPatch):
    decoded = 0
    blocks = audio._blocks

    def counting(*what: Any) -> Iterator[Any]:
        nonlocal decoded
        for place, block in blocks(*what):
            decoded += block.shape[1]
            yield place, block

    monkeypatch.setattr(audio, "_blocks", counting)
    read_recording(str(recordings[name]), Fraction(27), Fraction(28))
    keyframes_apart = 12 if name == "film.mp4" else 0.3  # a film is sought by its pictures
    assert decoded < (2 + keyframes_apart) * RATE


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("40", None, r"in \(40 s\) lies past the end of a\.wav, which is 30 s long"),
        ("30", None, r"in \(30 s\) lies past the end"),
        ("29", "31", r"out \(31 s\) lies past the end of a\.wav, which is 30 s long"),
        ("35", "36", r"in \(35 s\) lies past the end"),
    ],
)
def test_a_part_past_the_end_is_refused_with_its_values(
    recordings: dict[str, Path], start: str, end: str | None, said: str
):
    with pytest.raises(InvalidRange, match=said):
        read_recording(str(recordings["a.wav"]), Fraction(start), Fraction(end) if end else None)


def test_an_end_a_codecs_delay_past_the_end_is_the_end(recordings: dict[str, Path]):
    part = read_recording(str(recordings["a.wav"]), Fraction(29), Fraction("30.05"))
    assert part.samples.shape[1] == RATE


def test_a_recording_is_cut_at_its_longest_from_where_it_begins(recordings: dict[str, Path]):
    part = read_recording(str(recordings["a.wav"]), Fraction(5), longest_sec=2)
    assert part.samples.shape[1] == 2 * RATE
    assert np.array_equal(part.samples, read_recording(str(recordings["a.wav"])).samples[:, 5 * RATE : 7 * RATE])


def test_a_part_of_what_is_no_recording_is_refused_as_the_whole_is(tmp_path: Path):
    (tmp_path / "text.wav").write_text("words, words, words")
    (tmp_path / "empty.wav").touch()
    for name in ("text.wav", "empty.wav"):
        with pytest.raises(UnreadableMedia, match=name):
            read_recording(str(tmp_path / name), Fraction(5), Fraction(6))
    with pytest.raises(MediaNotFound, match="none"):
        read_recording(str(tmp_path / "none.wav"), Fraction(5))
    with pytest.raises(NoAudio, match="clip"):
        read_recording(str(make_clip(tmp_path / "clip.mp4", count=5)), Fraction(5))


def test_what_comes_before_a_broken_end_can_be_used_and_what_comes_after_is_refused(
    recordings: dict[str, Path], tmp_path: Path
):
    content = recordings["a.flac"].read_bytes()
    (tmp_path / "cut.flac").write_bytes(content[: len(content) // 2])
    part = read_recording(str(tmp_path / "cut.flac"), Fraction(3), Fraction(4))
    assert np.array_equal(part.samples, read_recording(str(recordings["a.flac"]), Fraction(3), Fraction(4)).samples)
    with pytest.raises(InvalidRange, match=r"in \(25 s\) lies past the end of cut\.flac"):
        read_recording(str(tmp_path / "cut.flac"), Fraction(25), Fraction(26))
