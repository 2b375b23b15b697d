"""`footfall evaluate sounds`: folders of films, what their sounds are held against, and what is said of the rest."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footfall_bridge.errors import JobCancelled
from footfall_engine import contacts
from footfall_engine.cli.app import app
from footfall_engine.evaluation import timing
from footfall_engine.evaluation.clips import gathered
from footfall_engine.evaluation.sounds import MEASURES, evaluate_sounds
from footfall_engine.extras import how_to_install
from footfall_engine.media import wav
from typer.testing import CliRunner, Result

from tests.clips import SHARED, needs_shared_media

RATE = 48_000
SMALL = {"width": 160, "height": 90}
BY_PANNS, BY_VGGISH, BY_CLAP = {"kl", "fd", "kad", "inception_score"}, {"fad"}, {"clap"}
LISTENED = BY_PANNS | BY_VGGISH | BY_CLAP
needs_onsets = pytest.mark.skipif(bool(timing.lacking()), reason="onsets of sounds need the 'evaluate' extra")


@pytest.fixture(autouse=True)
def _no_weights(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTFALL_MODELS", str(home / "models"))


def write_sound(path: Path, at_seconds: list[float], length: float, **notes: Any) -> Path:
    """Short bursts of noise, as a stem with notes."""
    sound = np.random.default_rng(0).normal(0, 1e-4, (1, round(length * RATE))).astype(np.float32)
    burst = np.random.default_rng(1).uniform(-0.8, 0.8, RATE // 20) * np.exp(-np.arange(RATE // 20) / 600)
    for second in at_seconds:
        sound[0, (at := round(second * RATE)) : at + len(burst)] += burst
    with wav.StemWriter(path, RATE, 1, 0, {"originator": wav.ORIGINATOR, **notes}) as writer:
        writer.write(sound)
    return path


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """Two films of hammer blows with their own sound, one of them with a stem that is late; and when the blows are."""
    folder = tmp_path_factory.mktemp("films")
    blows = [
        contact.time
        for contact in contacts.render_clip(folder / "a.mp4", contacts.Scene("hammer", 4.0, sound=True, **SMALL))
    ]
    shutil.copy(folder / "a.mp4", folder / "b.mp4")
    write_sound(folder / "b.wav", [time + 0.05 for time in blows], 4.0, prompt="a hammer")
    lines = ["clip,onset_seconds", *(f"{film}.mp4,{time:.3f}" for film in "ab" for time in blows)]
    (folder / "onsets.csv").write_text("\n".join(lines))
    return folder, blows


@pytest.fixture
def folder(films: tuple[Path, list[float]], tmp_path: Path) -> Path:
    return Path(shutil.copytree(films[0], tmp_path / "films"))


def sounds(*words: object, status: int = 0) -> Result:
    answered = CliRunner().invoke(app, ["evaluate", "sounds", *map(str, words)])
    assert answered.exit_code == status, answered.output
    return answered


@needs_onsets
def test_sounds_that_are_in_time_have_the_figures_of_it(folder: Path, films: tuple[Path, list[float]]) -> None:
    found = json.loads(sounds(folder, "--against", folder, "--json").stdout)["folders"][0]
    a, b = found["clips"]
    assert (a["clip"], a["sound"], b["clip"], b["sound"]) == ("a.mp4", "a.mp4", "b.mp4", "b.wav")
    assert "onset_accuracy" not in a  # it has but its own sound
    assert b["onset_accuracy"] == b["hit_accuracy"] == 1
    assert b["onset_ap"] == b["hit_ap"] == pytest.approx(1)
    assert (b["as_many_onsets"], b["hit_f1"]) == (1, 1)
    assert b["lift"] == pytest.approx(1)
    for row in (a, b):
        assert 0 <= row["av_align"] <= 1
        assert row["av_align_over_chance"] <= row["av_align"]
    assert found["mean"]["lift"] == pytest.approx((a["lift"] + b["lift"]) / 2)
    assert found["mean"]["onset_accuracy"] == 1
    assert set(found["missing"]) == LISTENED
    assert found["together"] == {}


@needs_onsets
def test_sound_that_is_late_or_elsewhere_loses_what_it_should(folder: Path, films: tuple[Path, list[float]]) -> None:
    _, blows = films
    write_sound(folder / "b.wav", [time + 0.2 for time in blows], 4.0)
    (row,) = [row for row in evaluate_sounds(folder, folder)["clips"] if row["clip"] == "b.mp4"]
    assert row["onset_accuracy"] == 0
    assert row["hit_accuracy"] == 1  # Greatest Hits' figures allow 0.3 s
    assert row["lift"] < 0.2


@needs_onsets
def test_figures_lie_beside_the_clips_and_in_the_table(folder: Path) -> None:
    shown = sounds(folder).stdout
    beside = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    assert json.loads(sounds(folder, "--json").stdout) == {"folders": [beside]}
    assert f"{beside['mean']['av_align']:.3f}" in shown
    for measure in MEASURES:
        assert measure.name in shown
    assert all(word in shown for word in ("a.mp4", "b.mp4", "mean", "Cnn14_16k_mAP=0.438.pth", "--against FOLDER"))


def test_what_is_missing_is_said_with_how_to_get_it(folder: Path, home: Path) -> None:
    (folder / "onsets.csv").unlink()
    missing = evaluate_sounds(folder)["missing"]
    for key in BY_PANNS:
        assert str(home / "models" / "panns" / "Cnn14_16k_mAP=0.438.pth") in missing[key]
        assert "https://zenodo.org/" in missing[key]
    assert str(home / "models" / "vggish" / "vggish-10086976.pth") in missing["fad"]
    assert "hf download laion/larger_clap_general" in missing["clap"]
    if not timing.lacking():
        assert "--against FOLDER" in missing["onset_accuracy"]
        assert "onsets.csv" in missing["hit_f1"] and "onsets.csv" in missing["lift"]


@needs_onsets
def test_a_film_that_cannot_be_read_does_not_keep_the_others_from_being_measured(folder: Path) -> None:
    (folder / "c.mp4").write_bytes(b"not a film")
    contacts.render_clip(folder / "d.mp4", contacts.Scene(duration=1.0, **SMALL))
    found = evaluate_sounds(folder)
    problems = [row.get("problem", "") for row in found["clips"]]
    assert problems[:2] == ["", ""]
    assert "cannot be read" in problems[2] and "holds no sound" in problems[3]
    assert found["mean"]["lift"] > 0
    assert "d.mp4 holds no sound" in sounds(folder).stdout


@needs_onsets
def test_samples_that_are_no_numbers_are_a_problem_of_their_clip(folder: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(folder / "a.wav", np.array([0.0, np.nan, 0.5] * 9000), RATE, subtype="FLOAT")
    a, b = evaluate_sounds(folder)["clips"]
    assert "no numbers" in a["problem"] and "problem" not in b


@needs_onsets
def test_a_cancelled_evaluation_stops(folder: Path) -> None:
    def cancel(share: float) -> None:
        raise JobCancelled("enough")

    with pytest.raises(JobCancelled):
        evaluate_sounds(folder, progress=cancel)


def test_references_are_files_of_the_clip_s_name_that_are_not_its_sound(tmp_path: Path) -> None:
    films, true = tmp_path / "films", tmp_path / "true"
    for file in ("films/a.mp4", "films/a.wav", "films/b.mp4", "films/c.mp4", "true/a.wav", "true/a.mp4", "true/b.mov"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    assert [clip.reference for clip in gathered(films, true, "")] == [true / "a.wav", true / "b.mov", None]
    assert [clip.reference for clip in gathered(films, films, "")] == [films / "a.mp4", None, None]
    assert [clip.reference for clip in gathered(films, None, "")] == [None] * 3


def test_the_prompt_is_the_stem_s_own_unless_one_is_given(folder: Path) -> None:
    assert [clip.prompt for clip in gathered(folder, None, "")] == ["", "a hammer"]
    assert [clip.prompt for clip in gathered(folder, None, "boots")] == ["boots", "boots"]


def test_folders_that_are_not_there_are_refused(folder: Path, tmp_path: Path) -> None:
    assert "there is no folder" in sounds(tmp_path / "nowhere", status=2).stderr
    assert "there is no folder" in sounds(folder, "--against", tmp_path / "nowhere", status=2).stderr
    (tmp_path / "empty").mkdir()
    assert "holds no film" in sounds(tmp_path / "empty", status=2).stderr


def test_figures_that_cannot_be_written_are_shown_all_the_same(folder: Path) -> None:
    (folder / "evaluation.json").mkdir()
    shown = sounds(folder)
    assert "evaluation.json cannot be written" in shown.stderr
    assert "a.mp4" in shown.stdout


@needs_onsets
def test_onsets_past_the_end_of_a_clip_are_left_out_by_name(folder: Path) -> None:
    wanted = evaluate_sounds(folder)
    with (folder / "onsets.csv").open("a") as lines:
        lines.write("\na.mp4,4.7\na.mp4,9\n")
    found = evaluate_sounds(folder)
    assert found["clips"] == wanted["clips"]
    assert wanted["warnings"] == []
    (warning,) = found["warnings"]
    assert warning.startswith("a.mp4 ends at ") and warning.endswith(" 4.7 s, 9 s")
    assert f"note: {warning}" in sounds(folder).stderr


def test_without_the_extras_each_measure_says_what_it_needs(folder: Path) -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('librosa', 'sklearn', 'torch', 'transformers')));"
        "from footfall_engine.__main__ import main; main()"
    )
    words = [sys.executable, "-c", code, "evaluate", "sounds", str(folder), "--json"]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    missing = json.loads(ran.stdout)["folders"][0]["missing"]
    assert set(missing) == {measure.key for measure in MEASURES}
    assert how_to_install("evaluate") in missing["av_align"]
    assert how_to_install("neural") in missing["clap"]


def test_progress_rises_to_the_end(folder: Path) -> None:
    shares: list[float] = []
    evaluate_sounds(folder, progress=shares.append)
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)


@needs_onsets
@needs_shared_media
@pytest.mark.heavy
def test_real_clips_sound_in_time_with_what_was_annotated(tmp_path: Path) -> None:
    """Their own sound; and that of another clip, which is not in time."""
    source = SHARED / "media" / "sync"
    for name in ("dog_two_barks.mp4", "puppy.mp4"):
        shutil.copyfile(source / name, tmp_path / name)
    lines = (source / "onsets.csv").read_text().splitlines()
    kept = [line for line in lines if line.startswith(("clip,", "dog_two_barks.", "puppy."))]
    (tmp_path / "onsets.csv").write_text("\n".join(kept))
    own = evaluate_sounds(tmp_path)
    assert own["mean"]["lift"] > 0.7
    assert own["mean"]["hit_accuracy"] == 1
    assert [len(row) for row in own["clips"]] == [8, 8]
