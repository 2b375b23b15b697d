"""The published notebook's way from a mel spectrogram to sound, to the last bit.

It takes spectrograms of 16 kHz for such of 22.05 kHz, so that 440 Hz come out at 319 Hz. It stands on librosa's
``mel_to_stft`` and ``griffinlim``; their arithmetic is followed here down to the width of every sum, because
Griffin-Lim makes a difference in the last bit one that is seen. For sound to be heard, see `mel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from footfall_engine.models.diff_foley.mel import HOP, MOMENTUM, ROUNDS, WINDOW, mel_basis

NOTEBOOK_RATE = 22_050  # Hz
_BLOCK_BYTES = 2**18
_PATIENCE = 1e-5  # a gradient that the optimiser takes for none

Floats = NDArray[np.float32]


def sound(mel: Floats, phase: NDArray[np.float64]) -> Floats:
    """Mel spectrogram (BANDS, t), 0…1, and a first phase (WINDOW // 2 + 1, t) → audio ((t - 1) * HOP,)."""
    return griffin_lim(magnitudes(amplitudes(mel), NOTEBOOK_RATE), phase)


def amplitudes(mel: Floats) -> Floats:
    return (10 ** ((mel * 100 - 100 + 20) / 20)).astype(np.float32)


def magnitudes(bands: Floats, sample_rate: int) -> Floats:
    """A spectrum without negative parts whose mel bands are about these: (BANDS, t) → (WINDOW // 2 + 1, t).

    The optimiser's loss is a mean over a whole block, so for most sounds it is content with where it starts, which is
    the clipped least-squares solution.
    """
    basis = mel_basis(sample_rate)
    columns = max(1, _BLOCK_BYTES // (bands.shape[0] * basis.itemsize))
    blocks = [bands[:, first : first + columns] for first in range(0, bands.shape[1], columns)]
    return np.concatenate([_not_negative(basis, block) for block in blocks], axis=1)


def _not_negative(basis: Floats, bands: Floats) -> Floats:
    start = np.clip(np.linalg.pinv(basis) @ bands, 0, None)

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        rest = basis @ values.reshape(start.shape) - bands
        return float(0.5 * np.sum(rest**2) / bands.size), (basis.T @ rest).ravel() / bands.size

    _, slope = loss(start.astype(np.float64))
    possible = np.where(start.ravel() > 0, slope, np.minimum(slope, 0))  # what is 0 cannot fall
    if np.abs(possible).max() <= _PATIENCE:
        return start.astype(np.float32)
    from scipy.optimize import fmin_l_bfgs_b

    found, _, _ = fmin_l_bfgs_b(loss, start.ravel(), m=basis.shape[1], bounds=[(0, None)] * start.size)
    return found.reshape(start.shape).astype(np.float32)


def griffin_lim(magnitude: Floats, phase: NDArray[np.float64] | None = None) -> Floats:
    """Audio whose spectrum has about these magnitudes; from zero phase when None."""
    spectrum = np.ones(magnitude.shape, np.complex64) if phase is None else np.exp(1j * phase).astype(np.complex64)
    spectrum *= magnitude
    before: NDArray[Any] | None = None
    for _ in range(ROUNDS):
        rebuilt = _spectrum(_overlap_added(spectrum))
        spectrum = rebuilt.copy()
        if before is not None:
            spectrum -= (MOMENTUM / (1 + MOMENTUM)) * before
        spectrum /= np.abs(spectrum) + np.finfo(np.float32).tiny
        spectrum *= magnitude
        before = rebuilt
    return _overlap_added(spectrum)


def _window() -> NDArray[np.float64]:
    from scipy.signal import get_window

    return np.asarray(get_window("hann", WINDOW, fftbins=True))


def _spectrum(audio: Floats) -> NDArray[np.complex64]:
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(audio, WINDOW // 2), WINDOW)[::HOP]
    return np.fft.rfft((frames * _window()).T, axis=0).astype(np.complex64)


def _overlap_added(spectrum: NDArray[np.complex64]) -> Floats:
    window, frames = _window(), spectrum.shape[1]
    pieces = window[:, None] * np.fft.irfft(spectrum, n=WINDOW, axis=0)
    audio, envelope = np.zeros((2, WINDOW + HOP * (frames - 1)), np.float32)
    squared = (window / np.abs(window).max()) ** 2
    for frame in range(frames):
        audio[frame * HOP : frame * HOP + WINDOW] += pieces[:, frame]
        envelope[frame * HOP : frame * HOP + WINDOW] += squared
    inside = slice(WINDOW // 2, WINDOW // 2 + HOP * (frames - 1))
    audio, envelope = audio[inside], envelope[inside]
    heard = envelope > np.finfo(np.float32).tiny
    audio[heard] /= envelope[heard]
    return audio
