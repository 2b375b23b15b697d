"""Tracks and items."""

from __future__ import annotations

from typing import Any

from tests.fakes.reaper.model import Item, Project, Source, Track
from tests.fakes.reaper.table import Misuse, changes, reaper
from tests.fakes.reaper.values import Text, at, get_set_string, number_of

FIXED_LANES = 2  # I_FREEMODE
PLAYS_ALONE = 1  # C_LANEPLAYS


# Tracks


@reaper
def CountTracks(host: Any, project: Project) -> int:
    return len(project.tracks)


@reaper
def GetNumTracks(host: Any) -> int:
    return len(host.current.tracks)


@reaper
def GetTrack(host: Any, project: Project, index: int) -> Track | None:
    return at(project.tracks, index)


@reaper
def GetMasterTrack(host: Any, project: Project) -> Track:
    return project.master


@reaper
def GetTrackGUID(host: Any, track: Track) -> str:
    return track.guid


@reaper
def GetTrackName(host: Any, track: Track) -> Text:
    return True, track.name or f"Track {track.number}"


@reaper
def GetLastTouchedTrack(host: Any) -> Track | None:
    return next(iter(selected_tracks(host.current)), None)


@reaper
def GetParentTrack(host: Any, track: Track) -> None:
    return None


@reaper
def CountSelectedTracks(host: Any, project: Project) -> int:
    return len(selected_tracks(project))


@reaper
def GetSelectedTrack(host: Any, project: Project, index: int) -> Track | None:
    return at(selected_tracks(project), index)


@reaper
def CountSelectedTracks2(host: Any, project: Project, with_master: bool) -> int:
    return len(selected_tracks(project, with_master))


@reaper
def GetSelectedTrack2(host: Any, project: Project, index: int, with_master: bool) -> Track | None:
    return at(selected_tracks(project, with_master), index)


@reaper
def IsTrackVisible(host: Any, track: Track, in_mixer: bool) -> bool:
    return bool(track.value("B_SHOWINMIXER" if in_mixer else "B_SHOWINTCP"))


@reaper
def IsTrackSelected(host: Any, track: Track) -> bool:
    return bool(track.value("I_SELECTED"))


@reaper
def SetTrackSelected(host: Any, track: Track, selected: bool) -> None:
    track.set_value("I_SELECTED", selected)


@reaper
def SetOnlyTrackSelected(host: Any, track: Track) -> None:
    for other in track.project.tracks:
        other.set_value("I_SELECTED", other is track)


def selected_tracks(project: Project, with_master: bool = False) -> list[Track]:
    asked = [project.master, *project.tracks] if with_master else project.tracks
    return [track for track in asked if track.value("I_SELECTED")]


@changes
def InsertTrackAtIndex(host: Any, index: int, wants_defaults: bool) -> None:
    InsertTrackInProject(host, host.current, index, int(wants_defaults))


@changes
def InsertTrackInProject(host: Any, project: Project, index: int, flags: int) -> None:
    project.add_track(index=max(0, min(index, len(project.tracks))))


@changes
def DeleteTrack(host: Any, track: Track) -> None:
    track.project.tracks.remove(track)
    track.free()


@reaper
def GetMediaTrackInfo_Value(host: Any, track: Track, key: str) -> float:
    computed = {
        "IP_TRACKNUMBER": lambda: -1 if track is track.project.master else track.number,
        "I_NUMFIXEDLANES": lambda: 1 + max((item.value("I_FIXEDLANE") for item in track.items), default=0),
    }
    return computed[key]() if key in computed else number_of(track, key)


@changes
def SetMediaTrackInfo_Value(host: Any, track: Track, key: str, value: float) -> bool:
    if key == "I_FREEMODE" and value == FIXED_LANES and host.strict.version < (7, 0):
        raise Misuse("SetMediaTrackInfo_Value: I_FREEMODE=2 (fixed lanes) came with REAPER 7")
    if key == "I_FREEMODE":
        host.timeline_is_stale = True
    if key.startswith("C_LANEPLAYS:") and value == PLAYS_ALONE:
        for other in [key for key in track.values if key.startswith("C_LANEPLAYS:")]:
            track.set_value(other, 0)
    track.set_value(key, value)
    return True


@changes
def GetSetMediaTrackInfo_String(host: Any, track: Track, key: str, text: str, is_set: bool) -> Text:
    """Lanes have names on tracks with fixed lanes only, the master has none at all."""
    nameless = key == "P_NAME" and track is track.project.master
    if nameless or (key.startswith("P_LANENAME:") and track.value("I_FREEMODE") != FIXED_LANES):
        return False, ""
    return get_set_string(track, key, text, is_set)


# Items


@reaper
def CountMediaItems(host: Any, project: Project) -> int:
    return len(project.items)


@reaper
def GetMediaItem(host: Any, project: Project, index: int) -> Item | None:
    return at(project.items, index)


@reaper
def CountSelectedMediaItems(host: Any, project: Project) -> int:
    return len(project.selected_items)


@reaper
def GetSelectedMediaItem(host: Any, project: Project, index: int) -> Item | None:
    return at(project.selected_items, index)


@reaper
def CountTrackMediaItems(host: Any, track: Track) -> int:
    return len(track.items)


@reaper
def GetTrackNumMediaItems(host: Any, track: Track) -> int:
    return len(track.items)


@reaper
def GetTrackMediaItem(host: Any, track: Track, index: int) -> Item | None:
    return at(track.ordered, index)


@reaper
def GetMediaItem_Track(host: Any, item: Item) -> Track:
    return item.track


@reaper
def GetMediaItemTrack(host: Any, item: Item) -> Track:
    return item.track


@reaper
def GetItemProjectContext(host: Any, item: Item) -> Project:
    return item.project


@reaper
def IsMediaItemSelected(host: Any, item: Item) -> bool:
    return item.selected


@reaper
def SetMediaItemSelected(host: Any, item: Item, selected: bool) -> None:
    item.selected = selected


@reaper
def SelectAllMediaItems(host: Any, project: Project, selected: bool) -> None:
    for item in project.items:
        item.selected = selected


@changes
def AddMediaItemToTrack(host: Any, track: Track) -> Item:
    item = Item(track)
    track.items.append(item)
    return item


@changes
def DeleteTrackMediaItem(host: Any, track: Track, item: Item) -> bool:
    if item not in track.items:
        return False
    track.items.remove(item)
    item.free()
    return True


@changes
def MoveMediaItemToTrack(host: Any, item: Item, track: Track) -> bool:
    item.track.items.remove(item)
    track.items.append(item)
    item.track = track
    return True


@changes
def SplitMediaItem(host: Any, item: Item, position: float) -> Item | None:
    """The right part is a new item with new take GUIDs; names and P_EXT are copied with the takes."""
    if not item.position < position < item.end:
        return None
    right = AddMediaItemToTrack(host, item.track)
    right.values = {**item.values, "D_POSITION": position, "D_LENGTH": item.end - position}
    right.strings = dict(item.strings)
    for take in item.lanes:
        if take is None:
            right.lanes.append(None)
            continue
        twin = right.add_take(copied(take.source))
        later = take.start_offset + (position - item.position) * take.rate
        twin.values, twin.strings = {**take.values, "D_STARTOFFS": later}, dict(take.strings)
        twin.markers, twin.stretch_markers = list(take.markers), list(take.stretch_markers)
    item.set_value("D_LENGTH", position - item.position)
    return right


def copied(source: Source | None) -> Source | None:
    if source is None:
        return None
    twin = Source(source.kind, source.path, source.length, source.rate, source.channels)
    twin.parent, twin.offset, twin.reversed = copied(source.parent), source.offset, source.reversed
    return twin


@reaper
def GetMediaItemInfo_Value(host: Any, item: Item, key: str) -> float:
    if key == "IP_ITEMNUMBER":
        return item.track.ordered.index(item)
    if key == "C_LANEPLAYS" and item.track.value("I_FREEMODE") == FIXED_LANES:
        return item.track.value(f"C_LANEPLAYS:{int(item.value('I_FIXEDLANE'))}")
    return number_of(item, key)


@changes
def SetMediaItemInfo_Value(host: Any, item: Item, key: str, value: float) -> bool:
    if key == "I_CURTAKE" and not 0 <= value < len(item.lanes):
        raise Misuse(f"SetMediaItemInfo_Value: I_CURTAKE {value} of an item with {len(item.lanes)} takes")
    item.set_value(key, value)
    return True


@changes
def SetMediaItemPosition(host: Any, item: Item, position: float, refresh: bool) -> bool:
    item.set_value("D_POSITION", position)
    return True


@changes
def SetMediaItemLength(host: Any, item: Item, length: float, refresh: bool) -> bool:
    item.set_value("D_LENGTH", length)
    return True


@changes
def GetSetMediaItemInfo_String(host: Any, item: Item, key: str, text: str, is_set: bool) -> Text:
    return get_set_string(item, key, text, is_set)


@reaper
def UpdateItemInProject(host: Any, item: Item) -> None: ...


@reaper
def UpdateItemLanes(host: Any, project: Project) -> bool:
    return True
