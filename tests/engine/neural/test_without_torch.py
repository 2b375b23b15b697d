"""Footfall without what neural models need: everything else works, and a neural model says what is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from footfall_engine import contacts
from footfall_engine.extras import how_to_install

from tests.engine.neural.conftest import NEEDED

WITHOUT = f"""
import sys
sys.modules.update(dict.fromkeys({NEEDED!r}))
from footfall_engine.__main__ import main
main()
"""
LISTING = """
import sys
import footfall_engine.engine
from footfall_engine.models.registry import list_models
list_models()
print("torch" in sys.modules)
"""


def footfall(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT, *words], capture_output=True, text=True, timeout=120)


def test_models_are_listed_without_it() -> None:
    models = json.loads(footfall("models", "--json").stdout)["models"]
    assert {"procedural", "diff-foley"} <= {model["name"] for model in models}


@pytest.mark.parametrize("words", [("models", "pull", "diff-foley"), ("evaluate", "align", __file__)])
def test_what_needs_it_says_how_to_get_it(words: tuple[str, ...]) -> None:
    ran = footfall(*words)
    assert ran.returncode == 1
    assert how_to_install("neural") in ran.stderr


def test_a_job_for_a_neural_model_fails_with_that_sentence(tmp_path: Path) -> None:
    contacts.render_clip(tmp_path / "clip.mp4", contacts.Scene(duration=1.0, width=160, height=90))
    ran = footfall(
        "generate", str(tmp_path / "clip.mp4"), "--model", "diff-foley", "--out", str(tmp_path / "o"), "--here"
    )
    assert ran.returncode == 1
    assert how_to_install("neural") in ran.stderr


def test_neural_models_are_tested_here() -> None:
    missing = [package for package in NEEDED if find_spec(package) is None]
    if missing:
        pytest.skip(
            f"{', '.join(missing)} not installed: all other neural tests are left out (the 'neural' extra has them)"
        )


def test_the_engine_starts_without_loading_it() -> None:
    ran = subprocess.run([sys.executable, "-c", LISTING], capture_output=True, text=True, timeout=120)
    assert ran.stdout.strip() == "False", ran.stderr
