"""Stems as files: whole or not at all, exact to the bit, readable by everyone."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from footfall_bridge.errors import DiskFull, MediaNotFound, NotAStem, StemFolderUnusable
from footfall_engine.media import wav
from hypothesis import given, settings
from hypothesis import strategies as st

PROVENANCE = {"originator": "Footfall", "prompt": "Schritte im Kies 🥾", "seed": 7}


def write(path: Path, audio: np.ndarray, position: int = 0, provenance: dict | None = None) -> None:
    with wav.StemWriter(path, 48_000, len(audio), position, provenance or PROVENANCE, reference="job-1") as stem:
        stem.write(audio)


def ramp(channels: int = 2, samples: int = 1001) -> np.ndarray:
    return np.linspace(-1, 1, channels * samples, dtype=np.float32).reshape(channels, samples)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("samples", [0, 1, 2, 1001])
def test_another_program_reads_what_was_written(tmp_path: Path, channels: int, samples: int):
    write(tmp_path / "a.wav", ramp(channels, samples) if samples else np.zeros((channels, 0), np.float32))
    info = soundfile.info(tmp_path / "a.wav")
    assert (info.frames, info.channels, info.samplerate, info.subtype) == (samples, channels, 48_000, "PCM_24")
    read, _ = soundfile.read(tmp_path / "a.wav", dtype="int32", always_2d=True)
    if samples:
        assert np.array_equal(read.T >> 8, wav.to_pcm(ramp(channels, samples)))


@settings(max_examples=20, deadline=None)
@given(st.integers(-(2**23) + 1, 2**23 - 1), st.integers(0, 2**40))
def test_samples_and_position_come_back_exactly(tmp_path_factory, value: int, position: int):
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    pcm = np.array([[value, -value, 0]], np.int32)
    with wav.StemWriter(path, 48_000, 1, position, PROVENANCE) as stem:
        stem.write_pcm(pcm)
    facts = wav.read_facts(path)
    assert np.array_equal(wav.read_pcm(facts, 0, 3), pcm)
    assert np.array_equal(wav.to_pcm(wav.to_float(pcm)), pcm)
    assert facts.position == position


def test_provenance_comes_back_and_the_header_says_synthetic(tmp_path: Path):
    write(tmp_path / "a.wav", ramp())
    assert wav.read_facts(tmp_path / "a.wav").provenance == PROVENANCE
    head = (tmp_path / "a.wav").read_bytes()[:1000]
    assert b"Synthetic sound: Schritte im Kies" in head
    assert b"Footfall" in head


def test_beyond_full_scale_is_clipped_and_never_wraps(tmp_path: Path):
    write(tmp_path / "a.wav", np.array([[3.0, -3.0, 1.0, -1.0]], np.float32))
    pcm = wav.read_pcm(wav.read_facts(tmp_path / "a.wav"), 0, 4)
    assert pcm.tolist() == [[wav.FULL_SCALE, -wav.FULL_SCALE, wav.FULL_SCALE, -wav.FULL_SCALE]]


def test_nothing_is_visible_until_the_stem_is_complete(tmp_path: Path):
    with wav.StemWriter(tmp_path / "a.wav", 48_000, 2, 0, PROVENANCE) as stem:
        stem.write(ramp())
        assert [path.name for path in tmp_path.iterdir()] == ["a.wav.part"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_an_error_leaves_no_file(tmp_path: Path):
    with (
        pytest.raises(RuntimeError, match="model broke"),
        wav.StemWriter(tmp_path / "a.wav", 48_000, 2, 0, PROVENANCE) as stem,
    ):
        stem.write(ramp())
        raise RuntimeError("model broke")
    assert list(tmp_path.iterdir()) == []


def test_a_file_beyond_4_gib_is_rf64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wav, "RIFF_LIMIT_BYTES", 4000)  # a small file takes the large file's path
    write(tmp_path / "a.wav", ramp())
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RF64"
    facts = wav.read_facts(tmp_path / "a.wav")
    assert facts.samples == 1001
    assert np.array_equal(wav.read_pcm(facts, 0, 1001), wav.to_pcm(ramp()))
    assert soundfile.info(tmp_path / "a.wav").frames == 1001


def test_bext_is_laid_out_as_the_ebu_says(tmp_path: Path):
    write(tmp_path / "a.wav", ramp(), position=2**33 + 5)
    data = (tmp_path / "a.wav").read_bytes()
    at = data.index(b"bext") + 8
    low, high, version = struct.unpack_from("<IIH", data, at + 256 + 32 + 32 + 10 + 8)
    assert (low + (high << 32), version) == (2**33 + 5, 1)
    assert data[at + 602 :].startswith(b"A=PCM,F=48000,W=24,M=stereo")


@pytest.mark.parametrize("content", [b"", b"RIFF", b"\0" * 5000, b"RIFF\xff\xff\xff\xffWAVEdata\xff\xff\xff\xff"])
def test_a_foreign_file_is_no_stem(tmp_path: Path, content: bytes):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(NotAStem, match=r"a\.wav"):
        wav.read_facts(tmp_path / "a.wav")


def test_a_recording_without_our_provenance_is_no_stem(tmp_path: Path):
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 48_000, subtype="PCM_24")
    with pytest.raises(NotAStem, match="not a stem made by Footfall"):
        wav.read_facts(tmp_path / "a.wav")


def test_a_stem_cut_short_is_said_to_be(tmp_path: Path):
    write(tmp_path / "a.wav", ramp())
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[:-60])
    with pytest.raises(NotAStem, match="cut short"):
        wav.read_facts(tmp_path / "a.wav")


def test_a_missing_stem_is_named(tmp_path: Path):
    with pytest.raises(MediaNotFound, match="nowhere"):
        wav.read_facts(tmp_path / "nowhere.wav")


def test_a_missing_stem_folder_is_named(tmp_path: Path):
    with pytest.raises(StemFolderUnusable, match="does not exist"):
        wav.check_stem_folder(tmp_path / "gone", 0)
    (tmp_path / "file").touch()
    with pytest.raises(StemFolderUnusable, match="is a file"):
        wav.check_stem_folder(tmp_path / "file", 0)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that not even root may write in")
def test_a_folder_that_cannot_be_written_to_is_said_to_be():
    with pytest.raises(StemFolderUnusable, match="cannot be written to"):
        wav.check_stem_folder(Path("/proc/self"), 0)


def test_stems_that_would_not_fit_are_refused_before_any_work(tmp_path: Path):
    with pytest.raises(DiskFull, match="MB free"):
        wav.check_stem_folder(tmp_path, 2**60)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_up_while_writing_is_told_and_nothing_stays(tmp_path: Path):
    (tmp_path / "a.wav.part").symlink_to("/dev/full")
    with pytest.raises(DiskFull, match=r"a\.wav"):
        write(tmp_path / "a.wav", ramp(samples=100_000))
    assert list(tmp_path.iterdir()) == []
