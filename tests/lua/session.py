"""A REAPER with Footfall's actions installed, and an engine behind its spool folder: a real process, or a stand-in."""

from __future__ import annotations

import copy
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from footfall_bridge import messages
from footfall_bridge.messages import JobState, JobStatus, Stem
from footfall_bridge.spool import EngineCard, Spool
from footfall_engine.config import Settings
from footfall_engine.media import wav
from footfall_engine.resident import make_home

from tests.fakes.reaper.model import Item, Project, Take, Track
from tests.fakes.reaper.run import Action, FakeReaper

SCRIPTS = Path(__file__).parents[2] / "reaper_scripts"
FINISHED_WITHIN = 60.0  # seconds for all of a test's jobs on a slow machine
GENERATE, REPEAT = "Generate for selection", "Repeat last generate"


class Session:
    """One REAPER and its user; `reaper` is the fake, `spool` the folder that it shares with the engine."""

    def __init__(self, folder: Path, settings: Settings, readable: Sequence[Path] = (), **options: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.settings, self.spool = settings, Spool(settings.spool_folder)
        self.reaper = FakeReaper(folder, readable=[SCRIPTS, *readable], writable=[settings.spool_folder], **options)
        self.scripts = self.reaper.resource_path / "Scripts" / "Footfall"
        self._others = self._job_names()  # asked for by sessions before this one
        self.install()

    def install(self, **changes: Any) -> None:
        """What `footfall install reaper` leaves behind: the actions, and where the engine lives."""
        self.scripts.mkdir(parents=True, exist_ok=True)
        for script in [*SCRIPTS.glob("*.lua"), SCRIPTS / "lib"]:
            linked = self.scripts / script.name
            linked.unlink(missing_ok=True)
            linked.symlink_to(script)
        command = [sys.executable, "-m", "footfall_engine", "serve"]
        config = {
            "version": "0.1.0", "protocol": 1, "spool": str(self.settings.spool_folder), "command": command,
            "host": "127.0.0.1", "token": "", **changes,
        }  # fmt: skip
        (self.scripts / "footfall.json").write_text(json.dumps(config), encoding="utf-8")
        home = str(self.settings.file.parent)
        self.reaper.processes.allowed, self.reaper.processes.environment = [command], {"FOOTFALL_HOME": home}

    # ---- what the user does

    def select_on_track(self, clip: Path) -> None:
        """Puts a clip, which its folder lets be read, onto a track of its own and selects it."""
        self.reaper.files.readable.append(clip.parent)
        self.project.add_track("Picture").add_item(self.reaper.source(clip), selected=True)

    def run(self, action: str, *answers: Any) -> Action:
        self.reaper.answers.extend(answers)
        return self.reaper.run_action(self.scripts / f"Footfall - {action}.lua")

    def finish(self, action: str, *answers: Any) -> None:
        """Runs an action and everything it waits for."""
        self.run(action, *answers)
        self.wait()

    def wait(self) -> None:
        self.reaper.pump(seconds=FINISHED_WITHIN)

    def generate(self, prompt: str = "hammer on metal", variants: int = 1, **fields: str) -> None:
        self.finish(GENERATE, wishes(prompt, variants, **fields))

    # ---- what can be seen

    @property
    def project(self) -> Project:
        return self.reaper.project

    @property
    def stem_tracks(self) -> list[Track]:
        return [track for track in self.project.tracks if track.name.startswith("Footfall")]

    @property
    def stem_items(self) -> list[Item]:
        return [item for track in self.stem_tracks for item in track.ordered]

    @property
    def told(self) -> str:
        """Everything that a message box said."""
        return "\n".join(dialog.text for dialog in self.reaper.messages if dialog.kind == "box")

    @property
    def journal(self) -> list[str]:
        return sorted(path.stem for path in (self.spool.folder / "hosts" / "reaper").glob("*.json"))

    def facts(self) -> list[Any]:
        """Everything undo is about, as it is now."""
        return copy.deepcopy(self.project.facts())

    def _job_names(self) -> set[str]:
        return {path.name for path in self.spool.jobs.glob("*")}

    def requests(self) -> list[dict[str, Any]]:
        """What this session has asked the engine for."""
        paths = [self.spool.request_file(name) for name in self._job_names() - self._others]
        return [messages.parse_json(path.read_bytes()) for path in paths if path.exists()]

    def statuses(self) -> list[JobStatus]:
        found = map(self.spool.status, self._job_names() - self._others)
        return [status for status in found if status is not None]


def wishes(
    prompt: str = "hammer on metal", variants: int = 1, negative: str = "", model: str = "", more: str = ""
) -> list[str]:
    """Answers to the generate dialog."""
    return [prompt, negative, str(variants), model, more]


def provenance(take: Take) -> dict[str, Any]:
    return json.loads(take.ext["footfall"])


def facts_of(take: Take) -> wav.StemFacts:
    assert take.source is not None and take.source.path is not None
    return wav.read_facts(take.source.path)


@contextmanager
def session(folder: Path, settings: Settings, **options: Any) -> Iterator[Session]:
    opened = Session(folder, settings, **options)
    try:
        yield opened
    finally:
        opened.reaper.close()


class StandIn:
    """An engine that renders nothing: it answers each request with silence of the right length, at any sample rate."""

    def __init__(self, spool: Spool, rate: int = 48_000) -> None:
        self.spool, self.rate = spool, rate
        self.clip_seconds = 20.0
        self.asked: list[Any] = []

    def beat(self, **card: Any) -> None:
        facts = {"pid": os.getpid(), "version": "0.1.0", "heartbeat": time.time(), **card}
        self.spool.write_engine(EngineCard(**facts))

    def take(self) -> list[Any]:
        """The requests that wait, which are then no longer waiting."""
        self.spool.make()
        taken = []
        for name in self.spool.waiting(".json"):
            self.spool.claim(name)
            taken.append(messages.parse_request(self.spool.read_claimed(name)))
            self.spool.settle(name)
        self.asked += taken
        return taken

    def stems_for(self, request: Any) -> list[Stem]:
        end = self.clip_seconds if request.end is None else request.end
        samples = round((end - request.start) / request.speed * self.rate)
        position = round((request.position or 0.0) * self.rate)
        return [self.stem(request, variant, position, samples) for variant in range(1, request.variants + 1)]

    def stem(self, request: Any, variant: int, position: int, samples: int) -> Stem:
        path = Path(request.stem_folder) / f"{request.id[:8]}_v{variant}.wav"
        with wav.StemWriter(path, self.rate, 1, position, {}) as stem:
            stem.write_pcm(np.zeros((1, samples), np.int32))
        return Stem(
            id=request.id, variant=variant, path=str(path), seed=variant, start=position, samples=samples,
            rate=self.rate,
        )  # fmt: skip

    def finish(self, request: Any, state: JobState = JobState.DONE, **fields: Any) -> None:
        stems = self.stems_for(request) if "stems" not in fields and request.type == "generate" else []
        self.spool.write_status(JobStatus(id=request.id, state=state, **{"stems": stems, **fields}))

    def answer_all(self) -> None:
        self.beat()
        for request in self.take():
            self.finish(request)


@contextmanager
def quick_session(folder: Path, rate: int = 48_000, **options: Any) -> Iterator[tuple[Session, StandIn]]:
    """A session whose engine is a stand-in, for what is only about where things land."""
    with session(folder / "reaper", make_home(folder / "home"), **options) as opened:
        engine = StandIn(opened.spool, rate)
        engine.spool.make()
        engine.beat()
        yield opened, engine
