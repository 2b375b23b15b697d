"""A trained MultiFoley on disk: a folder with config.json, model.safetensors and codec.safetensors.

The weights are those of the network and of the words learnt with it, each under a prefix; a codec that learns nothing
has no file. T5 and CAVP, which nobody trains here, lie elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
from footfall_bridge.errors import WeightsMissing, WeightsUnusable
from pydantic import Field, TypeAdapter, ValidationError
from torch import Tensor

from footfall_engine.media.video import file_identity
from footfall_engine.models.multifoley import codec as codecs
from footfall_engine.models.multifoley import features, sizes
from footfall_engine.models.multifoley.codec import Codec, OobleckCodec
from footfall_engine.models.multifoley.dit import FoleyDiT
from footfall_engine.models.multifoley.sizes import Size
from footfall_engine.models.multifoley.text import T5_WIDTH, WORD_WIDTH, WordText
from footfall_engine.models.stock import under
from footfall_engine.models.weights import Weights, network, read_weights

CONFIG_FILE, WEIGHTS_FILE, CODEC_FILE = "config.json", "model.safetensors", "codec.safetensors"
SHORTEST_SEC = 0.5  # of sound at once: less leaves no room for context
OOBLECK = "oobleck"  # the codec that learns
NETWORK, WORDS = "network.", "words."


class Track(str, Enum):
    """What the network knows of the picture."""

    EVENTS = "events"  # the engine's own events and movement
    CAVP = "cavp"  # Diff-Foley's features, as published


@dataclass(frozen=True)
class Config:
    """What is needed to make the networks that the weights fit, and to ask them as they were trained."""

    size: Size
    track: Track
    codec: str  # of CODECS
    channels: Annotated[int, Field(ge=1, le=2)] = 1  # of sound
    seconds: Annotated[float, Field(ge=SHORTEST_SEC, le=60)] = sizes.TRAINED_SEC  # of sound, in training
    words: tuple[str, ...] = ()  # that text is read by; none: by T5
    word_width: int = WORD_WIDTH

    @property
    def track_channels(self) -> int:
        return features.CHANNELS[self.track.value]

    @property
    def text_width(self) -> int:
        return self.word_width if self.words else T5_WIDTH


@dataclass(frozen=True)
class Trained:
    """What a checkpoint holds."""

    config: Config
    network: FoleyDiT
    words: WordText | None  # None: it reads T5
    codec: Codec


def untrained(config: Config, codec: Codec | None = None) -> Trained:
    """What a configuration describes, before training; with a codec that is trained already, if one is given."""
    return Trained(config, _network(config), _words(config), codec or codecs.made(config.codec, config.channels))


def save(trained: Trained, folder: Path) -> None:
    """Each file appears whole, the configuration last."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(trained.codec, OobleckCodec):
        codecs.save(trained.codec, folder / CODEC_FILE)
    _write(folder / WEIGHTS_FILE, lambda part: _save_weights(trained, part))
    described = TypeAdapter(Config).dump_json(trained.config, indent=1)
    _write(folder / CONFIG_FILE, lambda part: part.write_bytes(described))


def load(folder: Path, dtype: torch.dtype | None = None) -> Trained:
    """WeightsMissing, or WeightsUnusable with what is wrong with the folder's files."""
    config = read_config(folder)
    path = folder / WEIGHTS_FILE
    weights = read_weights(path, dtype)
    return Trained(
        config,
        _filled(partial(_network, config), NETWORK, weights, path),
        _filled(partial(_words, config), WORDS, weights, path) if config.words else None,
        codecs.load(folder / CODEC_FILE) if config.codec == OOBLECK else codecs.made(config.codec, config.channels),
    )


def identity(folder: Path) -> str:
    """Which weights lie in a folder now; training may put others there."""
    return file_identity(_existing(folder / WEIGHTS_FILE))


def read_config(folder: Path) -> Config:
    path = _existing(folder / CONFIG_FILE)
    try:
        return TypeAdapter(Config).validate_json(path.read_bytes())
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(map(str, fault["loc"])) or "its text"
        raise WeightsUnusable(f"{path}: {where}: {fault['msg']}", detail=str(error)) from error


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise WeightsMissing(f"there is no trained MultiFoley in {path.parent}: {path.name} is not there")
    return path


def _network(config: Config) -> FoleyDiT:
    return FoleyDiT(config.size, config.track_channels, config.text_width)


def _words(config: Config) -> WordText | None:
    return WordText(config.words, config.word_width) if config.words else None


def _filled(make: Callable[[], Any], prefix: str, weights: Mapping[str, Tensor], path: Path) -> Any:
    return network(make, under(prefix, _of(prefix, weights)), path.name)


def _of(prefix: str, weights: Mapping[str, Tensor]) -> Weights:
    return {key: tensor for key, tensor in weights.items() if key.startswith(prefix)}


def _save_weights(trained: Trained, path: Path) -> None:
    from safetensors.torch import save_file

    parts = {NETWORK: trained.network.state_dict()}
    if trained.words is not None:
        parts[WORDS] = trained.words.state_dict()
    named = {prefix + key: tensor for prefix, part in parts.items() for key, tensor in part.items()}
    save_file({key: tensor.detach().cpu().clone().contiguous() for key, tensor in named.items()}, path)


def _write(path: Path, write: Callable[[Path], Any]) -> None:
    part = path.with_name(path.name + ".part")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
