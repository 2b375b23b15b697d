"""How long work says where it is, and is told to stop."""

from __future__ import annotations

from typing import Protocol


class ProgressFn(Protocol):
    """Called often (every 200 ms at the latest) with the share done, 0…1; raises JobCancelled to stop the work."""

    def __call__(self, fraction: float, /) -> None: ...


def no_progress(fraction: float, /) -> None:
    """For callers who do not watch."""


def part(progress: ProgressFn, start: float, end: float) -> ProgressFn:
    """Progress of a step that takes the share start…end of a longer one."""
    return lambda fraction: progress(start + (end - start) * min(1.0, max(0.0, fraction)))
