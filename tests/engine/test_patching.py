"""Several parts of a stem made anew at once, and sound made around a stem that stays."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footfall_bridge import messages
from footfall_bridge.errors import BadRequest, InvalidRange
from footfall_bridge.timeline import TimeRange
from footfall_engine import contacts
from footfall_engine.config import Settings
from footfall_engine.media import wav
from footfall_engine.patching import LONGEST_FADE_SEC, Bed, Part, _pieces, around, merged
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.here import done, pcm_of, stems_of

RATE = 48_000
FADE = round(LONGEST_FADE_SEC * RATE)
SECONDS = st.fractions(0, 100, max_denominator=1000)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "balls.mp4"
    contacts.render_clip(path, contacts.Scene(duration=4.0, width=320, height=180))
    return path


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.load({"FOOTFALL_HOME": str(tmp_path_factory.mktemp("home"))})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stems")


def made(clip: Path, settings: Settings, folder: Path, **fields: Any) -> messages.Stem:
    asked = {
        "type": "generate",
        "video": str(clip),
        "prompt": "wind, wood knock",
        "seed": 1,
        "stem_folder": str(folder),
    }
    (stem,) = stems_of(done(messages.parse_request({**asked, **fields}), settings))
    return stem


@pytest.fixture(scope="module")
def middle(clip: Path, settings: Settings, folder: Path) -> messages.Stem:
    """Of seconds 1 to 2.5."""
    return made(clip, settings, folder, **{"in": 1, "out": 2.5})


# ---- several parts


def test_several_parts_are_new_and_all_between_is_bit_identical(
    middle: messages.Stem, settings: Settings, folder: Path
) -> None:
    request = messages.parse_request({
        "type": "regenerate", "stem": middle.path, "in": 1.0, "out": 1.2, "also": [{"in": 0.2, "out": 0.5}],
        "seed": 7, "stem_folder": str(folder),
    })  # fmt: skip
    (stem,) = stems_of(done(request, settings))
    before, after = pcm_of(middle), pcm_of(stem)
    assert after.shape == before.shape
    changed = (before != after).any(0)
    inside = np.zeros(len(changed), bool)
    for begin, end in ((0.2, 0.5), (1.0, 1.2)):
        inside[round(begin * RATE) : round(end * RATE)] = True
        assert changed[round(begin * RATE) : round(end * RATE)].mean() > 0.5
    assert not changed[~inside].any()
    patches = wav.read_facts(Path(stem.path)).provenance["patches"]
    assert [(patch["in"], patch["out"]) for patch in patches] == [("1/5", "1/2"), ("1", "6/5")]


def test_a_further_part_that_does_not_fit_is_refused(middle: messages.Stem, settings: Settings, folder: Path) -> None:
    request = messages.parse_request({
        "type": "regenerate", "stem": middle.path, "in": 1.0, "out": 1.2, "also": [{"in": 1.4, "out": 9}],
        "seed": 7, "stem_folder": str(folder),
    })  # fmt: skip
    with pytest.raises(InvalidRange, match="9 s"):
        done(request, settings)


# ---- around a stem


@pytest.mark.parametrize(("start", "end"), [(0, 4), (1, 4), (0, 2.5), (0.5, 3.25)])
def test_a_stem_stays_and_sound_is_made_around_it(
    clip: Path, settings: Settings, folder: Path, middle: messages.Stem, start: float, end: float
) -> None:
    stem = made(clip, settings, folder, **{"in": start, "out": end}, keep=middle.path)
    old, new = pcm_of(middle), pcm_of(stem)
    assert stem.samples == round((end - start) * RATE)
    assert stem.start == round(start * RATE)
    first = round((1 - start) * RATE)
    last = first + old.shape[1]
    kept = slice(FADE if start < 1 else 0, old.shape[1] - (FADE if end > 2.5 else 0))
    assert np.array_equal(new[:, first:last][:, kept], old[:, kept])
    for begin, until in ((0, first), (last, new.shape[1])):
        if until > begin:
            assert np.abs(new[:, begin:until]).max() > 0


def test_a_seam_of_a_steady_sound_does_not_dip(clip: Path, settings: Settings, folder: Path) -> None:
    inner = made(clip, settings, folder, **{"in": 1, "out": 2}, prompt="wind")
    whole = pcm_of(made(clip, settings, folder, **{"in": 0, "out": 3}, prompt="wind", keep=inner.path)).astype(float)
    level = np.sqrt(np.square(whole).mean(0))
    for seam in (1, 2):
        near = level[round((seam - 0.05) * RATE) : round((seam + 0.05) * RATE)]
        usual = level[round((seam - 0.5) * RATE) : round((seam + 0.5) * RATE)]
        assert np.sqrt(np.square(near).mean()) > 0.5 * np.sqrt(np.square(usual).mean())


def test_a_part_of_an_extended_stem_can_be_made_anew(
    clip: Path, settings: Settings, folder: Path, middle: messages.Stem
) -> None:
    whole = made(clip, settings, folder, **{"in": 0, "out": 4}, keep=middle.path)
    assert wav.read_facts(Path(whole.path)).provenance["kept"]["seed"] == middle.seed
    request = messages.parse_request({
        "type": "regenerate", "stem": whole.path, "in": 0.5, "out": 3, "seed": 9, "stem_folder": str(folder),
    })  # fmt: skip
    (stem,) = stems_of(done(request, settings))
    old, new = pcm_of(whole), pcm_of(stem)
    assert np.array_equal(old[:, : RATE // 2], new[:, : RATE // 2])
    assert np.array_equal(old[:, 3 * RATE :], new[:, 3 * RATE :])


@pytest.mark.parametrize(("region", "why"), [((1.5, 4), "lies not within"), ((1, 2.5), "nothing around it")])
def test_a_region_that_does_not_reach_around_the_stem_is_refused(
    clip: Path, settings: Settings, folder: Path, middle: messages.Stem, region: tuple[float, float], why: str
) -> None:
    with pytest.raises(InvalidRange, match=why):
        made(clip, settings, folder, **{"in": region[0], "out": region[1]}, keep=middle.path)


def test_a_stem_of_another_speed_is_refused(
    clip: Path, settings: Settings, folder: Path, middle: messages.Stem
) -> None:
    with pytest.raises(BadRequest, match="played at 1 × its speed"):
        made(clip, settings, folder, speed=2.0, keep=middle.path)


# ---- arithmetic


@given(st.lists(st.tuples(SECONDS, SECONDS).filter(lambda pair: pair[0] < pair[1]), max_size=12), SECONDS)
def test_merged_spans_cover_the_same_moments_and_lie_apart(
    pairs: list[tuple[Fraction, Fraction]], apart: Fraction
) -> None:
    spans = [TimeRange(*pair) for pair in pairs]
    found = merged(spans, apart)
    assert all(one.end + apart < other.start for one, other in pairwise(found))
    assert all(any(whole.start <= span.start and span.end <= whole.end for whole in found) for span in spans)
    assert {span.start for span in found} <= {span.start for span in spans}
    assert {span.end for span in found} <= {span.end for span in spans}


@given(st.lists(st.integers(0, 1000), max_size=8), st.integers(0, 1000), st.integers(1, 300))
def test_pieces_follow_each_other_and_each_lies_inside_or_outside_of_parts(
    edges: list[int], begin: int, count: int
) -> None:
    marks = sorted(set(edges))
    parts = [Part(*pair) for pair in zip(marks[::2], marks[1::2], strict=False)]
    pieces = list(_pieces(begin, begin + count, parts))
    assert [at for first, last, _ in pieces for at in range(first, last)] == list(range(begin, begin + count))
    for first, last, part in pieces:
        holders = {next((each for each in parts if each.begin <= at < each.end), None) for at in (first, last - 1)}
        assert holders == {part}


def test_around_a_short_stem_parts_never_leave_it(middle: messages.Stem) -> None:
    facts = wav.read_facts(Path(middle.path))
    assert around(Bed(facts, 0, facts.samples), RATE) == []
    before, after = around(Bed(facts, 100, facts.samples + 300), RATE)
    assert (before.begin, after.end) == (0, facts.samples + 300)
    assert before.end <= after.begin
