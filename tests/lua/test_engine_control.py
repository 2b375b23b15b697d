"""Starting, stopping and repairing the engine from REAPER, with real engine processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from footfall_bridge.spool import STALE_SECONDS, EngineCard
from footfall_engine.cli.app import app
from footfall_engine.config import Settings
from footfall_engine.hosts import reaper
from footfall_engine.resident import make_home
from typer.testing import CliRunner

from tests.lua.session import Session, session, wishes
from tests.waiting import wait_until

PATIENCE = 60.0  # seconds for a process to start or end on a slow machine
TASKS = """
package.path = {lib} .. "/?.lua"
local host, json, files = require("project"), require("json"), require("files")
local config = json.decode(files.read({config}))
local engine = require("engine")
local running = engine.open(host, config):{task}()
engine.run(host, running, function(result, trouble)
  local said = json.array(running.said or {{}})
  host.log(json.encode({{ trouble = trouble, said = said, fine = result and true or false }}))
end)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_home(tmp_path / "home")


@pytest.fixture
def room(tmp_path: Path, settings: Settings) -> Iterator[Session]:
    """A REAPER whose engine does not run yet; whatever it starts is ended."""
    with session(tmp_path / "reaper", settings, readable=[settings.log_folder]) as opened:
        opened.install(log=str(settings.log_folder / "engine.log"), port=settings.port)
        try:
            yield opened
        finally:
            end_engines(opened)


def end_engines(opened: Session) -> None:
    for process in opened.reaper.processes.started:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGCONT)
            process.terminate()
            process.wait(timeout=PATIENCE)


def do(room: Session, task: str) -> dict[str, Any]:
    """What a task of lib/engine.lua came to."""
    text = TASKS.format(
        lib=json.dumps(str(room.scripts / "lib")), config=json.dumps(str(room.scripts / "footfall.json")), task=task
    )
    room.reaper.run_lua(text)
    room.reaper.pump(seconds=2 * PATIENCE)
    return json.loads(room.reaper.messages[-1].text)


def alive(room: Session) -> EngineCard | None:
    card = room.spool.engine()
    return card if card and card.alive else None


def wait_until_stale(room: Session) -> None:
    """REAPER's clock counts whole seconds, so it takes one more than Python's."""
    wait_until(lambda: time.time() - room.spool.engine().heartbeat > STALE_SECONDS + 1, "its heart beats", PATIENCE)


def started(room: Session) -> EngineCard:
    assert do(room, "start")["fine"], room.reaper.messages[-1]
    card = alive(room)
    assert card is not None
    return card


# ---- start and stop


def test_start_engine_starts_one_and_only_one(room: Session) -> None:
    room.run("Start engine")
    room.wait()
    card = alive(room)
    assert card is not None and psutil.pid_exists(card.pid)
    room.finish("Start engine")
    assert alive(room).pid == card.pid
    assert len(room.reaper.processes.started) == 1
    assert room.told == ""


def test_stop_engine_ends_it(room: Session) -> None:
    card = started(room)
    room.finish("Stop engine")
    assert alive(room) is None
    wait_until(lambda: room.reaper.processes.started[0].poll() is not None, f"process {card.pid} lives", PATIENCE)
    assert room.spool.waiting(".json") == [], "nothing is left that the next engine would take for its own quit"
    room.finish("Stop engine")
    assert room.told == ""


def test_a_generate_starts_the_engine_and_gets_its_stem(room: Session, hammer: Path) -> None:
    room.select_on_track(hammer)
    room.generate()
    assert room.told == ""
    assert len(room.stem_items) == 1


def test_nothing_that_starts_or_stops_an_engine_ever_waits(room: Session) -> None:
    """A slow machine takes more steps, not longer ones."""
    for task in ("start", "stop"):
        before = len(room.reaper.steps)
        assert do(room, task)["fine"]
        assert len(room.reaper.steps) - before > 10
    assert {timeout for _, timeout in room.reaper.processes.commands} == {-2}


def test_not_installed_says_the_one_command(room: Session) -> None:
    (room.scripts / "footfall.json").unlink()
    for action in ("Start engine", "Stop engine", "Status", "Cancel jobs"):
        room.reaper.messages.clear()
        room.finish(action)
        assert "make reaper" in room.told, action


def test_a_program_that_is_gone_says_the_one_command(room: Session, tmp_path: Path) -> None:
    room.install(command=[str(tmp_path / "gone" / "python"), "-m", "footfall_engine", "serve"])
    room.finish("Start engine")
    assert "gone/python is gone" in room.told and "make reaper" in room.told
    assert room.reaper.processes.commands == []


def test_a_program_with_spaces_in_its_path_is_started_whole(room: Session, tmp_path: Path) -> None:
    folder = tmp_path / "my pythons"
    folder.mkdir()
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    room.install(command=[str(python), "-m", "footfall_engine", "serve"])
    room.reaper.processes.allowed = [[str(python)]]
    room.finish("Start engine")
    assert alive(room) is not None


def test_another_protocol_is_named_and_nothing_is_started(room: Session) -> None:
    with beating(room, protocol=99):
        told = do(room, "start")
    assert told["trouble"]["code"] == "protocol"
    assert "protocol 99" in told["trouble"]["message"] and "make reaper" in told["trouble"]["message"]
    assert room.reaper.processes.commands == []


def test_why_an_engine_does_not_start_is_told_from_its_log(room: Session) -> None:
    held = hold_ports(20)
    try:
        room.settings.file.write_text(f"port = {held[0].getsockname()[1]}\n")
        told = do(room, "start")
    finally:
        for taken in held:
            taken.close()
    assert told["trouble"]["code"] == "ports_taken"
    assert "are all taken" in told["trouble"]["message"]


def test_a_start_that_stays_silent_says_how_to_see_why(room: Session) -> None:
    room.settings.file.write_text("port = 'no number'\n")
    room.install(start_seconds=2)
    told = do(room, "start")
    assert told["trouble"]["code"] == "engine_start"
    assert "-m footfall_engine serve" in told["trouble"]["message"]


def test_what_footfall_install_leaves_is_all_it_takes(
    room: Session, hammer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command installs from one environment; REAPER starts the engine from another."""
    shutil.rmtree(room.scripts)
    (room.reaper.resource_path / "reaper.ini").touch()
    monkeypatch.setenv("FOOTFALL_HOME", str(room.settings.file.parent))
    words = ["install", "reaper", "--resource-path", str(room.reaper.resource_path), "--force", "--json"]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0, told.output
    monkeypatch.setenv("FOOTFALL_HOME", str(tmp_path / "elsewhere"))
    room.reaper.processes.environment = {}
    room.reaper.processes.allowed = [json.loads((room.scripts / "footfall.json").read_text())["command"]]
    room.select_on_track(hammer)
    room.generate()
    assert len(room.stem_items) == 1, room.told
    assert not (tmp_path / "elsewhere").exists()


def test_at_startup_nothing_is_said_where_nothing_waits(room: Session) -> None:
    room.run("Place finished stems")
    room.wait()
    assert "No finished stems wait" in room.told
    room.reaper.messages.clear()
    text = reaper.with_startup(b"", b"\n").decode().replace("reaper.Main_OnCommand(id, 0)", "")
    room.reaper.run_lua(text.replace("reaper.NamedCommandLookup", "tostring"))
    for said in ("", "No finished stems wait"):
        room.run("Place finished stems")
        room.wait()
        assert said in room.told and bool(room.told) == bool(said)


# ---- repair


def test_repair_starts_what_does_not_run(room: Session) -> None:
    room.spool.make()
    told = do(room, "repair")
    assert told["said"] == [f"Started the engine: process {alive(room).pid}."]


def test_repair_finds_a_healthy_engine_healthy(room: Session) -> None:
    card = started(room)
    told = do(room, "repair")
    assert told["said"][0].startswith(f"The engine (process {card.pid}) answers within")
    assert told["said"][1:] == ["Nothing else to repair."]
    assert alive(room).pid == card.pid


def test_repair_clears_away_what_a_dead_engine_left(room: Session) -> None:
    dead = started(room)
    room.reaper.processes.started[0].kill()
    room.reaper.processes.started[0].wait(timeout=PATIENCE)
    wait_until_stale(room)
    told = do(room, "repair")["said"]
    assert f"process {dead.pid}" in told[0] and "took its card away" in told[0]
    assert told[1] == f"Started the engine: process {alive(room).pid}."


def test_repair_names_a_frozen_engine_that_holds_the_folder(room: Session) -> None:
    frozen = started(room)
    os.kill(frozen.pid, signal.SIGSTOP)
    wait_until_stale(room)
    told = do(room, "start")
    assert told["trouble"]["code"] == "engine_stale"
    assert f"process {frozen.pid}" in told["trouble"]["message"]


def test_repair_ends_an_engine_of_another_protocol(room: Session) -> None:
    with beating(room, protocol=99, quits=True):
        told = do(room, "repair")["said"]
    assert "protocol 99" in told[0]
    assert told[1] == "Asked it to quit, and it did."
    assert told[2].startswith("Started the engine")


def test_repair_replaces_an_engine_of_an_older_version(room: Session) -> None:
    with beating(room, version="0.0.9", quits=True):
        told = do(room, "repair")["said"]
    assert told[0] == "The engine (process 1) is version 0.0.9, and version 0.1.0 is installed."
    assert told[1] == "Asked it to quit, and it did."
    assert told[2].startswith("Started the engine")


def test_repair_ends_an_engine_that_does_not_answer(room: Session) -> None:
    with beating(room, quits=True):
        told = do(room, "repair")["said"]
    assert "lives and does not answer" in told[0]
    assert told[1] == "Asked it to quit, and it did."


def test_repair_makes_the_spool_folder_again(room: Session) -> None:
    told = do(room, "repair")["said"]
    assert told[0].endswith("was missing: made it again.")
    assert told[-1].startswith("Started the engine")


def test_repair_says_when_the_spool_folder_cannot_be_written(room: Session) -> None:
    room.spool.folder.parent.mkdir(parents=True, exist_ok=True)
    room.spool.folder.write_text("a file where the folder should be")
    (sentence,) = do(room, "repair")["said"]
    assert "cannot be written to" in sentence and "spool_folder" in sentence
    assert room.reaper.processes.commands == []


def test_repair_tells_of_a_taken_port(room: Session) -> None:
    (taken,) = hold_ports(1)
    try:
        port = taken.getsockname()[1]
        room.settings.file.write_text(f"port = {port}\n")
        room.install(port=port, log=str(room.settings.log_folder / "engine.log"))
        told = do(room, "repair")["said"]
    finally:
        taken.close()
    assert told[-1].startswith(f"Port {port} is taken by another program, so the engine listens on")


# ---- cancel


def test_cancel_jobs_cancels_what_was_asked_for_and_says_so_first(room: Session, hammer: Path) -> None:
    room.select_on_track(hammer)
    room.run("Generate for selection", wishes("hammer on metal", 8))
    room.finish("Cancel jobs", "yes")
    assert "Cancel 1 job: hammer on metal?" in room.told
    states = [status.state.value for status in room.statuses()]
    assert set(states) <= {"cancelled", "done"}
    assert room.journal == []
    room.finish("Cancel jobs")
    assert "nothing to cancel" in room.told


def test_cancel_jobs_can_be_declined(room: Session, hammer: Path) -> None:
    room.select_on_track(hammer)
    room.run("Generate for selection", wishes("hammer on metal", 1))
    room.finish("Cancel jobs", "no")
    assert len(room.stem_items) == 1


# ---- helpers


class beating:
    """The card of an engine that is not ours: a heart that beats, a protocol, and perhaps an ear for `quit`."""

    def __init__(self, room: Session, quits: bool = False, version: str = "0.1.0", protocol: int = 1) -> None:
        self.room, self.quits, self.version, self.protocol = room, quits, version, protocol
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.beat, daemon=True)

    def beat(self) -> None:
        spool = self.room.spool
        while not self.stop.is_set():
            spool.write_engine(EngineCard(1, self.version, time.time(), protocol=self.protocol))
            for name in spool.waiting(".json") if self.quits else ():
                spool.claim(name)
                asked = spool.read_claimed(name)
                spool.settle(name)
                if asked["type"] == "quit":
                    spool.remove_engine()
                    return
            self.stop.wait(0.1)

    def __enter__(self) -> None:
        self.room.spool.make()
        self.thread.start()
        wait_until(lambda: self.room.spool.engine(), "no card was written")

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(timeout=PATIENCE)


def hold_ports(count: int) -> list[socket.socket]:
    """That many TCP ports in a row."""
    for first in range(21_000, 60_000, count):
        held: list[socket.socket] = []
        try:
            for port in range(first, first + count):
                held.append(socket.socket())
                held[-1].bind(("127.0.0.1", port))
                held[-1].listen()
            return held
        except OSError:
            for taken in held:
                taken.close()
    raise AssertionError("no ports are free in a row")
