"""A codec that needs no training: mel-band levels as latents, sound from them by finding phases that fit.

It stands in for a learnt codec where a model must train in minutes on a CPU. What it keeps is the loudness of BANDS mel
bands each 12.5 ms; what it gives up is the fine structure inside a band: a pure tone comes back as a narrow band of
noise.

Conventions
-----------
Audio is mono float32, shape = (b, 1, samples), -1 … 1, 48 kHz. Latents are float32, shape = (b, 64, columns), a column
for each HOP samples: for each of the SLICES parts of a column the logarithms of the BANDS levels, low bands first.
Levels are root mean squares over a band of the spectrum's amplitudes, 1 for a sine at full scale. Phases are found by
Griffin & Lim's method with momentum (Perraudin, Balazs & Søndergaard 2013), always from the same ones.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from footfall_bridge.errors import InvalidSettings
from torch import Tensor, nn
from torch.nn import functional as F

from footfall_engine.models.multifoley.chunks import Between, Chunks
from footfall_engine.models.multifoley.sizes import HOP, LATENT_CHANNELS, SAMPLE_RATE, columns_of

SLICES = 2  # of a column
BANDS = LATENT_CHANNELS // SLICES
HIGHEST_HZ = 20_000.0
WINDOW = HOP  # samples
QUIETEST = 1e-4  # level: -80 dB of full scale
LOG_MEAN, LOG_SPREAD = -8.0, 1.5  # of ln(level + QUIETEST), near those of sparse contacts: silence is at -0.81

_SLICE = HOP // SLICES  # samples
_FINE = _SLICE // 2  # samples between the spectra that phases are found for
_ITERATIONS = 16
_MOMENTUM = 0.99
_SHARPENINGS = 12
_CHUNK = 400  # columns
_ENCODE_MARGIN = 1  # columns that a column is heard in
_DECODE_MARGIN = (_ITERATIONS + 1) * WINDOW // HOP + 1
_PHASES = 1600  # spectra after which the first phases repeat


class SpectralCodec(nn.Module):
    """Mono, nothing to learn; the same latents always give the same sound."""

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        if channels != 1:
            raise InvalidSettings(f"the spectral codec makes mono, not {channels} channels")
        self.channels = channels

    @torch.no_grad()
    def encode(self, audio: Tensor, between: Between = lambda: None) -> Tensor:
        """(b, 1, n) → (b, 64, ceil(n / HOP))."""
        whole = F.pad(audio[:, 0], (0, columns_of(audio.shape[-1]) * HOP - audio.shape[-1]))
        return Chunks(HOP, 1, _CHUNK, _ENCODE_MARGIN).run(lambda piece, _: _latents(piece), whole, between)

    @torch.no_grad()
    def decode(self, latents: Tensor, samples: int, between: Between = lambda: None) -> Tensor:
        """(b, 64, t) → (b, 1, samples), samples ≤ t * HOP."""
        return Chunks(1, HOP, _CHUNK, _DECODE_MARGIN).run(_sound, latents, between)[:, None, :samples]


def _latents(audio: Tensor) -> Tensor:
    """(b, columns * HOP) → (b, 64, columns)."""
    around = (WINDOW - _SLICE) // 2
    spectrum = _spectrum(F.pad(audio.float(), (around, around)), _SLICE, center=False)  # (b, bins, slices)
    levels = (_mean_over_band().to(audio.device) @ spectrum.abs().square()).sqrt()
    slices = ((levels + QUIETEST).log() - LOG_MEAN) / LOG_SPREAD
    return slices.unflatten(-1, (-1, SLICES)).permute(0, 3, 1, 2).flatten(1, 2)


def _sound(latents: Tensor, first_column: int) -> Tensor:
    """(b, 64, columns) → (b, columns * HOP)."""
    slices = latents.float().unflatten(1, (SLICES, BANDS)).permute(0, 2, 3, 1).flatten(2)  # (b, bands, slices)
    levels = ((slices * LOG_SPREAD + LOG_MEAN).exp() - QUIETEST).clamp(0, 2)
    amplitudes = _between(_spread(levels.square()).sqrt())
    phases = _first_phases(first_column * HOP // _FINE, amplitudes.shape[-1]).to(latents.device)
    return _with_fitting_phases(amplitudes, phases, latents.shape[-1] * HOP)


def _spread(powers: Tensor) -> Tensor:
    """Powers of bins whose means over the bands are those given (Richardson 1972, Lucy 1974)."""
    means = _mean_over_band().to(powers.device)
    share = means / means.sum(0).clamp(min=1e-12)
    inside = share.sum(0)[:, None]
    bins = means.T @ powers / means.sum(0).clamp(min=1e-12)[:, None] * inside
    for _ in range(_SHARPENINGS):
        bins = bins * (share.T @ (powers / (means @ bins).clamp(min=1e-12)))
    return bins


def _between(slices: Tensor) -> Tensor:
    """Spectra every _FINE samples, the first and the last at the edges, from one in the middle of each slice."""
    edges = F.pad(slices, (1, 1), mode="replicate")
    halves = (edges[..., 1:] + edges[..., :-1]) / 2
    fine = torch.stack([halves[..., :-1], slices], dim=-1).flatten(-2)
    return torch.cat([fine, halves[..., -1:]], dim=-1)


def _with_fitting_phases(amplitudes: Tensor, phases: Tensor, samples: int) -> Tensor:
    """Sound whose spectra have about those amplitudes: (b, bins, spectra) → (b, samples)."""
    ahead = amplitudes * phases
    before = torch.zeros_like(ahead)
    for _ in range(_ITERATIONS):
        consistent = _spectrum(_joined(ahead, samples), _FINE)
        pushed = consistent + _MOMENTUM * (consistent - before)
        ahead, before = amplitudes * pushed / pushed.abs().clamp(min=1e-9), consistent
    return _joined(ahead, samples)


def _spectrum(audio: Tensor, hop: int, center: bool = True) -> Tensor:
    """(b, n) → (b, bins, spectra) complex; a sine at full scale has amplitude 1."""
    window = _window(audio.device)
    made = torch.stft(audio, WINDOW, hop, window=window, center=center, pad_mode="constant", return_complex=True)
    return made * (2 / window.sum())


def _joined(spectra: Tensor, samples: int) -> Tensor:
    window = _window(spectra.device)
    return torch.istft(spectra * (window.sum() / 2), WINDOW, _FINE, window=window, length=samples)


def _window(device: torch.device) -> Tensor:
    return torch.hann_window(WINDOW, device=device)


@cache
def _mean_over_band() -> Tensor:
    """Weights of bins in bands, each band's of sum 1, shape = (BANDS, bins)."""
    from transformers.audio_utils import mel_filter_bank

    triangles = mel_filter_bank(WINDOW // 2 + 1, BANDS, 0.0, HIGHEST_HZ, SAMPLE_RATE, norm=None, mel_scale="slaney")
    weights = torch.from_numpy(triangles).float().T
    return (weights / weights.sum(1, keepdim=True)).contiguous()


def _first_phases(first: int, count: int) -> Tensor:
    """Unit phasors for spectra from the `first` of the whole on, so that a piece begins as the whole would."""
    return _phasors()[:, torch.arange(first, first + count) % _PHASES]


@cache
def _phasors() -> Tensor:
    turns = torch.rand(WINDOW // 2 + 1, _PHASES, generator=torch.Generator().manual_seed(0))
    return torch.polar(torch.ones_like(turns), turns * math.tau)
