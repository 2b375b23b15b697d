"""`footfall evaluate align`: folders of films, with their own sound or with one beside them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from footfall_engine import contacts
from footfall_engine.cli.app import app
from footfall_engine.media import wav
from footfall_engine.models.runtime import chosen_runtime
from typer.testing import CliRunner, Result

from tests.engine.neural.resident import write_tree

RATE = 48_000


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One film with its own sound, and one that has none but a .wav beside it."""
    folder = tmp_path_factory.mktemp("films")
    small = {"width": 160, "height": 90}
    contacts.render_clip(folder / "own.mp4", contacts.Scene(duration=3.0, sound=True, **small))
    contacts.render_clip(folder / "silent.mp4", contacts.Scene(duration=13.0, **small))
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (1, 13 * RATE)).astype(np.float32)
    with wav.StemWriter(folder / "silent.wav", RATE, 1, 0, {}, "") as writer:
        writer.write(noise)
    (folder / "notes.txt").write_text("not a film")
    return folder


@pytest.fixture(autouse=True)
def _homes(models: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTFALL_MODELS", str(models))


def align(*words: object, status: int = 0) -> Result:
    answered = CliRunner().invoke(app, ["evaluate", "align", *map(str, words)])
    assert answered.exit_code == status, answered.output
    return answered


def test_every_window_of_every_film_of_a_folder_is_judged(films: Path) -> None:
    found = json.loads(align(films, "--json").stdout)
    windows = found["windows"]
    judged = [(Path(each["clip"]).name, Path(each["sound"]).name, each["start"]) for each in windows]
    assert judged == [("own.mp4", "own.mp4", 0.0), ("silent.mp4", "silent.wav", 0.0), ("silent.mp4", "silent.wav", 8.0)]
    assert all(0 < each["probability"] < 1 for each in windows)
    assert [each["aligned"] for each in windows] == [each["probability"] > 0.5 for each in windows]
    assert found["align_acc"] == pytest.approx(sum(each["aligned"] for each in windows) / 3)

    (films / "silent.wav").rename(films.parent / "elsewhere.wav")
    try:
        assert "holds no sound" in align(films, status=2).stderr
        words = [str(films / "silent.mp4"), "--sound", str(films.parent / "elsewhere.wav"), "--json"]
        assert json.loads(align(*words).stdout)["windows"] == [{**each, "sound": words[2]} for each in windows[1:]]
    finally:
        (films.parent / "elsewhere.wav").rename(films / "silent.wav")


def test_what_is_measured_does_not_depend_on_the_precision_of_models(
    films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for precision in ("float32", "bfloat16"):
        monkeypatch.setenv("FOOTFALL_PRECISION", precision)
        chosen_runtime.cache_clear()
        found.append(json.loads(align(films / "own.mp4", "--json").stdout))
    chosen_runtime.cache_clear()
    assert found[0] == found[1]


def test_the_table_ends_with_the_share(films: Path) -> None:
    lines = align(films / "own.mp4").stdout.splitlines()
    assert lines[-1] in ("Align Acc 0.000", "Align Acc 1.000")


def test_without_the_evaluation_classifier_its_file_is_named(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (write_tree(tmp_path / "models") / "eval_classifier.ckpt").unlink()
    monkeypatch.setenv("FOOTFALL_MODELS", str(tmp_path / "models"))
    failed = align(films / "own.mp4", status=1)
    assert "eval_classifier.ckpt" in failed.stderr and "footfall models pull diff-foley" in failed.stderr
