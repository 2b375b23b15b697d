-- Finished jobs into their project: one undo point for each job, nothing changed when there is nothing to show for it.
--
-- Scripts share REAPER's one thread, so reading the entry, placing and settling within one call is all or nothing:
-- however many scripts watch a job, it is placed once.
local files = require("files")
local hits = require("hits")
local json = require("json")
local shots = require("shots")
local timeline = require("timeline")

local place = {}

local TOUCHING = 1e-3 -- seconds that two items may share and still lie side by side

-- ---- which project

-- The open project an entry belongs to, and its path: the one that carries its id, the one at its path first if
-- several do.
function place.project_of(host, entry)
  local same_id
  for _, open in ipairs(host.open_projects()) do
    if host.get_ext(open.handle, "project") == entry.project.id then
      if open.path == entry.project.path then return open.handle, open.path end
      same_id = same_id or open
    end
  end
  if same_id then return same_id.handle, same_id.path end
end

-- ---- stems

local function provenance(entry, stem)
  return json.encode({
    job = entry.id,
    variant = stem.variant,
    seed = stem.seed,
    path = stem.path,
    samples = stem.samples,
    rate = stem.rate,
    request = entry.request,
  })
end

-- A job's stems in the order of their variants, as takes want them.
local function stems_of(entry, job)
  local stems = {}
  table.sort(job.stems, function(a, b) return a.variant < b.variant end)
  for n, stem in ipairs(job.stems) do
    stems[n] = {
      path = stem.path,
      name = ("%s v%d"):format(entry.label, stem.variant),
      provenance = provenance(entry, stem),
      seconds = stem.samples / stem.rate,
    }
  end
  return stems
end

-- Stems that can be opened, and the paths of those that are gone.
local function open_stems(host, stems)
  local opened, gone = {}, {}
  for _, stem in ipairs(stems) do
    stem.source = host.open_source(stem.path)
    if stem.source then opened[#opened + 1] = stem else gone[#gone + 1] = stem.path end
  end
  return opened, gone
end

local function is_free(host, track, from, to)
  return #host.items_between(track, from + TOUCHING, to - TOUCHING) == 0
end

-- The track of the entry's group that has room, or a new one under it, under the picture, or last of all.
local function track_for(host, proj, entry, from, to)
  local group = entry.group .. " " .. entry.target.track_guid
  local tracks = host.group_tracks(proj, group)
  for _, track in ipairs(tracks) do
    if is_free(host, track, from, to) then return track end
  end
  local under = tracks[#tracks] or host.find_track(proj, entry.target.track_guid)
  return host.add_track(proj, under, "Footfall: " .. entry.track_name, group)
end

local function add_variants(host, proj, entry, stems)
  local from, length = entry.target.project_in, stems[1].seconds
  local track = track_for(host, proj, entry, from, from + length)
  if entry.options.lanes and host.has_lanes() then return host.add_lanes(proj, track, from, length, stems) end
  local _, takes = host.add_item(track, from, length, stems)
  return takes
end

-- Regenerated stems go beside the take they came from; onto a track of their own when that is gone.
local function add_patched(host, proj, entry, stems)
  local target = entry.target
  local item, take = host.find_take(proj, target.take_guid)
  if item then return host.add_takes_like(item.handle, take.handle, stems) end
  local track = track_for(host, proj, entry, target.project_in, target.project_in + target.length)
  local _, takes = host.add_item(track, target.project_in, target.length, stems)
  for _, own in ipairs(takes) do host.set_take_times(own, target.start_offset, target.rate) end
  return takes
end

local function place_stems(add, title)
  return function(host, proj, entry, job)
    local outcome = { placed = 0, notes = {}, peaks = {} }
    local stems, gone = open_stems(host, stems_of(entry, job))
    for _, path in ipairs(gone) do
      outcome.notes[#outcome.notes + 1] = ("%s is gone or cannot be read, so it was not placed."):format(path)
    end
    if #stems == 0 then return outcome end
    local takes = host.edit(proj, ("Footfall: %s %s"):format(title, entry.label), function()
      return add(host, proj, entry, stems)
    end)
    for _, take in ipairs(takes) do outcome.peaks[#outcome.peaks + 1] = host.peaks_of(proj, take) end
    outcome.placed = #takes
    return outcome
  end
end

-- ---- hits

-- Our own markers in a span that nobody has changed since, last one first, and what is noted of those elsewhere.
local function own_markers(markers, noted, from, to)
  local own, elsewhere, index = {}, {}, hits.index(noted)
  for n = #markers, 1, -1 do
    local marker = markers[n]
    if not marker.is_region and marker.time >= from and marker.time < to and hits.is_ours(marker, index) then
      own[#own + 1] = marker
    end
  end
  for _, note in ipairs(noted) do
    if note.time < from or note.time >= to then elsewhere[#elsewhere + 1] = note end
  end
  return own, elsewhere
end

-- An event as a marker at a time.
local function marked(event, time)
  return { name = hits.name(event), time = time, x = event.x, size = event.size }
end

-- What has to be done: `old` markers to remove, `new` ones to set, and the note of all that are ours afterwards.
local function plan_of(markers, noted, from, to, new)
  local old, all = own_markers(markers, noted, from, to)
  table.move(new, 1, #new, #all + 1, all)
  return { old = old, new = new, note = hits.write_note(all) }
end

-- Markers on the take, in its own seconds.
local function plan_take_markers(host, entry, item, events)
  local take, target, new = item.take, entry.target, {}
  local start = take.source.section and take.source.section.offset or 0.0
  for n, event in ipairs(events) do new[n] = marked(event, target.source_in + event.time - start) end
  local noted = hits.read_note(host.take_note(take.handle, "hits"))
  local markers = host.take_markers(take.handle)
  local plan = plan_of(markers, noted, target.source_in - start, target.source_out - start, new)
  plan.apply = function()
    for _, marker in ipairs(plan.old) do host.delete_take_marker(take.handle, marker.index) end
    for _, marker in ipairs(new) do host.add_take_marker(take.handle, marker.time, marker.name) end
    host.set_take_note(take.handle, "hits", plan.note)
  end
  return plan
end

-- Where an item would show the start of its source.
local function origin(timed)
  return timed.position - timed.start_offset / timed.rate
end

-- Markers of the project, wherever the item shows them inside the spotted span; it may have been moved since.
local function plan_project_markers(host, proj, entry, item, events)
  local target, new = entry.target, {}
  local timed = item and shots.timed(item) or target.timed
  local moved = origin(timed) - origin(target.timed)
  local from, to = target.project_in + moved, target.project_out + moved
  for _, event in ipairs(events) do
    for _, time in ipairs(timeline.project_times(timed, target.source_in + event.time)) do
      if time >= from and time < to then new[#new + 1] = marked(event, time) end
    end
  end
  local noted = hits.read_note(host.get_ext(proj, "hits"))
  local plan = plan_of(host.markers(proj), noted, from, to, new)
  plan.apply = function()
    for _, marker in ipairs(plan.old) do host.delete_marker(proj, marker.index) end
    for _, marker in ipairs(new) do host.add_marker(proj, marker.time, marker.name) end
    host.set_ext(proj, "hits", plan.note)
  end
  return plan
end

local function place_hits(host, proj, entry, job)
  local outcome = { placed = 0, notes = {}, peaks = {} }
  local events = job.spotted and job.spotted.events or {}
  local item = host.find_take(proj, entry.target.take_guid)
  local plan
  if entry.options.markers == "project" then
    plan = plan_project_markers(host, proj, entry, item, events)
  elseif item then
    plan = plan_take_markers(host, entry, item, events)
  else
    outcome.notes[1] = ("The hits of %s were not marked: its item was deleted meanwhile."):format(entry.label)
    return outcome
  end
  if #plan.old + #plan.new > 0 then
    host.edit(proj, ("Footfall: spot %d hits in %s"):format(#plan.new, entry.label), plan.apply)
  end
  if #plan.new == 0 then outcome.notes[1] = ("No hits are visible in %s."):format(entry.label) end
  outcome.placed = #plan.new
  return outcome
end

-- ---- one job

local PLACERS = {
  generate = place_stems(add_variants, "generate"),
  regenerate = place_stems(add_patched, "regenerate part of"),
  spot = place_hits,
}

local function failure_note(entry, failure)
  return ("%s: %s"):format(files.basename(entry.request.video or entry.request.stem or entry.label), failure.message)
end

-- Puts what a finished job has made where it belongs, and settles it. nil when another script has done so, or when the
-- project is not open; else { placed, notes, details, peaks }: how many things, sentences for the user, text for a log,
-- and functions that draw the peaks.
function place.job(host, journal, id, job)
  local entry = journal:get(id)
  local proj = entry and place.project_of(host, entry)
  if not proj then return nil end
  local fine, outcome = true, { placed = 0, notes = {}, peaks = {} }
  if #job.stems > 0 or job.state == "done" then
    fine, outcome = xpcall(PLACERS[entry.kind], debug.traceback, host, proj, entry, job)
  end
  journal:settle(id) -- also after a stumble: half a placing must not be followed by a second one
  if not fine then error(outcome, 0) end
  for _, warning in ipairs(job.warnings or {}) do table.insert(outcome.notes, warning.message) end
  if job.failure then
    table.insert(outcome.notes, failure_note(entry, job.failure))
    outcome.details = job.failure.detail
    outcome.failed = true
  end
  return outcome
end

return place
