"""One engine process for the tests of a module, and a REAPER for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from footfall_engine import contacts
from footfall_engine.resident import Resident, resident_engine

from tests.lua.session import Session, session


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with short silent clips: hammer.mp4 (2 s), steps.mp4 (1.5 s)."""
    folder = tmp_path_factory.mktemp("clips")
    for name, scene in (("hammer", "hammer"), ("steps", "footsteps")):
        length = 2.0 if name == "hammer" else 1.5
        contacts.render_clip(folder / f"{name}.mp4", contacts.Scene(scene, duration=length, width=160, height=90))
    return folder


@pytest.fixture(scope="session")
def hammer(clips: Path) -> Path:
    return clips / "hammer.mp4"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resident]:
    with resident_engine(tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture
def studio(tmp_path: Path, engine: Resident, clips: Path) -> Iterator[Session]:
    """A REAPER at work with the module's engine; what it has asked for is forgotten afterwards."""
    with session(tmp_path / "reaper", engine.settings, readable=[clips]) as opened:
        yield opened
    shutil.rmtree(engine.settings.spool_folder / "hosts", ignore_errors=True)
