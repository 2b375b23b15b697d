"""Holds every call to the signatures of ``api.json``; what is wrong is told with the call named."""

from __future__ import annotations

import json
import os

COLOURS = {
    "Blue", "Cyan", "Green", "Yellow", "Red", "Pink", "Purple", "Fuchsia", "Rose", "Lavender", "Sky", "Mint", "Lemon",
    "Sand", "Cocoa", "Cream",
}  # fmt: skip
PAGES = {"media", "cut", "edit", "fusion", "color", "fairlight", "deliver"}
TRACK_TYPES = {"video", "audio", "subtitle"}
TRACK_FORMATS = {"mono", "stereo", "5.1", "5.1film", "7.1", "7.1film"} | {f"adaptive{n}" for n in range(1, 37)}
# The list tells no types: what an argument of that name has to be.
WHOLE = {
    "compIndex", "duration", "endFrame", "frameId", "frameNum", "gradeMode", "idx", "in", "index", "layerIdx",
    "nodeIndex", "out", "startFrame", "startOffsetInSamples", "durationInSamples", "trackIndex", "versionType",
}  # fmt: skip
FLAGS = {"Bool", "isBetterMode", "isEnabled", "identifyFaces", "isInteractiveMode", "subframe_precision"}
ANY = {"propertyValue", "settingValue", "metadataValue", "cache_value", "exportType", "exportSubtype", "keyframeMode"}
OBJECTS = {
    "ColorGroup": "ColorGroup", "Folder": "Folder", "MediaPoolItem": "MediaPoolItem", "clip1": "MediaPoolItem",
    "clip2": "MediaPoolItem", "folder": "Folder", "mediaPoolItem": "MediaPoolItem", "project": "Project",
    "targetFolder": "Folder", "timeline": "Timeline", "LeftMediaPoolItem": "MediaPoolItem",
    "RightMediaPoolItem": "MediaPoolItem",
}  # fmt: skip
CHOICES = {
    "color": COLOURS | {"All"}, "pageName": PAGES, "trackType": TRACK_TYPES, "subTrackType": TRACK_FORMATS,
    "type": {"video", "audio", "all"},
}  # fmt: skip
# The README marks as optional, in words, what its signatures show as any other argument.
MAY_BE_LEFT_OUT = {"customData", "newTrackOptions", "propertyKey", "subTrackType", "subframe_precision", "layerIdx"}
RAISED = "raised"


class Misuse(Exception):
    """A call that no Resolve answers."""


def load_api():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "api.json"), encoding="utf-8") as file:
        return json.load(file)


class Handle:
    """An object of Resolve's in a script's hands. A new one each time it is asked for, so `==` says nothing."""

    def __init__(self, resolve, kind, id):
        self.__dict__.update(_resolve=resolve, _kind=kind, _id=id)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self._resolve.method(self, name)

    def __setattr__(self, name, value):
        self._resolve.refuse(f"{self._kind}.{name} was assigned to")

    def __repr__(self):
        return f"<{self._kind}>"


def newer(since, version):
    return [int(part) for part in since.split(".")] > list(version[:3])


def arguments_of(signature):
    """[(name, may be left out)] of a signature."""
    found = []
    for part in filter(None, (one.strip() for one in signature.split(" -> ")[0].split(","))):
        name, has_default, _ = part.partition("=")
        found.append((name, bool(has_default) or name in MAY_BE_LEFT_OUT))
    return found


def mismatch(signature, given):
    """Why arguments do not fit a signature; None when they do."""
    wanted = arguments_of(signature)
    if any(name in ("...", "...]") for name, _ in wanted):
        return list_mismatch(wanted[0][0], given)
    fewest = sum(not optional for _, optional in wanted)
    if not fewest <= len(given) <= len(wanted):
        return f"got {len(given)} arguments and wants ({', '.join(name for name, _ in wanted)})"
    for (name, _), value in zip(wanted, given):
        if not fits(name, value):
            return f"{name} cannot be {value!r}"
    return None


def list_mismatch(first, given):
    """`clip1, clip2, ...` takes objects, `[{clipInfo}, ...]` one list."""
    if first.startswith("["):
        fine = len(given) == 1 and isinstance(given[0], list)
        return None if fine else f"wants one list, got {given!r}"
    fine = given and all(isinstance(value, (Handle, str)) for value in given)
    return None if fine else f"wants objects one by one, got {given!r}"


def fits(name, value):
    if name.startswith("["):
        return isinstance(value, list)
    if name.startswith("{"):
        return isinstance(value, dict)
    if name == "newTrackOptions":
        return isinstance(value, dict)
    if name in OBJECTS:
        return isinstance(value, Handle) and value._kind == OBJECTS[name]
    if name in WHOLE:
        return isinstance(value, int) and not isinstance(value, bool)
    if name in FLAGS:
        return isinstance(value, bool)
    if name in ANY:
        return True
    return isinstance(value, str) and value in CHOICES.get(name, {value})
