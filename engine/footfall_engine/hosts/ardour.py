"""Ardour on this machine: where its configuration folders are, and what Footfall puts into one.

    <configuration folder>/            one for each major version, such as ~/.config/ardour7
    ├── scripts/footfall_*.lua         what Ardour's script manager offers
    └── footfall/
        ├── footfall.json              where the engine lives
        └── lib/*.lua                  the modules that the scripts load, some of them REAPER's

Ardour copies a script into its own settings when it is put into an action slot, so the scripts are only a door: what
is behind it is loaded from ``footfall/lib`` each time, and an installation changes it at once.
"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

from footfall_bridge.errors import HostFolderUnusable, HostNotFound
from footfall_bridge.spool import write_whole

from footfall_engine.config import named_path
from footfall_engine.hosts.reaper import CONFIG, Contact, Machine
from footfall_engine.hosts.scripts import script_source

FOLDER = "footfall"
FIRST_VERSION = 7
SHARED_MODULES = ("controls.lua", "files.lua", "json.lua", "request.lua", "spool.lua")  # of reaper_scripts/lib

_VERSIONED = re.compile(r"ardour(\d+)", re.IGNORECASE)


def settings_root(machine: Machine) -> Path:
    """The folder in which Ardour makes one for each of its versions."""
    if machine.system == "Windows":
        return Path(machine.environment.get("LOCALAPPDATA") or machine.home / "AppData" / "Local")
    if machine.system == "Darwin":
        return machine.home / "Library" / "Preferences"
    return Path(machine.environment.get("XDG_CONFIG_HOME") or machine.home / ".config")


def config_folders(machine: Machine, named: Path | None = None) -> list[Path]:
    """The folder that was named, or every one there is; HostNotFound says where was looked."""
    if named is not None:
        folder = named_path(named)
        if not folder.is_dir():
            raise HostNotFound(f"there is no folder {folder}")
        return [folder]
    root = settings_root(machine)
    found = sorted(
        folder for folder in root.glob("[aA]rdour*") if folder.is_dir() and _version(folder) >= FIRST_VERSION
    )
    if not found:
        raise HostNotFound(
            f"no Ardour {FIRST_VERSION} or newer was found; there is no ardour{FIRST_VERSION} folder in {root}. "
            "Start Ardour once, or name its configuration folder with --config-path"
        )
    return found


def _version(folder: Path) -> int:
    named = _VERSIONED.fullmatch(folder.name)
    return int(named[1]) if named else 0


def install(folder: Path, contact: Contact) -> list[Path]:
    """Put our files into a configuration folder, over older ones; what is there then."""
    uninstall(folder)
    files = _files(folder, contact)
    for file, content in files.items():
        try:
            write_whole(file, content)
            if file.name == CONFIG:
                file.chmod(0o600)  # it may hold the token
        except OSError as error:
            raise HostFolderUnusable(f"{file} cannot be written ({error.strerror})") from error
    return list(files)


def uninstall(folder: Path) -> list[Path]:
    """Take our files out again; what was taken."""
    ours = [*folder.glob("scripts/footfall_*.lua"), *folder.glob(f"{FOLDER}/lib/*.lua")]
    ours += folder.glob(f"{FOLDER}/{CONFIG}")
    for file in ours:
        try:
            file.unlink()
        except OSError as error:
            raise HostFolderUnusable(f"{file} cannot be removed ({error.strerror})") from error
    for emptied in (folder / FOLDER / "lib", folder / FOLDER):
        with contextlib.suppress(OSError):  # something is in it
            emptied.rmdir()
    return ours


def _files(folder: Path, contact: Contact) -> dict[Path, bytes]:
    own, shared = script_source("ardour_scripts"), script_source("reaper_scripts") / "lib"
    modules = [*sorted((own / "lib").glob("*.lua")), *(shared / name for name in SHARED_MODULES)]
    fields = json.dumps(contact.as_json(), indent=1, ensure_ascii=False) + "\n"
    return {
        **{folder / FOLDER / "lib" / module.name: module.read_bytes() for module in modules},
        folder / FOLDER / CONFIG: fields.encode(),
        **{folder / "scripts" / script.name: script.read_bytes() for script in sorted(own.glob("footfall_*.lua"))},
    }
