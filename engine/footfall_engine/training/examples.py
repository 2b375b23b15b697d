"""What a network learns from: examples drawn one by one, each from a random generator of its own.

Since an example depends on its generator alone, training knows where it is in its data by counting steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from footfall_bridge.errors import BadRequest
from footfall_bridge.messages import Quality
from torch import Tensor, nn

from footfall_engine.media.audio import Audio
from footfall_engine.models.multifoley.codec import Codec
from footfall_engine.models.multifoley.job import in_channels


@dataclass(frozen=True)
class Example:
    """One stretch of sound, of what is seen with it and what is said of it."""

    latents: Tensor  # (LATENT_CHANNELS, t)
    track: Tensor | None  # (track_channels, t); None: no picture
    caption: str
    quality: Quality


class Source(Protocol):
    def draw(self, rng: np.random.Generator, /) -> Example: ...

    @property
    def captions(self) -> Sequence[str]:
        """All that may be said."""
        ...


@dataclass(frozen=True)
class Mix:
    """Examples of several sources, each as often as its share says."""

    sources: tuple[Source, ...]
    shares: tuple[float, ...]

    def draw(self, rng: np.random.Generator, /) -> Example:
        at = rng.choice(len(self.sources), p=np.asarray(self.shares) / sum(self.shares))
        return self.sources[int(at)].draw(rng)

    @property
    def captions(self) -> list[str]:
        return [caption for source in self.sources for caption in source.captions]


def balanced(with_picture: Sequence[Source], without: Sequence[Source], share_with_picture: float = 0.5) -> Mix:
    """Films and recordings in a fixed proportion, however much there is of either; BadRequest for no data at all."""
    if not with_picture and not without:
        raise BadRequest("there is nothing to train on: no films and no recordings")
    share = 1.0 if not without else 0.0 if not with_picture else share_with_picture
    groups = ((with_picture, share), (without, 1 - share))
    weighted = [(source, part / len(group)) for group, part in groups for source in group if part > 0]
    return Mix(tuple(source for source, _ in weighted), tuple(weight for _, weight in weighted))


def without_pictures(source: Source) -> Source:
    """The same sounds as text-audio data."""
    return _Unseen(source)


@dataclass(frozen=True)
class _Unseen:
    source: Source

    def draw(self, rng: np.random.Generator, /) -> Example:
        seen = self.source.draw(rng)
        return Example(seen.latents, None, seen.caption, seen.quality)

    @property
    def captions(self) -> Sequence[str]:
        return self.source.captions


def as_tensor(track: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(track, np.float32))


@torch.no_grad()
def encoded(codec: Codec, sound: Audio) -> Tensor:
    """Latents (LATENT_CHANNELS, columns) of sound (channels, samples) at SAMPLE_RATE, wherever the codec runs."""
    weights = codec.state_dict().values() if isinstance(codec, nn.Module) else ()
    device = next((tensor.device for tensor in weights), torch.device("cpu"))
    fitting = torch.from_numpy(np.ascontiguousarray(in_channels(sound, codec.channels)))
    return codec.encode(fitting[None].to(device))[0].cpu()
