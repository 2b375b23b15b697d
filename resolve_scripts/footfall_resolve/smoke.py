"""What this Resolve really does, tried on a timeline of our own that is removed again: a report for an issue.

Everything else here was written against what others have measured; this asks the Resolve at hand. Beside resolve.py
the only module that calls Resolve, as the raw answers are what it is about.
"""

from __future__ import annotations

import functools
import os
import platform
import shutil
import struct
import sys
import tempfile
import traceback
from typing import Any, Callable, Iterator

from . import VERSION, frames, place, resolve
from .engine import Engine, read_config
from .errors import FootfallError

NAME = "Footfall Smoke Test (may be deleted)"
SECONDS = 2
OFF_FRAME_SAMPLES = 777  # so that the stem begins between two frames

Say = Callable[[str], None]


class Bench(resolve.Host):
    """A Resolve with a timeline to try things on."""

    def __init__(self, handle: Any) -> None:
        super().__init__(handle)
        self.before = self._ask(self._project(), "GetCurrentTimeline")
        self.test: Any = None

    def begin(self) -> None:
        self.test = self._demand("No test timeline could be made.", self._pool(), "CreateEmptyTimeline", NAME)
        self._ask(self._project(), "SetCurrentTimeline", self.test)

    def end(self) -> Iterator[str]:
        """Take away what was made; what could not be."""
        if self.before:
            self._ask(self._project(), "SetCurrentTimeline", self.before)
        clips = [clip for folder in self.own_bins() for clip in self._ask(folder, "GetClipList") or []]
        ours = [clip for clip in clips if "footfall-smoke" in str(self._ask(clip, "GetClipProperty", "File Path"))]
        if self.test and not self._ask(self._pool(), "DeleteTimelines", [self.test]):
            yield f"the timeline '{NAME}' could not be deleted: please do"
        if ours and not self._ask(self._pool(), "DeleteClips", ours):
            yield "the test recordings could not be taken out of the bin 'Footfall': please do"

    def own_bins(self) -> list[Any]:
        root = self._ask(self._pool(), "GetRootFolder")
        folders = self._ask(root, "GetSubFolderList") or []
        return [folder for folder in folders if self._ask(folder, "GetName") == resolve.BIN]

    def raw(self, name: str, *given: Any) -> Any:
        """What a call of the test timeline answers."""
        return self._ask(self.test, name, *given)

    def item_facts(self, item: resolve.AudioItem) -> dict[str, Any]:
        names = ("GetStart", "GetEnd", "GetDuration", "GetSourceStartFrame", "GetSourceEndFrame", "GetSourceStartTime")
        facts = {name: self._ask(item.handle, name) for name in (*names, "GetSourceEndTime")}
        return {**facts, "GetLeftOffset(True)": self._exactly(item.handle, "GetLeftOffset")}

    def clip_facts(self, item: resolve.AudioItem) -> dict[str, Any]:
        told = self._ask(self._ask(item.handle, "GetMediaPoolItem"), "GetClipProperty") or {}
        return {key: told.get(key) for key in ("FPS", "Frames", "Duration", "Start", "End", "Start TC", "Type")}


def run(scope: dict[str, Any], library: str) -> None:
    """Try everything and print the report; `scope` is the script's globals."""
    lines: list[str] = []
    report(scope, library, lines.append)
    print("\n".join(["", "---- copy from here ----", "```", *lines, "```", "---- to here ----"]))


def report(scope: dict[str, Any], library: str, say: Say) -> None:
    say(f"Footfall {VERSION} smoke test, Python {platform.python_version()}, {platform.platform()}")
    say(f"globals: {', '.join(sorted(key for key in scope if not key.startswith('__')))}")
    say(
        f"__file__: {'there' if '__file__' in scope else 'missing'}; windows: {_windows()}; started by {sys.executable}"
    )
    attempt(say, "engine", lambda: _engine(library))
    try:
        bench = Bench(resolve.find(scope)._resolve)
    except FootfallError as trouble:
        say(f"FAILED resolve: {trouble.message}")
        return
    say(f"{bench.product} {bench.version}, page {bench.page()}")
    folder = tempfile.mkdtemp(prefix="footfall-smoke-")
    try:
        with bench.view_kept():
            bench.begin()
            for name, check in CHECKS.items():
                attempt(say, name, functools.partial(check, bench, folder))
    except Exception as trouble:
        say(f"FAILED timeline: {trouble}")
    finally:
        attempt(say, "cleaning up", lambda: "; ".join(bench.end()) or "nothing is left")
        shutil.rmtree(folder, ignore_errors=True)


def attempt(say: Say, name: str, check: Callable[[], Any]) -> None:
    try:
        say(f"ok     {name}: {check()}")
    except AssertionError as wrong:
        say(f"DIFFERENT {name}: {wrong}")
    except Exception as trouble:
        where = traceback.extract_tb(sys.exc_info()[2])[-1]
        say(f"FAILED {name}: {type(trouble).__name__} {trouble} ({os.path.basename(where.filename)}:{where.lineno})")


def expect(found: Any, wanted: Any) -> Any:
    if found != wanted:
        raise AssertionError(f"{found!r} instead of {wanted!r}")
    return found


# ---- what is tried


def _engine(library: str) -> str:
    card = Engine(read_config(library)).fitting_card()
    return f"{card.get('version')}, process {card.get('pid')}, port {card.get('tcp_port')}" if card else "does not run"


def _windows() -> str:
    try:
        import tkinter

        tkinter.Tk().destroy()
    except Exception as trouble:
        return f"none ({type(trouble).__name__}: {trouble})"
    return f"Tk {tkinter.TkVersion}"


def _timeline(bench: Bench, folder: str) -> str:
    facts = bench.timeline()
    start = bench.raw("GetStartTimecode")
    setting = bench.raw("GetSetting", "timelineFrameRate")
    expect(frames.frame_of(str(start), facts.rate), facts.start)
    return f"{setting!r} {'drop-frame ' if facts.drop_frame else ''}from {start} = frame {facts.start}; " + (
        f"project {bench.project_rate()}"
    )


def _stems(bench: Bench, folder: str) -> str:
    """Two variants between two frames, on tracks of ours."""
    facts = bench.timeline()
    sample = frames.sample_at(facts.start, facts.rate) + frames.SAMPLE_RATE + OFF_FRAME_SAMPLES
    stems = [place.Stem(_wav(folder, n, sample), n, 1, sample, SECONDS * frames.SAMPLE_RATE) for n in (1, 2)]
    numbers, problems = place.place_stems(bench, stems, {"job": "smoke", "label": NAME, "request": {}})
    expect(problems, [])
    return f"on tracks {numbers}"


def _tracks(bench: Bench, folder: str) -> str:
    own = place.own_tracks(bench.audio_tracks())
    expect([(track.name, track.format, track.enabled) for track in own][:2], [
        ("Footfall 1", "stereo", True), ("Footfall 2", "stereo", False)])  # fmt: skip
    place.hear_only(bench, 2)
    expect([track.enabled for track in place.own_tracks(bench.audio_tracks())][:2], [False, True])
    return "stereo, one heard, flipped"


def _item(bench: Bench, folder: str) -> Any:
    return bench.item_facts(place.placed_items(bench)[0].item)


def _recording(bench: Bench, folder: str) -> Any:
    return bench.clip_facts(place.placed_items(bench)[0].item)


def _overlap(bench: Bench, folder: str) -> str:
    """What becomes of a recording that is put where another one lies."""
    there = place.placed_items(bench)[0]
    other = bench.import_recording(_wav(folder, 3, 0))
    bench.append(other, there.track.index, there.item.start, (0, 10))
    lying = bench.audio_items(there.track.index)
    expect(len(lying), 1)
    return "the earlier one stays, the later one is dropped"


def _marks(bench: Bench, folder: str) -> str:
    expect(bool(bench.raw("SetMarkInOut", 10, 20)), True)
    told = bench.raw("GetMarkInOut")
    bench.raw("ClearMarkInOut")
    expect((told.get("video") or {}).get("in"), 10)
    return f"{told}, cleared {bench.raw('GetMarkInOut')}"


def _markers(bench: Bench, folder: str) -> str:
    first = bench.raw("AddMarker", 5, "Red", "impact 0.50", "", 1, "footfall")
    again = bench.raw("AddMarker", 5, "Red", "impact 0.50", "", 1, "footfall")
    told = bench.raw("GetMarkers")
    gone = bench.raw("DeleteMarkerAtFrame", 5)
    expect((bool(first), bool(again), bool(gone)), (True, False, True))
    return f"{told}"


def _playhead(bench: Bench, folder: str) -> str:
    return f"frame {bench.playhead()}, timecode {bench.raw('GetCurrentTimecode')!r}"


def _delete(bench: Bench, folder: str) -> str:
    page = bench.page()
    bench.delete_items([one.item for one in place.placed_items(bench)])
    expect(place.placed_items(bench), [])
    return f"{expect(bench.page(), page)} page before and after"


CHECKS: dict[str, Callable[[Bench, str], Any]] = {
    "timeline": _timeline,
    "stems": _stems,
    "tracks": _tracks,
    "item": _item,
    "recording": _recording,
    "overlap": _overlap,
    "marks": _marks,
    "markers": _markers,
    "playhead": _playhead,
    "delete": _delete,
}


def _wav(folder: str, number: int, position: int) -> str:
    """A quiet stereo Broadcast Wave of a few seconds with a click at its first sample."""
    click = struct.pack("<i", 1 << 20)[:3] * 2
    data = click + bytes(6 * (SECONDS * frames.SAMPLE_RATE - 1))
    bext = bytes(338) + struct.pack("<Q", position) + bytes(256)
    format = struct.pack("<HHIIHH", 1, 2, frames.SAMPLE_RATE, 6 * frames.SAMPLE_RATE, 6, 24)
    chunks = b"".join(
        name + struct.pack("<I", len(body)) + body
        for name, body in ((b"bext", bext), (b"fmt ", format), (b"data", data))
    )
    path = os.path.join(folder, f"footfall-smoke v{number}.wav")
    with open(path, "wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    return path
