"""A stem's file padded with silence to whole frames, under a name of its own; the stem itself is never touched.

The copy keeps what the Broadcast Wave says of its making (EBU Tech 3285), with the time reference moved to its new
first sample. It is no stem any more to the engine (its iXML stays behind): a part is made anew from the stem.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, Iterator, NamedTuple

from .errors import NotNow

COPIED_AT_ONCE = 1 << 20  # bytes
_TIME_REFERENCE_AT = 256 + 32 + 32 + 10 + 8  # bytes into bext
_FMT = struct.Struct("<HHIIHH")


class WavError(Exception):
    """A file that is no stem, or that cannot be read; the message says which and why."""


class Wav(NamedTuple):
    sample_rate: int
    channels: int
    samples: int
    position: int  # time reference, in samples
    frame_bytes: int
    data_offset: int
    chunks: dict


def read_wav(path: str) -> Wav:
    try:
        with open(path, "rb") as file:
            chunks, offset, size = _chunks_of(file)
            _, channels, rate, _, frame_bytes, _ = _FMT.unpack_from(chunks[b"fmt "])
            (position,) = struct.unpack_from("<Q", chunks[b"bext"], _TIME_REFERENCE_AT)
    except OSError as error:
        raise WavError(f"{path} cannot be read: {error.strerror}") from error
    except (KeyError, struct.error, ValueError) as error:
        raise WavError(f"{path} is not a Broadcast Wave file: {error}") from error
    if os.path.getsize(path) < offset + size:
        raise WavError(f"{path} is cut short")
    return Wav(rate, channels, size // frame_bytes, position, frame_bytes, offset, chunks)


def write_padded(stem: str, target: str, head_samples: int, tail_samples: int) -> None:
    """Write the stem to `target` with so much silence before and after it; the file appears whole or not at all."""
    wav = read_wav(stem)
    part = target + ".part"
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(stem, "rb") as source, open(part, "wb") as file:
            _write(source, file, wav, head_samples, tail_samples)
        os.replace(part, target)
    except OSError as error:
        raise NotNow("cannot_write", f"{target} cannot be written: {error.strerror}.") from error
    finally:
        if os.path.exists(part):
            os.remove(part)


def _write(source: BinaryIO, file: BinaryIO, wav: Wav, head_samples: int, tail_samples: int) -> None:
    size = (head_samples + wav.samples + tail_samples) * wav.frame_bytes
    bext = bytearray(wav.chunks[b"bext"])
    struct.pack_into("<Q", bext, _TIME_REFERENCE_AT, max(0, wav.position - head_samples))
    before = b"WAVE" + _chunk(b"bext", bytes(bext)) + _chunk(b"fmt ", wav.chunks[b"fmt "])
    riff_size = len(before) + 8 + size + size % 2
    if riff_size >= 1 << 32:
        raise WavError("the stem is longer than a WAV file can hold once it is padded")
    file.write(b"RIFF" + struct.pack("<I", riff_size) + before + b"data" + struct.pack("<I", size))
    _write_silence(file, head_samples * wav.frame_bytes)
    source.seek(wav.data_offset)
    for block in _blocks(source, wav.samples * wav.frame_bytes):
        file.write(block)
    _write_silence(file, tail_samples * wav.frame_bytes + size % 2)


def _blocks(source: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0:
        block = source.read(min(size, COPIED_AT_ONCE))
        if not block:
            raise WavError("the stem ended while it was copied")
        size -= len(block)
        yield block


def _write_silence(file: BinaryIO, size: int) -> None:
    while size > 0:
        file.write(bytes(min(size, COPIED_AT_ONCE)))
        size -= COPIED_AT_ONCE


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _chunks_of(file: BinaryIO) -> tuple[dict[bytes, bytes], int, int]:
    """(small chunks by name, offset of the samples, their bytes)."""
    form, _, kind = struct.unpack("<4sI4s", file.read(12))
    if form not in (b"RIFF", b"RF64") or kind != b"WAVE":
        raise ValueError("it does not begin as one")
    chunks: dict[bytes, bytes] = {}
    offset = size = -1
    while True:
        head = file.read(8)
        if len(head) < 8:
            break
        name, length = struct.unpack("<4sI", head)
        if name == b"data":
            offset, size = file.tell(), length
            if length == 0xFFFFFFFF and b"ds64" in chunks:
                (size,) = struct.unpack_from("<Q", chunks[b"ds64"], 8)
            file.seek(size + size % 2, os.SEEK_CUR)
        else:
            chunks[name] = file.read(length)
            file.seek(length % 2, os.SEEK_CUR)
    if offset < 0:
        raise ValueError("it has no samples")
    return chunks, offset, size
