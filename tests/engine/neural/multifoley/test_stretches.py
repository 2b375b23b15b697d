"""In what order the parts of a long sound are made."""

from __future__ import annotations

import numpy as np
import pytest
from footfall_engine.models.multifoley.stretches import Stretch, joined, stretches
from hypothesis import given
from hypothesis import strategies as st


def mask(text: str) -> np.ndarray:
    """k: known."""
    return np.array([letter == "k" for letter in text])


def test_a_short_sound_is_made_at_once():
    assert stretches(mask("." * 8), 10, 2) == [Stretch(0, 8)]


def test_a_long_sound_goes_on_from_what_was_made_before():
    assert stretches(mask("." * 26), 10, 2) == [Stretch(0, 10), Stretch(8, 18), Stretch(16, 26)]


def test_an_extension_goes_on_from_the_end():
    assert stretches(mask("k" * 10 + "." * 14), 10, 2)[0] == Stretch(8, 18)


def test_an_extension_before_is_made_towards_the_start():
    assert stretches(mask("." * 14 + "k" * 10), 10, 2) == [Stretch(6, 16), Stretch(0, 10)]


def test_an_extension_on_both_sides_is_made_from_what_is_there():
    assert stretches(mask("." * 10 + "k" * 5 + "." * 10), 12, 3) == [
        Stretch(1, 13),
        Stretch(0, 12),
        Stretch(12, 24),
        Stretch(13, 25),
    ]


def test_a_gap_is_made_with_what_is_known_on_both_sides():
    assert stretches(mask("k" * 20 + "." * 4 + "k" * 20), 10, 2) == [Stretch(17, 27)]


def test_gaps_near_each_other_are_made_together():
    assert stretches(mask("k" * 10 + ".." + "k" + ".." + "k" * 10), 12, 2) == [Stretch(5, 17)]


def test_gaps_far_from_each_other_leave_what_lies_between_alone():
    made = stretches(mask("k" * 20 + ".." + "k" * 40 + ".." + "k" * 20), 10, 2)
    assert made == [Stretch(16, 26), Stretch(58, 68)]


def test_nothing_is_made_where_all_is_known():
    assert stretches(mask("kkkk"), 10, 2) == []


@given(known=st.lists(st.booleans(), min_size=1, max_size=120), longest=st.integers(4, 40), context=st.integers(0, 3))
def test_all_that_is_missing_is_made_once_and_each_stretch_knows_its_neighbours(known, longest, context):
    there = np.array(known)
    for stretch in stretches(there.copy(), longest, context):
        assert 0 <= stretch.start < stretch.stop <= len(there)
        assert stretch.stop - stretch.start <= longest
        new = np.flatnonzero(~there[stretch.columns]) + stretch.start
        assert len(new), "a stretch makes something"
        first = new[0]
        if stretch.start > 0 and there[first - 1]:
            assert first - stretch.start >= min(context, first)
        there[stretch.columns] = True
    assert there.all()


def test_stretches_that_overlap_are_one():
    made = [Stretch(8, 18), Stretch(0, 10), Stretch(30, 40), Stretch(40, 44), Stretch(31, 33)]
    assert joined(made) == [Stretch(0, 18), Stretch(30, 44)]
    assert joined([]) == []


def test_context_must_leave_room_for_something_new():
    with pytest.raises(ValueError, match="10 columns of context do not fit into 10"):
        stretches(mask("...."), 10, 10)
