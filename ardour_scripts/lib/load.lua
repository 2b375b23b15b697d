-- A `require` for Ardour's scripts, which come without one: it finds modules in one folder, each loaded once.
return function(folder)
  local loaded = {}
  local separator = folder:find("\\", 1, true) and "\\" or "/"
  local environment = setmetatable({ package = { config = separator } }, { __index = _G })
  function environment.require(name)
    if loaded[name] == nil then loaded[name] = assert(loadfile(folder .. name .. ".lua", "t", environment))() end
    return loaded[name]
  end
  return environment.require
end
