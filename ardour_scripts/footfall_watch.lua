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
  local watch
  -- Ardour takes a hook that fails off the list for good, so nothing may get out of here.
  return function()
    if watch == nil then
      local lib = ARDOUR.LuaAPI.build_filename(ARDOUR.user_config_directory(-1), "footfall", "lib", "")
      local load_modules = loadfile(lib .. "load.lua")
      watch = load_modules and load_modules()(lib)("actions").watch or false
    end
    local ok, trouble = true, nil
    if watch then ok, trouble = pcall(watch) end
    if not ok then
      watch = false
      LuaDialog.Message("Footfall", "Footfall has stopped looking for finished stems: " .. tostring(trouble),
        LuaDialog.MessageType.Warning, LuaDialog.ButtonType.Close):run()
    end
  end
end
