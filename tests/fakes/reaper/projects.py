"""Projects: tabs, paths, time, undo, markers, ext state."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from tests.fakes.reaper.model import Marker, Project
from tests.fakes.reaper.table import Misuse, changes, reaper
from tests.fakes.reaper.takes import delete_active_takes, remove_empty_lanes
from tests.fakes.reaper.values import at

NEXT_TAB, NEW_TAB, CLOSE_TAB, SAVE, UNDO, REDO = 40861, 40859, 40860, 40026, 40029, 40030
EDITS = {  # actions with an undo point of their own
    40129: ("Take: Delete active take from items", delete_active_takes),
    41348: ("Item: Remove all empty take lanes", remove_empty_lanes),
}


@reaper
def EnumProjects(host: Any, index: int) -> tuple[Project | None, str]:
    """-1 is the current one."""
    project = host.current if index == -1 else at(host.projects, index)
    return project, str(project.path or "") if project else ""


@reaper
def SelectProjectInstance(host: Any, project: Project) -> None:
    host.current = project


@reaper
def GetProjectName(host: Any, project: Project) -> str:
    return project.name


@reaper
def GetProjectPathEx(host: Any, project: Project) -> str:
    """The recording path, which for an unsaved project is REAPER's default; nobody promises that it exists."""
    return str(project.path.parent / project.record_path if project.path else host.default_record_path)


@reaper
def GetProjectPath(host: Any) -> str:
    return GetProjectPathEx(host, host.current)


@reaper
def IsProjectDirty(host: Any, project: Project) -> int:
    return int(project.dirty)


@reaper
def MarkProjectDirty(host: Any, project: Project) -> None:
    project.dirty = True


@reaper
def GetProjectStateChangeCount(host: Any, project: Project) -> int:
    return project.undo_at


@reaper
def GetSetProjectInfo(host: Any, project: Project, key: str, value: float, is_set: bool) -> float:
    attribute = {"PROJECT_SRATE": "sample_rate", "PROJECT_SRATE_USE": "uses_sample_rate"}.get(key)
    if attribute is None or is_set:
        raise NotImplementedError(f"GetSetProjectInfo of {key}")
    return float(getattr(project, attribute))


@reaper
def GetSetProjectInfo_String(host: Any, project: Project, key: str, text: str, is_set: bool) -> tuple[bool, str]:
    if is_set:
        raise NotImplementedError(f"GetSetProjectInfo_String sets {key}")
    texts = {"RECORD_PATH": project.record_path, "PROJECT_NAME": project.name, "RECORD_PATH_SECONDARY": ""}
    if key not in texts:
        raise NotImplementedError(f"GetSetProjectInfo_String of {key}")
    return True, texts[key]


@reaper
def Main_OnCommand(host: Any, command: int, flag: int) -> None:
    Main_OnCommandEx(host, command, flag, host.current)


@reaper
def Main_OnCommandEx(host: Any, command: int, flag: int, project: Project) -> None:
    known = {
        NEXT_TAB: lambda: host.select_next_tab(),
        NEW_TAB: lambda: host.open_project(),
        CLOSE_TAB: lambda: host.close_project(project),
        UNDO: lambda: Undo_DoUndo2(host, project),
        REDO: lambda: Undo_DoRedo2(host, project),
        SAVE: lambda: host.save(project),
    }
    if command in host.commands:
        host.run_action(host.commands[command])
    elif command in known:
        known[command]()
    elif command in EDITS:
        name, edit = EDITS[command]
        Undo_BeginBlock2(host, project)
        edit(host, project)
        Undo_EndBlock2(host, project, name, -1)
    else:
        raise NotImplementedError(f"Main_OnCommand {command}")


@reaper
def Main_SaveProject(host: Any, project: Project, save_as: bool) -> None:
    if save_as or project.path is None:
        raise NotImplementedError("Main_SaveProject with its dialog")
    host.save(project)


@reaper
def Main_openProject(host: Any, path: str) -> None:
    path = path.removeprefix("noprompt:")
    host.close_project(host.current)
    host.open_project(Path(path))


# Time


@reaper
def GetSet_LoopTimeRange2(
    host: Any, project: Project, is_set: bool, is_loop: bool, start: float, end: float, seek: bool
) -> tuple[float, float]:
    name = "loop" if is_loop else "time_selection"
    if is_set:
        setattr(project, name, (float(start), float(end)))
    return getattr(project, name)


@reaper
def GetSet_LoopTimeRange(
    host: Any, is_set: bool, is_loop: bool, start: float, end: float, seek: bool
) -> tuple[float, float]:
    return GetSet_LoopTimeRange2(host, host.current, is_set, is_loop, start, end, seek)


@reaper
def GetCursorPosition(host: Any) -> float:
    return host.current.cursor


@reaper
def GetCursorPositionEx(host: Any, project: Project) -> float:
    return project.cursor


@reaper
def SetEditCurPos2(host: Any, project: Project, time: float, move_view: bool, seek: bool) -> None:
    project.cursor = float(time)


@reaper
def SetEditCurPos(host: Any, time: float, move_view: bool, seek: bool) -> None:
    host.current.cursor = float(time)


@reaper
def GetProjectLength(host: Any, project: Project) -> float:
    ends = [item.end for item in project.items] + [marker.end or marker.start for marker in project.markers]
    return max(ends, default=0.0)


@reaper
def GetProjectTimeOffset(host: Any, project: Project, round_to_frame: bool) -> float:
    if round_to_frame:
        return round(project.offset * project.frame_rate) / project.frame_rate
    return project.offset


@reaper
def TimeMap_curFrameRate(host: Any, project: Project) -> tuple[float, bool]:
    return project.frame_rate, project.drop_frame


@reaper
def GetPlayState(host: Any) -> int:
    return 0


@reaper
def GetPlayStateEx(host: Any, project: Project) -> int:
    return 0


@reaper
def format_timestr_pos(host: Any, time: float, buffer: str, mode: int) -> str:
    """Modes 3 (seconds), 4 (samples) and 5 (h:m:s:f, without drop frame); the project's offset counts."""
    project = host.current
    time += project.offset
    if mode == 3:
        return f"{time:.3f}"
    if mode == 4:
        return str(round(time * project.sample_rate))
    if mode == 5 and not project.drop_frame:
        frames, nominal = math.floor(time * project.frame_rate + 1e-6), round(project.frame_rate)
        seconds, frame = divmod(frames, nominal)
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}"
    raise NotImplementedError(f"format_timestr_pos in mode {mode}")


# Undo


@reaper
def Undo_BeginBlock2(host: Any, project: Project) -> None:
    if not project.undo_depth:
        name, _ = project.undo_points[project.undo_at]
        project.undo_points[project.undo_at] = name, project.snapshot()
    project.undo_depth += 1


@reaper
def Undo_EndBlock2(host: Any, project: Project, name: str, flags: int) -> None:
    if not project.undo_depth:
        raise Misuse("Undo_EndBlock without Undo_BeginBlock")
    project.undo_depth -= 1
    if not project.undo_depth:
        project.add_undo_point(name)
        if host.action:
            host.action.made_undo_point = True


@reaper
def Undo_BeginBlock(host: Any) -> None:
    Undo_BeginBlock2(host, host.current)


@reaper
def Undo_EndBlock(host: Any, name: str, flags: int) -> None:
    Undo_EndBlock2(host, host.current, name, flags)


@reaper
def Undo_CanUndo2(host: Any, project: Project) -> str | None:
    return project.undo_name


@reaper
def Undo_CanRedo2(host: Any, project: Project) -> str | None:
    return project.redo_name


@reaper
def Undo_DoUndo2(host: Any, project: Project) -> int:
    return step(project, -1, project.undo_name)


@reaper
def Undo_DoRedo2(host: Any, project: Project) -> int:
    return step(project, 1, project.redo_name)


def step(project: Project, steps: int, name: str | None) -> int:
    if project.undo_depth:
        raise Misuse("undo inside an undo block")
    if name is None:
        return 0
    project.step_in_history(steps)
    return 1


# Markers and regions


@reaper
def CountProjectMarkers(host: Any, project: Project) -> tuple[int, int, int]:
    regions = sum(marker.is_region for marker in project.markers)
    return len(project.markers), len(project.markers) - regions, regions


@reaper
def EnumProjectMarkers3(host: Any, project: Project, index: int) -> tuple[int, bool, float, float, str, int, int]:
    """Answers the next index, 0 behind the last one."""
    marker = at(project.markers, index)
    if marker is None:
        return 0, False, 0.0, 0.0, "", 0, 0
    facts = (marker.is_region, marker.start, marker.end or 0.0, marker.name, marker.number, marker.colour)
    return index + 1, *facts


@reaper
def EnumProjectMarkers2(host: Any, project: Project, index: int) -> tuple[int, bool, float, float, str, int]:
    return EnumProjectMarkers3(host, project, index)[:-1]


@reaper
def EnumProjectMarkers(host: Any, index: int) -> tuple[int, bool, float, float, str, int]:
    return EnumProjectMarkers3(host, host.current, index)[:-1]


@changes
def AddProjectMarker2(
    host: Any, project: Project, region: bool, start: float, end: float, name: str, number: int, colour: int
) -> int:
    """Answers the number that the marker got: the wanted one when it was free."""
    return project.add_marker(start, name, end=end if region else None, number=number, colour=colour).number


@changes
def AddProjectMarker(
    host: Any, project: Project, region: bool, start: float, end: float, name: str, number: int
) -> int:
    return AddProjectMarker2(host, project, region, start, end, name, number, 0)


@changes
def AddRegionOrMarker(
    host: Any, project: Project, region: bool, start: float, end: float, name: str, number: int, colour: int
) -> Marker:
    return project.add_marker(start, name, end=end if region else None, number=number, colour=colour)


@changes
def DeleteProjectMarker(host: Any, project: Project, number: int, region: bool) -> bool:
    found = [m for m in project.markers if m.number == number and m.is_region == region]
    for marker in found[:1]:
        project.contents.markers.remove(marker)
        marker.free()
    return bool(found)


@reaper
def GetNumRegionsOrMarkers(host: Any, project: Project) -> int:
    return len(project.markers)


@reaper
def GetRegionOrMarker(host: Any, project: Project, index: int, guid: str) -> Marker | None:
    if guid:
        return next((marker for marker in project.markers if marker.guid == guid), None)
    return at(project.markers, index)


@reaper
def GetRegionOrMarkerInfo_Value(host: Any, project: Project, marker: Marker, key: str) -> float:
    facts = {
        "B_ISREGION": marker.is_region,
        "D_STARTPOS": marker.start,
        "D_ENDPOS": marker.end or marker.start,
        "I_NUMBER": marker.number,
        "I_CUSTOMCOLOR": marker.colour,
        "I_INDEX": project.markers.index(marker),
    }
    if key not in facts:
        raise NotImplementedError(f"GetRegionOrMarkerInfo_Value of {key}")
    return float(facts[key])


@changes
def GetSetRegionOrMarkerInfo_String(
    host: Any, project: Project, marker: Marker, key: str, text: str, is_set: bool
) -> tuple[bool, str]:
    if is_set:
        marker.name = text
    return True, marker.name
