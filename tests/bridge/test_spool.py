import json
import os
import random
import threading
import time
from pathlib import Path

import pytest
from footfall_bridge import messages
from footfall_bridge.errors import EngineFault, InvalidMessage
from footfall_bridge.messages import Generate, JobState, JobStatus, parse_request
from footfall_bridge.spool import (
    CANCEL,
    CLAIMED,
    MAX_REQUEST_BYTES,
    REQUEST,
    EngineCard,
    Spool,
    is_id,
    write_whole,
)

from tests.bridge.samples import EVERY_MESSAGE

FUZZED_FILES = 10_000
REQUEST_1 = Generate(id="job-1", video="/clips/a.mov", stem_folder="/stems", prompt="boots")


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "a spool 😀")
    spool.make()
    return spool


def leave(spool: Spool, name: str, content: str | bytes) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    (spool.inbox / (name + REQUEST)).write_bytes(data)


def test_a_request_goes_through_the_inbox_to_its_job(spool):
    spool.put(REQUEST_1, "job-1")
    assert spool.waiting(REQUEST) == ["job-1"]
    assert spool.awaits("job-1")
    assert spool.claim("job-1")
    assert spool.waiting(REQUEST) == []
    assert spool.waiting(CLAIMED) == ["job-1"]
    assert parse_request(spool.read_claimed("job-1")) == REQUEST_1
    spool.settle("job-1")
    assert spool.waiting(CLAIMED) == []
    assert not spool.awaits("job-1")
    assert json.loads(spool.request_file("job-1").read_bytes())["prompt"] == "boots"


def test_a_repeated_request_does_not_replace_the_first(spool):
    for prompt in ("first", "second"):
        leave(spool, "a", json.dumps({"prompt": prompt}))
        spool.claim("a")
        spool.settle("a")
    assert json.loads(spool.request_file("a").read_bytes()) == {"prompt": "first"}


def test_of_many_engines_one_gets_a_request(spool):
    won: list[str] = []
    for number in range(100):
        leave(spool, f"job-{number}", "{}")

    def claim_all() -> None:
        won.extend(f"job-{number}" for number in range(100) if spool.claim(f"job-{number}"))

    engines = [threading.Thread(target=claim_all) for _ in range(8)]
    for engine in engines:
        engine.start()
    for engine in engines:
        engine.join(timeout=20)
    assert sorted(won) == sorted(f"job-{number}" for number in range(100))


def test_the_oldest_request_comes_first(spool):
    for age, name in enumerate(["c", "a", "b"]):
        leave(spool, name, "{}")
        os.utime(spool.inbox / (name + REQUEST), (1000 + age, 1000 + age))
    assert spool.waiting(REQUEST) == ["c", "a", "b"]


def test_what_is_still_being_written_is_not_seen(spool):
    (spool.inbox / "a.json.part").write_text("{")
    assert spool.waiting(REQUEST) == []


def test_a_reader_never_sees_half_a_file(spool):
    file = spool.status_file("a")
    write_whole(file, "x" * 100_000)
    done = threading.Event()

    def write_often() -> None:
        while not done.is_set():
            write_whole(file, "y" * 100_000)
            write_whole(file, "x" * 100_000)

    writer = threading.Thread(target=write_often)
    writer.start()
    try:
        for _ in range(500):
            seen = file.read_text()
            assert len(seen) == 100_000
            assert len(set(seen)) == 1
    finally:
        done.set()
        writer.join(timeout=10)


def test_a_request_can_be_taken_back_until_it_is_claimed(spool):
    spool.put(REQUEST_1, "job-1")
    assert spool.withdraw("job-1")
    assert not spool.claim("job-1")


def test_cancels_are_claimed_once(spool):
    spool.put_cancel("job-1")
    assert spool.waiting(CANCEL) == ["job-1"]
    assert spool.claim_cancel("job-1")
    assert not spool.claim_cancel("job-1")


def test_a_missing_id_is_the_name_of_the_file(spool):
    leave(spool, "shot-7", json.dumps({"type": "spot", "video": "a.mov"}))
    spool.claim("shot-7")
    assert spool.read_claimed("shot-7")["id"] == "shot-7"


def test_a_question_about_the_engine_gets_no_id(spool):
    leave(spool, "q", '{"type": "status"}')
    spool.claim("q")
    assert parse_request(spool.read_claimed("q")) == messages.Status()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[1]", "JSON object, not list"),
        (b'"text"', "JSON object, not str"),
        (b'{"type": "spot", "id": "other"}', "'other' is not the file's name, 'a'"),
        (b'{"type": "spot", "id": 5}', "'5' is not the file's name"),
    ],
)
def test_what_is_no_request_says_why_and_is_kept(spool, content, said):
    leave(spool, "a", content)
    spool.claim("a")
    with pytest.raises(InvalidMessage, match=said):
        spool.read_claimed("a")
    spool.settle("a")
    assert spool.request_file("a").read_bytes() == content


def test_a_folder_in_place_of_a_request_is_refused_and_set_aside(spool):
    (spool.inbox / "a.json").mkdir()
    assert spool.claim("a")
    with pytest.raises(InvalidMessage, match="not a plain file"):
        spool.read_claimed("a")
    spool.settle("a")
    assert spool.waiting(CLAIMED) == spool.waiting(REQUEST) == []


@pytest.mark.skipif(os.name == "nt", reason="links take a privilege there")
def test_a_link_in_place_of_a_request_is_not_followed(spool, tmp_path):
    (tmp_path / "private.json").write_text('{"type": "spot", "video": "a.mov"}')
    (spool.inbox / "a.json").symlink_to(tmp_path / "private.json")
    spool.claim("a")
    with pytest.raises(InvalidMessage, match="not a plain file"):
        spool.read_claimed("a")
    spool.settle("a")
    assert not spool.request_file("a").exists()
    assert (tmp_path / "private.json").exists()


def test_a_request_without_end_is_refused_with_its_size_and_not_read(spool):
    with (spool.inbox / "a.json").open("wb") as file:
        file.truncate(MAX_REQUEST_BYTES + 1)
    spool.claim("a")
    with pytest.raises(InvalidMessage, match=f"has {MAX_REQUEST_BYTES + 1} bytes"):
        spool.read_claimed("a")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_place_of_a_request_blocks_nobody(spool):
    os.mkfifo(spool.inbox / "a.json")
    spool.claim("a")
    with pytest.raises(InvalidMessage, match="not a plain file"):
        spool.read_claimed("a")
    spool.settle("a")
    assert spool.waiting(CLAIMED) == []


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "/etc", "a\n", "é", "-a", "a" * 65, "a\0b", "a b"]
)
def test_no_id_leads_out_of_the_folder(spool, name):
    assert not is_id(name)
    for use in (spool.job_folder, spool.put_cancel, spool.withdraw, spool.claimed_file):
        with pytest.raises(InvalidMessage, match="is not an id"):
            use(name)


def test_ten_thousand_broken_files_are_read_or_refused_by_name(spool):
    chance = random.Random(3)
    good = [messages.to_json(message).encode() for message in EVERY_MESSAGE]
    for number in range(FUZZED_FILES):
        name = f"job-{number}"
        spool.claimed_file(name).write_bytes(broken(chance.choice(good), chance))
        try:
            parse_request(spool.read_claimed(name))
        except InvalidMessage as error:
            assert error.message


def broken(content: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.1:
        return chance.randbytes(chance.randrange(200))
    changed = bytearray(content)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(changed))
        changed[at : at + chance.randrange(3)] = chance.choice(
            [b"", b'"', b"}", b"null", b"1e999", b"\\u0000", b"\xff"]
        )
        changed = changed or bytearray(b" ")
    return bytes(changed[: chance.randrange(len(changed))] if chance.random() < 0.2 else changed)


def test_states_come_back_and_unfinished_ones_are_known(spool):
    running = JobStatus(id="a", state=JobState.RUNNING)
    for status in (running, JobStatus(id="b", state=JobState.DONE)):
        spool.write_status(status)
    assert spool.status("a") == running
    assert spool.status("c") is None
    assert list(spool.unfinished()) == ["a"]


def test_a_reply_is_cleared_away_once_read(spool):
    spool.write_reply("q", messages.Bye())
    assert spool.read(spool.reply_file("q")) == messages.Bye()
    spool.forget("q")
    assert not spool.job_folder("q").exists()


def test_jobs_long_finished_are_cleared_away_and_no_others(spool):
    for name, state in {"old": JobState.DONE, "new": JobState.DONE, "running": JobState.RUNNING}.items():
        spool.write_status(JobStatus(id=name, state=state))
        write_whole(spool.request_file(name), "{}")
    for name in ("old", "running"):
        os.utime(spool.status_file(name), (0, 0))
    spool.forget_finished(older_than_days=30)
    assert sorted(folder.name for folder in spool.jobs.iterdir()) == ["new", "running"]


def test_the_engine_is_known_by_a_fresh_heartbeat(spool):
    assert spool.engine() is None
    spool.write_engine(EngineCard(pid=7, version="0.1", heartbeat=time.time(), udp_port=9770))
    card = spool.engine()
    assert card is not None
    assert card.alive
    assert (card.pid, card.udp_port, card.tcp_port, card.protocol) == (7, 9770, None, 1)
    spool.write_engine(EngineCard(pid=7, version="0.1", heartbeat=time.time() - 60))
    old = spool.engine()
    assert old is not None
    assert not old.alive
    spool.remove_engine()
    assert spool.engine() is None


def test_an_engine_file_without_a_protocol_is_of_the_first_and_another_is_told(spool):
    for said, protocol in (({}, 1), ({"protocol": 1}, 1), ({"protocol": 2, "mood": "new"}, 2)):
        spool.engine_file.write_text(json.dumps({"pid": 7, "version": "9", "heartbeat": time.time(), **said}))
        card = spool.engine()
        assert card is not None
        assert card.protocol == protocol


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"pid": 1}', '{"pid": 1, "version": "1", "heartbeat": "now"}']
)
def test_an_engine_file_that_says_nothing_is_no_engine(spool, content):
    spool.engine_file.write_text(content)
    card = spool.engine()
    assert card is None or not card.alive


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(EngineFault, match="taken"):
        Spool(tmp_path / "taken").make()
