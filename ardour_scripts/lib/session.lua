-- All calls to Ardour are here: plain values in, plain values out. Times are samples of the session.
local files = require("files")

local session = {}

local TITLE = "Footfall"

function session.config_folder()
  return files.join(ARDOUR.user_config_directory(-1), "footfall")
end

function session.folder()
  return (Session:path():gsub("[/\\]$", ""))
end

-- Text of the session file, as it was last saved.
function session.saved_text()
  return files.read(files.join(session.folder(), Session:snap_name() .. ".ardour")) or ""
end

-- Where stems may be written: Ardour makes this folder in every session, for sound that comes from elsewhere.
function session.stem_folder()
  return files.join(session.folder(), "externals")
end

function session.rate()
  return math.tointeger(Session:nominal_sample_rate())
end

function session.playhead()
  return math.tointeger(Session:transport_sample())
end

function session.recording()
  return Session:actively_recording()
end

-- As math.random, and another sequence each time: Ardour's Lua starts every script with the same one.
local seeded = false
function session.random(low, high)
  if not seeded then
    math.randomseed(math.tointeger(ARDOUR.LuaAPI.monotonic_time()) ~ files.unix_time())
    seeded = true
  end
  return math.random(low, high)
end

-- ---- what is selected

local function selected_time()
  local time = Editor:get_selection().time
  return time:start_sample(), time:end_sample()
end

local function selected_regions()
  local first, last
  for region in Editor:get_selection().regions:regionlist():iter() do
    local start = region:position():samples()
    local stop = start + region:length():samples()
    first, last = math.min(first or start, start), math.max(last or stop, stop)
  end
  return first or 0, last or 0
end

local function loop_range()
  local loop = Session:locations():auto_loop_location()
  if not loop then return 0, 0 end
  return loop:start():samples(), loop:_end():samples()
end

-- First sample, and the one after the last, of the selected range, else of the selected regions, else of the loop; nil.
function session.range()
  for _, range in ipairs({ selected_time, selected_regions, loop_range }) do
    local start, stop = range()
    if start < stop then return math.tointeger(start), math.tointeger(stop) end
  end
end

-- ---- asking and telling

function session.tell(text)
  LuaDialog.Message(TITLE, text, LuaDialog.MessageType.Info, LuaDialog.ButtonType.Close):run()
end

-- Answers by key; nil when the user thought better of it.
function session.ask(fields)
  return LuaDialog.Dialog(TITLE, fields):run()
end

-- Show a window with a bar while `look` gives a fraction and a sentence; false when the user closes it before.
function session.wait(look)
  local window = LuaDialog.ProgressWindow(TITLE, true)
  local fraction, sentence = look()
  while fraction and not window:canceled() do
    window:progress(math.min(fraction, 0.99), sentence) -- at 1 the window closes by itself
    ARDOUR.LuaAPI.usleep(50000)
    fraction, sentence = look()
  end
  window:done()
  return not fraction
end

-- Run a program and go on at once; false where Ardour's scripts cannot.
function session.run(command)
  local forkexec = os.forkexec -- Ardour's own, fire and forget
  if not forkexec then return false end
  forkexec(table.unpack(command))
  return true
end

-- ---- stems

local function track_ids()
  local ids = {}
  for route in Session:get_tracks():iter() do ids[route:to_stateful():id():to_s()] = true end
  return ids
end

local function import(path, start)
  local paths = C.StringVector()
  paths:push_back(path)
  local at = Temporal.timepos_t(start)
  local instrument, track = ARDOUR.PluginInfo(), ARDOUR.Track()
  Editor:do_import(
    paths, Editing.ImportDistinctFiles, Editing.ImportAsTrack, ARDOUR.SrcQuality.SrcBest,
    ARDOUR.MidiTrackNameSource.SMFTrackName, ARDOUR.MidiTempoMapDisposition.SMFTempoIgnore,
    at, instrument, track, false
  )
end

local function new_track(known)
  for route in Session:get_tracks():iter() do
    if not known[route:to_stateful():id():to_s()] then return route:to_track() end
  end
end

local function first_region(track)
  local first
  for region in track:playlist():region_list():iter() do first = first or region end
  return first
end

-- Put a file on a track of its own, at a sample; the comment is what the track's notes say. Start and length of the
-- region that came of it; nil when none did.
function session.place(path, start, name, muted, comment)
  local known = track_ids()
  import(path, start)
  local track = new_track(known)
  local region = track and first_region(track)
  if not region then return nil end
  track:set_name(name)
  track:set_comment(comment, nil)
  if muted then track:mute_control():set_value(1, PBD.GroupControlDisposition.NoGroup) end
  return region:position():samples(), region:length():samples()
end

return session
