"""Diff-Foley from inside an editor: its dialogs, a real engine with the toy's weights, and stems on the timeline."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footfall_engine import contacts
from footfall_engine.media import wav
from footfall_engine.resident import Resident

from tests.engine.neural.checks import part_made_anew
from tests.engine.neural.resident import engine_with
from tests.lua import session as reaper
from tests.resolve import studio as resolve

TYPED = "steps=3 guidance=2.5, classifier-scale = 20; seed=7"
CONTROLS = {"steps": 3, "guidance": 2.5, "classifier_scale": 20.0, "seed": 7}
MORE = "More (such as steps=25 guidance=4.5 seed=7)"
REGENERATE = "Regenerate selected part"


@pytest.fixture(scope="module")
def hammer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "hammer.mp4"
    contacts.render_clip(path, contacts.Scene("hammer", duration=2.0, width=160, height=90))
    return path


@pytest.fixture
def at_reaper(engine: Resident, hammer: Path, tmp_path: Path) -> Iterator[reaper.Session]:
    with reaper.session(tmp_path / "reaper", engine.settings, readable=[hammer.parent]) as opened:
        opened.select_on_track(hammer)
        yield opened
    shutil.rmtree(engine.settings.spool_folder / "hosts", ignore_errors=True)


@pytest.fixture
def at_resolve(engine: Resident, hammer: Path, tmp_path: Path) -> Iterator[resolve.Studio]:
    opened = resolve.Studio(tmp_path / "resolve", engine.settings)
    opened.add_timeline("24", 86_400)
    opened.show(opened.add_clip(hammer, "24", 48), 86_400, 48)
    opened.mark(0, 47)
    yield opened
    shutil.rmtree(engine.settings.spool_folder / "hosts", ignore_errors=True)


def asked_for(stem: wav.StemFacts) -> dict[str, Any]:
    return stem.provenance["request"]


# ---- REAPER


def test_reaper_s_dialog_chooses_the_model_and_its_controls_and_repeat_keeps_them(at_reaper: reaper.Session) -> None:
    at_reaper.generate("", model="diff-foley", more=TYPED)
    at_reaper.finish(reaper.REPEAT)
    first, second = (reaper.facts_of(item.takes[0]) for item in at_reaper.stem_items)
    assert asked_for(first).items() >= {"model": "diff-foley", **CONTROLS}.items()
    assert np.array_equal(wav.read_pcm(first, 0, first.samples), wav.read_pcm(second, 0, second.samples))
    assert at_reaper.told == ""


def test_a_part_made_anew_in_reaper_is_as_the_stem_was_made_but_for_what_is_typed(at_reaper: reaper.Session) -> None:
    at_reaper.generate("", model="diff-foley", more=TYPED)
    at_reaper.project.tracks[0].items[0].selected = False
    at_reaper.project.time_selection = (0.5, 1.5)
    at_reaper.finish(REGENERATE, {MORE: "steps=2 seed=9"})
    (item,) = at_reaper.stem_items
    old, new = (reaper.facts_of(take) for take in item.takes)
    (patch,) = new.provenance["patches"]
    assert (patch["model"], patch["seed"]) == ("diff-foley", 9)
    assert patch["controls"] == {"steps": 2, "guidance": 2.5, "classifier_scale": 20.0}
    part_made_anew(old, new, 0.5, 1.5)


def test_what_the_model_does_not_take_or_cannot_be_is_told_in_reaper(at_reaper: reaper.Session) -> None:
    at_reaper.generate("rain", model="diff-foley", more="steps=1 timing=label")
    assert "diff-foley does not take a prompt" in at_reaper.told
    assert "diff-foley does not take a choice of where the timing comes from" in at_reaper.told
    assert len(at_reaper.stem_items) == 1
    no_details = "no"
    at_reaper.finish(reaper.GENERATE, reaper.wishes("", model="diff-foley", more="steps=0"), no_details)
    assert "'steps' cannot be 0" in at_reaper.told
    at_reaper.finish(reaper.GENERATE, reaper.wishes("", model="diff-fooley"), no_details)
    assert "there is no model 'diff-fooley'" in at_reaper.told
    assert len(at_reaper.stem_items) == 1


def test_controls_that_cannot_be_read_are_asked_for_again_in_reaper(at_reaper: reaper.Session) -> None:
    answers = [reaper.wishes("", model="diff-foley", more=more) for more in ("stepps=1", "steps=1")]
    at_reaper.finish(reaper.GENERATE, *answers)
    assert "'stepps=1' cannot be asked for" in at_reaper.told
    assert [asked_for(reaper.facts_of(item.takes[0]))["steps"] for item in at_reaper.stem_items] == [1]


# ---- Resolve


def test_resolve_s_dialog_chooses_the_model_and_its_controls(at_resolve: resolve.Studio) -> None:
    at_resolve.generate("", model="diff-foley", more=TYPED)
    (made,) = resolve.histories(at_resolve.items())
    old = wav.read_facts(Path(made["stem"]))
    assert asked_for(old).items() >= {"model": "diff-foley", **CONTROLS}.items()
    at_resolve.mark(12, 35)
    at_resolve.run("Regenerate", {"variants": "1", "more": "steps=2 seed=9"})
    _, again = resolve.histories(at_resolve.items())
    new = wav.read_facts(Path(again["stem"]))
    (patch,) = new.provenance["patches"]
    assert (patch["model"], patch["seed"]) == ("diff-foley", 9)
    assert patch["controls"] == {"steps": 2, "guidance": 2.5, "classifier_scale": 20.0}
    part_made_anew(old, new, Fraction(1, 2), Fraction(3, 2))


def test_what_the_model_does_not_take_is_told_in_resolve(at_resolve: resolve.Studio) -> None:
    at_resolve.generate("rain", model="diff-foley", more="steps=1")
    assert "diff-foley does not take a prompt" in at_resolve.told
    assert len(at_resolve.items()) == 1


# ---- what stands in the way


@pytest.mark.parametrize(
    ("settings", "told"),
    [({}, "`footfall models pull diff-foley`"), ({"licence": "commercial"}, "OpenRAIL")],
    ids=["no weights", "for commercial use"],
)
def test_missing_weights_and_refused_licences_are_told_in_the_editors(
    hammer: Path, tmp_path: Path, settings: dict[str, str], told: str
) -> None:
    (tmp_path / "models").mkdir()
    with engine_with(tmp_path / "models", tmp_path / "home", **settings) as engine:
        with reaper.session(tmp_path / "reaper", engine.settings, readable=[hammer.parent]) as at_reaper:
            at_reaper.select_on_track(hammer)
            at_reaper.generate("", model="diff-foley")
            assert told in at_reaper.told
            assert at_reaper.stem_items == []
        at_resolve = resolve.Studio(tmp_path / "resolve", engine.settings)
        at_resolve.add_timeline("24", 86_400)
        at_resolve.show(at_resolve.add_clip(hammer, "24", 48), 86_400, 48)
        at_resolve.mark(0, 47)
        at_resolve.generate("", model="diff-foley")
        assert told in at_resolve.told
        assert at_resolve.items() == []
