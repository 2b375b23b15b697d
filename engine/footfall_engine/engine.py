"""The resident process put together: queue, workers, wires. And the same work without them, for one job."""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

from filelock import FileLock, Timeout
from footfall_bridge import messages
from footfall_bridge.errors import EngineAlreadyRunning, EngineFault
from footfall_bridge.messages import FINAL_EVENTS, Job, Message
from footfall_bridge.spool import Spool

from footfall_engine import jobs, render
from footfall_engine.analysis import analyse
from footfall_engine.cache import Analyses, Cache
from footfall_engine.config import COMMERCIAL, Settings
from footfall_engine.models.registry import list_models, load_model
from footfall_engine.render import Studio
from footfall_engine.server.wires import Wires
from footfall_engine.worker import CompanyOf, Recipe, Worker, alone

log = logging.getLogger(__name__)

_CLOSE_WITHIN_SEC = 10.0
_GLANCE_SEC = 0.1
_WAKE_SEC = 0.5


class Engine:
    """`start`, then `wait` until somebody asks it to quit, then `close`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.make_folders()
        self._quit: SimpleQueue[None] = SimpleQueue()  # an Event would wait for itself in a signal handler
        self._lock = FileLock(self.settings.data_folder / "engine.lock")

    def start(self) -> None:
        """Listen on every wire. EngineAlreadyRunning names the engine that is there, PortsTaken who holds the ports."""
        self._be_the_only_one()
        settings = self.settings
        self.queue = jobs.JobQueue(settings.data_folder / "jobs.db", settings.keep_jobs_days)
        self.wires = Wires(
            self.queue, list_models, self.quit, settings.spool_folder, settings.host, settings.port, settings.token
        )
        self._workers = [Worker(self.queue, _studio(settings), *lane) for lane in _lanes()]
        self.wires.start()
        for worker in self._workers:
            worker.start()

    def wait(self) -> None:
        """Until `quit`. It wakes now and then: a signal that another thread got is heard when the main one wakes."""
        while True:
            try:
                return self._quit.get(timeout=_WAKE_SEC)
            except Empty:
                continue

    def quit(self) -> None:
        """Let `wait` return; safe to call from a signal handler."""
        self._quit.put(None)

    def close(self) -> None:
        """Stop working and listening; an unfinished job goes back into the queue for the next start."""
        _stop(self.queue, self._workers)
        self.wires.stop()
        self._lock.release()

    def _be_the_only_one(self) -> None:
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            card = Spool(self.settings.spool_folder).engine()
            where = f" as process {card.pid} on port {card.tcp_port}" if card else ""
            raise EngineAlreadyRunning(f"an engine is already running{where}") from None
        except OSError as error:
            raise EngineFault(f"the data folder {self.settings.data_folder} cannot be locked: {error}") from error


def run_in_process(
    request: Job, hear: Callable[[Message], None], settings: Settings, cancelled: threading.Event
) -> None:
    """Do one job here, by the same queue, worker and recipes as the resident engine; every event is heard.

    Setting `cancelled`, from a signal handler say, cancels it. What `hear` raises ends the job.
    """
    events: SimpleQueue[Message] = SimpleQueue()
    queue = jobs.JobQueue()
    queue.subscribe(events.put)
    studio = _studio(settings.make_folders())
    workers = [Worker(queue, studio, *lane) for lane in _lanes() if type(request) in lane[0]]
    queue.submit(request)
    for worker in workers:
        worker.start()
    try:
        for event in _until_final(events):
            if event is not None:
                hear(event)
            if cancelled.is_set():
                queue.cancel(request.id)
    finally:
        _stop(queue, workers)


def _until_final(events: SimpleQueue[Message]) -> Iterator[Message | None]:
    """Events up to the last one of the job; None whenever nothing has happened for a moment."""
    event: Message | None = None
    while not isinstance(event, FINAL_EVENTS):
        try:
            event = events.get(timeout=_GLANCE_SEC)
        except Empty:
            event = None
        yield event


def _stop(queue: jobs.JobQueue, workers: list[Worker]) -> None:
    for worker in workers:
        worker.close()
    queue.close()
    for worker in workers:
        worker.join(_CLOSE_WITHIN_SEC)


def _lanes() -> list[tuple[dict[type[Message], Recipe], str, Callable[[], None], CompanyOf]]:
    """What is worked on side by side: one worker for the models' device, one for the sound device."""
    making: dict[type[Message], Recipe] = {
        messages.Generate: render.generate,
        messages.Regenerate: render.regenerate,
        messages.Spot: render.spot,
    }
    playing: dict[type[Message], Recipe] = {messages.Audition: render.audition}
    return [(making, "make", warm_up, render.company), (playing, "play", lambda: None, alone)]


def _studio(settings: Settings) -> Studio:
    cache = Cache(settings.data_folder / "cache", settings.cache_mb)
    return Studio(Analyses(cache, analyse), settings.default_model, settings.licence == COMMERCIAL)


def warm_up() -> None:
    """Import what the first job needs while nobody waits for it; in the worker's thread, as scipy's own lazy imports
    break when two threads come first."""
    for module in _NEEDED_LATER:
        importlib.import_module(module)
    load_model("procedural")


_NEEDED_LATER = ("av", "cv2", "soxr", "scipy.signal", "scipy.ndimage", "footfall_engine.analysis.flow")
