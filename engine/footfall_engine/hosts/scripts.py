"""Where the scripts for the editors come from, and what they have to know about the engine."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path

from footfall_bridge import __version__
from footfall_bridge.errors import HostNotFound
from footfall_bridge.messages import PROTOCOL

import footfall_engine
from footfall_engine.config import Settings, named_path
from footfall_engine.hosts.reaper import Contact
from footfall_engine.logs import ENGINE_LOG

SHARED = "share/footfall"  # where a wheel puts the scripts, below the environment
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # what one listens on, and where it is then found


def script_source(name: str) -> Path:
    """Folder of an editor's scripts (``reaper_scripts``): in the source tree, else what the wheel has brought."""
    package = Path(footfall_engine.__file__).parent
    for place in (package.parents[1] / name, *_from_wheel(name), package.parent / SHARED / name):
        if place.is_dir():
            return place
    raise HostNotFound(f"this installation of Footfall has no {name}; install it again, or run it from its source tree")


def _from_wheel(name: str) -> list[Path]:
    """Where the record of this installation says they are; `pip install --target` moves them without saying so."""
    for file in importlib.metadata.files("footfall") or ():
        head, found, _ = file.as_posix().rpartition(f"{SHARED}/{name}/")
        if found:
            return [Path(str(importlib.metadata.distribution("footfall").locate_file(head + found))).resolve()]
    return []


def engine_contact(settings: Settings) -> Contact:
    """How scripts reach the engine of these settings, and the command that starts it."""
    return Contact(
        version=__version__,
        protocol=PROTOCOL,
        spool=settings.spool_folder,
        command=(sys.executable, "-m", "footfall_engine", *_home_options(), "serve"),
        log=settings.log_folder / ENGINE_LOG,
        port=settings.port,
        host=_EVERYWHERE.get(settings.host, settings.host),
        token=settings.token,
    )


def _home_options() -> list[str]:
    """The environment of this process, in words: an editor starts the engine without it."""
    words = []
    for option, variable in (("--home", "FOOTFALL_HOME"), ("--config", "FOOTFALL_CONFIG")):
        if value := os.environ.get(variable):
            words += [option, str(named_path(value))]
    return words
