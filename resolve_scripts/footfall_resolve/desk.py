"""What a script works at: Resolve, the engine, what is remembered, the dialogs. A script is a recipe over it:

    desk.run("Footfall Generate", globals(), flow.generate)

Whatever stumbles is told once, in a sentence.
"""

from __future__ import annotations

import os
import time
import traceback
from typing import Any, Callable

from . import dialog, resolve
from .engine import Engine, read_config
from .errors import Cancelled, FootfallError
from .memory import Entry, Memory, make_stem_folder
from .osc_client import EngineClient, EngineUnreachable

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STUMBLED = "This is a mistake of ours; please report it with what Resolve's Console (Workspace > Console) says:\n{}"


class Desk:
    def __init__(self, title: str, host: resolve.Host, dialogs: Any, config: dict[str, Any]) -> None:
        self.title = title
        self.host = host
        self.dialogs = dialogs
        self.engine = Engine(config)
        self.memory = Memory(os.path.join(config["spool"], "hosts", "resolve"))

    # ---- telling and asking

    def tell(self, *sentences: str) -> None:
        """Each sentence once, in one message; nothing when there is none."""
        said = list(dict.fromkeys(sentence for sentence in sentences if sentence))
        if said:
            self.dialogs.tell(self.title, "\n\n".join(said))

    def confirm(self, question: str) -> bool:
        return bool(self.dialogs.confirm(self.title, question))

    # ---- the engine

    def connect(self) -> EngineClient:
        """A connection to the engine, which is started when it does not run."""
        windows: list[Any] = []

        def going_on(seconds: float) -> bool:
            if not windows:
                windows.append(self.dialogs.progress(self.title))
            return bool(windows[0].update(f"The engine is starting, {seconds:.0f} s", 0.0))

        try:
            self.engine.ensure(going_on)
        finally:
            for window in windows:
                window.close()
        return self.engine.client()

    # ---- jobs

    def stem_folder(self) -> str:
        return make_stem_folder(self.memory.stem_folder(self.host.project()["name"]))

    def entry(self, kind: str, label: str, request: dict[str, Any], target: dict[str, Any]) -> Entry:
        timeline = self.host.timeline()
        return {
            "id": request["id"],
            "kind": kind,
            "label": label,
            "asked": time.time(),
            "project": self.host.project(),
            "timeline": {"id": timeline.id, "name": timeline.name},
            "request": request,
            "target": target,
        }

    def waiting(self) -> list[Entry]:
        """Jobs of the open project that nobody watches."""
        project = self.host.project()["id"]
        jobs = self.memory.jobs()
        return [one for one in jobs if one["project"]["id"] == project and not self.memory.is_watched(one["id"])]


def run(title: str, scope: dict[str, Any], recipe: Callable[[Desk], None]) -> None:
    """Run a script's recipe; `scope` is the script's globals, in which Resolve leaves itself."""
    dialogs = dialog.open()
    try:
        recipe(Desk(title, resolve.find(scope), dialogs, read_config(HERE)))
    except Cancelled:
        print(f"{title}: cancelled.")
    except FootfallError as trouble:
        dialogs.tell(title, trouble.message)
    except EngineUnreachable as trouble:
        dialogs.tell(title, f"{trouble}. Run Footfall Engine and choose Repair.")
    except Exception:
        print(traceback.format_exc())
        dialogs.tell(title, STUMBLED.format(traceback.format_exc(limit=-1).strip().splitlines()[-1]))
    finally:
        dialogs.close()
