"""After an installation: is everything where it has to be, and does it answer?"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from footfall_bridge.errors import FootfallError
from footfall_bridge.spool import Spool

from footfall_engine.doctor import Finding, State, write_problem
from footfall_engine.hosts import reaper, resolve
from footfall_engine.hosts.reaper import Contact, Resource
from footfall_engine.hosts.resolve_python import Python, import_problem

ANSWER_SECONDS = 60  # a cold start from a slow disk


def check_reaper(resource: Resource, source: Path, contact: Contact) -> list[Finding]:
    """What a user would otherwise find out in REAPER."""
    if reaper.has_reapack_copy(resource):
        found = [*_reapack(resource, contact), *_config(resource.from_reapack, contact)]
    else:
        found = [*_files(resource, source), *_actions(resource, source), *_config(resource.scripts, contact)]
    return [*found, *_engine(contact), *_spool(contact)]


def check_resolve(
    place: resolve.Place, source: Path, contact: Contact, link: bool, python: Python | None
) -> list[Finding]:
    """What a user would otherwise find out in Resolve; `python` is what it runs scripts with."""
    files = _resolve_files(place, source, link, python)
    return [*files, *_config(place.own, contact), *_engine(contact), *_spool(contact)]


def _resolve_files(place: resolve.Place, source: Path, link: bool, python: Python | None) -> Iterator[Finding]:
    files = resolve.contents(place, source, link)
    wrong = [name for name, content in files.items() if not resolve.is_there(place, name, content)]
    if wrong or not resolve.entry_names(source):
        yield Finding("scripts", State.BROKEN, f"missing or different: {', '.join(wrong) or 'all of them'}")
    elif python is not None and (problem := import_problem(python, place.own, resolve.LIBRARY)):
        yield Finding("scripts", State.BROKEN, f"{python} cannot load {place.own / resolve.LIBRARY}: {problem}")
    else:
        yield Finding("scripts", State.GOOD, f"{len(resolve.entry_names(source))} in {place.menu}")


def _files(resource: Resource, source: Path) -> Iterator[Finding]:
    names = reaper.script_names(source)
    wrong = [name for name in names if not reaper.is_same(resource.scripts / name, source / name)]
    if wrong or not names:
        yield Finding("scripts", State.BROKEN, f"missing or different: {', '.join(wrong) or 'all of them'}")
    else:
        yield Finding("scripts", State.GOOD, f"{len(names)} files in {resource.scripts}")


def _actions(resource: Resource, source: Path) -> Iterator[Finding]:
    ids = reaper.registered_ids(reaper.read(resource.action_list))
    names = reaper.action_names(source)
    missing = [name for name in names if reaper.command_id(name) not in ids]
    if missing:
        yield Finding("actions", State.BROKEN, f"not in {resource.action_list}: {', '.join(missing)}")
    else:
        yield Finding("actions", State.GOOD, f"{len(names)} in {resource.action_list}")


def _reapack(resource: Resource, contact: Contact) -> Iterator[Finding]:
    scripts = sorted(resource.from_reapack.glob(reaper.ACTION_PREFIX + "*.lua"))
    same = all(f"@version {contact.version}".encode() in reaper.read(script) for script in scripts)
    said = f"{len(scripts)} files from ReaPack in {resource.from_reapack}"
    if same:
        yield Finding("scripts", State.GOOD, said)
    else:
        yield Finding(
            "scripts", State.WARNING, f"{said}, of another version than {contact.version}: let ReaPack update"
        )


def _config(folder: Path, contact: Contact) -> Iterator[Finding]:
    file = folder / reaper.CONFIG
    try:
        told = json.loads(reaper.read(file))
        good = {key: told.get(key) for key in contact.as_json()} == contact.as_json()
    except (ValueError, AttributeError, FootfallError):
        good = False
    yield Finding("contact", State.GOOD if good else State.BROKEN, str(file) if good else f"{file} is not as written")


def _engine(contact: Contact) -> Iterator[Finding]:
    command = [*contact.command[:-1], "--version"]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=ANSWER_SECONDS, stdin=subprocess.DEVNULL
        )
        said = (result.stdout + result.stderr).strip().splitlines()
    except (OSError, subprocess.SubprocessError) as error:
        said, result = [str(error)], None
    if result is not None and said and contact.version in said[0]:
        yield Finding("engine", State.GOOD, f"{said[0]}, started with {' '.join(contact.command)}")
    else:
        yield Finding("engine", State.BROKEN, f"{' '.join(command)} says: {said[-1] if said else 'nothing'}")


def _spool(contact: Contact) -> Iterator[Finding]:
    try:
        Spool(contact.spool).make()
        problem = write_problem(contact.spool / "inbox")
    except FootfallError as error:
        problem = error.message
    yield Finding("spool", State.BROKEN if problem else State.GOOD, problem or str(contact.spool))
