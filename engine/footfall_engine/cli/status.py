"""`footfall status` and `footfall cancel`: the running engine and its jobs."""

from __future__ import annotations

from typing import Annotated

import typer
from footfall_bridge import messages
from footfall_bridge.messages import EngineStatus, JobState, JobStatus

from footfall_engine.cli import options
from footfall_engine.cli.console import answer, answer_json, answer_table, reported, say
from footfall_engine.cli.jobs import eta, needed_engine
from footfall_engine.config import Settings

JobArgument = Annotated[str, typer.Argument(metavar="ID", help="As `footfall status` lists it.", show_default=False)]


@reported
def status(
    job: Annotated[str | None, typer.Argument(metavar="ID", help="One job.", show_default=False)] = None,
    as_json: options.Json = False,
) -> None:
    """Show the running engine and its jobs, or the job of one ID."""
    with needed_engine(Settings.load()) as engine:
        tell(engine.status(job), as_json)


@reported
def cancel(job: JobArgument, as_json: options.Json = False) -> None:
    """Cancel a job of the running engine."""
    with needed_engine(Settings.load()) as engine:
        said = engine.cancel(job)
    if said.state is JobState.RUNNING and not as_json:
        answer(f"{said.id}: is being cancelled")  # it stops at its next step, and has its progress until then
    else:
        tell(said, as_json)


def tell(said: EngineStatus | JobStatus, as_json: bool) -> None:
    if as_json:
        answer_json(messages.to_fields(said))
    elif isinstance(said, JobStatus):
        _tell_job(said)
    else:
        _tell_engine(said)


def _tell_engine(said: EngineStatus) -> None:
    ports = f"UDP port {said.udp_port or 'none'}, TCP port {said.tcp_port or 'none'}"
    answer(f"engine {said.version}, process {said.pid}, up {said.uptime_seconds:.0f} s, {ports}")
    if said.spool:
        answer(f"spool {said.spool}")
    rows = [
        [job.id, job.kind, job.state.value, f"{job.fraction:.0%}", job.message or eta(job.eta_seconds), job.label]
        for job in said.jobs
    ]
    if rows:
        answer_table(["id", "what", "state", "done", "", "about"], rows)
    say(", ".join(f"{count} {state}" for state, count in said.counts.items()) or "no jobs yet")


def _tell_job(said: JobStatus) -> None:
    answer(f"{said.id}: {said.state.value}")
    if said.position:
        answer(f"after {said.position} other job{'s' * (said.position != 1)}")
    if said.progress:
        answer(f"{said.progress.stage}, {said.progress.fraction:.0%} {eta(said.progress.eta_seconds)}".rstrip())
    for stem in said.stems:
        answer(stem.path)
    for warning in said.warnings:
        say(f"note: {warning.message}")
    if said.failure:
        answer(f"{said.failure.code}: {said.failure.message}")
