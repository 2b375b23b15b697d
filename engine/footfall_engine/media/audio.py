"""Recordings read from any file, and sample rates changed."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from footfall_bridge.errors import InvalidRange, MediaNotFound, NoAudio, UnreadableMedia
from footfall_bridge.timeline import to_units
from numpy.typing import NDArray

Audio = NDArray[np.float32]
"""Samples, shape = (channels, samples), full scale ±1."""

if TYPE_CHECKING:
    from av import AudioFrame
    from av.container import InputContainer

LONGEST_RECORDING_SEC = 600
END_SLACK = Fraction(1, 10)  # seconds
_SEEK_MARGINS_SEC = (1, 10)  # how long before a part decoding begins, for codecs need a run-up


@dataclass(frozen=True)
class Recording:
    """Audio with its rate."""

    samples: Audio
    sample_rate: int

    @property
    def duration(self) -> float:
        return self.samples.shape[1] / self.sample_rate


def read_recording(
    path: str, start: Fraction = Fraction(0), end: Fraction | None = None, longest_sec: float = LONGEST_RECORDING_SEC
) -> Recording:
    """Sound of any audio or video file, mono or its first two channels, cut at ``longest_sec``.

    Of a part [start, end), in seconds of the file, no more than the part and a little before it is decoded. An end up
    to END_SLACK past the recording's is moved there, as decoders disagree on the delay of codecs.

    Raises MediaNotFound, UnreadableMedia, NoAudio when the file holds no sound, or InvalidRange.
    """
    if not Path(path).is_file():
        raise MediaNotFound(f"there is no file {path}")
    for decode_from in [*(start - margin for margin in _SEEK_MARGINS_SEC if margin < start), None]:
        if (found := _read_part(path, start, end, longest_sec, decode_from)) is not None:
            return found
    raise NoAudio(f"{path} holds no sound")


def _read_part(
    path: str, start: Fraction, end: Fraction | None, longest_sec: float, decode_from: Fraction | None
) -> Recording | None:
    """Sound of a part, decoded from a time on (None: from the top); None when that time came too late or not at all."""
    import av

    kept: list[Audio] = []
    at: int | None = None
    try:
        with av.open(path) as container:
            if not container.streams.audio:
                raise NoAudio(f"{path} holds no sound")
            rate = container.streams.audio[0].sample_rate
            if not rate:  # a stream whose sound begins too late for its facts to be found
                raise UnreadableMedia(f"{path} does not say at what rate its sound is sampled")
            first = to_units(start, rate)
            last = min(first + round(longest_sec * rate), to_units(end, rate) if end is not None else sys.maxsize)
            for place, block in _blocks(container, rate, decode_from):
                if at is None and place > first and decode_from is not None:
                    return None
                at = place + block.shape[1]
                wanted = block[:, max(0, first - place) : max(0, last - place)]
                if wanted.shape[1]:  # an empty slice would hold on to its block
                    kept.append(wanted)
                if at >= last:
                    break
    except av.FFmpegError as error:
        if at is None and decode_from is None:  # what was read before a broken end is still the user's sound
            raise UnreadableMedia(f"{path} cannot be read as sound", detail=str(error)) from error
    if at is None:
        return None
    if decode_from is not None and at <= first:
        return None
    _check_part(Path(path).name, start, end, Fraction(at, rate), is_cut=at >= last)
    if not kept:
        raise NoAudio(f"{path} holds no sound in that part")
    return Recording(np.concatenate(kept, axis=1), rate)


def _check_part(name: str, start: Fraction, end: Fraction | None, length: Fraction, is_cut: bool) -> None:
    """InvalidRange for a part that reaches past the recording's end."""
    for key, time, limit in (("in", start, length), ("out", end, length + END_SLACK)):
        if time and time >= limit and not is_cut:
            raise InvalidRange(
                f"{key} ({float(time):g} s) lies past the end of {name}, which is {float(length):g} s long"
            )


def _blocks(container: InputContainer, rate: int, decode_from: Fraction | None) -> Iterator[tuple[int, Audio]]:
    """Decoded sound with the place in the file, in samples, at which each block begins."""
    import av

    stream = container.streams.audio[0]
    origin = Fraction(container.start_time or 0, 1_000_000)
    if decode_from is not None:
        container.seek(math.floor((decode_from + origin) * 1_000_000))
    resampler = av.AudioResampler(format="fltp", layout="mono" if stream.channels == 1 else "stereo", rate=rate)
    place: int | None = None
    for frame in container.decode(stream):
        if place is None:
            place = _place(frame, origin, rate, decode_from)
        for block in resampler.resample(frame):
            yield place, block.to_ndarray().astype(np.float32, copy=False)
            place += block.samples


def _place(frame: AudioFrame, origin: Fraction, rate: int, decode_from: Fraction | None) -> int:
    """Sample of the file at which a frame begins; without a time stamp only the first one's is known."""
    if frame.pts is None or frame.time_base is None:
        return 0 if decode_from is None else sys.maxsize
    return max(0, to_units(frame.pts * frame.time_base - origin, rate))


def resample(audio: Audio, from_rate: int, to_rate: int) -> Audio:
    """The same sound at another rate, shape = (channels, round(samples * to_rate / from_rate))."""
    if from_rate == to_rate:
        return audio
    import soxr

    converted = soxr.resample(audio.T, from_rate, to_rate, quality="VHQ").T.astype(np.float32)
    return fit_length(converted, round(audio.shape[1] * to_rate / from_rate))


def fit_length(audio: Audio, samples: int) -> Audio:
    """Cut or padded with silence at the end to exactly so many samples."""
    return np.pad(audio[..., :samples], [(0, 0)] * (audio.ndim - 1) + [(0, max(0, samples - audio.shape[-1]))])
