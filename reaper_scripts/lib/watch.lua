-- Waits for jobs, in steps between REAPER's own: one thing is placed in a step, and nothing blocks.
-- Everything that belongs to this run of REAPER is looked after, whichever action began it: an action that is run again
-- ends its old run, and the new one goes on with it.
local ask = require("ask")
local place = require("place")

local watch = {}
local Watch = {}
Watch.__index = Watch

local POLL_SECONDS = 0.03 -- between two looks at what has been heard
local BUSY_SECONDS = 0.001 -- a step that has taken longer leaves the rest to the next one
local HINT_SECONDS = 0.25
local BEAT_SECONDS = 1 -- between two looks at the engine
local DEAD_SECONDS = 8 -- without an engine before the user is asked
local ASKED_SECONDS = 60 -- in which no other action asks the same
local MAX_NOTES = 6
local KEPT = "What you asked for is kept, and will be made when the engine runs."

-- ---- what is watched

-- Entries of this run of REAPER that still want placing. What another action has asked for is asked for once more:
-- an engine knows a job by its id, and never runs it twice.
local function jobs_of(desk)
  local jobs = {}
  for _, entry in ipairs(desk.journal:all()) do
    if entry.session == desk.session and not entry.parked then
      if not desk.submitted[entry.id] then desk.wire:submit(entry.request) end
      jobs[#jobs + 1] = { entry = entry, fraction = 0.0 }
    end
  end
  return jobs
end

-- ---- telling

-- Sentences of all jobs, each once, in one message. The full text of what went wrong goes to the console, if wanted.
function Watch:tell()
  local seen, notes = {}, {}
  for _, note in ipairs(self.notes) do
    if not seen[note] then notes[#notes + 1] = note end
    seen[note] = true
  end
  if #notes == 0 then return end
  if #notes > MAX_NOTES then
    local more = #notes - MAX_NOTES
    notes = table.move(notes, 1, MAX_NOTES, 1, { [MAX_NOTES + 1] = ("… and %d more."):format(more) })
  end
  local text = table.concat(notes, "\n\n")
  if self.failed > 0 then text = ("%s failed.\n\n"):format(ask.counted(self.failed, "job")) .. text end
  if #self.details == 0 then return self.desk.host.message(text) end
  if self.desk.host.confirm(text .. "\n\nShow the details in the console?") then
    self.desk.host.log(table.concat(self.details, "\n"))
  end
end

function Watch:hint()
  local fractions, stage, eta = 0.0, "waiting for the engine", nil
  for _, job in ipairs(self.jobs) do
    fractions = fractions + job.fraction
    if job.stage then stage, eta = job.stage, job.eta end
  end
  local done = (self.finished + fractions) / (self.finished + #self.jobs)
  local line = ("Footfall: %s, %s %.0f %%"):format(ask.counted(#self.jobs, "job"), stage, 100 * done)
  if eta then line = line .. (", %.0f s left"):format(eta) end
  self.desk.host.hint(line)
end

-- ---- one job

-- Notes under which name a project is known by now: it may be closed before its stems come.
function Watch:follow_projects()
  for _, job in ipairs(self.jobs) do
    local _, path = place.project_of(self.desk.host, job.entry)
    if path and path ~= job.entry.project.path and not self.desk.journal:is_settled(job.entry.id) then
      job.entry.project.path = path
      self.desk.journal:put(job.entry)
    end
  end
end

-- The project is closed: its stems wait, and are offered when it comes back.
function Watch:park(job)
  local entry = self.desk.journal:get(job.entry.id)
  if entry then
    entry.parked = true
    self.desk.journal:put(entry)
  end
end

function Watch:finish(job, status)
  if not self.desk.journal:is_settled(job.entry.id) then
    if not self.desk.journal:get(job.entry.id) then self.desk.journal:put(job.entry) end -- its folder was taken away
    local outcome = place.job(self.desk.host, self.desk.journal, job.entry.id, status)
    if outcome then self:count(outcome) else self:park(job) end
  end
  self.finished = self.finished + 1
end

function Watch:count(outcome)
  table.move(outcome.notes, 1, #outcome.notes, #self.notes + 1, self.notes)
  table.move(outcome.peaks, 1, #outcome.peaks, #self.peaks + 1, self.peaks)
  if outcome.failed then self.failed = self.failed + 1 end
  if outcome.details and outcome.details ~= "" then self.details[#self.details + 1] = outcome.details end
end

local FINAL = { done = true, failed = true, cancelled = true }

-- Takes note of where the jobs stand; finishes the first one that is over.
function Watch:poll()
  for n, job in ipairs(self.jobs) do
    local status = self.desk.wire:status(job.entry.id)
    if status and FINAL[status.state] then
      table.remove(self.jobs, n)
      self.desk.wire:forget(job.entry.id)
      return self:finish(job, status)
    end
    local progress = status and type(status.progress) == "table" and status.progress or {}
    job.fraction, job.stage, job.eta = progress.fraction or 0.0, progress.stage, progress.eta_seconds
  end
end

-- ---- the engine

function Watch:give_up(trouble)
  self.given_up = true
  if not trouble then return end
  self.notes[#self.notes + 1] = trouble.message
  if #self.jobs > 0 then self.notes[#self.notes + 1] = KEPT end
end

function Watch:start_engine()
  self.starting = true
  require("engine").ensure(self.desk.host, self.desk.config, function()
    self.starting, self.last_alive = false, self.desk.host.now()
  end, function(trouble)
    self.starting = false
    self:give_up(trouble)
  end)
end

function Watch:ask_for_engine(now)
  local question = "Footfall's engine has stopped with %s unfinished. Start it again?"
  local asked = tonumber(self.desk.host.get_memory("asked_for_engine"))
  self.last_alive = now
  if asked and now - asked < ASKED_SECONDS then return end
  self.desk.host.set_memory("asked_for_engine", ("%d"):format(math.floor(now)))
  if self.desk.host.confirm(question:format(ask.counted(#self.jobs, "job"))) then
    self:start_engine()
  else
    self:give_up()
  end
end

-- Notices an engine that has gone, and asks whether it is to be started again.
function Watch:look_after_engine(now)
  if self.starting or self.given_up then return end
  local card, trouble = self.desk.wire:engine()
  if card then
    self.last_alive = now
  elseif trouble.code ~= "engine_unreachable" then
    self:give_up(trouble)
  elseif now - self.last_alive > DEAD_SECONDS then
    self:ask_for_engine(now)
  end
end

-- ---- the loop

function Watch:every(name, seconds, now)
  if now < (self.next[name] or 0) then return false end
  self.next[name] = now + seconds
  return true
end

function Watch:draw_peaks()
  local draw = self.peaks[#self.peaks]
  if draw and not draw() then table.remove(self.peaks) end
end

function Watch:is_over()
  return #self.peaks == 0 and (#self.jobs == 0 or self.given_up)
end

function Watch:step()
  local now = self.desk.host.now()
  self.desk.wire:step()
  self:draw_peaks()
  if #self.jobs > 0 and self.desk.host.now() - now < BUSY_SECONDS then
    if self:every("beat", BEAT_SECONDS, now) then
      self:look_after_engine(now)
      self:follow_projects()
    end
    if not self.starting and self:every("hint", HINT_SECONDS, now) then self:hint() end
    if self:every("poll", POLL_SECONDS, now) then self:poll() end
  end
end

function Watch:close()
  self.desk.host.hint("")
  self.desk.wire:close()
  self:tell()
end

-- One step, then the next one; a step that stumbles ends it, as the next one would stumble too.
function Watch:go_on()
  self.desk.host.defer(function()
    self:step()
    if self:is_over() then self:close() else self:go_on() end
  end, function(trouble)
    self.desk.wire:close()
    self.on_stumble(trouble)
  end)
end

-- Watches what the desk has submitted and what else this run of REAPER waits for; on_stumble(trouble) hears of bugs.
-- Whether there is anything to watch.
function watch.start(desk, on_stumble)
  local self = setmetatable({
    desk = desk,
    on_stumble = on_stumble,
    jobs = jobs_of(desk),
    last_alive = desk.host.now(),
    finished = 0,
    failed = 0,
    notes = {},
    details = {},
    peaks = {},
    next = {},
  }, Watch)
  if #self.jobs == 0 then
    desk.wire:close()
    return false
  end
  if not desk.wire:engine() then self:start_engine() end
  self:go_on()
  return true
end

return watch
