"""The codec that needs no training: lengths, timing, timbres, and pieces that equal the whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
from footfall_bridge.messages import Quality
from footfall_engine.contacts import Contact
from footfall_engine.models.multifoley import spectral_codec
from footfall_engine.models.multifoley.sizes import HOP, LATENT_CHANNELS, SAMPLE_RATE
from footfall_engine.models.multifoley.spectral_codec import SpectralCodec
from footfall_engine.training.timbres import TIMBRES, sound_of

from tests.engine.neural.golden import torch

CODEC = SpectralCodec()
DB = 20 * spectral_codec.LOG_SPREAD / math.log(10)  # of one unit of the latents
TIMES = (0.4, 0.913, 1.5007, 2.2, 2.65)  # seconds
STRENGTHS = (1.0, 0.5, 0.8, 0.1, 0.3)


def _sound(timbre: str, seed: int = 0) -> torch.Tensor:
    contacts = [Contact(time, strength, 0.0, 0.2) for time, strength in zip(TIMES, STRENGTHS, strict=True)]
    return torch.from_numpy(sound_of(contacts, timbre, Quality.HIGH, 3.2, np.random.default_rng(seed)))[None, None]


def _onset(sound: np.ndarray, near: float) -> float:
    """When 5 ms of sound first hold a quarter of the most that they do around a time."""
    around = slice(round((near - 0.1) * SAMPLE_RATE), round((near + 0.2) * SAMPLE_RATE))
    energy = np.convolve(sound**2, np.ones(240))[: len(sound)][around]
    return (around.start + int(np.argmax(energy > energy.max() / 4))) / SAMPLE_RATE


@pytest.mark.parametrize("samples", [1, HOP - 1, HOP, 9600, 48_001, 123_456])
def test_lengths_are_exact(samples: int) -> None:
    latents = CODEC.encode(torch.randn(2, 1, samples) * 0.1)
    assert latents.shape == (2, LATENT_CHANNELS, math.ceil(samples / HOP))
    assert CODEC.decode(latents, samples).shape == (2, 1, samples)


def test_silence_stays_silence() -> None:
    assert CODEC.decode(CODEC.encode(torch.zeros(1, 1, 24_000)), 24_000).abs().max() == 0


@pytest.mark.parametrize("timbre", TIMBRES)
def test_onsets_come_back_within_a_quarter_of_a_column(timbre: str) -> None:
    sound = _sound(timbre)
    back = CODEC.decode(CODEC.encode(sound), sound.shape[-1])
    for time in TIMES:
        moved = _onset(back[0, 0].numpy(), time) - _onset(sound[0, 0].numpy(), time)
        assert abs(moved) < HOP / SAMPLE_RATE / 4 + 0.002


@pytest.mark.parametrize("timbre", TIMBRES)
def test_what_is_decoded_is_heard_as_what_was_encoded(timbre: str) -> None:
    sound = _sound(timbre)
    latents = CODEC.encode(sound)
    again = CODEC.encode(CODEC.decode(latents, sound.shape[-1]))
    loud = latents > latents.max() - 20 / DB
    assert (again - latents)[loud].square().mean().sqrt() * DB < 1
    assert 0.3 < latents.std() < 1.5


def test_timbres_are_told_apart_after_the_codec() -> None:
    """The nearest mean spectrum of other takes names every take's timbre."""

    def spectrum(sound: torch.Tensor) -> torch.Tensor:
        latents = CODEC.encode(CODEC.decode(CODEC.encode(sound), sound.shape[-1]))
        return latents[0].unflatten(0, (-1, spectral_codec.BANDS)).mean((0, 2))

    known = {timbre: spectrum(_sound(timbre, seed=1)) for timbre in TIMBRES}
    for timbre in TIMBRES:
        heard = spectrum(_sound(timbre, seed=2))
        assert min(known, key=lambda name: (known[name] - heard).norm().item()) == timbre


def test_pieces_equal_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = _sound("metal") + _sound("gravel")
    latents = CODEC.encode(sound)
    whole = CODEC.decode(latents, sound.shape[-1])
    monkeypatch.setattr(spectral_codec, "_CHUNK", 25)
    assert (CODEC.encode(sound) - latents).abs().max() <= 1e-5
    assert (CODEC.decode(latents, sound.shape[-1]) - whole).abs().max() <= 1e-5


def test_a_batch_is_decoded_as_each_of_its_items() -> None:
    both = torch.cat([_sound("metal"), _sound("rubber")])
    latents = CODEC.encode(both)
    each = torch.cat([CODEC.decode(one[None], both.shape[-1]) for one in latents])
    assert torch.allclose(CODEC.decode(latents, both.shape[-1]), each, atol=1e-4)
