-- Footfall's Lua runs in REAPER 6 (Lua 5.3) and 7 (Lua 5.4): what both have, and no globals but the host's own.
-- One file touches the host, one draws, one touches files and the clock; anywhere else these names are unknown.
std = "lua53"
not_globals = { "bit32", "io", "os" }
max_line_length = 120
codes = true

local list = loadfile("tests/fakes/reaper/luacheck_reaper.lua")
local reaper = list and list().read_globals.reaper or { other_fields = true }

files["reaper_scripts/lib/files.lua"] = { read_globals = { "io", "os" } }
files["reaper_scripts/lib/project.lua"] = { read_globals = { reaper = reaper } }
files["reaper_scripts/lib/window.lua"] = { globals = { gfx = { other_fields = true } } }

-- Ardour's scripts are single functions behind a header; one file of theirs touches the host.
local ardour = { "ARDOUR", "C", "Editing", "Editor", "LuaDialog", "LuaSignal", "PBD", "Session", "Temporal" }
files["ardour_scripts/*.lua"] = { globals = { "ardour", "factory", "signals" }, read_globals = ardour }
files["ardour_scripts/lib/session.lua"] = { read_globals = { os = { fields = { "forkexec" } } } }
for _, name in ipairs(ardour) do files["ardour_scripts/lib/session.lua"].read_globals[name] = { other_fields = true } end
files["ardour_scripts/lib/door.lua"] = { read_globals = { "LuaDialog" } }
