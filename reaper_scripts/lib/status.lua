-- What the Status window shows, as plain values: from the engine's answer, the journal, and what is known of the jobs.
local files = require("files")

local status = {}

local MOST_ERRORS = 3
local ORDER = { running = 1, queued = 2, waiting = 3, failed = 4, cancelled = 5, done = 6 }
local HEADS = {
  running = { "Engine running", "good" },
  stopped = { "Engine not running", "dim" },
  starting = { "Engine starting …", "busy" },
  stopping = { "Engine stopping …", "busy" },
  repairing = { "Repairing …", "busy" },
  misfit = { "Engine of another version", "bad" },
}
local BUSY = { starting = true, stopping = true, repairing = true }

-- ---- words

-- "12 s left", "1 min 05 s left", "2 h 03 min left"; "" when nobody knows.
function status.eta(seconds)
  if type(seconds) ~= "number" or seconds ~= seconds or seconds < 0 or seconds == math.huge then return "" end
  local whole = math.floor(seconds + 0.5)
  if whole < 60 then return ("%d s left"):format(whole) end
  if whole < 3600 then return ("%d min %02d s left"):format(whole // 60, whole % 60) end
  return ("%d h %02d min left"):format(whole // 3600, whole % 3600 // 60)
end

local function counted(n, one, many)
  return n == 1 and "1 " .. one or ("%d %s"):format(n, many or one .. "s")
end

local function share(fraction)
  if type(fraction) ~= "number" or fraction ~= fraction then return 0.0 end
  return math.max(0.0, math.min(1.0, fraction))
end

-- ---- rows

-- What there is of the parts, with commas between.
local function joined(...)
  local parts = table.pack(...)
  local found = {}
  for n = 1, parts.n do
    if type(parts[n]) == "string" and parts[n] ~= "" then found[#found + 1] = parts[n] end
  end
  return table.concat(found, ", ")
end

local TEXTS = {
  running = function(row) return joined(row.stage, ("%.0f %%"):format(100 * row.bar), status.eta(row.eta)) end,
  queued = function(row) return row.place > 1 and ("in the queue, %d before it"):format(row.place - 1) or "next" end,
  waiting = function() return "waits for the engine" end,
  failed = function() return "failed" end,
  cancelled = function() return "cancelled" end,
  done = function(row) return row.is_ours and "done, waits to be placed" or "done" end,
}

local function row_of_brief(brief)
  return {
    id = brief.id,
    label = brief.label ~= "" and brief.label or brief.kind,
    kind = brief.kind,
    state = ORDER[brief.state] and brief.state or "waiting",
    bar = brief.state == "done" and 1.0 or share(brief.fraction),
    eta = brief.eta_seconds,
  }
end

local function row_of_entry(entry)
  return { id = entry.id, label = entry.label, kind = entry.kind, state = "waiting", bar = 0.0 }
end

-- What is known of one job beyond its brief: its stage, and where it stands since.
local function with_job(row, job)
  if type(job) ~= "table" then return end
  row.state = ORDER[job.state] and job.state or row.state
  local progress = type(job.progress) == "table" and job.progress or {}
  row.stage = progress.stage
  row.bar = row.state == "done" and 1.0 or math.max(row.bar, share(progress.fraction))
  row.eta = progress.eta_seconds or row.eta
  if type(job.failure) == "table" then row.failure = job.failure.message end
end

local function collect(facts)
  local rows, by_id = {}, {}
  local function add(row)
    rows[#rows + 1] = row
    by_id[row.id] = row
    row.order = #rows
  end
  for _, brief in ipairs(type(facts.reply) == "table" and facts.reply.jobs or {}) do add(row_of_brief(brief)) end
  for _, entry in ipairs(facts.entries or {}) do
    if not by_id[entry.id] then add(row_of_entry(entry)) end
    local row = by_id[entry.id]
    row.is_ours = true
    if entry.label ~= "" then row.label = entry.label end
    if entry.project and entry.project.path ~= "" then row.project = files.stem(entry.project.path) end
    with_job(row, (facts.jobs or {})[entry.id])
  end
  return rows
end

-- Rows, unfinished ones first: { id, label, state, bar (0 to 1), text, can_cancel, is_ours }.
function status.rows(facts)
  local rows = collect(facts)
  table.sort(rows, function(a, b)
    if ORDER[a.state] ~= ORDER[b.state] then return ORDER[a.state] < ORDER[b.state] end
    return a.order < b.order
  end)
  local place = 0
  for _, row in ipairs(rows) do
    if row.state == "queued" then
      place = place + 1
      row.place = place
    end
    row.text = joined(TEXTS[row.state](row), row.is_ours and row.project)
    row.can_cancel = row.state == "running" or row.state == "queued" or row.state == "waiting"
  end
  return rows
end

-- ---- the whole window

local function errors_of(rows, troubles)
  local errors = {}
  for _, text in ipairs(troubles or {}) do errors[#errors + 1] = text end
  for _, row in ipairs(rows) do
    if row.failure then errors[#errors + 1] = ("%s: %s"):format(row.label, row.failure) end
  end
  for n = #errors, MOST_ERRORS + 1, -1 do errors[n] = nil end
  return errors
end

local function detail_of(facts)
  local card, reply = facts.card, facts.reply
  if not card then return "" end
  local port = card.udp_port and ("port %d"):format(card.udp_port)
  local up = type(reply) == "table" and reply.uptime_seconds
  return joined(("version %s"):format(card.version), ("process %d"):format(card.pid), port,
    up and ("up %s"):format((status.eta(up):gsub(" left$", ""))),
    facts.wire == "osc.udp" and "over OSC" or "over the folder")
end

local function button(id, label, enabled)
  return { id = id, label = label, enabled = enabled }
end

local function buttons_of(facts, rows)
  local free = not BUSY[facts.state]
  local is_there = facts.state == "running" or facts.state == "misfit"
  local can_cancel = false
  for _, row in ipairs(rows) do can_cancel = can_cancel or row.can_cancel end
  return {
    is_there and button("stop", "Stop", free) or button("start", "Start", free),
    button("cancel_all", "Cancel all", can_cancel),
    button("place", facts.to_place > 0 and ("Place %d"):format(facts.to_place) or "Place", facts.to_place > 0),
    button("repair", "Repair", free),
  }
end

-- All there is to show. `facts`: { state, card, reply (status.reply), entries (of the journal), jobs (by id), troubles,
-- said (by a repair), to_place (how many finished jobs wait), wire }.
function status.view(facts)
  local rows = status.rows(facts)
  local head = HEADS[facts.state]
  local counts = type(facts.reply) == "table" and facts.reply.counts or {}
  local unfinished = (counts.queued or 0) + (counts.running or 0)
  return {
    head = head[1],
    tone = head[2],
    detail = detail_of(facts),
    summary = #rows == 0 and "No jobs yet." or counted(unfinished, "unfinished job"),
    rows = rows,
    said = facts.said or {},
    errors = errors_of(rows, facts.troubles),
    buttons = buttons_of(facts, rows),
  }
end

return status
