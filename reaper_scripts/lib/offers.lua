-- Jobs that were finished, or left to run, while their project or REAPER was closed: offered when the project is open.
local ask = require("ask")
local place = require("place")

local offers = {}

-- Entries that nobody watches and whose project is open now, and those whose project is not.
local function waiting(desk)
  local here, elsewhere = {}, {}
  for _, entry in ipairs(desk.journal:all()) do
    if entry.parked or entry.session ~= desk.session then
      local list = place.project_of(desk.host, entry) and here or elsewhere
      list[#list + 1] = entry
    end
  end
  return here, elsewhere
end

-- From now on an entry is watched as if it had been asked for in this run of REAPER.
local function adopt(desk, entry)
  entry.session, entry.parked = desk.session, nil
  desk.journal:put(entry)
end

local function is_declined(desk, entry)
  return desk.host.get_memory("declined:" .. entry.id) ~= ""
end

local function question(entries)
  local labels = {}
  for n = 1, math.min(#entries, 5) do labels[n] = entries[n].label end
  if #entries > 5 then labels[6] = "…" end
  return ("%s from earlier %s not been placed in this project yet: %s.\n\nPlace what is finished now?"):format(
    ask.counted(#entries, "job"), #entries == 1 and "has" or "have", table.concat(labels, ", "))
end

local function offer(desk, entries)
  local agreed = desk.host.confirm(question(entries))
  for _, entry in ipairs(entries) do
    if agreed then
      adopt(desk, entry)
    else
      desk.host.set_memory("declined:" .. entry.id, "1")
    end
  end
end

-- Offers, once in a run of REAPER, what waits for the open projects.
function offers.make(desk)
  local fresh = {}
  for _, entry in ipairs((waiting(desk))) do
    if not is_declined(desk, entry) then fresh[#fresh + 1] = entry end
  end
  if #fresh > 0 then offer(desk, fresh) end
end

-- Offers it again on request, and says when there is nothing.
function offers.make_again(desk)
  local here, elsewhere = waiting(desk)
  if #here > 0 then return offer(desk, here) end
  local text = "No finished stems wait for the open projects."
  for _, entry in ipairs(elsewhere) do
    local path = entry.project.path ~= "" and entry.project.path or "a project that was never saved"
    text = text .. ("\n\n%s waits for %s."):format(entry.label, path)
  end
  desk:tell(text)
end

return offers
