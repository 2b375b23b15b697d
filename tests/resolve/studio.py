"""A pretended Resolve with Footfall's scripts in its menu, a real engine process, and clips to work on.

Scripts run as Resolve runs them: each in a process of its own, in a Python that has none of our packages.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from footfall_bridge.spool import Spool
from footfall_engine.config import Settings
from footfall_engine.hosts import resolve
from footfall_engine.hosts.reaper import Contact
from footfall_engine.logs import ENGINE_LOG

from tests.fakes.resolve import world as worlds
from tests.resolve.lib import SCRIPTS

RUNNER = Path(__file__).parents[1] / "fakes" / "resolve" / "run_script.py"
FINISHED_WITHIN = 120.0  # seconds for a script on a slow machine


def plain_python() -> str:
    """The oldest Python at hand that Resolve might run scripts with; never one with our packages."""
    versions = Path.home() / ".pyenv" / "versions"
    candidates = [*sorted(versions.glob("3.8.*/bin/python")), Path(os.path.realpath(sys.executable))]
    return str(next(python for python in candidates if python.exists()))


@dataclass
class Item:
    """An audio item of the pretended timeline."""

    track: dict[str, Any]
    start: int
    frames: int
    path: Path


class Studio:
    """One Resolve and its user."""

    def __init__(self, folder: Path, settings: Settings, rate: str = "24", **options: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.settings, self.spool = folder, settings, Spool(settings.spool_folder)
        self.place, self.home = resolve.Place(folder / "Fusion" / "Scripts"), folder / "home"
        self.file = folder / "world.json"
        self.python = plain_python()
        self.world = worlds.make_world(rate, **options)
        self.said: list[list[Any]] = []
        self.printed = ""
        self.largest_file = 0  # bytes that a script can write into a file; 0: as many as it likes
        self.install()

    def install(self, **changes: Any) -> None:
        """What `footfall install resolve` leaves behind: the scripts, what they share, and where the engine lives."""
        self.home.mkdir(parents=True, exist_ok=True)
        home = str(self.settings.file.parent)
        contact = Contact(
            version="0.1.0", protocol=1, spool=self.settings.spool_folder, log=self.settings.log_folder / ENGINE_LOG,
            command=(sys.executable, "-m", "footfall_engine", "--home", home, "serve"),
        )  # fmt: skip
        resolve.install(self.place, SCRIPTS, replace(contact, **changes))

    def hurry(self, module: str, **seconds: float) -> None:
        """Shorter waits in the installed scripts."""
        file = self.place.own / resolve.LIBRARY / f"{module}.py"
        text = file.read_text(encoding="utf-8")
        for name, value in seconds.items():
            text, count = re.subn(rf"^{name} = \d+", f"{name} = {value}", text, flags=re.MULTILINE)
            assert count == 1, f"{module} has no {name}"
        file.write_text(text, encoding="utf-8")

    # ---- the timeline

    def add_timeline(self, rate: str = "24", start: int = 0, **facts: Any) -> str:
        return worlds.add_timeline(self.world, rate=rate, start=start, **facts)

    @property
    def timeline(self) -> dict[str, Any]:
        return self.world["timelines"][self.world["project"]["timeline"]]

    def add_clip(self, path: Path, rate: str, frames: int, **facts: Any) -> str:
        return worlds.add_clip(self.world, str(path), rate, frames, **facts)

    def show(self, clip: str | None, start: int, frames: int, track: int = 1, **facts: Any) -> str:
        """Put a clip on a video track of the current timeline."""
        return worlds.add_item(self.world, self.world["project"]["timeline"], track, clip, start, frames, **facts)

    def mark(self, first: int | None = None, last: int | None = None) -> None:
        """In and out marks, counted from the timeline's start as Resolve does; `last` is inside."""
        marks = {key: value for key, value in (("in", first), ("out", last)) if value is not None}
        self.timeline["marks"] = {"video": marks, "audio": dict(marks)} if marks else {}

    def items(self, prefix: str = "Footfall") -> list[Item]:
        """Items on the audio tracks of that name, track by track."""
        return [
            Item(track, item["start"], item["frames"], Path(self.world["clips"][item["clip"]]["path"]))
            for track in self.timeline["tracks"]["audio"]
            if track["name"].startswith(prefix)
            for item in track["items"]
        ]

    def items_in(self, timelines: dict[str, Any]) -> list[dict[str, Any]]:
        """Items on all audio tracks of some timelines."""
        tracks = [track for timeline in timelines.values() for track in timeline["tracks"]["audio"]]
        return [item for track in tracks for item in track["items"]]

    @property
    def footfall_tracks(self) -> list[dict[str, Any]]:
        return [track for track in self.timeline["tracks"]["audio"] if track["name"].startswith("Footfall")]

    # ---- what the user does

    def start(self, script: str, *answers: Any, console: bool = False) -> subprocess.Popen[str]:
        """Choose a script in the menu; its dialogs get those answers, or it has only the Console."""
        self.save()
        command = [self.python, "-I", str(RUNNER), str(self.file), str(self.place.menu / f"Footfall {script}.py")]
        if not console:
            self.answers.write_text(json.dumps(answers), encoding="utf-8")
            command.append(str(self.answers))
        environment = {"HOME": str(self.home), "PATH": os.defpath, "USERPROFILE": str(self.home)}
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=self._limit_files if self.largest_file else None,
        )

    def _limit_files(self) -> None:
        """In the script's process: a file that grows beyond the limit is refused, as on a full disk."""
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (self.largest_file, self.largest_file))

    def finish(self, process: subprocess.Popen[str]) -> None:
        try:
            self.printed, _ = process.communicate(timeout=FINISHED_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"stuck after {FINISHED_WITHIN} s; it printed {process.communicate()[0]}") from None
        self.load()
        assert process.returncode == 0, self.printed
        assert self.world["misuses"] == [], self.printed
        assert "Traceback" not in self.printed, self.printed

    def run(self, script: str, *answers: Any, console: bool = False) -> None:
        self.finish(self.start(script, *answers, console=console))

    def generate(self, prompt: str = "hammer on metal", variants: int = 1, **more: str) -> None:
        self.run("Generate", wishes(prompt, variants, **more))

    # ---- what can be seen

    @property
    def answers(self) -> Path:
        return self.folder / "answers.json"

    @property
    def told(self) -> str:
        """Everything that a message box said in the last run."""
        said = Path(f"{self.answers}.said")
        listed = json.loads(said.read_text(encoding="utf-8")) if said.exists() else []
        return "\n".join(str(what[-1]) for what in listed if what[0] == "tell")

    @property
    def heard(self) -> list[list[Any]]:
        """Everything the dialogs of the last run were asked or told."""
        return json.loads(Path(f"{self.answers}.said").read_text(encoding="utf-8"))

    @property
    def journal(self) -> list[str]:
        return sorted(path.name for path in (self.spool.folder / "hosts" / "resolve" / "jobs").glob("*"))

    def save(self) -> None:
        Path(f"{self.answers}.said").unlink(missing_ok=True)
        self.save_world()

    def save_world(self) -> None:
        """Also while a script runs: it goes on in the world as it is then."""
        worlds.write(str(self.file), json.dumps(self.world))

    def load(self) -> None:
        self.world = json.loads(self.file.read_text(encoding="utf-8"))


def wishes(prompt: str = "hammer on metal", variants: int = 1, **more: str) -> dict[str, str]:
    """Answers to the generate dialog."""
    return {"prompt": prompt, "variants": str(variants), **more}


def seconds(frames: int, rate: str) -> Fraction:
    return frames / worlds.exact_rate(rate)


def histories(items: list[Item]) -> Iterator[dict[str, Any]]:
    for item in items:
        yield json.loads(item.path.with_suffix(".json").read_text(encoding="utf-8"))
