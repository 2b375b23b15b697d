"""`footfall serve`: the resident engine."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from footfall_bridge.errors import FootfallError

from footfall_engine.cli import options
from footfall_engine.cli.console import answer, answer_json, reported, say
from footfall_engine.config import Settings
from footfall_engine.logs import ENGINE_LOG, start_logging

if TYPE_CHECKING:
    from footfall_engine.engine import Engine

log = logging.getLogger(__name__)

STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")


@reported
def serve(
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="To listen on; another than loopback needs a token.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="N", help="For OSC over UDP and TCP; 0: any free one.", show_default=False)
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Run the engine until it is told to quit: Ctrl-C, or the message `quit`.

    With an engine running already, it says so and ends with exit status 1.
    """
    settings = Settings.load().updated({"host": host, "port": port}, "the command line")
    start_logging(settings, ENGINE_LOG)
    from footfall_engine.engine import Engine

    engine = Engine(settings)
    with signals_call(engine.quit):
        _start(engine)
        try:
            _say_where(settings, engine.wires.port, as_json)
            engine.wait()
        finally:
            engine.close()


def _start(engine: Engine) -> None:
    """Start it; why it cannot be is in the log, too, for an editor that started us sees no standard error."""
    try:
        engine.start()
    except FootfallError as error:
        log.error("%s: %s", error.code, error.message)
        raise


@contextmanager
def signals_call(stop: Callable[[], None]) -> Iterator[None]:
    """Whatever asks this process to end calls `stop` instead."""
    numbers = [getattr(signal, name) for name in STOP_SIGNALS if hasattr(signal, name)]
    before = {number: signal.signal(number, lambda *_: stop()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say_where(settings: Settings, port: int, as_json: bool) -> None:
    from footfall_engine.server.ports import holder

    if settings.port not in (0, port):
        say(f"note: port {settings.port} is taken by {holder(settings.port)}, so this is port {port}")
    facts = {"pid": os.getpid(), "host": settings.host, "port": port, "spool": str(settings.spool_folder)}
    if as_json:
        answer_json(facts)
    else:
        answer("ready: OSC over UDP and TCP on {host}:{port}, spool {spool}, process {pid}".format(**facts))
