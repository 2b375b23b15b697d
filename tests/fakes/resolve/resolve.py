"""The calls themselves: `CALLS[class, method]`, each a function of (resolve, the object's id, arguments).

What Resolve really does is as measured by others and told in public: the API ledger of samuelgursky/davinci-resolve-mcp
(Studio 19.1.3 to 21.0.4, free 21.0.3) and the issues of tmoroney/auto-subs. None of it was measured by us.
"""

# ruff: noqa: F811 - calls of several classes share their names
from __future__ import annotations

import math
import os
import struct
from collections import Counter
from fractions import Fraction

from .strict import COLOURS, TRACK_FORMATS, Handle, Misuse, load_api, mismatch, newer
from .world import Store, add_item, add_timeline, exact_rate, items_of, new_id, new_track

STUDIO_ONLY = {
    "AnalyzeDolbyVision", "AnalyzeForIntellisearch", "AnalyzeForSlate", "CreateMagicMask", "CreateSubtitlesFromAudio",
    "DetectSceneCuts", "GenerateSpeech", "PerformAudioClassification", "RemoveMotionBlur", "SmartReframe",
    "TranscribeAudio",
}  # fmt: skip
EVEN_UNDER_A_DIALOG = {"GetProductName", "GetVersion", "GetVersionString", "GetProjectManager"}
LEAVES_A_GHOST = "ghost"

CALLS = {}


def call(*kinds):
    def implement(function):
        for kind in kinds:
            CALLS[kind, function.__name__] = function
        return function

    return implement


class FakeResolve:
    """One running Resolve, as a script sees it."""

    def __init__(self, path):
        self.api = load_api()
        self.store = Store(path)
        self.calls = Counter()
        self._indexed, self._index = None, {}

    @property
    def world(self):
        return self.store.world

    @property
    def handle(self):
        return Handle(self, "Resolve", "resolve")

    def close(self):
        self.store.refresh()
        self.world["calls"] = dict(self.calls)
        self.store.save()

    # ---- holding scripts to the API

    def refuse(self, what):
        self.store.refresh()
        self.world["misuses"].append(what)
        self.store.save()
        raise Misuse(what)

    def method(self, handle, name):
        """What `handle.name` is: None for what this version has not got, as fusionscript has it."""
        methods = self.api["classes"][handle._kind]
        full = f"{handle._kind}.{name}"
        if name not in methods:
            self.refuse(f"{full} is no call of Resolve's")
        if full in self.api["since"] and newer(self.api["since"][full], self.world["version"]):
            return None
        return lambda *given, **named: self.checked(handle, full, methods[name], given, named)

    def checked(self, handle, full, signatures, given, named):
        if named:
            self.refuse(f"{full} takes no named arguments")
        problems = [mismatch(signature, given) for signature in signatures]
        if all(problems):
            self.refuse(f"{full} {problems[-1]}")
        return self.answer(handle, full, given)

    def answer(self, handle, full, given):
        name = full.split(".")[1]
        self.store.refresh()
        self.calls[full] += 1
        self.happen(full)
        if name in STUDIO_ONLY and self.world["product"].endswith("Resolve"):
            self.world["modal"] = True
            self.store.save()
            return False
        if self.world["modal"] and name not in EVEN_UNDER_A_DIALOG:
            return None
        if not self.exists(handle):
            return None
        if (handle._kind, name) not in CALLS:
            self.refuse(f"{full} is real, but this Resolve does not model it yet")
        answer = CALLS[handle._kind, name](self, handle._id, *given)
        if not name.startswith("Get"):
            self.store.save()
        return answer

    def happen(self, full):
        """What a test wants to happen just before the nth call of a name."""
        for event in list(self.world.get("events", [])):
            if event["before"] == full and self.calls[full] == event.get("nth", 1):
                self.world["events"].remove(event)
                self.world.update(event["becomes"])
                self.store.save()

    def exists(self, handle):
        world, kind, id = self.world, handle._kind, handle._id
        if kind in ("Resolve", "ProjectManager"):
            return True
        if world["project"] is None:
            return False
        if kind == "Project":
            return world["project"]["id"] == id
        if kind == "TimelineItem":
            return id in self.index()
        known = {"Timeline": "timelines", "Folder": "bins", "MediaPoolItem": "clips"}.get(kind)
        return known is None or id in world[known]

    # ---- finding things

    def of(self, kind, id):
        return None if id is None else Handle(self, kind, id)

    def timeline(self, id):
        return self.world["timelines"][id]

    def is_current(self, timeline):
        return self.world["project"]["timeline"] == timeline

    def track(self, timeline, kind, index):
        """A track by its number from 1; None when there is none."""
        tracks = self.timeline(timeline)["tracks"][kind]
        return tracks[index - 1] if 1 <= index <= len(tracks) else None

    def placed(self, id):
        """(timeline's id, kind, track number, item)."""
        return self.index()[id]

    def index(self):
        """All items by their ids, as they are since the world has changed last."""
        if self._indexed is not self.store.text:
            self._indexed, self._index = self.store.text, {}
            for timeline in self.world["timelines"]:
                for kind, number, item in items_of(self.world, timeline):
                    self._index[item["id"]] = (timeline, kind, number, item)
        return self._index


# ---- Resolve


@call("Resolve")
def GetProductName(self, _):
    return self.world["product"]


@call("Resolve")
def GetVersion(self, _):
    return list(self.world["version"])


@call("Resolve")
def GetVersionString(self, _):
    return ".".join(str(part) for part in self.world["version"][:4])


@call("Resolve")
def GetProjectManager(self, _):
    return self.of("ProjectManager", "manager")


@call("Resolve")
def GetCurrentPage(self, _):
    return self.world["page"]


@call("Resolve")
def OpenPage(self, _, page):
    self.world["page"] = page
    return True


# ---- the project


@call("ProjectManager")
def GetCurrentProject(self, _):
    project = self.world["project"]
    return self.of("Project", project and project["id"])


@call("ProjectManager")
def SaveProject(self, _):
    return self.world["project"]["name"] != "Untitled Project"


@call("Project")
def GetName(self, _):
    return self.world["project"]["name"]


@call("Project", "Folder", "MediaPoolItem", "Timeline", "TimelineItem")
def GetUniqueId(self, id):
    return id


@call("Project")
def GetSetting(self, _, name):
    return self.world["project"]["settings"].get(name, "")


@call("Project")
def GetMediaPool(self, _):
    return self.of("MediaPool", "pool")


@call("Project")
def GetCurrentTimeline(self, _):
    return self.of("Timeline", self.world["project"]["timeline"])


@call("Project")
def GetTimelineCount(self, _):
    return len(self.world["timelines"])


@call("Project")
def GetTimelineByIndex(self, _, index):
    ids = list(self.world["timelines"])
    return self.of("Timeline", ids[index - 1]) if 1 <= index <= len(ids) else None


@call("Project")
def SetCurrentTimeline(self, _, timeline):
    self.world["project"]["timeline"] = timeline._id
    return True


# ---- the media pool


@call("MediaPool")
def GetRootFolder(self, _):
    return self.of("Folder", next(id for id, folder in self.world["bins"].items() if folder["parent"] is None))


@call("MediaPool")
def GetCurrentFolder(self, _):
    return self.of("Folder", self.world["bin"])


@call("MediaPool")
def SetCurrentFolder(self, _, folder):
    if folder._id not in self.world["bins"]:
        return False
    self.world["bin"] = folder._id
    return True


@call("MediaPool")
def AddSubFolder(self, _, folder, name):
    if any(other["name"] == name and other["parent"] == folder._id for other in self.world["bins"].values()):
        return None
    id = new_id()
    self.world["bins"][id] = {"name": name, "parent": folder._id}
    self.world["bin"] = id  # Resolve goes into what it has made
    return self.of("Folder", id)


@call("MediaPool")
def ImportMedia(self, _, paths):
    """Into the current bin only. What is there already is not read again; a recording freezes the project's rate."""
    if not all(isinstance(path, str) for path in paths):
        self.refuse("MediaPool.ImportMedia of clip infos is real, but this Resolve does not model it yet")
    clips = [self.of("MediaPoolItem", imported(self, path)) for path in paths if os.path.isfile(path)]
    return clips if clips and not self.world["quirks"].get("imports_nothing") else None


def imported(self, path):
    for id, clip in self.world["clips"].items():
        if clip["path"] == path and clip["bin"] == self.world["bin"]:
            return id
    channels, seconds = read_wav(path)
    rate = self.world["project"]["settings"]["timelineFrameRate"]
    id = new_id()
    self.world["clips"][id] = {
        "name": os.path.basename(path), "path": path, "rate": rate, "kind": "Audio", "channels": channels,
        "frames": math.floor(seconds * exact_rate(rate)), "start": 0, "start_seconds": 0.0, "bin": self.world["bin"],
    }  # fmt: skip
    return id


def read_wav(path):
    """(channels, exact seconds); ValueError for what Resolve would not open."""
    with open(path, "rb") as file:
        content = file.read()
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ValueError(f"{path} is no WAV file")
    at, facts = 12, {}
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        facts[name] = (at + 8, size)
        at += 8 + size + size % 2
    channels, rate, _, block = struct.unpack_from("<HIIH", content, facts[b"fmt "][0] + 2)
    return channels, Fraction(facts[b"data"][1] // block, rate)


@call("MediaPool")
def DeleteClips(self, _, clips):
    for clip in clips:
        self.world["clips"].pop(clip._id, None)
    return True


@call("MediaPool")
def CreateEmptyTimeline(self, _, name):
    if any(timeline["name"] == name for timeline in self.world["timelines"].values()):
        return None
    settings = self.world["project"]["settings"]
    rate = settings["timelineFrameRate"]
    start = 3600 * math.ceil(exact_rate(rate))
    return self.of("Timeline", add_timeline(self.world, name, rate, start))


@call("MediaPool")
def DeleteTimelines(self, _, timelines):
    for timeline in timelines:
        self.world["timelines"].pop(timeline._id, None)
    if self.world["project"]["timeline"] not in self.world["timelines"]:
        self.world["project"]["timeline"] = next(iter(self.world["timelines"]), None)
    return True


@call("MediaPool")
def AppendToTimeline(self, _, infos):
    if not all(isinstance(info, dict) for info in infos):
        self.refuse("MediaPool.AppendToTimeline of bare clips is real, but this Resolve does not model it yet")
    timeline = self.world["project"]["timeline"]
    for info in infos:
        unknown = set(info) - set(self.api["clip_info"])
        if unknown:
            self.refuse("MediaPool.AppendToTimeline knows no {}".format(", ".join(sorted(unknown))))
    numbers = [info.get(key, 0) for info in infos for key in ("startFrame", "endFrame", "recordFrame", "trackIndex")]
    if timeline is None or not all(isinstance(number, int) for number in numbers):
        return None
    placed = [append(self, timeline, info) for info in infos]
    return None if None in placed else [self.of("TimelineItem", id) for id in placed]


def append(self, timeline, info):
    """Id of what was put on the timeline; of a ghost when something lies there already; None when it was refused."""
    world = self.world
    clip_id = info["mediaPoolItem"]._id
    clip = world["clips"].get(clip_id)
    kind = {1: "video", 2: "audio"}.get(info.get("mediaType"))
    if kind is None:
        self.refuse("MediaPool.AppendToTimeline without a mediaType would put picture and sound everywhere")
    track = self.track(timeline, kind, info.get("trackIndex", 1))
    if clip is None or track is None or track["locked"] or world["quirks"].get("appends_nothing"):
        return None
    first, end = info.get("startFrame", 0), min(info.get("endFrame", clip["frames"]), clip["frames"])
    rate = exact_rate(world["timelines"][timeline]["rate"])
    frames = math.floor((end - first) * rate / exact_rate(clip["rate"])) - world["quirks"].get("lands_short", 0)
    start = info.get("recordFrame", max([i["start"] + i["frames"] for i in track["items"]], default=0))
    start += world["quirks"].get("lands_late", 0)
    if frames < 1:
        return None
    if any(start < item["start"] + item["frames"] and item["start"] < start + frames for item in track["items"]):
        return LEAVES_A_GHOST
    return add_item(world, timeline, info.get("trackIndex", 1), clip_id, start, frames, first, kind=kind)


# ---- bins and clips


@call("Folder")
def GetName(self, id):
    return self.world["bins"][id]["name"]


@call("Folder")
def GetSubFolderList(self, id):
    return [self.of("Folder", other) for other, folder in self.world["bins"].items() if folder["parent"] == id]


@call("Folder")
def GetClipList(self, id):
    return [self.of("MediaPoolItem", clip) for clip, facts in self.world["clips"].items() if facts["bin"] == id]


@call("MediaPoolItem")
def GetName(self, id):
    return self.world["clips"][id]["name"]


@call("MediaPoolItem")
def GetClipProperty(self, id, name=None):
    clip = self.world["clips"][id]
    rate = exact_rate(clip["rate"])
    properties = {
        "File Path": clip["path"],
        "File Name": clip["name"],
        "Clip Name": clip["name"],
        "Type": clip["kind"],
        "FPS": float(str(clip["rate"]).replace("DF", "")),
        "Frames": str(clip["frames"]),
        "Start": str(clip["start"]),
        "Start TC": label(round(Fraction(clip["start_seconds"]) * rate), rate, False),
    }
    return properties if name is None else properties.get(name, "")


# ---- timelines


@call("Timeline")
def GetName(self, id):
    return self.timeline(id)["name"]


@call("Timeline")
def GetSetting(self, id, name):
    timeline = self.timeline(id)
    settings = {"timelineFrameRate": timeline["rate"], "timelineDropFrameTimecode": str(int(timeline["drop_frame"]))}
    return settings.get(name, "")


@call("Timeline")
def GetStartFrame(self, id):
    return self.timeline(id)["start"]


@call("Timeline")
def GetEndFrame(self, id):
    return max(
        [item["start"] + item["frames"] for _, _, item in items_of(self.world, id)], default=self.timeline(id)["start"]
    )


def label(frame, rate, drop_frame):
    """hh:mm:ss:ff; with `;` and labels left out where frames are dropped."""
    nominal = math.ceil(rate)
    if drop_frame:
        per_minute = nominal // 15
        for minute in range(1, 24 * 60):
            if minute % 10 and frame >= minute * 60 * nominal:
                frame += per_minute
    seconds, frames = divmod(frame, nominal)
    mark = ";" if drop_frame else ":"
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{frames:02}"


def frame_of(text, rate, drop_frame):
    hours, minutes, seconds, frames = (int(part) for part in text.replace(";", ":").split(":"))
    nominal = math.ceil(rate)
    total = hours * 60 + minutes
    dropped = nominal // 15 * (total - total // 10) if drop_frame else 0
    return (total * 60 + seconds) * nominal + frames - dropped


@call("Timeline")
def GetStartTimecode(self, id):
    timeline = self.timeline(id)
    return label(timeline["start"], exact_rate(timeline["rate"]), timeline["drop_frame"])


@call("Timeline")
def GetCurrentTimecode(self, id):
    timeline = self.timeline(id)
    if self.world["page"] in ("media", "fusion"):
        return ""
    return label(timeline["playhead"], exact_rate(timeline["rate"]), timeline["drop_frame"])


@call("Timeline")
def SetCurrentTimecode(self, id, timecode):
    timeline = self.timeline(id)
    if self.world["page"] in ("media", "fusion") or (";" in timecode) != timeline["drop_frame"]:
        return False
    timeline["playhead"] = frame_of(timecode, exact_rate(timeline["rate"]), timeline["drop_frame"])
    return True


@call("Timeline")
def GetCurrentVideoItem(self, id):
    timeline = self.timeline(id)
    if self.world["page"] not in ("edit", "cut", "color"):
        return None
    for track in reversed(timeline["tracks"]["video"]):
        for item in track["items"]:
            if track["enabled"] and item["start"] <= timeline["playhead"] < item["start"] + item["frames"]:
                return self.of("TimelineItem", item["id"])
    return None


@call("Timeline")
def GetMarkInOut(self, id):
    return {kind: dict(marks) for kind, marks in self.timeline(id)["marks"].items()}


@call("Timeline")
def SetMarkInOut(self, id, first, last, kind="all"):
    for one in ("video", "audio") if kind == "all" else (kind,):
        self.timeline(id)["marks"][one] = {"in": first, "out": last}
    return True


@call("Timeline")
def ClearMarkInOut(self, id, kind="all"):
    for one in ("video", "audio") if kind == "all" else (kind,):
        self.timeline(id)["marks"].pop(one, None)
    return True


# ---- tracks


@call("Timeline")
def GetTrackCount(self, id, kind):
    return len(self.timeline(id)["tracks"][kind])


@call("Timeline")
def AddTrack(self, id, kind, options="mono"):
    """Mono unless it is asked for otherwise."""
    tracks = self.timeline(id)["tracks"][kind]
    options = {"audioType": options} if isinstance(options, str) else options
    unknown = set(options) - {"audioType", "index"}
    subtype = options.get("audioType", "mono") if kind == "audio" else ""
    if unknown or (kind == "audio" and subtype not in TRACK_FORMATS):
        self.refuse("Timeline.AddTrack knows no %s" % (sorted(unknown) or subtype))
    if self.world["quirks"].get("adds_no_track"):
        return False
    index = options.get("index", len(tracks) + 1)
    tracks.insert(index - 1, new_track(f"{kind.title()} {len(tracks) + 1}", subtype))
    return True


@call("Timeline")
def DeleteTrack(self, id, kind, index):
    if self.track(id, kind, index) is None:
        return False
    del self.timeline(id)["tracks"][kind][index - 1]
    return True


@call("Timeline")
def GetTrackName(self, id, kind, index):
    track = self.track(id, kind, index)
    return track and track["name"]


@call("Timeline")
def SetTrackName(self, id, kind, index, name):
    track = self.track(id, kind, index)
    if track is None or not self.is_current(id):
        return False
    track["name"] = name
    return True


@call("Timeline")
def GetTrackSubType(self, id, kind, index):
    track = self.track(id, kind, index)
    return track and track["subtype"]


@call("Timeline")
def SetTrackEnable(self, id, kind, index, enabled):
    track = self.track(id, kind, index)
    if track is None or self.world["quirks"].get("enables_no_track"):
        return False
    track["enabled"] = enabled
    return True


@call("Timeline")
def GetIsTrackEnabled(self, id, kind, index):
    """Says something only of the current timeline."""
    track = self.track(id, kind, index)
    return bool(track) and (track["enabled"] or not self.is_current(id))


@call("Timeline")
def GetIsTrackLocked(self, id, kind, index):
    track = self.track(id, kind, index)
    return bool(track) and track["locked"]


@call("Timeline")
def GetItemListInTrack(self, id, kind, index):
    track = self.track(id, kind, index)
    if track is None:
        return None
    return [self.of("TimelineItem", item["id"]) for item in sorted(track["items"], key=lambda item: item["start"])]


@call("Timeline")
def DeleteClips(self, id, items, ripple=False):
    """On the Edit page, from the current timeline only."""
    if self.world["page"] != "edit" or not self.is_current(id):
        return False
    gone = {item._id for item in items}
    for tracks in self.timeline(id)["tracks"].values():
        for track in tracks:
            if track["locked"] and any(item["id"] in gone for item in track["items"]):
                return False
            track["items"] = [item for item in track["items"] if item["id"] not in gone]
    return True


# ---- markers, whose frames count from the timeline's start


@call("Timeline")
def AddMarker(self, id, frame, colour, name, note, duration, data=""):
    markers = self.timeline(id)["markers"]
    if str(frame) in markers or frame < 0 or colour not in COLOURS or duration < 1:
        return False
    markers[str(frame)] = {"color": colour, "duration": duration, "note": note, "name": name, "customData": data}
    return True


@call("Timeline")
def GetMarkers(self, id):
    return {float(frame): dict(marker) for frame, marker in self.timeline(id)["markers"].items()}


@call("Timeline")
def DeleteMarkerAtFrame(self, id, frame):
    return self.timeline(id)["markers"].pop(str(frame), None) is not None


@call("Timeline")
def DeleteMarkerByCustomData(self, id, data):
    markers = self.timeline(id)["markers"]
    for frame, marker in markers.items():
        if marker["customData"] == data:
            del markers[frame]
            return True
    return False


# ---- items


def counted(number, exact):
    return float(number) if exact else math.floor(number)


@call("TimelineItem")
def GetName(self, id):
    return self.placed(id)[3]["name"]


@call("TimelineItem")
def GetStart(self, id, exact=False):
    return counted(self.placed(id)[3]["start"], exact)


@call("TimelineItem")
def GetEnd(self, id, exact=False):
    item = self.placed(id)[3]
    return counted(item["start"] + item["frames"], exact)


@call("TimelineItem")
def GetDuration(self, id, exact=False):
    return counted(self.placed(id)[3]["frames"], exact)


@call("TimelineItem")
def GetMediaPoolItem(self, id):
    return self.of("MediaPoolItem", self.placed(id)[3]["clip"])


@call("TimelineItem")
def GetClipEnabled(self, id):
    return self.placed(id)[3]["enabled"]


@call("TimelineItem")
def GetTrackTypeAndIndex(self, id):
    _, kind, number, _ = self.placed(id)
    return [kind, number]


@call("TimelineItem")
def GetLeftOffset(self, id, exact=False):
    """In frames of the timeline, and of the retimed clip: where in its source it starts, divided by its speed."""
    timeline, _, _, item = self.placed(id)
    if item["clip"] is None:
        return counted(0, exact)
    clip = self.world["clips"][item["clip"]]
    rate = exact_rate(self.timeline(timeline)["rate"])
    source = Fraction(item["source"]).limit_denominator(10_000)
    return counted(source / exact_rate(clip["rate"]) * rate / abs(Fraction(item["speed"])), exact)


def source_frames(self, id):
    """(first, end, whether clip and timeline have the same rate), in frames of the clip from its file's start."""
    timeline, _, _, item = self.placed(id)
    clip = self.world["clips"][item["clip"]]
    rate, own = exact_rate(self.timeline(timeline)["rate"]), exact_rate(clip["rate"])
    first = clip["start"] + Fraction(item["source"]).limit_denominator(10_000)
    end = first + item["frames"] / rate * Fraction(item["speed"]).limit_denominator(10_000) * own
    return first, end, rate == own


@call("TimelineItem")
def GetSourceStartFrame(self, id):
    """One frame off on some items."""
    item = self.placed(id)[3]
    if item["clip"] is None or item.get("unknown_source"):
        return 0
    return max(0, math.floor(source_frames(self, id)[0]) + item.get("source_off_by", 0))


@call("TimelineItem")
def GetSourceEndFrame(self, id):
    """Exclusive when clip and timeline have the same rate, else inclusive."""
    item = self.placed(id)[3]
    if item["clip"] is None or item.get("unknown_source"):
        return 0
    _, end, same = source_frames(self, id)
    return math.floor(end) - (0 if same else 1)


def source_time(self, id, end):
    """In seconds of the file's own timecode."""
    item = self.placed(id)[3]
    if item["clip"] is None:
        return 0.0
    clip = self.world["clips"][item["clip"]]
    frame = 0 if item.get("unknown_source") else source_frames(self, id)[1 if end else 0]
    return float(clip["start_seconds"] + frame / exact_rate(clip["rate"]))


@call("TimelineItem")
def GetSourceStartTime(self, id):
    return source_time(self, id, end=False)


@call("TimelineItem")
def GetSourceEndTime(self, id):
    return source_time(self, id, end=True)
