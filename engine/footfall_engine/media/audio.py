"""Recordings read from any file, and sample rates changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from footfall_bridge.errors import MediaNotFound, NoAudio, UnreadableMedia
from numpy.typing import NDArray

Audio = NDArray[np.float32]
"""Samples, shape = (channels, samples), full scale ±1."""

if TYPE_CHECKING:
    from av.container import InputContainer

LONGEST_RECORDING_SEC = 600


@dataclass(frozen=True)
class Recording:
    """Audio with its rate."""

    samples: Audio
    sample_rate: int

    @property
    def duration(self) -> float:
        return self.samples.shape[1] / self.sample_rate


def read_recording(path: str, longest_sec: float = LONGEST_RECORDING_SEC) -> Recording:
    """Sound of any audio or video file, mono or its first two channels, cut at ``longest_sec``.

    Raises MediaNotFound, UnreadableMedia, or NoAudio when the file holds no sound.
    """
    import av

    if not Path(path).is_file():
        raise MediaNotFound(f"there is no file {path}")
    blocks: list[NDArray[np.float32]] = []
    try:
        with av.open(path) as container:
            if not container.streams.audio:
                raise NoAudio(f"{path} holds no sound")
            rate = container.streams.audio[0].sample_rate
            _decode_into(blocks, container, rate, round(longest_sec * rate))
    except av.FFmpegError as error:
        if not blocks:  # what was read before a broken end is still the user's sound
            raise UnreadableMedia(f"{path} cannot be read as sound", detail=str(error)) from error
    if not blocks:
        raise NoAudio(f"{path} holds no sound")
    return Recording(np.concatenate(blocks, axis=1)[:, : round(longest_sec * rate)], rate)


def _decode_into(blocks: list[NDArray[np.float32]], container: InputContainer, rate: int, most_samples: int) -> None:
    import av

    stream = container.streams.audio[0]
    resampler = av.AudioResampler(format="fltp", layout="mono" if stream.channels == 1 else "stereo", rate=rate)
    samples = 0
    for frame in container.decode(stream):
        for block in resampler.resample(frame):
            blocks.append(block.to_ndarray().astype(np.float32, copy=False))
            samples += block.samples
        if samples >= most_samples:
            return


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
