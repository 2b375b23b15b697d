"""Takes."""

from __future__ import annotations

from typing import Any

from tests.fakes.reaper.model import Item, Project, Source, Take, Track
from tests.fakes.reaper.table import Misuse, changes, reaper
from tests.fakes.reaper.values import Text, at, get_set_string, number_of


@reaper
def CountTakes(host: Any, item: Item) -> int:
    return len(item.lanes)


@reaper
def GetMediaItemNumTakes(host: Any, item: Item) -> int:
    return len(item.lanes)


@reaper
def GetTake(host: Any, item: Item, index: int) -> Take | None:
    return at(item.lanes, index)


@reaper
def GetMediaItemTake(host: Any, item: Item, index: int) -> Take | None:
    """-1 is the active take."""
    return item.active_take if index == -1 else at(item.lanes, index)


@reaper
def GetActiveTake(host: Any, item: Item) -> Take | None:
    return item.active_take


@changes
def SetActiveTake(host: Any, take: Take) -> None:
    take.item.set_value("I_CURTAKE", take.item.lanes.index(take))


@changes
def AddTakeToMediaItem(host: Any, item: Item) -> Take:
    return item.add_take()


def delete_active_takes(host: Any, project: Project) -> None:
    """The action of that name, on the selected items. Whether an empty lane stays depends on the user's settings."""
    for item in project.selected_items:
        take = item.active_take
        if take is None or len(item.takes) == 1:
            raise NotImplementedError("Take: Delete active take from items, of an item with one take or an empty lane")
        index = item.lanes.index(take)
        item.lanes[index : index + 1] = [None] if host.deleted_takes_leave_lanes else []
        item.set_value("I_CURTAKE", min(index, len(item.lanes) - 1))
        take.free()


def remove_empty_lanes(host: Any, project: Project) -> None:
    """The action "Item: Remove all empty take lanes", on the selected items."""
    for item in project.selected_items:
        active, item.lanes = item.active_take, list(item.takes)
        item.set_value("I_CURTAKE", item.lanes.index(active) if active else 0)


@reaper
def GetMediaItemTake_Item(host: Any, take: Take) -> Item:
    return take.item


@reaper
def GetMediaItemTake_Track(host: Any, take: Take) -> Track:
    return take.item.track


@reaper
def GetTakeName(host: Any, take: Take) -> str:
    return take.name


@reaper
def TakeIsMIDI(host: Any, take: Take) -> bool:
    return take.source is not None and take.source.kind == "MIDI"


@reaper
def GetMediaItemTakeByGUID(host: Any, project: Project, guid: str) -> Take | None:
    return next((take for take in project.takes if take.guid == guid), None)


@reaper
def GetMediaItemTakeInfo_Value(host: Any, take: Take, key: str) -> float:
    return take.item.lanes.index(take) if key == "IP_TAKENUMBER" else number_of(take, key)


@changes
def SetMediaItemTakeInfo_Value(host: Any, take: Take, key: str, value: float) -> bool:
    take.set_value(key, value)
    return True


@changes
def GetSetMediaItemTakeInfo_String(host: Any, take: Take, key: str, text: str, is_set: bool) -> Text:
    return get_set_string(take, key, text, is_set)


@changes
def SetMediaItemTake_Source(host: Any, take: Take, source: Source) -> bool:
    """Neither frees the old source nor touches the item's length."""
    if source.owner is not None and source.owner is not take:
        raise Misuse("SetMediaItemTake_Source: the source belongs to another take; both would free it")
    old = take.source
    take.set_source(source)
    if old is not None:
        host.loose_sources.append(old)
    if source in host.loose_sources:
        host.loose_sources.remove(source)
    return True
