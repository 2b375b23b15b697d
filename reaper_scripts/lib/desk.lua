-- What an action works at: the host, the project, the wire to the engine, the journal. An action is a recipe over it:
--
--   desk.run("Generate for selection", here, function(self) … self:submit(entries) end)
--
-- Whatever stumbles is told once, in a sentence, and what was asked of the engine is watched until it is placed.
local ask = require("ask")
local files = require("files")
local host = require("project")
local journal = require("journal")
local json = require("json")
local offers = require("offers")
local watch = require("watch")
local wire = require("wire")

local desk = {}
local Desk = {}
Desk.__index = Desk

local NOT_INSTALLED = "Footfall's engine is not installed: there is no %s.\n\n"
  .. "In Footfall's folder, run\n\n    make reaper\n\nand run this action again."
local UNWRITABLE = "Stems go to %s, and that folder cannot be made or written to (%s). Save the project to a folder "
  .. "you may write to, or choose another recording path in File > Project settings > Media."
local WRITE_TEST = ".footfall-write-test"

-- ---- set up

-- Where the engine lives, as `footfall install reaper` has written beside the actions.
local function read_config(here)
  local path = files.join(here, "footfall.json")
  local text = files.read(path)
  if not text then return nil, { code = "not_installed", message = NOT_INSTALLED:format(path) } end
  local config, trouble = json.decode(text)
  if type(config) == "table" and type(config.spool) == "string" then return config end
  local what = ("%s cannot be used (%s)"):format(path, trouble or "it names no spool folder")
  return nil, { code = "bad_settings", message = what .. ": run `make reaper` in Footfall's folder again." }
end

-- Marks this run of REAPER, so that jobs of earlier runs are told from it.
local function session_of()
  local session = host.get_memory("session")
  if session == "" then
    session = host.new_id()
    host.set_memory("session", session)
  end
  return session
end

local function stumbled(name)
  return function(trouble)
    host.log(("Footfall: %s stumbled. This is a mistake of ours; please report it:\n%s"):format(name, trouble))
    host.message(("%s stumbled; REAPER's console shows where. Nothing of yours was changed by it."):format(name))
  end
end

-- A desk for the action of that name, whose files lie in `here`; nil and an error when Footfall is not installed.
function desk.open(name, here)
  local config, trouble = read_config(here)
  if not config then return nil, trouble end
  local self = setmetatable({ host = host, config = config, session = session_of() }, Desk)
  self.proj, self.project_path = host.current()
  self.options = ask.options(host)
  host.make_folder(files.join(config.spool, "inbox")) -- no engine may have run yet
  self.journal = journal.open(host, config.spool)
  self.wire = wire.open(config, host.sockets(), host.now)
  self.submitted = {}
  self.on_stumble = stumbled(name)
  return self
end

-- How a job finds back to this project, after days and under another name.
function Desk:project_facts()
  local id = host.get_ext(self.proj, "project")
  if id == "" then
    id = host.new_id()
    host.set_ext(self.proj, "project", id)
  end
  return { id = id, path = self.project_path }
end

-- ---- telling

function Desk.tell(_, sentences)
  if type(sentences) == "string" then sentences = { sentences } end
  if #sentences > 0 then host.message(table.concat(sentences, "\n\n")) end
end

-- ---- asking the engine

-- The folder for stems, made where it is missing; nil and an error when nothing can be written there.
function Desk:make_stem_folder()
  self.stem_folder = files.join(host.recording_folder(self.proj), "Footfall")
  host.make_folder(self.stem_folder)
  local test = files.join(self.stem_folder, WRITE_TEST)
  local written, trouble = files.write_whole(test, "Footfall may write here.")
  if written then return files.remove(test) end
  return nil, {
    code = "stem_folder",
    message = UNWRITABLE:format(self.stem_folder, trouble),
  }
end

-- Leaves jobs with the engine, or where it will find them. nil and an error at the first one that cannot be left.
function Desk:submit(entries)
  for _, entry in ipairs(entries) do
    local fine, trouble = self.journal:put(entry)
    if fine then fine, trouble = self.wire:submit(entry.request) end
    if not fine then
      self.journal:settle(entry.id)
      return nil, trouble
    end
    self.submitted[entry.id] = true
  end
  return true
end

-- Submits, or tells why not.
function Desk:submit_or_tell(entries)
  local fine, trouble = self:submit(entries)
  if not fine then self:tell(trouble.message) end
  return fine
end

-- ---- running an action

local function guarded(name, recipe)
  local fine, trouble = xpcall(recipe, debug.traceback, host)
  if not fine then stumbled(name)(trouble) end
end

-- Runs a recipe that needs no engine.
function desk.run_alone(name, recipe)
  guarded(name, recipe)
  host.make_no_undo_point()
end

-- Runs a recipe at a desk, takes up what earlier runs left, and watches all of it until it is placed.
function desk.run(name, here, recipe)
  local is_watching = false
  guarded(name, function()
    host.relaunch_quietly()
    local self, trouble = desk.open(name, here)
    if not self then return host.message(trouble.message) end
    recipe(self)
    offers.make(self)
    is_watching = watch.start(self, self.on_stumble)
  end)
  if not is_watching then host.make_no_undo_point() end
end

return desk
