"""What all tests share: none of them touches the user's own folders, and none waits for a hurried machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("MPLBACKEND", "Agg")
settings.register_profile("footfall", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("footfall")


@pytest.fixture(autouse=True, scope="session")
def _home_of_all_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["FOOTFALL_HOME"] = str(tmp_path_factory.mktemp("footfall-home"))
    os.environ.pop("FOOTFALL_CONFIG", None)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that only this test has."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("FOOTFALL_HOME", str(folder))
    return folder
