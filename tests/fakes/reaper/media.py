"""Opens media files as REAPER's sources: kind, length, rate and channels are those of the real file."""

from __future__ import annotations

import copy
import struct
from functools import lru_cache
from pathlib import Path

import av
import soundfile

from tests.fakes.reaper.model import Source

KINDS = {".wav": "WAVE", ".mp3": "MP3", ".flac": "FLAC", ".ogg": "VORBIS", ".aif": "AIFF", ".aiff": "AIFF"}
BY_SOUNDFILE = {"WAVE", "FLAC", "VORBIS", "AIFF"}


def open_source(path: Path | str) -> Source | None:
    """None for what is not there or cannot be read."""
    path = Path(path)
    try:
        facts = path.stat()
        return copy.copy(probe(path, facts.st_mtime_ns, facts.st_size))
    except (OSError, av.FFmpegError, soundfile.LibsndfileError):
        return None


@lru_cache(maxsize=256)
def probe(path: Path, mtime_ns: int, size: int) -> Source:
    kind = KINDS.get(path.suffix.lower(), "VIDEO")
    if kind in BY_SOUNDFILE:
        info = soundfile.info(str(path))
        return Source(kind, path, info.frames / info.samplerate, info.samplerate, info.channels)
    with av.open(str(path)) as container:
        sound = next(iter(container.streams.audio), None)
        kind = kind if container.streams.video or kind in KINDS.values() else "VIDEO"
        length = (container.duration or 0) / av.time_base
        return Source(kind, path, length, sound.rate if sound else 0, sound.channels if sound else 0)


def bwf_time_reference(path: Path) -> int | None:
    """Samples since midnight, of the `bext` chunk of a WAV file (EBU Tech 3285)."""
    with path.open("rb") as wav:
        if wav.read(12)[8:] != b"WAVE":
            return None
        while len(head := wav.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            if name == b"bext":
                return struct.unpack_from("<Q", wav.read(size), 256 + 32 + 32 + 10 + 8)[0]
            wav.seek(size + size % 2, 1)
    return None
