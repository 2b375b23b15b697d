"""Plays a file on the machine's sound device."""

from __future__ import annotations

from typing import Any

from footfall_bridge.errors import NoAudioDevice

from footfall_engine.media.audio import read_recording
from footfall_engine.progress import ProgressFn

_BLOCK_SEC = 0.05


def play(path: str, progress: ProgressFn) -> None:
    """Play to the end; `progress` is told several times a second and may stop it. NoAudioDevice when there is none."""
    recording = read_recording(path)
    block = round(_BLOCK_SEC * recording.sample_rate)
    with _output(recording.sample_rate, len(recording.samples)) as output:
        for start in range(0, recording.samples.shape[1], block):
            progress(start / recording.samples.shape[1])
            output.write(recording.samples[:, start : start + block].T.copy())


def _output(sample_rate: int, channels: int) -> Any:
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: the PortAudio library is not installed
        raise NoAudioDevice(
            "stems cannot be played here: the PortAudio library is missing (on Debian: apt-get install libportaudio2)",
            detail=str(error),
        ) from error
    try:
        return sounddevice.OutputStream(samplerate=sample_rate, channels=channels, dtype="float32")
    except sounddevice.PortAudioError as error:
        raise NoAudioDevice(f"there is no sound device to play on: {error}", detail=str(error)) from error
