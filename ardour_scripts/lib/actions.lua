-- What each script does, step by step.
local controls = require("controls")
local files = require("files")
local json = require("json")
local notebook = require("notebook")
local picture = require("picture")
local request = require("request")
local session = require("session")
local spool = require("spool")

local actions = {}

local FINAL = { done = true, failed = true, cancelled = true }
local START_SECONDS = 30 -- an engine that is not there by then does not start
local NAME_CHARACTERS = 40
local NOTHING_SELECTED = "Select the range of the shot first: a time range, a region or the loop range."
local DID_NOT_START = "Footfall's engine did not start. `footfall serve` in a terminal says why."
local OTHER_VERSION = "Footfall's engine %s and these scripts do not fit together. "
  .. "Run `make ardour` in Footfall's folder to bring both to the same version, then start the engine again."
local NOT_INSTALLED = "Footfall's engine is not known here. Run `make ardour` in Footfall's folder."

-- Where the engine lives, as `footfall install ardour` has written it down.
local function settings()
  local config = json.decode(files.read(files.join(session.config_folder(), "footfall.json")) or "")
  return type(config) == "table" and type(config.spool) == "string" and config or nil
end

local function book()
  return notebook.open(session.folder())
end

-- ---- asking for stems

local function saved_picture()
  return picture.of_session(session.saved_text(), session.folder())
end

local function answers_of(given, film)
  return {
    prompt = given.prompt,
    negative = given.negative,
    variants = math.tointeger(given.variants) or math.floor(given.variants),
    model = given.model,
    more = given.more,
    wait = given.wait,
    picture = film and film.path or given.picture,
    picture_start = film and film.start or given.picture_start,
  }
end

local function picture_fields(film, last)
  if film then return { { type = "label", title = "Picture: " .. film.path } } end
  local starts = { ["at the session's start"] = 0, ["at the playhead"] = session.playhead() }
  if last.picture_start then starts["where it was last time"] = last.picture_start end
  local usual = last.picture_start and "where it was last time" or "at the session's start"
  return {
    { type = "file", key = "picture", title = "Picture", path = last.picture or session.folder() },
    { type = "dropdown", key = "picture_start", title = "It starts", values = starts, default = usual },
  }
end

local function ask(last)
  local film = saved_picture()
  local fields = {
    { type = "entry", key = "prompt", title = "What it sounds like", default = last.prompt or "" },
    { type = "entry", key = "negative", title = "What it must not sound like", default = last.negative or "" },
    { type = "number", key = "variants", title = "Variants", min = 1, max = 32, step = 1, digits = 0,
      default = last.variants or 1 },
    { type = "entry", key = "model", title = "Model (empty: default)", default = last.model or "" },
    { type = "entry", key = "more", title = controls.CAPTION, default = last.more or "" },
    table.unpack(picture_fields(film, last)),
  }
  fields[#fields + 1] = { type = "checkbox", key = "wait", title = "Wait for it", default = last.wait ~= false }
  local given = session.ask(fields)
  return given and answers_of(given, film)
end

local function seconds(samples)
  return ("%d/%d"):format(samples, session.rate())
end

local function wish(answers, start, stop)
  local typed = controls.of(answers.more)
  return {
    id = request.new_id(session.random),
    video = answers.picture,
    segment = {
      source_in = seconds(start - answers.picture_start),
      source_out = seconds(stop - answers.picture_start),
      speed = 1,
    },
    prompt = answers.prompt,
    negative = answers.negative,
    variants = answers.variants,
    model = answers.model,
    controls = typed,
    stem_folder = session.stem_folder(),
    position = seconds(start),
  }
end

local function problem_with(answers, start)
  if not answers.picture or not files.exists(answers.picture) then
    return ("There is no picture %s. Open one with Session > Open Video, or choose its file."):format(
      answers.picture or "")
  end
  if start < answers.picture_start then
    return ("The selection starts %.3f s before the picture does."):format(
      (answers.picture_start - start) / session.rate())
  end
  local typed, unread = controls.of(answers.more)
  return not typed and unread.message or nil
end

-- Have an engine running; nil and an error when there will be none, or one of another version.
local function wake_engine(config, wire)
  local card = wire:engine()
  if spool.alive(card, files.unix_time()) then
    return spool.fits(card) or nil, { message = OTHER_VERSION:format(card.version) }
  end
  if config.command and session.run(config.command) then return true end
  return nil, { message = "Footfall's engine is not running. Start it with `footfall serve` in a terminal." }
end

local function submit(config, answers, start, stop)
  local message, problem = request.generate(wish(answers, start, stop))
  if not message then return nil, problem end
  local wire = spool.open(config.spool)
  local awake, asleep = wake_engine(config, wire)
  if not awake then return nil, asleep end
  local noted, unwritable = book():add(message.id, {
    start = start, samples = stop - start, rate = session.rate(),
    prompt = answers.prompt ~= "" and answers.prompt or nil,
  })
  if not noted then return nil, unwritable end
  local sent, unsent = wire:put(message)
  if sent then return message.id end
  book():remove(message.id)
  return nil, unsent
end

local function run(answers, config)
  local start, stop = session.range()
  if not start then return session.tell(NOTHING_SELECTED) end
  book():remember(answers)
  local problem = problem_with(answers, start)
  if problem then return session.tell(problem) end
  local id, failure = submit(config, answers, start, stop)
  if not id then return session.tell(failure.message) end
  if answers.wait then actions.wait_for(id, config) end
end

-- ---- placing them

local function name_of(job, variant)
  local said = job.prompt or "sound"
  local short = said:sub(1, (utf8.offset(said, NAME_CHARACTERS + 1) or #said + 1) - 1)
  return ("Footfall: %s %d"):format(short, variant)
end

local function expected_samples(stem, job)
  return math.floor(stem.samples * job.rate / stem.rate + 0.5)
end

-- How a stem was made, and what was not done as asked.
local function comment_on(stem, job, warnings)
  local sentences = { ("%s (variant %d, seed %d, %s)."):format(job.prompt or "", stem.variant, stem.seed, stem.path) }
  for _, warning in ipairs(warnings or {}) do sentences[#sentences + 1] = warning.message end
  return table.concat(sentences, " ")
end

-- Put one stem where its job wants it; a sentence when that went wrong.
local function place_stem(stem, job, warnings)
  if not files.exists(stem.path) then return ("The stem %s is not there any more."):format(stem.path) end
  local name, comment = name_of(job, stem.variant), comment_on(stem, job, warnings)
  local start, samples = session.place(stem.path, job.start, name, stem.variant > 1, comment)
  if not start then return ("Ardour did not import %s."):format(stem.path) end
  if start ~= job.start then return ("%s is at sample %d instead of %d."):format(stem.path, start, job.start) end
  if math.abs(samples - expected_samples(stem, job)) > (stem.rate == job.rate and 0 or 1) then
    local expected = expected_samples(stem, job)
    return ("%s has %d samples in the session instead of %d."):format(stem.path, samples, expected)
  end
end

local function is_placed(job, variant)
  for _, placed in ipairs(job.placed or {}) do
    if placed == variant then return true end
  end
  return false
end

-- Place what a finished job has made; a sentence for the user when not all is well.
local function place_job(id, status)
  local job = book():claim(id, files.unix_time())
  if not job then return nil end
  for _, stem in ipairs(status.stems or {}) do
    local trouble = not is_placed(job, stem.variant) and place_stem(stem, job, status.warnings)
    if trouble then
      book():give_up(id, trouble)
      return trouble
    end
    if not is_placed(job, stem.variant) then book():tick(id, stem.variant) end
  end
  book():remove(id)
  return status.failure and status.failure.message
end

-- Place the stems of all finished jobs of this session. Number of jobs finished, and of those not; what went wrong.
local function place_all(config, retry)
  local wire, finished, open, troubles = spool.open(config.spool), 0, 0, {}
  for _, id in ipairs(book():ids()) do
    local job, status = book():read().jobs[id] or {}, wire:status(id)
    if not (status and FINAL[status.state]) then
      open = open + 1
    elseif retry or not job.trouble then
      finished = finished + 1
      troubles[#troubles + 1] = place_job(id, status)
    end
  end
  return finished, open, troubles
end

-- ---- waiting, in a window

local STAGES = { queued = "Waiting for the jobs before it", running = "Making the sound" }

local function looker(id, wire)
  local asked = files.unix_time()
  return function()
    local status = wire:status(id)
    if status and FINAL[status.state] then return nil end
    if status then return (status.progress or {}).fraction or 0, STAGES[status.state] end
    local alive = spool.alive(wire:engine(), files.unix_time())
    if not alive and files.unix_time() - asked > START_SECONDS then return nil end
    return 0, alive and "Asking the engine" or "Starting the engine"
  end
end

function actions.wait_for(id, config)
  local wire = spool.open(config.spool)
  if not session.wait(looker(id, wire)) then
    wire:cancel(id)
    return book():remove(id)
  end
  local status = wire:status(id)
  if not status then return session.tell(DID_NOT_START) end
  local trouble = place_job(id, status)
  if trouble then session.tell(trouble) end
end

-- ---- the scripts

local function installed(act)
  return function()
    local config = settings()
    if not config then return session.tell(NOT_INSTALLED) end
    return act(config)
  end
end

actions.generate = installed(function(config)
  if not session.range() then return session.tell(NOTHING_SELECTED) end
  local answers = ask(book():read().answers)
  if answers then run(answers, config) end
end)

actions.repeat_last = installed(function(config)
  local answers = book():read().answers
  if not answers.picture then return actions.generate() end
  local film = saved_picture()
  if film then answers.picture, answers.picture_start = film.path, film.start end
  run(answers, config)
end)

actions.place = installed(function(config)
  local finished, open, troubles = place_all(config, true)
  if #troubles > 0 then return session.tell(table.concat(troubles, "\n")) end
  if finished > 0 then return end
  if open == 0 then return session.tell("No stems are to come.") end
  local awake, asleep = wake_engine(config, spool.open(config.spool))
  session.tell(awake and ("Jobs that are still being made: %d."):format(open) or asleep.message)
end)

-- Once a second, by the hook: place what has been finished, and say nothing when there is nothing to say.
function actions.watch()
  local config = settings()
  if not config or session.recording() then return end
  local _, _, troubles = place_all(config, false)
  if #troubles > 0 then session.tell(table.concat(troubles, "\n")) end
end

return actions
