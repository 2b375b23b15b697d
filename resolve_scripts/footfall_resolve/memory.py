"""What is remembered between runs: jobs that are not placed yet, the last wishes, and how a placed file was made.

    <spool>/hosts/resolve/
    ├── jobs/<id>.json        what was asked of the engine; its modification time is the heartbeat of who watches it
    ├── jobs/<id>.placing     the same, while somebody places it
    ├── projects/<id>.json    the last wishes in a project
    └── settings.json         where stems go, if not to the usual folder

A placed file `x.wav` has its history in `x.json` beside it, so that it is known wherever its clip is moved to.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from typing import Any, Dict

from .errors import FootfallError
from .requests import Wishes

WATCHED_SECONDS = 15  # a job with an older heartbeat is watched by nobody
VERSION = 1
WRITE_TEST = ".footfall-write-test"
NO_FILE_NAME = re.compile(r'[\x00-\x1f<>:"/\\|?*]+')

Entry = Dict[str, Any]


def read_json(path: str) -> dict[str, Any] | None:
    """Mapping in a file; None when there is none that can be read."""
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def write_json(path: str, value: dict[str, Any]) -> None:
    """The file appears whole or not at all."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    part = f"{path}.{os.getpid()}.part"
    with open(part, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
    os.replace(part, path)


class Memory:
    def __init__(self, folder: str) -> None:
        self._jobs = os.path.join(folder, "jobs")
        self._projects = os.path.join(folder, "projects")
        self._settings = os.path.join(folder, "settings.json")

    # ---- jobs

    def _job(self, id: str, suffix: str = ".json") -> str:
        return os.path.join(self._jobs, id + suffix)

    def put(self, entry: Entry) -> None:
        try:
            write_json(self._job(entry["id"]), dict(entry, version=VERSION))
        except OSError as error:
            raise FootfallError(
                "spool_unwritable",
                f"Footfall's folder for its jobs, {self._jobs}, cannot be written to ({error.strerror}), "
                "so nothing was started.",
            ) from error

    def jobs(self) -> list[Entry]:
        """Open jobs, the oldest first."""
        self._take_back_what_was_left_half_placed()
        entries = [read_json(os.path.join(self._jobs, name)) for name in self._names(".json")]
        return sorted((one for one in entries if one and one.get("version") == VERSION), key=lambda one: one["asked"])

    def _names(self, suffix: str) -> list[str]:
        try:
            return [name for name in os.listdir(self._jobs) if name.endswith(suffix)]
        except OSError:
            return []

    def _take_back_what_was_left_half_placed(self) -> None:
        for name in self._names(".placing"):
            id = name[: -len(".placing")]
            if _age(self._job(id, ".placing")) > WATCHED_SECONDS:
                _move(self._job(id, ".placing"), self._job(id))

    def beat(self, id: str) -> None:
        """Somebody watches this job."""
        try:
            os.utime(self._job(id))
        except OSError:
            pass  # it is placed

    def is_watched(self, id: str) -> bool:
        return _age(self._job(id)) < WATCHED_SECONDS

    def leave(self, id: str) -> None:
        """Nobody watches this job any more."""
        try:
            os.utime(self._job(id), (0, 0))
        except OSError:
            pass

    def claim(self, id: str) -> bool:
        """Whether this process is the one that places a job; another one may have been quicker."""
        if not _move(self._job(id), self._job(id, ".placing")):
            return False
        os.utime(self._job(id, ".placing"))
        return True

    def is_being_placed(self, id: str) -> bool:
        return os.path.exists(self._job(id, ".placing"))

    def give_back(self, id: str) -> None:
        """A claimed job is open again, and nobody watches it."""
        _move(self._job(id, ".placing"), self._job(id))
        self.leave(id)

    def settle(self, id: str) -> None:
        """Placed, told or given up: never to be taken up again."""
        for suffix in (".json", ".placing"):
            try:
                os.remove(self._job(id, suffix))
            except OSError:
                pass

    # ---- wishes

    def _project(self, id: str) -> str:
        return os.path.join(self._projects, NO_FILE_NAME.sub("_", id) + ".json")

    def last_wishes(self, project: str) -> Wishes | None:
        """What was asked for last in a project; None when nothing was."""
        known = read_json(self._project(project))
        if known is None:
            return None
        return Wishes(
            str(known.get("prompt", "")),
            str(known.get("negative", "")),
            int(known.get("variants", Wishes().variants)),
            str(known.get("model", "")),
            str(known.get("more", "")),
        )

    def remember_wishes(self, project: str, wishes: Wishes) -> None:
        try:
            write_json(self._project(project), wishes._asdict())
        except OSError:
            pass  # a pity, and no more

    # ---- where stems go

    def stem_folder(self, project_name: str) -> str:
        chosen = (read_json(self._settings) or {}).get("stem_folder")
        root = chosen if isinstance(chosen, str) and chosen else usual_stem_folder()
        return os.path.join(root, NO_FILE_NAME.sub("_", project_name).strip(" .") or "project")

    def choose_stem_folder(self, folder: str) -> None:
        write_json(self._settings, dict(read_json(self._settings) or {}, stem_folder=folder))


def usual_stem_folder() -> str:
    """`Footfall` in the user's folder for films."""
    films = {"darwin": "Movies"}.get(sys.platform, "Videos")
    named = os.environ.get("XDG_VIDEOS_DIR") if sys.platform.startswith("linux") else None
    return os.path.join(named or os.path.join(os.path.expanduser("~"), films), "Footfall")


def make_stem_folder(folder: str) -> str:
    """The folder, made where it is missing; FootfallError when nothing can be written there."""
    test = os.path.join(folder, WRITE_TEST)
    try:
        os.makedirs(folder, exist_ok=True)
        with open(test, "w"):
            pass
        os.remove(test)
    except OSError as error:
        raise FootfallError(
            "stem_folder",
            f"Stems go to {folder}, and that folder cannot be made or written to ({error.strerror}). "
            "Choose another with Footfall Engine.",
        ) from error
    return folder


# ---- placed files


def history_file(placed: str) -> str:
    return os.path.splitext(placed)[0] + ".json"


def history(placed: str) -> dict[str, Any] | None:
    """How a placed file was made: {job, label, variant, stem, head_samples, samples, request}; None for any other."""
    known = read_json(history_file(placed)) if placed else None
    return known if known and known.get("footfall") == VERSION else None


def write_history(placed: str, facts: dict[str, Any]) -> None:
    try:
        write_json(history_file(placed), dict(facts, footfall=VERSION))
    except OSError as error:
        path = history_file(placed)
        raise FootfallError("stem_folder", f"{path} cannot be written ({error.strerror}).") from error


def _age(path: str) -> float:
    try:
        return time.time() - os.stat(path).st_mtime
    except OSError:
        return float("inf")


def _move(path: str, target: str) -> bool:
    try:
        os.rename(path, target)
    except OSError:
        return False
    return True
