"""Folders of clips and recordings as data, and what is wrong with some of them."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from footfall_bridge.errors import BadRequest, MediaNotFound, WeightsMissing
from footfall_bridge.messages import Quality
from footfall_engine.contacts import Scene, render_clip
from footfall_engine.media.audio import read_recording
from footfall_engine.models.multifoley.checkpoint import Track
from footfall_engine.models.multifoley.features import CHANNELS
from footfall_engine.models.multifoley.sizes import LATENT_CHANNELS, LATENT_RATE, SAMPLE_RATE, columns_of
from footfall_engine.models.runtime import Runtime
from footfall_engine.training import folder
from footfall_engine.training.captions import caption_of, named
from footfall_engine.training.folder import Prepared, Sounds, Workshop, items_in, split
from footfall_engine.training.seeing import seeing

from tests.engine.neural.multifoley.test_model import write_cavp
from tests.engine.neural.training.small import CODEC, CREW

CPU = Runtime(torch.device("cpu"), torch.float32)


def write_tone(path: Path, seconds: float = 1.0, rate: int = SAMPLE_RATE, level: float = 0.5) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    times = np.arange(round(seconds * rate)) / rate
    samples = level * np.sin(2 * np.pi * (440 + 500 * times) * times)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def write_clip(path: Path, sound: bool = True) -> Path:
    render_clip(path, Scene("hammer", duration=1.6, width=160, height=90, shutter=0.0, sound=sound, seed=2))
    return path


def workshop(place: Path) -> Workshop:
    return Workshop(CODEC, Track.EVENTS, seeing(Track.EVENTS, CPU), place, CREW)


def prepared(source: Path, place: Path) -> list[Prepared]:
    return workshop(place).prepared(items_in(source))


# ---- captions


@pytest.mark.parametrize(
    ("stem", "caption"),
    [
        ("hammer on metal", "hammer on metal"),
        ("hammer_on-metal.07", "hammer on metal"),
        ("HammerOnMetal 2", "Hammer On Metal"),
        ("FEETMisc_Footsteps Gravel Slow 03_JD_LIB", "Footsteps Gravel Slow"),
        ("WATRDrip-Kitchen_Tap Dripping_JD_LIB_take 2", "Tap Dripping"),
        ("FEETMisc_Footsteps", "FEET Misc Footsteps"),  # too few fields for the category system
        ("Schritte über Kies", "Schritte über Kies"),
        ("00012", ""),
        ("a1_b2", ""),
    ],
)
def test_a_name_says_what_is_heard(stem: str, caption: str) -> None:
    assert named(stem) == caption


def test_a_text_beside_a_file_goes_before_its_name(tmp_path: Path) -> None:
    (tmp_path / "00012.txt").write_text("  a hammer\non metal ", encoding="utf-8")
    assert caption_of(tmp_path / "00012.wav") == "a hammer on metal"


# ---- what cannot be learnt from


def test_a_file_without_caption_is_named(tmp_path: Path) -> None:
    write_tone(tmp_path / "00012.wav")
    with pytest.raises(BadRequest, match=r"1 of 1 files .*00012\.wav has no caption.* no 00012\.txt beside it"):
        items_in(tmp_path)


def test_a_clip_without_sound_is_named(tmp_path: Path) -> None:
    write_clip(tmp_path / "hammer.mp4", sound=False)
    with pytest.raises(BadRequest, match=r"hammer\.mp4 has no sound"):
        items_in(tmp_path)


def test_a_recording_of_another_rate_is_named_unless_it_may_be_resampled(tmp_path: Path) -> None:
    write_tone(tmp_path / "tone.wav", rate=22_050)
    with pytest.raises(BadRequest, match=r"tone\.wav is sampled at 22050 Hz, not 48000 Hz"):
        items_in(tmp_path)
    (item,) = items_in(tmp_path, resampled=True)
    (made,) = workshop(tmp_path / "data").prepared([item])
    assert made.columns == LATENT_RATE


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken door.wav").write_bytes(b"RIFF....")
    with pytest.raises(BadRequest, match=r"broken door\.wav cannot be read"):
        items_in(tmp_path)


def test_silence_is_refused(tmp_path: Path) -> None:
    write_tone(tmp_path / "in" / "tone.wav", level=0.0)
    with pytest.raises(BadRequest, match="nothing but silence"):
        prepared(tmp_path / "in", tmp_path / "data")


def test_many_faults_are_counted_and_all_of_them_are_in_the_log(tmp_path: Path) -> None:
    for number in range(8):
        write_tone(tmp_path / f"{number}.wav")
    write_tone(tmp_path / "door.wav")
    with pytest.raises(BadRequest, match=r"8 of 9 files .*and 3 more") as caught:
        items_in(tmp_path)
    assert len(caught.value.detail.splitlines()) == 8


def test_a_folder_that_is_not_there_or_holds_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaNotFound, match="there is no folder"):
        items_in(tmp_path / "nowhere")
    with pytest.raises(MediaNotFound, match="holds no clip and no recording"):
        items_in(tmp_path)


# ---- what is learnt from


def test_clips_count_as_low_quality_and_recordings_as_high_unless_a_tag_is_given(tmp_path: Path) -> None:
    write_tone(tmp_path / "deep" / "tone.wav")
    write_clip(tmp_path / "hammer.mp4")
    found = {item.path.name: (item.quality, item.is_film) for item in items_in(tmp_path)}
    assert found == {"tone.wav": (Quality.HIGH, False), "hammer.mp4": (Quality.LOW, True)}
    assert {item.quality for item in items_in(tmp_path, tag=Quality.HIGH)} == {Quality.HIGH}


def test_a_recording_becomes_the_codecs_latents_of_it(tmp_path: Path) -> None:
    path = write_tone(tmp_path / "in" / "tone.wav", seconds=2.0)
    (made,) = prepared(tmp_path / "in", tmp_path / "data")
    samples = torch.from_numpy(read_recording(str(path)).samples)[None]
    latents, track = made.window(20, 30)
    assert track is None
    torch.testing.assert_close(latents, CODEC.encode(samples)[0, :, 20:50])


def test_a_clip_also_becomes_what_is_seen_of_it(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_clip(tmp_path / "in" / "hammer.mp4")
    (made,) = prepared(tmp_path / "in", tmp_path / "data")
    latents, track = made.window(0, made.columns)
    assert made.columns == columns_of(round(1.6 * SAMPLE_RATE))
    assert latents.shape == (LATENT_CHANNELS, made.columns)
    assert track is not None
    assert track.shape == (CHANNELS["events"], made.columns)
    assert float(track[0].max()) > 0  # the blow


def test_the_end_of_a_short_recording_is_silence(tmp_path: Path) -> None:
    write_tone(tmp_path / "in" / "tone.wav", seconds=0.5)
    (made,) = prepared(tmp_path / "in", tmp_path / "data")
    latents, _ = made.window(0, 60)
    silence = CODEC.encode(torch.zeros(1, 1, SAMPLE_RATE))[0, :, 20]
    assert latents.shape == (LATENT_CHANNELS, 60)
    torch.testing.assert_close(latents[:, 20:], silence[:, None].expand(-1, 40))


def test_windows_are_drawn_from_all_over_a_recording(tmp_path: Path) -> None:
    write_tone(tmp_path / "in" / "tone.wav", seconds=3.0)
    source = folder.Recordings(tuple(prepared(tmp_path / "in", tmp_path / "data")), seconds=1.0)
    drawn = [source.draw(np.random.default_rng(number)) for number in range(20)]
    assert all(example.latents.shape == (LATENT_CHANNELS, LATENT_RATE) for example in drawn)
    assert len({example.latents.numpy().tobytes() for example in drawn}) > 10
    assert source.captions == ["tone"]


def test_a_file_is_looked_at_once_and_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tone(tmp_path / "in" / "tone.wav")
    (first,) = prepared(tmp_path / "in", tmp_path / "data")
    heard: list[str] = []

    def listen(file: str, *rest: object, **more: object) -> object:
        heard.append(file)
        return read_recording(file)

    monkeypatch.setattr(folder, "read_recording", listen)
    assert prepared(tmp_path / "in", tmp_path / "data")[0].file == first.file
    assert heard == []
    write_tone(path, seconds=1.5)
    assert prepared(tmp_path / "in", tmp_path / "data")[0].columns == 60
    assert heard == [str(path)]


def test_the_same_files_are_held_out_every_time(tmp_path: Path) -> None:
    for number in range(40):
        write_tone(tmp_path / f"tone {'abcdefghij'[number % 10]} {number}.wav", seconds=0.1)
    items = items_in(tmp_path)
    training, unseen = split(items, 0.3)
    assert split(items, 0.3) == (training, unseen)
    assert sorted(item.path for item in training + unseen) == [item.path for item in items]
    assert 4 <= len(unseen) <= 20
    assert split(items, 0.0) == (items, [])


def test_a_codec_hears_parts_of_files_at_its_rate(tmp_path: Path) -> None:
    write_tone(tmp_path / "long tone.wav", seconds=2.0)
    write_tone(tmp_path / "short tone.wav", seconds=0.2)
    source = Sounds(tuple(items_in(tmp_path)), seconds=0.5, channels=2)
    drawn = [source.draw_sound(np.random.default_rng(number)) for number in range(8)]
    assert all(sound.shape == (2, SAMPLE_RATE // 2) for sound in drawn)
    assert all(float(sound.abs().max()) > 0.3 for sound in drawn)
    assert len({float(sound[0, -1]) == 0 for sound in drawn}) == 2  # silence after the short one


def test_a_clip_can_be_seen_by_cavp_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    write_cavp(tmp_path / "models" / "diff-foley")
    monkeypatch.setenv("FOOTFALL_MODELS", str(tmp_path / "models"))
    (tmp_path / "in").mkdir()
    write_clip(tmp_path / "in" / "hammer.mp4")
    shop = Workshop(CODEC, Track.CAVP, seeing(Track.CAVP, CPU), tmp_path / "data", CREW)
    (made,) = shop.prepared(items_in(tmp_path / "in"))
    _, track = made.window(0, made.columns)
    assert track is not None
    assert track.shape == (CHANNELS["cavp"], made.columns)
    assert bool(torch.isfinite(track).all())
    assert not torch.equal(track[:, 0], track[:, -1])


def test_without_cavps_weights_it_is_said_where_they_should_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTFALL_MODELS", str(tmp_path / "models"))
    with pytest.raises(WeightsMissing, match="diff-foley"):
        seeing(Track.CAVP, CPU)
