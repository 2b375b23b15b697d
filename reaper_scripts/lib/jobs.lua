-- From shots and wishes to the entries of jobs: what is asked of the engine, and where the answer goes.
local controls = require("controls")
local files = require("files")
local hits = require("hits")
local json = require("json")
local request = require("request")
local shots = require("shots")
local timeline = require("timeline")

local jobs = {}

local SOURCE_END = 1e-6 -- seconds
local LABEL_CHARACTERS = 60

-- What all jobs of one action share. `desk` knows the host, the project and the run of REAPER.
local function entry_of(desk, kind, group, label, asked, target)
  return {
    id = asked.id,
    kind = kind,
    group = group,
    session = desk.session,
    label = label,
    track_name = label,
    project = desk:project_facts(),
    request = asked,
    target = target,
    options = desk.options,
  }
end

-- What tracks, takes and undo points are named after: short, and without line breaks, which a project file has not.
local function label_of(prompt, path)
  local label = (prompt ~= "" and prompt or files.stem(path)):gsub("%c", " ")
  local cut = utf8.len(label) and utf8.len(label) > LABEL_CHARACTERS and utf8.offset(label, LABEL_CHARACTERS)
  return cut and label:sub(1, cut - 1) .. "…" or label
end

-- Hits that the user has on the shot's take, as events; nil when there are none or they are not to be used.
local function events_of(desk, shot)
  if not desk.options.use_hits then return nil end
  local take = shot.item.take
  local section = take.source.section
  local noted = hits.read_note(desk.host.take_note(take.handle, "hits"))
  return hits.events(desk.host.take_markers(take.handle), noted, shot.segment, section and section.offset or 0.0)
end

-- How many of the user's hits a generate of these shots would go by.
function jobs.hit_count(desk, found)
  local count = 0
  for _, shot in ipairs(found) do count = count + #(events_of(desk, shot) or {}) end
  return count
end

-- The engine knows best where a picture ends: the sound of a file may last longer than its picture.
local function up_to_the_end(asked, shot)
  if math.abs(shot.segment.source_out - shot.item.take.source.file_length) < SOURCE_END then asked.out = nil end
  return asked
end

-- Sound for a shot. `wishes`: {prompt, negative, variants, model, more}; `reference`: {path, from, to} or nil.
function jobs.generate(desk, group, shot, wishes, reference)
  local typed, unread = controls.of(wishes.more)
  if not typed then return nil, unread end
  local asked, trouble = request.generate({
    id = desk.host.new_id(),
    video = shot.video,
    segment = shot.segment,
    prompt = wishes.prompt,
    negative = wishes.negative,
    variants = wishes.variants,
    model = wishes.model,
    channels = desk.options.channels,
    reference = reference and reference.path,
    reference_in = reference and reference.from,
    reference_out = reference and reference.to,
    events = events_of(desk, shot),
    stem_folder = desk.stem_folder,
    position = timeline.position(shot.project_in, desk.host.time_offset(desk.proj)),
    controls = typed,
  })
  if not asked then return nil, trouble end
  return entry_of(desk, "generate", group, label_of(wishes.prompt, shot.video), up_to_the_end(asked, shot), {
    track_guid = shot.item.track_guid,
    project_in = shot.project_in,
  })
end

-- New sound for a part of a stem: {item, provenance, from, to} as parts.lua finds it.
function jobs.regenerate(desk, group, part, wishes)
  local item, take = part.item, part.item.take
  local asked, trouble = request.regenerate({
    id = desk.host.new_id(),
    stem = take.source.path,
    from = part.from,
    to = part.to,
    prompt = wishes.prompt,
    negative = wishes.negative,
    variants = wishes.variants,
    model = wishes.model,
    stem_folder = desk.stem_folder,
    controls = controls.of(wishes.more),
  })
  if not asked then return nil, trouble end
  return entry_of(desk, "regenerate", group, label_of(wishes.prompt, take.source.path), asked, {
    track_guid = item.track_guid,
    take_guid = take.guid,
    project_in = item.position,
    length = item.length,
    start_offset = take.start_offset,
    rate = take.rate,
  })
end

-- The visible hits of what an item shows of [from, to): of its source from the first to the last moment shown, once.
function jobs.spot(desk, group, own)
  local item, segment = own[1].item, { source_in = math.huge, source_out = 0.0, speed = 1 }
  for _, shot in ipairs(own) do
    segment.source_in = math.min(segment.source_in, shot.segment.source_in)
    segment.source_out = math.max(segment.source_out, shot.segment.source_out)
  end
  local asked, trouble = request.spot({ id = desk.host.new_id(), video = own[1].video, segment = segment })
  if not asked then return nil, trouble end
  up_to_the_end(asked, { item = item, segment = segment })
  return entry_of(desk, "spot", group, label_of("", own[1].video), asked, {
    track_guid = item.track_guid,
    take_guid = item.take.guid,
    project_in = own[1].project_in,
    project_out = own[#own].project_out,
    source_in = segment.source_in,
    source_out = segment.source_out,
    timed = shots.timed(item),
  })
end

-- How a stem was made, from what is noted with its take; nil for anything else.
function jobs.provenance(text)
  local made = text ~= "" and json.decode(text)
  return type(made) == "table" and made.job and made.path and made or nil
end

return jobs
