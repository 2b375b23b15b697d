"""Variants as files: their names, their writing, and the note inside that says how each was made."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from footfall_bridge import __version__, messages
from footfall_bridge.messages import Controls, Generate, Regenerate, Stem
from footfall_bridge.timeline import TimeRange

from footfall_engine.media import video, wav
from footfall_engine.media.audio import Audio
from footfall_engine.media.ceiling import TruePeakCeiling
from footfall_engine.models.registry import ModelRow, controls_used
from footfall_engine.progress import ProgressFn

REFERENCE_PART = ("reference_in", "reference_out")
CHANGES = (
    "video", "prompt", "negative", "seed", "model", "reference", *REFERENCE_PART, "events", *Controls.model_fields,
)  # fmt: skip
"""Keys of a regenerate that change how the stem was made."""
Note = dict[str, Any]
"""How a stem was made, as it stands in the file."""


@dataclass(frozen=True)
class StemForm:
    """What all stems of a job have in common."""

    sample_rate: int
    channels: int
    position: int  # samples, on the timeline


@dataclass(frozen=True)
class Take:
    """One variant to be made: its number, seed and file."""

    variant: int
    seed: int
    path: Path


def takes_of(request: Generate | Regenerate, source: str, prompt: str, finished: Sequence[Stem]) -> list[Take]:
    """Variants still to be made; those finished before an interruption are left as they are."""
    assert request.seed is not None, "the queue gives every job a seed"
    there = {stem.variant for stem in finished if Path(stem.path).is_file()}
    name = "_".join(filter(None, [_slug(source), _slug(prompt), hashlib.sha256(request.id.encode()).hexdigest()[:8]]))
    folder = Path(request.stem_folder)
    return [
        Take(variant, (request.seed + variant - 1) % messages.SEED_LIMIT, folder / f"{name}_v{variant}.wav")
        for variant in range(1, request.variants + 1)
        if variant not in there
    ]


def seeds_of(takes: list[Take]) -> list[int]:
    return [take.seed for take in takes]


def _slug(text: str) -> str:
    return re.sub(r"[^\w]+", "-", text).strip("-")[:32]


def without_take(name: str) -> str:
    return re.sub(r"_[0-9a-f]{8}_v\d+$", "", name)


def stem_bytes(samples: int, channels: int) -> int:
    return samples * channels * wav.BYTES_PER_SAMPLE


class LimitedStem:
    """A stem that is being written, under the true-peak ceiling."""

    def __init__(self, writer: wav.StemWriter, channels: int) -> None:
        self.writer = writer
        self._channels = channels
        self._ceiling = TruePeakCeiling(channels)

    def write(self, audio: Audio) -> None:
        self.writer.write(self._ceiling.feed(audio))

    def flush(self) -> None:
        self.writer.write(self._ceiling.flush())
        self._ceiling = TruePeakCeiling(self._channels)


Fill = Callable[[list[Take], list[LimitedStem], ProgressFn], None]
"""Writes the sound of some takes into their files."""


@contextmanager
def open_stems(takes: list[Take], form: StemForm, notes: list[Note], job_id: str) -> Iterator[list[LimitedStem]]:
    """A file for each take; they appear together when all are complete, and not at all after an error."""
    with ExitStack() as files:
        stems = []
        for take, note in zip(takes, notes, strict=True):
            writer = wav.StemWriter(take.path, form.sample_rate, form.channels, form.position, note, job_id)
            stems.append(LimitedStem(files.enter_context(writer), form.channels))
        yield stems
        for stem in stems:
            stem.flush()


def copy_pcm(old: wav.StemFacts, start: int, end: int, stems: list[LimitedStem]) -> None:
    for begin, until in wav.blocks(start, end):
        pcm = wav.read_pcm(old, begin, until)
        for stem in stems:
            stem.writer.write_pcm(pcm)


def announcement(take: Take, stem: LimitedStem, position: int) -> Stem:
    """What is told of a finished stem."""
    return Stem(
        id=stem.writer.reference,
        variant=take.variant,
        path=str(take.path),
        seed=take.seed,
        start=position,
        samples=stem.writer.samples,
        rate=stem.writer.sample_rate,
    )


# ---- how it was made


def provenance(request: Generate, seed: int, row: ModelRow, region: TimeRange, rate: Fraction) -> Note:
    """What goes into the file: enough for anyone to tell how it was made, and for us to make a part of it anew."""
    asked = messages.to_fields(request)
    for key in ("id", "type", "variants", "stem_folder"):
        asked.pop(key)
    exact = {"in": str(region.start), "out": str(region.end), "frame_rate": str(rate), "model": row.name, "seed": seed}
    return {
        "originator": wav.ORIGINATOR,
        "note": "synthetic sound",
        "version": __version__,
        "model": row.name,
        "weights": row.weights_licence,
        "prompt": request.prompt,
        "seed": seed,
        "controls": controls_used(request, row),
        "picture": video.file_version(request.video),
        "request": {"type": "generate", "stem_folder": ".", **asked, **exact},
        "patches": [],
    }


def provenance_around(
    old: wav.StemFacts, request: Generate, seed: int, row: ModelRow, region: TimeRange, rate: Fraction
) -> Note:
    """Of a stem that was extended: what was made around it, and how it was made itself."""
    return {**provenance(request, seed, row, region, rate), "kept": old.provenance}


def provenance_of_patch(
    old: wav.StemFacts, made: Generate, seed: int, row: ModelRow, spans: Sequence[TimeRange]
) -> Note:
    asked, before = messages.to_fields(made), old.provenance["request"]
    how = {key: asked[key] for key in CHANGES if key in asked}
    if how.get("events") == before.get("events"):  # a long list, and it is in the note already
        how.pop("events", None)
    how |= {"seed": seed, "controls": controls_used(made, row), "version": __version__}
    patches = [{"in": str(span.start), "out": str(span.end), **how} for span in spans]
    there = {"request": {**before, "video": made.video}, "picture": video.file_version(made.video)}
    return {**old.provenance, **there, "patches": [*old.provenance.get("patches", []), *patches]}
