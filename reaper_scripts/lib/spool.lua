-- The spool folder, seen from a host: requests go in as files, an engine's answers come out as files.
--
--   engine.json             who serves the folder: pid, version, protocol, host, ports, and a heartbeat every second
--   inbox/<id>.json         a request, until an engine claims it as <id>.claimed
--   inbox/<id>.cancel       cancels that job
--   jobs/<id>/status.json   a `job` message, always whole and current
--   jobs/<id>/reply.json    the answer to a question that is no job
local files = require("files")
local json = require("json")

local PROTOCOL = 1
local STALE_SECONDS = 5 -- an engine whose heartbeat is older is taken for dead
local MAX_ID_CHARACTERS = 64

local spool = { PROTOCOL = PROTOCOL }
local Spool = {}
Spool.__index = Spool

function spool.open(folder)
  return setmetatable({ folder = folder }, Spool)
end

-- Whether a text is safe as a file name, as ids have to be.
function spool.is_id(text)
  return type(text) == "string" and #text <= MAX_ID_CHARACTERS and text:find("^[A-Za-z0-9][A-Za-z0-9._-]*$") ~= nil
end

-- Whether an engine's card is fresh. `now_unix` in seconds; the engine's clock may be another machine's.
function spool.alive(card, now_unix)
  return card ~= nil and math.abs(now_unix - card.heartbeat) < STALE_SECONDS
end

-- True when an engine speaks as these scripts do; nil and why when it does not.
function spool.fits(card)
  local theirs = card.protocol or PROTOCOL -- the first engines did not say
  if theirs == PROTOCOL then return true end
  return nil, {
    code = "protocol",
    message = ("Footfall's engine %s speaks protocol %s and these scripts speak protocol %d. "
      .. "Run `make reaper` in Footfall's folder to bring both to the same version, then start the engine again.")
      :format(card.version, theirs, PROTOCOL),
  }
end

local function checked_id(id)
  if not spool.is_id(id) then error(("%q is no id"):format(tostring(id)), 3) end
  return id
end

local function read_object(path)
  local text = files.read(path)
  local value = text and json.decode(text)
  return type(value) == "table" and value or nil
end

function Spool:inbox_file(name, suffix)
  return files.join(self.folder, "inbox", checked_id(name) .. suffix)
end

function Spool:job_file(name, file)
  return files.join(self.folder, "jobs", checked_id(name), file)
end

function Spool:write_inbox(name, suffix, text)
  local written, trouble = files.write_whole(self:inbox_file(name, suffix), text)
  if written then return true end
  return nil, {
    code = "spool_unwritable",
    message = ("Footfall's engine cannot be reached through the folder %s: %s"):format(self.folder, trouble),
  }
end

-- Leave a request for the engine under its id.
function Spool:put(request)
  return self:ask(request.id, request)
end

-- Leave a request under a name of its own, for one that has no id.
function Spool:ask(name, request)
  return self:write_inbox(name, ".json", json.encode(request))
end

function Spool:cancel(id)
  return self:write_inbox(id, ".cancel", "")
end

-- Take back a request that no engine has claimed; whether there was one.
function Spool:withdraw(id)
  return files.remove(self:inbox_file(id, ".json")) ~= nil
end

-- Whether a request lies there that no engine has answered yet.
function Spool:awaits(id)
  return files.exists(self:inbox_file(id, ".json")) or files.exists(self:inbox_file(id, ".claimed"))
end

-- Where a job stands, and the text that says so; nil while no engine has said anything about it.
-- With the text of an earlier call: no job, only the text, when nothing is new. `pause` as in json.decode.
function Spool:status(id, known_text, pause)
  local text = files.read(self:job_file(id, "status.json"))
  if not text or text == known_text then return nil, text end
  local job = json.decode(text, pause)
  local is_whole = type(job) == "table" and job.type == "job" and job.id == id and type(job.state) == "string"
  if is_whole then return job, text end
  return nil
end

-- Answer to a question, once: it is cleared away. nil while there is none.
function Spool:reply(name)
  local path = self:job_file(name, "reply.json")
  local answer = read_object(path)
  if not (answer and answer.type) then return nil end
  files.remove(path)
  files.remove(files.dirname(path)) -- where that removes empty folders
  return answer
end

-- Card of the engine that serves this folder, or served it last; nil when there is none to read.
function Spool:engine()
  local card = read_object(files.join(self.folder, "engine.json"))
  return card and math.type(card.pid) == "integer" and type(card.heartbeat) == "number" and card or nil
end

return spool
