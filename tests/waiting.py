"""Bounded waits that say what they were stuck on."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], stuck: str | Callable[[], object], seconds: float = 10) -> None:
    """Returns once the condition holds; fails saying what it was stuck on."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            raise AssertionError(f"stuck after {seconds} s: {stuck if isinstance(stuck, str) else stuck()}")
        time.sleep(0.005)
