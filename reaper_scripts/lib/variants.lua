-- Listening through variants: takes of one item, or lanes of its track.
local jobs = require("jobs")

local variants = {}

variants.NOTHING_SELECTED = "Select a stem that Footfall has made (or put the edit cursor on one), "
  .. "and run the action again."

local function is_ours(take)
  return jobs.provenance(take.provenance) ~= nil
end

local function ours_among(items)
  local found = {}
  for _, item in ipairs(items) do
    if item.take and is_ours(item.take) then found[#found + 1] = item end
  end
  return found
end

-- Footfall's items that are selected; without any, those under the edit cursor.
local function items_meant(host, proj)
  local selected = ours_among(host.selected_items(proj))
  if #selected > 0 then return selected end
  local cursor, found = host.edit_cursor(proj), {}
  for _, track in ipairs(host.tracks(proj)) do
    for _, item in ipairs(ours_among(host.items_between(track, cursor, cursor + 1e-9))) do found[#found + 1] = item end
  end
  return found
end

-- ---- takes

local function own_takes(host, item)
  local own, current = {}, 1
  for _, take in ipairs(host.takes(item.handle)) do
    if is_ours(take) then
      own[#own + 1] = take
      if take.handle == item.take.handle then current = #own end
    end
  end
  return own, current
end

-- ---- lanes: the item of each variant lies beside the others, at the same time

local function same_job(a, b)
  return jobs.provenance(a.take.provenance).job == jobs.provenance(b.take.provenance).job
end

local function lane_mates(host, item)
  local mates = {}
  for _, other in ipairs(ours_among(host.items_between(item.track, item.position, item.position + item.length))) do
    if same_job(item, other) then mates[#mates + 1] = other end
  end
  table.sort(mates, function(a, b) return host.lane(a.handle) < host.lane(b.handle) end)
  return mates
end

local function playing(host, item, mates)
  for n, mate in ipairs(mates) do
    if host.lane_plays(item.track, host.lane(mate.handle)) then return n end
  end
  return 1
end

-- ---- the actions

-- What would be done to an item: {group, count, apply}; group tells lanes that belong together.
local function step_plan(host, proj, item, by)
  if host.uses_lanes(item.track) then
    local mates = lane_mates(host, item)
    local lane = host.lane(mates[(playing(host, item, mates) - 1 + by) % #mates + 1].handle)
    return { group = item.track_guid, count = #mates, apply = function() host.play_lane(proj, item.track, lane) end }
  end
  local own, current = own_takes(host, item)
  local next_take = own[(current - 1 + by) % #own + 1]
  return { count = #own, apply = function() host.activate_take(next_take.handle) end }
end

-- Plans that change something, one for each item or group of lanes.
local function plans_of(host, proj, make)
  local plans, seen = {}, {}
  local items = items_meant(host, proj)
  for _, item in ipairs(items) do
    local plan = make(item)
    if plan.count > 1 and not seen[plan.group or item] then plans[#plans + 1] = plan end
    seen[plan.group or item] = true
  end
  return plans, #items
end

local function carry_out(host, proj, name, plans)
  host.edit(proj, name, function()
    for _, plan in ipairs(plans) do plan.apply() end
  end)
end

local function say_nothing_to_do(host, item_count)
  host.message(item_count == 0 and variants.NOTHING_SELECTED or "There is only one variant.")
end

-- The next variant (by = 1) or the previous one (by = -1) of each item meant, round and round.
function variants.step(host, by)
  local proj = host.current()
  local plans, item_count = plans_of(host, proj, function(item) return step_plan(host, proj, item, by) end)
  if #plans == 0 then return say_nothing_to_do(host, item_count) end
  carry_out(host, proj, by > 0 and "Footfall: next variant" or "Footfall: previous variant", plans)
end

local function keep_plan(host, proj, item)
  if host.uses_lanes(item.track) then
    local mates = lane_mates(host, item)
    local kept = mates[playing(host, item, mates)]
    local job = jobs.provenance(item.take.provenance).job
    return { group = item.track_guid .. job, count = #mates, apply = function()
      for _, mate in ipairs(mates) do
        if mate ~= kept then host.delete_item(mate.handle) end
      end
    end }
  end
  local own, current = own_takes(host, item)
  local rest = {}
  for n, take in ipairs(own) do
    if n ~= current then rest[#rest + 1] = take.handle end
  end
  return { count = #own, apply = function() host.delete_takes(proj, item.handle, rest, item.take.handle) end }
end

-- Keeps the variant that is heard of each item meant, and removes Footfall's others after asking.
function variants.keep(host)
  local proj = host.current()
  local plans, item_count = plans_of(host, proj, function(item) return keep_plan(host, proj, item) end)
  if #plans == 0 then return say_nothing_to_do(host, item_count) end
  local rest = 0
  for _, plan in ipairs(plans) do rest = rest + plan.count - 1 end
  local question = "Keep what is heard now and remove %d other variant%s from the project? Their files stay on disk."
  if not host.confirm(question:format(rest, rest == 1 and "" or "s")) then return end
  carry_out(host, proj, "Footfall: keep variant", plans)
end

return variants
