"""Bounded waits that say what they were stuck on."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], within_sec: float, stuck: Callable[[], object]) -> None:
    """Returns once the condition holds; fails saying what it was stuck on."""
    deadline = time.monotonic() + within_sec
    while not condition():
        assert time.monotonic() < deadline, f"stuck after {within_sec} s: {stuck()}"
        time.sleep(0.02)
