"""New sound let into a stem: which parts of it are made anew, and everything else sample for sample as it was.

Samples count from the start of what is written. The stem lies in it at `Bed.offset`; around it there is nothing yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from footfall_bridge.timeline import TimeRange, to_units
from numpy.typing import NDArray

from footfall_engine import windows
from footfall_engine.media import wav
from footfall_engine.media.audio import fit_length
from footfall_engine.stems import LimitedStem, copy_pcm

SHORTEST_FADE_SEC, LONGEST_FADE_SEC = Fraction(10, 1000), Fraction(40, 1000)


@dataclass(frozen=True)
class Bed:
    """What is there already: a stem, from sample `offset` of `samples` on."""

    stem: wav.StemFacts
    offset: int
    samples: int

    @property
    def end(self) -> int:
        return self.offset + self.stem.samples

    def read(self, first: int, last: int) -> NDArray[np.float32]:
        """Samples [first, last), shape = (channels, last - first); silence where the stem does not lie."""
        begin, until = (min(max(at, self.offset), self.end) - self.offset for at in (first, last))
        there = wav.to_float(wav.read_pcm(self.stem, begin, until))
        before = min(max(self.offset - first, 0), last - first)
        return fit_length(np.pad(there, ((0, 0), (before, 0))), last - first)

    def copy(self, first: int, last: int, stems: list[LimitedStem]) -> None:
        """Bit for bit; all of it lies in the stem."""
        for stem in stems:
            stem.flush()
        copy_pcm(self.stem, first - self.offset, last - self.offset, stems)


@dataclass(frozen=True)
class Part:
    """Samples [begin, end) that are made anew, and whether there is sound to fade from before and after them."""

    begin: int
    end: int
    after_sound: bool = True
    before_sound: bool = True

    def span(self, sample_rate: int, samples: int, duration: Fraction) -> TimeRange:
        """In seconds; exactly to the end where the part goes there."""
        end = Fraction(self.end, sample_rate) if self.end < samples else duration
        return TimeRange(Fraction(self.begin, sample_rate), end)

    def angle(self, at: NDArray[np.int64], sample_rate: int) -> NDArray[np.float64]:
        """Of the new sound at each sample, 0…pi/2, for `windows.blended`."""
        fade = fade_samples(self.end - self.begin, sample_rate)
        begin = self.begin if self.after_sound else self.begin - fade
        end = self.end if self.before_sound else self.end + fade
        return windows.patch_angle(begin, end, at, fade)


def fade_samples(part_samples: int, sample_rate: int) -> int:
    shortest, longest = (float(seconds * sample_rate) for seconds in (SHORTEST_FADE_SEC, LONGEST_FADE_SEC))
    return round(min(longest, max(shortest, part_samples / 8)))


def merged(spans: Iterable[TimeRange], apart: Fraction = Fraction(0)) -> list[TimeRange]:
    """Spans in order of time, those less than `apart` seconds from each other as one."""
    done: list[TimeRange] = []
    for span in sorted(spans, key=lambda span: span.start):
        if done and span.start - done[-1].end <= apart:
            done[-1] = TimeRange(done[-1].start, max(done[-1].end, span.end))
        else:
            done.append(span)
    return done


def around(bed: Bed, sample_rate: int) -> list[Part]:
    """What lies before and after the stem, with as much of its ends as the sounds fade over."""
    fade = round(LONGEST_FADE_SEC * sample_rate)
    before = Part(0, min(bed.offset + fade, bed.end), after_sound=False)
    after = Part(max(bed.end - fade, bed.offset), bed.samples, before_sound=False)
    return [part for part, needed in ((before, bed.offset > 0), (after, bed.end < bed.samples)) if needed]


def parts_of(spans: Sequence[TimeRange], sample_rate: int) -> list[Part]:
    return [Part(to_units(span.start, sample_rate), to_units(span.end, sample_rate)) for span in spans]


def let_in(
    bed: Bed, parts: list[Part], first: int, blocks: Iterable[NDArray[np.float32]], stems: list[LimitedStem]
) -> int:
    """Write the blocks (shape = (stems, channels, n), from sample `first` on) where parts lie, and the bed elsewhere.

    The sample after the last block.
    """
    at, rate = first, bed.stem.sample_rate
    for block in blocks:
        for begin, until, part in _pieces(at, at + block.shape[-1], parts):
            if part is None:
                bed.copy(begin, until, stems)
                continue
            kept, angle = bed.read(begin, until), part.angle(np.arange(begin, until), rate)
            for stem, audio in zip(stems, block[..., begin - at : until - at], strict=True):
                stem.write(windows.blended(kept, audio, angle))
        at += block.shape[-1]
    return at


def _pieces(begin: int, end: int, parts: list[Part]) -> Iterator[tuple[int, int, Part | None]]:
    at = begin
    for part in parts:
        first, last = max(at, part.begin), min(end, part.end)
        if first >= last:
            continue
        if at < first:
            yield at, first, None
        yield first, last, part
        at = last
    if at < end:
        yield at, end, None
