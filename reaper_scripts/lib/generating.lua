-- What the actions share that ask the engine for sound or hits: jobs made of shots, and left with the engine together.
local ask = require("ask")
local jobs = require("jobs")

local generating = {}

-- Everything that must hold before the user is asked anything: {reference}, or nil once the user was told.
local function prepared(desk)
  local fine, trouble = desk:make_stem_folder()
  local reference
  if fine then
    reference, trouble = ask.reference(desk.host, desk.proj)
  end
  if trouble then return desk:tell(trouble.message) end
  return { reference = reference }
end

-- Submits the entries that could be made, and tells once what was left out.
local function submit(desk, entries, refused)
  if #entries > 0 and not desk:submit_or_tell(entries) then return end
  desk:tell(refused)
end

-- Entries of all things, made one by one; what cannot be asked for is told with the rest.
local function entries_of(things, refused, make)
  local entries = {}
  for _, thing in ipairs(things) do
    local entry, trouble = make(thing)
    entries[#entries + 1] = entry
    refused[#refused + 1] = trouble and trouble.message
  end
  return entries
end

-- A job for each shot, with the wishes that `wishes_for(title)` gives; nothing when it gives none.
function generating.generate(desk, found, refused, wishes_for)
  local setting = prepared(desk)
  if not setting then return end
  local title = ask.title("sound for", #found, setting.reference, jobs.hit_count(desk, found))
  local wishes = wishes_for(title)
  if not wishes then return end
  local group = desk.host.new_id()
  local entries = entries_of(found, refused, function(shot)
    return jobs.generate(desk, group, shot, wishes, setting.reference)
  end)
  submit(desk, entries, refused)
end

-- A job for each shot of a spotting list; variants, controls and model as they were asked for last.
function generating.generate_list(desk, found, refused)
  local setting = prepared(desk)
  if not setting then return end
  local group, last = desk.host.new_id(), ask.last_wishes(desk.host, desk.proj)
  local entries = entries_of(found, refused, function(line)
    local wishes = {
      prompt = line.wish.prompt,
      negative = line.wish.negative,
      variants = last.variants,
      model = last.model,
      more = last.more,
    }
    local entry, trouble = jobs.generate(desk, group, line.shot, wishes, setting.reference)
    if entry then entry.track_name = "regions" end -- several prompts share a track
    return entry, trouble
  end)
  submit(desk, entries, refused)
end

-- A job for each part of a stem. What the user changes of the first one's prompts holds for all; the rest stays.
function generating.regenerate(desk, found, refused)
  if not prepared(desk) then return end
  local made = found[1].made.request
  local title = ("Footfall: %s anew"):format(ask.counted(#found, "part"))
  local wishes = ask.part_wishes(desk.host, title, made)
  if not wishes then return end
  if wishes.prompt == (made.prompt or "") then wishes.prompt = nil end
  if wishes.negative == (made.negative or "") then wishes.negative = nil end
  local group = desk.host.new_id()
  local entries = entries_of(found, refused, function(part) return jobs.regenerate(desk, group, part, wishes) end)
  submit(desk, entries, refused)
end

-- Shots of the same item, together: a loop shows the same picture several times.
local function by_item(found)
  local groups, places = {}, {}
  for _, shot in ipairs(found) do
    if not places[shot.item] then
      groups[#groups + 1] = {}
      places[shot.item] = groups[#groups]
    end
    table.insert(places[shot.item], shot)
  end
  return groups
end

-- A job for each item, whose hits become markers.
function generating.spot(desk, found, refused)
  local group = desk.host.new_id()
  submit(desk, entries_of(by_item(found), refused, function(own) return jobs.spot(desk, group, own) end), refused)
end

return generating
