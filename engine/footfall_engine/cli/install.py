"""`footfall install`, `footfall uninstall`: Footfall's actions in an editor, and out of it again."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from footfall_bridge.errors import HostRunning

from footfall_engine.cli import options
from footfall_engine.cli.console import answer, answer_json, answer_table, reported, say
from footfall_engine.config import Settings

if TYPE_CHECKING:
    from footfall_engine.doctor import Finding
    from footfall_engine.hosts.reaper import Machine, Plan, Resource

ResourcePath = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="REAPER's resource folder; without it, every one that is found."),
]
Force = Annotated[
    bool, typer.Option("--force", help="Even if a REAPER seems to run. It may drop our actions when it quits.")
]

ConfigPath = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Ardour's configuration folder; without it, every one that is found."),
]

ScriptsFolder = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Resolve's Fusion/Scripts folder; our modules go beside it, into Footfall."),
]
AllUsers = Annotated[bool, typer.Option("--all-users", help="For every user of this machine.")]

FIRST_CLICKS = """\
In REAPER:
  1. Select a video item, or a part of it with a time selection.
  2. Actions > Show action list..., type Footfall, run "Footfall - Generate for selection".
  3. Say what it should sound like; the stem lands on a track below the picture.
"""

ARDOUR_CLICKS = """\
In Ardour, once:
  1. Edit > Lua Scripts > Script Manager, Action Scripts: put "Footfall: generate for selection" into a slot.
  2. There, Action Hooks: add "Footfall: place stems when they are finished".
Then select a range of the picture and run the first from Edit > Lua Scripts; the stem lands on a new track.
"""

RESOLVE_CLICKS = """\
In DaVinci Resolve (start it again if it is running):
  1. On the timeline, put the playhead on a clip, or set in and out marks.
  2. Workspace > Scripts > Footfall Generate.
  3. Say what it should sound like; the stem lands on an audio track of its own.
The free edition lists Python scripts up to 21.0 only: from 21.1 on, Blackmagic keeps them to Studio.
Without scripts, `footfall export` writes a timeline for File > Import > Timeline.
"""


@reported
def install_ardour(config_path: ConfigPath = None, as_json: options.Json = False) -> None:
    """Put Footfall's scripts where Ardour's script manager offers them."""
    from footfall_engine.hosts import ardour
    from footfall_engine.hosts.scripts import engine_contact

    contact = engine_contact(Settings.load())
    told = {folder: ardour.install(folder, contact) for folder in _ardour_folders(config_path)}
    _tell_ardour(told, "installed", as_json)
    if not as_json:
        answer(ARDOUR_CLICKS)


@reported
def uninstall_ardour(config_path: ConfigPath = None, as_json: options.Json = False) -> None:
    """Take out of Ardour's folder what `footfall install ardour` has put there."""
    from footfall_engine.hosts import ardour

    _tell_ardour({folder: ardour.uninstall(folder) for folder in _ardour_folders(config_path)}, "removed", as_json)


def _ardour_folders(config_path: Path | None) -> list[Path]:
    from footfall_engine.hosts import ardour
    from footfall_engine.hosts.reaper import Machine

    return ardour.config_folders(Machine(platform.system(), Path.home(), os.environ), config_path)


def _tell_ardour(told: dict[Path, list[Path]], done: str, as_json: bool) -> None:
    if as_json:
        answer_json({"folders": [{"config": str(folder), done: list(map(str, told[folder]))} for folder in told]})
        return
    for folder, files in told.items():
        answer(f"{folder}: {len(files)} files of Footfall {done}")


@reported
def install_reaper(
    resource_path: ResourcePath = None,
    link: Annotated[bool, typer.Option("--link", help="Link the scripts to Footfall's folder, not copy them.")] = False,
    at_startup: Annotated[
        bool, typer.Option("--at-startup", help="Offer stems that were finished meanwhile when REAPER starts.")
    ] = False,
    force: Force = False,
    as_json: options.Json = False,
) -> None:
    """Put Footfall's actions into REAPER, and see whether everything works."""
    from footfall_engine.hosts import reaper
    from footfall_engine.hosts.check import check_reaper
    from footfall_engine.hosts.scripts import engine_contact, script_source

    settings = Settings.load()
    source, contact = script_source("reaper_scripts"), engine_contact(settings)
    found = reaper.resources(this_machine(), resource_path)
    refuse_while_running(force)
    told = []
    for resource in found:
        plan = reaper.plan_install(resource, source, contact, link, at_startup, crlf=platform.system() == "Windows")
        reaper.carry_out(plan)
        told.append({**_facts(resource, plan), "checks": check_reaper(resource, source, contact)})
    _tell_installed(told, [name.removesuffix(".lua") for name in reaper.action_names(source)], as_json)


@reported
def uninstall_reaper(resource_path: ResourcePath = None, force: Force = False, as_json: options.Json = False) -> None:
    """Take out of REAPER what `footfall install reaper` has put there, and nothing else."""
    from footfall_engine.hosts import reaper
    from footfall_engine.hosts.scripts import script_source

    found = reaper.resources(this_machine(), resource_path)
    refuse_while_running(force)
    told = []
    for resource in found:
        plan = reaper.plan_uninstall(resource, script_source("reaper_scripts"))
        reaper.carry_out(plan)
        told.append(_facts(resource, plan))
    if as_json:
        answer_json({"folders": told})
        return
    for facts in told:
        answer(f"{facts['resource']}: {len(facts['removed'])} files of Footfall removed")
        _tell_lost_shortcuts(facts)


@reported
def install_resolve(
    scripts_folder: ScriptsFolder = None,
    all_users: AllUsers = False,
    link: Annotated[bool, typer.Option("--link", help="Link the modules to Footfall's folder, not copy them.")] = False,
    as_json: options.Json = False,
) -> None:
    """Put Footfall's scripts into DaVinci Resolve's menu, and see whether everything works."""
    from footfall_engine.hosts import resolve, resolve_python
    from footfall_engine.hosts.check import check_resolve
    from footfall_engine.hosts.scripts import engine_contact, script_source

    machine, source, contact = this_machine(), script_source("resolve_scripts"), engine_contact(Settings.load())
    if scripts_folder is None:
        resolve.check_is_installed(machine)
    place = resolve.find_place(machine, scripts_folder, all_users)
    files = resolve.install(place, source, contact, link)
    python, found = resolve_python.find(machine, resolve_python.own_eyes())
    checks = [found, *check_resolve(place, source, contact, link, python)]
    if all_users:
        checks.append(_shared_engine(contact.spool, bool(contact.token)))
    facts = {"scripts": str(place.scripts), "installed": list(map(str, files))}
    scripts = [name.removesuffix(".py") for name in resolve.entry_names(source)]
    _tell_checks(facts, checks, scripts, f"DaVinci Resolve in {place.root}", RESOLVE_CLICKS, as_json)


@reported
def uninstall_resolve(
    scripts_folder: ScriptsFolder = None, all_users: AllUsers = False, as_json: options.Json = False
) -> None:
    """Take out of DaVinci Resolve what `footfall install resolve` has put there, and nothing else."""
    from footfall_engine.hosts import resolve
    from footfall_engine.hosts.scripts import script_source

    place = resolve.find_place(this_machine(), scripts_folder, all_users)
    removed = resolve.uninstall(place, script_source("resolve_scripts"))
    if as_json:
        answer_json({"scripts": str(place.scripts), "removed": list(map(str, removed))})
    else:
        answer(f"{place.root}: {len(removed)} files of Footfall removed")


def _shared_engine(spool: Path, has_token: bool) -> Finding:
    from footfall_engine.doctor import Finding, State

    said = f"everybody's scripts ask the engine whose jobs are in {spool}, which each of them has to be able to read"
    return Finding(
        "all users", State.WARNING, said + ("; its token is in footfall.json for all to read" if has_token else "")
    )


def _tell_checks(
    facts: dict[str, Any], checks: list[Finding], scripts: list[str], title: str, clicks: str, as_json: bool
) -> None:
    from footfall_engine.doctor import State

    good = all(check.state is not State.BROKEN for check in checks)
    if as_json:
        answer_json({**facts, "actions": scripts, "checks": _as_json(checks), "good": good})
    else:
        answer_table(["", "", ""], [[check.name, check.state.value, check.said] for check in checks], title)
        answer(clicks if good else "Something is broken, see above; `footfall doctor` tells more.")
    if not good:
        raise typer.Exit(1)


def _as_json(checks: list[Finding]) -> list[dict[str, str]]:
    return [{"name": check.name, "state": check.state.value, "said": check.said} for check in checks]


def this_machine() -> Machine:
    from footfall_engine.hosts.reaper import Machine
    from footfall_engine.hosts.running import running

    # A Mac's program lies three folders down in REAPER.app, beside which a portable one has its settings.
    programs = tuple(place for process in running("reaper") if process.program for place in process.program.parents[:4])
    return Machine(platform.system(), Path.home(), os.environ, programs)


def refuse_while_running(force: bool) -> None:
    """REAPER keeps its action list in memory and writes it when it quits: over ours, if we wrote it meanwhile."""
    from footfall_engine.hosts.running import running

    processes = running("reaper")
    if processes and not force:
        raise HostRunning(
            f"REAPER is running (process {processes[0].pid}) and writes its action list when it quits. Quit REAPER, "
            "then run this again (--force does it all the same)"
        )


def _facts(resource: Resource, plan: Plan) -> dict[str, Any]:
    return {
        "resource": str(resource.folder),
        "scripts": str(resource.scripts),
        "removed": [str(change.file) for change in plan.changes if change.to is None],
        "lost_shortcuts": list(plan.lost_shortcuts),
    }


def _tell_installed(told: list[dict[str, Any]], actions: list[str], as_json: bool) -> None:
    from footfall_engine.doctor import State

    good = all(check.state is not State.BROKEN for facts in told for check in facts["checks"])
    if as_json:
        for facts in told:
            facts["checks"] = _as_json(facts["checks"])
        answer_json({"folders": told, "actions": actions, "good": good})
    else:
        for facts in told:
            answer_table(
                ["", "", ""],
                [[check.name, check.state.value, check.said] for check in facts["checks"]],
                f"REAPER in {facts['resource']}",
            )
            _tell_lost_shortcuts(facts)
        answer(FIRST_CLICKS if good else "Something is broken, see above; `footfall doctor` tells more.")
    if not good:
        raise typer.Exit(1)


def _tell_lost_shortcuts(facts: dict[str, Any]) -> None:
    for line in facts["lost_shortcuts"]:
        say(f"note: this shortcut leads nowhere now: {line}")
