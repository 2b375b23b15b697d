"""A bar for work of this process that is no job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from footfall_engine.cli.console import aside
from footfall_engine.progress import ProgressFn, no_progress


@contextmanager
def step_bar(name: str, quiet: bool) -> Iterator[ProgressFn]:
    if quiet:
        yield no_progress
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    console = aside()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task(name, total=1.0)
        yield lambda fraction: bars.update(bar, completed=fraction)
