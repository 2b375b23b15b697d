ardour {
  ["type"] = "EditorAction",
  name = "Footfall: generate for selection",
  author = "Footfall",
  license = "Apache-2.0",
  description = [[Makes sound for the selected range of the picture, and puts it there on a new track.]],
}

function factory() return function()
  local lib = ARDOUR.LuaAPI.build_filename(ARDOUR.user_config_directory(-1), "footfall", "lib")
  local door = loadfile(ARDOUR.LuaAPI.build_filename(lib, "door.lua"))
  if door then return door()(lib)("generate") end
  LuaDialog.Message("Footfall", "Footfall is not installed here. Run `make ardour` in Footfall's folder.",
    LuaDialog.MessageType.Warning, LuaDialog.ButtonType.Close):run()
end end
