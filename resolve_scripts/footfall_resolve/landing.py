"""One finished job into its project: stems on tracks, hits as markers. What is told of it comes back as sentences."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any, Callable, Dict

from . import markers, place
from .desk import Desk
from .errors import FootfallError, NotNow, ResolveError
from .frames import SAMPLE_RATE
from .memory import Entry

ELSEWHERE = "{}: finished; it waits for the project '{}'. Open that and run Footfall Status."
NO_TIMELINE = "{}: its timeline '{}' is gone. The stems are in {}."

Fields = Dict[str, Any]


def land(desk: Desk, entry: Entry, job: Fields) -> list[str]:
    """Put what a finished job has made where it belongs, once, whoever else watches it; sentences for the user."""
    if not is_open(desk, entry):
        desk.memory.leave(entry["id"])
        return [ELSEWHERE.format(entry["label"], entry["project"]["name"])]
    if not claimed(desk, entry):
        return []  # another script is at it
    try:
        notes = _land(desk, entry, job)
    except (NotNow, ResolveError) as trouble:
        desk.memory.give_back(entry["id"])
        return [trouble.message, "'{}' stays remembered: Footfall Status places it.".format(entry["label"])]
    except FootfallError as trouble:
        notes = [trouble.message]
    except BaseException:
        desk.memory.give_back(entry["id"])
        raise
    desk.memory.settle(entry["id"])
    return notes


def claimed(desk: Desk, entry: Entry) -> bool:
    """Whether this script places a job. One whose file was taken away is written again: placing twice does no harm."""
    id = entry["id"]
    if desk.memory.claim(id):
        return True
    if desk.memory.is_being_placed(id):
        return False
    desk.memory.put(entry)
    return desk.memory.claim(id)


def is_open(desk: Desk, entry: Entry) -> bool:
    try:
        return desk.host.project()["id"] == entry["project"]["id"]
    except ResolveError:
        return False


def _land(desk: Desk, entry: Entry, job: Fields) -> list[str]:
    notes = [warning["message"] for warning in job.get("warnings") or []]
    with desk.host.view_kept():
        if not desk.host.go_to_timeline(entry["timeline"]["id"]):
            stems = [os.path.dirname(stem["path"]) for stem in job.get("stems") or []]
            return [*notes, NO_TIMELINE.format(entry["label"], entry["timeline"]["name"], (stems or ["nowhere"])[0])]
        notes += LANDINGS[entry["kind"]](desk, entry, job)
    failure = job.get("failure") if job["state"] == "failed" else None
    return notes + ([_failure(entry, failure)] if failure else [])


def _failure(entry: Entry, failure: Fields) -> str:
    name = os.path.basename(entry["request"].get("video") or entry["request"].get("stem") or entry["label"])
    if failure.get("detail"):
        print("Footfall, {}: {}".format(name, failure["detail"]))
    return "{}: {}".format(name, failure["message"])


# ---- stems


def _land_stems(desk: Desk, entry: Entry, job: Fields) -> list[str]:
    stems = [_stem(entry, told) for told in sorted(job.get("stems") or [], key=lambda told: told["variant"])]
    if not stems:
        return []
    facts = {"job": entry["id"], "label": entry["label"], "request": entry["request"]}
    numbers, problems = place.place_stems(desk.host, stems, facts)
    if numbers:
        print("Footfall: '{}' lies on {}.".format(entry["label"], ", ".join(map(place.TRACK.format, numbers))))
    return problems


def _stem(entry: Entry, told: Fields) -> place.Stem:
    """A stem of a part made anew lies where the old one lies now; any other where it says itself."""
    if told["rate"] != SAMPLE_RATE:
        raise FootfallError("not_a_stem", "{} has {} Hz, not {}.".format(told["path"], told["rate"], SAMPLE_RATE))
    sample = entry["target"].get("sample", told["start"])
    return place.Stem(told["path"], told["variant"], told["seed"], sample, told["samples"])


# ---- hits


def _land_hits(desk: Desk, entry: Entry, job: Fields) -> list[str]:
    if job["state"] != "done":
        return []
    first, end = entry["target"]["span"]
    rate = Fraction(entry["target"]["rate"])
    for marker in desk.host.markers():
        if markers.is_ours(marker) and first <= marker.frame < end:
            desk.host.delete_marker(marker)
    events = (job.get("spotted") or {}).get("events") or []
    left_out = 0
    for number, event in enumerate(events, 1):
        left_out += not _mark(desk, markers.hit_marker(event, number, first, rate), event["kind"])
    if not events:
        return ["No hits are visible in {}.".format(entry["label"])]
    return [f"{left_out} of {len(events)} hits were not marked: other markers stand there."] if left_out else []


def _mark(desk: Desk, marker: markers.Marker, kind: str) -> bool:
    """At the hit's frame, or beside it where that has a marker already."""
    colour = markers.KINDS.get(kind, "Red")
    return any(desk.host.add_marker(marker._replace(frame=marker.frame + step), colour) for step in markers.NEARBY)


LANDINGS: dict[str, Callable[[Desk, Entry, Fields], list[str]]] = {
    "generate": _land_stems,
    "regenerate": _land_stems,
    "spot": _land_hits,
}
