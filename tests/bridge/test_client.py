import random
import socket
import threading
import time
from pathlib import Path

import pytest
from footfall_bridge import messages, osc
from footfall_bridge.client import UdpWire, connect, spool_uri
from footfall_bridge.errors import DiskFull, EngineUnreachable, InvalidMessage, OtherProtocol, Refused, UnknownJob
from footfall_bridge.messages import Generate, JobState
from footfall_bridge.spool import Spool

from tests.waiting import wait_until
from tests.wired import (
    CHATTY,
    FAILING,
    LOUD,
    LOUD_EVENTS,
    MODELS,
    SLOW,
    WiredEngine,
    a_request,
    stem,
    wired,
)

WIRES = ["udp", "tcp", "spool"]
TIMEOUT = 20.0
OLD_ENGINE = {"version": "0.1", "pid": 1, "uptime_seconds": 1, "protocol": 1}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory):
    with wired(tmp_path_factory.mktemp("an engine")) as engine:
        yield engine


@pytest.fixture(params=WIRES)
def client(request, engine):
    with connect(engine.uris[request.param]) as client:
        yield client


def kinds(events) -> list[str]:
    return [event.type for event in events if event.type not in ("queued", "progress")]


# ---- the same over every wire


def test_a_job_tells_its_story_to_the_end(client):
    request = a_request(variants=3)
    assert client.submit(request) == request.id
    events = list(client.events(request.id, timeout=TIMEOUT))
    assert kinds(events) == ["warning", "stem", "stem", "stem", "done"]
    assert [event for event in events if event.type == "stem"] == [stem(request.id, variant) for variant in (1, 2, 3)]


def test_a_finished_job_can_be_told_again(client):
    job = client.submit(a_request())
    first = kinds(client.events(job, timeout=TIMEOUT))
    assert kinds(client.events(job, timeout=TIMEOUT)) == first == ["warning", "stem", "done"]


def test_a_repeated_id_never_runs_twice(client, engine):
    request = a_request()
    for _ in range(3):
        assert client.submit(request) == request.id
        list(client.events(request.id, timeout=TIMEOUT))
    assert engine.runs.count(request.id) == 1


def test_a_failed_job_says_why(client):
    job = client.submit(a_request(FAILING))
    *_, last = client.events(job, timeout=TIMEOUT)
    assert last == messages.Failed(id=job, code="no_picture", message="there is no picture")


@pytest.mark.parametrize("wire", ["udp", "tcp"])
def test_a_request_that_the_engine_cannot_keep_is_refused_with_its_reason(engine, monkeypatch, wire):
    def full(request: object) -> None:
        raise DiskFull("the disk is full")

    monkeypatch.setattr(engine.jobs, "_insert", full)
    with connect(engine.uris[wire]) as client, pytest.raises(DiskFull, match="the disk is full"):
        client.submit(a_request())


def test_a_running_job_is_cancelled(client):
    job = client.submit(a_request(SLOW))
    events = client.events(job, timeout=TIMEOUT)
    while next(events).type != "progress":
        pass
    client.cancel(job)
    assert kinds(events) == ["cancelled"]
    assert client.status(job).state is JobState.CANCELLED


def test_jobs_told_in_turns_are_not_mixed_up(client):
    jobs = [client.submit(a_request(variants=2)) for _ in range(3)]
    stories = [client.events(job, timeout=TIMEOUT) for job in jobs]
    for job, story in reversed(list(zip(jobs, stories, strict=True))):
        events = list(story)
        assert {event.id for event in events} == {job}
        assert kinds(events) == ["warning", "stem", "stem", "done"]


def test_a_chatty_job_keeps_its_stems(client):
    """A datagram that was lost is made up for later, so its event may come after others."""
    *events, last = kinds(client.events(client.submit(a_request(CHATTY, variants=4)), timeout=TIMEOUT))
    assert sorted(events) == ["stem"] * 4 + ["warning"]
    assert last == "done"


def test_the_engine_tells_of_itself(client, engine):
    status = client.status()
    assert (status.udp_port, status.tcp_port, status.spool) == (engine.port, engine.port, str(engine.spool_folder))
    assert client.models() == MODELS


def test_unknown_jobs_are_unknown(client):
    with pytest.raises(UnknownJob, match="nobody"):
        client.status("nobody")
    with pytest.raises(UnknownJob, match="nobody"):
        client.cancel("nobody")
    with pytest.raises(UnknownJob, match="nobody"):
        list(client.events("nobody", timeout=TIMEOUT))


def test_paths_and_prompts_of_any_language_arrive(client, engine):
    request = Generate(
        video="/clips/été 😀/" + "長" * 300 + ".mov", stem_folder="/stems", prompt="pas sur du gravier — 砂利"
    )
    client.submit(request)
    list(client.events(request.id, timeout=TIMEOUT))
    assert any(brief.label == request.prompt for brief in client.status().jobs)


def test_silence_longer_than_the_timeout_is_a_timeout(client):
    job = client.submit(a_request(SLOW))
    with pytest.raises(TimeoutError, match=job):
        list(client.events(job, timeout=0.5))
    client.cancel(job)


@pytest.mark.parametrize("wire", WIRES)
def test_quit_is_answered_and_heard(wire, tmp_path):
    with wired(tmp_path) as engine, connect(engine.uris[wire]) as client:
        client.quit()
        assert engine.quitting.wait(5)


# ---- addresses


@pytest.mark.parametrize("uri", ["", "localhost:9770", "http://localhost:9770", "osc.udp://", "osc.tcp://host:port"])
def test_what_is_no_address_is_named(uri):
    with pytest.raises(InvalidMessage, match="is not an address"):
        connect(uri)


def test_nobody_there_is_said_with_the_address(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for uri in (f"osc.udp://127.0.0.1:{port}", f"osc.tcp://127.0.0.1:{port}", spool_uri(tmp_path / "no spool")):
            with pytest.raises(EngineUnreachable) as caught:
                connect(uri, patience=1)
            assert uri in caught.value.message


def test_a_spool_address_may_hold_any_character(tmp_path):
    with wired(tmp_path / "été #1 50% 😀?") as engine, connect(engine.uris["spool"]) as client:
        assert client.models() == MODELS


def test_a_host_may_be_a_name(engine):
    for scheme in ("osc.udp", "osc.tcp"):
        with connect(f"{scheme}://localhost:{engine.port}") as client:
            assert client.models() == MODELS


# ---- one wire's own ways


def test_a_request_too_big_for_a_datagram_says_so(engine):
    hits = [messages.Hit(time=step) for step in range(LOUD_EVENTS)]
    with connect(engine.uris["udp"]) as client, pytest.raises(InvalidMessage, match=r"use osc\.tcp"):
        client.submit(a_request(events=hits))


@pytest.mark.parametrize("wire", ["tcp", "spool"])
def test_many_events_come_whole_where_they_fit(engine, wire):
    with connect(engine.uris[wire]) as client:
        job = client.submit(a_request(LOUD))
        spotted = [event for event in client.events(job, timeout=TIMEOUT) if event.type == "spotted"]
        assert [len(event.events) for event in spotted] == [LOUD_EVENTS]


def test_many_events_over_udp_end_in_a_warning_not_in_silence(engine):
    with connect(engine.uris["udp"]) as client:
        events = list(client.events(client.submit(a_request(LOUD)), timeout=TIMEOUT))
        assert "too_big" in {getattr(event, "code", "") for event in events}
        assert events[-1].type == "done"


class LosingWire(UdpWire):
    """UDP as it is on a bad day."""

    def __init__(self, *place, chance: random.Random) -> None:
        self._chance = chance
        super().__init__(*place)

    def send(self, message):
        if self._chance.random() < 0.7:
            super().send(message)

    def receive(self, timeout):
        message = super().receive(timeout)
        return message if self._chance.random() < 0.7 else None


def test_what_udp_loses_is_asked_for_again(engine):
    from footfall_bridge.client import Client

    for seed in range(3):
        wire = LosingWire("127.0.0.1", engine.port, None, 5.0, chance=random.Random(seed))
        with Client(wire, patience=15) as client:
            job = client.submit(a_request(variants=4))
            events = list(client.events(job, timeout=TIMEOUT))
            assert sorted(e.variant for e in events if e.type == "stem") == [1, 2, 3, 4]
            assert events[-1].type == "done"
            assert engine.runs.count(job) == 1


@pytest.mark.parametrize("wire", WIRES)
def test_a_job_goes_on_when_the_engine_restarts_under_its_client(wire, tmp_path):
    first = WiredEngine(tmp_path)
    port = first.port
    with connect(first.uris[wire], patience=15) as client:
        job = client.submit(a_request(SLOW))
        events = client.events(job, timeout=TIMEOUT)
        while next(events).type != "progress":
            pass
        first.stop()
        with wired(tmp_path, port=port) as second:
            assert second.port == port
            wait_until(lambda: job in second.runs, "the job runs again")
            canceller = threading.Timer(0.3, second.jobs.cancel, [job])
            canceller.start()
            assert kinds(events) == ["cancelled"]
            canceller.join()


def test_an_engine_that_dies_for_good_is_unreachable(tmp_path):
    engine = WiredEngine(tmp_path)
    with connect(engine.uris["tcp"], patience=1) as client:
        job = client.submit(a_request(SLOW))
        events = client.events(job, timeout=TIMEOUT)
        next(events)
        engine.stop()
        with pytest.raises(EngineUnreachable, match=r"osc\.tcp"):
            list(events)


def test_an_answer_of_a_newer_engine_is_passed_over():
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(osc.frame_length(osc.encode_fields({"type": "sung", "id": "a"})))
            reply = messages.EngineStatus(version="9", pid=1, uptime_seconds=1)
            peer.sendall(osc.frame_length(osc.encode(reply)))
            time.sleep(0.2)

    newer = threading.Thread(target=answer)
    newer.start()
    with listener, connect(f"osc.tcp://127.0.0.1:{listener.getsockname()[1]}"):  # asks for the status
        newer.join(timeout=10)
    assert not newer.is_alive()


@pytest.mark.parametrize("wire", WIRES)
def test_an_engine_of_another_protocol_is_refused_by_name(wire, tmp_path, monkeypatch):
    with wired(tmp_path) as engine:
        assert engine.wires.handlers._engine_status().protocol == messages.PROTOCOL
        monkeypatch.setattr(engine.wires.handlers, "_engine_status", lambda: messages.EngineStatus(**OLD_ENGINE))
        monkeypatch.setattr(Spool, "write_engine", lambda self, card: None)  # the card stays as it is
        monkeypatch.setattr(messages, "PROTOCOL", 2)  # the client's, from now on
        with pytest.raises(OtherProtocol, match="speaks protocol 1 and this client 2") as caught:
            connect(engine.uris[wire])
        assert engine.uris[wire] in caught.value.message


def test_a_newer_protocol_is_told_even_where_its_messages_cannot_be_read():
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(65536)
            fields = {"type": "status.reply", "protocol": 7, "pid": "none of your business", "mood": "new"}
            peer.sendall(osc.frame_length(osc.encode_fields(fields)))
            peer.recv(1)

    newer = threading.Thread(target=answer)
    newer.start()
    with listener, pytest.raises(OtherProtocol, match="speaks protocol 7 and this client 1"):
        connect(f"osc.tcp://127.0.0.1:{listener.getsockname()[1]}")
    newer.join(timeout=10)
    assert not newer.is_alive()


def test_a_token_is_shown_by_the_client(tmp_path: Path):
    with wired(tmp_path, host="0.0.0.0", token="secret") as engine:
        for wire in ("udp", "tcp"):
            with connect(engine.uris[wire], token="secret") as client:
                assert kinds(client.events(client.submit(a_request()), timeout=TIMEOUT))[-1] == "done"
            for token, said in ((None, "missing"), ("wrong", "wrong")):
                with pytest.raises(Refused, match=said):
                    connect(engine.uris[wire], token=token)


def test_a_status_is_of_now_and_no_earlier_answer(client, engine):
    request = a_request(SLOW)
    client.submit(request)
    wait_until(lambda: engine.jobs.status(request.id).state is JobState.RUNNING, engine.jobs.counts)
    time.sleep(0.3)  # what the engine has said by itself meanwhile must not be taken for an answer
    for _ in range(3):
        assert client.status(request.id).state is JobState.RUNNING
    engine.jobs.cancel(request.id)
    wait_until(lambda: engine.jobs.status(request.id).state.final, engine.jobs.counts)
    time.sleep(0.3)
    assert client.status(request.id).state is JobState.CANCELLED
