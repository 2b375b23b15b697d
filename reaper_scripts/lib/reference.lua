-- The recording that the next sounds are to be like: what a selected item plays of its file.
local ask = require("ask")
local files = require("files")
local shots = require("shots")
local timeline = require("timeline")

local reference = {}

-- What an item plays of its file: {path, from, to}; nil and a sentence when it cannot be a reference.
local function of_item(host, item)
  local take = item.take
  local name = take and take.name or "The selected item"
  if not take then return nil, name .. " is empty." end
  if take.is_midi or (take.source.channels or 0) == 0 then return nil, name .. " has no sound." end
  local path = take.source.path
  if not host.file_exists(path) then return nil, ("%s: there is no file %s."):format(name, path) end
  local broken = shots.broken(item)
  if broken then return nil, ("%s %s."):format(name, broken) end
  local segments, trouble = timeline.segments(shots.timed(item), item.position, item.position + item.length)
  if not segments then return nil, trouble.message end
  if #segments == 0 then return nil, name .. " plays nothing of its file." end
  local whole = { path = path, from = segments[1].source_in, to = segments[1].source_out }
  for _, segment in ipairs(segments) do
    whole.from, whole.to = math.min(whole.from, segment.source_in), math.max(whole.to, segment.source_out)
  end
  return whole
end

local function clear(host, proj)
  if host.get_ext(proj, "reference") == "" then
    return host.message("Select the audio item that the next sounds are to be like, and run the action again.")
  end
  if host.confirm("Nothing is selected. Go on without a reference?") then ask.set_reference(host, proj, nil) end
end

-- Makes the selected item the project's reference, or asks whether to go without when nothing is selected.
function reference.choose(host)
  local proj = host.current()
  local items = host.selected_items(proj)
  if #items == 0 then return clear(host, proj) end
  if #items > 1 then return host.message("Select one audio item only: a reference is one recording.") end
  local chosen, trouble = of_item(host, items[1])
  if not chosen then return host.message(trouble) end
  ask.set_reference(host, proj, chosen)
  local played = chosen.to - chosen.from
  host.hint(("Footfall: the next sounds will be like %.2f s of %s"):format(played, files.basename(chosen.path)))
end

return reference
