"""A trained model on disk: what is written is read, and what cannot be read is said."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="neural models need the 'neural' extra")

from footfall_bridge.errors import InvalidSettings, WeightsMissing, WeightsUnusable  # noqa: E402
from footfall_engine.models.multifoley import checkpoint  # noqa: E402
from footfall_engine.models.multifoley.checkpoint import CONFIG_FILE, WEIGHTS_FILE, Config, Track  # noqa: E402
from footfall_engine.models.multifoley.codec import OobleckCodec, OobleckShape  # noqa: E402
from footfall_engine.models.multifoley.sizes import SIZES, Size  # noqa: E402

from tests.engine.neural.multifoley.hand import CONFIG, seeded  # noqa: E402


@pytest.mark.parametrize(
    "config",
    [CONFIG, replace(CONFIG, track=Track.CAVP), replace(CONFIG, words=()), replace(CONFIG, seconds=8.0)],
    ids=["events", "cavp", "t5", "8 s"],
)
def test_what_is_saved_is_loaded(tmp_path, config):
    made = seeded(config)
    checkpoint.save(made, tmp_path)
    found = checkpoint.load(tmp_path)
    assert found.config == config
    for one, other in ((made.network, found.network), (made.words, found.words)):
        assert (one is None) == (other is None)
        if one is not None:
            assert all(torch.equal(tensor, other.state_dict()[key]) for key, tensor in one.state_dict().items())
    assert sorted(path.name for path in tmp_path.iterdir()) == [CONFIG_FILE, WEIGHTS_FILE]


def test_a_codec_that_learnt_travels_with_the_network(tmp_path):
    codec = OobleckCodec(OobleckShape(2, decoder_width=4, multiples=(1, 1, 1, 1)))
    config = replace(CONFIG, codec="oobleck", channels=2)
    checkpoint.save(checkpoint.untrained(config, codec), tmp_path)
    found = checkpoint.load(tmp_path, torch.bfloat16)
    theirs = found.codec.state_dict()
    assert all(torch.equal(tensor, theirs[key]) for key, tensor in codec.state_dict().items())
    assert found.codec.channels == 2
    assert next(found.network.parameters()).dtype == torch.bfloat16


def test_a_codec_that_is_not_known_is_refused(tmp_path):
    with pytest.raises(InvalidSettings, match="no codec 'mp3'"):
        checkpoint.untrained(replace(CONFIG, codec="mp3"))


def test_a_folder_without_weights_is_said(tmp_path):
    for asked in (checkpoint.load, checkpoint.identity):
        with pytest.raises(WeightsMissing, match="no trained MultiFoley"):
            asked(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"track": "smell"}, "track"),
        ({"size": {"width": "wide", "layers": 1, "heads": 1}}, r"size\.width"),
        ({"seconds": -1}, "seconds"),
        ({"size": {"width": 30, "layers": 1, "heads": 4}}, "30 .* 4 heads"),
    ],
)
def test_a_configuration_that_cannot_be_is_said(tmp_path, change, said):
    checkpoint.save(seeded(), tmp_path)
    path = tmp_path / CONFIG_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(WeightsUnusable, match=said):
        checkpoint.load(tmp_path)


def test_a_configuration_that_is_no_json_is_said(tmp_path):
    checkpoint.save(seeded(), tmp_path)
    (tmp_path / CONFIG_FILE).write_text("{")
    with pytest.raises(WeightsUnusable, match="its text"):
        checkpoint.load(tmp_path)


def test_weights_of_another_size_are_said(tmp_path):
    checkpoint.save(seeded(), tmp_path)
    wider = replace(CONFIG, size=Size(64, 2, 2))
    checkpoint.save(seeded(wider), tmp_path / "wider")
    (tmp_path / "wider" / WEIGHTS_FILE).rename(tmp_path / WEIGHTS_FILE)
    with pytest.raises(WeightsUnusable, match="in another shape"):
        checkpoint.load(tmp_path)


def test_weights_cut_short_are_said(tmp_path):
    checkpoint.save(seeded(), tmp_path)
    path = tmp_path / WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsUnusable, match="damaged or cut short"):
        checkpoint.load(tmp_path)


def test_training_on_is_noticed(tmp_path):
    checkpoint.save(seeded(), tmp_path)
    before = checkpoint.identity(tmp_path)
    checkpoint.save(seeded(seed=1), tmp_path)
    assert checkpoint.identity(tmp_path) != before


def test_named_sizes_make_networks():
    config = Config(SIZES["tiny"], Track.EVENTS, "spectral", words=("ball",))
    assert checkpoint.untrained(config).network.size.layers == 6
