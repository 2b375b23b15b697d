-- What every script of Ardour's goes through: `door(folder)` gives a function that runs one of the actions by its name.
-- Ardour drops a script that fails from its list, so what goes wrong in here is told to the user and stays in here.
return function(folder)
  local loaded = {}
  local separator = folder:find("\\", 1, true) and "\\" or "/"
  local environment = setmetatable({ package = { config = separator } }, { __index = _G })

  -- Ardour's Lua has no require of its own.
  function environment.require(name)
    if loaded[name] == nil then
      loaded[name] = assert(loadfile(folder .. separator .. name .. ".lua", "t", environment))()
    end
    return loaded[name]
  end

  -- Whether it went well.
  return function(action)
    local ok, trouble = pcall(function() environment.require("actions")[action]() end)
    if ok then return true end
    LuaDialog.Message("Footfall", "Footfall cannot go on: " .. tostring(trouble), LuaDialog.MessageType.Error,
      LuaDialog.ButtonType.Close):run()
    return false
  end
end
