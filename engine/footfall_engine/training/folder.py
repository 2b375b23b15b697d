"""Data from folders of clips and recordings: looked at, listened to and coded once, then drawn from in windows.

Each file becomes one .safetensors file of latents and, for a clip, of what is seen; training reads windows of those
without loading the rest. A file that cannot be learnt from stops preparation before any work is done on the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from footfall_bridge.errors import BadRequest, FootfallError, MediaNotFound, NoAudio, UnreadableMedia
from footfall_bridge.messages import Quality
from footfall_bridge.timeline import TimeRange
from torch import Tensor, nn
from torch.nn import functional as F

from footfall_engine.evaluation.folders import FILMS
from footfall_engine.media.audio import Audio, fit_length, read_recording, resample
from footfall_engine.media.video import file_identity, probe, region_of
from footfall_engine.models.multifoley.checkpoint import Track
from footfall_engine.models.multifoley.codec import Codec
from footfall_engine.models.multifoley.job import in_channels
from footfall_engine.models.multifoley.sizes import LATENT_RATE, SAMPLE_RATE, columns_of
from footfall_engine.progress import ProgressFn, in_turn, no_progress
from footfall_engine.training.captions import SIDECAR, caption_of
from footfall_engine.training.crew import Crew
from footfall_engine.training.examples import Example, as_tensor, encoded
from footfall_engine.training.seeing import See

RECORDINGS = (".aif", ".aiff", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav")
SILENCE = 1e-3  # a sound that never gets louder, -60 dB of full scale, is none
NAMED_FAULTS = 5  # in a sentence; all of them are in its detail
LONGEST_SEC = 600.0  # of a file that is learnt from


@dataclass(frozen=True)
class Item:
    """One file that can be learnt from."""

    path: Path
    caption: str
    quality: Quality
    is_film: bool


@dataclass(frozen=True)
class Prepared:
    """An item's latents on disk."""

    item: Item
    file: Path
    columns: int

    def window(self, first: int, columns: int) -> tuple[Tensor, Tensor | None]:
        """Latents and track of so many columns, silence and stillness after the end."""
        from safetensors import safe_open

        last = min(first + columns, self.columns)
        with safe_open(self.file, "pt") as file:
            latents = file.get_slice("latents")[:, first:last]
            track = file.get_slice("track")[:, first:last] if self.item.is_film else None
            missing = columns - (last - first)
            if not missing:
                return latents, track
            silence = file.get_tensor("silence")[:, None].expand(-1, missing)
        return torch.cat([latents, silence], 1), None if track is None else F.pad(track, (0, missing))


@dataclass(frozen=True)
class Recordings:
    """A source of windows, every file as often as any other, wherever in it."""

    files: tuple[Prepared, ...]
    seconds: float

    @property
    def captions(self) -> list[str]:
        return [prepared.item.caption for prepared in self.files]

    def draw(self, rng: np.random.Generator, /) -> Example:
        prepared = self.files[int(rng.integers(len(self.files)))]
        columns = round(self.seconds * LATENT_RATE)
        first = int(rng.integers(max(0, prepared.columns - columns) + 1))
        latents, track = prepared.window(first, columns)
        return Example(latents, track, prepared.item.caption, prepared.item.quality)


# ---- which files, and whether they will do


def items_in(folder: Path, resampled: bool = False, tag: Quality | None = None) -> list[Item]:
    """All clips and recordings in a folder and the folders in it.

    Without a `tag`, clips count as low quality and recordings as high, as in the paper. BadRequest names the files
    that cannot be learnt from: without sound, without caption, and, unless they may be `resampled`, at another rate.
    """
    if not folder.is_dir():
        raise MediaNotFound(f"there is no folder {folder}")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (*FILMS, *RECORDINGS))
    if not paths:
        raise MediaNotFound(f"{folder} holds no clip and no recording ({', '.join((*FILMS, *RECORDINGS))})")
    checked = [(path, _fault(path, resampled)) for path in paths]
    if faults := [f"{path.relative_to(folder)} {fault}" for path, fault in checked if fault]:
        more = f"; and {len(faults) - NAMED_FAULTS} more" if len(faults) > NAMED_FAULTS else ""
        raise BadRequest(
            f"{len(faults)} of {len(paths)} files in {folder} cannot be learnt from: "
            f"{'; '.join(faults[:NAMED_FAULTS])}{more}",
            detail="\n".join(faults),
        )
    return [_item(path, tag) for path in paths]


def _item(path: Path, tag: Quality | None) -> Item:
    is_film = path.suffix.lower() in FILMS
    return Item(path, caption_of(path), tag or (Quality.LOW if is_film else Quality.HIGH), is_film)


def _fault(path: Path, resampled: bool) -> str:
    try:
        rate = _rate_of(path)
    except NoAudio:
        return "has no sound"
    except FootfallError as error:
        return f"cannot be read ({error.message})"
    if rate != SAMPLE_RATE and not resampled:
        return f"is sampled at {rate} Hz, not {SAMPLE_RATE} Hz"
    if not caption_of(path):
        return f"has no caption: its name has no words, and there is no {path.stem}{SIDECAR} beside it"
    return ""


def _rate_of(path: Path) -> int:
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise NoAudio(f"{path} holds no sound")
            return container.streams.audio[0].sample_rate
    except av.FFmpegError as error:
        raise UnreadableMedia(f"{path} is damaged", detail=str(error)) from error


# ---- looked at and listened to, once


@dataclass(frozen=True)
class Workshop:
    """Makes latents and tracks of items, and keeps them in a folder from one run to the next."""

    codec: Codec
    track: Track
    see: See
    folder: Path
    crew: Crew

    def prepared(self, items: Sequence[Item], progress: ProgressFn = no_progress) -> list[Prepared]:
        """Each process of the crew makes its own. BadRequest for a file that holds nothing but silence."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for item, watch in in_turn(items[self.crew.rank :: self.crew.size], progress):
            self._one(item, watch)
        self.crew.wait()
        return [self._one(item, no_progress) for item in items]

    def _one(self, item: Item, progress: ProgressFn) -> Prepared:
        from safetensors import safe_open
        from safetensors.torch import save_file

        file = self.folder / f"{self._key(item)}.safetensors"
        if not file.is_file():
            part_file = file.with_suffix(".part")
            save_file(self._made(item, progress), part_file)
            part_file.replace(file)
        with safe_open(file, "pt") as stored:
            return Prepared(item, file, stored.get_slice("latents").get_shape()[1])

    def _made(self, item: Item, progress: ProgressFn) -> dict[str, Tensor]:
        region = region_of(probe(item.path), 0) if item.is_film else None
        end = None if region is None else min(region.end, Fraction(round(LONGEST_SEC)))
        recording = read_recording(str(item.path), Fraction(0), None, LONGEST_SEC)
        sound = resample(recording.samples, recording.sample_rate, SAMPLE_RATE)
        if np.abs(sound).max() < SILENCE:
            raise BadRequest(f"{item.path} holds nothing but silence")
        if end is None:
            return self._coded(sound)
        sound = fit_length(sound, round(float(end) * SAMPLE_RATE))
        seen = self.see(item.path, TimeRange(Fraction(0), end), progress)[:, : columns_of(sound.shape[1])]
        return self._coded(sound) | {"track": as_tensor(seen)}

    def _coded(self, sound: Audio) -> dict[str, Tensor]:
        still = np.zeros((sound.shape[0], SAMPLE_RATE), np.float32)
        latents, silence = encoded(self.codec, sound), encoded(self.codec, still)
        return {"latents": latents.contiguous(), "silence": silence[:, silence.shape[1] // 2].clone()}

    def _key(self, item: Item) -> str:
        """Changes with the file, the codec's weights and the kind of track."""
        digest = hashlib.sha256(f"{file_identity(item.path)}|{type(self.codec).__name__}|{self.track.value}".encode())
        for name, tensor in _state(self.codec).items():
            digest.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
        return digest.hexdigest()[:32]


def _state(codec: Codec) -> dict[str, Tensor]:
    return codec.state_dict() if isinstance(codec, nn.Module) else {}


S = TypeVar("S", Item, Prepared)


def split(files: Sequence[S], held_out: float) -> tuple[list[S], list[S]]:
    """Those to train on and those not to, by the names of the files, so that it is always the same ones."""

    def share(file: Item | Prepared) -> float:
        path = file.path if isinstance(file, Item) else file.item.path
        return int(hashlib.sha256(path.name.encode()).hexdigest()[:8], 16) / 2**32

    return [each for each in files if share(each) >= held_out], [each for each in files if share(each) < held_out]


def sources(files: Sequence[Prepared], seconds: float) -> tuple[list[Recordings], list[Recordings]]:
    """With pictures, and without."""
    films, recordings = (tuple(each for each in files if each.item.is_film is seen) for seen in (True, False))
    return ([Recordings(films, seconds)] if films else []), ([Recordings(recordings, seconds)] if recordings else [])


@dataclass(frozen=True)
class Sounds:
    """Stretches of sound as a codec learns from them, every file as often as any other, wherever in it."""

    items: tuple[Item, ...]
    seconds: float
    channels: int

    def draw_sound(self, rng: np.random.Generator, /) -> Tensor:
        """shape = (channels, samples), at SAMPLE_RATE; silence after the end of a short file."""
        path = self.items[int(rng.integers(len(self.items)))].path
        length = min(_length_of(path), LONGEST_SEC)
        start = rng.uniform(0, max(0.0, length - self.seconds))
        stop = min(start + self.seconds, length)
        first, last = (Fraction(time).limit_denominator(1000) for time in (start, stop))
        read = read_recording(str(path), first, last)
        sound = in_channels(resample(read.samples, read.sample_rate, SAMPLE_RATE), self.channels)
        return torch.from_numpy(fit_length(sound, round(self.seconds * SAMPLE_RATE)))


@cache
def _length_of(path: Path) -> float:
    """Seconds of sound."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
    return read_recording(str(path)).duration
