ardour { ["type"] = "EditorAction", name = "Select the range that a file names" }

function factory() return function()
  local file = assert(io.open(Session:path() .. "/select.txt"))
  local start, stop, kind = file:read("n", "n", "l")
  file:close()
  Editor:set_loop_range(Temporal.timepos_t(start), Temporal.timepos_t(stop), "loop")
  if kind == " time" then Editor:access_action("Editor", "select-loop-range") end
  os.remove(Session:path() .. "/select.txt")
end end
