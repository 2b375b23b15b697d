"""What the user reads: standard output holds the answer, standard error everything else.

Every command is wrapped in `reported`: a fault becomes one sentence and an exit status (2 for a bad request, 1 for a
failure, 0 otherwise); with --json the answer, or ``{"error": {"code", "message"}}``, stands alone on standard output.
"""

from __future__ import annotations

import functools
import json
import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer
from footfall_bridge.errors import FootfallError, InternalError, JobCancelled

if TYPE_CHECKING:
    from rich.console import Console

log = logging.getLogger(__name__)

Command = TypeVar("Command", bound=Callable[..., None])
JSON_PARAMETER = "as_json"
PLAIN: dict[str, Any] = {"highlight": False, "markup": False}  # brackets in names and prompts are theirs


def reported(command: Command) -> Command:
    """The command with its faults told to the user, without a traceback."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except KeyboardInterrupt:
            fail(JobCancelled("cancelled"), _wants_json(options))
        except FootfallError as error:
            if error.detail:
                log.error("%s: %s\n%s", error.code, error.message, error.detail)
            fail(error, _wants_json(options))
        except BrokenPipeError:
            _end_quietly()
        except typer.Exit:
            raise
        except Exception as error:
            log.exception("%s failed", command.__name__)
            ours = InternalError(f"something went wrong inside Footfall: {error!r} (the log has more)")
            fail(ours, _wants_json(options))

    return run  # type: ignore[return-value]


def fail(error: FootfallError, as_json: bool) -> NoReturn:
    say(f"footfall: {error.message}")
    if as_json:
        answer_json({"error": {"code": error.code, "message": error.message}})
    raise typer.Exit(error.exit_status)


def _wants_json(options: dict[str, Any]) -> bool:
    return options.get(JSON_PARAMETER) is True


def _end_quietly() -> None:
    """Whoever read our output has left; Python would complain once more while closing it."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(1)


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def answer(text: str) -> None:
    print(text, flush=True)


def answer_json(value: Any) -> None:
    answer(json.dumps(value, ensure_ascii=False, allow_nan=False))


def answer_table(columns: list[str], rows: list[list[str]], title: str = "") -> None:
    from rich.table import Table

    table = Table(*columns, title=title or None, title_justify="left", header_style="bold", show_header=any(columns))
    for row in rows:
        table.add_row(*row)
    _stdout().print(table)


def aside() -> Console:
    """The console on standard error, for bars and tables that are no answer."""
    from rich.console import Console

    return Console(stderr=True, **PLAIN)


def _stdout() -> Console:
    from rich.console import Console

    console = Console(**PLAIN)
    if not console.is_terminal:
        console.width = 160
    return console
