"""`footfall train` from the command line, on folders of real files."""

from __future__ import annotations

import json
import signal
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from footfall_engine.cli.app import app
from footfall_engine.models.multifoley import checkpoint
from footfall_engine.models.multifoley.checkpoint import Track
from footfall_engine.training import curves, proof, state
from footfall_engine.training.network_training import NetworkRecipe, NetworkRow
from typer.testing import CliRunner, Result

from tests.engine.neural.training.small import RECIPE, SIZE
from tests.engine.neural.training.test_folder import write_clip, write_tone

FEW = ["--steps", "2", "--batch", "2", "--seconds", "1", "--size", "tiny", "--threads", "1"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTFALL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FOOTFALL_DEVICE", "cpu")
    monkeypatch.delenv("WORLD_SIZE", raising=False)


def train(*words: str | Path) -> Result:
    threads = torch.get_num_threads()
    try:
        return CliRunner().invoke(app, ["train", *map(str, words)])
    finally:
        torch.set_num_threads(threads)


def ok(result: Result) -> Result:
    assert result.exit_code == 0, result.output
    return result


def material(place: Path) -> Path:
    place.mkdir()
    write_clip(place / "hammer on anvil.mp4")
    write_tone(place / "rising tone.wav", seconds=1.5)
    return place


def test_a_network_is_trained_on_clips_and_recordings_and_can_be_loaded(tmp_path: Path) -> None:
    result = ok(train("network", tmp_path / "run", material(tmp_path / "in"), *FEW, "--held-out", "0"))
    assert str(tmp_path / "run" / "model") in result.output
    made = checkpoint.load(tmp_path / "run" / "model")
    assert made.config.track is Track.EVENTS
    assert made.config.seconds == 1.0
    assert set(made.config.words) == {"hammer", "on", "anvil", "rising", "tone", "high", "low", "quality"}
    assert [row.step for row in curves.read(tmp_path / "run", NetworkRow)] == [2]


def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    source = material(tmp_path / "in")
    ok(train("network", tmp_path / "run", source, *FEW))
    result = ok(train("network", tmp_path / "run", source, *FEW, "--steps", "3"))
    assert "step 3: loss" in result.output
    assert [row.step for row in curves.read(tmp_path / "run", NetworkRow)] == [2, 3]


def test_a_recipe_can_be_given_as_a_file_and_is_noted(tmp_path: Path) -> None:
    recipe = {"batch": 2, "steps": 1, "span": {"probability": 0.5, "longest_sec": 0.4}, "drops": {"caption": 0.3}}
    (tmp_path / "mine.json").write_text(json.dumps(recipe))
    ok(train("network", tmp_path / "run", "--rendered", *FEW[4:], "--recipe", tmp_path / "mine.json", "--seed", "7"))
    noted = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert noted["span"]["probability"] == 0.5
    assert noted["drops"] == {"caption": 0.3, "tag": 0.1, "track": 0.1, "track_of_given": 0.5}
    assert noted["seed"] == 7


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "there is nothing to train on"),
        (["--rendered", "--size", "huge"], "'huge' is not one of 'tiny', 'small', 'base'"),
        (["--rendered", "--track", "smell"], "'smell' is not one of 'events', 'cavp'"),
        (["--rendered", "--steps", "0"], "steps must be above 0, not 0"),
        (["--rendered", "--batch", "3", "--parts", "2"], "a batch of 3 cannot be divided by 1 processes × 2 parts"),
        (["--rendered", "--seconds", "0.1"], "--seconds: Input should be greater than or equal to 0.5"),
        (["--rendered", "--text", "t5"], "t5-base"),
        (["nowhere"], "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(tmp_path: Path, words: list[str], sentence: str) -> None:
    result = train("network", tmp_path / "run", *[*FEW, *words])
    assert result.exit_code in (1, 2)
    assert sentence in result.output.replace("\n", " ")
    assert "Traceback" not in result.output


def test_a_recipe_with_an_unknown_value_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text('{"span": {"probability": "often"}}')
    result = train("network", tmp_path / "run", "--rendered", "--recipe", tmp_path / "mine.json")
    assert result.exit_code == 2
    assert "span.probability" in result.output


def test_files_that_cannot_be_learnt_from_are_named(tmp_path: Path) -> None:
    write_tone(tmp_path / "in" / "tone.wav", rate=44_100)
    result = train("network", tmp_path / "run", tmp_path / "in", *FEW)
    assert result.exit_code == 2
    assert "tone.wav is sampled at 44100 Hz" in result.output


def test_the_proof_goes_on_after_ctrl_c_and_leaves_its_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hardly(run: Path, recipe: NetworkRecipe, tell: Any, stop: Any) -> None:
        def told(row: NetworkRow) -> None:
            tell(row)
            if row.step == 2:
                signal.raise_signal(signal.SIGINT)

        whole(run, RECIPE, told, stop, size=SIZE)

    whole = proof.train
    monkeypatch.setattr(proof, "train", hardly)
    monkeypatch.setattr(proof, "SAMPLER_STEPS", 2)
    asked = ("proof", tmp_path / "run", "--pictures", "3", "--threads", "1", "--json")
    stopped = train(*asked)
    assert stopped.exit_code == 1
    assert json.loads(stopped.stdout)["error"]["code"] == "cancelled"
    assert "goes on from there" in stopped.stderr
    assert not (tmp_path / "run" / "proof.json").exists()
    found = json.loads(ok(train(*asked)).stdout)
    steps = [row.step for row in curves.read(tmp_path / "run", NetworkRow)]
    assert steps[0] == 2 and 2 < steps[1] < 6 and steps[-1] == 6
    assert found == json.loads((tmp_path / "run" / "proof.json").read_text())
    assert found["pictures"] == 3
    assert found["untouched"] == 1.0
    assert not found["passed"]  # after six steps
    assert (tmp_path / "run" / state.FILE).is_file()


def test_a_codec_is_trained_and_taken_by_a_network(tmp_path: Path) -> None:
    times = np.arange(24_000) / 48_000
    (tmp_path / "in").mkdir()
    with wave.open(str(tmp_path / "in" / "low tone.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes((np.sin(2 * np.pi * 220 * times) * 9000).astype("<i2").tobytes())
    recipe = {"steps": 1, "batch": 1, "seconds": 0.25, "held_out_items": 1, "judge_width": 4, "judge_ffts": [256]}
    (tmp_path / "mine.json").write_text(json.dumps(recipe))
    ok(train("codec", tmp_path / "codec", tmp_path / "in", "--width", "8", "--recipe", tmp_path / "mine.json",
             "--held-out", "0", "--threads", "1"))  # fmt: skip
    trained_codec = tmp_path / "codec" / "codec.safetensors"
    ok(train("network", tmp_path / "run", tmp_path / "in", *FEW, "--codec", trained_codec, "--held-out", "0"))
    assert checkpoint.load(tmp_path / "run" / "model").config.codec == "oobleck"
