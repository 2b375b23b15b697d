"""PCM sources, take markers and stretch markers."""

from __future__ import annotations

from typing import Any

from tests.fakes.reaper.media import bwf_time_reference, open_source
from tests.fakes.reaper.model import Source, Take
from tests.fakes.reaper.table import Misuse, changes, reaper

PEAK_STEPS = 3  # so many calls until all peaks of a source are there


@reaper
def PCM_Source_CreateFromFile(host: Any, path: str) -> Source | None:
    """Belongs to the script until a take gets it: `PCM_Source_Destroy` it otherwise."""
    host.files.check("PCM_Source_CreateFromFile", path, "r")
    source = open_source(path)
    if source is not None:
        host.loose_sources.append(source)
    return source


@reaper
def PCM_Source_Destroy(host: Any, source: Source) -> None:
    if source.owner is not None:
        raise Misuse("PCM_Source_Destroy: a take still plays this source")
    if source in host.loose_sources:
        host.loose_sources.remove(source)
    source.free()


@reaper
def PCM_Source_GetSectionInfo(host: Any, source: Source) -> tuple[bool, float, float, bool]:
    if source.parent is None:
        return False, 0.0, 0.0, False
    return True, source.offset, source.length, source.reversed


@reaper
def PCM_Source_BuildPeaks(host: Any, source: Source, mode: int) -> int:
    """0 starts (0 when there is nothing to do), 1 goes on (0 when all is there), 2 finishes."""
    building = host.action.building_peaks
    if mode == 0 and source.peaks_missing:
        building.append(source)
        source.peaks_left = PEAK_STEPS
        return 1
    if mode == 0:
        return 0
    if source not in building:
        raise Misuse(f"PCM_Source_BuildPeaks in mode {mode}, not begun with mode 0")
    if mode == 2:
        building.remove(source)
        source.peaks_missing = False
        return 0
    source.peaks_left = max(0, source.peaks_left - 1)
    return source.peaks_left


@reaper
def GetMediaItemTake_Source(host: Any, take: Take) -> Source | None:
    """A section is given as such: its file is its parent's."""
    return take.source


@reaper
def GetMediaSourceParent(host: Any, source: Source) -> Source | None:
    return source.parent


@reaper
def GetMediaSourceFileName(host: Any, source: Source) -> str:
    return str(source.path) if source.path else ""


@reaper
def GetMediaSourceType(host: Any, source: Source) -> str:
    return source.kind


@reaper
def GetMediaSourceLength(host: Any, source: Source) -> tuple[float, bool]:
    """(length, whether it is in quarter notes)"""
    return source.length, False


@reaper
def GetMediaSourceSampleRate(host: Any, source: Source) -> int:
    return int(source.rate)


@reaper
def GetMediaSourceNumChannels(host: Any, source: Source) -> int:
    return source.channels


@reaper
def GetMediaFileMetadata(host: Any, source: Source, identifier: str) -> tuple[int, str]:
    if identifier != "BWF:TimeReference":
        raise NotImplementedError(f"GetMediaFileMetadata of {identifier}")
    at = bwf_time_reference(source.root.path) if source.root.path else None
    return (0, "") if at is None else (1, str(at))


# Take markers: positions in the source.


@reaper
def GetNumTakeMarkers(host: Any, take: Take) -> int:
    return len(take.markers)


@reaper
def GetTakeMarker(host: Any, take: Take, index: int) -> tuple[float, str, int]:
    return take.markers[index] if 0 <= index < len(take.markers) else (-1.0, "", 0)


@changes
def SetTakeMarker(
    host: Any, take: Take, index: int, name: str, position: float | None = None, colour: int | None = None
) -> int:
    """Index -1 adds one; they stay sorted, so that indices move. Answers the marker's index."""
    if index < 0:
        marker = (float(position or 0.0), name, colour or 0)
    else:
        old_position, _, old_colour = take.markers.pop(index)
        marker = (old_position if position is None else float(position), name, old_colour if colour is None else colour)
    take.markers = sorted([*take.markers, marker])
    return take.markers.index(marker)


@changes
def DeleteTakeMarker(host: Any, take: Take, index: int) -> bool:
    if not 0 <= index < len(take.markers):
        return False
    del take.markers[index]
    return True


@reaper
def GetTakeNumStretchMarkers(host: Any, take: Take) -> int:
    return len(take.stretch_markers)


@reaper
def GetTakeStretchMarker(host: Any, take: Take, index: int) -> tuple[int, float, float]:
    if not 0 <= index < len(take.stretch_markers):
        return -1, 0.0, 0.0
    return index, *take.stretch_markers[index]


@changes
def SetTakeStretchMarker(host: Any, take: Take, index: int, position: float, in_source: float | None = None) -> int:
    if index >= 0:
        del take.stretch_markers[index]
    at_rate = position * take.rate + take.start_offset
    marker = (float(position), float(at_rate if in_source is None else in_source))
    take.stretch_markers = sorted([*take.stretch_markers, marker])
    return take.stretch_markers.index(marker)
