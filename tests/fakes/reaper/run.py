"""``FakeReaper``: starts it, runs actions, steps what they defer, answers their dialogs, ends and restarts it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lupa import lua53, lua54

from tests.fakes.reaper import ext_state, projects, sources, takes, tracks_items, ui  # noqa: F401  (they fill the table)
from tests.fakes.reaper import rpp as rpp_file
from tests.fakes.reaper.media import open_source
from tests.fakes.reaper.model import Project, Source
from tests.fakes.reaper.sockets import Sockets
from tests.fakes.reaper.strict import Strict
from tests.fakes.reaper.system import Files, Processes
from tests.fakes.reaper.table import Misuse
from tests.fakes.reaper.window import Window

RECENT, OLD = "7.46/linux-x86_64", "6.80/linux-x86_64"
PRELUDE, LUASOCKET = (Path(__file__).with_name(name) for name in ("prelude.lua", "luasocket.lua"))
MOST_DEFERRED = 1024
PAUSE_SECONDS = 0.005  # between the rounds of `pump`; REAPER's own is about 30 ms


class ScriptError(AssertionError):
    """What REAPER would show as the script's error, with its traceback."""


@dataclass
class Dialog:
    kind: str  # console, box, inputs, error, file
    title: str
    text: str
    fields: dict[str, str] = field(default_factory=dict)
    answer: Any = None


@dataclass(frozen=True)
class Step:
    script: str
    deferred: bool  # or the script's main chunk
    seconds: float
    seconds_in_reaper: float  # the part of it that this REAPER, not the script, took

    @property
    def seconds_of_script(self) -> float:
        return self.seconds - self.seconds_in_reaper


class Action:
    """One running script, with the Lua state that is its own."""

    def __init__(self, host: FakeReaper, path: Path, context: str = "") -> None:
        self.host, self.path, self.context = host, path, context
        self.deferred: list[Any] = []
        self.due: deque[Any] = deque()  # deferred before, and still to run in this step
        self.at_exit: list[Any] = []
        self.options = 0
        self.building_peaks: list[Source] = []
        self.started = self.made_undo_point = self.has_deferred = self.ended = False
        lua = lua54 if host.strict.version >= (7, 0) else lua53
        self.lua = lua.LuaRuntime(
            unpack_returned_tuples=True,
            register_eval=False,
            register_builtins=False,
            attribute_filter=self.no_attributes,
        )
        names = " ".join(name for name in host.strict.api.functions if host.strict.exists(name))
        gfx_names = " ".join(host.strict.api.gfx)
        self.protected = self.chunk(PRELUDE)(
            host.timed(host.strict.call),
            host.strict.missing,
            host.timed(self.draw),
            names,
            gfx_names,
            self.may_reach,
            host.files.is_full,
            host.system.startswith("Win"),
        )
        self.window = Window(self.lua.globals().gfx, host.strict.api.gfx)
        self.sockets = Sockets(host.strict.problems)
        if host.lua_socket:
            self.chunk(LUASOCKET)(self.sockets.ask, time.time)

    def chunk(self, path: Path) -> Any:
        return self.lua.execute("return load(...)", path.read_text(encoding="utf-8"), "=" + path.stem)

    def start(self) -> None:
        chunk, problem = self.loaded()
        if problem:
            self.end()
            raise ScriptError(problem)
        self.run(chunk)

    def loaded(self) -> tuple[Any, str | None]:
        loaded = self.lua.execute("return load(...)", self.path.read_text(encoding="utf-8"), "@" + str(self.path))
        return loaded if isinstance(loaded, tuple) else (loaded, None)

    def step(self) -> None:
        """Everything deferred so far; what these defer is for the next step."""
        self.window.before_step()
        self.due, self.deferred = deque(self.deferred), []
        while self.due and not self.ended:
            self.run(self.due.popleft())

    def run(self, function: Any) -> None:
        host, before, spent = self.host, self.host.action, self.host.seconds_in_reaper
        host.action = self
        began = time.perf_counter()
        ran = self.protected(function)
        seconds = time.perf_counter() - began
        host.steps.append(Step(self.path.name, self.started, seconds, host.seconds_in_reaper - spent))
        host.action = before
        self.window.after_step()
        host.strict.end_of_step()
        self.started = True
        ok, message = ran if isinstance(ran, tuple) else (ran, None)
        if not (ok and (self.deferred or self.due)):
            self.tell_unfinished_peaks()
            self.end()
        host.raise_problems()
        if not ok:
            raise ScriptError(f"{self.path.name}: {message}")

    def end(self, runs_at_exit: bool = True) -> None:
        if self.ended:
            return
        self.ended, self.deferred = True, []
        self.host.actions.remove(self)
        at_exit, self.at_exit = self.at_exit, []
        try:
            for function in at_exit if runs_at_exit else []:
                self.run(function)
        finally:
            self.window.close()
            self.sockets.close()

    def tell_unfinished_peaks(self) -> None:
        unfinished = [str(source.root.path) for source in self.building_peaks if not source.gone]
        if unfinished:
            why = f"PCM_Source_BuildPeaks was begun for {unfinished} and not finished (mode 2)"
            self.host.strict.problems.append(Misuse(why))

    def defer(self, function: Any) -> bool:
        self.has_deferred = True
        if self.ended or len(self.deferred) >= MOST_DEFERRED:
            return False
        self.deferred.append(function)
        return True

    def draw(self, name: str, *arguments: Any) -> tuple:
        try:
            answer = self.window.call(name, *arguments)
        except Exception as problem:
            self.host.strict.problems.append(problem)
            return (str(problem),)
        return (None, *(answer if isinstance(answer, tuple) else (answer,)))

    def may_reach(self, what: str, path: str, mode: str) -> tuple:
        try:
            self.host.files.check(what, path, mode)
        except Misuse as problem:
            self.host.strict.problems.append(problem)
            return (str(problem), None)
        return (None, None)

    def no_attributes(self, thing: object, name: str, setting: bool) -> str:
        self.host.strict.problems.append(Misuse(f"a pointer has no field {name}"))
        raise AttributeError(name)

    @property
    def kilobytes(self) -> float:
        """What its Lua state holds after a full collection."""
        return float(self.lua.execute("collectgarbage() collectgarbage() return collectgarbage('count')"))


class FakeReaper:
    """One REAPER for one test. Whatever it writes is below `folder`.

    `answers` are the user's, in order: a list or a dict of texts for inputs (None: cancelled), a button's name for a
    message box ("ok", "cancel", "yes", "no"…), or a function of the `Dialog`. With `lua_socket`, the user has installed
    LuaSocket.
    """

    def __init__(
        self,
        folder: Path,
        *,
        version: str = RECENT,
        system: str = "Other",
        readable: Sequence[Path] = (),
        writable: Sequence[Path] = (),
        lua_socket: bool = False,
    ) -> None:
        self.folder, self.version, self.system = Path(folder), version, system
        self.lua_socket = lua_socket
        self.resource_path = self.folder / "REAPER"
        self.default_record_path = self.folder / "REAPER Media"
        self.resource_path.mkdir(parents=True, exist_ok=True)
        self.files = Files(readable, [self.folder, *writable])
        self.processes = Processes()
        self.strict = Strict(self, version)
        self.ext: dict[tuple[str, str], str] = {}
        self.persistent_ext: set[tuple[str, str]] = set()
        self.commands: dict[int, Path] = {}
        self.deleted_takes_leave_lanes = False
        self.answers: deque[Any] = deque()
        self.messages: list[Dialog] = []
        self.steps: list[Step] = []
        self.began()

    def began(self) -> None:
        self.projects = [Project()]
        self.current = self.projects[0]
        self.actions: list[Action] = []
        self.action: Action | None = None
        self.toggles: dict[int, int] = {}
        self.loose_sources: list[Source] = []
        self.refresh_prevented = 0
        self.timeline_is_stale = False
        self.hint = ""
        self.seconds_in_reaper = 0.0

    # Projects

    @property
    def project(self) -> Project:
        return self.current

    def source(self, path: Path | str) -> Source:
        source = open_source(path)
        assert source is not None, f"{path} is no media file"
        return source

    def open_project(self, path: Path | None = None) -> Project:
        """In a new tab, which becomes the current one; read from its file when that is there."""
        project = rpp_file.load(path) if path and path.exists() else Project(path)
        self.projects.append(project)
        self.current = project
        return project

    def select_next_tab(self) -> None:
        self.current = self.projects[(self.projects.index(self.current) + 1) % len(self.projects)]

    def close_project(self, project: Project) -> None:
        """There is always one project: closing the last one leaves a new one."""
        self.projects.remove(project)
        project.free()
        if not self.projects:
            self.projects.append(Project())
        if self.current is project:
            self.current = self.projects[-1]

    def save(self, project: Project | None = None, path: Path | None = None) -> Path:
        project = project or self.current
        project.path = path or project.path or self.folder / f"project {self.projects.index(project) + 1}.RPP"
        rpp_file.save(project, project.path)
        project.dirty = False
        return project.path

    # Scripts

    def run_action(self, path: Path | str, context: str = "") -> Action:
        """Its main chunk, now; what it defers waits for `pump`. Raises what the script did wrong, even if trapped."""
        path = Path(path)
        for running in [action for action in self.actions if action.path == path and action.options & 1]:
            running.end()
            if not running.options & 2:
                return running
        action = Action(self, path, context)
        self.actions.append(action)
        action.start()
        self.end_of_script(action)
        return action

    def run_lua(self, text: str, name: str = "test.lua") -> Action:
        """A script that is not in a file yet."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return self.run_action(path)

    def end_of_script(self, action: Action) -> None:
        """A script that never deferred and made no undo point gets one from REAPER, named after itself."""
        if action.ended and not action.has_deferred and not action.made_undo_point:
            self.current.add_undo_point(f"ReaScript: {action.path.name}")
        self.raise_problems()

    def pump(
        self, until: Callable[[], object] | None = None, seconds: float = 10, pause: float = PAUSE_SECONDS
    ) -> None:
        """Steps all deferred functions, until the condition holds (or, without one, until no script runs any more)."""
        deadline = time.monotonic() + seconds
        while not (until() if until else not self.actions):
            if time.monotonic() >= deadline:
                running = [action.path.name for action in self.actions]
                raise AssertionError(f"stuck after {seconds} s; running: {running}; shown: {self.messages[-5:]}")
            self.step()
            time.sleep(pause)

    def step(self, rounds: int = 1) -> None:
        """One round of `defer` for every running script."""
        for _ in range(rounds):
            for action in list(self.actions):
                action.step()

    @property
    def longest_step(self) -> Step:
        """The deferred one that the scripts themselves spent most time in."""
        return max((step for step in self.steps if step.deferred), key=lambda step: step.seconds_of_script)

    def raise_problems(self) -> None:
        if not self.actions and self.loose_sources:
            files = sorted({str(source.root.path) for source in self.loose_sources})
            self.loose_sources = []
            self.strict.problems.append(Misuse(f"neither given to a take nor destroyed: the sources of {files}"))
        if self.strict.problems:
            problem = self.strict.problems[0]
            self.strict.problems.clear()
            raise problem

    def timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*arguments: Any) -> Any:
            began = time.perf_counter()
            try:
                return call(*arguments)
            finally:
                self.seconds_in_reaper += time.perf_counter() - began

        return measured

    # The user

    def show(self, kind: str, title: str, text: str, fields: dict[str, str] | None = None) -> Dialog:
        dialog = Dialog(kind, title, text, fields or {})
        self.messages.append(dialog)
        return dialog

    def answer_to(self, dialog: Dialog) -> Any:
        if not self.answers:
            raise Misuse(f"nobody answers the {dialog.kind} {dialog.title!r}: {dialog.text or list(dialog.fields)}")
        answer = self.answers.popleft()
        return answer(dialog) if callable(answer) else answer

    @property
    def texts(self) -> list[str]:
        return [dialog.text for dialog in self.messages if dialog.text]

    def restart(self) -> None:
        """Quits (saved projects are saved, unsaved ones are lost) and starts again with the same projects."""
        for action in list(self.actions):
            action.end()
        paths = [self.save(project) for project in self.projects if project.path]
        self.crash()
        for path in paths:
            self.open_project(path)
        if paths:
            self.close_project(self.projects[0])

    def crash(self) -> None:
        """Everything that is not in a file is gone, and no script hears of it."""
        for action in list(self.actions):
            action.end(runs_at_exit=False)
        for project in self.projects:
            project.free()
        self.ext = {names: value for names, value in self.ext.items() if names in self.persistent_ext}
        self.began()

    def close(self) -> None:
        """Ends the scripts and the processes that they started."""
        for action in list(self.actions):
            action.end(runs_at_exit=False)
        self.processes.close()
