-- Visible hits as markers: "impact 0.83" is an event of that kind and strength. A user may move, rename, add and remove
-- them; the next generate goes by what is there.
local json = require("json")

local hits = {}

local KINDS = { impact = true, step = true, stop = true, start = true, flash = true }
local SAME_TIME = 1e-6 -- seconds

function hits.name(event)
  return ("%s %.2f"):format(event.kind, event.strength)
end

-- Kind and strength that a marker's name tells; nil for any other marker. "Impact" alone is a hit of full strength.
function hits.parse(name)
  local kind, strength = name:lower():match("^%s*(%a+)%s*([%d.]*)%s*$")
  strength = strength == "" and 1.0 or tonumber(strength)
  if not (KINDS[kind] and strength and strength <= 1) then return nil end
  return { kind = kind, strength = strength }
end

-- What is noted of a marker that we set: by it ours are told from the user's own.
function hits.noted(event)
  return { name = hits.name(event), time = event.time, x = event.x, size = event.size }
end

function hits.write_note(noted)
  return json.encode(json.array(noted))
end

function hits.read_note(text)
  local noted = json.decode(text)
  return type(noted) == "table" and noted or {}
end

-- Whether a marker is still as we set it.
function hits.is_ours(marker, noted)
  for _, own in ipairs(noted) do
    if own.name == marker.name and math.abs(own.time - marker.time) < SAME_TIME then return true end
  end
  return false
end

-- What was seen of a hit besides its time: that of the noted one nearest in time with the same name.
local function seen(marker, noted)
  local best, distance
  for _, own in ipairs(noted) do
    local away = math.abs(own.time - marker.time)
    if own.name == marker.name and (not best or away < distance) then best, distance = own, away end
  end
  return best or {}
end

-- Events of a segment from take markers {name, time}, in played seconds from its start; nil when there are none.
-- `section_start` is where the take's own time begins in the file, in seconds.
function hits.events(markers, noted, segment, section_start)
  local events = {}
  for _, marker in ipairs(markers) do
    local hit, time = hits.parse(marker.name), marker.time + section_start
    if hit and time >= segment.source_in and time < segment.source_out then
      local own = seen(marker, noted)
      hit.time, hit.x, hit.size = (time - segment.source_in) / segment.speed, own.x, own.size
      events[#events + 1] = hit
    end
  end
  table.sort(events, function(a, b) return a.time < b.time end)
  return #events > 0 and events or nil
end

return hits
