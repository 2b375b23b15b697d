-- Which part of a source an item shows, and where on the timeline. Pure arithmetic, times in seconds as floats.
--
-- An item is { position, length, rate, start_offset, source_length, loops, section = { offset, length } | nil }:
-- `position` and `length` on the timeline, `rate` how fast the source is played, `start_offset` where in the source (in
-- its section, where it has one) the item begins. A looped source starts over wherever it ends; before the start and
-- after the end of an unlooped one there is nothing to see.
--
-- Every time is worked out from the item's own numbers, never from the time before it, so that nothing adds up to a
-- drift; the item's start is its `position`, bit by bit.
local timeline = {}

local SLIVER = 1e-6 -- seconds; a fifth of a sample at 192 kHz: no piece is shorter, boundaries this close are one
local MAX_PIECES = 1000

local function item_end(item)
  return item.position + item.length
end

-- Start of the section in its file, and seconds until it starts over. Without a section: the whole file.
local function span(item)
  if item.section then return item.section.offset, item.section.length end
  return 0.0, item.source_length
end

-- Seconds of the span that have a picture: a section may reach beyond the end of its file.
local function shown_length(item)
  local offset, length = span(item)
  return math.min(length, item.source_length - offset)
end

-- Seconds from the start of the span, as if it went on for ever in both directions.
local function unrolled(item, project_time)
  return item.start_offset + (project_time - item.position) * item.rate
end

local function project_time_of(item, unrolled_time)
  return item.position + (unrolled_time - item.start_offset) / item.rate
end

local function clamp(value, low, high)
  return math.max(low, math.min(high, value))
end

local function too_many(count)
  return nil, {
    code = "too_many_loops",
    message = ("The source starts over %d times in this selection, and up to %d are possible. Select a shorter part.")
      :format(count, MAX_PIECES),
  }
end

-- What round number `round` of the span shows of [from, to); nil when that is nothing.
local function piece(item, round, from, to)
  local offset, length = span(item)
  local start, shown = round * length, shown_length(item)
  local stop = shown == length and (round + 1) * length or start + shown -- where the next round starts, bit by bit
  local first, last = project_time_of(item, start), project_time_of(item, stop)
  local starts_inside, ends_inside = first > from + SLIVER, last < to - SLIVER
  local project_in, project_out = starts_inside and first or from, ends_inside and last or to
  if project_out - project_in < SLIVER then return nil end
  return {
    project_in = project_in,
    project_out = project_out,
    source_in = offset + (starts_inside and 0.0 or clamp(unrolled(item, project_in) - start, 0.0, shown)),
    source_out = offset + (ends_inside and shown or clamp(unrolled(item, project_out) - start, 0.0, shown)),
    speed = item.rate,
  }
end

-- The part of [from, to) that the item shows, in order, in pieces where a looped source starts over:
-- a list of { project_in, project_out, source_in, source_out, speed }, source times in the file's own seconds.
-- nil and an error when the source starts over too often.
function timeline.segments(item, from, to)
  from, to = math.max(from, item.position), math.min(to, item_end(item))
  local _, length = span(item)
  if to - from < SLIVER or shown_length(item) <= 0 then return {} end
  local first, last = 0, 0
  if item.loops then
    first = math.floor(unrolled(item, from + SLIVER) / length)
    last = math.floor(unrolled(item, to - SLIVER) / length)
  end
  if last - first >= MAX_PIECES then return too_many(last - first) end
  local pieces = {}
  for round = first, last do pieces[#pieces + 1] = piece(item, round, from, to) end
  return pieces
end

-- Time in the file of what the item shows at a moment; nil when it shows nothing then.
function timeline.source_time(item, project_time)
  if project_time < item.position or project_time >= item_end(item) then return nil end
  local offset, length = span(item)
  local time = unrolled(item, project_time)
  if item.loops and length > 0 then time = time % length end
  if time < 0 or time >= shown_length(item) then return nil end
  return offset + time
end

-- Every moment at which the item shows a time of the file, in order; a loop shows it several times.
function timeline.project_times(item, source_time)
  local offset, length = span(item)
  local time = source_time - offset
  if time < 0 or time >= shown_length(item) then return {} end
  local first, last = 0, 0
  if item.loops then
    first = math.ceil((unrolled(item, item.position) - time) / length - SLIVER)
    last = math.floor((unrolled(item, item_end(item)) - time) / length + SLIVER)
  end
  local times = {}
  for round = first, math.min(last, first + MAX_PIECES) do
    local moment = project_time_of(item, round * length + time)
    if math.abs(moment - item.position) < SLIVER then moment = item.position end
    if moment >= item.position and moment < item_end(item) then times[#times + 1] = moment end
  end
  return times
end

-- Position in the film, which a recorder would have stamped: the project may start at 01:00:00:00. Never below 0.
function timeline.position(project_time, project_offset)
  return math.max(0.0, project_time + project_offset)
end

-- Nearest sample to a time.
function timeline.samples(seconds, rate)
  return math.floor(seconds * rate + 0.5)
end

return timeline
