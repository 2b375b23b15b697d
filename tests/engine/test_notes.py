"""What a stem's note says of how it was made, so that it, or a part of it, can be made the same again."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from footfall_bridge import messages
from footfall_bridge.errors import MediaNotFound
from footfall_bridge.messages import Controls, Warned
from footfall_engine import contacts
from footfall_engine.config import Settings
from footfall_engine.media import wav
from footfall_engine.models import registry
from footfall_engine.models.base import Conditions, Generated
from footfall_engine.models.registry import ModelRow
from footfall_engine.progress import ProgressFn

from tests.engine.here import done, stems_of

TAKEN = {"steps", "guidance", "gamma", "quality"}


class Whisper:
    """Quiet noise, and what was asked of it."""

    usual: ClassVar[dict[str, Any]] = {"steps": 20, "guidance": 3.0}
    asked: ClassVar[list[Controls]] = []

    def generate(self, conditions: Conditions, seeds: list[int], progress: ProgressFn) -> Generated:
        self.asked.append(conditions.controls)
        shape = (conditions.channels, round(conditions.duration * 48_000))
        return Generated(np.float32([np.random.default_rng(seed).standard_normal(shape) * 0.01 for seed in seeds]))


class Shout(Whisper):
    """The same, otherwise."""

    usual: ClassVar[dict[str, Any]] = {"steps": 5}


ROW = ModelRow(
    name="whisper", target=f"{__name__}:Whisper", about="", sample_rate=48_000, span_seconds=30.0, overlap_seconds=0.5,
    batch=4, side_by_side=1, memory_mb=1, controls=frozenset(TAKEN), code_licence="", weights_licence="none needed",
)  # fmt: skip
OTHER_ROW = dataclasses.replace(ROW, name="shout", target=f"{__name__}:Shout")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "hammer.mp4"
    contacts.render_clip(path, contacts.Scene("hammer", duration=1.0, width=160, height=90))
    return path


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.load({"FOOTFALL_HOME": str(tmp_path_factory.mktemp("home"))})


@pytest.fixture
def make(clip: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the stems of a request, gives the last, and keeps what was warned of."""
    rows = {**registry.all_rows(), ROW.name: ROW, OTHER_ROW.name: OTHER_ROW}
    monkeypatch.setattr(registry, "all_rows", lambda: rows)
    monkeypatch.setattr(Whisper, "asked", [])
    usual = {"type": "generate", "video": str(clip), "model": ROW.name, "seed": 1}

    told: list[str] = []

    def stem(**fields: Any) -> wav.StemFacts:
        asked = {**(usual if "stem" not in fields else {"type": "regenerate", "in": 0.25, "out": 0.75}), **fields}
        request = messages.parse_request({**asked, "stem_folder": str(tmp_path)})
        heard = done(request, settings)
        told.extend(event.message for event in heard if isinstance(event, Warned) and event.code != "control_ignored")
        return wav.read_facts(Path(stems_of(heard)[-1].path))

    stem.warnings = told  # type: ignore[attr-defined]
    return stem


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, {"steps": 20, "guidance": 3.0}),
        ({"steps": 7}, {"steps": 7, "guidance": 3.0}),
        ({"guidance": 5.0, "quality": "low"}, {"steps": 20, "guidance": 5.0, "quality": "low"}),
        ({"gamma": 1.5}, {"steps": 20, "gamma": 1.5}),
        ({"classifier_scale": 9.0}, {"steps": 20, "guidance": 3.0}),
        ({"model": "procedural", "steps": 7}, {}),
    ],
    ids=repr,
)
def test_the_note_says_the_controls_that_the_model_has_used(make: Any, asked: dict[str, Any], told: dict[str, Any]):
    assert make(**asked).provenance["controls"] == told


def test_a_part_is_made_anew_with_the_controls_of_then_also_when_others_are_usual_now(
    make: Any, monkeypatch: pytest.MonkeyPatch
):
    old = make(guidance=5.0)
    monkeypatch.setattr(Whisper, "usual", {"steps": 10, "guidance": 1.0})
    (patch,) = make(stem=str(old.path)).provenance["patches"]
    assert patch["controls"] == {"steps": 20, "guidance": 5.0}
    assert (Whisper.asked[-1].steps, Whisper.asked[-1].guidance) == (20, 5.0)


def test_a_part_made_anew_by_another_model_is_as_that_one_usually_does_it(make: Any):
    old = make(model="procedural")
    (patch,) = make(stem=str(old.path), model=ROW.name).provenance["patches"]
    assert (patch["model"], patch["controls"]) == (ROW.name, Whisper.usual)
    old = make()
    (patch,) = make(stem=str(old.path), model="shout").provenance["patches"]
    assert (patch["model"], patch["controls"]) == ("shout", Shout.usual)


def test_another_model_has_nothing_of_the_scales_given_to_the_first(make: Any):
    old = make(guidance=5.0, steps=7, quality="low", prompt="boots")
    (patch,) = make(stem=str(old.path), model="shout", gamma=2.0).provenance["patches"]
    assert (patch["prompt"], patch["controls"]) == ("boots", {"steps": 5, "gamma": 2.0})
    assert Shout.asked[-1].quality is None


def test_another_strength_takes_the_place_of_the_one_the_stem_was_made_with(make: Any):
    old = make()
    (patch,) = make(stem=str(old.path), gamma=1.0).provenance["patches"]
    assert patch["controls"] == {"steps": 20, "gamma": 1.0}


def test_the_note_of_a_part_says_all_that_it_was_made_of(make: Any, clip: Path):
    old = make(negative="rain", events=[{"time": 0.5}])
    new = make(stem=str(old.path), prompt="boots", seed=4, variants=2, steps=2)
    (patch,) = new.provenance["patches"]
    assert patch.items() >= {
        "in": "1/4", "out": "3/4", "seed": 5, "prompt": "boots", "negative": "rain", "model": ROW.name,
        "video": str(clip),
    }.items()  # fmt: skip
    assert patch["controls"] == {"steps": 2, "guidance": 3.0}
    assert "events" not in patch, "they are the stem's own"
    again = make(stem=str(new.path), events=[{"time": 0.25}])
    first, second = again.provenance["patches"]
    assert first == patch
    assert [event["time"] for event in second["events"]] == [0.25]


def test_stems_of_before_these_notes_can_be_made_anew_in_part(make: Any, monkeypatch: pytest.MonkeyPatch):
    old = make()
    read = wav.read_facts

    def without_controls(path: Path) -> wav.StemFacts:
        facts = read(path)
        facts.provenance.pop("controls", None)
        return facts

    monkeypatch.setattr(wav, "read_facts", without_controls)
    (patch,) = make(stem=str(old.path)).provenance["patches"]
    assert patch["controls"] == Whisper.usual


# ---- the picture of then


@pytest.fixture
def own(clip: Path, tmp_path: Path) -> Path:
    """A picture that nobody else looks at."""
    return Path(shutil.copy(clip, tmp_path / "own.mp4"))


def test_a_picture_that_is_gone_is_named_with_what_can_be_done(make: Any, own: Path):
    old = make(video=str(own))
    own.unlink()
    with pytest.raises(MediaNotFound, match=f"the picture that {old.path.name} was made of .*own.mp4.*say where it is"):
        make(stem=str(old.path))


def test_a_picture_that_has_moved_is_found_from_then_on(make: Any, own: Path):
    old = make(video=str(own))
    moved = own.rename(own.with_name("moved.mp4"))
    first = make(stem=str(old.path), video=str(moved))
    second = make(stem=str(first.path))
    assert second.provenance["request"]["video"] == str(moved)
    assert make.warnings == []


def test_a_picture_that_was_written_anew_is_told_of_once(make: Any, own: Path):
    old = make(video=str(own))
    contacts.render_clip(own, contacts.Scene("footsteps", duration=1.0, width=160, height=90))
    first = make(stem=str(old.path))
    assert "own.mp4 has been written anew since" in make.warnings.pop()
    make(stem=str(first.path))
    assert make.warnings == []


def test_a_copy_of_the_picture_that_the_user_names_is_taken_without_a_word(make: Any, own: Path):
    old = make(video=str(own))
    copy = Path(shutil.copyfile(own, own.with_name("copy.mp4")))
    make(stem=str(old.path), video=str(copy))
    assert make.warnings == []
