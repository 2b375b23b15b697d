"""Fetching ahead changes nothing but the time it takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from footfall_engine.ahead import read_ahead
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.none() | st.integers()), st.integers(1, 5))
def test_the_items_are_the_same_and_in_order(items: list[int | None], depth: int):
    assert list(read_ahead(iter(items), depth)) == items


def test_what_fetching_raises_comes_after_the_items_before_it():
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("the film tears")

    seen = []
    with pytest.raises(ValueError, match="the film tears"):
        for item in read_ahead(broken(), 4):
            seen.append(item)
    assert seen == [1, 2]


def test_it_is_never_further_ahead_than_it_may_be():
    fetched = []

    def counted() -> Iterator[int]:
        for number in range(50):
            fetched.append(number)
            yield number

    reader = read_ahead(counted(), 3)
    next(reader)
    time.sleep(0.2)
    assert len(fetched) <= 1 + 3 + 1  # read, waiting, and the one in hand
    reader.close()


def test_leaving_early_closes_the_source_and_ends_the_thread():
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            number = 0
            while True:
                yield number
                number += 1
        finally:
            closed.set()

    reader = read_ahead(endless(), 2)
    assert next(reader) == 0
    reader.close()
    assert closed.wait(5), "the source was not closed within 5 s"
    assert not [thread for thread in threading.enumerate() if thread.name == "footfall-ahead"]
