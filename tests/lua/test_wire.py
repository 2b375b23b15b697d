"""wire.lua under a real Lua with real LuaSocket, against an engine's real queue and wires."""

from __future__ import annotations

import json
import queue
import random
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from footfall_bridge import messages
from footfall_bridge.spool import Spool

from tests.lua.plain import LIB, VERSIONS, real_lua
from tests.waiting import wait_until
from tests.wired import CHATTY, FAILING, LOUD, LOUD_EVENTS, SLOW, WiredEngine, wired

ANSWER_SECONDS = 60
STARTER = """
package.path = LIB .. "/?.lua;" .. package.path
json, request, wire = require("json"), require("request"), require("wire")
socket = require("socket")
function open(spool, with_socket, token)
  w = wire.open({ spool = spool, host = "127.0.0.1", token = token }, with_socket and socket or nil, socket.gettime)
  return w.kind
end
function generate(prompt, variants, id)
  local segment = { source_in = 0.0, source_out = 1.0, speed = 1 }
  return request.generate({ id = id or request.new_id(), video = "/clips/a.mov", segment = segment, prompt = prompt,
                            variants = variants, stem_folder = "/stems" })
end
function submit(...)
  local message = generate(...)
  local done, trouble = w:submit(message)
  return done and message.id or trouble
end
function step_until(condition, seconds)
  local deadline = socket.gettime() + (seconds or 30)
  repeat
    w:step()
    local value = condition()
    if value then return value end
    socket.sleep(0.005)
  until socket.gettime() > deadline
end
function state_of(id)
  local job = w:status(id)
  return job and job.state
end
function until_state(id, state)
  step_until(function() return state_of(id) == state end)
  return w:status(id)
end
for line in io.lines() do
  local ok, value = pcall(assert(load(json.decode(line))))
  io.write(json.encode({ ok = ok, value = value == nil and json.null or value }), "\\n")
  io.flush()
end
"""


class LuaHost:
    """A script in a host, played by a real interpreter: runs what it is told and says what comes of it."""

    def __init__(self, version: str) -> None:
        program = real_lua(version, socket=True)
        self._process = subprocess.Popen(
            [program, "-e", f"LIB = [[{LIB.as_posix()}]]\n{STARTER}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def __call__(self, code: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()
        try:
            answer = json.loads(self._answers.get(timeout=ANSWER_SECONDS))
        except queue.Empty:
            raise AssertionError(f"Lua did not answer within {ANSWER_SECONDS} s: {code}") from None
        assert answer["ok"], answer["value"]
        return answer["value"]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()


@pytest.fixture(params=VERSIONS, ids=[f"Lua {version}" for version in VERSIONS])
def lua(request: pytest.FixtureRequest) -> Iterator[LuaHost]:
    host = LuaHost(request.param)
    yield host
    host.close()


@pytest.fixture
def lua54() -> Iterator[LuaHost]:
    host = LuaHost("5.4")
    yield host
    host.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[WiredEngine]:
    with wired(tmp_path) as engine:
        yield engine


def open_wire(lua: LuaHost, spool: Path, kind: str = "osc.udp", token: str = "") -> None:
    with_socket = "true" if kind == "osc.udp" else "false"
    assert lua(f"return open([[{spool}]], {with_socket}, [[{token}]])") == kind


both_wires = pytest.mark.parametrize("kind", ["osc.udp", "spool"])


@both_wires
def test_a_job_runs_to_its_end_with_all_its_stems(lua: LuaHost, engine: WiredEngine, kind: str) -> None:
    open_wire(lua, engine.spool_folder, kind)
    job_id = lua('return submit("boots", 3)')
    job = lua(f'return until_state("{job_id}", "done")')
    assert messages.parse_message(job) == engine.jobs.status(job_id)
    assert [stem["variant"] for stem in job["stems"]] == [1, 2, 3]
    assert engine.runs == [job_id]
    assert lua("return w.kind") == kind


@both_wires
def test_the_reason_of_a_failure_arrives(lua54: LuaHost, engine: WiredEngine, kind: str) -> None:
    open_wire(lua54, engine.spool_folder, kind)
    job = lua54(f'return until_state(submit("{FAILING}"), "failed")')
    assert job["failure"]["code"] == "no_picture"


@both_wires
def test_a_request_that_the_engine_refuses_is_a_failed_job_with_its_reason(
    lua54: LuaHost, engine: WiredEngine, kind: str
) -> None:
    open_wire(lua54, engine.spool_folder, kind)
    job = lua54('local m = generate(""); m.variants = 99; w:submit(m); return until_state(m.id, "failed")')
    assert job["failure"]["code"] == "bad_message"
    assert "variants" in job["failure"]["message"]


@both_wires
def test_a_running_job_is_cancelled(lua: LuaHost, engine: WiredEngine, kind: str) -> None:
    open_wire(lua, engine.spool_folder, kind)
    job_id = lua(f'local id = submit("{SLOW}"); until_state(id, "running"); return id')
    assert lua(f'return w:cancel("{job_id}")') is True
    assert lua(f'return until_state("{job_id}", "cancelled")')["state"] == "cancelled"
    assert engine.jobs.status(job_id).state.value == "cancelled"


@both_wires
def test_a_job_cancelled_at_once_is_cancelled_or_never_was(lua54: LuaHost, engine: WiredEngine, kind: str) -> None:
    open_wire(lua54, engine.spool_folder, kind)
    for _ in range(20):
        job = lua54(f'local id = submit("{SLOW}"); w:cancel(id); return until_state(id, "cancelled")')
        assert job["state"] == "cancelled"
    assert not any(job.state.value in ("queued", "running") for job in engine.jobs.recent(100))


@both_wires
def test_a_job_of_an_earlier_session_is_followed_by_its_id(lua54: LuaHost, engine: WiredEngine, kind: str) -> None:
    job_id = "of-yesterday"
    engine.jobs.submit(messages.Generate(id=job_id, video="/a.mov", stem_folder="/stems", variants=2))
    wait_until(lambda: engine.jobs.status(job_id).state.final, "the job did not end")
    open_wire(lua54, engine.spool_folder, kind)
    assert len(lua54(f'return until_state("{job_id}", "done")')["stems"]) == 2


@both_wires
def test_a_job_that_no_engine_knows_is_a_failed_one(lua54: LuaHost, engine: WiredEngine, kind: str) -> None:
    open_wire(lua54, engine.spool_folder, kind)
    assert lua54('return until_state("never-heard-of", "failed")')["failure"]["code"] == "unknown_job"


@both_wires
def test_progress_is_seen_while_it_goes_on(lua54: LuaHost, engine: WiredEngine, kind: str) -> None:
    open_wire(lua54, engine.spool_folder, kind)
    lua54(f'slow = submit("{SLOW}")')
    job = lua54("return step_until(function() local j = w:status(slow); return j and j.progress and j end)")
    assert (job["state"], job["progress"]["stage"]) == ("running", "motion")
    assert lua54(f'return until_state(submit("{CHATTY}"), "queued")')["position"] == 0


@both_wires
def test_questions_are_answered_once(lua: LuaHost, engine: WiredEngine, kind: str) -> None:
    open_wire(lua, engine.spool_folder, kind)
    for question, answer in (("status", "status.reply"), ("models", "models.reply"), ("quit", "bye")):
        found = lua(f'w:ask("{question}"); return step_until(function() return w:answer() end)')
        assert found["type"] == answer
        messages.parse_message(found)
        assert lua("return w:answer()") is None
    assert engine.quitting.wait(5)
    assert list(engine.spool_folder.glob("jobs/*/reply.json")) == []


def test_many_jobs_at_once_all_end(lua54: LuaHost, engine: WiredEngine) -> None:
    open_wire(lua54, engine.spool_folder)
    ids = lua54("local ids = {}; for n = 1, 20 do ids[n] = submit('boots', 2) end; return ids")
    for job_id in ids:
        assert len(lua54(f'return until_state("{job_id}", "done")')["stems"]) == 2
    assert sorted(engine.runs) == sorted(ids)


def test_what_no_datagram_carries_comes_by_file(lua54: LuaHost, engine: WiredEngine) -> None:
    open_wire(lua54, engine.spool_folder)
    job = lua54(f'return until_state(submit("{LOUD}"), "done")')
    assert len(job["spotted"]["events"]) == LOUD_EVENTS
    assert lua54("return w.kind") == "osc.udp"


def test_a_request_that_no_datagram_carries_goes_by_file(lua54: LuaHost, engine: WiredEngine) -> None:
    open_wire(lua54, engine.spool_folder)
    job_id = lua54(
        "local events = json.array(); for n = 1, 9000 do events[n] = { time = n / 10 } end\n"
        'local m = generate("boots"); m.events = events; w:submit(m); until_state(m.id, "done"); return m.id'
    )
    assert engine.jobs.status(job_id).state.value == "done"
    assert engine.runs == [job_id]


# ---- when things go wrong


def half_of_them(seed: int, most_in_a_row: int = 3) -> Callable[[], bool]:
    """Tells for one packet after the other whether it is lost. After too many in a row a port would count as dead."""
    dice, row = random.Random(seed), 0

    def is_lost() -> bool:
        nonlocal row
        row = row + 1 if row < most_in_a_row and dice.random() < 0.5 else 0
        return row > 0

    return is_lost


class Proxy:
    """A place between a host and an engine's UDP port where packets get lost."""

    def __init__(self, port: int, drops: Callable[[], bool]) -> None:
        self._target = ("127.0.0.1", port)
        self._drops = drops
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self._back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._back.bind(("127.0.0.1", 0))
        self._host: Any = None
        self.lost = 0
        self._threads = [threading.Thread(target=way, daemon=True) for way in (self._forth, self._home)]
        for thread in self._threads:
            thread.start()

    @property
    def port(self) -> int:
        return self._front.getsockname()[1]

    def _forth(self) -> None:
        while (packet := self._receive(self._front)) is not None:
            if not self._is_lost():
                self._back.sendto(packet, self._target)

    def _home(self) -> None:
        while (packet := self._receive(self._back)) is not None:
            if not self._is_lost() and self._host is not None:
                self._front.sendto(packet, self._host)

    def _receive(self, sock: socket.socket) -> bytes | None:
        packet, place = sock.recvfrom(65_536)
        if sock is self._front:
            self._host = place
        return packet or None

    def _is_lost(self) -> bool:
        lost = self._drops()
        self.lost += lost
        return lost

    def close(self) -> None:
        for sock in (self._front, self._back):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bell:
                bell.sendto(b"", sock.getsockname())
        for thread in self._threads:
            thread.join(timeout=5)
        self._front.close()
        self._back.close()


@contextmanager
def spool_naming(folder: Path, engine: WiredEngine, udp_port: int) -> Iterator[Path]:
    """A spool folder whose card names another UDP port, and whose inbox is nobody's: there is no way but that port."""
    spool = Spool(folder)
    spool.make()
    stop = threading.Event()

    def beat() -> None:
        while not stop.is_set():
            card = Spool(engine.spool_folder).engine()
            if card is not None:
                fields = {**vars(card), "udp_port": udp_port, "heartbeat": time.time()}
                spool.write_engine(type(card)(**fields))
            stop.wait(0.2)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    wait_until(lambda: spool.engine() is not None, "there is no card")
    yield folder
    stop.set()
    thread.join(timeout=5)


@pytest.mark.parametrize("seed", range(3))
def test_a_job_arrives_whole_although_half_the_packets_are_lost(
    lua54: LuaHost, engine: WiredEngine, tmp_path: Path, seed: int
) -> None:
    proxy = Proxy(engine.port, half_of_them(seed))
    with spool_naming(tmp_path / "other", engine, proxy.port) as folder:
        open_wire(lua54, folder)
        job_id = lua54('return submit("boots", 4)')
        job = lua54(f'return until_state("{job_id}", "done")')
        assert lua54("return w.kind") == "osc.udp"
    proxy.close()
    assert [stem["variant"] for stem in job["stems"]] == [1, 2, 3, 4]
    assert engine.runs == [job_id]
    assert proxy.lost > 0


def stays_with_the_folder(lua: LuaHost) -> bool:
    """Whether a wire goes on without UDP, however often it looks at the engine's card."""
    return lua("return w.kind == 'spool' and not step_until(function() return w.kind ~= 'spool' end, 2.2)")


def test_a_port_where_nobody_listens_leaves_the_folder(lua: LuaHost, engine: WiredEngine) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        dead_port = taken.getsockname()[1]
    served = Spool(engine.spool_folder)
    engine.wires.handlers.udp_port = dead_port  # what the engine's own card says from now on
    wait_until(lambda: (card := served.engine()) is not None and card.udp_port == dead_port, "the card did not change")
    open_wire(lua, engine.spool_folder)
    job = lua('return until_state(submit("boots", 2), "done")')
    assert len(job["stems"]) == 2
    assert stays_with_the_folder(lua)


def test_a_port_that_never_answers_leaves_the_folder(lua54: LuaHost, engine: WiredEngine) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        served = Spool(engine.spool_folder)
        engine.wires.handlers.udp_port = deaf.getsockname()[1]
        wait_until(
            lambda: (card := served.engine()) and card.udp_port == deaf.getsockname()[1], "the card did not change"
        )
        open_wire(lua54, engine.spool_folder)
        assert len(lua54('return until_state(submit("boots", 2), "done")')["stems"]) == 2
        assert stays_with_the_folder(lua54)


@both_wires
def test_a_job_outlives_its_engine_which_comes_back_on_another_port(lua: LuaHost, tmp_path: Path, kind: str) -> None:
    with wired(tmp_path) as first:
        open_wire(lua, first.spool_folder, kind)
        slow = lua(f'local id = submit("{SLOW}"); until_state(id, "running"); return id')
        waiting = lua('return submit("boots", 2)')
        lua(f'until_state("{waiting}", "queued")')
        old_port = first.port
    lua("step_until(function() return false end, 0.5)")
    with wired(tmp_path, port=old_port + 7) as second:
        assert second.port != old_port
        assert lua(f'w:cancel("{slow}"); return until_state("{slow}", "cancelled")')["state"] == "cancelled"
        assert len(lua(f'return until_state("{waiting}", "done")')["stems"]) == 2
        assert lua(f"step_until(function() return w.kind == '{kind}' end); return w.kind") == kind
        assert second.runs.count(waiting) == 1


def test_a_job_handed_in_while_no_engine_runs_waits_for_one(lua: LuaHost, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    Spool(folder).make()
    open_wire(lua, folder, "spool")
    job_id = lua('return submit("boots", 1)')
    lua("open([[" + str(folder) + "]], true); step_until(function() return false end, 0.3)")
    with wired(tmp_path) as engine:
        assert len(lua(f'return until_state("{job_id}", "done")')["stems"]) == 1
        assert engine.runs == [job_id]


def test_a_job_withdrawn_while_no_engine_runs_never_was(lua54: LuaHost, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    Spool(folder).make()
    open_wire(lua54, folder, "spool")
    assert lua54('local id = submit("boots"); w:cancel(id); return w:status(id)')["state"] == "cancelled"
    assert list(folder.glob("inbox/*")) == []


def test_without_a_folder_the_reason_is_told_and_no_job_is_left(lua: LuaHost, tmp_path: Path) -> None:
    open_wire(lua, tmp_path / "nowhere", "spool")
    trouble = lua('return submit("boots")')
    assert trouble["code"] == "spool_unwritable"
    assert str(tmp_path / "nowhere") in trouble["message"]
    assert lua("return next(w.jobs) == nil") is True


def test_a_folder_that_vanishes_in_mid_job_comes_back(lua54: LuaHost, engine: WiredEngine) -> None:
    open_wire(lua54, engine.spool_folder, "spool")
    job_id = lua54(f'local id = submit("{SLOW}"); until_state(id, "running"); return id')
    engine.spool_folder.rename(engine.spool_folder.with_name("taken away"))
    assert lua54("step_until(function() return false end, 0.3); return w.kind") == "spool"
    assert lua54(f'w:cancel("{job_id}"); return until_state("{job_id}", "cancelled")')["state"] == "cancelled"


def test_a_stale_card_and_another_protocol_are_told_apart(lua: LuaHost, tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.make()
    why = "local card, trouble = w:engine(); return trouble or card"
    open_wire(lua, tmp_path, "spool")
    assert lua(why)["code"] == "engine_unreachable"
    card = {"pid": 7, "version": "9.9", "heartbeat": time.time() - 60, "udp_port": 9, "protocol": 2}
    spool.engine_file.write_text(json.dumps(card))
    open_wire(lua, tmp_path, "spool")
    assert lua(why)["code"] == "engine_unreachable"
    spool.engine_file.write_text(json.dumps({**card, "heartbeat": time.time()}))
    open_wire(lua, tmp_path, "spool")
    trouble = lua(why)
    assert trouble["code"] == "protocol"
    assert "9.9" in trouble["message"] and "protocol 2" in trouble["message"]
    assert lua('return submit("boots")') == trouble
    assert list(spool.inbox.iterdir()) == []


def test_a_token_goes_with_every_packet_and_a_wrong_one_leaves_the_folder(lua54: LuaHost, tmp_path: Path) -> None:
    with wired(tmp_path, token="sesame") as engine:
        open_wire(lua54, engine.spool_folder, token="sesame")
        assert lua54('return until_state(submit("boots"), "done")')["state"] == "done"
        assert lua54("return w.kind") == "osc.udp"
        open_wire(lua54, engine.spool_folder, token="wrong")
        assert lua54('return until_state(submit("boots"), "done")')["state"] == "done"
        assert stays_with_the_folder(lua54)


def test_a_question_that_nobody_took_is_not_left_for_the_next_engine(lua54: LuaHost, tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.make()
    spool.engine_file.write_text(json.dumps({"pid": 7, "version": "1", "heartbeat": time.time()}))
    open_wire(lua54, tmp_path, "spool")
    assert lua54('return w:ask("quit")') is True
    assert len(list(spool.inbox.iterdir())) == 1
    lua54("w:close()")
    assert list(spool.inbox.iterdir()) == []


# ---- packet by packet, with a socket and a clock that do as they are told

SCRIPTED = """
local osc = require("osc")
sent, coming, now = {}, {}, 0
local udp = { settimeout = function() end, setpeername = function() return 1 end, close = function() end }
function udp:send(packet)
  sent[#sent + 1] = osc.decode(packet)[1].type
  return #packet
end
function udp:receive()
  local message = table.remove(coming, 1)
  if message then return osc.encode(message) end
  return nil, "timeout"
end
function hear(...)
  coming, sent = { ... }, {}
  w:step()
  return json.array(sent)
end
w = wire.open({ spool = SPOOL }, { udp = function() return udp end }, function() return now end)
w:submit(generate("boots", 1, "a"))
"""


@pytest.fixture
def scripted(lua54: LuaHost, engine: WiredEngine) -> LuaHost:
    lua54(f"SPOOL = [[{engine.spool_folder}]] {SCRIPTED}")
    assert lua54("return json.array(sent)") == ["generate"]
    return lua54


def test_a_request_is_sent_again_until_it_is_answered(scripted: LuaHost) -> None:
    assert scripted("now = 0.2; return hear()") == []
    assert scripted("now = 0.3; return hear()") == ["generate"]
    assert scripted("now = 0.6; return hear({ type = 'queued', id = 'a', position = 0 })") == []


def test_a_state_is_asked_for_after_a_second_of_silence_and_soon_again_when_that_is_lost(scripted: LuaHost) -> None:
    assert scripted("now = 0.1; return hear({ type = 'job', id = 'a', state = 'queued' })") == []
    assert scripted("now = 1.05; return hear()") == []
    assert scripted("now = 1.15; return hear()") == ["status"]
    assert scripted("now = 1.45; return hear()") == ["status"]
    assert scripted("now = 1.5; return hear({ type = 'progress', id = 'a', stage = 'x', fraction = 0.5 })") == []
    assert scripted("now = 2.4; return hear()") == []


def test_an_end_is_believed_when_the_whole_state_says_so_and_no_older_one(scripted: LuaHost) -> None:
    """A state made before the end may come after it."""
    ended = "{ type = 'done', id = 'a' }, { type = 'job', id = 'a', state = 'queued', position = 0 }"
    assert scripted(f"now = 0.1; return hear({ended})") == ["status"]
    assert scripted("return state_of('a')") == "queued"
    assert scripted("now = 0.15; return hear({ type = 'job', id = 'a', state = 'done' })") == []
    assert scripted("return state_of('a')") == "done"
    assert scripted("now = 30; return hear()") == []


def test_noise_and_what_concerns_nobody_is_passed_over(scripted: LuaHost) -> None:
    assert scripted("now = 0.1; return hear({ type = 'done', id = 'stranger' }, { type = 'bye' })") == []
    assert scripted("return w:status('a')") is None
    assert scripted("return w:answer()") is None


# ---- what it costs


@both_wires
def test_memory_does_not_grow_over_ten_thousand_steps(lua: LuaHost, engine: WiredEngine, kind: str) -> None:
    open_wire(lua, engine.spool_folder, kind)
    grown = lua(
        f'''
        local id = submit("{SLOW}")
        until_state(id, "running")
        local now = socket.gettime()
        w.clock = function() now = now + 0.0001; return now end -- so that every timer comes due many times
        local function run(steps)
          for step = 1, steps do
            now = now + 0.003
            w:step()
            if step % 50 == 0 then socket.sleep(0.002) end -- the engine has to get a word in
          end
        end
        run(500); collectgarbage(); collectgarbage()
        local before = collectgarbage("count")
        run(10000); collectgarbage(); collectgarbage()
        w.clock = socket.gettime
        return collectgarbage("count") - before
        '''
    )
    assert grown < 16  # kB


@both_wires
def test_a_step_never_waits(lua54: LuaHost, engine: WiredEngine, kind: str) -> None:
    """While nothing is said, a call that waited would wait for ever; and the work of a step is bounded."""
    open_wire(lua54, engine.spool_folder, kind)
    seconds = lua54(
        f"""
        for _ = 1, 20 do submit("{SLOW}") end
        local started = os.clock()
        for _ = 1, 2000 do w:step() end
        return (os.clock() - started) / 2000
        """
    )
    assert seconds < 0.005  # of processor time, in a step
