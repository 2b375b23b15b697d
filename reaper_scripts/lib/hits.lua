-- Visible hits as markers: "impact 0.83" is an event of that kind and strength. A user may move, rename, add and remove
-- them; the next generate goes by what is there.
--
-- What we have set is noted beside the markers, as text without line breaks: "name@time,x,size;…". By it our own
-- markers are told from the user's, and what was seen of a hit besides its time is not lost.
local hits = {}

local KINDS = { impact = true, step = true, stop = true, start = true, flash = true }
local SAME_TIME = 1e-5 -- seconds: what a project file rounds away, and less than a sample

local function with_point(digits)
  return (digits:gsub(",", ".")) -- the locale may write a comma, and so may the user
end

function hits.name(event)
  return with_point(("%s %.2f"):format(event.kind, event.strength))
end

-- Kind and strength that a marker's name tells; nil for any other marker. "Impact" alone is a hit of full strength.
function hits.parse(name)
  local kind, strength = name:lower():match("^%s*(%a+)%s*([%d.,]*)%s*$")
  if not kind then return nil end
  strength = strength == "" and 1.0 or tonumber(with_point(strength))
  if not (KINDS[kind] and strength and strength <= 1) then return nil end
  return { kind = kind, strength = strength }
end

-- ---- what is noted

local function number(value)
  return with_point(("%.17g"):format(value))
end

-- Text of {name, time, x, size} of each marker.
function hits.write_note(noted)
  local parts = {}
  for n, hit in ipairs(noted) do
    parts[n] = ("%s@%s,%s,%s"):format(hit.name, number(hit.time), number(hit.x or 0), number(hit.size or 0))
  end
  return table.concat(parts, ";")
end

function hits.read_note(text)
  local noted = {}
  for name, time, x, size in text:gmatch("([^@;]*)@([^,;]*),([^,;]*),([^;]*)") do
    time = tonumber(time)
    if time then noted[#noted + 1] = { name = name, time = time, x = tonumber(x), size = tonumber(size) } end
  end
  return noted
end

local function place_of(name, step)
  return ("%s@%d"):format(name, step)
end

-- What was noted of markers, to be found by name and time.
function hits.index(noted)
  local index = { places = {}, by_name = {} }
  for _, hit in ipairs(noted) do
    index.places[place_of(hit.name, math.floor(hit.time / SAME_TIME + 0.5))] = true
    index.by_name[hit.name] = index.by_name[hit.name] or {}
    table.insert(index.by_name[hit.name], hit)
  end
  return index
end

-- Whether a marker is still as we set it.
function hits.is_ours(marker, index)
  local step = math.floor(marker.time / SAME_TIME + 0.5)
  for near = step - 1, step + 1 do
    if index.places[place_of(marker.name, near)] then return true end
  end
  return false
end

-- What was seen of a hit besides its time: that of the noted one nearest in time with the same name.
local function seen(marker, index)
  local best, distance
  for _, hit in ipairs(index.by_name[marker.name] or {}) do
    local away = math.abs(hit.time - marker.time)
    if not best or away < distance then best, distance = hit, away end
  end
  return best or {}
end

-- ---- events

-- Events of a segment from take markers {name, time}, in played seconds from its start; nil when there are none.
-- `section_start` is where the take's own time begins in the file, in seconds.
function hits.events(markers, noted, segment, section_start)
  local events, index = {}, hits.index(noted)
  for _, marker in ipairs(markers) do
    local hit, time = hits.parse(marker.name), marker.time + section_start
    if hit and time >= segment.source_in and time < segment.source_out then
      local own = seen(marker, index)
      hit.time, hit.x, hit.size = (time - segment.source_in) / segment.speed, own.x, own.size
      events[#events + 1] = hit
    end
  end
  table.sort(events, function(a, b) return a.time < b.time end)
  return #events > 0 and events or nil
end

return hits
