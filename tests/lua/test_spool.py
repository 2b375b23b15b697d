"""spool.lua against footfall_bridge.spool: each end reads what the other has written, and an engine serves it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from footfall_bridge import messages
from footfall_bridge.messages import EngineStatus, JobState, JobStatus, Message
from footfall_bridge.spool import CANCEL, REQUEST, STALE_SECONDS, EngineCard, Spool, is_id
from hypothesis import example, given
from hypothesis import strategies as st

from tests.bridge.samples import EVERY_MESSAGE, generates
from tests.lua.plain import VERSIONS, LuaErrors, Plain
from tests.waiting import wait_until
from tests.wired import SLOW, WiredEngine, wired

JOB = next(message for message in EVERY_MESSAGE if isinstance(message, JobStatus))
REQUESTS_WITH_ID = [
    message for message in EVERY_MESSAGE if message.type in ("generate", "regenerate", "spot", "audition")
]


class Host:
    """Both ends of one folder: `lua` is the host's, `python` the engine's."""

    def __init__(self, folder: Path, version: str = "5.4") -> None:
        self.python = Spool(folder)
        self._lua = Plain(version)
        self._folder = str(folder)

    def __call__(self, call: str, *values: Any) -> Any:
        """Result of a method of the open spool, its arguments given as a0, a1 …"""
        names = ", ".join(f"a{n}" for n in range(len(values)))
        return self._lua.call(
            f"function({names}) local s = require('spool').open([[{self._folder}]]); return s:{call} end", *values
        )

    def status(self, job_id: str, known_text: str | None = None) -> tuple[Any, str | None]:
        """A job's state and its text."""
        found = self("status(a0, a1)", job_id, known_text)
        return (*found, None, None)[:2] if isinstance(found, tuple) else (found, None)

    def alive(self, now: float) -> bool:
        return self._lua.call("require('spool').alive", self("engine()"), now)


@pytest.fixture(params=VERSIONS, ids=[f"Lua {version}" for version in VERSIONS])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    host = Host(tmp_path / "spool été", request.param)
    host.python.make()
    return host


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[WiredEngine]:
    with wired(tmp_path) as engine:
        yield engine


# ---- from the host to the engine


@pytest.mark.parametrize("request_", REQUESTS_WITH_ID, ids=lambda message: message.type)
def test_the_engine_reads_the_request_that_lua_put(host: Host, request_: Message) -> None:
    assert host("put(a0)", messages.to_fields(request_)) is True
    assert host.python.waiting(REQUEST) == [request_.id]
    assert host.python.claim(request_.id)
    assert messages.parse_request(host.python.read_claimed(request_.id)) == request_
    assert os.listdir(host.python.inbox) == [f"{request_.id}.claimed"]


def test_a_question_goes_under_a_name_of_its_own(host: Host) -> None:
    assert host("ask(a0, a1)", "question-1", {"type": "models"}) is True
    host.python.claim("question-1")
    assert messages.parse_request(host.python.read_claimed("question-1")) == messages.Models()


def test_the_engine_sees_a_cancel(host: Host) -> None:
    assert host("cancel(a0)", "job-1") is True
    assert host.python.waiting(CANCEL) == ["job-1"]
    assert host.python.claim_cancel("job-1")


def test_a_request_is_withdrawn_until_it_is_claimed(host: Host) -> None:
    assert host("withdraw(a0)", "job-1") is False
    host("put(a0)", {"type": "spot", "id": "job-1", "video": "a.mov"})
    assert host("awaits(a0)", "job-1") is True
    assert host("withdraw(a0)", "job-1") is True
    assert host("awaits(a0)", "job-1") is False
    host("put(a0)", {"type": "spot", "id": "job-1", "video": "a.mov"})
    host.python.claim("job-1")
    assert host("withdraw(a0)", "job-1") is False
    assert host("awaits(a0)", "job-1") is True  # claimed, and not yet answered
    host.python.settle("job-1")
    assert host("awaits(a0)", "job-1") is False


IDS = Plain().run('return require("spool").is_id')


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=70)
    | st.from_regex(r"[A-Za-z0-9._/-]{1,66}", fullmatch=True)
)
@example("a" * 64)
@example("a" * 65)
@example("a\n")
@example("../a")
@example("")
def test_lua_and_the_bridge_agree_on_what_an_id_is(text: str) -> None:
    assert IDS(text) == is_id(text)


@pytest.mark.parametrize("method", ["cancel", "withdraw", "status", "reply", "awaits"])
@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".hidden", "x" * 65])
def test_no_id_leads_out_of_the_folder(tmp_path: Path, method: str, name: str) -> None:
    host = Host(tmp_path / "spool")
    host.python.make()
    with pytest.raises(LuaErrors, match="is no id"):
        host(f"{method}(a0)", name)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["inbox", "jobs", "spool"]


@pytest.mark.parametrize("call", ["put(a0)", "cancel(a0.id)"])
def test_a_missing_folder_is_said_with_its_path(tmp_path: Path, call: str) -> None:
    host = Host(tmp_path / "gone")
    done, trouble = host(call, {"type": "status", "id": "job-1"})
    assert done is None
    assert trouble["code"] == "spool_unwritable"
    assert str(tmp_path / "gone") in trouble["message"]
    assert not (tmp_path / "gone").exists()


def test_a_missing_folder_holds_nothing(tmp_path: Path) -> None:
    host = Host(tmp_path / "gone")
    assert host.status("job-1") == (None, None)
    assert host("reply('job-1')") is None
    assert host("engine()") is None
    assert host("awaits('job-1')") is False


# ---- from the engine to the host


def test_lua_reads_the_whole_of_a_jobs_state(host: Host) -> None:
    host.python.write_status(JOB)
    job, text = host.status(JOB.id)
    assert job == messages.to_fields(JOB)
    assert json.loads(text) == job


def test_a_state_that_is_known_is_not_read_again(host: Host) -> None:
    host.python.write_status(JobStatus(id="job-1", state=JobState.QUEUED))
    _, text = host.status("job-1")
    assert host.status("job-1", text) == (None, text)
    host.python.write_status(JobStatus(id="job-1", state=JobState.RUNNING))
    job, _ = host.status("job-1", text)
    assert job["state"] == "running"


HALF = messages.to_json(JOB).encode()


@given(st.integers(0, len(HALF) - 1))
@example(0)
def test_half_a_state_is_none(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    host = Host(tmp_path_factory.mktemp("half"))
    file = host.python.status_file(JOB.id)
    file.parent.mkdir(parents=True)
    file.write_bytes(HALF[:length])
    assert host.status(JOB.id) == (None, None)


@pytest.mark.parametrize(
    "text", ["[]", "null", "3", '{"type": "job"}', '{"type": "job", "id": "other", "state": "done"}', '{"id": "job-1"}']
)
def test_what_is_no_state_of_this_job_is_none(host: Host, text: str) -> None:
    file = host.python.status_file("job-1")
    file.parent.mkdir()
    file.write_text(text)
    assert host.status("job-1") == (None, None)


def test_an_answer_is_read_once_and_cleared_away(host: Host) -> None:
    answer = EngineStatus(version="0.1", pid=7, uptime_seconds=1.5)
    host.python.write_reply("question-1", answer)
    assert messages.parse_message(host("reply(a0)", "question-1")) == answer
    assert host("reply(a0)", "question-1") is None
    assert list(host.python.jobs.iterdir()) == []


def test_half_an_answer_waits_for_the_rest(host: Host) -> None:
    file = host.python.reply_file("question-1")
    file.parent.mkdir()
    for half in ("", "{", '{"type": "by', "{}", "[]"):
        file.write_text(half)
        assert host("reply(a0)", "question-1") is None
        assert file.exists()


# ---- who serves the folder


def test_lua_reads_the_engines_card(host: Host) -> None:
    card = EngineCard(7, "0.1.0", time.time(), "127.0.0.1", 9770, 9771, 1)
    host.python.write_engine(card)
    assert EngineCard(**host("engine()")) == card


@given(st.floats(-20, 20))
@example(STALE_SECONDS)
@example(-STALE_SECONDS)
def test_a_card_is_alive_as_long_as_the_bridge_says_so(ago: float) -> None:
    now = 1.8e9
    alive = Plain().call("require('spool').alive", {"pid": 7, "heartbeat": now - ago}, now)
    assert alive == (abs(now - (now - ago)) < STALE_SECONDS)


def test_without_a_card_nobody_is_alive(host: Host) -> None:
    assert host.alive(time.time()) is False
    host.python.write_engine(EngineCard(7, "0.1.0", time.time() - 60))
    assert host.alive(time.time()) is False
    host.python.write_engine(EngineCard(7, "0.1.0", time.time()))
    assert host.alive(time.time()) is True


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"pid": 1}', '{"pid": "1", "heartbeat": 1}', '{"heartbeat": 1.5}']
)
def test_half_a_card_is_none(host: Host, text: str) -> None:
    host.python.engine_file.write_text(text)
    assert host("engine()") is None


@pytest.mark.parametrize("version", VERSIONS)
def test_another_protocol_is_refused_with_what_to_do(version: str) -> None:
    fits = "require('spool').fits"
    lua = Plain(version)
    assert lua.call(fits, {"pid": 7, "version": "0.1.0", "protocol": 1}) is True
    assert lua.call(fits, {"pid": 7, "version": "0.1.0"}) is True  # from before engines said it
    done, trouble = lua.call(fits, {"pid": 7, "version": "2.0.0", "protocol": 2})
    assert (done, trouble["code"]) == (None, "protocol")
    assert "2.0.0" in trouble["message"] and "make reaper" in trouble["message"]


def test_lua_speaks_the_bridges_protocol() -> None:
    assert Plain().run('return require("spool").PROTOCOL') == EngineCard(1, "", 0).protocol


# ---- with a real engine


@pytest.mark.parametrize("version", VERSIONS)
def test_a_real_engine_serves_what_lua_leaves(version: str, engine: WiredEngine) -> None:
    host = Host(engine.spool_folder, version)
    job = messages.Generate(id="job-1", video="/a.mov", stem_folder="/stems", variants=3)
    assert host("put(a0)", messages.to_fields(job)) is True
    wait_until(lambda: state(host, "job-1") == "done", lambda: f"the job is {state(host, 'job-1')}")
    assert messages.parse_message(host.status("job-1")[0]) == engine.jobs.status("job-1")
    assert host("ask('question-1', a0)", {"type": "models"}) is True
    answers: list[Any] = []
    wait_until(lambda: answers.append(host("reply('question-1')")) or answers[-1], "no answer came")
    assert answers[-1]["type"] == "models.reply"
    assert host.alive(time.time())


def test_a_real_engine_hears_a_cancel(engine: WiredEngine) -> None:
    host = Host(engine.spool_folder)
    host("put(a0)", messages.to_fields(messages.Generate(id="job-1", video="/a", stem_folder="/s", prompt=SLOW)))
    wait_until(lambda: state(host, "job-1") == "running", lambda: f"the job is {state(host, 'job-1')}")
    assert host("cancel('job-1')") is True
    wait_until(lambda: state(host, "job-1") == "cancelled", lambda: f"the job is {state(host, 'job-1')}")


def state(host: Host, job_id: str) -> str | None:
    job, _ = host.status(job_id)
    return job and job["state"]


@given(generates())
def test_any_request_is_read_as_it_was_put(
    tmp_path_factory: pytest.TempPathFactory, request: messages.Generate
) -> None:
    host = Host(tmp_path_factory.mktemp("spool"))
    host.python.make()
    host("put(a0)", messages.to_fields(request))
    host.python.claim(request.id)
    assert messages.parse_request(host.python.read_claimed(request.id)) == request
