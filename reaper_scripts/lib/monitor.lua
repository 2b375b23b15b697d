-- The Status action at work: asks the engine how it is once a second, shows that, and does what is clicked on.
local engine = require("engine")
local json = require("json")
local offers = require("offers")
local place = require("place")
local status = require("status")
local watch = require("watch")
local wire = require("wire")
local window = require("window")

local monitor = {}
local Monitor = {}
Monitor.__index = Monitor

local LOOK_SECONDS = 0.5 -- between two looks at the engine and the journal
local ENTRIES_A_STEP = 4
local DEAF_SECONDS = 3 -- after which an engine that was asked is asked anew
local PLACE = "window" -- what is remembered of where the window stands

-- ---- what there is to show

-- Whether a finished job waits to be placed: nobody watches it, and its project is open.
function Monitor:waits(entry)
  local job = self.jobs[entry.id]
  local is_finished = job and (job.state == "done" or (type(job.stems) == "table" and #job.stems > 0))
  local is_watched = entry.session == self.desk.session and not entry.parked
  return is_finished and not is_watched and place.project_of(self.desk.host, entry) ~= nil
end

function Monitor:count_waiting()
  local count = 0
  for _, entry in ipairs(self.entries) do
    if self:waits(entry) then count = count + 1 end
  end
  return count
end

function Monitor:look_at_engine()
  local state, card, misfit = self.engine:state()
  self.card, self.misfit, self.resting_state = card, misfit, state
  if state ~= "running" then self.reply = nil end
end

-- The journal, a few entries in a step: a long one must not hold up REAPER.
function Monitor:look_at_journal()
  local entries, jobs = {}, {}
  for n, id in ipairs(self.desk.journal:ids()) do
    if n % ENTRIES_A_STEP == 0 then coroutine.yield() end
    local entry = self.desk.journal:get(id)
    entries[#entries + 1] = entry
    if entry then jobs[id] = self.wire:status(id) end
  end
  self.entries, self.jobs = entries, jobs
  coroutine.yield()
end

-- Looks at everything and makes the view of it, over and over, in steps.
function Monitor:look_on()
  while true do
    self:look_at_engine()
    self:look_at_journal()
    self.shown = self:view()
    local next_look = self.desk.host.now() + LOOK_SECONDS
    repeat coroutine.yield() until self.desk.host.now() >= next_look or self.is_changed
    self.is_changed = false
  end
end

function Monitor:ask(now)
  if self.resting_state ~= "running" then return end
  if self.asked and now - self.asked < DEAF_SECONDS then return end
  self.wire:ask("status")
  self.asked = now
end

function Monitor:hear()
  local answer = self.wire:answer()
  if not answer then return end
  self.reply = answer.type == "status.reply" and answer or self.reply
  self.trouble = answer.type == "failed" and answer.message or nil
  self.asked = nil
end

function Monitor:view()
  local troubles = { self.misfit and self.misfit.message }
  troubles[#troubles + 1] = self.trouble
  return status.view({
    state = self.doing or self.resting_state,
    card = self.card,
    reply = self.reply,
    entries = self.entries,
    jobs = self.jobs,
    troubles = troubles,
    said = self.said,
    to_place = self:count_waiting(),
    wire = self.wire.kind,
  })
end

-- ---- what can be clicked on

-- Does a task of the engine's in the steps to come.
function Monitor:begin(doing, running)
  if self.running then return end
  self.doing, self.running, self.trouble = doing, running, nil
  self.said = running.said or {}
end

function Monitor:go_on_with_task()
  if not (self.running and self.running:step()) then return end
  local trouble = self.running.trouble
  self.trouble = trouble and trouble.message
  self.doing, self.running, self.asked = nil, nil, nil
  self.is_changed = true
end

function Monitor:cancel(id)
  local fine, trouble = self.wire:cancel(id)
  if not fine then self.trouble = trouble.message end
end

local CLICKS = {
  start = function(self) self:begin("starting", self.engine:start()) end,
  stop = function(self) self:begin("stopping", self.engine:stop()) end,
  repair = function(self) self:begin("repairing", self.engine:repair()) end,
  cancel = function(self, row) self:cancel(row) end,
  cancel_all = function(self)
    for _, row in ipairs(self.shown.rows) do
      if row.can_cancel then self:cancel(row.id) end
    end
  end,
  place = function(self)
    offers.make_again(self.desk)
    watch.start(self.desk, self.desk.on_stumble)
  end,
}

-- ---- the loop

function Monitor:step()
  self.wire:step()
  self:go_on_with_task()
  self:hear()
  self.looking()
  self:ask(self.desk.host.now())
  if self.running then self.is_changed = true end -- its sentences are shown as they come
  if self.shown then self.window:show(self.shown) end
  local event = self.window:event()
  if not event then return true end
  if event.id == "closed" then return false end
  CLICKS[event.id](self, event.row)
  self.is_changed = true
  return true
end

function Monitor:close()
  self.desk.host.set_memory(PLACE, json.encode(self.window.place()), true)
  self.window.close()
  self.wire:close()
end

function Monitor:go_on()
  self.desk.host.defer(function()
    if self:step() then self:go_on() else self:close() end
  end, function(trouble)
    self:close()
    self.desk.on_stumble(trouble)
  end)
end

-- Opens the window at a desk.
function monitor.open(desk)
  local self = setmetatable({
    desk = desk,
    wire = wire.open(desk.config, desk.host.sockets(), desk.host.now), -- the desk's closes when its jobs are over
    engine = engine.open(desk.host, desk.config),
    window = window.open(json.decode(desk.host.get_memory(PLACE))),
    entries = {},
    jobs = {},
    said = {},
  }, Monitor)
  self.looking = coroutine.wrap(function() self:look_on() end)
  self:go_on()
end

return monitor
