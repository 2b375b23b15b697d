"""One job from the command line: in the running engine where there is one, else in this process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Any

from footfall_bridge import messages
from footfall_bridge.errors import EngineUnreachable, JobCancelled, from_code
from footfall_bridge.messages import Failed, Job, Message, Progress, Queued, Spotted, Stem, Warned

from footfall_engine.cli import options
from footfall_engine.cli.console import aside
from footfall_engine.config import Settings
from footfall_engine.logs import start_logging

if TYPE_CHECKING:
    from footfall_bridge.client import Client

ENGINE_PATIENCE = 2.0  # seconds to wait for an engine whose heartbeat was seen


@dataclass
class Outcome:
    """What a job has brought."""

    stems: list[Stem] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)
    spotted: Spotted | None = None

    def in_order(self) -> list[Stem]:
        return sorted(self.stems, key=lambda stem: stem.variant)

    def as_json(self) -> dict[str, Any]:
        return {
            "stems": [stem.model_dump(include=STEM_KEYS) for stem in self.in_order()],
            "warnings": [warning.model_dump(include={"code", "message"}) for warning in self.warnings],
        }


STEM_KEYS = {"path", "variant", "seed", "start", "samples", "rate"}


@dataclass(frozen=True)
class How:
    """How a job is done, and what is said of it."""

    as_json: options.Json = False
    quiet: options.Quiet = False
    here: options.Here = False

    def do(self, **fields: Any) -> Outcome:
        """The job of those fields of a request that were given."""
        settings = Settings.load()
        start_logging(settings)
        request = messages.parse_request(options.given(**fields))
        return run_job(request, settings, self.quiet or self.as_json, self.here)


def run_job(request: Job, settings: Settings, quiet: bool = False, here: bool = False) -> Outcome:
    """Do a job to its end, showing how far it is; Ctrl-C cancels it. Raises what it failed with, or JobCancelled."""
    outcome = Outcome()
    with job_bar(quiet) as show:

        def hear(event: Message) -> None:
            collect(outcome, event)
            show(event)

        engine = None if here else running_engine(settings)
        if engine is None:
            _run_here(request, settings, hear)
        else:
            with engine:
                _run_there(request, engine, hear)
    return outcome


def running_engine(settings: Settings) -> Client | None:
    """A connection to the engine that serves these settings' spool folder, if one does."""
    from footfall_bridge.client import connect
    from footfall_bridge.spool import Spool

    card = Spool(settings.spool_folder).engine()
    if card is None or not card.alive or not card.tcp_port:
        return None
    try:
        return connect(
            f"osc.tcp://{card.host or settings.host}:{card.tcp_port}", settings.token or None, ENGINE_PATIENCE
        )
    except EngineUnreachable:
        return None


def needed_engine(settings: Settings) -> Client:
    """A connection to the running engine; EngineUnreachable says how to start one."""
    engine = running_engine(settings)
    if engine is None:
        raise EngineUnreachable(f"no engine is running on {settings.spool_folder}; start one with `footfall serve`")
    return engine


def collect(outcome: Outcome, event: Message) -> None:
    """Keep what lasts of an event, and raise what ends the job badly."""
    if isinstance(event, Stem):
        outcome.stems.append(event)
    elif isinstance(event, Warned):
        outcome.warnings.append(event)
    elif isinstance(event, Spotted):
        outcome.spotted = event
    elif isinstance(event, Failed):
        raise from_code(event.code, event.message, event.detail)
    elif isinstance(event, messages.Cancelled):
        raise JobCancelled("cancelled")


def _run_there(request: Job, engine: Client, hear: Callable[[Message], None]) -> None:
    job = engine.submit(request)
    try:
        for event in engine.events(job):
            hear(event)
    except KeyboardInterrupt:
        engine.cancel(job)
        raise JobCancelled("cancelled") from None


def _run_here(request: Job, settings: Settings, hear: Callable[[Message], None]) -> None:
    from footfall_engine.engine import run_in_process

    cancelled = threading.Event()
    with interrupts_set(cancelled):
        run_in_process(request, hear, settings, cancelled)


@contextmanager
def interrupts_set(event: threading.Event) -> Iterator[None]:
    """Ctrl-C sets `event`; a second one interrupts."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def job_bar(quiet: bool) -> Iterator[Callable[[Message], None]]:
    """A progress bar on standard error that lives from a job's events."""
    if quiet:
        yield lambda event: None
        return
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bars
    from rich.text import Text

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[eta]}"))
    console = aside()
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task("starting", total=1.0, eta="")

        def show(event: Message) -> None:
            if isinstance(event, Queued):
                waiting = f"waiting for {event.position} other job{'s' * (event.position != 1)}"
                bars.update(bar, description=waiting if event.position else "queued")
            elif isinstance(event, Progress):
                bars.update(bar, completed=event.fraction, description=event.stage, eta=eta(event.eta_seconds))
            elif isinstance(event, Warned):
                bars.console.print(Text.assemble(("note:", "yellow"), " ", event.message), soft_wrap=True)

        yield show


def eta(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s left" if minutes else f"{rest} s left"
