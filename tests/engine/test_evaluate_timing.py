"""AV-Align and onset accuracy, against their definitions."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from footfall_engine.evaluation import av_align as av
from footfall_engine.evaluation import onset_scores as scores
from footfall_engine.evaluation.clips import mono
from footfall_engine.evaluation.lift import shifted
from footfall_engine.media.video import probe, read_frames, region_of
from hypothesis import given
from hypothesis import strategies as st

from tests.clips import SHARED, needs_shared_media
from tests.engine.matching import largest_matching

pytest.importorskip("librosa", reason="onsets of sounds need the 'evaluate' extra")
pytest.importorskip("sklearn", reason="average precision needs the 'evaluate' extra")

RATE = scores.SAMPLE_RATE
FPS = 25.0
times = st.lists(st.integers(0, 400).map(lambda tick: tick / 40), max_size=12, unique=True)


# ---- AV-Align


@given(times, times)
def test_share_of_met_peaks_lies_where_it_can(heard, seen):
    found = av.av_align(heard, seen, FPS)
    if not heard and not seen:
        assert found is None
        return
    met = largest_matching(heard, seen, lambda one, other: abs(one - other) < 1 / FPS)
    assert 0 <= found <= met / (len(heard) + len(seen) - met) + 1e-9
    assert (found > 0) == (met > 0)
    assert av.av_align(heard[::-1], seen[::-1], FPS) == found


@given(times.filter(bool))
def test_peaks_that_coincide_are_all_met(peaks):
    assert av.av_align(peaks, peaks, FPS) == 1
    assert av.av_align(peaks, [], FPS) == av.av_align([], peaks, FPS) == 0


@pytest.mark.parametrize(
    ("heard", "seen", "score"),
    [
        ([1.0], [1.039], 1),
        ([1.0], [1.04], 0),  # a frame away is too far
        ([1.0, 1.01], [1.0], 1 / 2),  # a peak is met once
        ([1.0, 1.01], [1.0, 1.02, 5.0], 2 / 3),
        ([1.0, 1.05], [1.03, 1.06, 4.0], 2 / 3),  # the first free one, in order of time
        ([1.0, 1.03], [0.97, 1.03], 1),
    ],
)
def test_each_peak_takes_the_first_free_one_nearer_than_a_frame(heard, seen, score):
    assert av.av_align(heard, seen, 25.0) == pytest.approx(score)


@given(times, times.filter(bool))
def test_chance_is_the_mean_over_the_shifts_of_lift(heard, seen):
    expected = np.mean([av.av_align(moved, seen, FPS) for moved in shifted(heard, 10.0)])
    assert av.by_chance(heard, seen, FPS, 10.0) == pytest.approx(expected)
    assert len(shifted(heard, 10.0)) == 15
    assert all(0 <= time < 10 for moved in shifted(heard, 10.0) for time in moved)


def test_peaks_of_movement_are_strict_maxima_that_are_not_faint():
    moved = np.array([9, 9, 1, 2, 2, 1, 0, 0.09, 0, 0.1, 0, 5, 9])
    assert av.picture_peaks(moved, 10.0) == [0.9]
    assert av.picture_peaks(np.array([]), 10.0) == av.picture_peaks(np.ones(2), 10.0) == []


def test_movement_is_the_mean_length_of_the_flow():
    """A texture that moves by known steps; the film's edges are left as they are seen."""
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.integers(0, 255, (240, 400), np.uint8), (0, 0), 3)
    texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX)
    places = [0, 3, 3, 5]
    pictures = [
        cv2.cvtColor(np.ascontiguousarray(texture[20:-20, 40 + x : 340 + x]), cv2.COLOR_GRAY2RGB) for x in places
    ]
    assert av.movement(pictures) == pytest.approx([3, 3, 0, 2], abs=0.15)
    assert len(av.movement(pictures[:1])) == len(av.movement([])) == 0


@needs_shared_media
@pytest.mark.heavy
def test_a_real_film_is_measured_as_the_published_code_reads_it():
    """With OpenCV's own reader, index over frame rate, and librosa's defaults throughout."""
    import librosa

    film = SHARED / "media" / "sync" / "dog_two_barks.mp4"
    reader = cv2.VideoCapture(str(film))
    fps = reader.get(cv2.CAP_PROP_FPS)
    greys = []
    while (read := reader.read())[0]:
        greys.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY))
    flows = [
        cv2.calcOpticalFlowFarneback(one, two, None, 0.5, 3, 15, 3, 5, 1.2, 0) for one, two in itertools.pairwise(greys)
    ]
    lengths = [float(np.hypot(flow[..., 0], flow[..., 1]).mean()) for flow in flows]
    frames = read_frames(film, region_of(probe(film), 0), grey=False)
    moved = av.movement(frame.image for frame in frames)
    assert len(moved) == len(greys)
    assert moved == pytest.approx([lengths[0], *lengths], rel=1e-5)
    seen = av.picture_peaks(moved, float(probe(film).frame_rate))
    assert float(probe(film).frame_rate) == pytest.approx(fps, rel=1e-4)

    samples = mono(film, RATE)
    strength = librosa.onset.onset_strength(y=samples, sr=RATE)
    heard = librosa.frames_to_time(librosa.onset.onset_detect(onset_envelope=strength, sr=RATE), sr=RATE)
    assert av.sound_peaks(samples) == pytest.approx(list(heard))
    assert 0 < av.av_align(list(heard), seen, fps) < 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # librosa.load brings aifc
@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (22_050, 2), (44_100, 2), (48_000, 1)])
def test_sound_is_read_as_librosa_reads_it(tmp_path, rate, channels):
    import librosa
    import soundfile

    sound = np.random.default_rng(0).uniform(-0.9, 0.9, (rate + 77, channels))
    soundfile.write(tmp_path / "sound.wav", sound, rate, subtype="PCM_24")
    assert np.array_equal(mono(tmp_path / "sound.wav", RATE), librosa.load(tmp_path / "sound.wav")[0])


# ---- onset accuracy and average precision


def clicks(at_seconds, levels=None, length=2.0):
    """Short decaying bursts of noise."""
    sound = np.random.default_rng(0).normal(0, 1e-4, round(length * RATE)).astype(np.float32)
    burst = np.random.default_rng(1).uniform(-1, 1, RATE // 20) * np.exp(-np.arange(RATE // 20) / 300)
    for number, second in enumerate(at_seconds):
        at = round(second * RATE)
        piece = burst[: len(sound) - at] * (levels[number] if levels else 1.0)
        sound[at : at + len(piece)] += piece.astype(np.float32)
    return sound


def samples(*seconds):
    return [round(second * RATE) for second in seconds]


def test_a_sound_meets_its_own_onsets():
    sound = clicks([0.3, 0.8, 1.5])
    wanted = scores.onsets_of(sound)
    assert len(wanted) == 3
    assert scores.onset_score(wanted, sound) == scores.OnsetScore(1, pytest.approx(1), pytest.approx(1), True)


@pytest.mark.parametrize(("late", "met"), [(0.08, 1), (0.12, 0)])
def test_foley_analogies_allow_a_tenth_of_a_second_and_mmaudio_three(late, met):
    sound = clicks([0.5 + late, 1.3 + late])
    wanted = scores.onsets_of(clicks([0.5, 1.3]))
    assert scores.onset_score(wanted, sound).accuracy == met
    assert scores.onset_score(wanted, sound, scores.MMAUDIO).accuracy == 1
    assert scores.onset_score(scores.onsets_of(clicks([0.1])), clicks([1.0]), scores.MMAUDIO).accuracy == 0


def test_what_is_wanted_after_the_last_guess_counts_against_accuracy_alone():
    found = scores.scored(samples(0.5, 1.0, 1.5), samples(0.5), clicks([0.5]))
    assert (found.accuracy, found.average_precision, found.as_many) == (pytest.approx(1 / 3), 1, False)


def test_guesses_too_many_cost_precision_by_how_sure_they_are():
    loud = scores.scored(samples(0.5), samples(0.5, 1.5), clicks([0.5, 1.5], [0.3, 1.0]))
    soft = scores.scored(samples(0.5), samples(0.5, 1.5), clicks([0.5, 1.5], [1.0, 0.3]))
    assert loud.accuracy == soft.accuracy == 1
    assert (loud.average_precision, soft.average_precision) == (0.5, 1)
    assert loud.f1 == soft.f1 == pytest.approx(2 / 3)


def test_of_two_close_guesses_the_surer_stays():
    sound = clicks([0.5, 0.54, 1.2], [0.5, 1.0, 0.2])
    assert scores.scored(samples(0.5), samples(0.5, 0.54, 1.2), sound).as_many is False
    found = scores.scored(samples(0.54, 1.2), samples(0.5, 0.54, 1.2), sound)
    assert (found.accuracy, found.average_precision, found.f1) == (1, 1, 1)


def test_the_loudest_guess_nearby_is_met():
    """The quieter one is left for the next onset."""
    sound = np.zeros(2 * RATE, np.float32)
    for at, level in zip(samples(0.93, 1.03), (0.2, 1.0), strict=True):
        sound[at] = level
    found = scores.scored(samples(0.98, 1.0), samples(0.93, 1.03), sound)
    assert (found.accuracy, found.average_precision) == (1, 1)


def test_an_onset_at_the_very_start_is_looked_at():
    sound = clicks([0.01, 1.0])
    assert scores.scored(samples(0.01, 1.0), samples(0.01, 1.0), sound).accuracy == 1


def test_nothing_wanted_and_nothing_found_have_figures_all_the_same():
    silence, sound = np.zeros(2 * RATE, np.float32), clicks([0.5])
    assert scores.scored([], [], silence) == scores.OnsetScore(0, None, None, True)
    assert scores.scored([], samples(0.5), sound) == scores.OnsetScore(0, None, None, False)
    assert scores.scored(samples(0.5), [], silence) == scores.OnsetScore(0, 1, 0, False)  # as published


def test_mmaudio_looks_at_8_s_and_does_not_rectify():
    sound = clicks([1.0, 8.5], length=10.0)
    wanted = samples(1.0, 8.5)
    assert scores.onset_score(wanted, sound, scores.MMAUDIO) == scores.OnsetScore(1, 1, 1, True)
    down = np.zeros(2 * RATE, np.float32)
    down[RATE // 2], down[RATE] = -1.0, 0.5
    guesses = samples(0.5, 1.0)
    only_down = samples(0.5)
    assert scores.scored(only_down, guesses, down, scores.FOLEY_ANALOGIES).average_precision == 1
    assert scores.scored(only_down, guesses, down, scores.MMAUDIO).average_precision == 0.5


def by_hand(wanted, guesses, sound, tolerance):
    """The definition with lists and loops, without thinning."""
    from sklearn.metrics import average_precision_score

    level = np.abs(sound) / np.abs(sound).max()
    free, truth, sure, hits = list(guesses), [], [], 0
    for onset in wanted:
        if not free:
            break
        near = [at for at in free if abs(at - onset) < tolerance * RATE]
        truth.append(1)
        if near:
            best = near[int(np.argmax([level[at] for at in near]))]
            sure.append(level[max(0, best - 1102) : best + 1102].max())
            free.remove(best)
            hits += 1
        else:
            sure.append(0)
    for at in free:
        truth.append(0)
        sure.append(level[max(0, at - 1102) : at + 1102].max())
    return hits / len(wanted), average_precision_score(truth, sure)


spread = st.lists(st.integers(0, 31), min_size=1, max_size=10, unique=True).map(sorted)


@given(spread, spread, st.integers(0, 2**32 - 1))
def test_scores_are_their_definition(wanted, guesses, seed):
    rng = np.random.default_rng(seed)
    sound = rng.uniform(0.001, 1, 2 * RATE).astype(np.float32) * np.repeat(rng.uniform(0, 1, 20), RATE // 10)
    sound[0] = 0
    wanted, guesses = (
        [round(tick / 16 * RATE + rng.integers(0, 100)) for tick in ticks] for ticks in (wanted, guesses)
    )
    found = scores.scored(wanted, guesses, sound)
    accuracy, precision = by_hand(wanted, guesses, sound, 0.1)
    assert (found.accuracy, found.average_precision) == (pytest.approx(accuracy), pytest.approx(precision, abs=1e-6))
