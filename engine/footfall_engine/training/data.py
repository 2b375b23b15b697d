"""What commands train on, put together from folders, rendered contacts and whatever codes and reads it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from footfall_bridge.errors import BadRequest
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from footfall_engine.models.multifoley import codec as codecs
from footfall_engine.models.multifoley.checkpoint import OOBLECK, Config, Track
from footfall_engine.models.multifoley.codec import Codec, OobleckCodec
from footfall_engine.models.multifoley.guidance import TAGS
from footfall_engine.models.multifoley.model import NAME
from footfall_engine.models.multifoley.sizes import Size
from footfall_engine.models.multifoley.text import T5_FOLDER, T5Text, vocabulary
from footfall_engine.models.runtime import Runtime
from footfall_engine.models.store import model_folder
from footfall_engine.training import folder
from footfall_engine.training.crew import Crew
from footfall_engine.training.examples import Source, balanced
from footfall_engine.training.folder import Item, Prepared, Workshop
from footfall_engine.training.rendered import HELD_OUT, RenderedContacts
from footfall_engine.training.seeing import seeing

SPECTRAL = "spectral"


class SoundSource(Protocol):
    def draw_sound(self, rng: np.random.Generator, /) -> Tensor: ...


def codec(named: str, device: torch.device) -> Codec:
    """The analytical one by its name, or a trained one by its file."""
    made: Any = codecs.made(SPECTRAL) if named == SPECTRAL else codecs.load(Path(named))
    return made.to(device).eval() if isinstance(made, nn.Module) else made


def config(size: Size, track: Track, codec: Codec, seconds: float, words: tuple[str, ...]) -> Config:
    """BadRequest for so few seconds or so many that no network can be made for them."""
    kind = OOBLECK if isinstance(codec, OobleckCodec) else SPECTRAL
    described = {
        "size": size,
        "track": track,
        "codec": kind,
        "channels": codec.channels,
        "seconds": seconds,
        "words": words,
    }
    try:
        return TypeAdapter(Config).validate_python(described)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise BadRequest(f"--{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error


def t5(device: torch.device, precision: torch.dtype) -> T5Text:
    """WeightsMissing says where they should lie."""
    text = T5Text.in_folder(model_folder(NAME) / T5_FOLDER, precision)
    text.encoder.to(device)
    return text


def words(source: Source) -> tuple[str, ...]:
    """All that captions and tags say."""
    return vocabulary([*source.captions, *TAGS.values()])


def workshop(made: Codec, track: Track, place: Path, crew: Crew, precision: torch.dtype) -> Workshop:
    return Workshop(made, track, seeing(track, Runtime(crew.device, precision)), place, crew)


def sources(
    prepared: Sequence[Prepared], workshop: Workshop, seconds: float, share_with_picture: float, held_out: float,
    rendered: bool,
) -> tuple[Source, Source | None]:  # fmt: skip
    """To train on, and, if there is some, never to train on. BadRequest where there is nothing to train on."""
    if rendered and workshop.track is not Track.EVENTS:
        raise BadRequest("rendered contacts have no pictures that CAVP could see: train on them with events")
    training, unseen = folder.split(prepared, held_out)
    both = []
    for files, first_seed in ((training, 0), (unseen, HELD_OUT)):
        films, recordings = folder.sources(files, seconds)
        seen: list[Source] = [*films]
        if rendered:
            seen.append(RenderedContacts(workshop.codec, seconds, first_seed=first_seed))
        both.append((seen, recordings))
    unseen_source = balanced(*both[1], share_with_picture) if any(both[1]) else None
    return balanced(*both[0], share_with_picture), unseen_source


def sounds(
    items: Sequence[Item], seconds: float, channels: int, held_out: float, rendered: bool
) -> tuple[SoundSource, SoundSource | None]:
    """For a codec: to train on, and never to train on."""
    training, unseen = folder.split(items, held_out)
    if not training and not rendered:
        raise BadRequest("there is nothing to train on: no recordings")
    if not training:
        rendering = RenderedContacts(codecs.made(SPECTRAL), seconds)
        return rendering, RenderedContacts(codecs.made(SPECTRAL), seconds, first_seed=HELD_OUT)
    return folder.Sounds(tuple(training), seconds, channels), folder.Sounds(
        tuple(unseen), seconds, channels
    ) if unseen else None
