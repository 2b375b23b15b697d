"""A neural model inside the engine: from a request to stems, and a part of one made anew."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footfall_bridge import messages
from footfall_bridge.errors import from_code
from footfall_bridge.messages import Message
from footfall_engine import contacts, engine
from footfall_engine.config import Settings
from footfall_engine.media import video, wav
from footfall_engine.models import registry
from footfall_engine.models.registry import ModelRow

from tests.engine.neural import tiny  # noqa: F401 -- skips where neural models cannot run

RATE = 48_000


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "balls.mp4"
    contacts.render_clip(path, contacts.Scene(duration=5.0, width=320, height=180))
    return path


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An engine that knows the toy model as well."""
    like = next(row for row in registry.MODELS if row.name == "diff-foley")
    row = dataclasses.replace(
        like, name="tiny", target="tests.engine.neural.tiny:ResidentTiny", parts=(), span_seconds=12.0
    )
    rows: dict[str, ModelRow] = {**registry.all_rows(), "tiny": row}
    monkeypatch.setattr(registry, "all_rows", lambda: rows)
    monkeypatch.setenv("FOOTFALL_MODELS", str(tmp_path / "models"))
    registry.load_model.cache_clear()
    (tmp_path / "stems").mkdir()
    return Settings.load({"FOOTFALL_HOME": str(tmp_path / "home")})


def done(request: dict[str, Any], settings: Settings) -> list[Message]:
    heard: list[Message] = []
    engine.run_in_process(messages.parse_request(request), heard.append, settings, threading.Event())
    last = heard[-1]
    if isinstance(last, messages.Failed):
        raise from_code(last.code, last.message, last.detail)
    return heard


def stems_of(events: list[Message]) -> list[wav.StemFacts]:
    found = sorted((event for event in events if isinstance(event, messages.Stem)), key=lambda stem: stem.variant)
    return [wav.read_facts(Path(stem.path)) for stem in found]


def pcm(stem: wav.StemFacts) -> np.ndarray:
    return wav.read_pcm(stem, 0, stem.samples)


@pytest.fixture
def request_(clip: Path, tmp_path: Path) -> dict[str, Any]:
    return {
        "type": "generate", "video": str(clip), "stem_folder": str(tmp_path / "stems"), "model": "tiny", "seed": 3,
        "steps": 2, "guidance": 2.0, "out": 4.5,
    }  # fmt: skip


def test_variants_are_exactly_as_long_as_their_region_and_differ(request_: dict[str, Any], settings: Settings) -> None:
    events = done({**request_, "variants": 3}, settings)
    stems = stems_of(events)
    assert [stem.samples for stem in stems] == [round(4.5 * RATE)] * 3
    sounds = [pcm(stem) for stem in stems]
    assert all(np.abs(sound).max() > 2**12 for sound in sounds)
    assert not np.array_equal(sounds[0], sounds[1]) and not np.array_equal(sounds[1], sounds[2])
    order = [event.type for event in events if isinstance(event, messages.Stem | messages.Progress)]
    assert "progress" in order[order.index("stem") : -1], "the first stem is there while the others are made"
    fractions = [event.fraction for event in events if isinstance(event, messages.Progress)]
    assert fractions == sorted(fractions) and len(fractions) > 4


def test_a_prompt_that_the_model_does_not_take_is_said(request_: dict[str, Any], settings: Settings) -> None:
    events = done({**request_, "prompt": "rain"}, settings)
    warned = [event for event in events if isinstance(event, messages.Warned)]
    assert [event.code for event in warned] == ["control_ignored"]


def test_a_part_is_made_anew_without_looking_again(
    request_: dict[str, Any], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old,) = stems_of(done(request_, settings))

    def no_decoding(*_: Any, **__: Any) -> None:
        raise AssertionError("the picture is decoded again")

    monkeypatch.setattr(video, "read_frames_at", no_decoding)
    again = {"type": "regenerate", "stem": str(old.path), "in": 2.0, "out": 3.0, "seed": 9,
             "stem_folder": request_["stem_folder"]}  # fmt: skip
    (new,) = stems_of(done(again, settings))
    before, after = pcm(old), pcm(new)
    changed = np.flatnonzero((before != after).any(axis=0))
    assert before.shape == after.shape
    assert changed.min() >= 2.0 * RATE and changed.max() < 3.0 * RATE
    assert len(changed) > 0.95 * RATE


def test_a_region_longer_than_a_span_is_one_stem(request_: dict[str, Any], settings: Settings, tmp_path: Path) -> None:
    clip = tmp_path / "long.mp4"
    contacts.render_clip(clip, contacts.Scene(duration=14.0, width=160, height=90))
    (stem,) = stems_of(done({**request_, "video": str(clip), "out": 14.0, "steps": 1}, settings))
    assert stem.samples == 14 * RATE
    per_second = np.abs(pcm(stem)).reshape(stem.channels, 14, RATE).max(axis=(0, 2))
    assert (per_second > 2**10).all()


def test_weights_that_may_not_be_sold_are_refused_when_the_settings_say_so(
    request_: dict[str, Any], settings: Settings
) -> None:
    careful = settings.updated({"licence": "commercial"}, "test")
    with pytest.raises(Exception, match="commercial use only") as refused:
        done(request_, careful)
    assert refused.value.code == "licence"  # type: ignore[attr-defined]
    assert stems_of(done({**request_, "model": "procedural"}, careful))


def test_missing_weights_fail_the_job_and_say_how_to_get_them(request_: dict[str, Any], settings: Settings) -> None:
    with pytest.raises(Exception, match="footfall models pull diff-foley") as failed:
        done({**request_, "model": "diff-foley"}, settings)
    assert failed.value.code == "weights_missing"  # type: ignore[attr-defined]
