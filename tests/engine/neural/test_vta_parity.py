"""VTA-LDM against every recorded call of the original."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache, partial

import numpy as np
import pytest
from footfall_bridge.timeline import TimeRange
from footfall_engine.diffusion import guidance, stock
from footfall_engine.media import video
from footfall_engine.models import logmel
from footfall_engine.models.clip_pictures import cropped
from footfall_engine.models.vta_ldm import networks

from tests.engine.neural import golden_vta as golden
from tests.engine.neural.golden import difference, relative
from tests.engine.neural.golden_vta import CLOSE, ROUNDING, torch

pytestmark = pytest.mark.parity


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@cache
def unet() -> torch.nn.Module:
    return networks.unet(golden.weights("vta_model"), golden.config("vta_unet_config"), "tiny")


@cache
def vision() -> torch.nn.Module:
    return networks.vision(golden.weights("vta_model"), golden.config("vta_clip_vision_config"), "tiny")


@cache
def projector() -> torch.nn.Module:
    found = golden.weights("vta_model")
    return networks.projector(found, found[f"{networks.PROJECTOR}weight"].shape[0], "tiny")


def steps_in(recorded: dict[str, torch.Tensor]) -> int:
    return sum(key.endswith("_unet_out") for key in recorded)


@pytest.mark.parametrize("number", [0, 1])
def test_pictures_become_the_same_rows(number: int) -> None:
    recorded = golden.arrays("vta_sampler_io.npz")
    features = vision()(pixel_values=recorded[f"frames{number}"]).image_embeds
    told = partial(networks.told, projector(), features[None], None)
    assert difference(features, recorded[f"clip_embeds{number}"]) <= CLOSE
    assert difference(told(False)[0], recorded[f"proj{number}"]) <= CLOSE
    if number == 0:
        assert difference(told(True)[0], recorded["proj0_pe"]) <= CLOSE


def test_positions_are_the_same() -> None:
    recorded = golden.arrays("prep_io.npz")["pe30x512"]
    assert difference(networks.positions(recorded.shape[1], recorded), recorded) <= CLOSE


def test_velocity_is_predicted_alike() -> None:
    recorded = golden.arrays("vta_sampler_io.npz")
    assert steps_in(recorded)
    for step in range(steps_in(recorded)):
        velocity = unet()(
            recorded[f"step{step}_in"],
            recorded[f"step{step}_t"],
            recorded["cond"],
            encoder_attention_mask=recorded["cond_mask"],
            return_dict=False,
        )[0]
        assert difference(velocity, recorded[f"step{step}_unet_out"]) <= CLOSE, f"step {step}"


@pytest.fixture
def noise_of_the_recording(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    recorded = golden.arrays("vta_sampler_io.npz")
    left = iter([recorded[f"var_noise_{step}"] for step in range(steps_in(recorded))])
    monkeypatch.setattr("diffusers.schedulers.scheduling_ddpm.randn_tensor", lambda *_, **__: next(left))
    return recorded


@pytest.mark.parametrize("network", ["recorded", "ours"])
def test_every_step_of_the_published_sampler_matches(
    noise_of_the_recording: dict[str, torch.Tensor], network: str
) -> None:
    """With the original's predictions to the last digits; with our network, as close as networks are."""
    recorded = noise_of_the_recording
    asked: list[tuple[torch.Tensor, float]] = []

    def predict(latents: torch.Tensor, time: float, context: torch.Tensor) -> torch.Tensor:
        step = len(asked)
        asked.append((latents, time))
        if network == "recorded":
            return recorded[f"step{step}_unet_out"]
        mask = recorded["cond_mask"]
        return unet()(latents, time, context, encoder_attention_mask=mask, return_dict=False)[0]

    null, context = recorded["cond"].chunk(2)
    denoise = guidance.classifier_free(predict, context, null, 3.0)
    stepper = stock.scheduler(golden.config("vta_scheduler_config"))
    latents = stock.scheduled(stepper, denoise, recorded["init_noise"], steps_in(recorded))
    assert len(asked) == steps_in(recorded)
    close = ROUNDING if network == "recorded" else CLOSE
    for step, (given, time) in enumerate(asked):
        assert time == float(recorded[f"step{step}_t"])
        assert relative(given, recorded[f"step{step}_in"]) <= close
    assert relative(latents, recorded["latents"]) <= close


def test_mel_spectrogram_is_decoded_and_coded_alike() -> None:
    recorded = golden.arrays("vta_vae_hifigan_io.npz")
    sizes = golden.config("vta_vae_config")
    scale = {networks.LATENT_SCALE: torch.tensor(sizes["scale_factor"])}  # recorded apart from the weights
    net = networks.vae(golden.weights("vta_audioldm") | scale, "tiny")
    assert net.config.block_out_channels == tuple(sizes["ddconfig"]["ch"] * m for m in sizes["ddconfig"]["ch_mult"])
    assert net.config.layers_per_block == sizes["ddconfig"]["num_res_blocks"]
    mel = net.decode(recorded["z"] / net.config.scaling_factor, return_dict=False)[0]
    coded = net.encode(recorded["mel"], return_dict=False)[0]
    assert difference(mel, recorded["mel"]) <= CLOSE
    assert difference(coded.mean, recorded["enc_mean"]) <= CLOSE
    assert difference(coded.logvar, recorded["enc_logvar"]) <= CLOSE


def test_vocoder_speaks_alike() -> None:
    recorded = golden.arrays("vta_vae_hifigan_io.npz")
    wave = networks.vocoder(golden.weights("vta_audioldm"), "tiny")(recorded["mel"][:, 0])
    assert difference(wave, recorded["wav_float"]) <= CLOSE
    in_steps = torch.from_numpy((wave.numpy() * 32768).astype(np.int16))
    assert difference(in_steps, recorded["wav_int16"]) <= 1


def test_mel_of_sound_is_the_same() -> None:
    recorded = golden.arrays("prep_io.npz")
    assert difference(logmel.AUDIOLDM(recorded["mel_audio"][None]), recorded["audioldm_mel"]) <= CLOSE


@pytest.mark.parametrize("recorded", golden.CLIPS)
def test_pictures_of_real_clips_are_the_same_to_the_pixel(recorded: str) -> None:
    """Asked for at the original's frame numbers, which lie where a rate cut to whole numbers puts them."""
    path, theirs = golden.clip(recorded), golden.arrays("prep_io.npz")[f"vta_{recorded}"]
    facts = video.probe(path)
    every = list(video.read_frames(path, TimeRange(Fraction(0), facts.duration), grey=False))
    fps = int(facts.frame_rate)
    seconds = (len(every) + fps - 1) // fps
    wanted = [number for number in np.arange(0, seconds * fps, fps / 2).astype(int) if number < len(every)]
    ours = np.stack([cropped(every[number].image) for number in wanted]).transpose(0, 3, 1, 2)[:, :, ::16, ::16]
    assert difference(torch.from_numpy(ours.astype(np.float32) / 255), theirs) == 0
