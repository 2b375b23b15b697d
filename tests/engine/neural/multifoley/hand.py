"""A MultiFoley whose parts are set by hand, so that what it must do can be written down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="neural models need the 'neural' extra")

from footfall_engine.models.multifoley import checkpoint  # noqa: E402
from footfall_engine.models.multifoley.checkpoint import Config, Track, Trained  # noqa: E402
from footfall_engine.models.multifoley.dit import Told  # noqa: E402
from footfall_engine.models.multifoley.model import MultiFoley  # noqa: E402
from footfall_engine.models.multifoley.networks import Networks  # noqa: E402
from footfall_engine.models.multifoley.sizes import HOP, LATENT_CHANNELS, Size, columns_of  # noqa: E402
from footfall_engine.models.runtime import Runtime  # noqa: E402
from torch import Tensor, nn  # noqa: E402

CPU = Runtime(torch.device("cpu"), torch.float32)
WORDS = ("ball", "hammer", "steps", "high", "low", "quality")
SECONDS = 2.0
CONFIG = Config(Size(32, 2, 2), Track.EVENTS, "spectral", seconds=SECONDS, words=WORDS, word_width=8)


def seeded(config: Config = CONFIG, seed: int = 0) -> Trained:
    """Networks with random weights, none of them zero."""
    made = checkpoint.untrained(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for network in (made.network, made.words):
            for parameter in [] if network is None else network.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return made


class HeldCodec(nn.Module):
    """Keeps the first sample of each LATENT_CHANNELS-th of a column, and holds it: exact for sound that does so."""

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.channels = channels

    def encode(self, audio: Tensor, between: Any = None) -> Tensor:
        columns = columns_of(audio.shape[-1])
        whole = nn.functional.pad(audio.mean(1), (0, columns * HOP - audio.shape[-1]))
        firsts = -(-torch.arange(LATENT_CHANNELS) * HOP // LATENT_CHANNELS)
        return whole.unflatten(-1, (columns, HOP))[..., firsts].mT

    def decode(self, latents: Tensor, samples: int, between: Any = None) -> Tensor:
        places = (torch.arange(HOP) * LATENT_CHANNELS) // HOP
        audio = latents.mT[..., places].flatten(1)[:, None, :samples]
        return audio.expand(-1, self.channels, -1)


@dataclass
class Call:
    """What the network was asked once."""

    latents: Tensor
    time: float
    told: Told
    given: Tensor


class Listening(nn.Module):
    """Finds a fixed share of what it hears to be noise, and remembers how it was asked."""

    def __init__(self, share: float = 0.5) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.tensor(share))
        self.calls: list[Call] = []

    def forward(self, latents: Tensor, time: Tensor, told: Told, given: Tensor) -> Tensor:
        self.calls.append(Call(latents.clone(), float(time[0]), told, given.clone()))
        return latents * self.share


class ByHand(MultiFoley):
    """The model with a network that listens and a codec without loss."""

    def __init__(self, folder: Path, config: Config = CONFIG, **options: Any) -> None:
        super().__init__(folder=folder, runtime=CPU, **options)
        self.network = Listening()
        text: Any = seeded(config).words
        self.nets = Networks(replace(config), self.network, text, HeldCodec(), None)  # type: ignore[arg-type]

    def _networks(self, runtime: Runtime, progress: Any) -> Networks:
        return self.nets
