"""A trained MultiFoley on disk: a folder with config.json and model.safetensors.

The weights are those of the network, of the codec and of the words learnt with it, each under a prefix; T5 and CAVP,
which nobody trains here, lie elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from footfall_bridge.errors import WeightsMissing, WeightsUnusable
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from footfall_engine.models.multifoley import features, sizes
from footfall_engine.models.multifoley.dit import FoleyDiT
from footfall_engine.models.multifoley.sizes import Size
from footfall_engine.models.multifoley.text import T5_WIDTH, WORD_WIDTH, WordText
from footfall_engine.models.stock import under
from footfall_engine.models.weights import Weights, network, read_weights

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
NETWORK, WORDS, CODEC = "network.", "words.", "codec."


class Track(str, Enum):
    """What the network knows of the picture."""

    EVENTS = "events"  # the engine's own events and movement
    CAVP = "cavp"  # Diff-Foley's features, as published


class TextKind(str, Enum):
    WORDS = "words"
    T5 = "t5"


@dataclass(frozen=True)
class Config:
    """What is needed to make the networks that the weights fit, and to ask them as they were trained."""

    size: Size
    track: Track
    text: TextKind
    codec: str  # its kind
    codec_settings: dict[str, Any] = field(default_factory=dict)
    seconds: float = sizes.TRAINED_SEC  # of sound that the network was trained on at once
    words: tuple[str, ...] = ()
    word_width: int = WORD_WIDTH

    @property
    def track_channels(self) -> int:
        return features.CHANNELS[self.track.value]

    @property
    def text_width(self) -> int:
        return self.word_width if self.text is TextKind.WORDS else T5_WIDTH


class Codec(Protocol):
    """Between sound and latents of about unit deviation; any length, in bounded memory."""

    kind: str
    channels: int

    def encode(self, audio: Tensor, /) -> Tensor:
        """(b, channels, n) float32 → (b, LATENT_CHANNELS, ceil(n / HOP))."""
        ...

    def decode(self, latents: Tensor, samples: int, /) -> Tensor:
        """(b, LATENT_CHANNELS, t) → (b, channels, samples)."""
        ...

    def settings(self) -> dict[str, Any]:
        """What it is made anew from, with its weights."""
        ...

    def weights(self) -> Weights: ...


@dataclass(frozen=True)
class Trained:
    """What a checkpoint holds."""

    config: Config
    network: FoleyDiT
    words: WordText | None
    codec: Codec


def untrained(size: Size, track: Track, codec: Codec, seconds: float, words: tuple[str, ...] = ()) -> Trained:
    """Networks as they are before training; without `words`, for T5."""
    kind = TextKind.WORDS if words else TextKind.T5
    config = Config(size, track, kind, codec.kind, codec.settings(), seconds, words)
    return Trained(config, _network(config), _words(config), codec)


def save(trained: Trained, folder: Path) -> None:
    """Both files appear whole, the weights first."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / WEIGHTS_FILE, lambda part: _save_weights(trained, part))
    described = TypeAdapter(Config).dump_json(trained.config, indent=1)
    _write(folder / CONFIG_FILE, lambda part: part.write_bytes(described))


def load(folder: Path, dtype: torch.dtype | None = None) -> Trained:
    """WeightsMissing, or WeightsUnusable with what is wrong with the folder's files."""
    from footfall_engine.models.multifoley.codec import codec_of

    config = read_config(folder)
    path = folder / WEIGHTS_FILE
    weights = read_weights(path, dtype)
    return Trained(
        config,
        _filled(partial(_network, config), NETWORK, weights, path),
        _filled(partial(_words, config), WORDS, weights, path) if config.words else None,
        codec_of(config.codec, config.codec_settings, under(CODEC, _of(CODEC, weights))),
    )


def read_config(folder: Path) -> Config:
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise WeightsMissing(f"there is no {path}")
    try:
        return TypeAdapter(Config).validate_json(path.read_bytes())
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(map(str, fault["loc"])) or "its text"
        raise WeightsUnusable(f"{path}: {where}: {fault['msg']}", detail=str(error)) from error


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

    parts = {NETWORK: trained.network.state_dict(), CODEC: trained.codec.weights()}
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
