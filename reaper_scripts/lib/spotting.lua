-- A spotting list: regions and markers named "foley: prompt | negative prompt".
local shots = require("shots")

local spotting = {}

spotting.NOTHING_FOUND = "Name regions (or markers) 'foley: what it should sound like', and run the action again. "
  .. "What it should not sound like may follow after a '|'."

local function trimmed(text)
  return (text:gsub("^%s+", ""):gsub("%s+$", ""))
end

-- Prompt and negative prompt that a name asks for; nil for any other name.
function spotting.parse(name)
  local mark, wish = name:match("^%s*(%a+)%s*:(.*)$")
  if not mark or mark:lower() ~= "foley" then return nil end
  local prompt, negative = wish:match("^([^|]*)|?(.*)$")
  return { prompt = trimmed(prompt), negative = trimmed(negative) }
end

-- Where a marker's sound ends: at the next marker or region, or where the picture under it does.
local function end_of_marker(host, proj, marker, markers)
  local to = shots.picture_end(host, proj, marker.time)
  for _, other in ipairs(markers) do
    if to and other.time > marker.time then to = math.min(to, other.time) end
  end
  return to
end

-- Lines of the project's list: {name, wish, from, to}; without `to` where a marker has no picture under it.
function spotting.lines(host, proj)
  local markers, lines = host.markers(proj), {}
  for _, marker in ipairs(markers) do
    local wish = spotting.parse(marker.name)
    if wish then
      local to = marker.to or end_of_marker(host, proj, marker, markers)
      lines[#lines + 1] = { name = marker.name, wish = wish, from = marker.time, to = to }
    end
  end
  return lines
end

-- Shots under each line: {wish, shot} in the order of time, and a sentence for each line without a picture.
function spotting.shots(host, proj)
  local found, refused = {}, {}
  local lines = spotting.lines(host, proj)
  for _, line in ipairs(lines) do
    local own, reasons = {}, {}
    if line.to then own, reasons = shots.of_picture(host, proj, line.from, line.to) end
    for _, shot in ipairs(own) do found[#found + 1] = { wish = line.wish, shot = shot } end
    for _, reason in ipairs(reasons) do refused[#refused + 1] = ("'%s': %s"):format(line.name, reason) end
    if #own + #reasons == 0 then
      refused[#refused + 1] = ("'%s' at %.3f s has no picture under it."):format(line.name, line.from)
    end
  end
  return found, refused, #lines
end

return spotting
