"""MultiFoley in a real engine, over its wires: every control of a request, end to end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="neural models need the 'neural' extra")

from footfall_engine import contacts  # noqa: E402
from footfall_engine.models.multifoley import checkpoint  # noqa: E402
from footfall_engine.models.multifoley.checkpoint import Track  # noqa: E402

from tests.engine.neural.multifoley.hand import CONFIG, seeded  # noqa: E402
from tests.engine.neural.resident import (  # noqa: E402
    RATE,
    engine_with,
    events_of,
    failure_of,
    pcm,
    stem_of,
    stems_in,
    warnings_in,
)

SECONDS = 4.5  # more than the toy makes at once


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    checkpoint.save(quiet(), folder / "multifoley")
    return folder


def quiet() -> checkpoint.Trained:
    """The toy, finding all of what it hears to be noise in the end: its sound stays within full scale."""
    made = seeded()
    with torch.no_grad():
        made.network.leave.weight.mul_(0.3)
    return made


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "balls.mp4"
    contacts.render_clip(path, contacts.Scene(duration=5.0, width=320, height=180, sound=True))
    return path


@pytest.fixture
def asked(clip: Path, tmp_path: Path) -> dict[str, Any]:
    return {
        "type": "generate", "video": str(clip), "stem_folder": str(tmp_path), "model": "multifoley", "seed": 3,
        "steps": 2, "out": SECONDS, "prompt": "ball",
    }  # fmt: skip


def test_a_stem_is_as_long_as_asked_and_the_same_for_the_same_seed(engine, asked):
    one, other = (stem_of(engine, **asked) for _ in range(2))
    assert one.samples == round(SECONDS * RATE)
    assert one.provenance["model"] == "multifoley"
    np.testing.assert_array_equal(pcm(one), pcm(other))
    assert pcm(one).any()


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "hammer"},
        {"negative": "steps"},
        {"quality": "low"},
        {"guidance": 1.0},
        {"gamma": 1.0},
        {"events": [{"time": 0.3, "kind": "step"}]},
        {"seed": 4},
        {"steps": 3},
        {"model": "multifoley-fast"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_control_is_heard_and_none_is_refused(engine, asked, change):
    events = events_of(engine, **{**asked, **change})
    assert warnings_in(events) == {}
    (stem,) = stems_in(events)
    assert not np.array_equal(pcm(stem), pcm(stem_of(engine, **asked)))


def test_gamma_and_guidance_mean_what_they_say(engine, asked):
    one, other = (stem_of(engine, **asked, **strength) for strength in ({"guidance": 4.0}, {"gamma": 3.0}))
    np.testing.assert_array_equal(pcm(one), pcm(other))
    np.testing.assert_array_equal(pcm(one), pcm(stem_of(engine, **asked)))  # the paper's, which is the model's own


def test_a_reference_is_heard_with_and_without_its_picture(engine, asked, clip):
    plain = stem_of(engine, **asked)
    with_sound = stem_of(engine, **asked, reference=str(clip))
    with_both = stem_of(engine, **asked, reference=str(clip), reference_picture=True)
    assert not np.array_equal(pcm(plain), pcm(with_sound))
    assert not np.array_equal(pcm(with_sound), pcm(with_both))


def test_a_word_that_was_never_learnt_is_told_of_once(engine, asked):
    told = warnings_in(events_of(engine, **{**asked, "prompt": "a ball", "variants": 2}))
    assert told["words_unknown"].endswith(": a")


def test_parts_of_a_stem_are_made_anew_and_the_rest_is_bit_for_bit_the_same(engine, asked, tmp_path):
    old = stem_of(engine, **asked)
    made = stem_of(
        engine, type="regenerate", stem=str(old.path), stem_folder=str(tmp_path), seed=9,
        **{"in": 0.5, "out": 1.0}, also=[{"in": 3.0, "out": 3.25}],
    )  # fmt: skip
    before, after = pcm(old), pcm(made)
    assert after.shape == before.shape
    changed = np.zeros(old.samples, np.bool_)
    for first, last in ((0.5, 1.0), (3.0, 3.25)):
        changed[round(first * RATE) : round(last * RATE)] = True
    np.testing.assert_array_equal(after[:, ~changed], before[:, ~changed])
    assert (after != before)[:, changed].mean() > 0.9


@pytest.mark.parametrize(("first", "last"), [(0.0, 2.0), (2.5, SECONDS), (1.0, 3.0)], ids=["after", "before", "both"])
def test_a_stem_of_a_part_stays_while_sound_is_made_around_it(engine, asked, first, last):
    part = stem_of(engine, **{**asked, "in": first, "out": last})
    whole = stem_of(engine, **asked, keep=str(part.path))
    assert whole.samples == round(SECONDS * RATE)
    inside = slice(round(first * RATE), round(last * RATE))
    edge = RATE // 20  # where new sound is blended in
    np.testing.assert_array_equal(pcm(whole)[:, inside][:, edge:-edge], pcm(part)[:, edge:-edge])
    for side in (pcm(whole)[:, : inside.start], pcm(whole)[:, inside.stop :]):
        assert side.any() or not side.size


def test_guidance_and_gamma_together_are_refused(engine, asked):
    from footfall_bridge import messages
    from footfall_bridge.errors import InvalidMessage

    with pytest.raises(InvalidMessage, match="cannot both be given"):
        messages.parse_request({**asked, "guidance": 3.0, "gamma": 3.0})


def test_a_stem_made_with_guidance_can_be_made_anew_with_gamma(engine, asked, tmp_path):
    old = stem_of(engine, **asked, guidance=2.0)
    made = stem_of(
        engine, type="regenerate", stem=str(old.path), stem_folder=str(tmp_path), gamma=2.0, **{"in": 1.0, "out": 2.0}
    )
    assert not np.array_equal(pcm(old), pcm(made))


def test_without_weights_it_is_said_how_to_come_by_them(tmp_path, asked):
    with engine_with(tmp_path / "none", tmp_path / "home") as engine:
        failure = failure_of(engine, **asked)
    assert failure.code == "weights_missing"
    assert "train" in failure.message


def test_for_commercial_use_weights_may_not_look_by_those_of_another_model(tmp_path, asked):
    own = tmp_path / "models" / "multifoley"
    checkpoint.save(quiet(), own)
    with engine_with(tmp_path / "models", tmp_path / "home", licence="commercial") as engine:
        assert stems_in(events_of(engine, **{**asked, "steps": 1, "out": 1.0}))
        checkpoint.save(seeded(replace(CONFIG, track=Track.CAVP)), own)
        failure = failure_of(engine, **asked)
    assert failure.code == "licence"
    assert "diff-foley" in failure.message
