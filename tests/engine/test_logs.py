"""The log is kept where it can be, and never in a user's way."""

from __future__ import annotations

import errno
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from footfall_engine.config import Settings
from footfall_engine.logs import COMMAND_LOG, HANDLER, start_logging


@pytest.fixture(autouse=True)
def _logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(logging, "raiseExceptions", True)
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.setLevel(level)
    root.handlers[:] = handlers
    logging.captureWarnings(False)


def test_what_is_logged_stands_in_the_file(home: Path):
    settings = Settings.load()
    start_logging(settings)
    logging.getLogger("footfall_engine.test").info("it rains")
    assert "INFO    footfall_engine.test: it rains" in (settings.log_folder / COMMAND_LOG).read_text()


class FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_log_whose_disk_is_full_is_not_told_on_the_terminal(home: Path, capsys: pytest.CaptureFixture[str]):
    start_logging(Settings.load())
    (handler,) = [each for each in logging.getLogger().handlers if each.name == HANDLER]
    assert isinstance(handler, logging.StreamHandler)
    file = handler.setStream(FullDisk())
    logging.getLogger("footfall_engine.test").info("it rains")
    handler.setStream(file)
    assert capsys.readouterr().err == ""


def test_without_a_folder_to_write_in_nothing_is_said(home: Path, capsys: pytest.CaptureFixture[str]):
    (home / "log").write_text("a file in its place")
    start_logging(Settings.load())
    logging.getLogger("footfall_engine.test").warning("it rains")
    assert capsys.readouterr().err == ""
