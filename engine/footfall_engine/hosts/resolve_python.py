"""The Python that Resolve would run scripts with: without one it lists none of them, and says nothing.

Where it looks, by what users have found out:

- macOS: the prefix in PYTHON3HOME, else /usr/local/bin/python3; from it, lib/libpython3.X.dylib is loaded. The
  variable has to be launchd's, as Resolve is started by no shell (samuelgursky/davinci-resolve-mcp#143, #182).
- Windows: FUSION_PYTHON3_HOME, else the highest version in the registry (Tooflex/davinci-resolve-mcp#4,
  samuelgursky/davinci-resolve-mcp#26); one from the Microsoft Store is not in it.
- Linux: `python3` in the PATH (as its script interpreter's messages show, gyroflow/gyroflow-plugins#24).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from footfall_engine.doctor import Finding, State
from footfall_engine.hosts.reaper import Machine

OLDEST = (3, 8)
UNSURE_ON_WINDOWS = (3, 13)  # and newer crashed Resolve 20.3.1 (samuelgursky/davinci-resolve-mcp#26, #158)
ANSWER_SECONDS = 20

Version = tuple[int, int]

_TELL = "import sys; print(sys.version_info[0], sys.version_info[1], sys.base_prefix, sep='|')"
_WINDOWS_REMEDY = "winget install --exact --id Python.Python.3.12"
_WINDOWS_CHOICE = r"setx FUSION_PYTHON3_HOME %LOCALAPPDATA%\Programs\Python\Python312"
_IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
for module in pkgutil.iter_modules(importlib.import_module(sys.argv[2]).__path__):
    importlib.import_module(sys.argv[2] + "." + module.name)
"""
_WANTED = "Resolve lists Python scripts only when it finds a Python 3.8 or newer"


@dataclass(frozen=True)
class Python:
    program: Path
    version: Version
    prefix: Path

    @property
    def mac_library(self) -> Path:
        return self.prefix / "lib" / f"libpython{self.version[0]}.{self.version[1]}.dylib"

    def __str__(self) -> str:
        return f"Python {self.version[0]}.{self.version[1]}, {self.program}"


@dataclass(frozen=True)
class Eyes:
    """How a machine is looked at; all of it can be told in tests."""

    own: Python  # that Footfall runs with, outside of any environment
    ask: Callable[[Path], Python | None]
    launchd: Callable[[str], str]  # value of a variable that programs of the desktop see
    registered: Callable[[], dict[Version, Path]]  # folders of Pythons in Windows' registry
    in_path: Callable[[], Path | None]  # python3, as programs of the desktop find it


def find(machine: Machine, eyes: Eyes) -> tuple[Python | None, Finding]:
    """The Python that Resolve would take, and what there is to say about it; the one command that mends it."""
    return {"Darwin": _find_on_mac, "Windows": _find_on_windows}.get(machine.system, _find_on_linux)(machine, eyes)


def _find_on_mac(machine: Machine, eyes: Eyes) -> tuple[Python | None, Finding]:
    usual = machine.root / "usr/local/bin/python3"
    home = eyes.launchd("PYTHON3HOME")
    python = eyes.ask(Path(home) / "bin" / "python3" if home else usual)
    if python is not None and python.version >= OLDEST and python.mac_library.exists():
        return python, Finding("python", State.GOOD, str(python))
    problem = f"PYTHON3HOME is {home}, where none is" if home else f"there is none at {usual}"
    if python is not None:
        problem = f"{python} is too old" if python.version < OLDEST else f"{python} has no {python.mac_library}"
    return None, Finding("python", State.BROKEN, f"{_WANTED}, but {problem}. {_mac_remedy(usual, home, eyes.own)}")


def _mac_remedy(usual: Path, home: str, own: Python) -> str:
    if not own.mac_library.exists():
        return "The installer from https://www.python.org/downloads/macos/ puts one there"
    if home and (own.prefix / "bin" / "python3").exists():
        return f"This mends it until the next login: launchctl setenv PYTHON3HOME '{own.prefix}'"
    unset = "launchctl unsetenv PYTHON3HOME; " if home else ""
    return f"This mends it: {unset}sudo mkdir -p {usual.parent} && sudo ln -sf '{own.program}' {usual}"


def _find_on_windows(machine: Machine, eyes: Eyes) -> tuple[Python | None, Finding]:
    home = machine.environment.get("FUSION_PYTHON3_HOME") or machine.environment.get("PYTHON3HOME")
    registered = eyes.registered()
    folder = Path(home) if home else registered[max(registered)] if registered else None
    python = eyes.ask(folder / "python.exe") if folder else None
    if python is None or python.version < OLDEST:
        there = f"{python} is too old" if python else f"there is none in {folder or 'the registry'}"
        return None, Finding("python", State.WARNING, f"{_WANTED}, but {there}. This mends it: {_WINDOWS_REMEDY}")
    if python.version >= UNSURE_ON_WINDOWS:
        said = f"{python}: Resolve 20 is known to crash with it. If yours does, this makes it take another: "
        return python, Finding("python", State.WARNING, said + _WINDOWS_REMEDY + " && " + _WINDOWS_CHOICE)
    return python, Finding("python", State.GOOD, str(python))


def _find_on_linux(machine: Machine, eyes: Eyes) -> tuple[Python | None, Finding]:
    program = eyes.in_path()
    python = eyes.ask(program) if program else None
    if python is not None and python.version >= OLDEST:
        return python, Finding("python", State.GOOD, str(python))
    there = f"{python} is too old" if python else "there is no python3 in the PATH"
    return None, Finding("python", State.WARNING, f"{_WANTED}, but {there}. Install your distribution's python3")


# ---- this machine


def own_eyes() -> Eyes:
    version = (sys.version_info[0], sys.version_info[1])
    own = Python(Path(os.path.realpath(sys.executable)), version, Path(sys.base_prefix))
    return Eyes(own, ask, _launchd, _registered, _in_path)


def ask(program: Path) -> Python | None:
    """What a program says of itself; None when it is no Python that runs."""
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        major, minor, prefix = _said(str(program), "-E", "-c", _TELL).strip().split("|", 2)
        return Python(program, (int(major), int(minor)), Path(prefix))
    return None


def import_problem(python: Python, folder: Path, package: str) -> str:
    """Why a package's modules cannot be imported there by that Python; empty when they can."""
    try:
        done = subprocess.run(
            [str(python.program), "-E", "-B", "-c", _IMPORT_ALL, str(folder), package],
            capture_output=True, text=True, timeout=ANSWER_SECONDS, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it failed"])[-1]


def _launchd(variable: str) -> str:
    with suppress(OSError, subprocess.SubprocessError):
        return _said("launchctl", "getenv", variable).strip()
    return ""


def _in_path() -> Path | None:
    """python3 as it is found outside of the environment that Footfall runs in."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    ours = Path(sys.prefix) / "bin"
    found = shutil.which("python3", path=os.pathsep.join(f for f in folders if f and Path(f) != ours))
    return Path(found) if found else None


def _registered() -> dict[Version, Path]:
    """64-bit Pythons of python.org's kind, the user's own before those of all users."""
    found: dict[Version, Path] = {}
    if sys.platform == "win32":
        import winreg

        for root in (winreg.HKEY_LOCAL_MACHINE, winreg.HKEY_CURRENT_USER):
            with suppress(OSError), winreg.OpenKey(root, r"SOFTWARE\Python\PythonCore") as core:
                for number in range(winreg.QueryInfoKey(core)[0]):
                    name = winreg.EnumKey(core, number)
                    if version := re.fullmatch(r"(\d+)\.(\d+)", name):
                        with suppress(OSError):
                            found[int(version[1]), int(version[2])] = Path(
                                winreg.QueryValue(core, rf"{name}\InstallPath")
                            )
    return found


def _said(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=ANSWER_SECONDS, stdin=subprocess.DEVNULL, check=True
    )
    return done.stdout
