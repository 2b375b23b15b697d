"""The engine's life as Resolve sees it: is it there, start it, stop it, find out what is wrong and mend that."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from typing import Any, Callable, Dict

from . import PROTOCOL
from .errors import Cancelled, FootfallError
from .memory import WRITE_TEST, read_json
from .osc_client import EngineClient, EngineUnreachable

CONFIG = "footfall.json"
STALE_SECONDS = 5  # an engine whose heartbeat is older is taken for dead
LOOK_SECONDS = 0.05
START_SECONDS = 90  # that a start may take: a cold one from a slow disk
HELD_SECONDS = 10  # after which one that is said to run and shows no sign of life is taken for frozen
QUIT_SECONDS = 20
# What Resolve sets for itself, and would lead another Python astray.
NOT_FOR_THE_ENGINE = ("PYTHONHOME", "PYTHON3HOME", "PYTHONPATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH")

AGAIN = "Run `footfall install resolve`, then try again."
NOT_INSTALLED = "Footfall's engine is not installed: there is no {}. " + AGAIN
GONE = "Footfall's program {} is gone. " + AGAIN
NOT_STARTED = "Footfall's engine could not be started with {} ({}). " + AGAIN
SILENT_START = "Footfall's engine was started {:.0f} s ago and still says nothing. In a terminal, this shows why:\n\n{}"
LOG_SAYS = "Footfall's engine did not start: {}"
HELD = (
    "An engine that does not answer any more (process {}) holds Footfall's folder. End that process in your system's "
    "task manager, then try again."
)
NO_PORT = "Footfall's engine (process {}) listens on no TCP port, so Resolve's scripts cannot reach it: {}"
NO_QUIT = (
    "Footfall's engine (process {}) was asked to quit and has not done so within {} s. End it in the task manager."
)
MISFIT = (
    "Footfall's engine {} speaks protocol {} and these scripts speak protocol {}. Run `footfall install resolve` to "
    "bring both to the same version, then start the engine again."
)
UNWRITABLE = "The folder {}, where Footfall keeps its jobs, cannot be written to ({}). Free it, or choose another."

_FAILED_START = re.compile(r"ERROR\s+\S+serve: (\w+): ([^\r\n]+)")

Card = Dict[str, Any]


def read_config(folder: str) -> dict[str, Any]:
    """Where the engine lives, as `footfall install resolve` has written beside this package."""
    path = os.path.join(folder, CONFIG)
    if not os.path.isfile(path):
        raise FootfallError("not_installed", NOT_INSTALLED.format(path))
    config = read_json(path)
    if config is None or not isinstance(config.get("spool"), str) or not isinstance(config.get("command"), list):
        raise FootfallError("bad_settings", f"{path} cannot be used. {AGAIN}")
    return config


class Engine:
    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self.spool = config["spool"]

    # ---- looking

    def card(self) -> Card | None:
        """What the engine that is alive now says of itself; None when there is none."""
        card = read_json(os.path.join(self.spool, "engine.json"))
        if card is None or not isinstance(card.get("heartbeat"), (int, float)):
            return None
        return card if abs(time.time() - card["heartbeat"]) < STALE_SECONDS else None

    def fitting_card(self) -> Card | None:
        """The same; FootfallError for an engine that these scripts cannot talk to."""
        card = self.card()
        if card is None:
            return None
        spoken = card.get("protocol", 1)
        if spoken != PROTOCOL:
            raise FootfallError("protocol", MISFIT.format(card.get("version"), spoken, PROTOCOL))
        if not card.get("tcp_port"):
            raise FootfallError("engine_unreachable", NO_PORT.format(card.get("pid"), "see `footfall doctor`."))
        return card

    def client(self) -> EngineClient:
        """A connection to the engine that runs; EngineUnreachable when none does."""
        card = self.fitting_card()
        if card is None:
            raise EngineUnreachable("Footfall's engine does not run")
        host = card.get("host") or self._config.get("host") or "127.0.0.1"
        return EngineClient(host, int(card["tcp_port"]), self._config.get("token") or "")

    # ---- starting

    def ensure(self, going_on: Callable[[float], bool] = lambda seconds: True) -> Card:
        """The card of an engine that runs, started if need be. `going_on` hears the seconds; False turns away."""
        card = self._wait_for_life(going_on)
        if card is not None:
            return card
        read_from = self._log_size()
        self._start()
        return self._wait_for_start(read_from, going_on)

    def _wait_for_life(self, going_on: Callable[[float], bool]) -> Card | None:
        """The card of an engine that can be reached; None once the last sign of life of a dead one has faded."""
        began = time.monotonic()
        while True:
            card = self.fitting_card()
            if card is None or self.is_reachable():
                return card
            if not going_on(time.monotonic() - began):
                raise Cancelled()
            time.sleep(LOOK_SECONDS)

    def is_reachable(self) -> bool:
        try:
            client = self.client()
        except EngineUnreachable:
            return False
        reached = client.reaches()
        client.close()
        return reached

    def _start(self) -> None:
        command: list[str] = self._config["command"]
        if not os.path.isfile(command[0]):
            raise FootfallError("not_installed", GONE.format(command[0]))
        try:
            subprocess.Popen(command, env=_clean_environment(), close_fds=True, **_detached())
        except OSError as error:
            raise FootfallError("not_installed", NOT_STARTED.format(command[0], error.strerror)) from error

    def _wait_for_start(self, read_from: int, going_on: Callable[[float], bool]) -> Card:
        began = time.monotonic()
        while time.monotonic() - began < START_SECONDS:
            card = self.fitting_card()
            if card is not None:
                return card
            self._raise_what_the_log_says(read_from, time.monotonic() - began)
            if not going_on(time.monotonic() - began):
                raise Cancelled()
            time.sleep(LOOK_SECONDS)
        raise FootfallError("engine_start", SILENT_START.format(START_SECONDS, " ".join(self._config["command"])))

    def _log_size(self) -> int:
        try:
            return os.path.getsize(self._config.get("log") or "")
        except OSError:
            return 0

    def _raise_what_the_log_says(self, read_from: int, seconds: float) -> None:
        """Why the start failed; nothing while another engine, started at the same moment, may yet come."""
        try:
            with open(self._config.get("log") or "", "rb") as file:
                file.seek(read_from)
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return
        for code, sentence in _FAILED_START.findall(text):
            if code != "engine_running":
                raise FootfallError(code, LOG_SAYS.format(sentence))
            if seconds > HELD_SECONDS:
                left = read_json(os.path.join(self.spool, "engine.json")) or {}
                raise FootfallError("engine_stale", HELD.format(left.get("pid", "unknown")))

    # ---- stopping and mending

    def stop(self) -> bool:
        """End the engine; its unfinished jobs go on at its next start. False when none ran."""
        card = self.card()
        if card is None:
            return False
        client = EngineClient(
            card.get("host") or "127.0.0.1", int(card.get("tcp_port") or 0), self._config.get("token") or ""
        )
        try:
            client.send({"type": "quit"})
        except EngineUnreachable:
            pass  # it may be on its way out
        deadline = time.monotonic() + QUIT_SECONDS
        while time.monotonic() < deadline:
            now = self.card()
            if now is None or now.get("pid") != card.get("pid"):
                client.close()
                return True
            time.sleep(LOOK_SECONDS)
        raise FootfallError("engine_stale", NO_QUIT.format(card.get("pid"), QUIT_SECONDS))

    def answers(self) -> dict[str, Any] | None:
        """What the engine says when it is asked how it is; None when it says nothing."""
        try:
            client = self.client()
        except EngineUnreachable:
            return None
        try:
            return client.ask({"type": "status"}, "status.reply")
        except EngineUnreachable:
            return None
        finally:
            client.close()

    def repair(self) -> list[str]:
        """Look at everything that is usually wrong and mend it: a sentence for each thing found and done."""
        said = self._mend_spool() + self._clear_away()
        was_running = self.card() is not None
        card = self.ensure()
        said.append(
            ("The engine runs, process {}." if was_running else "Started the engine, process {}.").format(card["pid"])
        )
        wanted = self._config.get("port")
        if wanted and card.get("tcp_port") != wanted:
            said.append("Port {} is taken by another program, so it listens on {}; the scripts know.".format(
                wanted, card.get("tcp_port")))  # fmt: skip
        return said

    def _mend_spool(self) -> list[str]:
        there = os.path.isdir(self.spool)
        test = os.path.join(self.spool, WRITE_TEST)
        try:
            os.makedirs(self.spool, exist_ok=True)
            with open(test, "w"):
                pass
            os.remove(test)
        except OSError as error:
            raise FootfallError("spool_unwritable", UNWRITABLE.format(self.spool, error.strerror)) from error
        return [] if there else [f"The folder {self.spool} was missing: made it again."]

    def _clear_away(self) -> list[str]:
        """What lives and does not answer, or speaks otherwise, is ended."""
        card = self.card()
        if card is None or (card.get("protocol", 1) == PROTOCOL and self.answers()):
            return []
        self.stop()
        return ["The engine (process {}) was of another version or did not answer: ended it.".format(card.get("pid"))]


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in NOT_FOR_THE_ENGINE}


def _detached() -> dict[str, Any]:
    """So that the engine outlives the script, and Resolve."""
    nowhere: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if sys.platform == "win32":
        no_window, own_group = 0x08000000, 0x00000200
        return dict(nowhere, creationflags=no_window | own_group)
    return dict(nowhere, start_new_session=True)
