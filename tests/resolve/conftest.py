"""One engine process for the tests of a module, short clips, and a Resolve for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from footfall_engine import contacts
from footfall_engine.resident import Resident, resident_engine

from tests.resolve.studio import Studio


@pytest.fixture(scope="session")
def hammer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2 s of a hammer at 25 frames a second."""
    path = tmp_path_factory.mktemp("clips") / "hammer.mp4"
    contacts.render_clip(path, contacts.Scene("hammer", duration=2.0, width=160, height=90))
    return path


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resident]:
    with resident_engine(tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture
def studio(tmp_path: Path, engine: Resident) -> Iterator[Studio]:
    """A free Resolve with a timeline at 24 from 01:00:00:00; what it has asked for is forgotten afterwards."""
    opened = Studio(tmp_path / "resolve", engine.settings)
    opened.add_timeline("24", 86_400)
    yield opened
    shutil.rmtree(engine.settings.spool_folder / "hosts", ignore_errors=True)
