"""The front and the back end: sound to mel and back."""

from __future__ import annotations

import numpy as np
import pytest
from footfall_engine.models.diff_foley import mel, notebook
from numpy.typing import NDArray

from tests.engine.neural import golden
from tests.engine.neural.golden import difference, relative, torch

SCIPY_CLOSE = 1e-2  # what another version of scipy may change
STORED_CLOSE = 1e-3  # spectra are recorded with 16 bits


@pytest.mark.parity
def test_the_mel_spectrogram_matches() -> None:
    recorded = golden.arrays("mel_griffinlim.npz")
    ours = mel.mel_spectrogram(recorded["wav_in"][None], recorded["mel"].shape[1])[0]
    assert difference(ours, recorded["mel"]) <= 1e-4
    assert relative(mel.amplitudes(recorded["mel"]), recorded["lin_mel"]) <= 1e-4


@pytest.mark.parity
@pytest.mark.parametrize("rate", [notebook.NOTEBOOK_RATE, mel.SAMPLE_RATE])
def test_the_inverse_matches_the_original(rate: int) -> None:
    recorded = golden.arrays("mel_griffinlim.npz")
    assert difference(torch.from_numpy(mel.mel_basis(rate)), recorded[f"fb_sr{rate}"]) <= 1e-6
    found = notebook.magnitudes(recorded["lin_mel"].numpy(), rate)
    assert relative(torch.from_numpy(found), recorded[f"stft_mag_sr{rate}"]) <= STORED_CLOSE
    audio = torch.from_numpy(notebook.griffin_lim(found, phase_of_seed_0(found.shape)))
    assert len(audio) == int(recorded[f"wav_len_sr{rate}"])
    start = recorded[f"wav_sr{rate}_rs0"]
    assert relative(audio[: len(start)], start) <= SCIPY_CLOSE
    # from zero phase, rounding alone moves single samples by a tenth, in librosa too; the level is what can be compared
    _, level, _, mean_of_seed_0, *level_and_peak = recorded[f"wav_stats_sr{rate}"].tolist()
    assert float(torch.from_numpy(notebook.griffin_lim(found)).std()) == pytest.approx(level, rel=1e-2)
    assert float(audio.mean()) == pytest.approx(mean_of_seed_0, abs=1e-5)
    assert [float(audio.std()), float(audio.abs().max())] == pytest.approx(level_and_peak, rel=SCIPY_CLOSE)


@pytest.mark.parity
def test_griffin_lim_matches_the_original(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = golden.arrays("mel_griffinlim.npz")
    magnitude = recorded["gl_small_mag"].numpy()
    from_seed = notebook.griffin_lim(magnitude, phase_of_seed_0(magnitude.shape))
    assert difference(torch.from_numpy(notebook.griffin_lim(magnitude)), recorded["gl_small_wav_initNone"]) <= 1e-4
    assert difference(torch.from_numpy(from_seed), recorded["gl_small_wav_rs0"]) <= 1e-4
    monkeypatch.setattr(notebook, "ROUNDS", 1)
    once = torch.from_numpy(notebook.griffin_lim(magnitude))
    assert difference(once, recorded["gl_small_wav_1iter_initNone"]) <= 1e-4


def phase_of_seed_0(shape: tuple[int, ...]) -> NDArray[np.float64]:
    return 2 * np.pi * np.random.RandomState(0).random_sample(shape)


@pytest.mark.parity
def test_griffin_lim_on_the_device_starts_as_the_original_does(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = golden.arrays("mel_griffinlim.npz")
    magnitude = recorded["gl_small_mag"][None]
    monkeypatch.setattr(mel, "ROUNDS", 1)
    once = mel.griffin_lim(magnitude, torch.zeros_like(magnitude), (magnitude.shape[2] - 1) * mel.HOP)[0]
    theirs = recorded["gl_small_wav_1iter_initNone"]
    assert (
        float((once - theirs).norm() / theirs.norm()) <= 5e-3
    )  # where there is nearly no sound, rounding turns phases


def tone(seconds: float, hertz: float = 440.0) -> torch.Tensor:
    return (
        0.3 * torch.sin(2 * torch.pi * hertz * torch.arange(round(seconds * mel.SAMPLE_RATE)) / mel.SAMPLE_RATE)[None]
    )


def there_and_back(audio: torch.Tensor, seed: int) -> torch.Tensor:
    frames = mel.frames_of(audio.shape[1])
    magnitude = mel.magnitudes(mel.amplitudes(mel.mel_spectrogram(audio, frames)))
    phase = mel.flowing_phase(magnitude, mel.random_phase(torch.Generator().manual_seed(seed)))
    return mel.griffin_lim(magnitude, phase, audio.shape[1])


def loudest_hz(audio: torch.Tensor) -> float:
    middle = audio[len(audio) // 4 : -len(audio) // 4].numpy()
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 16 * len(middle)))
    return float(np.argmax(spectrum) * mel.SAMPLE_RATE / (16 * len(middle)))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("hertz", [440.0, 1000.0, 261.6])
def test_a_tone_keeps_its_pitch(seed: int, hertz: float) -> None:
    audio = there_and_back(tone(4.0, hertz), seed)
    assert loudest_hz(audio[0]) == pytest.approx(hertz, abs=2 if hertz == 440 else 0.01 * hertz)


def test_the_notebook_lowers_a_tone() -> None:
    bands = mel.mel_spectrogram(tone(2.0), mel.frames_of(tone(2.0).shape[1]))[0].numpy()
    audio = notebook.sound(bands, phase_of_seed_0((mel.WINDOW // 2 + 1, bands.shape[1])))
    assert loudest_hz(torch.from_numpy(audio)) == pytest.approx(319, abs=5)


@pytest.mark.parametrize("samples", [8000, 8001, 131_072, 70_000])
def test_a_click_stays_where_it_was(samples: int) -> None:
    audio = torch.zeros(1, samples)
    audio[0, samples // 2] = 1.0
    found = there_and_back(audio, seed=1)
    assert found.shape == audio.shape
    assert abs(int(found[0].abs().argmax()) - samples // 2) <= mel.WINDOW // 2


@pytest.mark.parametrize("frames", [5, 8, 11])
def test_a_spectrogram_that_is_too_short_goes_on_as_it_ends(frames: int) -> None:
    bands = torch.rand(2, mel.BANDS, 8, generator=torch.Generator().manual_seed(0))
    fitted = mel.fit_frames(bands, frames)
    assert fitted.shape[2] == frames
    assert torch.equal(fitted[..., :8], bands[..., :frames])
    assert torch.equal(fitted[..., 8:], bands[..., -1:].expand(-1, -1, max(0, frames - 8)))


def test_the_same_seed_gives_the_same_samples_and_another_one_others() -> None:
    one, again, other = (there_and_back(tone(1.0), seed) for seed in (7, 7, 8))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_bands_of_the_found_spectrum_are_the_bands_asked_for() -> None:
    noise = torch.randn(2, 16_000, generator=torch.Generator().manual_seed(0))
    bands = mel.amplitudes(mel.mel_spectrogram(0.1 * noise, 62))
    found = mel.magnitudes(bands)
    again = torch.from_numpy(mel.mel_basis(mel.SAMPLE_RATE)) @ found
    assert float(found.min()) >= 0
    assert float((again - bands).norm() / bands.norm()) < 0.01
