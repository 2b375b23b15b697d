"""Rendered contacts as data, and those who judge what was learnt from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from footfall_bridge.messages import Quality
from footfall_engine.contacts import contacts_of
from footfall_engine.evaluation.lift import f_measure, match_offsets
from footfall_engine.models.multifoley.sizes import LATENT_CHANNELS, LATENT_RATE, SAMPLE_RATE
from footfall_engine.training.exam import brightness
from footfall_engine.training.examples import balanced, without_pictures
from footfall_engine.training.judges import Ear, onset_times, rendered
from footfall_engine.training.rendered import HELD_OUT, Blur, RenderedContacts, Take
from footfall_engine.training.timbres import TIMBRES, sound_of

from tests.engine.neural.training.small import CODEC

SECONDS = 2.5
SOURCE = RenderedContacts(CODEC, SECONDS)


@pytest.fixture(scope="module")
def ear() -> Ear:
    return Ear.trained(SECONDS, takes=12)


def rng(number: int) -> np.random.Generator:
    return np.random.default_rng([11, number])


def takes(count: int, source: RenderedContacts = SOURCE) -> list[Take]:
    return [source.take(rng(number)) for number in range(count)]


def coded(sound: np.ndarray) -> np.ndarray:
    """As the analytical codec gives it back."""
    made: np.ndarray = CODEC.decode(CODEC.encode(torch.from_numpy(sound)[None, None]), len(sound))[0, 0].numpy()
    return made


# ---- data


def test_an_example_depends_on_its_generator_alone() -> None:
    one, other, another = SOURCE.draw(rng(1)), SOURCE.draw(rng(1)), SOURCE.draw(rng(2))
    assert torch.equal(one.latents, other.latents)
    assert one.track is not None and other.track is not None
    assert torch.equal(one.track, other.track)
    assert one.caption == other.caption
    assert not torch.equal(one.latents, another.latents)


def test_latents_and_track_have_a_column_for_each_of_the_time() -> None:
    example = SOURCE.draw(rng(0))
    columns = round(SECONDS * LATENT_RATE)
    assert example.latents.shape == (LATENT_CHANNELS, columns)
    assert example.track is not None
    assert example.track.shape[1] == columns


def test_the_text_names_the_timbre_that_is_heard_and_not_always_the_one_that_belongs_to_the_picture() -> None:
    drawn = takes(300)
    assert all(take.caption in TIMBRES[take.timbre].captions for take in drawn)
    natural = np.mean([TIMBRES[take.timbre].scene == take.scene.name for take in drawn])
    assert 0.55 < natural < 0.8  # half of them, and a third of the other half by chance
    for timbre in TIMBRES:
        assert {take.scene.name for take in drawn if take.timbre == timbre} == {t.scene for t in TIMBRES.values()}


def test_held_out_scenes_are_never_trained_on() -> None:
    assert all(take.scene.seed < HELD_OUT for take in takes(100))
    unseen = RenderedContacts(CODEC, SECONDS, first_seed=HELD_OUT)
    assert all(take.scene.seed >= HELD_OUT for take in takes(100, unseen))


def test_every_contact_is_heard_when_it_happens() -> None:
    for take in takes(6):
        assert list(take.contacts) == contacts_of(take.scene)
        for contact in take.contacts:
            at = round(contact.time * SAMPLE_RATE)
            before, after = take.sound[max(0, at - 240) : at], take.sound[at : at + 480]
            assert np.square(after).mean() > 4 * np.square(before).mean()


def test_low_quality_is_dull() -> None:
    contacts = takes(1)[0].contacts
    for timbre in ("metal", "gravel"):
        high, low = (brightness(sound_of(contacts, timbre, quality, SECONDS, rng(0))) for quality in Quality)
        assert max(high, low) > 0.15 > 0.02 > min(high, low)


def test_what_is_told_of_contacts_is_near_the_truth_and_not_the_truth() -> None:
    contacts = takes(1)[0].contacts * 200
    told = Blur(missed=0.1, invented=0.0).apply(contacts, SECONDS, rng(0))
    assert len(told) == pytest.approx(0.9 * len(contacts), rel=0.1)
    assert [hit.time for hit in told] == sorted(hit.time for hit in told)
    moved = [min(abs(hit.time - contact.time) for contact in contacts) for hit in told[::50]]
    assert 0 < float(np.mean(moved)) < 0.03


# ---- mixing


def test_films_and_recordings_are_balanced_however_many_there_are_of_each() -> None:
    mix = balanced([SOURCE], [without_pictures(SOURCE)] * 5)
    seen = [mix.draw(rng(number)).track is not None for number in range(300)]
    assert abs(np.mean(seen) - 0.5) < 0.08
    assert len(mix.captions) == 6 * len(SOURCE.captions)


def test_the_share_of_films_is_a_setting() -> None:
    mix = balanced([SOURCE], [without_pictures(SOURCE)], share_with_picture=0.9)
    assert np.mean([mix.draw(rng(number)).track is not None for number in range(200)]) > 0.8


@pytest.mark.parametrize("films", [0, 1])
def test_without_one_kind_of_data_all_examples_are_of_the_other(films: int) -> None:
    mix = balanced([SOURCE] * films, [without_pictures(SOURCE)] * (1 - films))
    assert {mix.draw(rng(number)).track is not None for number in range(10)} == {bool(films)}


# ---- judges


def test_onsets_are_found_where_contacts_are_heard_even_through_the_codec() -> None:
    scores = []
    for take in takes(12):
        for sound in (take.sound, coded(take.sound)):
            found, wanted = onset_times(sound), [contact.time for contact in take.contacts]
            scores.append(f_measure(len(match_offsets(found, wanted, 0.03)), len(found), len(wanted)))
    assert np.mean(scores) > 0.95


@pytest.mark.parametrize("level", [0.0, 1e-4])
def test_no_onset_is_found_in_silence_or_steady_noise(level: float) -> None:
    assert onset_times((level * rng(0).standard_normal(2 * SAMPLE_RATE)).astype(np.float32)) == []


@pytest.mark.parametrize("timbre", TIMBRES)
def test_the_ear_knows_each_timbre_even_through_the_codec(ear: Ear, timbre: str) -> None:
    for sound in rendered(timbre, SECONDS, takes=6, seed=99):
        assert ear.hears(sound) == timbre
        assert ear.hears(coded(sound)) == timbre
