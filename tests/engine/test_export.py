from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
import pytest
from footfall_bridge.errors import BadRequest, InvalidRange
from footfall_bridge.timeline import to_units
from footfall_engine.export import export
from footfall_engine.media.wav import ORIGINATOR, StemWriter
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.clips import make_clip

RATE = 48_000
FILM_RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(50)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "a shot.mp4", count=50, rate=25)


def a_stem(
    folder: Path,
    clip: Path,
    position: int,
    samples: int = RATE,
    rate: Fraction = Fraction(25),
    take: int = 1,
    **asked: Any,
) -> Path:
    region = {"in": "0", "out": str(Fraction(samples, RATE)), "frame_rate": str(rate), **asked}
    facts = {
        "originator": ORIGINATOR,
        "prompt": "ball",
        "seed": take,
        "request": {"type": "generate", "video": str(clip), **region},
    }
    path = folder / f"stem_{position}_v{take}.wav"
    with StemWriter(path, RATE, 1, position, facts, "job") as stem:
        stem.write(np.zeros((1, samples), np.float32))
    return path


def read_back(path: Path) -> otio.schema.Timeline:
    read = otio.adapters.read_from_file(str(path))
    return read if isinstance(read, otio.schema.Timeline) else next(iter(read.find_children(otio.schema.Timeline)))


def sounds_of(timeline: otio.schema.Timeline) -> list[tuple[float, float]]:
    """(position, length) of every stem in samples."""
    found = []
    for track in timeline.audio_tracks():
        for each in track.find_clips():
            placed = each.trimmed_range_in_parent()
            found.append((placed.start_time.to_seconds() * RATE, placed.duration.to_seconds() * RATE))
    return found


@given(position=st.integers(0, 30 * 3600 * RATE), samples=st.integers(2000, RATE))
def test_a_stem_stands_on_its_very_sample_in_otio(tmp_path_factory: Any, clip: Path, position: int, samples: int):
    folder = tmp_path_factory.mktemp("otio")
    stem = a_stem(folder, clip, position, samples)
    assert export([stem], folder / "t.otio") == []
    (found,) = sounds_of(read_back(folder / "t.otio"))
    assert found == pytest.approx((position, samples), abs=1e-3)


@pytest.mark.parametrize("rate", FILM_RATES, ids=str)
@pytest.mark.parametrize("frame", [0, 1, 47, 90_001])
def test_a_stem_on_a_whole_frame_keeps_it_in_fcp7(tmp_path: Path, clip: Path, rate: Fraction, frame: int):
    position, samples = to_units(frame / rate, RATE), to_units(25 / rate, RATE)
    assert export([a_stem(tmp_path, clip, position, samples, rate)], tmp_path / "t.xml") == []
    (found,) = sounds_of(read_back(tmp_path / "t.xml"))
    assert (found[0] / RATE * float(rate), found[1] / RATE * float(rate)) == pytest.approx((frame, 25), abs=1e-3)


def test_a_stem_between_two_frames_is_refused_by_fcp7_with_the_frame(tmp_path: Path, clip: Path):
    stem = a_stem(tmp_path, clip, 93093)
    with pytest.raises(InvalidRange, match=r"stem_93093_v1\.wav is at frame 48\.486"):
        export([stem], tmp_path / "t.xml")
    assert not (tmp_path / "t.xml").exists()


def test_a_length_that_is_no_whole_frame_is_said(tmp_path: Path, clip: Path):
    (said,) = export([a_stem(tmp_path, clip, 0, RATE + 480)], tmp_path / "t.xml")
    assert "its last 10.0 ms" in said


def test_variants_lie_on_tracks_of_their_own_over_one_picture(tmp_path: Path, clip: Path):
    stems = [a_stem(tmp_path, clip, RATE, take=take) for take in (1, 2, 3)]
    export([*stems, a_stem(tmp_path, clip, 4 * RATE)], tmp_path / "t.otio")
    timeline = read_back(tmp_path / "t.otio")
    assert [len(track.find_clips()) for track in timeline.audio_tracks()] == [2, 1, 1]
    (pictures,) = timeline.video_tracks()
    assert [each.media_reference.target_url for each in pictures.find_clips()] == [clip.as_uri()] * 2


def test_the_picture_stands_where_its_sound_does(tmp_path: Path, clip: Path):
    export([a_stem(tmp_path, clip, 3 * RATE, **{"in": "2/5", "out": "7/5"})], tmp_path / "t.otio", start=Fraction(2))
    timeline = read_back(tmp_path / "t.otio")
    (picture,) = timeline.video_tracks()[0].find_clips()
    assert picture.trimmed_range_in_parent().start_time.to_seconds() == pytest.approx(1)
    assert picture.source_range.start_time.value == pytest.approx(10)  # frame of 25 fps
    assert timeline.global_start_time.to_seconds() == pytest.approx(2)


def test_a_clip_played_at_another_speed_says_so_in_otio_and_is_refused_by_fcp7(tmp_path: Path, clip: Path):
    stem = a_stem(tmp_path, clip, 0, out="2", speed=2.0)
    export([stem], tmp_path / "t.otio")
    (picture,) = read_back(tmp_path / "t.otio").video_tracks()[0].find_clips()
    assert picture.effects[0].time_scalar == 2.0
    with pytest.raises(InvalidRange, match="2 ×"):
        export([stem], tmp_path / "t.xml")


def test_a_stem_before_the_timelines_start_and_another_format_are_refused(tmp_path: Path, clip: Path):
    stem = a_stem(tmp_path, clip, RATE)
    with pytest.raises(InvalidRange, match="before the timeline's start"):
        export([stem], tmp_path / "t.otio", start=Fraction(3600))
    with pytest.raises(BadRequest, match=r"t\.edl"):
        export([stem], tmp_path / "t.edl")


def test_the_command_writes_the_timeline(tmp_path: Path, clip: Path):
    from footfall_engine.cli.app import app

    stem = a_stem(tmp_path, clip, 3600 * RATE + RATE)
    asked = ["export", str(stem), "--to", str(tmp_path / "t.otio"), "--start", "01:00:00:00", "--json"]
    answered = CliRunner().invoke(app, asked)
    assert answered.exit_code == 0, answered.output
    assert sounds_of(read_back(tmp_path / "t.otio"))[0][0] == pytest.approx(RATE)


def test_a_wrong_suffix_is_said_before_what_is_not_installed(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("footfall_engine.export.find_spec", lambda name: None)
    stem = a_stem(tmp_path, clip, 0)
    with pytest.raises(BadRequest, match=r"t\.foo is no timeline"):
        export([stem], tmp_path / "t.foo")
    with pytest.raises(BadRequest, match=r"OpenTimelineIO.* pip install -c constraints\.txt -e \"\.\[export\]\""):
        export([stem], tmp_path / "t.otio")
