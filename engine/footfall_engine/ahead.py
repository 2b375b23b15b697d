"""Work on one thing while the next one is being fetched."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from queue import Full, Queue
from typing import TypeVar

T = TypeVar("T")

_GLANCE_SEC = 0.1


def read_ahead(items: Iterator[T], depth: int) -> Generator[T, None, None]:
    """The same items, fetched by a thread of its own that is at most `depth` of them ahead.

    What fetching raises is raised here, after the items before it. Closing this iterator early ends the thread and
    closes `items`.
    """
    fetched: Queue[tuple[T | None, BaseException | None]] = Queue(depth)
    left = threading.Event()

    def put(item: T | None, error: BaseException | None) -> None:
        while not left.is_set():
            with suppress(Full):
                fetched.put((item, error), timeout=_GLANCE_SEC)
                return

    def fetch() -> None:
        try:
            for item in items:
                put(item, None)
                if left.is_set():
                    break
            put(None, StopIteration())
        except BaseException as error:  # whatever it is, it belongs to the one who reads
            put(None, error)
        finally:
            if hasattr(items, "close"):
                items.close()

    thread = threading.Thread(target=fetch, name="footfall-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = fetched.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]  # None only where the items are
    finally:
        left.set()
        thread.join()
