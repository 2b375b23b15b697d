"""Networks that hear, of toy size in the layout of the published ones, and the measures that come from them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footfall_bridge.errors import WeightsUnusable
from footfall_engine import contacts
from footfall_engine.cli.app import app
from footfall_engine.evaluation import distances
from footfall_engine.evaluation.clips import mono
from footfall_engine.evaluation.sounds import MEASURES, evaluate_sounds
from footfall_engine.media import wav
from typer.testing import CliRunner

from tests.engine.neural.golden import torch

from footfall_engine.evaluation import clap, panns, vggish  # isort: skip
from footfall_engine.evaluation.listeners import PANNS, VGGISH, loaded  # isort: skip

CPU = torch.device("cpu")
WORDS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "a", "b", "c", "m", "p", "h", "e", "r", "Ġ"]


def noise(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.2, round(seconds * rate)).astype(np.float32)


def random_state(network: Any, seed: int = 0) -> dict[str, Any]:
    """Tensors of a network's shapes; variances and norms above 0."""
    generator = torch.Generator().manual_seed(seed)
    made = {}
    for key, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            made[key] = tensor
            continue
        values = torch.randn(tensor.shape, generator=generator) / max(1.0, float(np.prod(tensor.shape[1:]))) ** 0.5
        made[key] = values.abs() + 0.5 if "running_var" in key or ("bn" in key and key.endswith("weight")) else values
    return made


def mel_weights() -> Any:
    from transformers.audio_utils import mel_filter_bank

    return torch.from_numpy(mel_filter_bank(257, 64, 50.0, 8000.0, 16_000, norm="slaney", mel_scale="slaney")).float()


def write_panns(models: Path, **changes: Any) -> dict[str, Any]:
    """As training left it: the network beside a counter and a sampler with arrays of numpy's."""
    state = random_state(panns.Cnn14(64, (4, 4, 6, 6, 8, 8), 11))
    state["logmel_extractor.melW"] = mel_weights()
    state["spectrogram_extractor.stft.conv_real.weight"] = torch.zeros(257, 1, 512)
    state["spectrogram_extractor.stft.conv_imag.weight"] = torch.zeros(257, 1, 512)
    state |= changes
    path = models / "panns" / PANNS.file
    path.parent.mkdir(parents=True, exist_ok=True)
    sampler = {"pointer": 3, "indexes": np.arange(7), "per_class": [np.int64(3), np.zeros(2, bool)]}
    torch.save({"iteration": 6, "model": state, "sampler": sampler}, path, _use_new_zipfile_serialization=False)
    return state


def write_vggish(models: Path) -> dict[str, Any]:
    state = random_state(vggish.Network((2, 3, 4, 4, 5, 5), (9, 8, 6)))
    path = models / "vggish" / VGGISH.file
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return state


def write_clap(models: Path, seconds: int = 1) -> Path:
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, RobertaTokenizer

    folder = models / "clap"
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(WORDS)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    torch.manual_seed(0)
    config = ClapConfig(
        text_config={
            "vocab_size": len(WORDS), "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 16, "max_position_embeddings": 40, "projection_dim": 8,
        },
        audio_config={
            "num_mel_bins": 16, "spec_size": 64, "patch_size": 4, "patch_stride": [4, 4], "window_size": 4,
            "hidden_size": 32, "patch_embeds_hidden_size": 8, "depths": [1, 1, 1], "num_attention_heads": [2, 2, 2],
            "projection_dim": 8, "num_classes": 3, "enable_fusion": False,
        },
        projection_dim=8,
    )  # fmt: skip
    ClapModel(config).save_pretrained(folder)
    ClapFeatureExtractor(
        feature_size=16, max_length_s=seconds, truncation="rand_trunc", padding="repeatpad"
    ).save_pretrained(folder)
    RobertaTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    return folder


# ---- PANNs


def test_panns_hears_the_decibels_of_librosa(tmp_path: Path) -> None:
    librosa = pytest.importorskip("librosa")
    network = panns.cnn14(write_panns(tmp_path), "panns")
    sound = noise(0.7, panns.SAMPLE_RATE)
    power = np.abs(librosa.stft(sound, n_fft=512, hop_length=160, pad_mode="reflect")) ** 2
    basis = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=64, fmin=50, fmax=8000)
    expected = librosa.power_to_db(basis @ power, ref=1.0, amin=1e-10, top_db=None).T
    found = network._decibels(torch.from_numpy(sound)[None])[0].numpy()
    assert found.shape == expected.shape
    assert found == pytest.approx(expected, abs=1e-3)


def test_panns_is_the_published_network(tmp_path: Path) -> None:
    """Its layers one by one, in the order of the paper's table, from the weights in the file."""
    F = torch.nn.functional
    w = write_panns(tmp_path)
    listener = panns.Panns(tmp_path / "panns" / PANNS.file, CPU)
    sound = noise(1.3, panns.SAMPLE_RATE)

    def norm(x: Any, at: str) -> Any:
        return F.batch_norm(x, w[f"{at}.running_mean"], w[f"{at}.running_var"], w[f"{at}.weight"], w[f"{at}.bias"])

    x = listener._network._decibels(torch.from_numpy(sound)[None])  # (1, t, 64)
    x = norm(x.transpose(1, 2)[..., None], "bn0")[..., 0].transpose(1, 2)[:, None]
    for block in range(1, 7):
        for layer in (1, 2):
            x = F.conv2d(x, w[f"conv_block{block}.conv{layer}.weight"], padding=1)
            x = norm(x, f"conv_block{block}.bn{layer}").relu()
        x = F.avg_pool2d(x, 2) if block < 6 else x
    x = x.mean(3)
    features = F.linear(x.max(2).values + x.mean(2), w["fc1.weight"], w["fc1.bias"]).relu()
    logits = F.linear(features, w["fc_audioset.weight"], w["fc_audioset.bias"])
    heard = listener.hear(sound)
    assert heard.features == pytest.approx(features[0].numpy(), abs=1e-5)
    assert heard.logits == pytest.approx(logits[0].numpy(), abs=1e-5)
    assert heard.logits.std() > 0


def test_panns_of_the_published_size_has_the_keys_of_the_published_file() -> None:
    with torch.device("meta"):
        network = panns.Cnn14(64, (64, 128, 256, 512, 1024, 2048), 527)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert shapes["logmel_extractor.melW"] == (257, 64)
    assert shapes["bn0.running_mean"] == (64,)
    assert shapes["conv_block6.conv2.weight"] == (2048, 2048, 3, 3)
    assert shapes["fc1.weight"] == (2048, 2048)
    assert shapes["fc_audioset.weight"] == (527, 2048)


def test_weights_read_twice_are_converted_once(tmp_path: Path) -> None:
    state = write_panns(tmp_path)
    path = tmp_path / "panns" / PANNS.file
    first = loaded(path)
    path.unlink()
    again = loaded(path)
    assert first.keys() == again.keys()
    assert torch.equal(again["model.fc1.weight"], state["fc1.weight"])


def test_sound_of_any_length_is_heard(tmp_path: Path) -> None:
    write_panns(tmp_path)
    listener = panns.Panns(tmp_path / "panns" / PANNS.file, CPU)
    for samples in (1, 100, 15_999, 16_000, 40_001):
        assert np.isfinite(listener.hear(np.ones(samples, np.float32)).logits).all()


def test_weights_of_another_network_are_refused_with_what_is_wrong(tmp_path: Path) -> None:
    state = write_panns(tmp_path)
    del state["fc1.weight"]
    with pytest.raises(WeightsUnusable, match=r"Cnn14\.pth does not hold .* it does not have fc1\.weight"):
        panns.cnn14(state, "Cnn14.pth")
    with pytest.raises(WeightsUnusable, match=r"vggish\.pth does not hold .* it does not have embeddings\.0\.bias"):
        vggish.vggish(state, "vggish.pth")


# ---- VGGish


def test_vggish_examples_are_their_definition() -> None:
    """Frame by frame and band by band, after the description of AudioSet's VGGish."""
    sound = noise(2.1, vggish.SAMPLE_RATE)
    found = vggish.examples(torch.from_numpy(sound)).numpy()
    assert found.shape == (2, 1, 96, 64)

    def to_mel(hertz: Any) -> Any:
        return 1127 * np.log(1 + np.asarray(hertz) / 700)

    corners = np.linspace(to_mel(125), to_mel(7500), 66)
    bins = to_mel(np.arange(257) * 16_000 / 512)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    for example, frame in ((0, 0), (0, 95), (1, 0), (1, 50)):
        start = 160 * (96 * example + frame)
        magnitude = np.abs(np.fft.rfft(sound[start : start + 400] * hann, 512))
        for band in (0, 1, 30, 63):
            low, middle, high = corners[band : band + 3]
            slopes = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)).clip(0)
            expected = np.log(magnitude @ slopes + 0.01)
            assert found[example, 0, frame, band] == pytest.approx(expected, abs=1e-4)


def test_vggish_is_the_published_network_before_its_last_relu(tmp_path: Path) -> None:
    F = torch.nn.functional
    w = write_vggish(tmp_path)
    sound = noise(3.0, vggish.SAMPLE_RATE)
    x = vggish.examples(torch.from_numpy(sound))
    for at in (0, 3, 6, 8, 11, 13):
        x = F.conv2d(x, w[f"features.{at}.weight"], w[f"features.{at}.bias"], padding=1).relu()
        x = x if at in (6, 11) else F.max_pool2d(x, 2)
    x = x.transpose(1, 3).transpose(1, 2).reshape(len(x), -1)
    for at in (0, 2, 4):
        x = F.linear(x if at == 0 else x.relu(), w[f"embeddings.{at}.weight"], w[f"embeddings.{at}.bias"])
    found = vggish.Vggish(tmp_path / "vggish" / VGGISH.file, CPU).hear(sound)
    assert found.shape == (3, 6)
    assert found == pytest.approx(x.numpy(), abs=1e-5)
    assert (found < 0).any()


def test_vggish_of_the_published_size_has_the_shapes_of_the_published_file() -> None:
    with torch.device("meta"):
        network = vggish.Network((64, 128, 256, 256, 512, 512), (4096, 4096, 128))
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items() if key.endswith("weight")}
    assert shapes == {
        "features.0.weight": (64, 1, 3, 3), "features.3.weight": (128, 64, 3, 3),
        "features.6.weight": (256, 128, 3, 3), "features.8.weight": (256, 256, 3, 3),
        "features.11.weight": (512, 256, 3, 3), "features.13.weight": (512, 512, 3, 3),
        "embeddings.0.weight": (4096, 512 * 4 * 6), "embeddings.2.weight": (4096, 4096),
        "embeddings.4.weight": (128, 4096),
    }  # fmt: skip


@pytest.mark.parametrize(("samples", "count"), [(1, 1), (15_599, 1), (15_600, 1), (30_959, 1), (30_960, 2)])
def test_every_sound_has_an_example(samples: int, count: int) -> None:
    assert len(vggish.examples(torch.zeros(samples))) == count


# ---- CLAP


def test_clap_is_the_cosine_that_transformers_finds(tmp_path: Path) -> None:
    from transformers import AutoTokenizer, ClapFeatureExtractor, ClapModel

    folder = write_clap(tmp_path)
    listener = clap.Clap(folder, CPU)
    assert listener.sample_rate == 48_000
    sound = noise(0.6, 48_000)
    model = ClapModel.from_pretrained(folder).eval()
    heard = ClapFeatureExtractor.from_pretrained(folder)(sound, sampling_rate=48_000, return_tensors="pt")
    read = AutoTokenizer.from_pretrained(folder)(["a hammer"], return_tensors="pt")
    with torch.no_grad():
        both = model(**heard, **read)
        expected = float(both.logits_per_audio[0, 0] / model.logit_scale_a.exp())
    assert listener.likeness(sound, "a hammer") == pytest.approx(expected, abs=1e-5)
    assert -1 <= expected <= 1
    assert listener.likeness(sound, "a hammer") != listener.likeness(sound, "pp cc")


def test_clap_hears_long_sounds_piece_by_piece_and_always_the_same(tmp_path: Path) -> None:
    listener = clap.Clap(write_clap(tmp_path), CPU)
    first, second, rest = noise(1, 48_000, 1), noise(1, 48_000, 2), noise(0.4, 48_000, 3)
    pieces = [listener.likeness(each, "a hammer") for each in (first, second)]
    for sound in (np.concatenate([first, second]), np.concatenate([first, second, rest])):
        assert listener.likeness(sound, "a hammer") == pytest.approx(np.mean(pieces), abs=1e-6)


def test_clap_without_its_tokens_is_refused(tmp_path: Path) -> None:
    folder = write_clap(tmp_path)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(WeightsUnusable, match="CLAP's sounds or texts"):
        clap.Clap(folder, CPU)


# ---- all of them on a folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_panns(folder)
    write_vggish(folder)
    write_clap(folder)
    return folder


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three short films with noise, and other noise in `true` beside them."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "true").mkdir()
    for number, name in enumerate("abc"):
        contacts.render_clip(folder / f"{name}.mp4", contacts.Scene(duration=1.0, width=64, height=36))
        notes = {"originator": wav.ORIGINATOR, "prompt": "a hammer"} if number else {}
        for place, seed in ((folder, number), (folder / "true", number + 10)):
            with wav.StemWriter(place / f"{name}.wav", 48_000, 1, 0, notes) as writer:
                writer.write(noise(2.2, 48_000, seed)[None])
    return folder


@pytest.fixture
def _here(models: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTFALL_MODELS", str(models))
    monkeypatch.setenv("FOOTFALL_DEVICE", "cpu")


@pytest.mark.usefixtures("_here")
def test_every_measure_comes_from_what_the_networks_hear(films: Path, models: Path) -> None:
    found = json.loads(
        CliRunner().invoke(app, ["evaluate", "sounds", str(films), "--against", str(films / "true"), "--json"]).stdout
    )["folders"][0]

    by_panns, by_vggish = (
        panns.Panns(models / "panns" / PANNS.file, CPU),
        vggish.Vggish(models / "vggish" / VGGISH.file, CPU),
    )
    made, true = ([mono(folder / f"{name}.wav", 16_000) for name in "abc"] for folder in (films, films / "true"))
    heard, wanted = ([by_panns.hear(sound) for sound in side] for side in (made, true))
    kl = distances.divergences([each.logits for each in heard], [each.logits for each in wanted])
    assert [row["kl"] for row in found["clips"]] == pytest.approx(list(kl))
    assert found["mean"]["kl"] == pytest.approx(kl.mean())
    features = [[each.features for each in side] for side in (heard, wanted)]
    examples = [np.concatenate([by_vggish.hear(sound) for sound in side]) for side in (made, true)]
    assert found["together"] == pytest.approx(
        {
            "fd": distances.frechet_distance(*features),
            "kad": distances.kernel_distance(*features),
            "fad": distances.frechet_distance(*examples),
        }
    )
    listener = clap.Clap(models / "clap", CPU)
    assert "clap" not in found["clips"][0]
    assert found["clips"][1]["clap"] == pytest.approx(listener.likeness(mono(films / "b.wav", 48_000), "a hammer"))
    assert "20 sounds or more are needed, 3 are there" in found["missing"]["inception_score"]
    assert {"clap", "kl", "fd", "kad", "fad"}.isdisjoint(found["missing"])


@pytest.mark.usefixtures("_here")
def test_twenty_clips_have_an_inception_score(films: Path, tmp_path: Path) -> None:
    for number in range(20):
        shutil.copyfile(films / "a.mp4", tmp_path / f"{number:02}.mp4")
        with wav.StemWriter(tmp_path / f"{number:02}.wav", 48_000, 1, 0, {}) as writer:
            writer.write((noise(0.5, 48_000, number) * (1 + number % 2 * 3))[None])
    found = evaluate_sounds(tmp_path)
    assert 1 < found["together"]["inception_score"] <= 11
    assert "--against FOLDER" in found["missing"]["fd"]
    assert "--prompt TEXT" in found["missing"]["clap"]


@pytest.mark.usefixtures("_here")
def test_a_sound_held_against_itself_is_no_distance_away(films: Path, tmp_path: Path) -> None:
    shutil.copytree(films, tmp_path / "same")
    found = evaluate_sounds(films, tmp_path / "same")
    assert found["mean"]["kl"] == pytest.approx(0, abs=1e-9)
    assert found["together"]["fad"] == pytest.approx(0, abs=1e-6)
    assert found["together"]["fd"] == pytest.approx(0, abs=1e-6)


@pytest.mark.usefixtures("_here")
def test_damaged_weights_cost_their_own_measures_alone(
    films: Path, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(models, tmp_path / "models")
    for file in (tmp_path / "models" / "panns").iterdir():
        file.unlink()
    (tmp_path / "models" / "panns" / PANNS.file).write_bytes(b"cut short")
    monkeypatch.setenv("FOOTFALL_MODELS", str(tmp_path / "models"))
    found = evaluate_sounds(films, films / "true")
    assert all(PANNS.file in found["missing"][key] for key in ("kl", "fd", "kad", "inception_score"))
    assert found["together"].keys() == {"fad"}
    assert found["mean"]["clap"] is not None


@pytest.mark.usefixtures("_here")
def test_the_table_says_all_that_was_found(films: Path) -> None:
    shown = CliRunner().invoke(app, ["evaluate", "sounds", str(films), "--against", str(films / "true")]).stdout
    figures = json.loads((films / "evaluation.json").read_text())
    for measure in MEASURES:
        value = figures["mean"].get(measure.key, figures["together"].get(measure.key))
        assert value is None or f"{value:.3f}" in shown
