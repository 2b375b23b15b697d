"""The rotating log, one file for the resident engine and one for all other commands."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler

from footfall_engine.config import Settings

ENGINE_LOG = "engine.log"
COMMAND_LOG = "footfall.log"
MAX_BYTES = 1_000_000
KEPT_FILES = 4
HANDLER = "footfall"
LINE = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def start_logging(settings: Settings, name: str = COMMAND_LOG) -> None:
    """Send the log to its file; without a folder to write in, only warnings are kept, on standard error."""
    root = logging.getLogger()
    root.setLevel(settings.log_level.upper())
    _stop_former()
    try:
        settings.log_folder.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = RotatingFileHandler(
            settings.log_folder / name, maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8"
        )
    except OSError as error:
        handler = logging.StreamHandler()
        handler.setLevel(logging.CRITICAL)
        logging.getLogger(__name__).debug("no log file: %s", error)
    handler.set_name(HANDLER)
    handler.setFormatter(logging.Formatter(LINE))
    root.addHandler(handler)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a log that cannot be written, its disk being full, is not told on the terminal


def _stop_former() -> None:
    for handler in [handler for handler in logging.getLogger().handlers if handler.name == HANDLER]:
        logging.getLogger().removeHandler(handler)
        handler.close()
