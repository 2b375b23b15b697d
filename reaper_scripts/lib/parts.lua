-- Which part of which stem a time selection (or a razor edit) means, in the stem's own seconds.
local files = require("files")
local jobs = require("jobs")
local shots = require("shots")
local timeline = require("timeline")

local parts = {}

parts.NOTHING_SELECTED = "Make a time selection inside a stem that Footfall has made, and run the action again."

-- Why a part of a stem cannot be made anew; nil when it can.
local function refusal(host, item, made)
  local take = item.take
  if files.basename(take.source.path) ~= files.basename(made.path) then
    return "plays another file than the stem (glued, rendered or replaced): select the stem itself"
  end
  if not host.file_exists(take.source.path) then return "is offline: there is no file " .. take.source.path end
  return shots.broken(item)
end

-- The part of [from, to) that the item plays: {item, made, from, to}; nil and a sentence when it cannot be done.
local function part_of(host, item, made, from, to)
  local reason = refusal(host, item, made)
  local segments = {}
  if not reason then
    local timed = shots.timed(item)
    segments = timeline.segments(timed, from, to) or {}
    if #segments > 1 or item.loops and #(timeline.segments(timed, item.position, item.position + item.length) or {}) > 1
    then
      reason = "is looped: the part would sound anew in every round; switch 'Loop source' off first"
    elseif #segments == 0 then
      reason = "plays nothing there: its stem has ended"
    end
  end
  if reason then return nil, ("%s %s."):format(item.take.name, reason) end
  return { item = item, made = made, from = segments[1].source_in, to = segments[1].source_out }
end

local function spans_of(host, proj)
  local selection = host.time_selection(proj)
  if not selection then return host.razor_areas(proj) end
  return { selection }
end

local function selected_over(host, proj, span)
  local items = {}
  for _, item in ipairs(host.selected_items(proj)) do
    if item.position < span.to and item.position + item.length > span.from then items[#items + 1] = item end
  end
  return items
end

local function items_on(host, tracks, span)
  local items = {}
  for _, track in ipairs(tracks) do
    for _, item in ipairs(host.items_between(track, span.from, span.to)) do items[#items + 1] = item end
  end
  return items
end

-- Items that a span may mean: the selected ones, else those on the selected tracks, else all.
local function candidates(host, proj, span)
  if span.track then return items_on(host, { span.track }, span) end
  local items = selected_over(host, proj, span)
  if #items == 0 then items = items_on(host, host.selected_tracks(proj), span) end
  if #items == 0 then items = items_on(host, host.tracks(proj), span) end
  return items
end

-- Parts of stems that the user means, and a sentence for each stem that had to be left out.
function parts.of_selection(host, proj)
  local found, refused = {}, {}
  for _, span in ipairs(spans_of(host, proj)) do
    for _, item in ipairs(candidates(host, proj, span)) do
      local made = item.take and jobs.provenance(item.take.provenance)
      if made then
        local part, reason = part_of(host, item, made, span.from, span.to)
        found[#found + 1] = part
        refused[#refused + 1] = reason
      end
    end
  end
  return found, refused
end

return parts
