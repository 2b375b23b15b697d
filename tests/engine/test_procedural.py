"""What the procedural model makes of a picture and a prompt: in time, in place, repeatable, within its levels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from footfall_engine.models.base import Conditions, TimedHit
from footfall_engine.models.procedural import mix, model, movement
from footfall_engine.models.procedural.families import FAMILIES
from footfall_engine.models.procedural.model import Procedural, deal, voice_from_picture
from footfall_engine.models.procedural.prompt import read_prompt
from footfall_engine.models.procedural.voice import Role
from footfall_engine.progress import no_progress

RATE = 48_000
HIT_FAMILIES = [family.name for family in FAMILIES if family.role is Role.HITS]


def hit(time: float, strength: float = 0.9, x: float = 0.0, size: float = 0.2, kind: str = "impact", index: int = 0):
    return TimedHit(time, strength, x, size, kind, index)


def hits_at(*times: float, **facts) -> tuple[TimedHit, ...]:
    return tuple(hit(time, index=index, **facts) for index, time in enumerate(times))


def conditions(prompt: str = "", hits: tuple[TimedHit, ...] = (), duration: float = 2.0, **changes) -> Conditions:
    motion = (0.5 + 0.5 * np.sin(np.arange(round(duration * 100) + 1) / 30)).astype(np.float32)
    made = Conditions(
        duration=duration,
        start=0.0,
        channels=2,
        prompt=prompt,
        negative="",
        hits=hits,
        motion=motion,
        motion_x=np.zeros_like(motion),
        activity=0.5,
        frames=lambda fps: iter(()),
    )
    return replace(made, **changes)


def sound(made: Conditions, seed: int = 1) -> np.ndarray:
    return Procedural().generate(made, [seed], no_progress).audio[0]


def codes(made: Conditions) -> list[str]:
    return [code for code, _ in Procedural().generate(made, [1], no_progress).warnings]


def rms_db(audio: np.ndarray) -> float:
    return 20 * np.log10(np.sqrt(np.mean(audio**2)) + 1e-9)


def centroid_hz(audio: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(audio.sum(axis=0))) ** 2
    return float((power * np.fft.rfftfreq(audio.shape[1], 1 / RATE)).sum() / power.sum())


# ---- the shape of the answer


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("duration", [0.02, 1.0, 1.23456])
def test_the_answer_has_exactly_the_samples_asked_for(channels, duration):
    made = conditions("boots, rain, cloth", hits_at(0.0), duration=duration, channels=channels)
    audio = Procedural().generate(made, [1, 2, 3], no_progress).audio
    assert audio.shape == (3, channels, round(duration * RATE))
    assert audio.dtype == np.float32 and np.isfinite(audio).all()


@pytest.mark.parametrize("prompt", ["boots on gravel, rain, engine", "", "thunder in a cathedral, wind"])
def test_the_same_seed_gives_the_same_samples_and_another_seed_others(prompt):
    made = conditions(prompt, hits_at(0.3, 1.1))
    assert np.array_equal(sound(made, 5), sound(made, 5))
    assert not np.array_equal(sound(made, 5), sound(made, 6))


def test_a_layer_sounds_the_same_whatever_is_added_to_the_prompt():
    made = conditions("bell", hits_at(0.3))
    both = sound(replace(made, prompt="bell, rain"))
    rain_behind_a_bell = sound(replace(made, prompt="bell, rain", hits=())) - 0
    np.testing.assert_allclose(both - rain_behind_a_bell, sound(made), atol=1e-5)


def test_very_large_seeds_are_taken():
    assert np.isfinite(sound(conditions("boots, rain", hits_at(0.3)), seed=2**63 - 1)).all()


def test_progress_is_called_and_can_stop_the_work():
    class Stopped(Exception):
        pass

    def stop(fraction: float) -> None:
        if fraction > 0.3:
            raise Stopped

    with pytest.raises(Stopped):
        Procedural().generate(conditions("boots, rain", hits_at(0.1, 0.5, 0.9)), [1, 2], stop)


def test_progress_rises_to_the_end():
    told: list[float] = []
    Procedural().generate(conditions("boots, rain, cloth", hits_at(0.1, 0.5)), [1, 2], told.append)
    assert told == sorted(told) and told[-1] == pytest.approx(1.0)


# ---- in time


@pytest.mark.parametrize("name", HIT_FAMILIES)
@pytest.mark.parametrize("channels", [1, 2])
def test_the_onset_of_every_family_lies_within_2_ms_of_its_event(name, channels):
    time = 0.5 + 1 / 3
    audio = sound(conditions(name, hits_at(time), channels=channels))
    envelope = np.abs(audio).max(axis=0)
    around = envelope[: round((time + 0.1) * RATE)]
    onset = np.argmax(around > 0.1 * around.max()) / RATE
    assert abs(onset - time) <= 0.002
    assert envelope[: round((time - 0.002) * RATE)].max() < 1e-4


def test_distance_and_room_do_not_move_the_onset():
    envelope = np.abs(sound(conditions("distant knock in a cathedral", hits_at(0.5)))).max(axis=0)
    near = envelope[: round(0.52 * RATE)]
    assert abs(np.argmax(near > 0.1 * near.max()) / RATE - 0.5) <= 0.002


def test_windows_of_a_region_agree_on_hits_and_ambience():
    prompt, times = "bell in a hall, rain", (0.5, 2.9, 3.5)
    whole = sound(conditions(prompt, hits_at(*times), duration=5.0))
    later = tuple(replace(each, time=each.time - 3.0) for each in hits_at(*times))
    window = sound(conditions(prompt, later, duration=2.0, start=3.0))
    np.testing.assert_allclose(window, whole[:, 3 * RATE :], atol=2e-4)


def test_a_hit_before_the_window_rings_into_it():
    ringing = sound(conditions("bell", (hit(-0.5),), start=10.0))
    assert np.abs(ringing[:, : RATE // 10]).max() > 1e-3


def test_windows_agree_on_movement_and_on_what_the_picture_chooses():
    hits = (hit(0.5, kind="step", index=0), hit(2.9, size=0.05, index=1), hit(3.5, kind="stop", index=2))
    whole = conditions("", hits, duration=5.0)
    later = tuple(replace(each, time=each.time - 3.0) for each in hits)
    motion, x = whole.motion[300:], whole.motion_x[300:]
    window = sound(replace(whole, hits=later, duration=2.0, start=3.0, motion=motion, motion_x=x))
    inside = slice(RATE // 4, 7 * RATE // 4)  # smoothing knows nothing beyond a window's edges
    np.testing.assert_allclose(window[:, inside], sound(whole)[:, 3 * RATE :][:, inside], atol=0.02)


def test_an_endless_ambience_has_no_gap_where_its_blocks_meet():
    rain = sound(conditions("wind", duration=20.0))
    short = np.sqrt((rain[:, : 20 * RATE].reshape(2, 200, -1) ** 2).mean(axis=(0, 2)))
    assert short[2:].min() > 0.02 * short.max()


# ---- in place and at its level


def test_a_hit_on_the_left_is_louder_on_the_left():
    left, right = sound(conditions("knock", (hit(0.5, x=-0.9),)))
    assert rms_db(left) > rms_db(right) + 6


def test_panning_keeps_the_power():
    for x in (-1.0, -0.3, 0.0, 0.7):
        assert np.sum(mix.pan_gains(x, 2) ** 2) == pytest.approx(1.0, abs=1e-5)


def test_an_ambience_is_wide_and_as_loud_on_both_sides():
    left, right = sound(conditions("rain", duration=4.0))
    assert abs(rms_db(left) - rms_db(right)) < 1.0
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.7


@pytest.mark.parametrize("name", ["knock", "footsteps", "metal impact"])
def test_distant_is_quieter_and_duller(name):
    near, far = (sound(conditions(prompt, hits_at(0.5))) for prompt in (name, f"distant {name}"))
    assert rms_db(far) < rms_db(near) - 6
    assert centroid_hz(far) < centroid_hz(near)


def test_a_wide_ambience_adds_up_to_mono_without_colouring():
    noise = np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32)
    mono = mix.spread(noise, 2).sum(axis=0)[: 3 * RATE]
    bands = (np.abs(np.fft.rfft(mono.reshape(30, -1), axis=1)) ** 2).mean(axis=0)[1:2401].reshape(48, -1).mean(axis=1)
    assert 10 * np.log10(bands.max() / bands.min()) < 3.0


@pytest.mark.parametrize("name", [family.name for family in FAMILIES if family.role is Role.AMBIENCE])
def test_no_octave_of_an_ambience_is_missing_from_its_mono_sum_at_any_time(name):
    made = sound(conditions(name, duration=20.0))
    second = 48_000
    freqs = np.fft.rfftfreq(second, 1 / second)
    for at in range(0, made.shape[-1] - second + 1, second // 2):
        sides = np.fft.rfft(made[:, at : at + second] * np.hanning(second))
        for low in (40, 80, 160, 320, 640, 1280):
            octave = (freqs >= low) & (freqs < 2 * low)
            both = np.sum(np.abs(sides[:, octave]) ** 2) / 2
            middle = np.sum(np.abs(sides[:, octave].mean(axis=0)) ** 2)
            assert 10 * np.log10(middle / both) > -8, f"{low} Hz at {at / second} s"


def test_a_cathedral_rings_on_and_no_reverb_is_dry():
    after = slice(round(1.3 * RATE), None)
    dry, wet, refused = (
        sound(conditions(prompt, hits_at(0.5), negative=negative))
        for prompt, negative in (("clap", ""), ("clap in a cathedral", ""), ("clap in a cathedral", "reverb"))
    )
    assert rms_db(wet[:, after]) > rms_db(dry[:, after]) + 20
    assert np.array_equal(refused, dry)


def test_quiet_and_loud_are_heard_as_such():
    quiet, plain, loud = (rms_db(sound(conditions(f"{word} knock", hits_at(0.5)))) for word in ("quiet", "", "loud"))
    assert quiet < plain - 4 and loud > plain + 3


def test_rain_lies_under_the_steps():
    alone = rms_db(sound(conditions("rain")))
    under = rms_db(sound(conditions("boots, rain")))
    assert under < alone - 6


def test_levels_do_not_depend_on_the_window():
    made = conditions("knock", hits_at(0.5))
    with_more = replace(made, hits=hits_at(0.5, 1.0, 1.2, 1.4, 1.6))
    same = slice(0, round(0.9 * RATE))
    np.testing.assert_allclose(sound(made)[:, same], sound(with_more)[:, same], atol=1e-6)


@pytest.mark.parametrize("name", HIT_FAMILIES)
def test_a_strong_hit_peaks_with_headroom(name):
    peaks = [20 * np.log10(np.abs(sound(conditions(name, hits_at(0.3, strength=1.0)), seed)).max()) for seed in (1, 2)]
    assert -12 < np.mean(peaks) < -2


def test_movement_sounds_where_and_while_something_moves():
    motion = np.zeros(401, np.float32)
    motion[200:300] = 1.0
    audio = sound(conditions("cloth", duration=4.0, motion=motion, motion_x=np.full(401, 0.9, np.float32)))
    moving, still = audio[:, round(2.1 * RATE) : round(2.9 * RATE)], audio[:, : round(1.5 * RATE)]
    assert rms_db(moving) > rms_db(still) + 20
    assert rms_db(moving[1]) > rms_db(moving[0]) + 6


def test_a_calm_picture_is_softer_and_still_heard():
    calm, wild = (sound(conditions("cloth", activity=activity)) for activity in (0.02, 1.0))
    assert rms_db(wild) - 20 < rms_db(calm) < rms_db(wild) - 3


def test_the_region_begins_without_a_click():
    assert np.abs(sound(conditions("rain"))[:, 0]).max() < 1e-3


# ---- who plays what


def dealt(prompt: str, hits: tuple[TimedHit, ...]) -> dict[str, list[int]]:
    layers = read_prompt(prompt, "", FAMILIES).layers
    return {each.layer.family.name: [hit.index for hit in each.hits] for each in deal(layers, hits)}


def test_steps_go_to_the_boots_and_the_blow_to_the_door():
    hits = (*hits_at(0, 1, 2, 3, kind="step"), hit(4, index=4))
    assert dealt("boots on gravel, door slam", hits) == {"footsteps": [0, 1, 2, 3], "door": [4]}


def test_a_door_takes_the_strongest_when_the_kinds_do_not_tell():
    hits = (*hits_at(0, 1, 2, strength=0.5), hit(3, strength=1.0, index=3))
    assert dealt("boots, door slam", hits) == {"footsteps": [0, 1, 2], "door": [3]}


def test_a_second_sound_doubles_the_strongest_hits():
    hits = (*hits_at(0, 1, 2, strength=0.5), hit(3, strength=1.0, index=3))
    assert dealt("punch, glass break", hits) == {"punch": [0, 1, 2, 3], "glass break": [3]}


def test_every_layer_that_is_struck_plays_something():
    for kind in ("step", "impact", "stop", "start", "flash"):
        for prompt in ("boots, door", "door, boots", "shot, glass break", "boots, knock, explosion"):
            assert all(dealt(prompt, hits_at(0, 1, 2, kind=kind)).values()), (kind, prompt)
            played = {index for own in dealt(prompt, hits_at(0, 1, 2, kind=kind)).values() for index in own}
            assert played == {0, 1, 2}, (kind, prompt)


# ---- without words, without hits


def test_without_a_prompt_the_picture_chooses_and_the_warning_says_what():
    hits = (
        *hits_at(0.1, 0.2, kind="step"),
        hit(0.5, size=0.05, index=2),
        hit(0.8, size=0.7, index=3),
        hit(1.0, kind="flash", index=4),
        hit(1.2, kind="start", index=5),
        hit(1.4, kind="stop", index=6),
    )
    cast, warnings = voice_from_picture(hits, activity=0.5)
    assert sorted(hit.index for each in cast for hit in each.hits) == list(range(7))
    ((code, sentence),) = warnings
    assert code == "no_prompt" and "'footsteps' for steps" in sentence and "'cloth' for movement" in sentence
    assert np.abs(sound(conditions("", hits))).max() > 0.01


def test_without_a_prompt_small_and_big_blows_differ():
    small, big = (voice_from_picture((hit(0.5, size=size),), 0.0)[0][0].layer for size in (0.05, 0.8))
    assert (small.family, small.manner) != (big.family, big.manner)


def test_qualities_without_a_sound_colour_what_the_picture_chooses():
    near, far = (sound(conditions(prompt, hits_at(0.5, kind="step"))) for prompt in ("", "distant"))
    assert rms_db(far) < rms_db(near) - 6


def test_a_still_picture_without_words_is_silent_and_says_so():
    still = conditions("", activity=0.0, motion=np.zeros(201, np.float32))
    assert not sound(still).any()
    assert codes(still) == ["no_prompt"]


def test_no_visible_hit_is_said_and_the_rest_still_sounds():
    made = conditions("boots, rain")
    assert codes(made) == ["no_events"]
    np.testing.assert_array_equal(sound(made), sound(conditions("boots, rain", hits=())))
    assert rms_db(sound(made)) > -60


def test_with_nothing_else_to_sound_peaks_of_the_movement_are_played_softly():
    motion = np.zeros(401, np.float32)
    motion[95:106] = np.hanning(11)
    motion[295:306] = np.hanning(11)
    made = conditions("boots", duration=4.0, motion=motion)
    assert [hit.time for hit in movement.hits(made)] == pytest.approx([1.0, 3.0], abs=0.02)
    assert codes(made) == ["no_events"]
    assert np.abs(sound(made)).max() > 0.001


def walking(seconds: float, prompt: str, *times: float) -> Conditions:
    """A picture that moves all the time, and hits here and there."""
    return conditions(prompt, hits_at(*times), seconds, motion=np.full(round(seconds * 100) + 1, 0.7, np.float32))


@pytest.mark.parametrize("prompt", ["footsteps", "hooves", "typing", "boots, rain", "boots, door slam"])
def test_few_hits_for_a_sound_that_goes_on_while_something_moves_are_said(prompt):
    assert codes(walking(5.0, prompt, 1.4)) == ["few_events"]
    assert codes(walking(5.0, prompt, 0.5, 1.4, 2.3, 3.2, 4.1)) == []


@pytest.mark.parametrize("prompt", ["door slam", "glass breaking", "gunshot", "knock", "rain", ""])
def test_one_hit_is_enough_for_what_happens_once(prompt):
    assert "few_events" not in codes(walking(8.0, prompt, 2.0))


def test_a_pause_in_which_nothing_moves_is_no_lack_of_hits():
    made = walking(8.0, "footsteps", 0.5, 1.0, 1.5, 2.0)
    still_later = np.where(np.arange(len(made.motion)) < 250, made.motion, np.float32(0.05)).astype(np.float32)
    assert codes(made) == ["few_events"]
    assert codes(replace(made, motion=still_later)) == []
    assert codes(replace(made, activity=0.0)) == []


def test_hits_outside_of_the_window_do_not_fill_it():
    assert codes(walking(5.0, "footsteps", -1.0, 1.4, 6.0)) == ["few_events"]
    assert codes(walking(2.5, "footsteps", -1.0)) == []


def test_a_removed_prompt_is_silent_and_never_replaced_by_the_pictures_choice():
    made = conditions("rain", hits_at(0.5), negative="rain")
    assert not sound(made).any()
    assert codes(made) == ["nothing_left"]


def test_movement_in_a_still_picture_is_missed_aloud():
    assert codes(conditions("cloth", activity=0.0)) == ["no_movement"]


def test_the_deal_knows_only_families_that_exist():
    known = {family.name for family in FAMILIES}
    assert set(model.MADE_FOR) | model.RARITIES | model.FREQUENT <= known


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_sounds(family):
    audio = sound(conditions(family.name, hits_at(0.3, 1.0)))
    assert rms_db(audio) > -60
    assert np.abs(audio).max() <= 1.2
