"""Is an editor's program running? As far as this system tells."""

from __future__ import annotations

import csv
import os
import platform
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SECONDS = 10  # that listing the processes may take


@dataclass(frozen=True)
class Process:
    pid: int
    name: str
    program: Path | None = None


def running(name: str, processes: list[Process] | None = None) -> list[Process]:
    """Processes of a program by its name, in any case and with or without ``.exe``."""
    listed = all_processes() if processes is None else processes
    return [process for process in listed if process.name.lower().removesuffix(".exe") == name.lower()]


def all_processes() -> list[Process]:
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        if Path("/proc/self/exe").exists():
            return _from_proc(Path("/proc"))
        return _from_tasklist() if platform.system() == "Windows" else _from_ps()
    return []


def _from_proc(proc: Path) -> list[Process]:
    found = []
    for folder in proc.iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # it is gone
                name = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
                found.append(Process(int(folder.name), name, _program(folder)))
    return found


def _program(folder: Path) -> Path | None:
    try:
        return Path(os.readlink(folder / "exe"))
    except OSError:  # another user's
        return None


def _from_tasklist() -> list[Process]:
    return parse_tasklist(_said("tasklist", "/FO", "CSV", "/NH"))


def _from_ps() -> list[Process]:
    return parse_ps(_said("ps", "-axo", "pid=,comm="))


def _said(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, timeout=SECONDS, check=True, stdin=subprocess.DEVNULL)
    return result.stdout.decode("utf-8", "replace")


def parse_tasklist(text: str) -> list[Process]:
    """Rows of Windows' task list: ``"reaper.exe","4242","Console","1","98,304 K"``."""
    return [Process(int(row[1]), row[0]) for row in csv.reader(text.splitlines()) if len(row) > 1 and row[1].isdigit()]


def parse_ps(text: str) -> list[Process]:
    """Rows of ``ps -o pid=,comm=``: on macOS the second column is the program's whole path."""
    rows = [line.strip().split(maxsplit=1) for line in text.splitlines()]
    return [Process(int(row[0]), Path(row[1]).name, Path(row[1])) for row in rows if len(row) == 2 and row[0].isdigit()]
