"""FoleyCrafter's networks, samplers and preparations against every recorded call of the original."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from diffusers import AutoencoderKL, UNet2DConditionModel
from footfall_bridge.timeline import TimeRange
from footfall_engine.diffusion import guidance, stock
from footfall_engine.media import video
from footfall_engine.models import logmel
from footfall_engine.models import stock as networks_of
from footfall_engine.models.foleycrafter import detector, networks, timing
from footfall_engine.models.foleycrafter.pictures import for_clip

from tests.engine.neural import golden_vta as golden
from tests.engine.neural.golden import difference
from tests.engine.neural.golden_vta import CLOSE, torch

pytestmark = pytest.mark.parity
TIME, CONTROL = 501, 0.2


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@cache
def recorded() -> dict[str, Any]:
    return golden.arrays("fc_io.npz")


def plain_unet() -> Any:
    config = golden.config("fc_configs")["unet"]
    return networks_of.filled(lambda: UNet2DConditionModel.from_config(config), golden.weights("fc_unet"), "tiny")


@cache
def temporal() -> Any:
    return networks.temporal_adapter(plain_unet(), golden.weights("fc_temporal_adapter"), "tiny")


@cache
def unet() -> Any:
    made = plain_unet()
    networks.add_semantic_adapter(made, golden.weights("fc_semantic_adapter"), "tiny")
    return made


@cache
def vae() -> Any:
    config = golden.config("fc_configs")["vae"]
    return networks_of.filled(lambda: AutoencoderKL.from_config(config), golden.weights("fc_vae"), "tiny")


def for_each(one_or_all: Any) -> Any:
    """As many as there are latents."""
    return one_or_all.expand(len(recorded()["latents0"]), *one_or_all.shape[1:])


def told() -> tuple[Any, Any]:
    """Text of both halves of a guided batch, and the drawn condition of both."""
    found = recorded()
    drawn = for_each(temporal().drawn(found["cond_image"]))
    return torch.cat([for_each(found["neg_text"]), for_each(found["text"])]), torch.cat([drawn] * 2)


def seen(which: str) -> Any:
    """Pictures of both halves, nothing seen first: (b, pictures, n)."""
    pictures = recorded()["frame_embeds"][None]
    pictures = for_each(pictures.mean(1, keepdim=True) if which == "clipwise" else pictures)
    return torch.cat([torch.zeros_like(pictures), pictures])


def control(latents: Any, time: float) -> dict[str, Any]:
    down, middle = temporal()(latents, time, *told(), CONTROL)
    return {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}


def test_temporal_adapter_adds_the_same() -> None:
    found = recorded()
    given = control(torch.cat([found["latents0"]] * 2), TIME)
    for number, each in enumerate(given["down_block_additional_residuals"]):
        assert difference(each, found[f"cn_down{number}"]) <= CLOSE
    assert difference(given["mid_block_additional_residual"], found["cn_mid"]) <= CLOSE


def test_unet_without_eyes_predicts_alike() -> None:
    found, latents = recorded(), torch.cat([recorded()["latents0"]] * 2)
    made = plain_unet()(latents, TIME, told()[0], return_dict=False, **control(latents, TIME))[0]
    assert difference(made, found["unet_noip"]) <= CLOSE


@pytest.mark.parametrize("which", ["clipwise", "framewise"])
def test_pictures_become_the_same_tokens(which: str) -> None:
    tokens = unet().encoder_hid_proj([seen(which)])[0]
    assert difference(tokens, recorded()[f"tokens_{which}"]) <= CLOSE


@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("which", ["clipwise", "framewise"])
def test_what_is_seen_counts_as_much(which: str, scale: float) -> None:
    networks.set_semantic_scale(unet(), scale)
    latents, (text, drawn) = torch.cat([recorded()["latents0"]] * 2), told()
    made = networks.predicted(unet(), temporal(), latents, TIME, text, seen(which), drawn, CONTROL)
    assert difference(made, recorded()[f"unet_{which}_lam{scale}"]) <= CLOSE


@pytest.mark.parametrize("which", ["clipwise", "framewise"])
def test_text_and_pictures_are_attended_to_apart(which: str) -> None:
    networks.set_semantic_scale(unet(), 0.7)
    attention = unet().down_blocks[1].attentions[0].transformer_blocks[0].attn2
    context = (told()[0], unet().encoder_hid_proj([seen(which)]))
    made = attention(recorded()["dual_in"], encoder_hidden_states=context)
    assert difference(made, recorded()[f"dual_out_{which}_lam0.7"]) <= CLOSE


SCHEDULERS = {"pndm": "PNDMScheduler", "ddim": "DDIMScheduler", "euler": "EulerDiscreteScheduler"}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers' Euler, with numpy 2
@pytest.mark.parametrize("run", ["pndm_clipwise", "ddim_clipwise", "euler_clipwise", "pndm_framewise"])
def test_every_step_of_a_sample_matches(run: str) -> None:
    """Semantic scale 1, temporal scale 0.2, guidance 7.5. Each step goes on from where the original's ended; networks
    are in the loop, so it may be off by as much of the latents' range as networks may."""
    found, (kind, which) = recorded(), run.split("_")
    times = found[f"sample_{run}_t"].tolist()
    theirs = [found[f"sample_{run}_step{number}"] for number in range(len(times))]
    largest = max(float(latents.abs().max()) for latents in theirs)
    networks.set_semantic_scale(unet(), 1.0)
    text, drawn = told()
    heard: list[float] = []

    def predict(latents: Any, time: float, rows: Any) -> Any:
        heard.append(time)
        return networks.predicted(
            unet(), temporal(), latents, time, text[rows], seen(which)[rows], drawn[rows], CONTROL
        )

    null = torch.arange(len(found["latents0"]))
    denoise = guidance.classifier_free(predict, null + len(null), null, 7.5)
    stepper = stock.scheduler({"_class_name": SCHEDULERS[kind], **golden.config("fc_configs")["pndm"]})
    take_step = stepper.step

    def step(*given: Any, **more: Any) -> Any:
        number = len(heard) - 1
        assert difference(take_step(*given, **more).prev_sample, theirs[number]) <= CLOSE * largest, f"step {number}"
        return SimpleNamespace(prev_sample=theirs[number])

    stepper.step = step
    made = stock.scheduled(stepper, denoise, found["latents0"], len(set(times)))  # PNDM asks for one of them twice
    assert heard == times
    assert difference(made, found[f"sample_{run}_final"]) <= CLOSE * largest


def test_latents_become_the_same_spectrogram() -> None:
    found, net = recorded(), vae()
    decoded = net.decode(found["sample_pndm_clipwise_final"] / net.config.scaling_factor, return_dict=False)[0]
    picture = (decoded / 2 + 0.5).clamp(0, 1)
    assert difference(picture[0], found["mel_image"]) <= CLOSE
    assert difference(logmel.from_picture(picture)[0], found["mel"]) <= CLOSE * 20  # of a range of 17


@pytest.mark.parametrize("kind", ["even", "odd"])
def test_vocoder_speaks_alike(kind: str) -> None:
    found = golden.arrays("fc_vocoder_io.npz")
    net = networks.vocoder(golden.weights(f"fc_vocoder_{kind}"), golden.config(f"fc_vocoder_{kind}_config"), kind)
    wave = net(found[f"{kind}_mel"].transpose(1, 2))
    assert difference(wave[:, None], found[f"{kind}_wav"]) <= CLOSE
    in_steps = torch.from_numpy((wave.numpy() * 32768).astype(np.int16))
    assert difference(in_steps, found[f"{kind}_int16"]) <= 1


def test_mel_of_sound_and_its_picture_are_the_same() -> None:
    found = golden.arrays("prep_io.npz")
    audio = found["mel_audio"][None]
    bands = logmel.AUFFUSION(audio / audio.abs().max() * 0.95)  # as loud as all of its training
    assert difference(bands, found["auffusion_mel"]) <= CLOSE
    picture = logmel.to_picture(bands)
    assert difference(picture[0], found["auffusion_img"]) <= CLOSE
    assert difference(logmel.from_picture(picture), bands) <= CLOSE


def recipe(key: str, shape: tuple[int, ...]) -> Any:
    """Weights by their key, as they were recorded."""
    drawn = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape).astype(np.float32)
    if key.endswith("running_var"):
        return torch.from_numpy(0.5 + np.abs(drawn))
    if len(shape) > 1:
        return torch.from_numpy(drawn * np.float32(np.sqrt(2 / np.prod(shape[1:]))))
    return torch.from_numpy(1 + 0.1 * drawn if key.endswith("weight") else 0.1 * drawn)


@pytest.mark.heavy
def test_full_size_detector_finds_the_same() -> None:
    found = golden.arrays("fc_onset_io.npz")
    wanted = {
        key: tuple(tensor.shape)
        for key, tensor in detector.Detector().state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    net = detector.detector({key: recipe(key, shape) for key, shape in wanted.items()}, "recipe")
    sizes = {key: parsed for key in found if (parsed := re.fullmatch(r"out_seed(\d+)_(\d+)x(\d+)x(\d+)", key))}
    assert sizes
    for key, parsed in sizes.items():
        seed, *size = map(int, parsed.groups())
        drawn = np.random.default_rng(seed).standard_normal((*size, detector.SIDE, detector.SIDE)).astype(np.float32)
        assert difference(net(torch.from_numpy(drawn)), found[key]) <= CLOSE


def test_condition_of_the_detector_is_the_same() -> None:
    """Wherever a column does not lie on the very edge of two answers, where the original's rounding decides."""
    found = golden.arrays("fc_onset_io.npz")
    probabilities = found.pop("timecond_probs")[0].numpy()
    lengths = [key.removeprefix("timecond_") for key in found if key.startswith("timecond_")]
    assert lengths
    for length in lengths:
        theirs, seconds = found[f"timecond_{length}"].numpy(), float(length)
        picture = timing.picture(timing.of_probabilities(probabilities, 0.0, seconds), seconds)
        assert picture.shape == (1, timing.HEIGHT, len(theirs))
        assert (picture == picture[:, :1]).all()
        at = [column * len(probabilities) / (Fraction("102.4") * Fraction(length)) for column in range(len(theirs))]
        on_edge = np.array([place.denominator == 1 for place in at])
        assert np.array_equal(picture[0, 0][~on_edge], theirs[~on_edge]), f"{length} s"
        for column in np.flatnonzero(on_edge[: int(102.4 * seconds)]):
            assert picture[0, 0, column] == (1 if probabilities[int(at[column])] >= 0.5 else -1)


@pytest.mark.parametrize("name", golden.CLIPS)
def test_pictures_of_real_clips_are_the_same_to_the_pixel(name: str) -> None:
    path, found = golden.clip(name), golden.arrays("prep_io.npz")
    decoded = golden.config("prep_meta")[f"fc_{name}"]["decoded"]
    every = list(video.read_frames(path, TimeRange(Fraction(0), video.probe(path).duration), grey=False))
    wanted = np.minimum(np.linspace(0, decoded - 1, detector.PICTURES, dtype=int), len(every) - 1)[::30]
    images = [every[number].image for number in wanted]
    frames = torch.from_numpy(np.stack(images)[:, ::24, ::24])
    assert difference(frames, found[f"fc_{name}_frames"]) == 0
    asked = torch.stack([detector.prepared(image) for image in images])[..., ::8, ::8]
    assert difference(asked, found[f"fc_{name}_detector_in"]) <= CLOSE
    if f"fc_{name}_clip_pixels" in found:
        assert difference(for_clip(images)[..., ::16, ::16], found[f"fc_{name}_clip_pixels"]) == 0
