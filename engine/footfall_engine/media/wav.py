"""Broadcast Wave files: the stems. Written whole or not at all, read back to the bit.

Layout: RIFF (RF64 beyond 4 GiB, EBU Tech 3306) with ``JUNK``/``ds64``, ``bext`` (EBU Tech 3285), ``iXML`` (provenance
as JSON in its USER element), ``fmt `` and ``data`` of 24-bit PCM. TimeReference is the timeline position in samples.

Conventions
-----------
Samples are float32 of shape (channels, samples) with full scale ±1, or int32 of the same shape holding 24-bit values.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO
from xml.etree import ElementTree

import numpy as np
from footfall_bridge.errors import DiskFull, FootfallError, MediaNotFound, NotAStem, StemFolderUnusable
from numpy.typing import NDArray

from footfall_engine.media.audio import Audio

BYTES_PER_SAMPLE = 3
FULL_SCALE = 2**23 - 1
RIFF_LIMIT_BYTES = 2**32 - 2**16
_BEXT = struct.Struct("<256s32s32s10s8sQH64s10s180s")
_FMT = struct.Struct("<HHIIHH")
_DS64 = struct.Struct("<QQQI")
_FULL = (errno.ENOSPC, errno.EDQUOT)  # the disk, or what of it one may use
_PART_SUFFIX = ".part"
ORIGINATOR = "Footfall"

Pcm = NDArray[np.int32]


@dataclass(frozen=True)
class StemFacts:
    """What a stem's file says of itself."""

    path: Path
    sample_rate: int
    channels: int
    samples: int
    position: int  # TimeReference: the first sample's place on the timeline
    provenance: dict[str, Any]
    data_offset: int  # bytes


class StemWriter:
    """Writes one stem as ``<name>.part`` and gives it its name when it is complete; on an error nothing stays.

    >>> with StemWriter(path, 48_000, channels=2, position=0, provenance={}) as stem:
    ...     stem.write(audio)
    """

    def __init__(
        self,
        path: Path,
        sample_rate: int,
        channels: int,
        position: int,
        provenance: dict[str, Any],
        reference: str = "",
    ) -> None:
        self.path = path
        self.reference = reference
        self.sample_rate = sample_rate
        self.samples = 0
        self._channels = channels
        self._part = path.with_name(path.name + _PART_SUFFIX)
        self._header = _header(sample_rate, channels, position, provenance, reference)
        with _disk_errors(path):
            self._file: BinaryIO = self._part.open("wb")
            self._file.write(self._header)

    def write(self, audio: Audio) -> None:
        """Append float samples, shape = (channels, n); what lies beyond full scale is clipped, never wrapped."""
        self.write_pcm(to_pcm(audio))

    def write_pcm(self, pcm: Pcm) -> None:
        """Append 24-bit values, shape = (channels, n), int32."""
        values = np.ascontiguousarray(pcm.T, dtype="<i4").view(np.uint8).reshape(-1, 4)
        packed = np.empty((len(values), BYTES_PER_SAMPLE), np.uint8)
        for byte in range(BYTES_PER_SAMPLE):  # three times as fast as value by value
            packed[:, byte] = values[:, byte]
        with _disk_errors(self.path):
            self._file.write(packed.data)
        self.samples += pcm.shape[1]

    def close(self) -> None:
        """Complete the sizes and let the file appear under its name."""
        data_bytes = self.samples * self._channels * BYTES_PER_SAMPLE
        with _disk_errors(self.path):
            self._file.write(b"\0" * (data_bytes % 2))
            self._file.seek(0)
            self._file.write(_with_sizes(self._header, data_bytes, self.samples))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._part, self.path)

    def discard(self) -> None:
        with contextlib.suppress(OSError):  # a full disk refuses the last buffer once more
            self._file.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> StemWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.discard()
            return
        try:
            self.close()
        except BaseException:
            self.discard()
            raise


def to_pcm(audio: Audio) -> Pcm:
    """24-bit values of float samples, rounded to the nearest, without dither."""
    return np.rint(np.clip(audio, -1.0, 1.0) * FULL_SCALE).astype(np.int32)


def to_float(pcm: Pcm) -> Audio:
    return (pcm / np.float32(FULL_SCALE)).astype(np.float32)


def read_facts(path: Path) -> StemFacts:
    """Facts of a stem made by Footfall. MediaNotFound, or NotAStem with the reason."""
    if not path.is_file():
        raise MediaNotFound(f"there is no file {path}")
    try:
        with path.open("rb") as file:
            chunks, data_offset, data_bytes = _read_chunks(file)
            form, channels, rate, _, _, bits = _FMT.unpack_from(chunks[b"fmt "])
            position = _BEXT.unpack_from(chunks[b"bext"])[5]
            provenance = _provenance(chunks[b"iXML"])
    except (KeyError, struct.error, ValueError, ElementTree.ParseError) as error:
        raise NotAStem(f"{path.name} is not a stem made by Footfall", detail=repr(error)) from error
    if form != 1 or bits != 8 * BYTES_PER_SAMPLE:
        raise NotAStem(f"{path.name} has been converted to {bits} bits since Footfall made it")
    samples = data_bytes // (channels * BYTES_PER_SAMPLE)
    if path.stat().st_size < data_offset + data_bytes:
        raise NotAStem(f"{path.name} is cut short: it should hold {samples} samples")
    return StemFacts(path, rate, channels, samples, position, provenance, data_offset)


def read_pcm(facts: StemFacts, start: int, end: int) -> Pcm:
    """Samples [start, end) of a stem, shape = (channels, end - start), int32 holding 24-bit values."""
    frame_bytes = facts.channels * BYTES_PER_SAMPLE
    with facts.path.open("rb") as file:
        file.seek(facts.data_offset + start * frame_bytes)
        raw = np.frombuffer(file.read((end - start) * frame_bytes), np.uint8).reshape(-1, BYTES_PER_SAMPLE)
    wide = np.zeros((len(raw), 4), np.uint8)
    wide[:, 1:] = raw  # into the upper three bytes, so that the shift below carries the sign
    return (wide.view("<i4").reshape(-1, facts.channels).T >> 8).astype(np.int32)


def blocks(start: int, end: int, size: int = 2**18) -> Iterator[tuple[int, int]]:
    """The range [start, end) in pieces of at most ``size``."""
    for at in range(start, end, size):
        yield at, min(at + size, end)


def check_stem_folder(folder: Path, needed_bytes: int) -> None:
    """StemFolderUnusable when stems cannot be written there, DiskFull when they would not fit."""
    if not folder.is_dir():
        raise StemFolderUnusable(f"the stem folder {folder} {'is a file' if folder.exists() else 'does not exist'}")
    probe = folder / f".footfall-{os.getpid()}-{id(folder):x}{_PART_SUFFIX}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(f"the disk of {folder} is full") from error
        raise StemFolderUnusable(f"the stem folder {folder} cannot be written to", detail=str(error)) from error
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise DiskFull(f"{folder} has {free_bytes // 2**20} MB free, and the stems need {needed_bytes // 2**20 + 1} MB")


# ---- the container


def _header(rate: int, channels: int, position: int, provenance: dict[str, Any], reference: str) -> bytes:
    """Everything before the samples, with sizes still 0; its length does not depend on them."""
    frame_bytes = channels * BYTES_PER_SAMPLE
    fmt = _FMT.pack(1, channels, rate, rate * frame_bytes, frame_bytes, 8 * BYTES_PER_SAMPLE)
    parts = [
        b"RIFF\0\0\0\0WAVE",
        _chunk(b"JUNK", b"\0" * _DS64.size),
        _chunk(b"bext", _bext(rate, channels, position, provenance, reference)),
        _chunk(b"iXML", _ixml(provenance)),
        _chunk(b"fmt ", fmt),
        b"data\0\0\0\0",
    ]
    return b"".join(parts)


def _with_sizes(header: bytes, data_bytes: int, samples: int) -> bytes:
    riff_bytes = len(header) - 8 + data_bytes + data_bytes % 2
    if riff_bytes <= RIFF_LIMIT_BYTES:
        return b"RIFF" + struct.pack("<I", riff_bytes) + header[8:-4] + struct.pack("<I", data_bytes)
    ds64 = _chunk(b"ds64", _DS64.pack(riff_bytes, data_bytes, samples, 0))
    unknown = b"\xff\xff\xff\xff"
    return b"RF64" + unknown + b"WAVE" + ds64 + header[12 + len(ds64) : -4] + unknown


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _bext(rate: int, channels: int, position: int, provenance: dict[str, Any], reference: str) -> bytes:
    now = datetime.now()
    description = f"Synthetic sound: {provenance.get('prompt') or 'from the picture'}"
    history = (
        f"A=PCM,F={rate},W={8 * BYTES_PER_SAMPLE},M={'stereo' if channels == 2 else 'mono'},"
        f"T={ORIGINATOR} {provenance.get('version', '')} {provenance.get('model', '')}\r\n"
    )
    return _BEXT.pack(
        _ascii(description, 256),
        _ascii(ORIGINATOR, 32),
        _ascii(reference, 32),
        now.strftime("%Y-%m-%d").encode(),
        now.strftime("%H:%M:%S").encode(),
        position,
        1,
        b"",
        b"",
        b"",
    ) + _ascii(history, 256)


def _ascii(text: str, size: int) -> bytes:
    return text.encode("ascii", "replace")[:size]


def _ixml(provenance: dict[str, Any]) -> bytes:
    root = ElementTree.Element("BWFXML")
    ElementTree.SubElement(root, "IXML_VERSION").text = "1.61"
    ElementTree.SubElement(root, "NOTE").text = "synthetic sound"
    ElementTree.SubElement(root, "USER").text = json.dumps(provenance)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _provenance(ixml: bytes) -> dict[str, Any]:
    user = ElementTree.fromstring(ixml.rstrip(b"\0")).findtext("USER")
    provenance = json.loads(user or "")
    if not isinstance(provenance, dict) or provenance.get("originator") != ORIGINATOR:
        raise ValueError("no provenance of ours")
    return provenance


_KEPT_CHUNK_LIMIT_BYTES = 64 * 2**20


def _read_chunks(file: BinaryIO) -> tuple[dict[bytes, bytes], int, int]:
    """Small chunks by name, and where the samples are: (chunks, data offset, data bytes)."""
    form, _, kind = struct.unpack("<4sI4s", file.read(12))
    if form not in (b"RIFF", b"RF64") or kind != b"WAVE":
        raise ValueError("not a WAV file")
    chunks: dict[bytes, bytes] = {}
    data_offset = data_bytes = -1
    while len(head := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", head)
        if name == b"data":
            data_offset = file.tell()
            data_bytes = _DS64.unpack_from(chunks[b"ds64"])[1] if size == 2**32 - 1 and b"ds64" in chunks else size
            file.seek(data_bytes + data_bytes % 2, os.SEEK_CUR)
        elif size > _KEPT_CHUNK_LIMIT_BYTES:
            file.seek(size + size % 2, os.SEEK_CUR)
        else:
            chunks[name] = file.read(size)
            file.seek(size % 2, os.SEEK_CUR)
    if data_offset < 0:
        raise ValueError("no data chunk")
    return chunks, data_offset, data_bytes


class _disk_errors:
    """Turns what the disk says while ``path`` is written into our errors."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            raise self._translate(error) from error

    def _translate(self, error: OSError) -> FootfallError:
        if error.errno in _FULL:
            return DiskFull(f"the disk is full: {self._path.name} could not be written", detail=str(error))
        return StemFolderUnusable(f"{self._path} could not be written: {error.strerror}", detail=str(error))
