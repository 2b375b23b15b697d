"""The user's own recording re-timed: cut where it sounds, placed where the picture hits, never twice in a row."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from footfall_engine.media.audio import Recording, read_recording
from footfall_engine.models.procedural import retime
from footfall_engine.models.procedural.families import FAMILIES
from footfall_engine.models.procedural.model import Procedural
from footfall_engine.models.procedural.prompt import read_prompt
from footfall_engine.progress import no_progress

from tests.engine.test_procedural import conditions, hit, hits_at, rms_db, sound

SHARED = Path(os.environ.get("FOOTFALL_SHARED", Path(__file__).parents[3] / "shared"))
SFX = SHARED / "media" / "sfx"
needs_sfx = pytest.mark.skipif(not SFX.is_dir(), reason=f"no recordings in {SFX}")


def struck(times: tuple[float, ...], rate: int, tones: tuple[float, ...] = (700.0,), noise: float = 1e-4) -> Recording:
    """Decaying tones over a quiet hiss; the k-th starts at times[k] with the tones in turn."""
    samples = round((max(times) + 0.6) * rate)
    audio = noise * np.random.default_rng(0).standard_normal(samples)
    time = np.arange(samples) / rate
    for number, (start, tone) in enumerate(zip(times, itertools.cycle(tones), strict=False)):
        after = np.maximum(time - start, 0)
        level = (time >= start) * (0.4 + 0.5 * number / len(times))
        audio += level * np.exp(-after / 0.05) * np.sin(2 * np.pi * tone * after + 1.0)
    return Recording(audio[None].astype(np.float32), rate)


def hiss(seconds: float, rate: int = 44_100, channels: int = 2) -> Recording:
    noise = 0.1 * np.random.default_rng(1).standard_normal((channels, round(seconds * rate)))
    swell = 1 + 0.8 * np.sin(np.arange(noise.shape[1]) / rate)
    return Recording((noise * swell).astype(np.float32), rate)


def onsets_of(audio: np.ndarray, times: list[float]) -> list[float]:
    """Measured onset nearest each time: where a tenth of the following peak is first reached."""
    envelope = np.abs(audio).max(axis=0)
    found = []
    for time in times:
        first = round((time - 0.01) * 48_000)
        stretch = envelope[first : first + 2400]
        found.append((first + int(np.argmax(stretch > 0.1 * stretch.max()))) / 48_000)
    return found


# ---- taking apart


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000])
def test_onsets_are_found_within_2_ms_at_any_rate(rate):
    times = (0.21, 0.543, 0.9, 1.4077, 1.8)
    source = retime.take_apart(struck(times, rate))
    heard = retime._peak_one(retime._high_passed(source.samples, retime.HEARD_HZ))
    found = [(onset - retime.LEAD_SAMPLES) / 48_000 for onset in retime.find_onsets(heard)]
    assert found == pytest.approx(times, abs=0.002)
    assert source.hits_are_clear and len(source.cuts) == 5


def test_a_recording_that_begins_with_its_hit_is_cut_there():
    source = retime.take_apart(struck((0.0,), 48_000))
    assert len(source.cuts) == 1 and source.hits_are_clear


def test_rumble_and_dc_do_not_hide_the_hits():
    recording = struck((0.3, 0.9), 48_000)
    time = np.arange(recording.samples.shape[1]) / 48_000
    rumbling = Recording(recording.samples + (0.5 + 0.8 * np.sin(2 * np.pi * 6 * time)).astype(np.float32), 48_000)
    assert len(retime.take_apart(rumbling).cuts) == 2


def test_a_texture_has_no_clear_hits():
    assert not retime.take_apart(hiss(4.0)).hits_are_clear


def test_cuts_carry_their_tails_and_stop_before_the_next_hit():
    source = retime.take_apart(struck((0.2, 0.5, 1.5), 48_000))
    lengths = sorted(len(cut.samples) / 48_000 for cut in source.cuts)
    assert lengths[0] <= 0.3 and lengths[-1] >= 0.25
    for cut in source.cuts:
        assert abs(cut.samples[0]) < 1e-4 and abs(cut.samples[-1]) < 1e-3


@pytest.mark.parametrize(
    "samples", [np.zeros((1, 48_000)), np.zeros((2, 0)), np.zeros((1, 3)), np.full((1, 4800), np.nan), np.ones((1, 10))]
)
def test_odd_recordings_are_taken_without_a_fault(samples):
    made = conditions("", hits_at(0.5), reference=Recording(samples.astype(np.float32), 48_000))
    assert np.isfinite(sound(made)).all()


def test_a_silent_recording_says_so():
    made = conditions("", hits_at(0.5), reference=Recording(np.zeros((1, 48_000), np.float32), 48_000))
    assert ("silent_reference", "The reference recording is silent.") in Procedural().generate(
        made, [1], no_progress
    ).warnings


# ---- hits on events


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_recordings_hits_land_on_the_events(rate, channels):
    times = [0.4, 1.1, 1.75, 2.3]
    reference = struck((0.2, 0.7, 1.3), rate)
    audio = sound(conditions("", hits_at(*times), duration=3.0, channels=channels, reference=reference))
    assert audio.shape[0] == channels
    assert onsets_of(audio, times) == pytest.approx(times, abs=0.002)


@pytest.mark.parametrize("count", [2, 3, 5, 9])
def test_no_hit_is_played_twice_in_a_row(count):
    source = retime.take_apart(struck(tuple(0.2 + 0.4 * k for k in range(count)), 48_000))
    assert len(source.cuts) == count
    for seed in range(20):
        chosen = [
            retime.choose(source.cuts, hit(0, strength=0.7, index=index), np.random.default_rng([seed, index]))
            for index in range(30)
        ]
        assert all(one is not other for one, other in itertools.pairwise(chosen))


def test_a_single_hit_is_used_for_every_event():
    reference = struck((0.2,), 48_000)
    audio = sound(conditions("", hits_at(0.4, 1.2), reference=reference))
    assert onsets_of(audio, [0.4, 1.2]) == pytest.approx([0.4, 1.2], abs=0.002)


def test_strong_events_are_louder_and_draw_stronger_hits():
    reference = struck(tuple(0.2 + 0.4 * k for k in range(8)), 48_000)
    weak, strong = (sound(conditions("", (hit(0.5, strength=s),), reference=reference)) for s in (0.1, 1.0))
    assert rms_db(strong) > rms_db(weak) + 6
    cuts = retime.take_apart(reference).cuts
    rng = np.random.default_rng(0)
    assert np.mean([retime.choose(cuts, hit(0, 1.0, index=i), rng).strength for i in range(50)]) > 0.6
    assert np.mean([retime.choose(cuts, hit(0, 0.0, index=i), rng).strength for i in range(50)]) < 0.4


def test_a_reference_is_placed_on_the_screen():
    reference = struck((0.2,), 48_000)
    left, right = sound(conditions("", (hit(0.5, x=0.9),), reference=reference))
    assert rms_db(right) > rms_db(left) + 6


# ---- beside words


def test_qualities_of_the_prompt_still_apply_to_the_recording():
    reference = struck((0.2, 0.8), 48_000)
    near, far, far_steps = (
        sound(conditions(prompt, hits_at(0.5), reference=reference)) for prompt in ("", "distant", "distant boots")
    )
    assert rms_db(far) < rms_db(near) - 6
    assert rms_db(far_steps) < rms_db(near) - 6


def test_an_ambience_of_the_prompt_plays_beside_the_recording():
    reference = struck((0.2, 0.8), 48_000)
    with_rain, without = (
        sound(conditions(prompt, hits_at(1.5), reference=reference)) for prompt in ("boots, rain", "boots")
    )
    before_the_hit = slice(0, 48_000)
    assert not without[:, before_the_hit].any()
    assert rms_db(with_rain[:, before_the_hit]) > -60


def test_words_decide_between_hits_and_texture():
    source = retime.take_apart(struck((0.2, 0.8), 48_000))

    def read(prompt):
        return read_prompt(prompt, "", FAMILIES)

    assert retime.plays_hits(source, read("boots"))
    assert retime.plays_hits(source, read(""))
    assert not retime.plays_hits(source, read("cloth"))


# ---- textures


def test_a_texture_follows_the_motion_curve():
    motion = np.zeros(601, np.float32)
    motion[200:400] = 1.0
    made = conditions("", hits_at(1.0), duration=6.0, motion=motion, motion_x=np.zeros(601, np.float32))
    audio = sound(replace(made, reference=hiss(5.0)))
    assert rms_db(audio[:, 110_000:180_000]) > rms_db(audio[:, :80_000]) + 20


def test_a_texture_does_not_loop():
    made = conditions("", duration=8.0, motion=np.ones(801, np.float32), motion_x=np.zeros(801, np.float32))
    mono = sound(replace(made, reference=hiss(3.0))).sum(axis=0)
    spectrum = np.fft.rfft(mono, 2 * len(mono))
    echo = np.fft.irfft(np.abs(spectrum) ** 2)[: len(mono)]
    assert np.abs(echo[4800:]).max() < 0.35 * echo[0]


def test_a_texture_has_no_clicks_and_an_even_level_where_motion_is_even():
    made = conditions("", duration=6.0, motion=np.ones(601, np.float32), motion_x=np.zeros(601, np.float32))
    steady = Recording((0.1 * np.random.default_rng(2).standard_normal((1, 200_000))).astype(np.float32), 48_000)
    audio = sound(replace(made, reference=steady))[:, 4800:]
    short = np.sqrt((audio[:, : audio.shape[1] // 2400 * 2400].reshape(2, -1, 2400) ** 2).mean(axis=(0, 2)))
    assert short.max() < 2.0 * short.min()


@pytest.mark.parametrize("reference", [hiss(5.0), struck((0.2, 0.7, 1.3), 44_100)], ids=["texture", "hits"])
def test_windows_of_a_region_agree_on_the_reference(reference):
    times = (0.5, 2.9, 3.5)
    whole = conditions("", hits_at(*times), duration=5.0, reference=reference)
    motion, x = whole.motion[300:], whole.motion_x[300:]
    later = tuple(replace(each, time=each.time - 3.0) for each in hits_at(*times))
    window = replace(whole, hits=later, duration=2.0, start=3.0, motion=motion, motion_x=x)
    after = slice(round(0.2 * 48_000), round(1.8 * 48_000))  # smoothing knows nothing beyond a window's edges
    np.testing.assert_allclose(sound(window)[:, after], sound(whole)[:, 3 * 48_000 :][:, after], atol=1e-4)


def test_a_long_reference_is_cut_and_says_so():
    made = conditions("", hits_at(0.5), reference=hiss(retime.LONGEST_REFERENCE_SEC + 10, rate=8000, channels=1))
    assert "long_reference" in [code for code, _ in Procedural().generate(made, [1], no_progress).warnings]


# ---- real recordings


@needs_sfx
@pytest.mark.parametrize(
    ("name", "made_of_hits"),
    [
        ("walking_on_wood", True),
        ("click_2", True),
        ("DoorSlam1", True),
        ("metal_hit_1", True),
        ("fan_long_1", False),
        ("watersplash1", False),
        ("motor_2", False),
        ("crowd1", False),
    ],
)
def test_real_recordings_are_told_apart(name, made_of_hits):
    recording = read_recording(str(SFX / f"{name}.mp3"))
    assert retime.take_apart(recording).hits_are_clear == made_of_hits


@needs_sfx
@pytest.mark.parametrize("name", ["walking_on_wood", "click_2", "metal_hit_1", "fake_gunfire_2", "conga_2"])
def test_real_hits_land_on_the_events(name):
    times = [0.4, 1.2, 2.0, 2.8]
    reference = read_recording(str(SFX / f"{name}.mp3"))
    audio = sound(conditions("", hits_at(*times), duration=4.0, reference=reference))
    assert onsets_of(audio, times) == pytest.approx(times, abs=0.002)
