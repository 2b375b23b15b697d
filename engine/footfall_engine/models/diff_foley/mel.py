"""Sound to mel spectrograms, and back without its phase.

Conventions
-----------
Audio is mono float32, shape = (batch, samples), 16 kHz. Frame n of a spectrogram is centred on sample n * HOP; a mel
spectrogram is float32, shape = (batch, BANDS, frames), its amplitudes in dB put on 0 (-80 dB or less) … 1 (+20 dB).
The definitions are those of Diff-Foley's training data; Griffin-Lim is the accelerated one (Perraudin et al. 2013).
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

SAMPLE_RATE = 16_000  # Hz
WINDOW = 1024  # samples
HOP = 256  # samples
BANDS = 128
LOWEST_HZ, HIGHEST_HZ = 125.0, 7600.0
QUIETEST = 1e-5  # amplitude below which all is silence

ROUNDS = 32  # of Griffin-Lim
MOMENTUM = 0.99
_INVERSE_ROUNDS = 30  # after which a tone's bands are met to 0.1 %


def frames_of(samples: int) -> int:
    """Frames that so many samples make."""
    return math.ceil(samples / HOP)


def fit_frames(mel: Tensor, frames: int) -> Tensor:
    """So many frames: what is too long is cut, and what is too short goes on as it ends."""
    last = mel.shape[2] - 1
    return mel[:, :, torch.arange(frames, device=mel.device).clamp(max=last)]


def mel_spectrogram(audio: Tensor, frames: int) -> Tensor:
    """Mel spectrogram of so many frames; audio that is shorter is followed by silence."""
    samples = frames * HOP - 1  # one more would begin another frame
    audio = F.pad(audio[:, :samples], (0, max(0, samples - audio.shape[1])))
    bands = _on(audio, mel_basis(SAMPLE_RATE)) @ _stft(audio).abs()
    decibels = 20 * bands.clamp(min=QUIETEST).log10()
    return ((decibels + 80) / 100).clamp(0, 1)


def amplitudes(mel: Tensor) -> Tensor:
    """What each band held before it was put on 0…1."""
    return 10 ** ((mel * 100 - 80) / 20)


def magnitudes(bands: Tensor) -> Tensor:
    """A spectrum without negative parts whose mel bands are these: (b, BANDS, t) → (b, WINDOW // 2 + 1, t).

    Projected gradient descent with Nesterov's momentum, from the clipped least-squares solution.
    """
    basis = _on(bands, mel_basis(SAMPLE_RATE))
    best = (_on(bands, _pseudo_inverse()) @ bands).clamp(min=0)
    ahead, inertia = best, 1.0
    for _ in range(_INVERSE_ROUNDS):
        better = (ahead - _step() * (basis.T @ (basis @ ahead - bands))).clamp(min=0)
        grown = (1 + math.sqrt(1 + 4 * inertia**2)) / 2
        ahead = better + (inertia - 1) / grown * (better - best)
        best, inertia = better, grown
    return best


def griffin_lim(magnitude: Tensor, phase: Tensor, samples: int) -> Tensor:
    """Audio whose spectrum has about these magnitudes: (b, WINDOW // 2 + 1, t) → (b, samples).

    `phase`, radians, shape = as magnitude, is where it starts.
    """
    spectrum = torch.polar(magnitude, phase)
    smallest = torch.finfo(torch.float32).tiny
    before: Tensor | None = None
    for _ in range(ROUNDS):
        rebuilt = _stft(_istft(spectrum, (magnitude.shape[2] - 1) * HOP))
        pushed = rebuilt if before is None else rebuilt - (MOMENTUM / (1 + MOMENTUM)) * before
        spectrum = pushed / (pushed.abs() + smallest) * magnitude
        before = rebuilt
    return _istft(spectrum, samples)


def flowing_phase(magnitude: Tensor, first: Tensor) -> Tensor:
    """Phases that turn as fast as the spectrum's peaks say: (b, bins, t), from a first (b, bins, 1).

    Each bin follows its nearest peak, whose frequency lies on the parabola through it and its neighbours (Beauregard
    et al. 2015). From a random phase alone, Griffin-Lim leaves a tone up to 3 Hz off its pitch.
    """
    level = magnitude.clamp(min=QUIETEST).log()
    below, above = level.roll(1, 1), level.roll(-1, 1)
    peak = (level > below) & (level >= above)
    peak[:, [0, -1]] = False
    bins = torch.arange(magnitude.shape[1], device=magnitude.device)[None, :, None]
    curve = (below - 2 * level + above).clamp(max=-QUIETEST)
    frequency = bins + (0.5 * (below - above) / curve).clamp(-0.5, 0.5)
    nearest = _nearest(peak, bins)
    turned = 2 * math.pi * HOP / WINDOW * frequency.gather(1, nearest)
    return (first + turned.cumsum(2) - turned[:, :, :1]).remainder(2 * math.pi)


def _nearest(peak: Tensor, bins: Tensor) -> Tensor:
    """The bin of the nearest peak, for each bin of each frame; its own where a frame has none."""
    far = 2 * peak.shape[1]
    under = torch.where(peak, bins, -far).cummax(1).values
    over = torch.where(peak, bins, far).flip(1).cummin(1).values.flip(1)
    nearest = torch.where(bins - under <= over - bins, under, over)
    return torch.where(nearest.clamp(0, peak.shape[1] - 1) == nearest, nearest, bins)


def random_phase(generator: torch.Generator) -> Tensor:
    """A first frame's phases, radians, shape = (1, WINDOW // 2 + 1, 1), on the CPU."""
    return 2 * math.pi * torch.rand(1, WINDOW // 2 + 1, 1, generator=generator)


@cache
def mel_basis(sample_rate: int) -> NDArray[np.float32]:
    """Triangles of Slaney's mel scale and area, shape = (BANDS, WINDOW // 2 + 1)."""
    from transformers.audio_utils import mel_filter_bank

    bins = WINDOW // 2 + 1
    basis = mel_filter_bank(bins, BANDS, LOWEST_HZ, HIGHEST_HZ, sample_rate, norm="slaney", mel_scale="slaney")
    return np.ascontiguousarray(basis.T, dtype=np.float32)


@cache
def _pseudo_inverse() -> NDArray[np.float32]:
    return np.linalg.pinv(mel_basis(SAMPLE_RATE))


@cache
def _step() -> float:
    """As far as a gradient may be followed: one over the largest curvature."""
    return float(1 / np.linalg.norm(mel_basis(SAMPLE_RATE), 2) ** 2)


def _on(like: Tensor, basis: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(basis).to(like)


def _stft(audio: Tensor) -> Tensor:
    window = torch.hann_window(WINDOW, device=audio.device)
    return torch.stft(audio, WINDOW, HOP, window=window, center=True, pad_mode="constant", return_complex=True)


def _istft(spectrum: Tensor, samples: int) -> Tensor:
    window = torch.hann_window(WINDOW, device=spectrum.device)
    return torch.istft(spectrum, WINDOW, HOP, window=window, center=True, length=samples)
