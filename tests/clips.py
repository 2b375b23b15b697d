"""Clips for tests: every picture carries its number as a barcode, so a test can tell which one it got."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

BITS = 10
SIZE = (160, 96)  # width, height as seen
SHARED = Path(os.environ.get("FOOTFALL_SHARED", Path(__file__).parents[2] / "shared"))

needs_shared_media = pytest.mark.skipif(
    not (SHARED / "media").is_dir(), reason="the shared media folder is not here (FOOTFALL_SHARED)"
)


def barcode(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Grey picture: above, the bits of ``number`` from left to right, lowest first; below, a dark to light ramp."""
    width, height = size
    image = np.empty((height, width), np.uint8)
    image[:] = np.linspace(60, 180, width, dtype=np.uint8)
    for bit in range(BITS):
        left, right = bit * width // BITS, (bit + 1) * width // BITS
        image[: height // 2, left:right] = 230 if number >> bit & 1 else 25
    return image


def number_of(image: np.ndarray) -> int:
    """The number in a barcode picture of any size, grey or RGB."""
    grey = image if image.ndim == 2 else image.mean(axis=2)
    row = grey[grey.shape[0] // 8 : grey.shape[0] * 3 // 8].mean(axis=0)
    centres = [int((bit + 0.5) * len(row) / BITS) for bit in range(BITS)]
    return sum(1 << bit for bit, at in enumerate(centres) if row[at] > 128)


def make_clip(
    path: Path,
    times: Sequence[Fraction] | None = None,
    *,
    count: int = 50,
    rate: Fraction | int = 25,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    turn: int = 0,
    start: Fraction | float = 0,
    sound_seconds: float | None = None,
    size: tuple[int, int] = SIZE,
    pixel_aspect: Fraction | int = 1,
    **options: str,
) -> Path:
    """A clip of numbered pictures, shown at ``times`` (or ``count`` of them at ``rate``), all later by ``start``.

    ``turn`` stores the pictures so many degrees clockwise and says so in the display matrix. ``options`` go to the
    encoder: ``g`` for the distance of keyframes, ``bf`` for B-frames.
    """
    rate = Fraction(rate)
    tick = 1 / rate if times is None and Fraction(start) * rate % 1 == 0 else Fraction(1, 90_000)
    shown = [n / rate for n in range(count)] if times is None else list(times)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size if turn % 180 == 0 else size[::-1]
        stream.pix_fmt = pixels
        stream.codec_context.sample_aspect_ratio = Fraction(pixel_aspect)
        stream.time_base = stream.codec_context.time_base = tick
        stream.options = {"crf": "18", "preset": "ultrafast", **options} if codec == "libx264" else options
        if codec in ("mjpeg", "mpeg4"):
            stream.bit_rate = 4_000_000
        if turn:
            stream.set_display_rotation(turn)
        voice: Any = container.add_stream("aac", rate=48_000, layout="mono") if sound_seconds else None
        for number, time in enumerate(shown):
            stored = np.ascontiguousarray(np.rot90(barcode(number, size), -turn // 90))
            picture = av.VideoFrame.from_ndarray(stored, format="gray")
            picture.pts, picture.time_base = round((time + Fraction(start)) / tick), tick
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
        if voice is not None:
            mux_silence(container, voice, sound_seconds or 0)
    return path


def make_sound_only(path: Path, seconds: float = 1.0) -> Path:
    with av.open(str(path), "w") as container:
        mux_silence(container, container.add_stream("aac", rate=48_000, layout="mono"), seconds)
    return path


def mux_silence(container: Any, stream: Any, seconds: float) -> None:
    for start in range(0, round(seconds * 48_000), 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def cut_short(path: Path, share: float) -> Path:
    """Keep only the first ``share`` of a file."""
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return path


def damage(path: Path, first: float, last: float, seed: int = 0) -> Path:
    """Overwrite a few bytes in each kilobyte between two shares of a file."""
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    for at in range(int(len(content) * first), int(len(content) * last), 600):
        content[at : at + 40] = rng.bytes(40)
    path.write_bytes(content)
    return path
