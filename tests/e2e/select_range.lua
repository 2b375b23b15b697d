ardour { ["type"] = "EditorAction", name = "Select the range that a file names" }

function factory() return function()
  local file = assert(io.open(Session:path() .. "/select.txt"))
  local start, stop = file:read("n", "n")
  file:close()
  Editor:set_loop_range(Temporal.timepos_t(start), Temporal.timepos_t(stop), "loop")
  Editor:access_action("Editor", "select-loop-range")
  os.remove(Session:path() .. "/select.txt")
end end
