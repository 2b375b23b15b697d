"""What a model is to the engine.

A model is a class with a `generate` method, named by a row in `registry.py`. It knows nothing of jobs, sockets,
hosts or files: it is handed `Conditions` and returns samples at its own rate; `render.py` does the rest (windows,
crossfades, rate conversion, ceiling, files).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from footfall_bridge.messages import Controls, Hit
from numpy.typing import NDArray

from footfall_engine.media.audio import Recording
from footfall_engine.media.video import Frame
from footfall_engine.progress import ProgressFn

T = TypeVar("T")
Features = dict[str, NDArray[Any]]


class Remember(Protocol):
    """Gives what a model found out about the window's picture before, under a name of its own, or has it `make` it."""

    def __call__(self, name: str, make: Callable[[], Features], /) -> Features: ...


def forgetful(name: str, make: Callable[[], Features], /) -> Features:
    return make()


@dataclass(frozen=True)
class Seen:
    """The picture of a reference recording, for models that are told of it; all as in `Conditions`."""

    duration: float
    hits: tuple[TimedHit, ...]
    motion: NDArray[np.float32]
    frames: Callable[[Sequence[float]], Iterator[Frame]]


@dataclass(frozen=True)
class Conditions:
    """All that a model may know of one window of a region, in played time whatever speed the clip is played at.

    Times of `hits`, and sample 0 of `motion` and of `known`, count from the window's start. `hits` begins up to 10 s
    before the window (negative times), so that what rings into it can be heard, and ends up to 2 s after it.
    """

    duration: float  # seconds of the window; the model returns round(duration * sample_rate) samples
    start: float  # seconds of the region that lie before the window
    channels: int  # 1 or 2
    prompt: str
    negative: str
    hits: tuple[TimedHit, ...]
    motion: NDArray[np.float32]  # (n,), MOTION_RATE per second, 0…1 relative to the region's busiest moment
    motion_x: NDArray[np.float32]  # (n,), -1…1
    activity: float  # 0…1, how busy the region is on an absolute scale
    frames: Callable[[Sequence[float]], Iterator[Frame]]  # pictures on screen at rising times, decoded lazily
    reference: Recording | None = None
    reference_seen: Seen | None = None
    known: Recording | None = None  # sound that is already there (regenerate, long regions) …
    known_mask: NDArray[np.bool_] | None = None  # … and which samples of it are to stay
    controls: Controls = field(default_factory=Controls)
    remember: Remember = forgetful


def asked(wish: T | None, usual: T) -> T:
    """What a control says, or what is usual where it says nothing."""
    return usual if wish is None else wish


@dataclass(frozen=True)
class TimedHit:
    """A Hit inside a window: its time may be negative, and `index` counts it in the whole region."""

    time: float
    strength: float
    x: float
    size: float
    kind: str
    index: int

    @classmethod
    def of(cls, hit: Hit, index: int, shift: float) -> TimedHit:
        return cls(hit.time - shift, hit.strength, hit.x, hit.size, hit.kind.value, index)


@dataclass(frozen=True)
class Generated:
    """A model's answer: audio of shape (count, channels, samples), float32, and what it could not do as asked."""

    audio: NDArray[np.float32]
    warnings: tuple[tuple[str, str], ...] = field(default=())  # (code, sentence)


class Model(Protocol):
    def generate(self, conditions: Conditions, seeds: list[int], progress: ProgressFn) -> Generated:
        """One variant for each seed; the same seed gives the same samples.

        Called from several threads at a time only if the model's row says `side_by_side` or the model `joins_jobs`.
        """
        ...
