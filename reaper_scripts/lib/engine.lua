-- The engine's life as REAPER sees it: is it there, start it, stop it, find out what is wrong with it and mend that.
-- Nothing waits: what takes time is a task, to be stepped (from `defer`, say) until it is over.
local files = require("files")
local request = require("request")
local spool = require("spool")

local engine = {}
local Engine = {}
Engine.__index = Engine

local LOOK_SECONDS = 0.1 -- between two looks at the engine's card
local LOG_SECONDS = 1 -- between two looks at its log
local START_SECONDS = 90 -- that a start may take: a cold one from a slow disk
local HELD_SECONDS = 10 -- after which an engine that is said to run and does not show is taken for frozen
local QUIT_SECONDS = 20
local ANSWER_SECONDS = 5
local WRITE_TEST = ".footfall-write-test"

local GONE = "Footfall's program %s is gone. Run `make reaper` in Footfall's folder, then try again."
local NOT_STARTED = "REAPER could not start %s. Run `make reaper` in Footfall's folder, then try again."
local SILENT_START = "Footfall's engine was started %d s ago and still says nothing. In a terminal, this shows why:"
  .. "\n\n%s"
local UNWRITABLE = "The folder %s, where requests to the engine go, cannot be written to (%s). Free it, or choose "
  .. "another with spool_folder in footfall.toml and run `make reaper` in Footfall's folder."
local LOG_SAYS = "Footfall's engine did not start: %s"
local HELD = "An engine that does not answer any more (process %d) holds Footfall's folder. End that process in your "
  .. "system's task manager, then start the engine again."
local NO_QUIT = "Footfall's engine (process %d) was asked to quit and has not done so within %d s."

-- `host` starts programs, makes folders and knows the time; `config` is footfall.json.
function engine.open(host, config)
  return setmetatable({ host = host, config = config, spool = spool.open(config.spool) }, Engine)
end

-- ---- looking

-- Card of the engine that is alive now; nil when there is none, and then the card that was left behind.
function Engine:card()
  local card = self.spool:engine()
  if card and spool.alive(card, files.unix_time()) then return card end
  return nil, card
end

-- One word for how it is: "running", "stopped", or "misfit", which speaks another protocol.
function Engine:state()
  local card = self:card()
  if not card then return "stopped" end
  local fits, misfit = spool.fits(card)
  if fits then return "running", card end
  return "misfit", card, misfit
end

-- The engine's log, as far as it is known where that is.
function Engine:log_text()
  return self.config.log and files.read(self.config.log) or ""
end

-- What the log says of the start that failed since it had `length` bytes: a code and a sentence.
function Engine:failure_since(length)
  local text = self:log_text()
  local fresh = #text >= length and text:sub(length + 1) or text
  local code, sentence
  for found, rest in fresh:gmatch("ERROR%s+%S+serve: ([%w_]+): ([^\r\n]+)") do code, sentence = found, rest end
  return code, sentence
end

-- ---- tasks

-- Inside a task: goes on once the condition holds, and gives what it gave; nil when that takes too long.
local function wait(host, condition, seconds, pause)
  local deadline = host.now() + seconds
  local next_look = 0
  while host.now() < deadline do
    if host.now() >= next_look then
      local found, more = condition()
      if found then return found, more end
      next_look = host.now() + (pause or LOOK_SECONDS)
    end
    coroutine.yield()
  end
end

-- A thing to do in steps: `step` says whether it is over; then `result` and `trouble` are what it came to.
local function task(body)
  local thread = coroutine.create(body)
  return {
    step = function(self)
      if self.is_over then return true end
      local fine, result, trouble = coroutine.resume(thread)
      if not fine then error(debug.traceback(thread, result), 0) end
      self.is_over = coroutine.status(thread) == "dead"
      if self.is_over then self.result, self.trouble = result, trouble end
      return self.is_over
    end,
  }
end

-- ---- starting

local function problem(code, text, ...)
  return nil, { code = code, message = text:format(...) }
end

local function fitting(card)
  local fits, misfit = spool.fits(card)
  if fits then return card end
  return nil, misfit
end

function Engine:explain_failed_start(length, seconds)
  local code, sentence = self:failure_since(length)
  local _, left = self:card()
  if code == "engine_running" and left then return problem("engine_stale", HELD, left.pid) end
  if sentence then return problem(code, LOG_SAYS, sentence) end
  return problem("engine_start", SILENT_START, math.floor(seconds), table.concat(self.config.command, " "))
end

-- Whether the log says that the start has come to nothing. That another engine is there is no failure at once: another
-- action may have started one at the same moment.
function Engine:has_failed(length, seconds)
  if self.log_read and seconds >= self.log_read and seconds < self.log_read + LOG_SECONDS then return false end
  self.log_read = seconds
  local code = self:failure_since(length)
  if code ~= "engine_running" then return code ~= nil end
  self.held = self.held or seconds
  return seconds - self.held > HELD_SECONDS
end

function Engine:do_start()
  self.log_read, self.held = nil, nil
  local card = self:card()
  if card then return fitting(card) end
  local program = self.config.command[1]
  if not self.host.file_exists(program) then return problem("not_installed", GONE, program) end
  local length, began = #self:log_text(), self.host.now()
  if not self.host.start_process(self.config.command) then return problem("not_installed", NOT_STARTED, program) end
  card = wait(self.host, function()
    local seconds = self.host.now() - began
    self.host.hint(("Footfall: the engine is starting, %.0f s"):format(seconds))
    return self:card() or self:has_failed(length, seconds)
  end, self.config.start_seconds or START_SECONDS)
  self.host.hint("")
  if type(card) == "table" then return fitting(card) end
  return self:explain_failed_start(length, self.host.now() - began)
end

-- A task that gives the card of a running engine, or nil and why there is none.
function Engine:start()
  return task(function() return self:do_start() end)
end

-- ---- stopping

function Engine:do_stop()
  local card = self:card()
  if not card then return true end
  local name = request.new_id()
  local written, trouble = self.spool:ask(name, request.quit())
  if not written then return nil, trouble end
  local gone = wait(self.host, function()
    local now = self:card()
    return not now or now.pid ~= card.pid
  end, QUIT_SECONDS)
  self.spool:withdraw(name) -- or it would be the next engine that quits
  self.spool:reply(name)
  if gone then return true end
  return problem("engine_stale", NO_QUIT, card.pid, QUIT_SECONDS)
end

-- A task that ends the engine, whatever protocol it speaks. Its unfinished jobs go on at its next start.
function Engine:stop()
  return task(function() return self:do_stop() end)
end

-- ---- repairing

local function ago(seconds)
  if seconds < 120 then return ("%d s"):format(seconds) end
  if seconds < 7200 then return ("%d min"):format(seconds // 60) end
  return ("%d h"):format(seconds // 3600)
end

-- Whether the engine answers a question; how many seconds that took.
function Engine:answer_time()
  local began = self.host.now()
  local name = request.new_id()
  if not self.spool:ask(name, request.status()) then return nil end
  local answer = wait(self.host, function() return self.spool:reply(name) end, ANSWER_SECONDS, 0)
  self.spool:withdraw(name)
  return answer and self.host.now() - began, answer
end

function Engine:mend_spool(say)
  local inbox = files.join(self.config.spool, "inbox")
  local test = files.join(inbox, WRITE_TEST)
  if not files.write_whole(test, "") then
    self.host.make_folder(inbox)
    self.host.make_folder(files.join(self.config.spool, "jobs"))
    local written, trouble = files.write_whole(test, "")
    if not written then
      say(UNWRITABLE, inbox, trouble)
      return false
    end
    say("The folder %s, where requests to the engine go, was missing: made it again.", inbox)
  end
  return files.remove(test)
end

-- Whether an engine is not the one that was installed with these scripts.
function Engine:is_other(card, say)
  local _, misfit = spool.fits(card)
  if misfit then return say("%s", misfit.message) end
  if not self.config.version or card.version == self.config.version then return false end
  return say("The engine (process %d) is version %s, and version %s is installed.", card.pid, card.version,
    self.config.version)
end

-- What a dead engine has left; what lives and does not do is ended.
function Engine:clear_away(say)
  local card, left = self:card()
  if not card then
    if left then
      say("The engine (process %d) was last heard of %s ago and left without a word: took its card away.",
        left.pid, ago(math.max(0, math.floor(files.unix_time() - left.heartbeat))))
      files.remove(files.join(self.config.spool, "engine.json"))
    end
    return true
  end
  local is_other = self:is_other(card, say)
  local seconds = not is_other and self:answer_time()
  if seconds then return say("The engine (process %d) answers within %.0f ms.", card.pid, 1000 * seconds) end
  if not is_other then say("The engine (process %d) lives and does not answer.", card.pid) end
  local stopped, trouble = self:do_stop()
  say("%s", stopped and "Asked it to quit, and it did." or trouble.message)
  return stopped
end

function Engine:tell_ports(card, say)
  local wanted, port = self.config.port, card.udp_port
  if not port then
    say("The engine listens on no port; the actions reach it through the folder %s.", self.config.spool)
  elseif wanted and wanted ~= 0 and wanted ~= port then
    say("Port %d is taken by another program, so the engine listens on %d. The actions know; tell other OSC programs.",
      wanted, port)
  end
end

function Engine:do_repair(said)
  local function say(text, ...)
    said[#said + 1] = text:format(...)
    return true
  end
  if not self.host.file_exists(self.config.command[1]) then return say(GONE, self.config.command[1]) end
  if not self:mend_spool(say) or not self:clear_away(say) then return end
  local was_running = self:card() ~= nil
  local card, trouble = self:do_start()
  if not card then return say("%s", trouble.message) end
  if not was_running then say("Started the engine: process %d.", card.pid) end
  self:tell_ports(card, say)
  if #said == 1 and was_running then say("Nothing else to repair.") end
end

-- A task that looks at everything that is usually wrong; its `said` grows by a sentence for each thing found and done.
function Engine:repair()
  local said = {}
  local repairing = task(function() return self:do_repair(said) end)
  repairing.said = said
  return repairing
end

-- ---- for actions

-- Steps a task until it is over, then calls `over(result, trouble)`.
function engine.run(host, running, over)
  local function step()
    if running:step() then return over(running.result, running.trouble) end
    host.defer(step, function(trouble) over(nil, { code = "internal", message = trouble }) end)
  end
  step()
end

-- Sees to it that an engine runs: calls on_ready(card), or on_trouble(error) when that cannot be.
function engine.ensure(host, config, on_ready, on_trouble)
  engine.run(host, engine.open(host, config):start(), function(card, trouble)
    if card then on_ready(card) else on_trouble(trouble) end
  end)
end

return engine
