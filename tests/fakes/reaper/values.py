"""What tracks, items and takes have in common: numbers and texts under parameter names, and being pointers."""

from __future__ import annotations

from typing import Any

from tests.fakes.reaper.model import Pointer, Project, Valued, new_guid
from tests.fakes.reaper.table import Misuse, reaper

Text = tuple[bool, str]


def at(things: list, index: int) -> Any:
    return things[index] if 0 <= index < len(things) else None


def number_of(thing: Valued, key: str) -> float:
    if key.startswith("P_"):
        raise Misuse(f"{key} is a pointer, which no …Info_Value gives to Lua")
    return thing.value(key)


def get_set_string(thing: Valued, key: str, text: str, is_set: bool) -> Text:
    """An unset P_EXT answers false; setting it to nothing removes it."""
    if key == "GUID":
        if is_set:
            thing.guid = text or new_guid()
        return True, thing.guid
    if is_set:
        if "\n" in text or "\r" in text:
            raise Misuse(f"{key}: a line break is not known to survive in a project file")
        thing.strings[key] = text
        if not text and key.startswith("P_EXT:"):
            del thing.strings[key]
        return True, text
    if key.startswith("P_EXT:"):
        return key in thing.strings, thing.strings.get(key, "")
    return True, thing.strings.get(key, "")


@reaper
def ValidatePtr2(host: Any, project: Project, pointer: Pointer, kind: str) -> bool:
    if not kind.endswith("*"):
        raise Misuse(f"ValidatePtr2: the type is {pointer.lua_type}*, not {kind}")
    if pointer.gone or kind != pointer.lua_type + "*":
        return False
    if isinstance(pointer, Project):
        return pointer in host.projects
    return getattr(pointer, "project", project) is project


@reaper
def ValidatePtr(host: Any, pointer: Pointer, kind: str) -> bool:
    return ValidatePtr2(host, host.current, pointer, kind)
