"""The learnt codec at toy widths: lengths, pieces that equal the whole, and its own normalisation."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from footfall_bridge.errors import InvalidSettings, JobCancelled, WeightsMissing, WeightsUnusable
from footfall_engine.models.multifoley import codec as codecs
from footfall_engine.models.multifoley.codec import CODECS, OobleckCodec, OobleckShape, made
from footfall_engine.models.multifoley.sizes import HOP, LATENT_CHANNELS, SAMPLE_RATE
from safetensors.torch import save_file

from tests.engine.neural.golden import torch

TINY = OobleckShape(latent_channels=2, decoder_width=2, multiples=(1, 1, 2, 2))


def _tiny(channels: int = 1, seed: int = 0) -> OobleckCodec:
    torch.manual_seed(seed)
    return OobleckCodec(replace(TINY, channels=channels)).eval()


def _noise(channels: int, samples: int) -> torch.Tensor:
    return torch.randn(1, channels, samples, generator=torch.Generator().manual_seed(1)) * 0.3


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("seconds", [1 / SAMPLE_RATE, 0.2, 0.21234, 1.0, 8.0, 23.7])
def test_lengths_are_exact_both_ways(channels: int, seconds: float) -> None:
    codec, samples = _tiny(channels), round(seconds * SAMPLE_RATE)
    latents = codec.encode(_noise(channels, samples))
    assert latents.shape == (1, TINY.latent_channels, math.ceil(samples / HOP))
    assert codec.decode(latents, samples).shape == (1, channels, samples)


def test_the_published_size_has_forty_columns_of_64_values_a_second() -> None:
    with torch.device("meta"):
        codec = made("oobleck", 2)
    assert codec.shape.hop == HOP
    assert codec.network.encoder.conv2.out_channels == 2 * LATENT_CHANNELS
    assert 40e6 < sum(weight.numel() for weight in codec.network.parameters()) < 50e6


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("columns", [1, 30, 31, 150])
def test_pieces_equal_the_whole(channels: int, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    codec = _tiny(channels)
    samples = columns * HOP - 5
    sound = _noise(channels, samples)
    latents = codec.encode(sound)
    whole = codec.decode(latents, samples)
    monkeypatch.setattr(codecs, "_CHUNK", 30)
    assert (codec.encode(sound) - latents).abs().max() <= 1e-5
    assert (codec.decode(latents, samples) - whole).abs().max() <= 1e-5


@pytest.mark.parametrize("way", ["encoder", "decoder"])
def test_columns_depend_on_all_of_their_reach_and_no_more(way: str) -> None:
    """A narrower margin would be wrong, a much wider one would waste time."""
    codec, middle = _tiny().double(), 40
    if way == "encoder":
        given = torch.randn(1, 1, 2 * middle * HOP, dtype=torch.double, requires_grad=True)
        codec.network.encode(given).latent_dist.mean[..., middle].sum().backward()
        seen = given.grad.unflatten(-1, (-1, HOP)).abs().amax(-1)[0, 0]
    else:
        given = torch.randn(1, TINY.latent_channels, 2 * middle, dtype=torch.double, requires_grad=True)
        codec.network.decode(given).sample.unflatten(-1, (-1, HOP))[0, 0, middle].sum().backward()
        seen = given.grad.abs().amax(1)[0]
    distances = (seen.nonzero()[:, 0] - middle).abs()
    reach = getattr(TINY, f"{way}_reach")
    assert distances.max() == reach


def test_work_stops_between_pieces() -> None:
    calls: list[int] = []

    def stop() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise JobCancelled("cancelled")

    with pytest.raises(JobCancelled):
        _tiny().decode(torch.zeros(1, TINY.latent_channels, 1000), 1000 * HOP, stop)
    assert len(calls) == 2


def test_measured_latents_have_unit_spread_and_decode_as_before() -> None:
    codec, sound = _tiny(), _noise(1, SAMPLE_RATE)
    before = codec.encode(sound)
    heard = codec.decode(before, SAMPLE_RATE)
    codec.measure(before)
    after = codec.encode(sound)
    assert after.mean(-1).abs().max() < 1e-3
    assert (after.std(-1) - 1).abs().max() < 1e-2
    assert torch.allclose(codec.decode(after, SAMPLE_RATE), heard, atol=1e-5)
    codec.measure(after)
    assert torch.allclose(codec.encode(sound), after, atol=1e-2)


def test_a_codec_comes_back_from_disk_with_its_shape_mean_and_spread(tmp_path: Path) -> None:
    codec, sound = _tiny(channels=2), _noise(2, 9600)
    codec.measure(codec.encode(_noise(2, SAMPLE_RATE)))
    codecs.save(codec, tmp_path / "codec.safetensors")
    back = codecs.load(tmp_path / "codec.safetensors")
    assert back.shape == codec.shape
    assert torch.equal(back.encode(sound), codec.encode(sound))
    assert [file.name for file in tmp_path.iterdir()] == ["codec.safetensors"]


def test_files_that_hold_no_codec_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"no\.safetensors"):
        codecs.load(tmp_path / "no.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsUnusable, match=r"other\.safetensors is not a codec's"):
        codecs.load(tmp_path / "other.safetensors")


def test_codecs_are_made_by_name() -> None:
    with torch.device("meta"):
        assert [made(kind).channels for kind in CODECS] == [1, 1]
    with pytest.raises(InvalidSettings, match="no codec 'mp3'; there are oobleck, spectral"):
        made("mp3")
    with pytest.raises(InvalidSettings, match="mono"):
        made("spectral", 2)
