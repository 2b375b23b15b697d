"""Ext state: of projects, and of REAPER itself (`persist` keeps it over a restart)."""

from __future__ import annotations

from typing import Any

from tests.fakes.reaper.model import Project
from tests.fakes.reaper.table import Misuse, reaper
from tests.fakes.reaper.values import at


def checked(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise Misuse("ext state: a line break is not known to survive in the file")
    return text


def found(state: dict[tuple[str, str], str], section: str, key: str) -> tuple[str, str]:
    """Names are told apart without regard to case."""
    wanted = (section.lower(), key.lower())
    return next((names for names in state if (names[0].lower(), names[1].lower()) == wanted), (section, key))


@reaper
def SetProjExtState(host: Any, project: Project, section: str, key: str, value: str) -> int:
    """An empty value removes the key, an empty key the whole section."""
    for names in [names for names in project.ext if names[0].lower() == section.lower()]:
        if names[1].lower() == key.lower() or not key:
            del project.ext[names]
    if key and value:
        project.ext[section, key] = checked(value)
    project.dirty = True
    return len(value)


@reaper
def GetProjExtState(host: Any, project: Project, section: str, key: str) -> tuple[int, str]:
    value = project.ext.get(found(project.ext, section, key), "")
    return int(bool(value)), value


@reaper
def EnumProjExtState(host: Any, project: Project, section: str, index: int) -> tuple[bool, str, str]:
    pairs = [(names[1], value) for names, value in project.ext.items() if names[0].lower() == section.lower()]
    pair = at(pairs, index)
    return (True, *pair) if pair else (False, "", "")


@reaper
def SetExtState(host: Any, section: str, key: str, value: str, persist: bool) -> None:
    names = found(host.ext, section, key)
    host.ext[names] = checked(value) if persist else value
    if persist:
        host.persistent_ext.add(names)


@reaper
def GetExtState(host: Any, section: str, key: str) -> str:
    return host.ext.get(found(host.ext, section, key), "")


@reaper
def HasExtState(host: Any, section: str, key: str) -> bool:
    return found(host.ext, section, key) in host.ext


@reaper
def DeleteExtState(host: Any, section: str, key: str, persist: bool) -> None:
    names = found(host.ext, section, key)
    host.ext.pop(names, None)
    if persist:
        host.persistent_ext.discard(names)
