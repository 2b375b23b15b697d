"""An engine in a process and a home of its own: for the demo, the bench and the tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footfall_bridge.errors import EngineFault, FootfallError
from footfall_bridge.spool import EngineCard, Spool

from footfall_engine.config import SETTINGS_NAME, Settings

if TYPE_CHECKING:
    from footfall_bridge.client import Client

READY_WITHIN = 30.0  # seconds
GONE_WITHIN = 10.0
GLANCE = 0.005


@dataclass(frozen=True)
class Resident:
    """A running engine process and the ways to it."""

    process: subprocess.Popen[str]
    settings: Settings
    card: EngineCard
    ready_after: float  # seconds from the start of the process until it answered over TCP

    @property
    def tcp(self) -> str:
        return f"osc.tcp://{self.card.host or self.settings.host}:{self.card.tcp_port}"

    @property
    def udp(self) -> str:
        return f"osc.udp://{self.card.host or self.settings.host}:{self.card.udp_port}"

    @property
    def spool(self) -> str:
        from footfall_bridge.client import spool_uri

        return spool_uri(self.settings.spool_folder)

    def connect(self, uri: str = "") -> Client:
        from footfall_bridge.client import connect

        return connect(uri or self.tcp, self.settings.token or None)


@contextmanager
def resident_engine(home: Path, **values: Any) -> Iterator[Resident]:
    """`footfall serve` on free ports, with all its files in `home`; it is stopped at the end, by force if need be."""
    settings = make_home(home, **values)
    started = time.monotonic()
    process = start_engine(home)
    try:
        card = wait_until_ready(process, settings)
        resident = Resident(process, settings, card, time.monotonic() - started)
        yield resident
    finally:
        stop_engine(process)


def make_home(home: Path, **values: Any) -> Settings:
    """A settings file in `home`, with any free port unless told otherwise; the settings it stands for."""
    import tomli_w

    home.mkdir(parents=True, exist_ok=True)
    (home / SETTINGS_NAME).write_text(tomli_w.dumps({"port": 0, **values}), encoding="utf-8")
    return Settings.load({"FOOTFALL_HOME": str(home)})


def start_engine(home: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "FOOTFALL_HOME": str(home)}
    environment.pop("FOOTFALL_CONFIG", None)
    with (home / "engine.err").open("w") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "footfall_engine", "serve"],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, text=True,
        )  # fmt: skip


def wait_until_ready(process: subprocess.Popen[str], settings: Settings) -> EngineCard:
    """The card of the engine once it answers over TCP; EngineFault with what it said when it does not."""
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        card = Spool(settings.spool_folder).engine()
        if card is not None and card.pid == process.pid and card.tcp_port and _answers(card, settings):
            return card
        time.sleep(GLANCE)
    said = settings.file.with_name("engine.err").read_text(errors="replace").strip()
    raise EngineFault(f"the engine did not start: {said or 'it said nothing'}")


def _answers(card: EngineCard, settings: Settings) -> bool:
    from footfall_bridge.client import connect

    try:
        connect(f"osc.tcp://{card.host or settings.host}:{card.tcp_port}", settings.token or None).close()
    except FootfallError:
        return False
    return True


def stop_engine(process: subprocess.Popen[str]) -> None:
    for stop in (process.terminate, process.kill):
        if process.poll() is not None:
            return
        stop()
        try:
            process.wait(GONE_WITHIN)
        except subprocess.TimeoutExpired:
            continue
