"""How long work says where it is, and is told to stop."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from footfall_bridge.errors import JobCancelled

T = TypeVar("T")


class ProgressFn(Protocol):
    """Called often (every 200 ms at the latest) with the share done, 0…1; raises JobCancelled to stop the work."""

    def __call__(self, fraction: float, /) -> None: ...


def no_progress(fraction: float, /) -> None:
    """For callers who do not watch."""


def part(progress: ProgressFn, start: float, end: float) -> ProgressFn:
    """Progress of a step that takes the share start…end of a longer one."""
    return lambda fraction: progress(start + (end - start) * min(1.0, max(0.0, fraction)))


def begun_by_progress(begin: Callable[[], ProgressFn]) -> ProgressFn:
    """Progress of a step that is begun when it is first told of, and may never be."""
    begun = functools.cache(begin)
    return lambda fraction: begun()(fraction)


def in_turn(items: Sequence[T], progress: ProgressFn) -> Iterator[tuple[T, ProgressFn]]:
    """One item after another, each with its equal share of the progress."""
    for number, item in enumerate(items):
        yield item, part(progress, number / len(items), (number + 1) / len(items))


def side_by_side(work: Callable[[T, ProgressFn], None], items: Sequence[T], at_once: int, progress: ProgressFn) -> None:
    """Do `work` on every item, so many at once; `progress` hears of all of them together.

    The first error stops the rest and is raised.
    """
    done = [0.0] * len(items)
    errors: list[BaseException] = []
    lock = threading.Lock()

    def do(number: int) -> None:
        def tell(fraction: float, /) -> None:
            with lock:
                if errors:
                    raise JobCancelled("another part of the job failed")
                done[number] = max(done[number], fraction)
                together = sum(done) / len(done)
            progress(together)

        try:
            tell(0.0)
            work(items[number], tell)
        except BaseException as error:  # JobCancelled and an engine's closing among them
            with lock:
                errors.append(error)

    with ThreadPoolExecutor(max(1, min(at_once, len(items))), thread_name_prefix="footfall-take") as pool:
        for number in range(len(items)):
            pool.submit(do, number)
    if errors:
        raise errors[0]
