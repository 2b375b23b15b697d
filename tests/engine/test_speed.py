"""Stems for a clip that its host plays faster or slower than it was shot, with the real analysis, model and files."""

from __future__ import annotations

import math
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footfall_bridge import messages
from footfall_bridge.errors import InvalidRange, from_code
from footfall_bridge.messages import FINAL_EVENTS, Message, Spotted, Stem
from footfall_bridge.timeline import TimeRange, play_rate, to_units
from footfall_engine import contacts, engine
from footfall_engine.config import Settings
from footfall_engine.media import wav
from footfall_engine.playback import Playback
from footfall_engine.scene import _frames
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clips import make_clip, number_of

RATE = 48_000
SECONDS = 4
FILM = Fraction(24000, 1001)


class Studio:
    """Does jobs here, all with one memory of what was seen."""

    def __init__(self, folder: Path, clip: Path) -> None:
        self.settings = Settings.load({"FOOTFALL_HOME": str(folder / "home")})
        self.folder, self.clip = folder, clip

    def run(self, **fields: Any) -> list[Message]:
        request = messages.parse_request(fields)
        heard: list[Message] = []
        engine.run_in_process(request, heard.append, self.settings, threading.Event())
        assert isinstance(heard[-1], FINAL_EVENTS)
        if isinstance(heard[-1], messages.Failed):
            raise from_code(heard[-1].code, heard[-1].message, heard[-1].detail)
        return heard

    def stem(self, **fields: Any) -> Stem:
        asked = {"type": "generate", "video": str(self.clip), "prompt": "wood knock", "seed": 1, "channels": 1}
        return one(Stem, self.run(**{**asked, "stem_folder": str(self.folder), **fields}))

    def again(self, stem: Stem, **fields: Any) -> Stem:
        asked = {"type": "regenerate", "stem": stem.path, "seed": 9, "stem_folder": str(self.folder)}
        return one(Stem, self.run(**{**asked, **fields}))

    def spot(self, **fields: Any) -> Spotted:
        return one(Spotted, self.run(**{"type": "spot", "video": str(self.clip), **fields}))


def one(kind: type[Any], events: list[Message]) -> Any:
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


def pcm(stem: Stem) -> np.ndarray:
    facts = wav.read_facts(Path(stem.path))
    assert facts.samples == stem.samples
    return wav.read_pcm(facts, 0, facts.samples)


def onset_after(audio: np.ndarray, time: float) -> float:
    """Seconds at which a tenth of the peak of the 30 ms after a moment is first reached."""
    first = round((time - 0.005) * RATE)
    stretch = np.abs(audio[0, first : first + 1440])
    return (first + int(np.argmax(stretch > 0.1 * stretch.max()))) / RATE


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    folder = tmp_path_factory.mktemp("speed")
    scene = contacts.Scene("hammer", duration=SECONDS, width=320, height=180)
    contacts.render_clip(folder / "hammer.mp4", scene)
    return Studio(folder, folder / "hammer.mp4")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("film") / "film.mp4", count=48, rate=FILM, g="12")


# ---- length


@pytest.mark.parametrize("speed", [0.05, 0.3, 0.5, 0.999, 1, 1.001, 1.25, 1.7320508075688772, 2, 3, 20])
@pytest.mark.parametrize(("start", "end"), [("5f", "29f"), ("00:00:00:05", "00:00:01:05"), (0.2, 1.3)])
def test_a_stem_lasts_as_long_as_its_region_is_played_to_the_sample(
    studio: Studio, film: Path, speed: float, start: Any, end: Any
):
    stem = studio.stem(video=str(film), speed=speed, prompt="rain", **{"in": start, "out": end})
    region = Fraction(11, 10) if start == 0.2 else 24 / FILM
    assert stem.samples == to_units(region / Fraction(str(speed)), RATE)
    assert pcm(stem).shape == (1, stem.samples)


def test_a_stem_of_one_frame_at_full_speed_is_still_a_stem(studio: Studio, film: Path):
    stem = studio.stem(video=str(film), speed=20, **{"in": 0, "out": "1f"})
    assert stem.samples == to_units(1 / FILM / 20, RATE) == 100


def test_a_stem_stands_where_the_host_says_whatever_its_speed(studio: Studio):
    assert studio.stem(speed=2, position=3600.5).start == 3600.5 * RATE


# ---- what is seen


@pytest.mark.parametrize("speed", [0.5, 1.25, 2.0])
def test_spot_tells_the_events_of_the_picture_as_played(studio: Studio, speed: float):
    shot, played = studio.spot(), studio.spot(speed=speed)
    assert len(shot.events) > 2
    assert played.duration == pytest.approx(shot.duration / speed)
    assert [hit.time for hit in played.events] == pytest.approx([hit.time / speed for hit in shot.events])


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_a_twice_as_fast_clip_sounds_at_half_its_times(studio: Studio, speed: float):
    audio = pcm(studio.stem(speed=speed))
    hits = studio.spot().events
    assert len(hits) > 2
    for hit in hits:
        assert onset_after(audio, hit.time / speed) == pytest.approx(hit.time / speed, abs=0.002)


def test_told_events_given_back_make_the_same_stem(studio: Studio):
    told = [hit.model_dump(mode="json") for hit in studio.spot(speed=1.7).events]
    assert np.array_equal(pcm(studio.stem(speed=1.7)), pcm(studio.stem(speed=1.7, events=told)))


def test_a_fast_clip_sounds_as_one_that_was_shot_so(studio: Studio, tmp_path: Path):
    """Bit for bit where hits are played, closely where movement is: the same pictures in half the time."""
    scene = contacts.Scene("balls", duration=SECONDS, width=320, height=180, shutter=0.0)
    slow, fast = tmp_path / "slow.mp4", tmp_path / "fast.mp4"
    contacts.render_clip(slow, scene)
    retimed(slow, fast, 2)
    events = [{"time": 0.4}, {"time": 1.1, "strength": 0.5}, {"time": 1.7}]
    knocks = [pcm(studio.stem(video=str(clip), speed=s, events=events)) for clip, s in ((slow, 2), (fast, 1))]
    assert np.abs(knocks[0]).max() > 0
    assert np.array_equal(*knocks)
    cloths = [pcm(studio.stem(video=str(clip), speed=s, prompt="cloth")) for clip, s in ((slow, 2), (fast, 1))]
    levels = [np.sqrt((cloth[0].astype(float).reshape(-1, 960) ** 2).mean(axis=1)) for cloth in cloths]
    assert np.corrcoef(*levels)[0, 1] > 0.95
    assert levels[0].mean() == pytest.approx(levels[1].mean(), rel=0.1)


def retimed(source: Path, target: Path, speed: int) -> None:
    """The same packets, shown so many times as fast."""
    import av

    with av.open(str(source)) as film, av.open(str(target), "w") as copy:
        stream = film.streams.video[0]
        out = copy.add_stream_from_template(stream)
        for packet in film.demux(stream):
            if packet.size:
                packet.pts //= speed
                packet.dts //= speed
                packet.duration //= speed
                packet.stream = out
                copy.mux(packet)


def test_an_event_past_the_played_end_is_said(studio: Studio):
    warning = one(
        messages.Warned,
        studio.run(
            type="generate", video=str(studio.clip), prompt="wood knock", stem_folder=str(studio.folder), speed=2,
            events=[{"time": 1.9}, {"time": 2.1}],
        ),
    )  # fmt: skip
    assert warning.code == "events_outside" and "1 of your events" in warning.message and "2.1 s" in warning.message


def test_the_picture_is_looked_at_once_for_all_speeds(studio: Studio, monkeypatch: pytest.MonkeyPatch):
    looked: list[TimeRange] = []
    analyse = engine.analyse

    def counting(path: Any, region: TimeRange, progress: Any) -> Any:
        looked.append(region)
        return analyse(path, region, progress)

    monkeypatch.setattr(engine, "analyse", counting)
    region = {"in": 0.48, "out": 2.04}
    stems = [studio.stem(speed=speed, **region) for speed in (1, 2, 0.5)]
    studio.spot(speed=3, **region)
    studio.again(stems[1], **{"in": 0.1, "out": 0.5})
    assert looked == [TimeRange(Fraction("0.48"), Fraction("2.04"))]


def test_the_same_seed_gives_the_same_samples_at_any_speed(studio: Studio):
    one_stem, other = (studio.stem(speed=1.3, prompt="rain, wood knock") for _ in range(2))
    assert np.array_equal(pcm(one_stem), pcm(other))


@settings(max_examples=15)
@given(st.floats(0.05, 20).map(play_rate), st.sampled_from([4.0, 12.5, 21.5, 25.0]), st.fractions(0, Fraction(3, 5)))
def test_a_model_gets_as_many_pictures_as_are_played_at_their_played_times(
    film: Path, speed: Fraction, fps: float, share: Fraction
):
    playback = Playback(TimeRange(5 / FILM, 45 / FILM), speed)
    end = min(playback.duration, playback.duration * share + 8 / Fraction(fps))
    window = TimeRange(playback.duration * share, end)
    times = [n / fps for n in range(math.ceil(window.duration * Fraction(fps)))]
    frames = list(_frames(str(film), playback, window)(times))
    assert [frame.time for frame in frames] == times
    for frame in frames:
        moment = playback.in_clip(window).start + Fraction(frame.time) * speed
        shown = moment * FILM
        assert number_of(frame.image) in {math.floor(shown - Fraction(1, 20)), math.floor(shown + Fraction(1, 20))}


# ---- a part made anew


def test_a_part_of_a_fast_stem_is_made_anew_in_played_time(studio: Studio):
    old = studio.stem(speed=2.5, prompt="rain, wood knock")
    assert old.samples == to_units(Fraction(SECONDS) / Fraction("2.5"), RATE)
    new = studio.again(old, **{"in": 0.5, "out": 1.25})
    before, after = pcm(old), pcm(new)
    changed = np.flatnonzero((before != after).any(axis=0))
    assert changed.min() >= 0.5 * RATE and changed.max() < 1.25 * RATE
    assert len(changed) > 0.98 * 0.75 * RATE
    facts = wav.read_facts(Path(new.path))
    assert facts.provenance["request"]["speed"] == 2.5
    newer = studio.again(new, events=[{"time": 1.5}], prompt="wood knock", **{"in": 1.3, "out": 1.6})
    assert onset_after(wav.to_float(pcm(newer)), 1.5) == pytest.approx(1.5, abs=0.002)


def test_a_part_with_the_old_seed_is_what_was_there(studio: Studio):
    old = studio.stem(speed=0.7, prompt="wood knock", seed=5)
    new = studio.again(old, seed=5, **{"in": 1, "out": 3})
    difference = np.abs(wav.to_float(pcm(old)) - wav.to_float(pcm(new)))
    assert difference.max() < 1e-3


def test_a_part_past_the_played_end_is_refused(studio: Studio):
    old = studio.stem(speed=4)
    with pytest.raises(InvalidRange, match=r"out \(1\.5 s\) lies past the stem's end \(1 s\)"):
        studio.again(old, **{"in": 0.5, "out": 1.5})


def test_a_stem_from_before_there_were_speeds_is_made_anew_as_it_was(studio: Studio, tmp_path: Path):
    old = studio.stem(prompt="rain")
    facts = wav.read_facts(Path(old.path))
    asked = {key: value for key, value in facts.provenance["request"].items() if key != "speed"}
    with wav.StemWriter(tmp_path / "old.wav", RATE, 1, 0, {**facts.provenance, "request": asked}) as file:
        file.write_pcm(pcm(old))
    new, same = (
        studio.again(stem, **{"in": 1, "out": 2}) for stem in (old.model_copy(), at(tmp_path / "old.wav", old))
    )
    assert np.array_equal(pcm(new), pcm(same))


def at(path: Path, stem: Stem) -> Stem:
    return stem.model_copy(update={"path": str(path)})
