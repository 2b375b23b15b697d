from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from footfall_bridge import messages, osc
from hypothesis import given
from hypothesis import strategies as st

from tests.bridge.samples import EVERY_MESSAGE, generates
from tests.wired import SLOW, a_request, wired

from footfall_resolve import osc_client  # isort: skip
from footfall_resolve.osc_client import EngineClient  # isort: skip


@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=lambda message: message.type)
def test_every_message_is_read_as_it_was_meant(message: messages.Message):
    fields = messages.to_fields(message)
    assert osc_client.decode(osc.encode(message)) == fields
    assert osc.read(osc_client.encode(fields)) == [message]


@given(generates())
def test_any_request_reaches_the_engine_as_it_was_meant(request):
    assert osc.read(osc_client.encode(messages.to_fields(request))) == [request]


@given(st.binary(max_size=200))
def test_garbage_is_refused_by_name(packet: bytes):
    with pytest.raises(osc_client.NotOsc):
        osc_client.decode(b"/other" + packet)


@contextmanager
def connected(folder: Path) -> Iterator[EngineClient]:
    """To an engine of its own."""
    with wired(folder) as engine, closing(EngineClient("127.0.0.1", engine.port)) as client:
        yield client


def heard_until(client: EngineClient, job_id: str, wanted: set[str]) -> list[str]:
    """Types of what is heard of a job until a wanted one comes."""
    heard: list[str] = []
    for _ in range(100):
        heard += [each["type"] for each in client.hear(0.2) if each.get("id") == job_id]
        if wanted.intersection(heard):
            return heard
    raise AssertionError(f"none of {wanted} came of job {job_id}; heard {heard}")


def finished(client: EngineClient, job_id: str) -> list[str]:
    """Types of what is heard until a job ends."""
    return heard_until(client, job_id, {"done", "failed", "cancelled"})


def test_a_job_streams_its_events(tmp_path: Path):
    with connected(tmp_path) as client:
        request = a_request(variants=2)
        assert client.ask(messages.to_fields(request), "job")["id"] == request.id
        assert finished(client, request.id).count("stem") == 2


def test_a_running_job_is_cancelled(tmp_path: Path):
    with connected(tmp_path) as client:
        request = a_request(SLOW)
        client.ask(messages.to_fields(request), "job")
        heard_until(client, request.id, {"progress"})
        client.send({"type": "cancel", "id": request.id})
        assert finished(client, request.id)[-1] == "cancelled"


def test_a_queued_job_is_cancelled_at_once(tmp_path: Path):
    with connected(tmp_path) as client:
        running, waiting = a_request(SLOW), a_request()
        client.ask(messages.to_fields(running), "job")
        heard_until(client, running.id, {"progress"})
        client.ask(messages.to_fields(waiting), "job")
        assert client.ask({"type": "cancel", "id": waiting.id}, "job")["state"] == "cancelled"
        assert finished(client, waiting.id) == ["queued", "cancelled"]


def test_after_a_broken_connection_the_status_of_a_job_tells_the_rest(tmp_path: Path):
    with connected(tmp_path) as client:
        request = a_request(variants=3)
        client.ask(messages.to_fields(request), "job")
        client._socket.shutdown(2)
        with pytest.raises(osc_client.EngineUnreachable):
            for _ in range(50):
                client.hear(0.1)
        known = client.status(request.id)
        while known["state"] not in ("done", "failed"):
            known = client.status(request.id)
        assert [stem["variant"] for stem in known["stems"]] == [1, 2, 3]


def test_no_engine_is_said_with_the_address():
    with pytest.raises(osc_client.EngineUnreachable, match=r"127\.0\.0\.1:1 "):
        EngineClient("127.0.0.1", 1).send({"type": "status"})


def test_a_packet_too_long_to_be_true_ends_the_connection():
    client = EngineClient("127.0.0.1", 1)
    client._buffer += struct.pack(">i", 2**31 - 1)
    with pytest.raises(osc_client.NotOsc, match="2147483647 bytes"):
        list(client._packets())
