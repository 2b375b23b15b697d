-- What was asked of the engine and is not in its project yet: a file for each job, so that nothing is lost when REAPER
-- or a script ends. An entry is { id, kind, group, session, label, project = { id, path }, request, target, options }.
--
-- Scripts of this REAPER share a note of what they have settled, so that a job whose file could not be removed, or
-- whose folder vanished and came back, is not taken up twice.
local files = require("files")
local json = require("json")

local journal = {}
local Journal = {}
Journal.__index = Journal

local SUFFIX = ".json"
local VERSION = 1

-- `host` lists and makes folders and remembers things for this run of REAPER.
function journal.open(host, spool_folder)
  return setmetatable({ host = host, folder = files.join(spool_folder, "hosts", "reaper") }, Journal)
end

function Journal:path(id)
  return files.join(self.folder, id .. SUFFIX)
end

function Journal:put(entry)
  self.host.make_folder(self.folder)
  entry.version = VERSION
  local written, trouble = files.write_whole(self:path(entry.id), json.encode(entry))
  if written then return true end
  return nil, {
    code = "spool_unwritable",
    message = "Footfall's folder for its jobs cannot be written to, so nothing was started: " .. tostring(trouble),
  }
end

-- An entry as it is now; nil when it is settled or was never there.
function Journal:get(id)
  if self:is_settled(id) then return nil end
  local text = files.read(self:path(id))
  local entry = text and json.decode(text)
  return type(entry) == "table" and entry.version == VERSION and entry.id == id and entry or nil
end

-- Ids of all entries; what is no longer wanted is cleared away.
function Journal:ids()
  local ids = {}
  for _, name in ipairs(self.host.enumerate_files(self.folder)) do
    local id = name:match("^([%w][%w._-]*)%.json$")
    if id and not self:is_settled(id) then ids[#ids + 1] = id end
  end
  table.sort(ids)
  return ids
end

function Journal:all()
  local entries = {}
  for _, id in ipairs(self:ids()) do entries[#entries + 1] = self:get(id) end
  return entries
end

-- Placed, told or declined: never to be taken up again.
function Journal:settle(id)
  self.host.set_memory("settled:" .. id, "1")
  files.remove(self:path(id))
end

function Journal:is_settled(id)
  return self.host.get_memory("settled:" .. id) ~= ""
end

return journal
