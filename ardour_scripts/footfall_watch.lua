ardour {
  ["type"] = "EditorHook",
  name = "Footfall: place stems when they are finished",
  author = "Footfall",
  license = "Apache-2.0",
  description = [[Looks once a second whether stems of this session are finished, and puts them there.]],
}

function signals()
  return LuaSignal.Set():add({ [LuaSignal.LuaTimerS] = true })
end

function factory()
  local run, stopped
  return function()
    if stopped then return end
    local lib = ARDOUR.LuaAPI.build_filename(ARDOUR.user_config_directory(-1), "footfall", "lib")
    local door = not run and loadfile(ARDOUR.LuaAPI.build_filename(lib, "door.lua"))
    run = run or door and door()(lib)
    stopped = not (run and run("watch"))
  end
end
