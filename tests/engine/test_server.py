"""The wires of an engine as strangers, crowds and broken programs use them. What a good client sees: test_client.py."""

import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from footfall_bridge import messages, osc
from footfall_bridge.client import connect
from footfall_bridge.errors import EngineAlreadyRunning, EngineFault, InvalidSettings, PortsTaken, UnknownJob
from footfall_bridge.messages import Failed, JobState, JobStatus
from footfall_bridge.spool import CANCEL, REQUEST, EngineCard, Spool
from footfall_engine.server import ports, udp
from footfall_engine.server import spool as spool_server
from footfall_engine.server.tcp import MAX_WAITING_BYTES

from tests.bridge.samples import EVERY_MESSAGE
from tests.bridge.test_osc import FUZZED_PACKETS, fuzzed_packets
from tests.waiting import wait_until
from tests.wired import CHATTER, CHATTY, FIRST_PORT, LOUD, SLOW, a_request, vanish, wired

CROWD = 200
MANY_FILES = 1000


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory):
    with wired(tmp_path_factory.mktemp("an engine")) as engine:
        yield engine


@pytest.fixture
def spool(engine) -> Spool:
    return Spool(engine.spool_folder)


@pytest.fixture
def datagrams(engine):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect(("127.0.0.1", engine.port))
        yield sock


@pytest.fixture
def stream(engine):
    with socket.create_connection(("127.0.0.1", engine.port), timeout=5) as sock:
        yield sock


def heard(sock: socket.socket) -> messages.Message:
    return osc.read(sock.recv(65536))[0]


def heard_in(sock: socket.socket, decoder: osc.StreamDecoder, count: int) -> list[messages.Message]:
    """The next ``count`` messages of a stream."""
    found: list[messages.Message] = []
    while len(found) < count:
        data = sock.recv(65536)
        assert data, "the engine closed the connection"
        found += [message for packet in decoder.feed(data) for message in osc.read(packet)]
    return found


def leave(spool: Spool, name: str, content: str | bytes) -> None:
    part = spool.inbox / (name + REQUEST + ".part")
    part.write_bytes(content if isinstance(content, bytes) else content.encode())
    part.replace(spool.inbox / (name + REQUEST))


def wait_for(spool: Spool, name: str, state: JobState) -> None:
    wait_until(lambda: (status := spool.status(name)) and status.state is state, f"{name} is {state.value}")


def status_of(spool: Spool, name: str) -> JobStatus:
    wait_until(lambda: spool.status(name), f"a status of {name}")
    status = spool.status(name)
    assert status is not None
    return status


# ---- UDP


def test_a_datagram_that_is_no_message_is_answered(datagrams):
    datagrams.send(b"hello\0\0\0")
    answer = heard(datagrams)
    assert isinstance(answer, Failed)
    assert (answer.id, answer.code) == ("", "bad_message")


def test_a_refused_request_is_answered_under_its_id(datagrams):
    datagrams.send(osc.encode_fields({"type": "generate", "id": "job-x", "colour": "red"}))
    answer = heard(datagrams)
    assert isinstance(answer, Failed)
    assert answer.id == "job-x"
    assert "unknown key 'colour'" in answer.message


def test_an_event_is_never_answered_so_that_engines_do_not_talk_for_ever(datagrams):
    for message in EVERY_MESSAGE:
        if isinstance(message, messages.EVENTS):
            datagrams.send(osc.encode(message))
    datagrams.send(osc.encode(messages.Models()))
    assert isinstance(heard(datagrams), messages.ModelList)


def test_answers_go_to_the_port_a_sender_names(datagrams):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.settimeout(5)
        elsewhere.bind(("127.0.0.1", 0))
        datagrams.send(osc.encode(messages.Notify(port=elsewhere.getsockname()[1])))
        datagrams.send(osc.encode(messages.Models()))
        assert isinstance(heard(elsewhere), messages.ModelList)


def test_when_too_many_ports_are_named_the_oldest_is_forgotten(engine, monkeypatch):
    monkeypatch.setattr(udp, "MAX_REDIRECTS", 2)
    with ExitStack() as stack:
        senders = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(3)]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
            elsewhere.settimeout(5)
            elsewhere.bind(("127.0.0.1", 0))
            for sender in senders:
                sender.settimeout(5)
                sender.connect(("127.0.0.1", engine.port))
                sender.send(osc.encode(messages.Notify(port=elsewhere.getsockname()[1])))
                sender.send(osc.encode(messages.Models()))
                assert isinstance(heard(elsewhere), messages.ModelList)
        senders[0].send(osc.encode(messages.Models()))
        assert isinstance(heard(senders[0]), messages.ModelList)


def test_a_client_is_not_robbed_of_its_answers_by_the_last_user_of_its_port(engine, monkeypatch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.connect(("127.0.0.1", engine.port))
        last.send(osc.encode(messages.Notify(port=9)))
        place = last.getsockname()

    class SamePort(socket.socket):
        def connect(self, address: object) -> None:
            self.bind(place)
            super().connect(address)

    monkeypatch.setattr(socket, "socket", SamePort)
    with connect(engine.uris["udp"], patience=2) as client:
        assert client.models().models


def test_a_sender_that_went_away_stops_nobody(engine, datagrams):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.connect(("127.0.0.1", engine.port))
        gone.send(osc.encode(a_request(CHATTY)))
    datagrams.send(osc.encode(messages.Models()))
    assert isinstance(heard(datagrams), messages.ModelList)


def test_ten_thousand_broken_datagrams_leave_the_engine_answering(engine, datagrams):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as broken:
        broken.bind(("127.0.0.1", 0))
        for number, packet in enumerate(fuzzed_packets(FUZZED_PACKETS, seed=4)):
            broken.sendto(packet, datagrams.getpeername())
            if number % 100 == 0:  # no faster than they are read
                datagrams.send(osc.encode(messages.Models()))
                assert isinstance(heard(datagrams), messages.ModelList)
    engine.quitting.clear()  # a mutation may well be a `quit`
    with connect(engine.uris["udp"]) as client:
        assert list(client.events(client.submit(a_request()), timeout=20))[-1].type == "done"


# ---- TCP


@pytest.mark.parametrize("frame", [osc.frame_length, osc.frame_slip])
def test_a_connection_is_answered_in_its_own_framing(stream, frame):
    stream.sendall(frame(osc.encode(messages.Models())) + frame(osc.encode(messages.Status(id="nobody"))))
    decoder = osc.StreamDecoder()
    first, second = heard_in(stream, decoder, 2)
    assert isinstance(first, messages.ModelList)
    assert isinstance(second, Failed)
    assert second.code == UnknownJob.code
    assert decoder.frame is frame


@pytest.mark.parametrize("frame", [osc.frame_length, osc.frame_slip])
def test_a_request_in_pieces_is_a_request(stream, frame):
    for byte in frame(osc.encode(messages.Models())):
        stream.sendall(bytes([byte]))
    assert isinstance(heard_in(stream, osc.StreamDecoder(), 1)[0], messages.ModelList)


def test_a_broken_packet_is_answered_and_the_connection_lives(stream):
    stream.sendall(osc.frame_length(b"hello\0\0\0") + osc.frame_length(osc.encode(messages.Models())))
    first, second = heard_in(stream, osc.StreamDecoder(), 2)
    assert isinstance(first, Failed)
    assert isinstance(second, messages.ModelList)


def test_a_web_page_gets_no_further_than_its_first_line(stream):
    stream.sendall(b"POST /footfall/quit HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert isinstance(heard_in(stream, osc.StreamDecoder(), 1)[0], Failed)
    assert stream.recv(100) == b""


def test_notify_over_tcp_is_refused_with_a_reason(stream):
    stream.sendall(osc.frame_length(osc.encode(messages.Notify(port=9000))))
    (answer,) = heard_in(stream, osc.StreamDecoder(), 1)
    assert isinstance(answer, Failed)
    assert "UDP" in answer.message


def test_a_client_that_reads_nothing_is_dropped_and_holds_up_no_one(engine):
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", engine.port))
        request = a_request(LOUD)
        deaf.sendall(osc.frame_length(osc.encode(request)))
        wait_until(lambda: request.id in engine.runs, "the loud job runs")
        size = len(osc.encode(engine.jobs.status(request.id)))
        question = osc.frame_length(osc.encode(messages.Status(id=request.id)))
        for _ in range(2 * MAX_WAITING_BYTES // size + 10):
            try:
                deaf.sendall(question)
            except OSError:  # dropped already
                break
        with connect(engine.uris["tcp"]) as client:
            assert list(client.events(client.submit(a_request()), timeout=20))[-1].type == "done"
            wait_until(lambda: len(engine.wires._tcp._connections) == 1, "the deaf client is dropped")


def test_a_client_that_hangs_up_is_told_no_more(engine):
    request = a_request(SLOW)
    with socket.create_connection(("127.0.0.1", engine.port), timeout=5) as sock:
        sock.sendall(osc.frame_length(osc.encode(request)))
        heard_in(sock, osc.StreamDecoder(), 2)
        assert request.id in engine.wires.handlers.audience._peers
    wait_until(lambda: request.id not in engine.wires.handlers.audience._peers, "it is forgotten")
    engine.jobs.cancel(request.id)


def test_random_streams_leave_the_engine_answering(engine):
    chance = random.Random(5)
    for _ in range(100):
        with socket.create_connection(("127.0.0.1", engine.port), timeout=5) as sock:
            sock.sendall(chance.choice([b"", b"\xc0", b"\0\0\0"]) + chance.randbytes(chance.randrange(1, 2000)))
    with connect(engine.uris["tcp"]) as client:
        assert client.models().models
    wait_until(lambda: not engine.wires._tcp._connections, "connections that are gone are forgotten")


# ---- crowds


@pytest.mark.parametrize("wire", ["udp", "tcp"])
def test_two_hundred_clients_at_once_each_get_their_own_stems(engine, wire):
    with ExitStack() as stack:
        crowd = [stack.enter_context(connect(engine.uris[wire])) for _ in range(CROWD)]
        jobs = [client.submit(a_request(variants=2)) for client in crowd]
        for client, job in zip(crowd, jobs, strict=True):
            events = list(client.events(job, timeout=20))
            assert {event.id for event in events} == {job}
            assert [event.type for event in events if event.type in ("stem", "done")] == ["stem", "stem", "done"]
    assert [engine.runs.count(job) for job in jobs] == [1] * CROWD


def test_two_hundred_requests_in_one_moment_are_all_answered(engine):
    with ExitStack() as stack:
        place = ("127.0.0.1", engine.port)
        crowd = [stack.enter_context(socket.create_connection(place, timeout=20)) for _ in range(CROWD)]
        packets = [osc.frame_length(osc.encode(a_request(id=f"burst-{number}"))) for number in range(CROWD)]
        for sock, packet in zip(crowd, packets, strict=True):
            sock.sendall(packet)
        for number, sock in enumerate(crowd):
            told = heard_in(sock, osc.StreamDecoder(), 2)
            assert {message.id for message in told} == {f"burst-{number}"}


def test_one_job_asked_for_by_a_crowd_runs_once_and_tells_everyone(engine):
    request = a_request(CHATTY)

    def one_client(number: int) -> str:
        with connect(engine.uris["tcp"], patience=30) as client:
            return list(client.events(client.submit(request), timeout=60))[-1].type

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(one_client, range(20))) == {"done"}
    assert engine.runs.count(request.id) == 1


def test_a_thousand_files_at_once_are_all_done_once(engine, spool):
    names = [f"file-{number}" for number in range(MANY_FILES)]
    for name in names:
        leave(spool, name, '{"type": "spot", "video": "a.mov"}')
    for name in names:
        wait_until(lambda name=name: (status := spool.status(name)) and status.state.final, f"{name} is done", 60)
    ran = [job for job in engine.runs if job.startswith("file-")]
    assert sorted(ran) == sorted(names)
    wait_until(lambda: not list(spool.inbox.iterdir()), "every request is settled")


# ---- the spool


def test_a_file_without_an_id_becomes_the_job_of_its_name(spool):
    leave(spool, "shot-1", json.dumps({"type": "generate", "video": "/a.mov", "stem_folder": "/stems"}))
    wait_for(spool, "shot-1", JobState.DONE)
    assert [stem.id for stem in status_of(spool, "shot-1").stems] == ["shot-1"]
    assert json.loads(spool.request_file("shot-1").read_bytes())["video"] == "/a.mov"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"{ half a fi", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "JSON object"),
        (b'{"type": "sing"}', "'sing'"),
        (b'{"type": "generate", "colour": 1}', "unknown key 'colour'"),
        (b'{"type": "spot", "video": "a", "id": "other"}', "'other'"),
        (b'{"type": "status", "id": "other"}', "'other'"),
        (b'{"type": "notify", "port": 9000}', "UDP"),
    ],
)
def test_a_bad_file_gets_a_failed_status_with_the_reason(spool, content, said, request):
    name = f"bad-{abs(hash(request.node.name))}"
    leave(spool, name, content)
    status = status_of(spool, name)
    assert status.state is JobState.FAILED
    assert status.failure is not None
    assert said in status.failure.message
    assert status.failure.id == name


def test_a_bad_file_is_kept_beside_its_status(spool):
    leave(spool, "kept", b"{ half")
    wait_until(spool.request_file("kept").exists, "the bad file is kept")
    assert spool.request_file("kept").read_bytes() == b"{ half"


def test_a_bad_file_under_the_id_of_a_good_job_leaves_the_job_alone(engine, spool):
    request = a_request()
    spool.put(request, request.id)
    wait_for(spool, request.id, JobState.DONE)
    leave(spool, request.id, b"{ half")
    wait_until(lambda: spool.read(spool.reply_file(request.id)), "the refusal")
    assert isinstance(spool.read(spool.reply_file(request.id)), Failed)
    assert status_of(spool, request.id).state is JobState.DONE


def test_files_whose_names_are_no_ids_are_set_aside(spool):
    names = ["no id!", "é", ".hidden", "a" * 200]
    for name in names:
        leave(spool, name, "{}")
        (spool.inbox / (name + CANCEL)).touch()
    wait_until(lambda: not spool.waiting(REQUEST) and not spool.waiting(CANCEL), "they are set aside")
    leftover = sorted(entry.name for entry in spool.inbox.iterdir())
    assert leftover == sorted(f"{name}{suffix}.refused" for name in names for suffix in (REQUEST, CANCEL))
    for entry in spool.inbox.iterdir():
        entry.unlink()


def test_a_cancel_file_cancels(spool):
    request = a_request(SLOW)
    spool.put(request, request.id)
    wait_for(spool, request.id, JobState.RUNNING)
    spool.put_cancel(request.id)
    wait_for(spool, request.id, JobState.CANCELLED)


def test_a_request_and_its_cancel_in_one_breath_leave_nothing_running(engine, spool):
    for _ in range(20):
        request = a_request(SLOW)
        spool.put(request, request.id)
        spool.put_cancel(request.id)
        wait_for(spool, request.id, JobState.CANCELLED)


def test_progress_is_written_ten_times_a_second_at_the_most(engine, spool, monkeypatch):
    written = []
    write_status = Spool.write_status
    monkeypatch.setattr(
        Spool, "write_status", lambda self, status: (written.append(status), write_status(self, status))
    )
    request = a_request(CHATTY)
    began = time.monotonic()
    spool.put(request, request.id)
    wait_for(spool, request.id, JobState.DONE)
    tenths = (time.monotonic() - began) / 0.1
    progressing = [status for status in written if status.id == request.id and not status.stems]
    assert len(progressing) <= tenths + 5 < CHATTER


def test_a_deleted_spool_folder_is_made_again_and_nothing_is_lost(tmp_path):
    with wired(tmp_path) as engine:
        spool = Spool(engine.spool_folder)
        running = a_request(SLOW)
        spool.put(running, running.id)
        wait_until(lambda: (status := spool.status(running.id)) and status.progress, "all there is to say is written")
        vanish(spool.folder)
        wait_until(lambda: spool.engine() and spool.inbox.is_dir(), "the folder is made again")
        wait_until(lambda: spool.status(running.id), "the running job's status is written again")
        request = a_request()
        spool.put(request, request.id)
        wait_for(spool, request.id, JobState.QUEUED)
        spool.put_cancel(running.id)
        wait_for(spool, request.id, JobState.DONE)
        assert status_of(spool, running.id).state is JobState.CANCELLED


def test_without_change_notices_a_request_is_found_all_the_same(tmp_path, monkeypatch):
    def no_notices(self: object) -> None:
        raise OSError("no notices from a network folder")

    monkeypatch.setattr(spool_server._InboxWatch, "_observe", no_notices)
    with wired(tmp_path) as engine:
        spool = Spool(engine.spool_folder)
        request = a_request()
        spool.put(request, request.id)
        wait_for(spool, request.id, JobState.DONE)


def test_a_job_whose_status_cannot_be_written_holds_up_no_other(engine, spool):
    (spool.jobs / "blocked").write_text("a file where its folder should be")
    for name in ("blocked", "free-1", "free-2"):
        leave(spool, name, '{"type": "spot", "video": "a.mov"}')
    wait_for(spool, "free-1", JobState.DONE)
    wait_for(spool, "free-2", JobState.DONE)
    assert engine.jobs.status("blocked").state is JobState.DONE
    (spool.jobs / "blocked").unlink()
    wait_for(spool, "blocked", JobState.DONE)


def test_what_was_claimed_or_running_when_an_engine_died_is_taken_up(tmp_path):
    spool = Spool(tmp_path / "spool")
    spool.make()
    claimed, forgotten = a_request(), "from-another-life"
    spool.put(claimed, claimed.id)
    assert spool.claim(claimed.id)
    spool.write_status(JobStatus(id=forgotten, state=JobState.RUNNING))
    with wired(tmp_path) as engine:
        wait_for(spool, claimed.id, JobState.DONE)
        wait_until(lambda: status_of(spool, forgotten).state is JobState.FAILED, "the forgotten one is given up")
        assert engine.runs == [claimed.id]


def test_a_job_whose_state_was_never_written_when_its_engine_died_is_told_by_the_next(tmp_path, monkeypatch):
    def killed(*_: object) -> None:
        raise OSError("killed")

    spool, request = Spool(tmp_path / "spool"), a_request()
    with wired(tmp_path) as engine, monkeypatch.context() as death:
        death.setattr(Spool, "write_status", killed)
        spool.put(request, request.id)
        wait_until(lambda: engine.jobs.counts() == {"done": 1}, engine.jobs.counts)
        engine.wires.stop()
    with wired(tmp_path) as engine:
        wait_for(spool, request.id, JobState.DONE)
        wait_until(lambda: not list(spool.inbox.iterdir()), "the request is settled")
        assert engine.runs == []


def test_a_requests_place_in_the_queue_is_kept_current(tmp_path):
    with wired(tmp_path) as engine:
        spool = Spool(engine.spool_folder)
        first, second, third = a_request(SLOW), a_request(SLOW), a_request(SLOW)
        for request in (first, second, third):
            spool.put(request, request.id)
            status_of(spool, request.id)
        wait_until(lambda: status_of(spool, third.id).position == 1, "one before it")
        spool.put_cancel(second.id)
        wait_until(lambda: status_of(spool, third.id).position == 0, "it is next")
        for request in (third, first):
            engine.jobs.cancel(request.id)


def test_the_engine_file_beats_and_goes_with_its_engine(tmp_path):
    with wired(tmp_path) as engine:
        spool = Spool(engine.spool_folder)
        card = spool.engine()
        assert card is not None
        assert (card.pid, card.udp_port, card.tcp_port, card.alive) == (os.getpid(), engine.port, engine.port, True)
        wait_until(lambda: (now := spool.engine()) and now.heartbeat > card.heartbeat, "it beats")
    assert spool.engine() is None


# ---- ports and other engines


def test_a_taken_port_is_skipped_for_both_wires():
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", FIRST_PORT + 100))
        tcp.listen()
        udp.bind(("127.0.0.1", FIRST_PORT + 101))
        opened = ports.open_ports("127.0.0.1", FIRST_PORT + 100)
        try:
            assert opened.port == FIRST_PORT + 102
            assert opened.udp.getsockname() == opened.tcp.getsockname()
        finally:
            opened.close()


def test_two_engines_never_share_a_port(tmp_path):
    with wired(tmp_path / "one") as one, wired(tmp_path / "two") as two:
        assert one.port != two.port
        for engine in (one, two):
            with connect(engine.uris["udp"]) as client:
                assert client.status().spool == str(engine.spool_folder)


def test_when_all_ports_are_taken_the_holder_is_named():
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", FIRST_PORT + 110))
        tcp.listen()
        with pytest.raises(PortsTaken, match=str(FIRST_PORT + 110)) as caught:
            ports.open_ports("127.0.0.1", FIRST_PORT + 110, tries=1)
    assert (str(os.getpid()) if sys.platform == "linux" else "another program") in caught.value.message


def test_any_free_port_will_do_when_none_is_wanted():
    opened = ports.open_ports("127.0.0.1", 0)
    assert opened.port == opened.udp.getsockname()[1] == opened.tcp.getsockname()[1] > 0
    opened.close()


@pytest.mark.parametrize(
    ("host", "loopback"), [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False)]
)
def test_loopback_is_told_from_the_world(host, loopback):
    assert ports.is_loopback(host) is loopback


def test_an_address_others_can_reach_needs_a_token(tmp_path):
    with pytest.raises(InvalidSettings, match="token"), wired(tmp_path, host="0.0.0.0"):
        pass


@pytest.mark.parametrize("host", ["not.a.host.invalid", "192.0.2.1", ""])  # 192.0.2.1 is nobody's, by RFC 5737
def test_a_host_that_is_not_this_machine_is_named(tmp_path, host):
    with pytest.raises(InvalidSettings, match=f"host: '?{host}"), wired(tmp_path, host=host, token="secret"):
        pass


def test_a_second_engine_on_the_same_folder_is_refused_and_told_of_the_first(tmp_path):
    spool = Spool(tmp_path / "spool")
    spool.make()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        spool.write_engine(EngineCard(other.pid, "0.1", time.time(), udp_port=9770))
        with pytest.raises(EngineAlreadyRunning, match=f"process {other.pid}, port 9770"), wired(tmp_path):
            pass
        assert other.stdin is not None
        other.stdin.close()
    with wired(tmp_path):  # a fresh heartbeat of a process that is gone stops nobody
        pass


@pytest.mark.parametrize("wire", ["udp", "tcp"])
def test_without_its_token_nothing_is_done(tmp_path, wire):
    with wired(tmp_path, host="0.0.0.0", token="secret") as engine:
        request = osc.encode(messages.Quit())
        if wire == "udp":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(5)
                sock.connect(("127.0.0.1", engine.port))
                sock.send(request)
                answer = heard(sock)
        else:
            with socket.create_connection(("127.0.0.1", engine.port), timeout=5) as sock:
                sock.sendall(osc.frame_length(request))
                (answer,) = heard_in(sock, osc.StreamDecoder(), 1)
        assert isinstance(answer, Failed)
        assert answer.code == "refused"
        assert not engine.quitting.is_set()


def test_wires_that_cannot_start_give_their_ports_back(tmp_path):
    (tmp_path / "spool").write_text("a file where the folder should be")
    with pytest.raises(EngineFault, match="spool"), wired(tmp_path, port=FIRST_PORT + 120):
        pass
    opened = ports.open_ports("127.0.0.1", FIRST_PORT + 120)
    assert opened.port == FIRST_PORT + 120
    opened.close()


def test_wires_end_and_leave_no_thread_behind(tmp_path):
    before = set(threading.enumerate())
    with wired(tmp_path) as engine, connect(engine.uris["tcp"]) as client:
        client.status()
        time.sleep(0.1)
    wait_until(lambda: set(threading.enumerate()) <= before, "all threads end")
