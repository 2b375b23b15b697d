-- From what is selected in the host to shots: the parts of video files that the picture shows there.
-- A shot is { item, video, segment, project_in, project_out }; `segment` as timeline.segments tells it.
-- What cannot be done is named with its reason, and the rest is done.
local files = require("files")
local timeline = require("timeline")

local shots = {}

shots.NOTHING_SELECTED = "Select one or more video items, or make a time selection (or razor edits) over a video item, "
  .. "and run the action again."

-- ---- one item

local function name_of(item)
  local take = item.take
  if not take then return ("the empty item at %.3f s"):format(item.position) end
  return take.name ~= "" and take.name or files.basename(take.source.path)
end

-- The item as timeline.lua reads it.
function shots.timed(item)
  local take = item.take
  return {
    position = item.position,
    length = item.length,
    loops = item.loops,
    rate = take.rate,
    start_offset = take.start_offset,
    source_length = take.source.file_length,
    section = take.source.section,
  }
end

-- Why the straight line from the item's time to its source's is broken; nil when it is not.
function shots.broken(item)
  local take = item.take
  if take.stretch_markers > 0 then return "has stretch markers; glue it, or remove them" end
  if take.source.reversed then return "is reversed" end
  if take.rate <= 0 then return ("plays at the rate %g"):format(take.rate) end
end

local function is_video(item)
  return item.take ~= nil and item.take.source.kind == "VIDEO"
end

-- Why an item has no picture to work with; nil when it has.
local function refusal(host, item)
  local take = item.take
  if not take then return "has no take" end
  if take.is_midi then return "is MIDI" end
  if not is_video(item) then return "has no picture" end
  if not host.file_exists(take.source.path) then return "is offline: there is no file " .. take.source.path end
  return shots.broken(item)
end

local function sentence(item, reason)
  return ("%s %s."):format(name_of(item), reason)
end

-- Shots of what an item shows of [from, to); nil and a sentence when there is nothing to work with.
function shots.of_item(host, item, from, to)
  local reason = refusal(host, item)
  if reason then return nil, sentence(item, reason) end
  local segments, trouble = timeline.segments(shots.timed(item), from, to)
  if not segments then return nil, ("%s: %s"):format(name_of(item), trouble.message) end
  if #segments == 0 then return nil, sentence(item, "shows nothing there: its source has ended") end
  local found = {}
  for _, segment in ipairs(segments) do
    found[#found + 1] = {
      item = item,
      video = item.take.source.path,
      segment = segment,
      project_in = segment.project_in,
      project_out = segment.project_out,
    }
  end
  return found
end

-- ---- several

local function item_end(item)
  return item.position + item.length
end

-- Collects the shots of parts of items, and what is said of the others.
local function collect(host, parts)
  local found, refused = {}, {}
  for _, part in ipairs(parts) do
    local own, reason = shots.of_item(host, part.item, part.from, part.to)
    for _, shot in ipairs(own or {}) do found[#found + 1] = shot end
    refused[#refused + 1] = reason
  end
  return found, refused
end

local function overlap(item, span)
  local from, to = math.max(item.position, span.from), math.min(item_end(item), span.to)
  if to > from then return { item = item, from = from, to = to } end
end

local function overlaps(items, span)
  local parts = {}
  for _, item in ipairs(items) do parts[#parts + 1] = span and overlap(item, span) end
  return parts
end

local function whole(items)
  local parts = {}
  for _, item in ipairs(items) do
    parts[#parts + 1] = { item = item, from = item.position, to = item_end(item) }
  end
  return parts
end

local function videos_on(host, tracks, span)
  local items = {}
  for _, track in ipairs(tracks) do
    for _, item in ipairs(host.items_between(track, span.from, span.to)) do
      if is_video(item) then items[#items + 1] = item end
    end
  end
  return items
end

local function some_video(items)
  for _, item in ipairs(items) do
    if is_video(item) then return true end
  end
  return false
end

-- Selected items, where some of them has a picture; only their parts in the time selection, if it lies over one.
local function parts_of_items(host, proj)
  local items, selection = host.selected_items(proj), host.time_selection(proj)
  if not some_video(items) then return {}, items end
  local inside = selection and overlaps(items, selection) or {}
  return #inside > 0 and inside or whole(items), items
end

local function parts_of_razor(host, proj)
  local parts = {}
  for _, area in ipairs(host.razor_areas(proj)) do
    for _, part in ipairs(overlaps(videos_on(host, { area.track }, area), area)) do parts[#parts + 1] = part end
  end
  return parts
end

-- Videos under the time selection: on the selected tracks, or on any when those have none.
local function parts_of_time(host, proj)
  local selection = host.time_selection(proj)
  if not selection then return {} end
  local items = videos_on(host, host.selected_tracks(proj), selection)
  if #items == 0 then items = videos_on(host, host.tracks(proj), selection) end
  return overlaps(items, selection)
end

-- Shots of what the user has selected, and a sentence for each thing that had to be left out.
function shots.of_selection(host, proj)
  local parts, items = parts_of_items(host, proj)
  if #parts == 0 then parts = parts_of_razor(host, proj) end
  if #parts == 0 then parts = parts_of_time(host, proj) end
  if #parts == 0 then parts = whole(items) end -- none has a picture: each is told why
  return collect(host, parts)
end

-- ---- the picture under a span of time

-- What is left of spans when one is cut out of them.
local function without(spans, cut)
  local left = {}
  for _, span in ipairs(spans) do
    if cut.from > span.from then left[#left + 1] = { from = span.from, to = math.min(span.to, cut.from) } end
    if cut.to < span.to then left[#left + 1] = { from = math.max(span.from, cut.to), to = span.to } end
  end
  return left
end

-- Shots of the topmost visible picture at each moment of [from, to), in the order of time.
function shots.of_picture(host, proj, from, to)
  local uncovered, parts = { { from = from, to = to } }, {}
  for _, track in ipairs(host.tracks(proj)) do
    if host.track_is_visible(track) then
      for _, item in ipairs(videos_on(host, { track }, { from = from, to = to })) do
        for _, span in ipairs(item.muted and {} or uncovered) do parts[#parts + 1] = overlap(item, span) end
        if not item.muted then uncovered = without(uncovered, { from = item.position, to = item_end(item) }) end
      end
    end
  end
  table.sort(parts, function(a, b) return a.from < b.from end)
  return collect(host, parts)
end

-- End of the topmost picture that is shown at a moment; nil when there is none.
function shots.picture_end(host, proj, moment)
  for _, track in ipairs(host.tracks(proj)) do
    for _, item in ipairs(videos_on(host, { track }, { from = moment, to = moment + 1e-6 })) do
      if host.track_is_visible(track) and not item.muted then return item_end(item) end
    end
  end
end

return shots
