ardour { ["type"] = "EditorAction", name = "Save, and leave a file that says so" }

function factory() return function()
  Session:save_state("", false, false, false, false, false)
  assert(io.open(Session:path() .. "/saved.txt", "w")):close()
end end
