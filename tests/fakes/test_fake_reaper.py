"""The REAPER that the actions are tested in refuses what the real one would, and says which call it was."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.clips import SHARED, make_clip
from tests.fakes.reaper import make_api
from tests.fakes.reaper.model import Source
from tests.fakes.reaper.run import OLD, FakeReaper, ScriptError
from tests.fakes.reaper.strict import Api
from tests.fakes.reaper.table import FUNCTIONS, Misuse

HERE = Path(make_api.__file__).parent
RATE, SAMPLES = 48_000, 24_001


@pytest.fixture
def host(tmp_path: Path) -> Iterator[FakeReaper]:
    soundfile.write(tmp_path / "stem.wav", np.zeros((SAMPLES, 2)), RATE)
    host = FakeReaper(tmp_path)
    host.project.add_track("Picture").add_item(host.source(tmp_path / "stem.wav"), 1.0, selected=True)
    yield host
    host.close()


START = """
local proj = reaper.EnumProjects(-1)
local track = reaper.GetTrack(proj, 0)
local item = reaper.GetTrackMediaItem(track, 0)
local take = reaper.GetActiveTake(item)
local folder = FOLDER
"""


def script(host: FakeReaper, body: str) -> str:
    return START.replace("FOLDER", f'"{host.folder}"') + body


def in_undo(body: str) -> str:
    return f"reaper.Undo_BeginBlock2(proj) {body} reaper.Undo_EndBlock2(proj, 'test', -1)"


REFUSED = {
    "a misspelt function": ("reaper.GetTrak(proj, 0)", "GetTrak is no function"),
    "a C function": ("reaper.GetSetMediaItemInfo(item, 'D_POSITION', 1)", "exists for C alone"),
    "too few arguments": ("reaper.GetTrack(proj)", "GetTrack got 1 arguments"),
    "too many arguments": ("reaper.GetTrack(proj, 0, 0)", "GetTrack got 3 arguments"),
    "reading the time selection with two arguments": ("reaper.GetSet_LoopTimeRange2(proj, false)", "got 2 arguments"),
    "a text for a number": ("reaper.GetTrack(proj, '0')", "trackidx wants integer, got '0'"),
    "half a number for an integer": ("reaper.GetTrack(proj, 0.5)", "trackidx wants integer, got 0.5"),
    "a number for a boolean": ("reaper.SetMediaItemSelected(item, 1)", "selected wants boolean, got 1"),
    "an item for a take": ("reaper.GetTakeName(item)", "take wants MediaItem_Take"),
    "nil for an item": ("reaper.GetActiveTake(nil)", "item wants MediaItem, got None"),
    "an unknown parameter": ("reaper.GetMediaItemInfo_Value(item, 'D_POS')", "knows no 'D_POS'"),
    "a read-only parameter": (
        in_undo("reaper.SetMediaTrackInfo_Value(track, 'IP_TRACKNUMBER', 2)"),
        "IP_TRACKNUMBER",
    ),
    "a read-only text": (
        in_undo("reaper.GetSetMediaTrackInfo_String(track, 'P_UI_RECT:tcp.mute', '1', true)"),
        "P_UI_RECT",
    ),
    "a stale item": (
        in_undo("reaper.DeleteTrackMediaItem(track, item)") + "reaper.GetActiveTake(item)",
        "item is a stale pointer",
    ),
    "a stale take of a deleted item": (
        in_undo("reaper.DeleteTrackMediaItem(track, item)") + "reaper.GetTakeName(take)",
        "take is a stale pointer",
    ),
    "an item of a deleted track": (
        in_undo("reaper.DeleteTrack(track)") + "reaper.GetActiveTake(item)",
        "item is a stale pointer",
    ),
    "an item of a closed project": (
        "reaper.Main_OnCommandEx(40860, 0, proj) reaper.GetActiveTake(item)",
        "item is a stale pointer",
    ),
    "an item after an undo": (
        in_undo("reaper.SetMediaItemInfo_Value(item, 'D_POSITION', 9)")
        + "reaper.Undo_DoUndo2(proj) reaper.GetActiveTake(item)",
        "item is a stale pointer",
    ),
    "a change outside an undo block": (
        "reaper.SetMediaItemInfo_Value(item, 'D_POSITION', 9)",
        "outside an undo block",
    ),
    "an undo block left open": ("reaper.Undo_BeginBlock2(proj)", "Undo_BeginBlock without Undo_EndBlock"),
    "an undo block ended twice": (in_undo("") + "reaper.Undo_EndBlock2(proj, 'x', -1)", "without Undo_BeginBlock"),
    "the interface left frozen": ("reaper.PreventUIRefresh(1)", "PreventUIRefresh is left at 1"),
    "the interface thawed twice": ("reaper.PreventUIRefresh(-1)", "went below 0"),
    "fixed lanes without an update": (
        in_undo("reaper.SetMediaTrackInfo_Value(track, 'I_FREEMODE', 2)"),
        "without UpdateTimeline",
    ),
    "a take that is not there": (in_undo("reaper.SetMediaItemInfo_Value(item, 'I_CURTAKE', 1)"), "I_CURTAKE 1"),
    "a line break in what is kept": (
        in_undo("reaper.GetSetMediaItemTakeInfo_String(take, 'P_EXT:a', 'x\\ny', true)"),
        "line break",
    ),
    "a source nobody destroys": ("reaper.PCM_Source_CreateFromFile(folder .. '/stem.wav')", "nor destroyed"),
    "destroying a source in use": (
        "reaper.PCM_Source_Destroy(reaper.GetMediaItemTake_Source(take))",
        "a take still plays",
    ),
    "peaks that were not begun": (
        "reaper.PCM_Source_BuildPeaks(reaper.GetMediaItemTake_Source(take), 1)",
        "not begun with mode 0",
    ),
    "one source for two takes": (
        in_undo(
            "local other = reaper.AddTakeToMediaItem(item)"
            " reaper.SetMediaItemTake_Source(other, reaper.GetMediaItemTake_Source(take))"
        ),
        "belongs to another take",
    ),
    "an unknown process": ("reaper.ExecProcess('/bin/rm -rf /', 0)", "may not start '/bin/rm -rf /'"),
    "io.popen": ("io.popen('ls')", "io.popen is not for"),
    "os.execute": ("os.execute('ls')", "os.execute is not for"),
    "os.exit": ("os.exit(1)", "os.exit is not for"),
    "os.tmpname": ("os.tmpname()", "os.tmpname is not for"),
    "a C library": ("package.loadlib('/x.so', 'luaopen_x')", "package.loadlib is not for"),
    "print": ("print('x')", "REAPER has no terminal"),
    "a file outside": ("io.open('/etc/passwd')", "io.open reaches '/etc/passwd'"),
    "a file outside by a detour": ("io.open(folder .. '/../x', 'w')", "outside the allowed folders"),
    "a relative file": ("io.open('x', 'w')", "io.open reaches 'x'"),
    "removing a file outside": ("os.remove('/tmp/x')", "os.remove reaches '/tmp/x'"),
    "renaming to outside": ("os.rename(folder .. '/stem.wav', '/tmp/x.wav')", "os.rename reaches '/tmp/x.wav'"),
    "looking into a pointer": ("return item.position", "no field position"),
    "a field of reaper that is set": ("reaper.GetTrack = nil", "may not be set"),
    "an unanswered question": ("reaper.ShowMessageBox('Sure?', 'x', 4)", "nobody answers the box 'x': Sure\\?"),
    "more values than inputs": ("reaper.GetUserInputs('x', 1, 'A', 'a,b')", "has more than 1 values"),
    "a wrong gfx call": ("gfx.init('x', 100, 100) gfx.rect(1, 2)", "gfx.rect got 2 arguments"),
    "a table for gfx": ("gfx.init('x', 100, 100) gfx.drawstr({})", "gfx takes numbers and texts"),
}


@pytest.mark.parametrize("body, why", REFUSED.values(), ids=REFUSED)
def test_refused(host: FakeReaper, body: str, why: str) -> None:
    with pytest.raises((Misuse, ScriptError), match=why):
        host.run_lua(script(host, body))


def test_refused_even_when_the_script_traps_it(host: FakeReaper) -> None:
    with pytest.raises(Misuse, match="GetTrack got 1 arguments"):
        host.run_lua(script(host, "pcall(reaper.GetTrack, proj)"))
    with pytest.raises(Misuse, match="GetTrack got 1 arguments"):
        host.run_lua(script(host, "reaper.defer(function() pcall(reaper.GetTrack, proj) end)"))
        host.pump()
    with pytest.raises(Misuse, match="a pointer has no field position"):
        host.run_lua(script(host, "pcall(function() return item.position end)"))


def test_the_script_itself_gets_an_error_with_its_line(host: FakeReaper) -> None:
    with pytest.raises(Misuse):
        host.run_lua("local _, why = pcall(function()\n reaper.GetTrack(0)\n end) reaper.ShowConsoleMsg(why)", "a.lua")
    assert "a.lua:2: reaper.GetTrack: GetTrack got 1 arguments" in host.texts[0]


def test_a_real_function_that_is_not_modelled_is_named(host: FakeReaper) -> None:
    with pytest.raises(NotImplementedError, match="Audio_Init is real"):
        host.run_lua("reaper.Audio_Init()")


def test_every_modelled_function_is_one_of_lua() -> None:
    api = Api.load()
    assert not set(FUNCTIONS) - set(api.functions)
    assert not set(api.functions) & api.c_only


def test_an_error_of_the_script_comes_with_its_traceback(host: FakeReaper) -> None:
    with pytest.raises(ScriptError, match=r"(?s)here.*traceback.*b\.lua:2: in"):
        host.run_lua("local function deep()\n error('here')\n end deep()", "b.lua")
    with pytest.raises(ScriptError, match=r"b\.lua:1: .*expected"):
        host.run_lua("local = 1", "b.lua")


# The committed truth


def test_the_committed_truth_is_what_the_full_one_says() -> None:
    full = SHARED / "hosts" / "reaper_api.json"
    if not full.is_file():
        pytest.skip("the shared media folder is not here (FOOTFALL_SHARED)")
    api = make_api.reduced(json.loads(full.read_text(encoding="utf-8")))
    assert make_api.one_line_each(api) == (HERE / "api.json").read_text(encoding="utf-8")


def test_the_list_for_luacheck_is_that_of_the_committed_truth() -> None:
    api = json.loads((HERE / "api.json").read_text(encoding="utf-8"))
    assert make_api.luacheck_std(api) == (HERE / "luacheck_reaper.lua").read_text(encoding="utf-8")
    assert (HERE / "api.json").stat().st_size < 300_000


@pytest.mark.skipif(not shutil.which("luacheck"), reason="luacheck is not installed")
@pytest.mark.parametrize(
    "line, found",
    [
        ("return reaper.GetTrack(0, 0), gfx.w", ""),
        ("return reaper.GetTrak(0, 0)", "accessing undefined field GetTrak of global reaper"),
        ("return reaper.GetSetMediaItemInfo(0, 0)", "accessing undefined field GetSetMediaItemInfo"),
        ("reaper.GetTrack = nil", "setting read-only field GetTrack"),
        ("x = 1", "setting non-standard global variable x"),
    ],
)
def test_luacheck_knows_the_functions_and_no_others(tmp_path: Path, line: str, found: str) -> None:
    config = tmp_path / "config"
    config.write_text(f'stds.reaper = dofile("{HERE / "luacheck_reaper.lua"}")\nstd = "lua54+reaper"\n')
    checked = subprocess.run(
        ["luacheck", "--config", str(config), "--no-color", "-"], input=line + "\n", capture_output=True, text=True
    )
    assert (checked.returncode == 0) == (not found) and found in checked.stdout.replace("'", "")


# Versions


def test_an_old_version_lacks_what_came_later(tmp_path: Path) -> None:
    host = FakeReaper(tmp_path, version=OLD)
    host.run_lua(
        """
        assert(_VERSION == "Lua 5.3")
        assert(not reaper.APIExists("set_action_options") and reaper.set_action_options == nil)
        assert(reaper.APIExists("GetSelectedMediaItem") and not reaper.APIExists("GetRegionOrMarker"))
        assert(reaper.GetAppVersion():find("^6%."))
        """
    )
    host.project.add_track()
    with pytest.raises(Misuse, match="C_LANESETTINGS came with REAPER 7"):
        host.run_lua("return reaper.GetMediaTrackInfo_Value(reaper.GetTrack(0, 0), 'C_LANESETTINGS')")


def test_a_recent_version_has_what_came_before_and_no_extension(host: FakeReaper) -> None:
    host.run_lua(
        """
        assert(_VERSION == "Lua 5.4")
        assert(reaper.APIExists("set_action_options") and not reaper.APIExists("GetRegionOrMarker"))
        assert(reaper.ImGui_CreateContext == nil and not reaper.APIExists("ImGui_CreateContext"))
        assert(not reaper.APIExists("GetSetMediaItemInfo") and not reaper.APIExists("GetTrak"))
        """
    )


# A good script


PLACE = """
reaper.Undo_BeginBlock2(proj)
reaper.PreventUIRefresh(1)
reaper.InsertTrackAtIndex(1, true)
local new = reaper.AddMediaItemToTrack(reaper.GetTrack(proj, 1))
reaper.SetMediaItemInfo_Value(new, "D_POSITION", 93093 / 48000)
reaper.SetMediaItemInfo_Value(new, "D_LENGTH", 24001 / 48000)
reaper.SetMediaItemInfo_Value(new, "B_LOOPSRC", 0)
for _ = 1, 3 do
  local stem = reaper.AddTakeToMediaItem(new)
  assert(reaper.SetMediaItemTake_Source(stem, reaper.PCM_Source_CreateFromFile(folder .. "/stem.wav")))
  reaper.GetSetMediaItemTakeInfo_String(stem, "P_EXT:footfall", '{"seed": 7}', true)
end
reaper.SetActiveTake(reaper.GetTake(new, 1))
reaper.PreventUIRefresh(-1)
reaper.UpdateArrange()
reaper.Undo_EndBlock2(proj, "Footfall: boots", -1)
"""


def test_a_good_script_places_takes_that_one_undo_takes_away(host: FakeReaper) -> None:
    before = host.project.facts()
    host.run_lua(script(host, PLACE))
    placed = host.project.facts()
    (item,) = host.project.tracks[1].items
    assert (item.position, item.length, item.value("B_LOOPSRC")) == (93093 / 48000, 24001 / 48000, 0.0)
    assert [take.ext for take in item.takes] == [{"footfall": '{"seed": 7}'}] * 3
    assert item.active_take is item.takes[1] and round(item.takes[1].source.length * RATE) == SAMPLES
    assert host.project.undo_name == "Footfall: boots"
    host.run_lua("reaper.defer(function() end) reaper.Undo_DoUndo2(0)")
    assert host.project.facts() == before and item.gone
    host.run_lua(
        "reaper.defer(function() end) assert(reaper.Undo_CanRedo2(0) == 'Footfall: boots') reaper.Undo_DoRedo2(0)"
    )
    assert host.project.facts() == placed


def test_undo_keeps_a_track_pointer_and_frees_those_of_items(host: FakeReaper) -> None:
    track, (item,) = host.project.tracks[0], host.project.items
    host.run_lua(script(host, in_undo("reaper.SetMediaItemInfo_Value(item, 'D_POSITION', 9)")))
    host.run_lua("reaper.defer(function() end) reaper.Undo_DoUndo2(0)")
    assert host.project.tracks == [track] and not track.gone and item.gone
    (again,) = host.project.items
    assert again.guid == item.guid and again.position == 1.0 and again.track is track


def test_a_script_that_neither_defers_nor_makes_an_undo_point_gets_one(host: FakeReaper) -> None:
    host.run_lua("local n = reaper.CountTracks(0)", "idle.lua")
    assert host.project.undo_name == "ReaScript: idle.lua"
    host.run_lua("reaper.defer(function() end)", "deferring.lua")
    host.pump()
    assert host.project.undo_name == "ReaScript: idle.lua"


def test_answers_are_those_of_lua(host: FakeReaper) -> None:
    """Void functions with an out-parameter give it alone; numbers are floats, pointers compare and index."""
    host.project.frame_rate = 24000 / 1001
    host.project.offset = 3600.0
    host.run_lua(
        script(
            host,
            """
            local source = reaper.GetMediaItemTake_Source(take)
            assert(reaper.GetMediaSourceFileName(source) == folder .. "/stem.wav")
            local length, in_quarter_notes = reaper.GetMediaSourceLength(source)
            assert(length == 24001 / 48000 and in_quarter_notes == false)
            assert(math.type(reaper.GetMediaItemInfo_Value(item, "I_CURTAKE")) == "float")
            assert(math.type(reaper.CountTracks(0)) == "integer")
            assert(type(item) == "userdata" and reaper.GetSelectedMediaItem(0, 0) == item)
            assert(({ [item] = 1 })[reaper.GetMediaItem(nil, 0)] == 1)
            assert(reaper.GetTrack(proj, 1) == nil and reaper.GetMediaSourceParent(source) == nil)
            local fps, drop = reaper.TimeMap_curFrameRate(0)
            assert(fps == 24000 / 1001 and drop == false and reaper.GetProjectTimeOffset(0, false) == 3600)
            local from, to = reaper.GetSet_LoopTimeRange2(0, false, false, 0, 0, false)
            assert(from == 0 and to == 0)
            local found, text = reaper.GetSetMediaItemTakeInfo_String(take, "P_EXT:footfall", "", false)
            assert(found == false and text == "")
            assert(reaper.GetProjExtState(0, "footfall", "x") == 0)
            assert(reaper.SetProjExtState(0, "footfall", "x", "7") == 1)
            assert(select(2, reaper.GetProjExtState(proj, "FOOTFALL", "X")) == "7")
            assert(reaper.EnumerateFiles(folder .. "/nothing", 0) == nil)
            """,
        )
    )


def test_a_section_is_given_as_such(host: FakeReaper, tmp_path: Path) -> None:
    """Its parent has the file, and it counts from its own offset."""
    video = host.source(make_clip(tmp_path / "clip.mp4"))
    assert video.kind == "VIDEO" and video.length == pytest.approx(2.0, abs=1e-6)
    host.project.tracks[0].add_item(Source.section(video, 0.5, 1.0, reversed=True), 5.0)
    host.run_lua(
        """
        local source = reaper.GetMediaItemTake_Source(reaper.GetActiveTake(reaper.GetMediaItem(0, 1)))
        assert(reaper.GetMediaSourceType(source) == "SECTION" and reaper.GetMediaSourceFileName(source) == "")
        local is_section, offset, length, reversed = reaper.PCM_Source_GetSectionInfo(source)
        assert(is_section and offset == 0.5 and length == 1.0 and reversed)
        local parent = reaper.GetMediaSourceParent(source)
        assert(reaper.GetMediaSourceType(parent) == "VIDEO" and reaper.PCM_Source_GetSectionInfo(parent) == false)
        """
    )


def test_a_new_source_does_not_change_the_item_and_the_old_one_is_the_scripts(host: FakeReaper, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.zeros(RATE * 3), RATE)
    change = """
    local old = reaper.GetMediaItemTake_Source(take)
    reaper.SetMediaItemTake_Source(take, reaper.PCM_Source_CreateFromFile(folder .. "/long.wav"))
    assert(reaper.GetMediaItemInfo_Value(item, "D_LENGTH") == 24001 / 48000)
    """
    with pytest.raises(Misuse, match=r"neither given to a take nor destroyed.*stem\.wav"):
        host.run_lua(script(host, in_undo(change)))
    host.run_lua(script(host, in_undo(change + "reaper.PCM_Source_Destroy(old)").replace("stem", "long")))


@pytest.mark.parametrize("leave_lanes", [False, True])
def test_deleting_takes_may_leave_empty_lanes(host: FakeReaper, leave_lanes: bool) -> None:
    host.deleted_takes_leave_lanes = leave_lanes
    (item,) = host.project.items
    kept = item.add_take()
    item.add_take()
    delete = """
    reaper.SetActiveTake(take) reaper.Main_OnCommandEx(40129, 0, proj)
    assert(reaper.CountTakes(item) == COUNT and not reaper.ValidatePtr2(proj, take, "MediaItem_Take*"))
    """
    host.run_lua(script(host, in_undo(delete.replace("COUNT", "3" if leave_lanes else "2"))))
    assert item.takes[0] is kept and (item.active_take is None) == leave_lanes
    path = host.save()
    assert [bool(take) for take in host.open_project(path).items[0].lanes] == [False] * leave_lanes + [True] * 2
    host.select_next_tab()
    host.run_lua("reaper.Main_OnCommandEx(41348, 0, 0) assert(reaper.CountTakes(reaper.GetMediaItem(0, 0)) == 2)")
    assert host.project.items == [item] and item.active_take is kept


def test_peaks_are_built_in_steps(host: FakeReaper) -> None:
    build = """
    local source = reaper.GetMediaItemTake_Source(take)
    assert(reaper.PCM_Source_BuildPeaks(source, 0) ~= 0)
    local calls = 1
    while reaper.PCM_Source_BuildPeaks(source, 1) ~= 0 do calls = calls + 1 end
    assert(calls > 1)
    """
    with pytest.raises(Misuse, match=r"stem.wav'\] and not finished"):
        host.run_lua(script(host, build))
    host.run_lua(script(host, build + "reaper.PCM_Source_BuildPeaks(source, 2)"))
    host.run_lua(script(host, "assert(reaper.PCM_Source_BuildPeaks(reaper.GetMediaItemTake_Source(take), 0) == 0)"))


def test_a_lane_that_plays_alone_silences_the_others(host: FakeReaper) -> None:
    host.project.tracks[0].add_item(None, 1.0).set_value("I_FIXEDLANE", 1)
    change = """
    reaper.SetMediaTrackInfo_Value(track, "I_FREEMODE", 2)
    reaper.UpdateTimeline()
    for lane = 0, 1 do
      reaper.SetMediaTrackInfo_Value(track, "C_LANEPLAYS:" .. lane, 1)
      for n = 0, 1 do
        local plays = reaper.GetMediaItemInfo_Value(reaper.GetTrackMediaItem(track, n), "C_LANEPLAYS")
        assert(plays == (n == lane and 1 or 0))
      end
    end
    assert(reaper.GetMediaTrackInfo_Value(track, "I_NUMFIXEDLANES") == 2)
    assert(reaper.GetSetMediaTrackInfo_String(track, "P_LANENAME:1", "wet", true))
    """
    host.run_lua(script(host, in_undo(change)))


def test_markers_and_regions_are_counted_in_time_and_numbered_apart(host: FakeReaper) -> None:
    host.project.add_region(4.0, 6.0, "foley: steps")
    host.project.add_marker(2.0, "door")
    host.run_lua(
        script(
            host,
            """
            local more, is_region, from, to, name, number = reaper.EnumProjectMarkers3(proj, 1)
            assert(more == 2 and is_region and from == 4 and to == 6 and name == "foley: steps" and number == 1)
            assert(reaper.EnumProjectMarkers3(proj, 2) == 0)
            local all, markers, regions = reaper.CountProjectMarkers(proj)
            assert(all == 2 and markers == 1 and regions == 1)
            """
            + in_undo(
                """
                assert(reaper.AddProjectMarker2(proj, false, 1, 0, "hit", 1, 0) == 2, "1 is taken by the door")
                assert(reaper.DeleteProjectMarker(proj, 1, false) and not reaper.DeleteProjectMarker(proj, 1, false))
                """
            ),
        )
    )
    assert [marker.name for marker in host.project.markers] == ["hit", "foley: steps"]


def test_a_missing_file_gives_no_source(host: FakeReaper) -> None:
    host.run_lua(script(host, "assert(reaper.PCM_Source_CreateFromFile(folder .. '/none.wav') == nil)"))


# The user


def test_inputs_are_answered_and_separated(host: FakeReaper) -> None:
    host.answers += [["boots, wet", "3"], {"Variants": 5}, None]
    host.run_lua(
        """
        local yes, text = reaper.GetUserInputs("Foley", 2, "Prompt,Variants,extrawidth=200,separator=|", "gravel|3")
        assert(yes and text == "boots, wet|3")
        yes, text = reaper.GetUserInputs("Foley", 2, "Prompt,Variants", "gravel,3")
        assert(yes and text == "gravel,5")
        assert(reaper.GetUserInputs("Foley", 1, "Prompt", "") == false)
        """
    )
    assert host.messages[0].fields == {"Prompt": "gravel", "Variants": "3"}


def test_boxes_are_answered_by_their_buttons(host: FakeReaper) -> None:
    host.answers += ["yes", lambda dialog: "cancel" if "Overwrite" in dialog.text else "ok"]
    host.run_lua(
        """
        assert(reaper.ShowMessageBox("Keep?", "x", 4) == 6)
        assert(reaper.ShowMessageBox("Overwrite?", "x", 1) == 2)
        assert(reaper.ShowMessageBox("Done.", "x", 0) == 1)
        """
    )
    assert host.texts == ["Keep?", "Overwrite?", "Done."]
    host.answers.append("yes")
    with pytest.raises(Misuse, match="has no button 'yes'"):
        host.run_lua("reaper.ShowMessageBox('x', 'x', 1)")


def test_a_window_shows_and_is_clicked(host: FakeReaper) -> None:
    action = host.run_lua(
        """
        local clicks, down = 0, false
        gfx.init("Footfall", 300, 200)
        local function step()
          gfx.set(0.5)
          gfx.rect(10, 20, 100, 16)
          gfx.x, gfx.y = 10, 20
          gfx.drawstr("Repair " .. clicks)
          assert(gfx.x == 10 + gfx.measurestr("Repair " .. clicks))
          local pressed = gfx.mouse_cap == 1
          if pressed and not down and gfx.mouse_x > 10 and gfx.mouse_y > 20 then clicks = clicks + 1 end
          down = pressed
          local key = gfx.getchar()
          if key >= 0 and key ~= 27 then reaper.defer(step) end
        end
        step()
        """
    )
    assert action.window.title == "Footfall" and action.window.texts == ["Repair 0"]
    assert action.window.frame[0].colour == (0.5, 0.5, 0.5, 1.0)
    action.window.click_on("Repair")
    host.pump(lambda: action.window.texts == ["Repair 1"])
    host.step(5)
    assert action.window.texts == ["Repair 1"]
    action.window.key(27)
    host.pump()
    assert not action.window.is_open


def test_closing_a_window_is_told_by_getchar(host: FakeReaper) -> None:
    action = host.run_lua(
        "gfx.init('x', 9, 9) local function step() if gfx.getchar() ~= -1 then reaper.defer(step) end end step()"
    )
    host.step(3)
    assert host.actions == [action]
    action.window.close()
    host.pump()


# Running


def test_deferred_steps_are_timed_and_counted(host: FakeReaper) -> None:
    host.run_lua(
        "local n = 0 local function step() n = n + 1 if n < 10 then reaper.defer(step) end end step()", "n.lua"
    )
    host.pump()
    assert len(host.steps) == 10 and {step.script for step in host.steps} == {"n.lua"}
    assert all(0 < step.seconds_of_script <= step.seconds for step in host.steps)
    assert [step.deferred for step in host.steps] == [False] + [True] * 9
    assert host.longest_step.seconds_of_script == max(step.seconds_of_script for step in host.steps[1:])


def test_time_spent_in_reaper_is_told_from_the_scripts_own(host: FakeReaper) -> None:
    host.processes.allowed = [["/bin/sleep"]]
    host.run_lua("reaper.defer(function() reaper.ExecProcess('/bin/sleep 0.05', 0) end)")
    host.pump()
    assert host.longest_step.seconds_in_reaper >= 0.05
    assert host.longest_step.seconds_of_script < host.longest_step.seconds_in_reaper


def test_a_script_that_never_ends_is_named(host: FakeReaper) -> None:
    host.run_lua("local function step() reaper.defer(step) end step()", "endless.lua")
    with pytest.raises(AssertionError, match=r"stuck after 0.05 s; running: \['endless.lua'\]"):
        host.pump(seconds=0.05)


def test_each_action_has_its_own_state_and_all_share_one_reaper(host: FakeReaper) -> None:
    waits = "local function step() if reaper.GetExtState('a', 'b') == '' then reaper.defer(step) end end x = 1 step()"
    host.run_lua(waits, "waits.lua")
    host.run_lua("assert(x == nil) reaper.SetExtState('a', 'b', 'go', false)", "goes.lua")
    host.pump(seconds=2)


def test_a_script_started_again_ends_its_old_self_when_it_said_so(host: FakeReaper) -> None:
    loop = """
    reaper.set_action_options(OPTIONS)
    reaper.atexit(function() reaper.ShowConsoleMsg("ended") end)
    local function step() reaper.defer(step) end
    step()
    """
    first = host.run_lua(loop.replace("OPTIONS", "3"), "again.lua")
    second = host.run_action(first.path)
    assert first.ended and host.actions == [second] and host.texts == ["ended"]
    toggle = host.run_lua(loop.replace("OPTIONS", "1"), "toggle.lua")
    host.run_action(toggle.path)
    assert toggle.ended and host.actions == [second]


def test_a_polling_script_does_not_grow(host: FakeReaper) -> None:
    action = host.run_lua("local function step() local t = { reaper.time_precise() } reaper.defer(step) end step()")
    host.step(100)
    before = action.kilobytes
    host.step(2000)
    assert action.kilobytes < before + 4


def test_modules_come_from_beside_the_script_and_never_from_c(host: FakeReaper) -> None:
    (host.folder / "lib").mkdir()
    (host.folder / "lib" / "one.lua").write_text("return { 1 }")
    host.run_lua(
        """
        local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\\\]")
        package.path = here .. "/lib/?.lua;" .. package.path
        assert(require("one")[1] == 1)
        package.cpath = "/usr/lib/x86_64-linux-gnu/lua/5.4/?.so"
        assert(not pcall(require, "socket.core"))
        """
    )


def test_files_below_the_allowed_folders_are_real(host: FakeReaper) -> None:
    host.run_lua(
        script(
            host,
            """
            reaper.RecursiveCreateDirectory(folder .. "/a/b", 0)
            local file = assert(io.open(folder .. "/a/b/x.part", "wb"))
            file:write("1") file:close()
            assert(reaper.EnumerateFiles(folder .. "/a/b", 0) == "x.part")
            assert(os.rename(folder .. "/a/b/x.part", folder .. "/a/b/x"))
            assert(reaper.EnumerateFiles(folder .. "/a/b", 0) == "x.part", "the list is remembered")
            reaper.EnumerateFiles(folder .. "/a/b", -1)
            assert(reaper.EnumerateFiles(folder .. "/a/b", 0) == "x")
            """,
        )
    )
    assert (host.folder / "a/b/x").read_text() == "1"


def test_windows_renames_over_nothing(tmp_path: Path) -> None:
    host = FakeReaper(tmp_path, system="Win64")
    (tmp_path / "a").write_text("new")
    (tmp_path / "b").write_text("old")
    host.run_lua(
        f"""
        local done, why = os.rename("{tmp_path}/a", "{tmp_path}/b")
        assert(done == nil and why:find("exists") and reaper.GetOS() == "Win64")
        """
    )
    assert (tmp_path / "b").read_text() == "old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_takes_a_name_but_no_bytes(host: FakeReaper) -> None:
    host.files.full = host.folder / "spool"
    host.files.full.mkdir()
    host.run_lua(
        script(
            host,
            """
            local file = assert(io.open(folder .. "/spool/x", "wb"))
            local wrote = file:write("1")
            local closed, why = file:close()
            assert(not (wrote and closed) and why:find("No space left"))
            """,
        )
    )
    assert (host.files.full / "x").read_bytes() == b""


def test_allowed_processes_are_real(host: FakeReaper) -> None:
    host.processes.allowed = [["/bin/sh", "-c"]]
    host.run_lua(
        """
        assert(reaper.ExecProcess("/bin/sh -c 'echo hi; exit 3'", 5000) == "3\\nhi\\n")
        assert(reaper.ExecProcess("/bin/sh -c 'sleep 60'", 1) == nil)
        assert(reaper.ExecProcess("/bin/sh -c 'sleep 60'", -1))
        """
    )
    (process,) = host.processes.started
    assert process.poll() is None
    host.close()
    assert process.poll() is not None


def test_a_restart_keeps_files_and_what_was_said_to_persist(host: FakeReaper) -> None:
    host.save()
    host.run_lua(
        """
        reaper.SetExtState("footfall", "kept", "1", true)
        reaper.SetExtState("footfall", "lost", "1", false)
        reaper.SetProjExtState(0, "footfall", "id", "7")
        local function step() reaper.defer(step) end
        step()
        """
    )
    old = host.project
    host.restart()
    assert host.actions == [] and old.gone and host.project is not old
    host.run_lua(
        """
        assert(reaper.GetExtState("footfall", "kept") == "1" and not reaper.HasExtState("footfall", "lost"))
        assert(select(2, reaper.GetProjExtState(0, "footfall", "id")) == "7")
        assert(reaper.CountMediaItems(0) == 1)
        """
    )


def test_an_unsaved_project_records_to_the_default_folder(host: FakeReaper) -> None:
    host.run_lua("reaper.ShowConsoleMsg(reaper.GetProjectPathEx(0))")
    host.save(path=host.folder / "film" / "reel 1.RPP")
    host.run_lua("reaper.ShowConsoleMsg(reaper.GetProjectPathEx(0))")
    assert host.texts == [str(host.folder / "REAPER Media"), str(host.folder / "film" / "Media")]


def test_tabs_are_told_apart(host: FakeReaper) -> None:
    first = host.project
    second = host.open_project(host.folder / "second.RPP")
    host.run_lua(
        """
        local first, second = reaper.EnumProjects(0), reaper.EnumProjects(1)
        assert(reaper.EnumProjects(-1) == second and reaper.EnumProjects(2) == nil)
        local item = reaper.GetMediaItem(first, 0)
        assert(reaper.ValidatePtr2(first, item, "MediaItem*") and not reaper.ValidatePtr2(second, item, "MediaItem*"))
        assert(not reaper.ValidatePtr2(first, item, "MediaTrack*") and reaper.CountTracks(second) == 0)
        reaper.SelectProjectInstance(first)
        reaper.Main_OnCommandEx(40860, 0, second)
        assert(not reaper.ValidatePtr(second, "ReaProject*") and reaper.EnumProjects(-1) == first)
        """
    )
    assert host.projects == [first] and second.gone


def test_a_script_knows_its_file_and_its_command(host: FakeReaper) -> None:
    path = host.folder / "me.lua"
    path.write_text("local _, path, section, id = reaper.get_action_context() reaper.ShowConsoleMsg(path .. id)")
    host.run_lua(
        f"""
        local id = reaper.AddRemoveReaScript(true, 0, "{path}", true)
        assert(reaper.NamedCommandLookup("_" .. reaper.ReverseNamedCommandLookup(id)) == id)
        assert(reaper.AddRemoveReaScript(true, 0, "{path}x", true) == 0)
        reaper.Main_OnCommand(id, 0)
        """
    )
    assert host.texts == [f"{path}{next(iter(host.commands))}"]


# LuaSocket, where the user has installed it


TALK = """
local socket = require("socket.core")
local udp = socket.udp()
udp:settimeout(0)
assert(udp:setpeername("127.0.0.1", PORT))
assert(select(2, udp:receive()) == "timeout")
assert(udp:send("\\0\\255 \\n") == 4)
local function step()
  local bytes = udp:receive(100)
  if not bytes then return reaper.defer(step) end
  reaper.ShowConsoleMsg(#bytes .. (bytes == "\\255\\0" and " right" or " wrong"))
end
step()
"""


def test_a_script_talks_udp_when_luasocket_is_installed(tmp_path: Path) -> None:
    host = FakeReaper(tmp_path, lua_socket=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(5)
        host.run_lua(TALK.replace("PORT", str(peer.getsockname()[1])))
        asked, address = peer.recvfrom(100)
        assert asked == b"\0\xff \n"
        peer.sendto(b"\xff\0", address)
        host.pump()
    assert host.texts == ["2 right"]


@pytest.mark.parametrize(
    "body, why",
    [
        ("udp:settimeout(1)", r"settimeout\(1\) would hold up"),
        ("udp:setpeername('127.0.0.1', 9) udp:receive()", r"without settimeout\(0\)"),
        ("udp:setpeername('localhost', 9)", "looking up 'localhost'"),
        ("udp:setpeername('192.0.2.1', 9)", "192.0.2.1 is another machine"),
        ("udp:settimeout(0) udp:send('x')", "not connected"),
    ],
)
def test_luasocket_never_waits_and_never_leaves_this_machine(tmp_path: Path, body: str, why: str) -> None:
    host = FakeReaper(tmp_path, lua_socket=True)
    with pytest.raises(Misuse, match=why):
        host.run_lua(f"local udp = require('socket.core').udp() {body}")
