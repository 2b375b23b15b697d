"""An engine's real queue and real wires, with a worker that makes no sound: what it does is said in the prompt."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from footfall_bridge import messages
from footfall_bridge.client import spool_uri
from footfall_bridge.messages import Generate, ModelFacts, ModelList
from footfall_engine.jobs import JobQueue, TakenJob
from footfall_engine.server.wires import Wires

KINDS = ("generate", "regenerate", "spot", "audition")
SLOW, FAILING, CHATTY, LOUD = "slow", "failing", "chatty", "loud"
CHATTER = 300  # progress events of a chatty job
LOUD_EVENTS = 5000  # more than a datagram carries
FIRST_PORT = 19770  # far from an engine that may run here
MODELS = ModelList(
    models=[
        ModelFacts(
            name="procedural", about="the default", sample_rate=48_000, span_seconds=60, memory_mb=200, controls=[],
            code_licence="Apache-2.0", weights_licence="none", present=True,
        )
    ]
)  # fmt: skip


class WiredEngine:
    def __init__(self, folder: Path, host: str = "127.0.0.1", port: int = FIRST_PORT, token: str = "") -> None:
        self.quitting = threading.Event()
        self.runs: list[str] = []  # ids of jobs, as often as they ran
        self.jobs = JobQueue(folder / "jobs.db")
        self.spool_folder = folder / "spool"
        self.wires = Wires(
            self.jobs, lambda: MODELS, self.quitting.set, self.spool_folder, host=host, first_port=port, token=token
        )
        self.wires.start()
        self._worker = threading.Thread(target=self._work, daemon=True)
        self._worker.start()

    @property
    def port(self) -> int:
        return self.wires.port

    @property
    def uris(self) -> dict[str, str]:
        return {
            "udp": f"osc.udp://127.0.0.1:{self.port}",
            "tcp": f"osc.tcp://127.0.0.1:{self.port}",
            "spool": spool_uri(self.spool_folder),
        }

    def stop(self) -> None:
        self.jobs.close()
        self._worker.join(timeout=5)
        self.wires.stop()
        assert not self._worker.is_alive(), "the worker did not stop"

    def _work(self) -> None:
        while (job := self.jobs.take(KINDS, timeout=3600)) is not None:
            self.runs.append(job.id)
            self._run(job)

    def _run(self, job: TakenJob) -> None:
        prompt = getattr(job.request, "prompt", "")
        self.jobs.report(messages.Progress(id=job.id, stage="motion", fraction=0.25))
        if prompt == SLOW:
            return self._dawdle(job)
        if prompt == CHATTY:
            for step in range(CHATTER):
                self.jobs.report(messages.Progress(id=job.id, stage="sound", fraction=step / CHATTER))
        if prompt == LOUD:
            hits = [messages.Hit(time=step) for step in range(LOUD_EVENTS)]
            self.jobs.report(messages.Spotted(id=job.id, duration=LOUD_EVENTS, events=hits))
        if prompt == FAILING:
            return self.jobs.finish(
                job.id, messages.Failed(id=job.id, code="no_picture", message="there is no picture")
            )
        self.jobs.report(messages.Warned(id=job.id, code="unknown_word", message="no sound for 'quux'"))
        for variant in range(1, getattr(job.request, "variants", 1) + 1):
            self.jobs.report(stem(job.id, variant))
        return self.jobs.finish(job.id, messages.Done(id=job.id))

    def _dawdle(self, job: TakenJob) -> None:
        """Run until cancelled, or until the engine stops, which leaves the job running as a crash would."""
        while not job.cancelled.wait(0.01):
            if self.jobs._closed:
                return
        self.jobs.finish(job.id, messages.Cancelled(id=job.id))


@contextmanager
def wired(folder: Path, **settings: object) -> Iterator[WiredEngine]:
    folder.mkdir(parents=True, exist_ok=True)
    engine = WiredEngine(folder, **settings)  # type: ignore[arg-type]
    try:
        yield engine
    finally:
        engine.stop()


def vanish(folder: Path) -> None:
    """Delete a folder at one stroke, however busy an engine is in it."""
    shutil.rmtree(folder.rename(folder.with_name(folder.name + ", deleted")))


def stem(job_id: str, variant: int) -> messages.Stem:
    path = f"/stems/{job_id}-{variant}.wav"
    return messages.Stem(id=job_id, variant=variant, path=path, seed=1, start=0, samples=48_000, rate=48_000)


def a_request(prompt: str = "", variants: int = 1, **more: object) -> Generate:
    return Generate(video="/clips/a.mov", stem_folder="/stems", prompt=prompt, variants=variants, **more)  # type: ignore[arg-type]
