"""DaVinci Resolve as the other modules see it: plain values in and out. The only file that touches Resolve.

Conventions
-----------
Frames are absolute (01:00:00:00 at 24 is 86400) and ranges [first, end) here, whatever Resolve counts from. Every
answer is checked: Resolve says nil or False where it fails, and never why.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, Iterator, NamedTuple

from . import frames
from .errors import ResolveError
from .frames import Range

BIN = "Footfall"
AUDIO_ONLY = 2
MARKER_COLOURS = ("Blue", "Cyan", "Green", "Yellow", "Red", "Pink", "Purple", "Fuchsia", "Rose", "Lavender", "Sky")

OLD = "This DaVinci Resolve ({}) has no {}. Footfall needs DaVinci Resolve 19.1 or newer; 20 or newer is better."
NO_PROJECT = (
    "No project is open in DaVinci Resolve, or it has a dialog open that keeps scripts from it. Open the project, "
    "close the dialog, and run the script again."
)
NO_TIMELINE = "No timeline is open. Open the timeline that is to get its sound, and run the script again."
BUSY = "DaVinci Resolve answers no script just now. Close the dialog that is open in it, then run the script again."


class Timeline(NamedTuple):
    id: str
    name: str
    rate: Fraction
    drop_frame: bool
    start: int
    end: int


class VideoItem(NamedTuple):
    """An item on a video track, as far as Resolve tells; None is what it does not tell."""

    name: str
    track: int
    start: int
    end: int
    enabled: bool
    has_media: bool  # generators, titles and transitions have none
    path: str
    kind: str
    clip_rate: Fraction | None
    clip_frames: int
    clip_start: int  # number of the clip's first frame: not 0 in a subclip
    clip_start_seconds: Fraction  # of the file's own timecode
    left_offset: Fraction | None  # frames of the timeline, of the clip as played
    source_start: int | None  # frames of the clip
    source_end: int | None
    source_seconds: Fraction | None  # between both


class AudioItem(NamedTuple):
    handle: Any
    name: str
    start: int
    end: int
    left_offset: Fraction
    path: str


class AudioTrack(NamedTuple):
    index: int
    name: str
    format: str
    enabled: bool
    locked: bool


class Marker(NamedTuple):
    frame: int
    duration: int
    name: str
    note: str
    data: str


class Recording(NamedTuple):
    """A recording in the media pool, which keeps the project's rate of its import."""

    handle: Any
    rate: Fraction
    frames: int


class Host:
    """The running Resolve: its open project and, of that, the current timeline."""

    def __init__(self, resolve: Any) -> None:
        self._resolve = resolve
        self.product = str(self._resolve.GetProductName() or "DaVinci Resolve")
        self.version = str(self._resolve.GetVersionString() or "?")

    @property
    def is_studio(self) -> bool:
        return "Studio" in self.product

    # ---- asking

    def _ask(self, thing: Any, name: str, *given: Any) -> Any:
        """What Resolve answers; ResolveError when this version has no such call."""
        method = getattr(thing, name, None)
        if method is None:
            raise ResolveError("resolve_too_old", OLD.format(self.version, name))
        return method(*given)

    def _demand(self, problem: str, thing: Any, name: str, *given: Any) -> Any:
        """The same where nil and False are failures; `problem` is what the user is told then."""
        answer = self._ask(thing, name, *given)
        if answer:
            return answer
        if not self._ask(self._resolve, "GetProjectManager") or not self._manager_answers():
            raise ResolveError("resolve_busy", f"{problem} {BUSY}")
        raise ResolveError("resolve_refused", problem)

    def _manager_answers(self) -> bool:
        manager = self._ask(self._resolve, "GetProjectManager")
        return bool(self._ask(manager, "GetCurrentProject"))

    # ---- the project

    def _project(self) -> Any:
        manager = self._ask(self._resolve, "GetProjectManager")
        project = self._ask(manager, "GetCurrentProject") if manager else None
        if not project:
            raise ResolveError("no_project", NO_PROJECT)
        return project

    def _pool(self) -> Any:
        return self._demand("The project's media pool cannot be reached.", self._project(), "GetMediaPool")

    def project(self) -> dict[str, str]:
        project = self._project()
        return {"id": str(self._ask(project, "GetUniqueId") or ""), "name": str(self._ask(project, "GetName") or "")}

    def project_rate(self) -> Fraction:
        """What a recording imported now is counted at."""
        return frames.rate_of(self._ask(self._project(), "GetSetting", "timelineFrameRate"))

    # ---- the timeline

    def _timeline(self) -> Any:
        timeline = self._ask(self._project(), "GetCurrentTimeline")
        if not timeline:
            raise ResolveError("no_timeline", NO_TIMELINE)
        return timeline

    def timeline(self) -> Timeline:
        timeline = self._timeline()
        setting = self._ask(timeline, "GetSetting", "timelineFrameRate")
        try:
            rate = frames.rate_of(setting)
        except ValueError:
            raise ResolveError("bad_rate", f"Resolve gives {setting!r} as the timeline's frame rate.") from None
        drops = str(self._ask(timeline, "GetSetting", "timelineDropFrameTimecode")) == "1"
        timecode = str(self._ask(timeline, "GetStartTimecode") or "")
        return Timeline(
            id=str(self._ask(timeline, "GetUniqueId") or ""),
            name=str(self._ask(timeline, "GetName") or ""),
            rate=rate,
            drop_frame=drops or frames.is_drop_frame(setting) or ";" in timecode,
            start=_whole(self._ask(timeline, "GetStartFrame"), "the timeline's first frame"),
            end=_whole(self._ask(timeline, "GetEndFrame"), "the timeline's last frame"),
        )

    def marks(self) -> tuple[int | None, int | None]:
        """(first frame, end) between the marks; None on a side that has none. Resolve's last frame is part of it."""
        timeline = self._timeline()
        if getattr(timeline, "GetMarkInOut", None) is None:
            return None, None  # before Resolve 19.1
        told = self._ask(timeline, "GetMarkInOut") or {}
        marks = told.get("video") or told.get("audio") or {}
        start = _whole(self._ask(timeline, "GetStartFrame"), "the timeline's first frame")
        first, last = marks.get("in"), marks.get("out")
        return (None if first is None else start + int(first)), (None if last is None else start + int(last) + 1)

    def playhead(self) -> int | None:
        """Frame that is shown; None on pages that show no timeline."""
        facts = self.timeline()
        timecode = self._ask(self._timeline(), "GetCurrentTimecode")
        return frames.frame_of(str(timecode), facts.rate) if timecode else None

    # ---- pictures

    def video_items(self, span: Range) -> list[VideoItem]:
        """Items on the enabled video tracks that share a frame with a span, track by track from below."""
        timeline = self._timeline()
        found = []
        for index in range(1, int(self._ask(timeline, "GetTrackCount", "video") or 0) + 1):
            if self._ask(timeline, "GetIsTrackEnabled", "video", index):
                listed = self._ask(timeline, "GetItemListInTrack", "video", index) or []
                found += [self._video_item(item, index) for item in listed if self._lies_in(item, span)]
        return found

    def _lies_in(self, item: Any, span: Range) -> bool:
        """Asked of every item of a track, so with few calls."""
        if _whole(self._ask(item, "GetStart"), "where an item starts") >= span[1]:
            return False
        return _whole(self._ask(item, "GetEnd"), "where an item ends") > span[0]

    def _span(self, item: Any) -> Range:
        start = _whole(self._ask(item, "GetStart"), "where an item starts")
        return start, _whole(self._ask(item, "GetEnd"), "where an item ends")

    def current_item(self) -> VideoItem | None:
        """The clip under the playhead; None where there is none, or the page shows none."""
        item = self._ask(self._timeline(), "GetCurrentVideoItem")
        if not item:
            return None
        told = self._ask(item, "GetTrackTypeAndIndex") or ["video", 0]
        return self._video_item(item, int(told[1]))

    def _video_item(self, item: Any, track: int) -> VideoItem:
        clip = self._ask(item, "GetMediaPoolItem")
        told = (self._ask(clip, "GetClipProperty") or {}) if clip else {}
        rate = _rate_or_none(told.get("FPS"))
        times = [_fraction(self._ask(item, name)) for name in ("GetSourceStartTime", "GetSourceEndTime") if clip]
        start, end = self._span(item)
        return VideoItem(
            name=str(self._ask(item, "GetName") or told.get("Clip Name") or "an item without a name"),
            track=track,
            start=start,
            end=end,
            enabled=self._ask(item, "GetClipEnabled") is not False,
            has_media=bool(clip),
            path=str(told.get("File Path") or ""),
            kind=str(told.get("Type") or ""),
            clip_rate=rate,
            clip_frames=int(_fraction(told.get("Frames")) or 0),
            clip_start=int(_fraction(told.get("Start")) or 0),
            clip_start_seconds=_seconds_of(told.get("Start TC"), rate),
            left_offset=_fraction(self._exactly(item, "GetLeftOffset")),
            source_start=_whole_or_none(self._ask(item, "GetSourceStartFrame")) if clip else None,
            source_end=_whole_or_none(self._ask(item, "GetSourceEndFrame")) if clip else None,
            source_seconds=times[1] - times[0] if len(times) == 2 and None not in times else None,  # type: ignore
        )

    def _exactly(self, item: Any, name: str) -> Any:
        """With parts of frames, where this version tells them."""
        try:
            answer = self._ask(item, name, True)
        except TypeError:
            answer = None
        return self._ask(item, name) if answer is None else answer

    # ---- audio tracks

    def audio_tracks(self) -> list[AudioTrack]:
        timeline = self._timeline()
        count = int(self._ask(timeline, "GetTrackCount", "audio") or 0)
        return [self._audio_track(timeline, index) for index in range(1, count + 1)]

    def _audio_track(self, timeline: Any, index: int) -> AudioTrack:
        return AudioTrack(
            index=index,
            name=str(self._ask(timeline, "GetTrackName", "audio", index) or ""),
            format=str(self._ask(timeline, "GetTrackSubType", "audio", index) or "").lower(),
            enabled=bool(self._ask(timeline, "GetIsTrackEnabled", "audio", index)),
            locked=bool(self._ask(timeline, "GetIsTrackLocked", "audio", index)),
        )

    def audio_items(self, index: int, span: Range | None = None) -> list[AudioItem]:
        """Items on an audio track, in the order of time; those that share a frame with a span, if one is given."""
        found = []
        for item in self._ask(self._timeline(), "GetItemListInTrack", "audio", index) or []:
            if span is None or self._lies_in(item, span):
                found.append(self._audio_item(item))
        return found

    def _audio_item(self, item: Any) -> AudioItem:
        start, end = self._span(item)
        clip = self._ask(item, "GetMediaPoolItem")
        return AudioItem(
            handle=item,
            name=str(self._ask(item, "GetName") or ""),
            start=start,
            end=end,
            left_offset=_fraction(self._exactly(item, "GetLeftOffset")) or Fraction(0),
            path=str(self._ask(clip, "GetClipProperty", "File Path") or "") if clip else "",
        )

    def add_stereo_track(self, name: str) -> int:
        """Index of a new last audio track; asked for by name, as Resolve's own choice is mono."""
        timeline = self._timeline()
        before = int(self._ask(timeline, "GetTrackCount", "audio") or 0)
        problem = f"Resolve did not add the stereo track '{name}'."
        self._demand(problem, timeline, "AddTrack", "audio", "stereo")
        index = int(self._ask(timeline, "GetTrackCount", "audio") or 0)
        found = str(self._ask(timeline, "GetTrackSubType", "audio", index)).lower()
        if index != before + 1 or found != "stereo":
            raise ResolveError("resolve_refused", f"{problem} It has {index} tracks, the last is {found}.")
        named = f"Resolve did not name the audio track {index} '{name}'."
        self._demand(named, timeline, "SetTrackName", "audio", index, name)
        return index

    def enable_track(self, index: int, enabled: bool) -> None:
        timeline = self._timeline()
        self._ask(timeline, "SetTrackEnable", "audio", index, enabled)
        if bool(self._ask(timeline, "GetIsTrackEnabled", "audio", index)) != enabled:
            word = "enabled" if enabled else "disabled"
            raise ResolveError("resolve_refused", f"Resolve has not {word} the audio track {index}.")

    # ---- recordings

    def import_recording(self, path: str) -> Recording:
        """Into our own bin, as Resolve imports into the current one only; the current one is as it was afterwards."""
        pool = self._pool()
        before = self._ask(pool, "GetCurrentFolder")
        try:
            self._go_into_own_bin(pool)
            clips = self._ask(pool, "ImportMedia", [path])
        finally:
            if before:
                self._ask(pool, "SetCurrentFolder", before)
        if not clips:
            raise ResolveError("import_failed", f"Resolve did not import {path}: it says nothing more.")
        told = self._ask(clips[0], "GetClipProperty") or {}
        rate = _rate_or_none(told.get("FPS"))
        if rate is None:
            raise ResolveError("import_failed", "Resolve counts {} at {!r} fps.".format(path, told.get("FPS")))
        return Recording(clips[0], rate, int(_fraction(told.get("Frames")) or 0))

    def _go_into_own_bin(self, pool: Any) -> None:
        root = self._demand("The media pool has no root bin.", pool, "GetRootFolder")
        for folder in self._ask(root, "GetSubFolderList") or []:
            if self._ask(folder, "GetName") == BIN:
                break
        else:
            folder = self._demand(f"Resolve did not make the bin '{BIN}'.", pool, "AddSubFolder", root, BIN)
        self._demand(f"Resolve did not open the bin '{BIN}'.", pool, "SetCurrentFolder", folder)

    def append(self, recording: Recording, track: int, record_frame: int, source: Range) -> None:
        """Ask for a recording on an audio track. Whether it lies there has to be looked at: `audio_tracks` tells."""
        info = {
            "mediaPoolItem": recording.handle,
            "startFrame": source[0],
            "endFrame": source[1],
            "mediaType": AUDIO_ONLY,
            "trackIndex": track,
            "recordFrame": record_frame,
        }
        if not self._ask(self._pool(), "AppendToTimeline", [info]) and not self._manager_answers():
            raise ResolveError("resolve_busy", BUSY)

    def delete_items(self, items: list[AudioItem]) -> None:
        """Take items off the timeline, without closing the gap; Resolve does that on its Edit page only."""
        if not items:
            return
        with self.view_kept():
            self.open_page("edit")
            problem = "Resolve did not remove {} from the timeline.".format(", ".join(item.name for item in items))
            self._demand(problem, self._timeline(), "DeleteClips", [item.handle for item in items], False)

    # ---- markers

    def markers(self) -> list[Marker]:
        """All markers of the timeline, in the order of time."""
        timeline = self._timeline()
        start = self.timeline().start
        told = self._ask(timeline, "GetMarkers") or {}
        return [
            Marker(
                start + int(frame),
                max(1, int(marker.get("duration") or 1)),
                str(marker.get("name") or ""),
                str(marker.get("note") or ""),
                str(marker.get("customData") or ""),
            )
            for frame, marker in sorted(told.items())
        ]

    def add_marker(self, marker: Marker, colour: str) -> bool:
        """False where there is one already."""
        relative = marker.frame - self.timeline().start
        values = (relative, colour, marker.name, marker.note, marker.duration, marker.data)
        return bool(self._ask(self._timeline(), "AddMarker", *values))

    def delete_marker(self, marker: Marker) -> None:
        relative = marker.frame - self.timeline().start
        problem = f"Resolve did not remove the marker '{marker.name}'."
        self._demand(problem, self._timeline(), "DeleteMarkerAtFrame", relative)

    # ---- what the user looks at

    def page(self) -> str:
        return str(self._ask(self._resolve, "GetCurrentPage") or "")

    def open_page(self, name: str) -> None:
        if self.page() != name:
            problem = f"Resolve did not open its {name.title()} page."
            self._demand(problem, self._resolve, "OpenPage", name)

    def go_to_timeline(self, id: str) -> bool:
        """Make a timeline of the project the current one; False when the project has it no more."""
        project = self._project()
        if self.timeline_id() == id:
            return True
        for index in range(1, int(self._ask(project, "GetTimelineCount") or 0) + 1):
            timeline = self._ask(project, "GetTimelineByIndex", index)
            if timeline and self._ask(timeline, "GetUniqueId") == id:
                name = self._ask(timeline, "GetName")
                self._demand(f"Resolve did not open the timeline {name}.", project, "SetCurrentTimeline", timeline)
                return True
        return False

    def timeline_id(self) -> str:
        timeline = self._ask(self._project(), "GetCurrentTimeline")
        return str(self._ask(timeline, "GetUniqueId") or "") if timeline else ""

    @contextmanager
    def view_kept(self) -> Iterator[None]:
        """Page, timeline and playhead are afterwards as they were before; marks are never touched."""
        page, project, timeline = self.page(), self._project(), self._ask(self._project(), "GetCurrentTimeline")
        playhead = self._ask(timeline, "GetCurrentTimecode") if timeline else None
        try:
            yield
        finally:
            if timeline and self.timeline_id() != self._ask(timeline, "GetUniqueId"):
                self._ask(project, "SetCurrentTimeline", timeline)
            if page and self.page() != page:
                self._ask(self._resolve, "OpenPage", page)
            if playhead and self._ask(timeline, "GetCurrentTimecode") != playhead:
                self._ask(timeline, "SetCurrentTimecode", playhead)


# ---- reading what Resolve says


def find(scope: dict[str, Any]) -> Host:
    """Resolve as a script of its menu gets it, else as one outside does (which only Studio allows)."""
    resolve = scope.get("resolve") or _from_bmd(scope.get("bmd")) or _from_outside()
    if resolve is None:
        raise ResolveError(
            "no_resolve",
            "DaVinci Resolve cannot be reached. Run this from Workspace > Scripts in Resolve; from outside, only "
            "Resolve Studio answers, while it runs and Preferences > System > General > External scripting is Local.",
        )
    return Host(resolve)


def _from_bmd(bmd: Any) -> Any:
    """Some versions give a script no more than this."""
    try:
        return bmd.scriptapp("Resolve")
    except Exception:
        return None


def _from_outside() -> Any:
    sys.path += [folder for folder in _modules_folders() if folder not in sys.path]
    try:
        import DaVinciResolveScript  # type: ignore
    except Exception:  # it loads a library of Resolve's, which may be missing or of another kind
        return None
    return DaVinciResolveScript.scriptapp("Resolve")


def _modules_folders() -> list[str]:
    """Where Resolve's own module lies, by the README of its scripting API."""
    programs, vendor = os.environ.get("PROGRAMDATA", r"C:\ProgramData"), "Blackmagic Design"
    usual = {
        "darwin": f"/Library/Application Support/{vendor}/DaVinci Resolve/Developer/Scripting",
        "win32": rf"{programs}\{vendor}\DaVinci Resolve\Support\Developer\Scripting",
    }.get(sys.platform, "/opt/resolve/Developer/Scripting")
    named = os.environ.get("RESOLVE_SCRIPT_API")
    return [os.path.join(folder, "Modules") for folder in (named, usual) if folder]


def _fraction(told: Any) -> Fraction | None:
    """Exact number of what Resolve says as a number or a text; None for anything else."""
    try:
        return Fraction(str(told).strip())
    except (ValueError, ZeroDivisionError):
        return None


def _whole(told: Any, what: str) -> int:
    number = _whole_or_none(told)
    if number is None:
        raise ResolveError("resolve_refused", f"Resolve does not tell {what} (it says {told!r}). {BUSY}")
    return number


def _whole_or_none(told: Any) -> int | None:
    number = _fraction(told)
    return None if number is None else round(number)


def _rate_or_none(told: Any) -> Fraction | None:
    try:
        return frames.rate_of(told)
    except ValueError:
        return None


def _seconds_of(timecode: Any, rate: Fraction | None) -> Fraction:
    try:
        return frames.seconds(frames.frame_of(str(timecode), rate), rate) if rate else Fraction(0)
    except ValueError:
        return Fraction(0)
