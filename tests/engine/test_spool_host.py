"""The spool as a host sees it that can write a file and nothing else: plain JSON in, plain JSON out."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from footfall_bridge import messages
from footfall_bridge.messages import JobState
from footfall_bridge.spool import Spool
from footfall_engine.resident import resident_engine

from tests.waiting import wait_until
from tests.wired import FAILING, SLOW, WiredEngine, a_request, wired

ASKED = 25  # times that a window asks the same


@pytest.fixture
def engine(tmp_path: Path):
    with wired(tmp_path) as engine:
        yield engine


def put(folder: Path, name: str, request: dict[str, Any]) -> None:
    part = folder / "inbox" / f"{name}.json.part"
    part.write_text(json.dumps(request))
    part.replace(part.with_suffix(""))


def said(file: Path) -> dict[str, Any]:
    """What a file says once it is there."""
    wait_until(file.exists, f"there is no {file}")
    return json.loads(file.read_bytes())


def ask(folder: Path, name: str, request: dict[str, Any]) -> dict[str, Any]:
    """A question, as a host asks it: the last answer is cleared away first."""
    reply = folder / "jobs" / name / "reply.json"
    reply.unlink(missing_ok=True)
    put(folder, name, request)
    return said(reply)


def state_of(folder: Path, name: str) -> str:
    file = folder / "jobs" / name / "status.json"
    return json.loads(file.read_bytes())["state"] if file.exists() else ""


def all_files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_the_engine_file_and_its_status_name_the_protocol(engine: WiredEngine):
    assert said(engine.spool_folder / "engine.json")["protocol"] == messages.PROTOCOL == 1
    reply = ask(engine.spool_folder, "reaper-status", {"type": "status"})
    assert (reply["type"], reply["protocol"]) == ("status.reply", 1)


def test_a_question_asked_again_under_its_name_is_answered_anew_and_leaves_nothing_growing(engine: WiredEngine):
    folder = engine.spool_folder
    last = ask(folder, "reaper-status", {"type": "status"})
    before = ["engine.json", "jobs/reaper-status/reply.json"]
    wait_until(lambda: all_files(folder) == before, lambda: all_files(folder))
    for _ in range(ASKED):
        time.sleep(0.002)  # its clock counts milliseconds
        reply = ask(folder, "reaper-status", {"type": "status"})
        assert reply["uptime_seconds"] > last["uptime_seconds"]
        last = reply
    wait_until(lambda: all_files(folder) == before, lambda: all_files(folder))
    server = engine.wires._spool
    assert (server._due, server._open, server._written, engine.jobs.counts()) == ({}, {}, {}, {})


def test_an_answer_that_was_not_cleared_away_is_replaced(engine: WiredEngine):
    folder = engine.spool_folder
    first = ask(folder, "reaper-status", {"type": "status"})
    put(folder, "reaper-status", {"type": "models"})
    reply = folder / "jobs" / "reaper-status" / "reply.json"
    wait_until(lambda: said(reply)["type"] == "models.reply", "the second answer")
    assert first["type"] == "status.reply"


def test_a_status_has_all_that_a_window_shows_of_each_job(engine: WiredEngine):
    folder = engine.spool_folder
    put(folder, "bad", {"type": "generate", "video": "/a.mov", "stem_folder": "/stems", "prompt": FAILING})
    wait_until(lambda: state_of(folder, "bad") == "failed", "the failing job fails")
    put(folder, "slow", {"type": "generate", "video": "/a.mov", "stem_folder": "/stems", "prompt": SLOW})
    wait_until(lambda: "fraction" in json.dumps(said(folder / "jobs" / "slow" / "status.json")), "the slow job runs")
    put(folder, "next", {"type": "spot", "video": "/films/b.mov"})
    wait_until(lambda: state_of(folder, "next") == "queued", "the next job waits")
    briefs = ask(folder, "reaper-status", {"type": "status"})["jobs"]
    shown = [(job["id"], job["kind"], job["label"], job["state"], job["fraction"], job["message"]) for job in briefs]
    assert shown == [
        ("slow", "generate", SLOW, "running", 0.25, ""),
        ("next", "spot", "b.mov", "queued", 0.0, ""),
        ("bad", "generate", FAILING, "failed", 0.0, "there is no picture"),
    ]
    for name in ("next", "slow"):
        (folder / "inbox" / f"{name}.cancel").touch()
        wait_until(lambda name=name: state_of(folder, name) == "cancelled", f"{name} is cancelled")


def test_a_job_that_is_still_in_the_inbox_can_be_cancelled_before_an_engine_comes(tmp_path: Path):
    spool = Spool(tmp_path / "spool")
    spool.make()
    wanted, unwanted = a_request(), a_request(SLOW)
    for request in (unwanted, wanted):
        spool.put(request, request.id)
    spool.put_cancel(unwanted.id)
    with wired(tmp_path) as engine:
        wait_until(lambda: state_of(spool.folder, wanted.id) == "done", "the wanted job is done")
        wait_until(lambda: state_of(spool.folder, unwanted.id) == "cancelled", "the unwanted job is cancelled")
        assert engine.jobs.status(unwanted.id).state is JobState.CANCELLED
        wait_until(lambda: not list(spool.inbox.iterdir()), "every request is settled")


def test_a_cancel_of_what_is_unknown_says_so_and_is_taken(engine: WiredEngine):
    (engine.spool_folder / "inbox" / "nobody.cancel").touch()
    status = said(engine.spool_folder / "jobs" / "nobody" / "status.json")
    assert (status["state"], status["failure"]["code"]) == ("failed", "unknown_job")
    wait_until(lambda: not list((engine.spool_folder / "inbox").iterdir()), "the inbox is empty")


@pytest.mark.parametrize("claimed", [False, True])
def test_a_quit_that_no_engine_heard_does_not_stop_the_next_one(tmp_path: Path, claimed: bool):
    spool = Spool(tmp_path / "spool")
    spool.make()
    spool.put(messages.Quit(), "reaper-quit")
    if claimed:
        assert spool.claim("reaper-quit")
    with wired(tmp_path) as engine:
        assert ask(spool.folder, "reaper-status", {"type": "status"})["type"] == "status.reply"
        assert not engine.quitting.is_set()
        wait_until(lambda: not list(spool.inbox.iterdir()), "every request is settled")
        assert ask(spool.folder, "reaper-quit", {"type": "quit"}) == {"type": "bye"}
        assert engine.quitting.wait(5)


def test_quit_over_the_spool_ends_the_process_and_takes_the_engine_file_away(tmp_path: Path):
    with resident_engine(tmp_path) as engine:
        folder = engine.settings.spool_folder
        assert ask(folder, "reaper-quit", {"type": "quit"}) == {"type": "bye"}
        assert engine.process.wait(20) == 0
        assert all_files(folder) == ["jobs/reaper-quit/reply.json"]
