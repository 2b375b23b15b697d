from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from footfall_engine.media import wav
from hypothesis import given
from hypothesis import strategies as st

from tests.resolve import lib  # noqa: F401

from footfall_resolve import errors, stem_file  # isort: skip

FACTS = {"originator": wav.ORIGINATOR, "prompt": "ball", "request": {}}


def a_stem(folder: Path, samples: int = 4801, channels: int = 2, position: int = 172_800_001) -> Path:
    path = folder / "stem ü.wav"
    with wav.StemWriter(path, 48_000, channels, position, FACTS, "job") as stem:
        stem.write(np.random.default_rng(1).uniform(-0.5, 0.5, (channels, samples)).astype(np.float32))
    return path


@given(
    head=st.integers(0, 3000),
    tail=st.integers(0, 3000),
    channels=st.integers(1, 2),
    samples=st.sampled_from([1, 2, 4801]),
)
def test_a_padded_copy_holds_the_stem_between_silences(
    tmp_path_factory, head: int, tail: int, channels: int, samples: int
):
    folder = tmp_path_factory.mktemp("pad")
    stem = a_stem(folder, samples, channels)
    stem_file.write_padded(str(stem), str(folder / "placed" / "copy.wav"), head, tail)
    was, _ = soundfile.read(stem, dtype="int32", always_2d=True)
    copy, rate = soundfile.read(folder / "placed" / "copy.wav", dtype="int32", always_2d=True)
    assert rate == 48_000
    assert len(copy) == head + samples + tail
    assert np.array_equal(copy[head : head + samples], was)
    assert not copy[:head].any()
    assert not copy[head + samples :].any()


def test_the_copys_time_reference_is_that_of_its_first_sample(tmp_path: Path):
    stem_file.write_padded(str(a_stem(tmp_path)), str(tmp_path / "copy.wav"), 1001, 0)
    assert stem_file.read_wav(str(tmp_path / "copy.wav")).position == 172_800_001 - 1001


def test_a_copy_is_no_stem_to_the_engine(tmp_path: Path):
    stem_file.write_padded(str(a_stem(tmp_path)), str(tmp_path / "copy.wav"), 10, 10)
    with pytest.raises(wav.NotAStem):
        wav.read_facts(tmp_path / "copy.wav")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_cut_short_is_named_and_nothing_is_left(tmp_path: Path, share: float):
    stem = a_stem(tmp_path)
    stem.write_bytes(stem.read_bytes()[: int(stem.stat().st_size * share)])
    with pytest.raises(stem_file.WavError, match="stem ü"):
        stem_file.write_padded(str(stem), str(tmp_path / "copy.wav"), 0, 0)
    assert sorted(tmp_path.iterdir()) == [stem]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(errors.NotNow, match=r"copy\.wav cannot be written"):
        stem_file.write_padded(str(a_stem(tmp_path)), str(tmp_path / "file" / "copy.wav"), 0, 0)
