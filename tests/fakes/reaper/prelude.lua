-- Runs first in each action's own Lua state: the `reaper` and `gfx` tables, and a standard library that only reaches
-- what a Footfall action may reach.
-- luacheck: ignore 111 112 113 121 122 142 (setting globals is what this file is for)
local call, missing, draw, names, gfx_names, may, full_disk, windows = ...

local function answer(problem, ...)
  if problem then error(problem, 2) end
  return ...
end

local function shims(of, listed)
  local functions = {}
  for name in listed:gmatch("%S+") do
    functions[name] = function(...) return answer(of(name, ...)) end
  end
  return functions
end

-- In REAPER a misspelt name is nil; here it is an error. What this version or this installation merely lacks is nil.
local functions = shims(call, names)
reaper = setmetatable({}, {
  __index = function(_, name) return functions[name] or answer(missing(tostring(name))) end,
  __newindex = function(_, name) error("reaper." .. tostring(name) .. " may not be set", 2) end,
})
gfx = shims(draw, gfx_names)

local function guarded(what, original, mode)
  return function(path, ...)
    answer(may(what, tostring(path), mode))
    return original(path, ...)
  end
end

local function refused(what)
  return function(...) answer(may(what, tostring((...)), "refused")) end
end

local open, rename, remove = io.open, os.rename, os.remove
io.open = function(path, mode)
  answer(may("io.open", tostring(path), mode or "r"))
  local writes = mode and mode:find("[wa+]")
  if writes and full_disk(path) then
    local there = open(path, mode)
    if not there then return open(path, mode) end
    there:close()
    return open("/dev/full", "w")
  end
  return open(path, mode)
end
os.rename = function(from, to)
  answer(may("os.rename", tostring(from), "w"))
  answer(may("os.rename", tostring(to), "w"))
  if windows then
    local there = open(to, "rb")
    if there then
      there:close()
      return nil, from .. ": File exists", 17
    end
  end
  return rename(from, to)
end
os.remove = guarded("os.remove", remove, "w")
io.lines = guarded("io.lines", io.lines, "r")
dofile = guarded("dofile", dofile, "r")
loadfile = guarded("loadfile", loadfile, "r")

for _, name in ipairs({ "popen", "tmpfile", "input", "output", "read", "write" }) do
  io[name] = refused("io." .. name)
end
for _, name in ipairs({ "execute", "exit", "tmpname", "setlocale" }) do
  os[name] = refused("os." .. name)
end
package.loadlib = refused("package.loadlib")
package.cpath = ""
package.path = ""
package.searchers[4], package.searchers[3] = nil, nil
print = refused("print (REAPER has no terminal)")

-- What runs a chunk or a deferred function: the error as text with its traceback, whatever was thrown.
return function(body, ...)
  return xpcall(body, function(problem)
    return debug.traceback(type(problem) == "table" and problem.message or tostring(problem), 2)
  end, ...)
end
