"""What a pretended Resolve is made of: plain values in a JSON file, which a test may look into or change.

A *world* is a mapping: product, version, page, modal, project, bins, clips, timelines, misuses, calls. Frames of
timelines and items are absolute; marks and markers are relative to the timeline's start, as Resolve tells them.
"""

from __future__ import annotations

import json
import os
import uuid
from fractions import Fraction

FREE, STUDIO = "DaVinci Resolve", "DaVinci Resolve Studio"
NEW = [21, 0, 4, 5, ""]


def new_id():
    return str(uuid.uuid4())


def exact_rate(setting):
    """Frames a second of 24, "23.976" or "29.97 DF", exactly."""
    number = float(str(setting).upper().replace("DF", ""))
    nominal = round(number + 0.04)
    return Fraction(nominal) if abs(number - round(number)) < 1e-6 else Fraction(nominal * 1000, 1001)


def make_world(rate="24", product=FREE, version=None):
    root = new_id()
    return {
        "product": product,
        "version": version or NEW,
        "page": "edit",
        "modal": False,
        "project": {"id": new_id(), "name": "Film", "settings": {"timelineFrameRate": rate}, "timeline": None},
        "bins": {root: {"name": "Master", "parent": None}},
        "bin": root,
        "clips": {},
        "timelines": {},
        "quirks": {},
        "misuses": [],
        "calls": {},
    }


def add_timeline(world, name="Timeline 1", rate="24", start=0, drop_frame=False):
    """A timeline with a video and a mono audio track, which becomes the current one."""
    id = new_id()
    world["timelines"][id] = {
        "name": name,
        "rate": rate,
        "drop_frame": drop_frame,
        "start": start,
        "playhead": start,
        "marks": {},
        "markers": {},
        "tracks": {"video": [new_track("Video 1", "")], "audio": [new_track("Audio 1", "mono")], "subtitle": []},
    }
    world["project"]["timeline"] = id
    return id


def new_track(name, subtype):
    return {"name": name, "subtype": subtype, "enabled": True, "locked": False, "items": []}


def add_clip(world, path, rate, frames, kind="Video", start=0, start_seconds=0.0):
    """A clip in the current bin. `start`: number of its first frame; `start_seconds`: its start timecode."""
    id = new_id()
    world["clips"][id] = {
        "name": os.path.basename(path) or kind, "path": path, "rate": rate, "frames": frames, "kind": kind,
        "start": start, "start_seconds": start_seconds, "bin": world["bin"],
    }  # fmt: skip
    return id


def add_item(world, timeline, track, clip, start, frames, source=0, speed=1.0, kind="video", **facts):
    """An item that shows a clip from frame `source` of it, counted at the clip's own rate."""
    tracks = world["timelines"][timeline]["tracks"][kind]
    while len(tracks) < track:
        tracks.append(new_track(f"{kind.title()} {len(tracks) + 1}", "" if kind == "video" else "mono"))
    item = {
        "id": new_id(), "clip": clip, "start": start, "frames": frames, "source": source, "speed": speed,
        "enabled": True, "name": world["clips"][clip]["name"] if clip else "Solid Color",
    }  # fmt: skip
    item.update(facts)
    tracks[track - 1]["items"].append(item)
    return item["id"]


def items_of(world, timeline):
    """(kind, track number, item) of all items."""
    for kind, tracks in world["timelines"][timeline]["tracks"].items():
        for number, track in enumerate(tracks, 1):
            for item in track["items"]:
                yield kind, number, item


class Store:
    """A world in its file: read again when somebody else has changed it, written after every call that changes it."""

    def __init__(self, path):
        self.path = path
        self._stamp = None
        self.text = ""
        self.world = {}
        self.refresh()

    def refresh(self):
        stamp = stamp_of(self.path)
        if stamp != self._stamp:
            with open(self.path, encoding="utf-8") as file:
                self.text = file.read()
            self.world = json.loads(self.text)
            self._stamp = stamp

    def save(self):
        text = json.dumps(self.world)
        if text != self.text:
            write(self.path, text)
            self.text, self._stamp = text, stamp_of(self.path)


def write(path, text):
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".part", path)


def stamp_of(path):
    found = os.stat(path)
    return found.st_mtime_ns, found.st_ino
