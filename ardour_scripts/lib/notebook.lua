-- What a session remembers, in footfall.json in its folder: the last answers, and the jobs whose stems are to come.
--
--   answers   prompt, negative, variants, model, more (controls, as they are typed), wait, picture (a path) and
--             picture_start (a sample of the session)
--   jobs      by id: start and samples of the range in the session, their rate, the prompt; placed (variants that are
--             in the session), placing_since (Unix seconds), trouble (why it is left alone)
--
-- All scripts run on Ardour's one thread, but Ardour goes on with others while a file is imported or a window is open.
-- So every change reads the file anew, and who places a job's stems claims it first.
local files = require("files")
local json = require("json")

local CLAIM_SECONDS = 120 -- after that, whoever claimed a job is taken for gone

local notebook = {}
local Notebook = {}
Notebook.__index = Notebook

function notebook.open(folder)
  return setmetatable({ path = files.join(folder, "footfall.json") }, Notebook)
end

local function object(value)
  return type(value) == "table" and value or {}
end

function Notebook:read()
  local page = object(json.decode(files.read(self.path) or "{}"))
  return { answers = object(page.answers), jobs = object(page.jobs) }
end

-- Ids of the jobs, in the order of their places in the session.
function Notebook:ids()
  local ids, jobs = {}, self:read().jobs
  for id in pairs(jobs) do ids[#ids + 1] = id end
  table.sort(ids, function(one, other)
    if jobs[one].start ~= jobs[other].start then return jobs[one].start < jobs[other].start end
    return one < other
  end)
  return ids
end

-- Change the page by a function; nil and an error when it cannot be written.
function Notebook:change(with)
  local page = self:read()
  local result = with(page)
  local written, trouble = files.write_whole(self.path, json.encode(page))
  if written then return result or true end
  return nil, { code = "session_unwritable", message = "The session's folder cannot be written to: " .. trouble }
end

function Notebook:remember(answers)
  return self:change(function(page) page.answers = answers end)
end

function Notebook:add(id, job)
  return self:change(function(page)
    job.placed = json.array()
    page.jobs[id] = job
  end)
end

function Notebook:remove(id)
  return self:change(function(page) page.jobs[id] = nil end)
end

-- The job, for the one who is now to place it; nil when it is gone or another is at it.
function Notebook:claim(id, now_unix)
  local job = self:read().jobs[id]
  if not job or now_unix - (job.placing_since or 0) < CLAIM_SECONDS then return nil end
  local claimed = self:change(function(page) page.jobs[id].placing_since = now_unix end)
  return claimed and job
end

-- A variant is in the session.
function Notebook:tick(id, variant)
  return self:change(function(page)
    local placed = page.jobs[id].placed
    placed[#placed + 1] = variant
  end)
end

-- Leave a job alone from now on, and say why.
function Notebook:give_up(id, trouble)
  return self:change(function(page)
    page.jobs[id].placing_since = nil
    page.jobs[id].trouble = trouble
  end)
end

return notebook
