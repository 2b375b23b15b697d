-- Everything that is asked of REAPER and done in it: the one file that knows `reaper`. Facts leave it as plain values;
-- handles (projects, tracks, items, takes) are only ever given back to it, and checked before use when time has passed.

local project = {}

local SECTION = "footfall" -- of ext state, and of P_EXT
local MEDIA_ITEM_LANES = 2 -- I_FREEMODE of a track with fixed item lanes
local DELETE_ACTIVE_TAKE = 40129 -- "Take: Delete active take from items"
local YES_NO, OK, YES = 4, 0, 6 -- of message boxes
local ALL_STATE = -1
local NO_DEFAULTS = 0

-- ---- the user

function project.message(text)
  reaper.ShowMessageBox(text, "Footfall", OK)
end

function project.confirm(text)
  return reaper.ShowMessageBox(text, "Footfall", YES_NO) == YES
end

-- Asks for several values at once; nil when the user turns away.
function project.ask(title, captions, values)
  local names = table.concat(captions, ",") .. ",extrawidth=320,separator=\n"
  local agreed, answers = reaper.GetUserInputs(title, #captions, names, table.concat(values, "\n"))
  if not agreed then
    return nil
  end
  local fields = {}
  for field in (answers .. "\n"):gmatch("(.-)\n") do
    fields[#fields + 1] = field
  end
  return fields
end

function project.log(text)
  reaper.ShowConsoleMsg(text .. "\n")
end

-- Keeps REAPER from making an undo point for an action that changes nothing.
function project.make_no_undo_point()
  reaper.defer(function() end)
end

-- One line in REAPER's status bar; "" clears it.
function project.hint(text)
  reaper.Help_Set(text, true)
end

-- ---- time and the loop

function project.now()
  return reaper.time_precise()
end

-- A UUID. Lua's own random numbers would be the same in two scripts of REAPER 6 that start in the same second.
function project.new_id()
  return (reaper.genGuid(""):gsub("[{}]", ""):lower())
end

-- Runs a step at REAPER's next idle moment. A step that stumbles is told, and does not take REAPER's own box with it.
function project.defer(step, on_error)
  reaper.defer(function()
    local fine, trouble = xpcall(step, debug.traceback)
    if not fine then
      on_error(trouble)
    end
  end)
end

-- An action that is run again while it waits ends its old run and starts anew, without REAPER asking.
function project.relaunch_quietly()
  if reaper.APIExists("set_action_options") then
    reaper.set_action_options(3)
  end
end

-- LuaSocket, where the user has installed it (ReaPack: Mavriq Lua Sockets); nil elsewhere.
function project.sockets()
  local folder = reaper.GetResourcePath() .. "/Scripts/Mavriq ReaScript Repository/Various/Mavriq-Lua-Sockets/"
  local library = reaper.GetOS():find("^Win") and "?.dll" or "?.so"
  package.cpath = package.cpath .. ";" .. folder .. library
  package.path = package.path .. ";" .. folder .. "?.lua"
  local found, sockets = pcall(require, "socket.core")
  return found and sockets or nil
end

-- ---- what is remembered: with a project, or for this run of REAPER, or for good

function project.get_ext(proj, key)
  local _, value = reaper.GetProjExtState(proj, SECTION, key)
  return value
end

function project.set_ext(proj, key, value)
  reaper.SetProjExtState(proj, SECTION, key, value)
end

function project.get_memory(key)
  return reaper.GetExtState(SECTION, key)
end

function project.set_memory(key, value, for_good)
  reaper.SetExtState(SECTION, key, value, for_good or false)
end

-- ---- files, as far as Lua cannot

function project.make_folder(path)
  reaper.RecursiveCreateDirectory(path, 0)
end

function project.file_exists(path)
  return reaper.file_exists(path)
end

-- Names of the files in a folder.
function project.enumerate_files(folder)
  reaper.EnumerateFiles(folder, -1) -- forgets what was read of the folder before
  local names = {}
  while true do
    local name = reaper.EnumerateFiles(folder, #names)
    if not name then
      return names
    end
    names[#names + 1] = name
  end
end

-- ---- projects

function project.current()
  local proj, path = reaper.EnumProjects(-1)
  return proj, path
end

-- All open projects: {handle, path}.
function project.open_projects()
  local found = {}
  while true do
    local proj, path = reaper.EnumProjects(#found)
    if not proj then
      return found
    end
    found[#found + 1] = { handle = proj, path = path }
  end
end

function project.recording_folder(proj)
  return reaper.GetProjectPathEx(proj)
end

-- Timeline seconds shown at the project's start.
function project.time_offset(proj)
  return reaper.GetProjectTimeOffset(proj, false)
end

function project.edit_cursor(proj)
  return reaper.GetCursorPositionEx(proj)
end

-- One undo point for whatever `change` does; nothing is drawn before it is done.
function project.edit(proj, name, change)
  reaper.Undo_BeginBlock2(proj)
  reaper.PreventUIRefresh(1)
  local results = table.pack(xpcall(change, debug.traceback))
  reaper.PreventUIRefresh(-1)
  reaper.Undo_EndBlock2(proj, name, ALL_STATE)
  reaper.UpdateArrange()
  if not results[1] then
    error(results[2], 0)
  end
  return table.unpack(results, 2, results.n)
end

-- ---- reading: spans

local function span(from, to)
  if to > from then
    return { from = from, to = to }
  end
end

function project.time_selection(proj)
  local from, to = reaper.GetSet_LoopTimeRange2(proj, false, false, 0, 0, false)
  return span(from, to)
end

-- Razor areas over media, not over envelopes: {from, to, track}.
function project.razor_areas(proj)
  local areas = {}
  for _, track in ipairs(project.tracks(proj)) do
    local _, text = reaper.GetSetMediaTrackInfo_String(track, "P_RAZOREDITS", "", false)
    for from, to, envelope in text:gmatch('(%S+) (%S+) "([^"]*)"') do
      local area = envelope == "" and span(tonumber(from), tonumber(to))
      if area then
        area.track = track
        areas[#areas + 1] = area
      end
    end
  end
  return areas
end

-- Project markers and regions in the order of time: {name, time, to (regions only), index, is_region}.
function project.markers(proj)
  local found, n = {}, 0
  while true do
    local more, is_region, from, to, name, index = reaper.EnumProjectMarkers3(proj, n)
    if more == 0 then
      return found
    end
    found[#found + 1] = { name = name, time = from, to = is_region and to or nil, index = index, is_region = is_region }
    n = n + 1
  end
end

-- ---- reading: tracks and items

function project.tracks(proj)
  local found = {}
  for n = 0, reaper.CountTracks(proj) - 1 do
    found[#found + 1] = reaper.GetTrack(proj, n)
  end
  return found
end

function project.selected_tracks(proj)
  local found = {}
  for n = 0, reaper.CountSelectedTracks2(proj, false) - 1 do
    found[#found + 1] = reaper.GetSelectedTrack2(proj, n, false)
  end
  return found
end

function project.track_is_visible(track)
  return reaper.IsTrackVisible(track, false)
end

local function take_text(take, key)
  local _, text = reaper.GetSetMediaItemTakeInfo_String(take, key, "", false)
  return text
end

-- The file behind a source, and the section of it that is shown: sections and reversals may lie on one another.
local function read_source(take)
  local source = reaper.GetMediaItemTake_Source(take)
  if not source then
    return { kind = "", path = "" }
  end
  local length = reaper.GetMediaSourceLength(source)
  local facts = { reversed = false, length = length, channels = reaper.GetMediaSourceNumChannels(source) }
  local parent = reaper.GetMediaSourceParent(source)
  while parent do
    local known, offset, section_length, reversed = reaper.PCM_Source_GetSectionInfo(source)
    if known then
      local inner = facts.section
      facts.section = {
        offset = offset + (inner and inner.offset or 0),
        length = inner and inner.length or section_length,
      }
      facts.reversed = facts.reversed ~= reversed
    end
    source, parent = parent, reaper.GetMediaSourceParent(parent)
  end
  facts.kind = reaper.GetMediaSourceType(source)
  facts.path = reaper.GetMediaSourceFileName(source)
  facts.file_length = reaper.GetMediaSourceLength(source)
  if facts.section and facts.section.length <= 0 then -- one without an end of its own
    facts.section.length = facts.file_length - facts.section.offset
  end
  return facts
end

local function read_take(take)
  local number = function(key)
    return reaper.GetMediaItemTakeInfo_Value(take, key)
  end
  return {
    handle = take,
    guid = take_text(take, "GUID"),
    name = reaper.GetTakeName(take),
    provenance = take_text(take, "P_EXT:" .. SECTION),
    is_midi = reaper.TakeIsMIDI(take),
    start_offset = number("D_STARTOFFS"),
    rate = number("D_PLAYRATE"),
    stretch_markers = reaper.GetTakeNumStretchMarkers(take),
    source = read_source(take),
  }
end

local function item_number(item, key)
  return reaper.GetMediaItemInfo_Value(item, key)
end

-- An item's facts; `take` is its active take, nil for an empty item.
function project.read_item(item)
  local take, track = reaper.GetActiveTake(item), reaper.GetMediaItem_Track(item)
  return {
    handle = item,
    track = track,
    track_guid = reaper.GetTrackGUID(track),
    position = item_number(item, "D_POSITION"),
    length = item_number(item, "D_LENGTH"),
    loops = item_number(item, "B_LOOPSRC") ~= 0,
    muted = item_number(item, "B_MUTE") ~= 0,
    take = take and read_take(take) or nil,
  }
end

function project.selected_items(proj)
  local found = {}
  for n = 0, reaper.CountSelectedMediaItems(proj) - 1 do
    found[#found + 1] = project.read_item(reaper.GetSelectedMediaItem(proj, n))
  end
  return found
end

-- Items of a track that share some time with [from, to), in the order of time.
function project.items_between(track, from, to)
  local found = {}
  for n = 0, reaper.CountTrackMediaItems(track) - 1 do
    local item = reaper.GetTrackMediaItem(track, n)
    local position = item_number(item, "D_POSITION")
    if position < to and position + item_number(item, "D_LENGTH") > from then
      found[#found + 1] = project.read_item(item)
    end
  end
  return found
end

-- The takes of an item: {handle, provenance, name, index (from 0)}.
function project.takes(item)
  local found = {}
  for n = 0, reaper.CountTakes(item) - 1 do
    local take = reaper.GetTake(item, n)
    if take then -- an empty take lane has none
      local name = reaper.GetTakeName(take)
      found[#found + 1] =
        { handle = take, index = n, name = name, provenance = take_text(take, "P_EXT:" .. SECTION) }
    end
  end
  return found
end

function project.active_take(item)
  return reaper.GetActiveTake(item)
end

-- The item a take lies in now, and the take; nil when it is gone.
function project.find_take(proj, guid)
  local take = reaper.GetMediaItemTakeByGUID(proj, guid)
  if take then
    return project.read_item(reaper.GetMediaItemTake_Item(take)), read_take(take)
  end
end

local function track_text(track, key)
  local _, text = reaper.GetSetMediaTrackInfo_String(track, key, "", false)
  return text
end

function project.find_track(proj, guid)
  for _, track in ipairs(project.tracks(proj)) do
    if reaper.GetTrackGUID(track) == guid then
      return track
    end
  end
end

-- The tracks that were made for a group of jobs, as far as they are still there.
function project.group_tracks(proj, group)
  local found = {}
  for _, track in ipairs(project.tracks(proj)) do
    if track_text(track, "P_EXT:" .. SECTION) == group then
      found[#found + 1] = track
    end
  end
  return found
end

-- ---- writing: inside project.edit

-- REAPER before 7.18 inserts tracks into the current project only.
local function insert_track(proj, index)
  if reaper.APIExists("InsertTrackInProject") then return reaper.InsertTrackInProject(proj, index, NO_DEFAULTS) end
  local current = reaper.EnumProjects(-1)
  if current ~= proj then reaper.SelectProjectInstance(proj) end
  reaper.InsertTrackAtIndex(index, false)
  if current ~= proj then reaper.SelectProjectInstance(current) end
end

-- A new track under another one, or last of all; it remembers whose group it is.
function project.add_track(proj, under, name, group)
  local index = under and math.tointeger(reaper.GetMediaTrackInfo_Value(under, "IP_TRACKNUMBER"))
    or reaper.CountTracks(proj)
  insert_track(proj, index)
  local track = reaper.GetTrack(proj, index)
  reaper.GetSetMediaTrackInfo_String(track, "P_NAME", name, true)
  reaper.GetSetMediaTrackInfo_String(track, "P_EXT:" .. SECTION, group, true)
  return track
end

-- An opened sound file, not yet in any project; nil when it cannot be read.
function project.open_source(path)
  if not reaper.file_exists(path) then
    return nil
  end
  return reaper.PCM_Source_CreateFromFile(path)
end

-- Lets go of a source that no take took.
function project.close_source(source)
  reaper.PCM_Source_Destroy(source)
end

-- A take of its own for a stem: {source, name, provenance}.
local function add_take(item, stem)
  local take = reaper.AddTakeToMediaItem(item)
  reaper.SetMediaItemTake_Source(take, stem.source)
  reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", stem.name, true)
  reaper.GetSetMediaItemTakeInfo_String(take, "P_EXT:" .. SECTION, stem.provenance, true)
  return take
end

-- An item with a take for each stem, the first one active.
function project.add_item(track, position, length, stems)
  local item = reaper.AddMediaItemToTrack(track)
  reaper.SetMediaItemInfo_Value(item, "D_POSITION", position)
  reaper.SetMediaItemInfo_Value(item, "D_LENGTH", length)
  reaper.SetMediaItemInfo_Value(item, "B_LOOPSRC", 0)
  local takes = {}
  for n, stem in ipairs(stems) do
    takes[n] = add_take(item, stem)
  end
  reaper.SetActiveTake(takes[1])
  return item, takes
end

-- An item for each stem, each in a lane of its own, the first lane playing.
function project.add_lanes(proj, track, position, length, stems)
  if reaper.GetMediaTrackInfo_Value(track, "I_FREEMODE") ~= MEDIA_ITEM_LANES then
    reaper.SetMediaTrackInfo_Value(track, "I_FREEMODE", MEDIA_ITEM_LANES)
    reaper.UpdateTimeline()
  end
  local takes = {}
  for n, stem in ipairs(stems) do
    local item, own = project.add_item(track, position, length, { stem })
    reaper.SetMediaItemInfo_Value(item, "I_FIXEDLANE", n - 1)
    takes[n] = own[1]
  end
  reaper.UpdateItemLanes(proj)
  project.play_lane(proj, track, 0)
  return takes
end

-- Whether this REAPER has fixed item lanes.
function project.has_lanes()
  return reaper.APIExists("UpdateItemLanes")
end

function project.uses_lanes(track)
  return reaper.GetMediaTrackInfo_Value(track, "I_FREEMODE") == MEDIA_ITEM_LANES
end

function project.lane(item)
  return math.tointeger(reaper.GetMediaItemInfo_Value(item, "I_FIXEDLANE"))
end

function project.lane_plays(track, lane)
  return reaper.GetMediaTrackInfo_Value(track, "C_LANEPLAYS:" .. lane) ~= 0
end

-- One lane is heard, the others are not.
function project.play_lane(proj, track, lane)
  reaper.SetMediaTrackInfo_Value(track, "C_LANEPLAYS:" .. lane, 1)
  reaper.UpdateItemLanes(proj)
end

local COPIED = {
  "D_STARTOFFS", "D_PLAYRATE", "D_VOL", "D_PAN", "D_PANLAW", "D_PITCH", "B_PPITCH", "I_CHANMODE", "I_PITCHMODE",
}

-- New takes in an item that is there, each set as the take they replace; the first one becomes active.
function project.add_takes_like(item, like, stems)
  local takes = {}
  for n, stem in ipairs(stems) do
    local take = add_take(item, stem)
    for _, key in ipairs(COPIED) do
      reaper.SetMediaItemTakeInfo_Value(take, key, reaper.GetMediaItemTakeInfo_Value(like, key))
    end
    takes[n] = take
  end
  reaper.SetActiveTake(takes[1])
  return takes
end

function project.set_take_times(take, start_offset, rate)
  reaper.SetMediaItemTakeInfo_Value(take, "D_STARTOFFS", start_offset)
  reaper.SetMediaItemTakeInfo_Value(take, "D_PLAYRATE", rate)
end

function project.activate_take(take)
  reaper.SetActiveTake(take)
end

function project.delete_item(item)
  reaper.DeleteTrackMediaItem(reaper.GetMediaItem_Track(item), item)
end

-- Removes takes of an item, which only an action on the selection can do; the selection is as before afterwards.
function project.delete_takes(proj, item, takes, keep)
  local selected = {}
  for n = reaper.CountSelectedMediaItems(proj) - 1, 0, -1 do
    selected[#selected + 1] = reaper.GetSelectedMediaItem(proj, n)
    reaper.SetMediaItemSelected(selected[#selected], false)
  end
  reaper.SetMediaItemSelected(item, true)
  for _, take in ipairs(takes) do
    reaper.SetActiveTake(take)
    reaper.Main_OnCommandEx(DELETE_ACTIVE_TAKE, 0, proj)
  end
  reaper.SetActiveTake(keep)
  reaper.SetMediaItemSelected(item, false)
  for _, other in ipairs(selected) do
    reaper.SetMediaItemSelected(other, true)
  end
end

-- ---- markers

-- Take markers: {name, time (seconds in the take's source), index}.
function project.take_markers(take)
  local found = {}
  for n = 0, reaper.GetNumTakeMarkers(take) - 1 do
    local time, name = reaper.GetTakeMarker(take, n)
    found[#found + 1] = { time = time, name = name, index = n }
  end
  return found
end

function project.add_take_marker(take, time, name)
  reaper.SetTakeMarker(take, -1, name, time)
end

function project.delete_take_marker(take, index)
  reaper.DeleteTakeMarker(take, index)
end

function project.add_marker(proj, time, name)
  reaper.AddProjectMarker2(proj, false, time, 0, name, -1, 0)
end

function project.delete_marker(proj, index)
  reaper.DeleteProjectMarker(proj, index, false)
end

-- What is remembered with a take: its text under a key of ours.
function project.take_note(take, key)
  return take_text(take, "P_EXT:" .. SECTION .. "_" .. key)
end

function project.set_take_note(take, key, text)
  reaper.GetSetMediaItemTakeInfo_String(take, "P_EXT:" .. SECTION .. "_" .. key, text, true)
end

-- ---- peaks: drawn in small steps, so that a long stem does not hold up the interface

local START_PEAKS, BUILD_PEAKS, END_PEAKS = 0, 1, 2

-- What still has to be done to draw a take: a function that does a little of it and says whether there is more.
function project.peaks_of(proj, take)
  local source = reaper.GetMediaItemTake_Source(take)
  if reaper.PCM_Source_BuildPeaks(source, START_PEAKS) == 0 then
    return nil
  end
  return function()
    if not (reaper.ValidatePtr(proj, "ReaProject*") and reaper.ValidatePtr2(proj, take, "MediaItem_Take*")) then
      return false
    end
    local own = reaper.GetMediaItemTake_Source(take)
    if own and reaper.PCM_Source_BuildPeaks(own, BUILD_PEAKS) ~= 0 then
      return true
    end
    if own then
      reaper.PCM_Source_BuildPeaks(own, END_PEAKS)
    end
    return false
  end
end

-- ---- the engine's program

local NO_WAIT = -2 -- of ExecProcess: does not wait; what it opens on Windows is minimised

-- Starts a program by its words, the first one its full path; whether REAPER could. It is not waited for.
function project.start_process(words)
  local quoted = {}
  for n, word in ipairs(words) do
    quoted[n] = word:find("[%s]") and '"' .. word .. '"' or word
  end
  return reaper.ExecProcess(table.concat(quoted, " "), NO_WAIT) ~= nil
end

return project
