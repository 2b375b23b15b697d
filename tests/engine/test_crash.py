"""An engine killed at any moment loses nothing and does nothing twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from footfall_bridge import messages
from footfall_bridge.errors import EngineAlreadyRunning, EngineUnreachable
from footfall_bridge.messages import EngineStatus, Generate, JobState, JobStatus
from footfall_bridge.spool import Spool
from footfall_engine import contacts
from footfall_engine.config import Settings
from footfall_engine.engine import Engine
from footfall_engine.media import wav
from footfall_engine.resident import Resident, resident_engine

from tests.waiting import wait_until
from tests.wired import vanish

KILLS = 20
JOBS, VARIANTS = 24, 2
LONGEST_LIFE_SEC = 0.6


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "hammer.mp4"
    contacts.render_clip(path, contacts.Scene("hammer", duration=2.0, width=320, height=180))
    return path


def jobs_for(clip: Path, stems: Path) -> list[Generate]:
    regions = {"in": 0, "out": 1.5}
    return [
        messages.parse_request(
            {
                "type": "generate", "id": f"job-{number}", "video": str(clip), "stem_folder": str(stems),
                "prompt": "hammer on metal, rain", "variants": VARIANTS, "seed": number, **regions,
            }
        )
        for number in range(JOBS)
    ]  # fmt: skip


@pytest.mark.heavy
@pytest.mark.timeout(300)
def test_killed_at_twenty_random_moments_every_job_is_finished_exactly_once(clip: Path, tmp_path: Path):
    home, stems = tmp_path / "home", tmp_path / "stems"
    stems.mkdir()
    requests, chance = jobs_for(clip, stems), random.Random(2026)
    seen_whole: set[Path] = set()
    for life in range(KILLS):
        with resident_engine(home) as engine:
            wire = (engine.tcp, engine.spool)[life % 2]
            submit_until_killed(engine, wire, requests[life : life + 4], chance.uniform(0.0, LONGEST_LIFE_SEC))
        for path in stems.glob("*.wav"):
            wav.read_facts(path)  # raises for anything but a whole stem
            seen_whole.add(path)
    with resident_engine(home) as engine, engine.connect() as client:
        for request in requests:
            client.submit(request)
        wait_until(lambda: finished(client.status()) == JOBS, client.status, 120)
        for request in requests:
            check_done_once(client.status(request.id), request)
    assert len(list(stems.glob("*.wav"))) == JOBS * VARIANTS
    assert seen_whole <= set(stems.glob("*.wav"))
    assert not [path for path in stems.iterdir() if path.suffix != ".wav"]


def submit_until_killed(engine: Resident, wire: str, requests: list[Generate], life_sec: float) -> None:
    death = time.monotonic() + life_sec
    try:
        with engine.connect(wire) as client:
            for request in requests:
                client.submit(request)
    except (EngineUnreachable, OSError):
        pytest.fail("the engine died before it was killed")
    time.sleep(max(0.0, death - time.monotonic()))
    engine.process.kill()
    engine.process.wait(10)


def finished(status: object) -> int:
    assert isinstance(status, EngineStatus)
    return status.counts.get("done", 0) + status.counts.get("failed", 0)


@pytest.mark.heavy
@pytest.mark.timeout(300)
def test_killed_at_any_moment_no_job_left_in_the_spool_folder_loses_its_state(clip: Path, tmp_path: Path):
    home, stems = tmp_path / "home", tmp_path / "stems"
    stems.mkdir()
    requests, chance = jobs_for(clip, stems), random.Random(7)
    lives = [requests[at : at + 4] for at in range(0, JOBS, 4)]
    for left in lives:
        with resident_engine(home) as engine:
            spool = Spool(engine.settings.spool_folder)
            for request in left:
                spool.put(request, request.id)
            time.sleep(chance.uniform(0.0, 0.05))  # about as long as it takes to read them
            engine.process.kill()
            engine.process.wait(10)
    with resident_engine(home):
        for request in requests:
            wait_until(
                lambda job=request.id: (status := spool.status(job)) and status.state.final, f"{request.id} ends", 120
            )
            check_done_once(spool.status(request.id), request)
    assert len(list(stems.iterdir())) == JOBS * VARIANTS


def check_done_once(status: object, request: Generate) -> None:
    assert isinstance(status, JobStatus)
    assert status.state is JobState.DONE, status
    assert [stem.variant for stem in status.stems] == [1, 2]
    for stem in status.stems:
        facts = wav.read_facts(Path(stem.path))
        assert (facts.samples, stem.seed) == (72_000, request.seed + stem.variant - 1)


def test_an_engine_asked_to_close_puts_its_running_job_back(clip: Path, tmp_path: Path):
    home, stems = tmp_path / "home", tmp_path / "stems"
    stems.mkdir()
    request = jobs_for(clip, stems)[0].model_copy(update={"variants": 12, "id": "long"})
    with resident_engine(home) as engine:
        with engine.connect() as client:
            client.submit(request)
            wait_until(lambda: client.status("long").state is JobState.RUNNING, lambda: client.status("long"), 30)
        engine.process.terminate()
        assert engine.process.wait(30) == 0
    assert not list(stems.glob("*.part"))
    with resident_engine(home) as engine, engine.connect() as client:
        wait_until(lambda: client.status("long").state.final, lambda: client.status("long"), 90)
        status = client.status("long")
        assert [stem.variant for stem in status.stems] == list(range(1, 13)), status


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_whenever_a_signal_comes_the_engine_stops_waiting(tmp_path: Path):
    """Asleep, about to sleep, or just waking: what the handler does must not wait for what it interrupts."""
    program = """
import signal
from footfall_engine import engine
from footfall_engine.config import Settings
engine._WAKE_SEC = 0.0  # waking all the time
for _ in range(200):
    waiting = engine.Engine(Settings.load())
    signal.signal(signal.SIGALRM, lambda *_: waiting.quit())
    signal.setitimer(signal.ITIMER_REAL, 0.003)
    waiting.wait()
"""
    environment = {**os.environ, "FOOTFALL_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=environment, timeout=60, check=True)


def test_a_second_engine_finds_the_first_one_and_says_so(tmp_path: Path):
    with resident_engine(tmp_path / "home") as engine:
        second = Engine(Settings.load({"FOOTFALL_HOME": str(tmp_path / "home")}))
        with pytest.raises(EngineAlreadyRunning, match=f"process {engine.process.pid}.*port {engine.card.tcp_port}"):
            second.start()


def test_a_second_engine_is_refused_even_where_nothing_tells_of_the_first(tmp_path: Path):
    with resident_engine(tmp_path / "home") as engine:
        vanish(engine.settings.spool_folder)
        with pytest.raises(EngineAlreadyRunning):
            Engine(Settings.load({"FOOTFALL_HOME": str(tmp_path / "home")})).start()


def test_a_cancelled_running_job_stops_within_a_moment_and_leaves_no_file(clip: Path, tmp_path: Path):
    request = jobs_for(clip, tmp_path)[0].model_copy(update={"variants": 32, "id": "long"})
    with resident_engine(tmp_path / "home") as engine, engine.connect() as client:
        client.submit(request)
        wait_until(lambda: client.status("long").state is JobState.RUNNING, lambda: client.status("long"), 30)
        client.cancel("long")
        wait_until(lambda: client.status("long").state is JobState.CANCELLED, lambda: client.status("long"), 10)
        assert not list(tmp_path.glob("*.part"))
        done = len(client.status("long").stems)
        assert len(list(tmp_path.glob("*.wav"))) == done < 32
