"""What a REAPER session holds: projects, tracks, items, takes, sources, markers. Times in seconds, as REAPER's doubles.

Only what Footfall meets is modelled, and where REAPER's behaviour is not known for certain the unfriendly reading is
taken: after an undo all item and take pointers are stale, new items loop their source, recording paths need not exist.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

UNTITLED = ""


def new_guid() -> str:
    return "{" + str(uuid.uuid4()).upper() + "}"


class Pointer:
    """What Lua holds as userdata; `gone` once REAPER has freed it."""

    lua_type = ""
    gone = False
    project: Project

    def free(self) -> None:
        self.gone = True


class Valued(Pointer):
    """Has numbers under parameter names, strings under others, and a GUID."""

    defaults: ClassVar[dict[str, float]] = {}

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self.strings: dict[str, str] = {}
        self.guid = new_guid()

    def value(self, key: str) -> float:
        return self.values.get(key, self.defaults.get(key, 0.0))

    def set_value(self, key: str, value: float) -> None:
        self.values[key] = float(value)

    @property
    def name(self) -> str:
        return self.strings.get("P_NAME", "")

    @name.setter
    def name(self, name: str) -> None:
        self.strings["P_NAME"] = name


class Source(Pointer):
    """A PCM source: a media file, or a SECTION that shows a part of its parent. Owned by one take at most."""

    lua_type = "PCM_source"

    def __init__(self, kind: str, path: Path | None, length: float, rate: float, channels: int) -> None:
        self.kind, self.path, self.length, self.rate, self.channels = kind, path, length, rate, channels
        self.parent: Source | None = None
        self.offset, self.reversed = 0.0, False
        self.owner: Take | None = None
        self.peaks_missing, self.peaks_left = path is not None, 0

    @classmethod
    def section(cls, parent: Source, offset: float, length: float, reversed: bool = False) -> Source:
        section = cls("SECTION", None, length, parent.rate, parent.channels)
        section.parent, section.offset, section.reversed = parent, offset, reversed
        return section

    @property
    def root(self) -> Source:
        return self.parent.root if self.parent else self

    def free(self) -> None:
        super().free()
        if self.parent:
            self.parent.free()


class Take(Valued):
    lua_type = "MediaItem_Take"
    defaults: ClassVar = {"D_VOL": 1.0, "D_PLAYRATE": 1.0, "B_PPITCH": 1.0, "D_PANLAW": -1.0}

    def __init__(self, item: Item) -> None:
        super().__init__()
        self.item = item
        self.source: Source | None = None
        self.stretch_markers: list[tuple[float, float]] = []  # (position in the take, position in the source)
        self.markers: list[tuple[float, str, int]] = []  # (position in the source, name, colour)

    @property
    def project(self) -> Project:  # type: ignore[override]
        return self.item.project

    @property
    def start_offset(self) -> float:
        return self.value("D_STARTOFFS")

    @property
    def rate(self) -> float:
        return self.value("D_PLAYRATE")

    @property
    def ext(self) -> dict[str, str]:
        return {key[6:]: text for key, text in self.strings.items() if key.startswith("P_EXT:")}

    def set_source(self, source: Source | None) -> None:
        if self.source:
            self.source.owner = None
        self.source = source
        if source:
            source.owner = self

    def free(self) -> None:
        super().free()
        if self.source:
            self.source.free()


class Item(Valued):
    lua_type = "MediaItem"
    defaults: ClassVar = {"D_VOL": 1.0, "B_LOOPSRC": 1.0, "C_BEATATTACHMODE": -1.0, "F_FREEMODE_H": 1.0}

    def __init__(self, track: Track) -> None:
        super().__init__()
        self.track = track
        self.lanes: list[Take | None] = []  # None: an empty take lane

    @property
    def project(self) -> Project:  # type: ignore[override]
        return self.track.project

    @property
    def position(self) -> float:
        return self.value("D_POSITION")

    @property
    def length(self) -> float:
        return self.value("D_LENGTH")

    @property
    def end(self) -> float:
        return self.position + self.length

    @property
    def selected(self) -> bool:
        return bool(self.value("B_UISEL"))

    @selected.setter
    def selected(self, selected: bool) -> None:
        self.set_value("B_UISEL", selected)

    @property
    def active_take(self) -> Take | None:
        return self.lanes[int(self.value("I_CURTAKE"))] if self.lanes else None

    @property
    def takes(self) -> list[Take]:
        return [take for take in self.lanes if take]

    def add_take(self, source: Source | None = None, **values: float) -> Take:
        take = Take(self)
        take.values.update(values)
        take.set_source(source)
        self.lanes.append(take)
        return take

    def free(self) -> None:
        super().free()
        for take in self.takes:
            take.free()


class Track(Valued):
    lua_type = "MediaTrack"
    defaults: ClassVar = {
        "D_VOL": 1.0,
        "D_WIDTH": 1.0,
        "I_NCHAN": 2.0,
        "B_MAINSEND": 1.0,
        "B_SHOWINTCP": 1.0,
        "B_SHOWINMIXER": 1.0,
    }

    def __init__(self, project: Project) -> None:
        super().__init__()
        self.project = project
        self.items: list[Item] = []

    @property
    def ordered(self) -> list[Item]:
        return sorted(self.items, key=lambda item: item.position)

    @property
    def number(self) -> int:
        return self.project.tracks.index(self) + 1

    def add_item(
        self,
        source: Source | None = None,
        position: float = 0.0,
        length: float | None = None,
        *,
        start_offset: float = 0.0,
        rate: float = 1.0,
        loop: bool = False,
        selected: bool = False,
    ) -> Item:
        """An item with one take, as a user drops a file; without a length it shows the source to its end."""
        item = Item(self)
        if length is None:
            length = (source.length - start_offset) / rate if source else 1.0
        item.values.update(D_POSITION=position, D_LENGTH=length, B_LOOPSRC=float(loop), B_UISEL=float(selected))
        item.add_take(source, D_STARTOFFS=start_offset, D_PLAYRATE=rate)
        self.items.append(item)
        return item

    def free(self) -> None:
        super().free()
        for item in self.items:
            item.free()


class Marker(Pointer):
    lua_type = "ProjectMarker"

    def __init__(self, project: Project, number: int, start: float, end: float | None, name: str, colour: int) -> None:
        self.project, self.number, self.start, self.end = project, number, start, end
        self.name, self.colour, self.guid = name, colour, new_guid()

    @property
    def is_region(self) -> bool:
        return self.end is not None


class Contents:
    """The part of a project that undo brings back."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self.markers: list[Marker] = []


class Project(Pointer):
    lua_type = "ReaProject"

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.contents = Contents()
        self.master = Track(self)
        self.sample_rate, self.uses_sample_rate = 48_000, True
        self.frame_rate, self.drop_frame = 30.0, False
        self.offset = 0.0  # project time of the ruler's zero: the timecode at 0 is the offset
        self.record_path = "Media"
        self.ext: dict[tuple[str, str], str] = {}
        self.cursor = 0.0
        self.time_selection = self.loop = (0.0, 0.0)
        self.dirty = False
        self.changes = 0
        self.undo_depth = 0
        self.undo_points: list[tuple[str, Contents]] = [("", self.snapshot())]
        self.undo_at = 0

    @property
    def project(self) -> Project:  # type: ignore[override]
        return self

    @property
    def name(self) -> str:
        return self.path.name if self.path else UNTITLED

    @property
    def tracks(self) -> list[Track]:
        return self.contents.tracks

    @property
    def markers(self) -> list[Marker]:
        return sorted(self.contents.markers, key=lambda marker: marker.start)

    @property
    def items(self) -> list[Item]:
        return [item for track in self.tracks for item in track.ordered]

    @property
    def takes(self) -> Iterator[Take]:
        return (take for item in self.items for take in item.takes)

    @property
    def selected_items(self) -> list[Item]:
        return [item for item in self.items if item.selected]

    def add_track(self, name: str = "", index: int | None = None) -> Track:
        track = Track(self)
        track.name = name
        self.tracks.insert(len(self.tracks) if index is None else index, track)
        return track

    def add_marker(
        self, start: float, name: str = "", *, end: float | None = None, number: int = -1, colour: int = 0
    ) -> Marker:
        taken = {marker.number for marker in self.contents.markers if marker.is_region == (end is not None)}
        if number < 0 or number in taken:
            number = next(n for n in range(1, len(taken) + 2) if n not in taken)
        marker = Marker(self, number, start, end, name, colour)
        self.contents.markers.append(marker)
        return marker

    def add_region(self, start: float, end: float, name: str = "") -> Marker:
        return self.add_marker(start, name, end=end)

    def free(self) -> None:
        super().free()
        for pointer in [*self.tracks, *self.contents.markers, self.master]:
            pointer.free()

    # Undo: a list of whole contents, each named after what led to it.

    def snapshot(self) -> Contents:
        return copy.deepcopy(self.contents, {id(self): self})

    def add_undo_point(self, name: str) -> None:
        self.undo_points[self.undo_at + 1 :] = [(name, self.snapshot())]
        self.undo_at += 1
        self.dirty = True

    @property
    def undo_name(self) -> str | None:
        return self.undo_points[self.undo_at][0] if self.undo_at else None

    @property
    def redo_name(self) -> str | None:
        return self.undo_points[self.undo_at + 1][0] if self.undo_at + 1 < len(self.undo_points) else None

    def step_in_history(self, steps: int) -> None:
        self.undo_at += steps
        living = {track.guid: track for track in self.tracks}
        for pointer in [*self.items, *self.contents.markers]:
            pointer.free()
        self.contents = copy.deepcopy(self.undo_points[self.undo_at][1], {id(self): self})
        self.contents.tracks = [self.kept_alive(track, living) for track in self.tracks]
        for track in living.values():
            track.free() if track not in self.tracks else None

    @staticmethod
    def kept_alive(track: Track, living: dict[str, Track]) -> Track:
        """A track pointer survives undo as long as the track does."""
        if track.guid not in living:
            return track
        kept = living[track.guid]
        kept.__dict__.update(track.__dict__)
        for item in kept.items:
            item.track = kept
        return kept

    def facts(self) -> list[Any]:
        """Everything undo is about, as plain values: two equal lists are two equal projects."""
        return [
            [
                (track.guid, track.values, track.strings),
                [
                    (item.guid, item.values, item.strings, [take and take_facts(take) for take in item.lanes])
                    for item in track.ordered
                ],
            ]
            for track in self.tracks
        ] + [(m.number, m.start, m.end, m.name, m.colour) for m in self.markers]


def take_facts(take: Take) -> tuple:
    source = take.source
    shown = source and (source.kind, source.offset, source.length, source.reversed, source.root.path)
    return take.guid, take.values, take.strings, take.stretch_markers, take.markers, shown
