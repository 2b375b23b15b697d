-- The way to the engine: OSC over UDP where LuaSocket is installed and an engine answers, the spool folder everywhere
-- else, and whenever UDP falls silent. Nothing here ever waits: `step`, called often, reads what has come.
--
-- What gets lost is asked for again. That is safe: a request carries the id its host made, and the engine answers a
-- repeated id with the job's state. A job that is known only by its id (from a journal, say) is followed all the same.
local files = require("files")
local job_state = require("job_state")
local request = require("request")
local spool = require("spool")
local udp = require("udp")

local RESEND_SECONDS = 0.25 -- after which an unanswered datagram is sent again
local QUIET_SECONDS = 1 -- of silence after which a job's state is asked for
local DEAD_SECONDS = 3 -- without any answer after which nobody is there
local LOOK_SECONDS = 0.1 -- between two looks at a file
local CARD_SECONDS = 1 -- between two looks at the engine's card
local STEP_SECONDS = 0.003 -- that a step may take; what is left over comes next
local LONG_AGO = -math.huge

local wire = {}
local Wire = {}
Wire.__index = Wire

-- `config` is { spool, host, token }; `socket` is LuaSocket or nil; `clock` gives seconds from any start.
function wire.open(config, socket, clock)
  local self = setmetatable({
    config = config,
    socket = socket,
    clock = clock or socket and socket.gettime or files.unix_time,
    spool = spool.open(config.spool),
    kind = "spool",
    -- by id: { id, request, job, text, asked, looked, is_unanswered, is_ending, was_sent, cancelling, by_file }
    jobs = {},
    card_read = LONG_AGO,
  }, Wire)
  self:find_engine(self.clock())
  return self
end

-- ---- who is there

-- Card of the engine that serves the spool folder now; nil and an error when there is none that can be talked to.
function Wire:engine()
  if not self.card then
    return nil, { code = "engine_unreachable", message = "Footfall's engine is not running." }
  end
  local fits, misfit = spool.fits(self.card)
  if not fits then return nil, misfit end
  return self.card
end

-- Address and port to talk UDP with; nil when that is not to be.
function Wire:place()
  local card = self.socket and self:engine()
  if not (card and card.udp_port) then return nil end
  local address = udp.address(card.host)
  local is_ours = udp.is_loopback(address) or address == self.config.host
  if is_ours then return address, card.udp_port, ("%s %d %d"):format(address, card.udp_port, card.pid) end
end

function Wire:find_engine(now)
  local card = self.spool:engine()
  self.card = spool.alive(card, files.unix_time()) and card or nil
  self.card_read = now
  local address, port, key = self:place()
  if key == self.key then return end
  self:leave_udp()
  if key and key ~= self.dead_key then self:enter_udp(address, port, key) end
end

function Wire:enter_udp(address, port, key)
  self.udp = udp.open(self.socket, address, port, self.config.token)
  if not self.udp then return end
  self.key, self.kind = key, "osc.udp"
  self:ask_all_again()
end

function Wire:leave_udp()
  if not self.udp then return end
  self.udp:close()
  self.udp, self.key, self.kind, self.unanswered = nil, nil, "spool", nil
  self:ask_all_again()
end

-- Nobody answers at this port: the folder is the way, until another engine or port shows up.
function Wire:give_up_udp()
  if not self.udp then return end
  self.dead_key = self.key
  self:leave_udp()
end

function Wire:ask_all_again()
  for _, entry in pairs(self.jobs) do entry.asked, entry.looked = LONG_AGO, LONG_AGO end
  if self.question then self.question.asked = LONG_AGO end
end

-- ---- jobs

-- Hand in a job; true once it is on its way, be it to an engine that has yet to start. nil and an error otherwise.
function Wire:submit(message)
  local fits, misfit = spool.fits(self.card or {})
  if not fits then return nil, misfit end
  local entry = self:follow(message.id)
  entry.request, entry.asked, entry.looked = message, LONG_AGO, LONG_AGO
  local done, trouble = self:pursue(entry, self.clock())
  if not done then self:forget(message.id) end
  return done, trouble
end

-- Where a job stands, as a `job` message; nil while the engine has not said.
function Wire:status(id)
  return self:follow(id).job
end

function Wire:cancel(id)
  local entry = self:follow(id)
  if job_state.is_final(entry.job) then return true end
  if self.spool:withdraw(id) and not entry.was_sent and not entry.job then
    entry.job = job_state.new(id, "cancelled")
    return true
  end
  entry.cancelling, entry.asked, entry.looked = true, LONG_AGO, LONG_AGO
  return self:pursue(entry, self.clock())
end

-- A job that nobody asks for any more.
function Wire:forget(id)
  self.jobs[id], self.unanswered = nil, nil
end

function Wire:follow(id)
  local entry = self.jobs[id]
  if not entry then
    entry = { id = id, asked = LONG_AGO, looked = LONG_AGO }
    self.jobs[id] = entry
  end
  return entry
end

-- Ask for a job what is to be asked now.
function Wire:pursue(entry, now)
  if self.udp and entry.request and not entry.by_file then
    entry.by_file = not (entry.job or self.udp:carries(entry.request))
  end
  if self.udp and not entry.by_file then return self:pursue_by_udp(entry, now) end
  return self:pursue_by_file(entry, now)
end

function Wire:pursue_by_udp(entry, now)
  local is_urgent = entry.cancelling or entry.is_ending or entry.is_unanswered
  if now - entry.asked < (is_urgent and RESEND_SECONDS or QUIET_SECONDS) then return true end
  entry.asked, entry.is_unanswered, entry.was_sent = now, true, true
  if entry.cancelling then return self:send(request.cancel(entry.id), now) end
  return self:send(not entry.job and entry.request or request.status(entry.id), now)
end

-- Reads a job's file, a piece in each call; whether that is done.
function Wire:read_file(entry)
  entry.reading = entry.reading or coroutine.wrap(function()
    return true, self.spool:status(entry.id, entry.text, coroutine.yield)
  end)
  local is_over, found, text = entry.reading()
  if not is_over then return false end
  entry.reading, entry.text = nil, text
  if found then entry.job = job_state.after(entry.job, found) end
  return true
end

function Wire:pursue_by_file(entry, now)
  if not entry.reading and now - entry.looked < LOOK_SECONDS then return true end
  entry.looked = now
  if not self:read_file(entry) then return true end
  if entry.cancelling and not entry.is_cancel_filed then
    entry.is_cancel_filed = self:noted(self.spool:cancel(entry.id))
    return entry.is_cancel_filed, self.trouble
  end
  if entry.text or now - entry.asked < QUIET_SECONDS or self.spool:awaits(entry.id) then return true end
  entry.asked = now
  return self:noted(self.spool:ask(entry.id, entry.request or request.status(entry.id)))
end

-- Remembers what went wrong last, for whoever shows it.
function Wire:noted(done, trouble)
  self.trouble = trouble
  return done, trouble
end

function Wire:send(message, now)
  self.unanswered = self.unanswered or now
  if not self.udp:send(message) then self:give_up_udp() end
  return true
end

-- ---- questions

local QUESTIONS = { status = request.status, models = request.models, quit = request.quit }
local ANSWERS = { ["status.reply"] = "status", ["models.reply"] = "models", bye = "quit" }

-- Ask the engine for its "status" or its "models", or to "quit". One question at a time: a new one replaces the last.
function Wire:ask(kind)
  self:drop_question()
  local card, trouble = self:engine()
  if not card then return nil, trouble end
  self.question = { kind = kind, name = request.new_id(), asked = LONG_AGO }
  self:pursue_question(self.question, self.clock())
  return true
end

-- Answer to the question, once; nil while there is none.
function Wire:answer()
  local answer = self.question and self.question.answer
  if answer then self:drop_question() end
  return answer
end

-- A question left in the folder would be asked of the next engine: to quit, say.
function Wire:drop_question()
  if self.question and self.question.is_filed then self.spool:withdraw(self.question.name) end
  self.question = nil
end

function Wire:pursue_question(question, now)
  if question.answer or now - question.asked < (self.udp and RESEND_SECONDS or LOOK_SECONDS) then return end
  question.asked = now
  if self.udp then
    self:send(QUESTIONS[question.kind](), now)
  elseif not question.is_filed then
    question.is_filed = self:noted(self.spool:ask(question.name, QUESTIONS[question.kind]()))
  else
    question.answer = self.spool:reply(question.name)
  end
end

-- ---- what is heard

function Wire:hear_about_job(entry, message)
  entry.is_unanswered = false
  if message.type == "failed" and message.code == "refused" then
    self:give_up_udp() -- the folder asks for no token
  elseif job_state.is_cut_short(message) then
    entry.by_file, entry.asked, entry.looked = true, LONG_AGO, LONG_AGO
  elseif job_state.is_refusal(message) then
    local never_was = entry.cancelling and not entry.job
    entry.job = never_was and job_state.new(entry.id, "cancelled") or job_state.failed(entry.id, message)
  elseif message.type == "done" or message.type == "failed" or message.type == "cancelled" then
    entry.is_ending, entry.asked = true, LONG_AGO -- the whole state is worth asking for at once
  else
    entry.job = job_state.after(entry.job, message)
    if not (entry.cancelling or entry.is_ending) then entry.asked = self.now end
  end
end

function Wire:hear(message)
  local entry = message.id and self.jobs[message.id]
  if entry and not job_state.is_final(entry.job) then return self:hear_about_job(entry, message) end
  local question = self.question
  if not question then return end
  if message.type == "failed" and message.id == "" then
    if message.code == "refused" then return self:give_up_udp() end
    question.answer = message
  elseif ANSWERS[message.type] == question.kind then
    question.answer = message
  end
end

function Wire:listen(deadline)
  while self.udp and self.clock() < deadline do
    local heard, is_lost = self.udp:receive()
    if is_lost then return self:give_up_udp() end
    if not heard then return end
    self.unanswered = nil
    for _, message in ipairs(heard) do self:hear(message) end
  end
end

-- Read what has come, ask for what is missing. To be called often, from `defer` say.
function Wire:step()
  local now = self.clock()
  local deadline = now + STEP_SECONDS
  self.now = now
  self:listen(deadline)
  if self.unanswered and now - self.unanswered > DEAD_SECONDS then self:give_up_udp() end
  if now - self.card_read >= CARD_SECONDS then self:find_engine(now) end
  if self.question then self:pursue_question(self.question, now) end
  for _, entry in pairs(self.jobs) do
    if not job_state.is_final(entry.job) then self:pursue(entry, now) end
    if self.clock() >= deadline then return end
  end
end

function Wire:close()
  self:drop_question()
  if self.udp then self.udp:close() end
  self.udp, self.key, self.kind = nil, nil, "spool"
end

return wire
