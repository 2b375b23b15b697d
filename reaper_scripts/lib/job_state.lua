-- Where a job stands, put together from what an engine says about it: a `job` message, or one event after the other.
local json = require("json")

local job_state = {}

local FINAL = { done = true, failed = true, cancelled = true }
-- Codes of a `failed` that answers a message, where any other one is the end of a job.
local REFUSALS = { bad_message = true, refused = true, unknown_job = true }
local TOO_BIG = "too_big" -- of a warning in place of what a datagram cannot carry

function job_state.is_final(known)
  return known ~= nil and FINAL[known.state] == true
end

function job_state.new(id, state)
  return { type = "job", id = id, state = state, warnings = json.array(), stems = json.array() }
end

-- A job that ended before the engine knew of it.
function job_state.failed(id, failure)
  local known = job_state.new(id, "failed")
  known.failure = { type = "failed", id = id, code = failure.code, message = failure.message, detail = failure.detail }
  return known
end

function job_state.is_refusal(message)
  return message.type == "failed" and REFUSALS[message.code] == true
end

-- Whether a message only says that there is more to say than a datagram carries.
function job_state.is_cut_short(message)
  if message.type == "warning" then return message.code == TOO_BIG end
  for _, warning in ipairs(message.type == "job" and message.warnings or {}) do
    if warning.code == TOO_BIG then return true end
  end
  return false
end

local function has_stem(known, variant)
  for _, stem in ipairs(known.stems) do
    if stem.variant == variant then return true end
  end
  return false
end

-- What each event adds to a job that is not final.
local FOLD = {
  queued = function(known, event)
    known.position = event.position
  end,
  progress = function(known, event)
    known.state, known.position, known.progress = "running", nil, event
  end,
  warning = function(known, event)
    known.warnings[#known.warnings + 1] = event
  end,
  stem = function(known, event)
    if not has_stem(known, event.variant) then known.stems[#known.stems + 1] = event end
  end,
  spotted = function(known, event)
    known.spotted = event
  end,
}

-- Where the job stands after a message. Ends are not taken from events, before which others may have been lost: only a
-- `job` message ends a job.
function job_state.after(known, message)
  if job_state.is_final(known) then return known end
  if message.type == "job" then
    message.warnings, message.stems = message.warnings or json.array(), message.stems or json.array()
    return message
  end
  local fold = FOLD[message.type]
  if not fold then return known end
  known = known or job_state.new(message.id, "queued")
  fold(known, message)
  return known
end

return job_state
