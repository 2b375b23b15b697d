"""Each network against the recorded outputs of the original, tiny and at full size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from footfall_engine.diffusion.guidance import gradient
from footfall_engine.models.diff_foley import latent, networks
from footfall_engine.models.diff_foley.cavp import POOLED_ROWS
from footfall_engine.models.diff_foley.mel import BANDS
from footfall_engine.models.diff_foley.pictures import SIDE

from tests.engine.neural import golden
from tests.engine.neural.golden import difference, torch

pytestmark = pytest.mark.parity
CLOSE = 1e-4
FRAMES_PER_ROW = 16  # of a mel spectrogram, of the audio encoder's features


# ---- tiny


def test_video_features_match() -> None:
    recorded = golden.arrays("cavp_video_tiny.npz")
    net = networks.cavp(golden.weights("cavp_video_tiny.safetensors"), golden.tiny_shape(), "tiny")
    batch, rows = recorded["feat_raw"].shape[:2]
    height, width = (2 * side for side in golden.notes("cavp_video_tiny.npz")["stage_shapes"]["conv1"][-2:])
    pictures = golden.recipe().uniform(101, batch, rows, 3, height, width)
    assert difference(net.encode_video(pictures), recorded["feat_norm"]) <= CLOSE
    assert difference(net.encode_video(pictures, normalize=False), recorded["feat_raw"]) <= CLOSE
    assert difference(net.encode_video(pictures[:, :POOLED_ROWS], pool=True), recorded["pooled16"]) <= CLOSE
    assert difference(net.encode_video(pictures[:, :1]), recorded["feat_T1"]) <= CLOSE


def test_each_stage_of_the_video_encoder_matches() -> None:
    recorded, noted = golden.arrays("cavp_video_tiny.npz"), golden.notes("cavp_video_tiny.npz")
    net = networks.cavp(golden.weights("cavp_video_tiny.safetensors"), golden.tiny_shape(), "tiny")
    batch, _, rows, *sides = noted["stage_shapes"]["conv1"]
    encoder = net.video_encoder
    heard = outputs(encoder, lambda name: name if name.startswith("layer") and "." not in name else "")
    pooled = encoder(golden.recipe().uniform(101, batch, rows, 3, *(2 * side for side in sides)).transpose(1, 2))
    assert {*heard} == {"layer1", "layer2", "layer3", "layer4"}
    heard["adaptive_pool"] = pooled.transpose(1, 2)[..., None, None]
    for stage, made in heard.items():
        assert list(made.shape) == noted["stage_shapes"][stage]
        assert level(made) == pytest.approx(noted["stage_mean_std"][stage], abs=CLOSE), stage
    assert difference(heard["adaptive_pool"], recorded["adaptive_pool"]) <= CLOSE
    part = tuple(slice(0, side) for side in recorded["layer4"].shape)
    assert difference(heard["layer4"][part], recorded["layer4"]) <= CLOSE


def outputs(net: torch.nn.Module, place: Callable[[str], str]) -> dict[str, torch.Tensor]:
    """What modules will have made last, by the place that `place` gives to a module's name; "" for none."""
    heard: dict[str, torch.Tensor] = {}

    def listen(where: str, module: torch.nn.Module) -> None:
        def hear(module: torch.nn.Module, given: Any, made: Any) -> None:
            heard[where] = (made if isinstance(made, torch.Tensor) else made[0]).detach()

        module.register_forward_hook(hear)

    for name, module in net.named_modules():
        if where := place(name):
            listen(where, module)
    return heard


def level(values: torch.Tensor) -> tuple[float, float]:
    return float(values.mean()), float(values.std())


def test_features_become_the_same_context() -> None:
    recorded, shape = golden.arrays("cond_stage_tiny.npz"), golden.tiny_shape()
    rows = recorded["video_feat"][:, : recorded["ldm_cond"].shape[1]]
    embed = networks.condition(golden.ldm_weights(), shape, "tiny")
    judge = networks.alignment(golden.weights("classifier_tiny.safetensors"), shape, "tiny")
    assert difference(embed(rows), recorded["ldm_cond"]) <= CLOSE
    assert difference(judge.cond_model(rows), recorded["classifier_cond_model"]) <= CLOSE


def test_noise_is_predicted_alike() -> None:
    recorded = golden.arrays("unet_tiny.npz")
    net = networks.unet(golden.ldm_weights(), golden.tiny_shape(), "tiny")

    def predicted(time: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        return net(recorded["x"], time, context, return_dict=False)[0]

    context = recorded["context"]
    heard = outputs(net, block_of)
    assert difference(predicted(recorded["t"], context), recorded["eps"]) <= CLOSE
    assert difference(heard["time_embed"], recorded["time_embed"]) <= CLOSE
    noted = golden.notes("unet_tiny.npz")["block_stats"]
    assert {*noted} == {*heard}
    for block, (shape, *mean_and_std) in noted.items():
        assert list(heard[block].shape) == shape
        assert level(heard[block]) == pytest.approx(mean_and_std, abs=CLOSE), block
    whole = torch.tensor([500, 1]).repeat(len(context))[: len(context)]
    assert difference(predicted(whole, context), recorded["eps_t_int_500_1"]) <= CLOSE
    assert difference(predicted(recorded["t"], torch.zeros_like(context)), recorded["eps_zero_context"]) <= CLOSE


def block_of(module: str) -> str:
    """The block of the original UNet that a module of ours belongs to; "" for the whole and its ends."""
    if module == "time_embedding":
        return "time_embed"
    block = latent.original_unet_key(f"{module}.weight", golden.tiny_shape().unet).removeprefix(latent.UNET_PREFIX)
    kind, number, *_ = block.split(".")
    if kind == "middle_block":
        return kind
    return f"{kind}.{number}" if kind in ("input_blocks", "output_blocks") else ""


def test_latents_decode_and_encode_alike() -> None:
    recorded = golden.arrays("vae_tiny.npz")
    net = networks.vae(golden.ldm_weights(), golden.tiny_shape(), "tiny")
    decoded = net.decode(recorded["z_scaled"] / net.config.scaling_factor, return_dict=False)[0]
    coded = net.encode(recorded["mel_in"][:, None].repeat(1, 3, 1, 1), return_dict=False)[0]
    assert difference(decoded, recorded["decoded"]) <= CLOSE
    assert difference(coded.parameters, recorded["moments"]) <= CLOSE
    assert difference(coded.mean, recorded["mean"]) <= CLOSE
    assert difference(coded.logvar, recorded["logvar"]) <= CLOSE
    assert difference(coded.std, recorded["std"]) <= CLOSE


@pytest.mark.parametrize("features", ["raw_feat", "cond_model"])
def test_alignment_and_its_gradient_match(features: str) -> None:
    recorded = golden.arrays("classifier_tiny.npz")
    judge = networks.alignment(golden.weights("classifier_tiny.safetensors"), golden.tiny_shape(), "tiny")
    embedded = recorded["cond_model_out32"]
    assert difference(judge.cond_model(recorded["video_feat_raw"][:, : embedded.shape[1]]), embedded) <= CLOSE
    context = recorded["video_feat_raw"] if features == "raw_feat" else embedded

    def likely(latents: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        return judge.model(latents, time, context)

    probability = likely(recorded["x"], recorded["t"]).exp()[:, None]
    assert difference(probability, recorded[f"prob_{features}"]) <= CLOSE
    assert difference(gradient(likely, recorded["x"], recorded["t"]), recorded[f"grad_logp_{features}"]) <= CLOSE


# ---- full size


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_full_size_video_and_audio_features_match() -> None:
    recorded = golden.arrays("full_cavp.npz")
    net = golden.full_size("cavp")
    assert difference(net.logit_scale.exp(), recorded["logit_scale"]) <= CLOSE
    batch, rows = recorded["video_feat33_norm"].shape[:2]
    pictures = golden.recipe().uniform(1001, batch, rows, 3, SIDE, SIDE)
    assert difference(net.encode_video(pictures), recorded["video_feat33_norm"]) <= CLOSE
    assert difference(net.encode_video(pictures[:, :POOLED_ROWS], pool=True), recorded["video_pooled16"]) <= CLOSE
    raw = recorded["video_feat4_raw"]
    assert difference(net.encode_video(pictures[:, : raw.shape[1]], normalize=False), raw) <= CLOSE
    batch, rows = recorded["spec_feat_norm"].shape[:2]
    mel = golden.recipe().uniform(1002, batch, BANDS, FRAMES_PER_ROW * rows)
    assert difference(net.encode_audio(mel), recorded["spec_feat_norm"]) <= CLOSE
    assert difference(net.encode_audio(mel, normalize=False), recorded["spec_feat_raw"]) <= CLOSE
    assert difference(net.encode_audio(mel, pool=True), recorded["spec_pooled"]) <= CLOSE


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_full_size_context_alignment_and_gradient_match() -> None:
    conditions, recorded = golden.arrays("full_cond.npz"), golden.arrays("full_classifier.npz")
    rows = conditions["video_feat"]
    embed, judge = golden.full_size("condition"), golden.full_size("alignment")
    window = rows[:, : conditions["ldm_cond"].shape[1]]
    assert difference(embed(window), conditions["ldm_cond"]) <= CLOSE
    embedded = judge.cond_model(window)
    assert difference(embedded, conditions["classifier_cond_model"]) <= CLOSE
    latents = golden.recipe().normal(1007, *recorded["grad_raw"].shape)
    time = torch.full((len(latents),), 500.5)
    for name, context in (("raw", rows), ("cond", embedded)):

        def likely(x: torch.Tensor, t: torch.Tensor, context: torch.Tensor = context) -> torch.Tensor:
            return judge.model(x, t, context)

        assert difference(likely(latents, time).exp()[:, None], recorded[f"prob_{name}"]) <= CLOSE
        assert difference(gradient(likely, latents, time), recorded[f"grad_{name}"]) <= CLOSE


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_full_size_latents_decode_and_encode_alike() -> None:
    recorded = golden.arrays("full_vae.npz")
    net = golden.full_size("vae")
    batch, moments, rows, columns = recorded["moments"].shape
    latents = golden.recipe().normal(1005, batch, moments // 2, rows, columns) * 0.9
    one_colour = (batch, 1, *recorded["decoded"].shape[2:])
    mel = golden.recipe().uniform(1006, *one_colour).repeat(1, 3, 1, 1)
    decoded = net.decode(latents / net.config.scaling_factor, return_dict=False)[0]
    assert difference(decoded, recorded["decoded"]) <= CLOSE
    assert difference(net.encode(mel, return_dict=False)[0].parameters, recorded["moments"]) <= CLOSE


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_full_size_noise_is_predicted_alike() -> None:
    recorded, context = golden.arrays("full_unet.npz"), golden.arrays("full_cond.npz")["ldm_cond"]
    both = torch.cat([torch.zeros_like(context), context])
    latents = golden.recipe().normal(1004, *recorded["eps"].shape)
    predicted = golden.full_size("unet")(latents, recorded["t"], both, return_dict=False)[0]
    assert difference(predicted, recorded["eps"]) <= CLOSE
