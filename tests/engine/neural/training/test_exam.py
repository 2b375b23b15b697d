"""The exam: a model that does all that is asked passes, and one that is deaf, blind or stubborn does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from footfall_bridge.messages import Controls, Quality
from footfall_engine.contacts import Contact
from footfall_engine.models.base import Conditions, Generated
from footfall_engine.models.multifoley.sizes import SAMPLE_RATE
from footfall_engine.progress import ProgressFn
from footfall_engine.training import exam
from footfall_engine.training.exam import Exam, Findings, Picture
from footfall_engine.training.judges import Ear
from footfall_engine.training.network_training import MODEL_FOLDER
from footfall_engine.training.timbres import TIMBRES, sound_of

from tests.engine.neural.training.small import SECONDS, trained

EAR = Ear.trained(2.5, takes=12)


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    return exam.pictures(9, 2.5)


class Artist:
    """Makes rendered sound for whatever it is asked, as well as `hears` and `follows` let it."""

    def __init__(self, follows: bool = True, hears: Callable[[Conditions], Conditions] = lambda asked: asked) -> None:
        self._follows = follows
        self._hears = hears

    def generate(self, conditions: Conditions, seeds: list[int], progress: ProgressFn) -> Generated:
        asked = self._hears(conditions)
        rng = np.random.default_rng(seeds[0])
        times = [hit.time for hit in asked.hits] if self._follows else np.sort(rng.uniform(0, asked.duration, 4))
        contacts = [Contact(float(time), 0.8, 0.0, 0.2) for time in times]
        quality = asked.controls.quality or Quality.HIGH
        sound = sound_of(contacts, self._timbre(asked), quality, asked.duration, rng)
        if asked.known is not None and asked.known_mask is not None:
            sound = np.where(asked.known_mask, asked.known.samples[0], sound)
        return Generated(sound[None, None])

    def _timbre(self, asked: Conditions) -> str:
        named = {timbre for timbre, facts in TIMBRES.items() if asked.prompt in facts.captions}
        unwanted = {timbre for timbre, facts in TIMBRES.items() if asked.negative in facts.captions}
        heard = [given for given in (asked.reference, asked.known) if given is not None]
        if named:
            return named.pop()
        if heard:
            return EAR.hears(heard[0].samples[0])
        return next(timbre for timbre in TIMBRES if timbre not in unwanted)


def findings(model: Artist, pictures: list[Picture], untouched: float = 1.0) -> Findings:
    return Exam(model, pictures, EAR).findings(untouched)


def test_a_model_that_does_all_that_is_asked_passes(pictures: list[Picture]) -> None:
    found = findings(Artist(), pictures)
    assert found.passed
    assert found.onset_f1 > 0.85
    assert found.onset_f1 > found.chance_f1 + 0.4
    assert (found.text, found.extension, found.reference, found.named_after) == (1.0, 1.0, 1.0, 0.0)
    assert found.named_before == 1.0
    assert found.regenerated_f1 > 0.8
    assert found.bright_high > 2 * found.bright_low
    assert found.analysis_f1 > 0.9


def test_a_blind_model_is_no_better_than_chance(pictures: list[Picture]) -> None:
    found = findings(Artist(follows=False), pictures)
    assert not found.passed
    assert abs(found.onset_f1 - found.chance_f1) < 0.2
    assert found.onset_f1 < 0.6


@pytest.mark.parametrize(
    "deaf", [{"prompt": ""}, {"negative": ""}, {"known": None, "known_mask": None}], ids=["text", "negative", "known"]
)
def test_a_model_deaf_to_one_control_does_not_pass(pictures: list[Picture], deaf: dict[str, None]) -> None:
    assert not findings(Artist(hears=lambda asked: replace(asked, **deaf)), pictures).passed  # type: ignore[arg-type]


def test_a_stem_that_changed_around_the_part_does_not_pass(pictures: list[Picture]) -> None:
    assert not findings(Artist(), pictures, untouched=0.99).passed


def test_pictures_are_known_by_the_engines_own_analysis(pictures: list[Picture]) -> None:
    assert [picture.timbre for picture in pictures] == 3 * list(TIMBRES)
    told = [[hit.time for hit in picture.analysis.hits] for picture in pictures]
    assert told != [picture.times for picture in pictures]
    scores = [exam.f1(one, picture.times) for one, picture in zip(told, pictures, strict=True)]
    assert np.mean(scores) > 0.9


def test_the_engine_leaves_a_stem_as_it_was_around_a_part_made_anew(tmp_path: Path) -> None:
    trained(tmp_path)
    assert exam.untouched(tmp_path / MODEL_FOLDER, SECONDS, Controls(steps=2)) == 1.0


def test_brightness_is_the_share_of_high_frequencies() -> None:
    times = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    low, high = (np.sin(2 * np.pi * hertz * times).astype(np.float32) for hertz in (500, 8000))
    assert exam.brightness(low) < 0.01
    assert exam.brightness(high) > 0.99
    assert exam.brightness(low + high) == pytest.approx(0.5, abs=0.01)
