"""Rates of the latents, and sizes of the network that denoises them.

The paper gives 12 layers, 48 kHz, 40 Hz and 64 channels, and no width; `base` is near the widths of its relatives.
"""

from __future__ import annotations

from dataclasses import dataclass

SAMPLE_RATE = 48_000  # Hz
LATENT_RATE = 40  # columns per second
HOP = SAMPLE_RATE // LATENT_RATE  # samples of one column
LATENT_CHANNELS = 64
TRAINED_SEC = 8.0  # the paper's clips
CAVP_RATE = 8  # rows of features per second
CAVP_FEATURES = 512


@dataclass(frozen=True)
class Size:
    width: int  # of a token
    layers: int
    heads: int
    mlp_ratio: int = 4

    def __post_init__(self) -> None:
        if min(self.width, self.layers, self.heads, self.mlp_ratio) < 1 or self.width % (2 * self.heads):
            raise ValueError(f"a width of {self.width} cannot be shared out among {self.heads} heads, even for each")

    @property
    def head_width(self) -> int:
        return self.width // self.heads


SIZES = {
    "tiny": Size(128, 6, 4),
    "small": Size(448, 12, 7),
    "base": Size(1024, 12, 16),
}


def columns_of(samples: int) -> int:
    """Latents of so many samples."""
    return -(-samples // HOP)
