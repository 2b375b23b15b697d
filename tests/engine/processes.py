"""Real engine processes for tests: started in a home of their own, killed or closed at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from footfall_bridge.client import Client, connect

START_WITHIN_SEC = 60.0


def start_engine(home: Path) -> EngineProcess:
    """`footfall serve` on any free port, once it says that it is ready."""
    command = [sys.executable, "-m", "footfall_engine", "serve", "--port", "0", "--json"]
    with (home.with_name(f"{home.name}.stderr")).open("ab") as errors:
        process = subprocess.Popen(
            command, env={**os.environ, "FOOTFALL_HOME": str(home)}, stdout=subprocess.PIPE, stderr=errors
        )
    assert process.stdout is not None
    ready = process.stdout.readline()
    assert ready, (
        f"the engine ended with {process.wait(5)}: {home.with_name(f'{home.name}.stderr').read_text()[-2000:]}"
    )
    return EngineProcess(process, **{key: json.loads(ready)[key] for key in ("port", "spool")})


class EngineProcess:
    def __init__(self, process: subprocess.Popen[bytes], port: int, spool: str) -> None:
        self.process = process
        self.port = port
        self.spool = Path(spool)

    def connect(self) -> Client:
        return connect(f"osc.tcp://127.0.0.1:{self.port}")

    def kill(self) -> None:
        """`kill -9`: no chance to tidy up."""
        self.process.kill()
        self._reap()

    def close(self) -> int:
        """Ask it to end, and return its exit status."""
        self.process.terminate()
        return self._reap()

    def _reap(self) -> int:
        status = self.process.wait(30)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status

    def __enter__(self) -> EngineProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()


def wait_until(condition: Callable[[], bool], within_sec: float, stuck: Callable[[], object]) -> None:
    """Returns once the condition holds; fails saying what it was stuck on."""
    deadline = time.monotonic() + within_sec
    while not condition():
        assert time.monotonic() < deadline, f"stuck after {within_sec} s: {stuck()}"
        time.sleep(0.02)
