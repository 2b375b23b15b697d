"""The edge to the machine: which files a script may reach, and which processes it may start."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.fakes.reaper.table import Misuse

NO_WAIT = (-1, -2)


class Files:
    """Reads below `readable` and `writable`, writes below `writable`; `full` is a folder on a full disk."""

    def __init__(self, readable: Sequence[Path], writable: Sequence[Path]) -> None:
        self.readable, self.writable = list(readable), list(writable)
        self.full: Path | None = None
        self.used: list[tuple[str, str]] = []
        self.listed: dict[tuple[str, str], list[str]] = {}

    def check(self, what: str, path: str, mode: str) -> None:
        self.used.append((what, path))
        if mode == "refused":
            raise Misuse(f"{what} is not for Footfall's scripts (got {path!r})")
        writes = any(letter in mode for letter in "wa+")
        allowed = self.writable if writes else [*self.readable, *self.writable]
        clean = Path(os.path.normpath(path))
        if not Path(path).is_absolute() or not any(clean.is_relative_to(root) for root in allowed):
            raise Misuse(f"{what} reaches {path!r} ({'writing' if writes else 'reading'}), outside the allowed folders")

    def is_full(self, path: str) -> bool:
        return self.full is not None and Path(path).is_relative_to(self.full)

    def entry(self, what: str, path: str, index: int) -> str | None:
        if index < 0 or (what, path) not in self.listed:
            self.listed[what, path] = self.entries(what, Path(path))
        entries = self.listed[what, path]
        return entries[index] if 0 <= index < len(entries) else None

    @staticmethod
    def entries(what: str, folder: Path) -> list[str]:
        try:
            return sorted(one.name for one in folder.iterdir() if one.is_dir() == (what == "folders"))
        except OSError:
            return []


class Processes:
    """Starts only commands that begin with an allowed one; `answer` (command, timeout) replaces the real thing."""

    def __init__(self) -> None:
        self.allowed: list[list[str]] = []
        self.answer: Callable[[str, int], str | None] | None = None
        self.environment: dict[str, str] = {}
        self.commands: list[tuple[str, int]] = []
        self.started: list[subprocess.Popen] = []

    def execute(self, command: str, timeout_ms: int) -> str | None:
        """Waiting, 'exit code, line break, output'; not waiting, "": what REAPER says then is not documented."""
        self.commands.append((command, timeout_ms))
        if timeout_ms not in NO_WAIT and timeout_ms < 0:
            raise Misuse(f"ExecProcess: timeout {timeout_ms}")
        if self.answer:
            return self.answer(command, timeout_ms)
        words = shlex.split(command)
        if not any(words[: len(start)] == start for start in self.allowed):
            raise Misuse(f"ExecProcess may not start {command!r}")
        if not Path(words[0]).is_absolute():
            raise Misuse(f"ExecProcess has no PATH: {words[0]!r} must be a full path")
        try:
            return self.run(words, timeout_ms)
        except (OSError, subprocess.TimeoutExpired):
            return None

    def run(self, words: list[str], timeout_ms: int) -> str:
        environment = {**os.environ, **self.environment}
        if timeout_ms in NO_WAIT:
            nowhere = subprocess.DEVNULL
            self.started.append(subprocess.Popen(words, stdin=nowhere, stdout=nowhere, stderr=nowhere, env=environment))
            return ""
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=timeout_ms / 1000 or None, env=environment, check=False
        )
        return f"{done.returncode}\n{done.stdout}{done.stderr}"

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait(timeout=10)
