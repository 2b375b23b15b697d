ardour {
  ["type"] = "EditorAction",
  name = "Footfall: repeat last generate",
  author = "Footfall",
  license = "Apache-2.0",
  description = [[As the last time in this session, without asking, for what is selected now.]],
}

function factory() return function()
  local lib = ARDOUR.LuaAPI.build_filename(ARDOUR.user_config_directory(-1), "footfall", "lib")
  local door = loadfile(ARDOUR.LuaAPI.build_filename(lib, "door.lua"))
  if door then return door()(lib)("repeat_last") end
  LuaDialog.Message("Footfall", "Footfall is not installed here. Run `make ardour` in Footfall's folder.",
    LuaDialog.MessageType.Warning, LuaDialog.ButtonType.Close):run()
end end
