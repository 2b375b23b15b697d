-- Requests to the engine as message tables. What is nil or empty is left out: the engine has its defaults.
local files = require("files")
local json = require("json")

local request = {}

if _VERSION == "Lua 5.3" then -- which gives every script the same numbers
  math.randomseed(files.unix_time() ~ (tonumber(tostring({}):match("%x+$"), 16) or 0))
end

local MAX_TEXT_CHARACTERS = 10000

-- UUID of version 4. `random(low, high)` gives whole numbers; math.random where there is none better.
function request.new_id(random)
  random = random or math.random
  local function digit(mark)
    return ("%x"):format(mark == "x" and random(0, 15) or random(8, 11))
  end
  return (("xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx"):gsub("[xy]", digit))
end

local function problem(key, what)
  return nil, { code = "bad_message", message = ("The %s %s."):format(key, what) }
end

-- The same table; nil and an error when a text in it can travel on no wire.
local function checked(message)
  for key, value in pairs(message) do
    if type(value) == "string" then
      if json.bad_byte(value) then return problem(key, "has bytes that are no UTF-8") end
      if value:find("\0", 1, true) then return problem(key, "holds a NUL character") end
      if utf8.len(value) > MAX_TEXT_CHARACTERS then return problem(key, "is longer than 10,000 characters") end
    end
  end
  return message
end

local function text(value)
  return value ~= "" and value or nil
end

local function whole(number)
  return number and math.tointeger(number)
end

local function list(items)
  return items and json.array(items)
end

local function speed(segment)
  return segment.speed ~= 1 and segment.speed or nil
end

-- The message with what the user typed of the model's controls (see controls.of).
local function with_controls(message, typed)
  for key, value in pairs(typed or {}) do message[key] = value end
  return checked(message)
end

-- Sound for what a segment (see timeline.segments) shows of a video.
-- { id, video, segment, stem_folder [, prompt, negative, variants, model, channels, reference, reference_in,
-- reference_out, events, position, controls] }
function request.generate(wish)
  return with_controls({
    type = "generate",
    id = wish.id,
    video = wish.video,
    ["in"] = wish.segment.source_in,
    out = wish.segment.source_out,
    speed = speed(wish.segment),
    prompt = text(wish.prompt),
    negative = text(wish.negative),
    variants = whole(wish.variants),
    model = text(wish.model),
    channels = whole(wish.channels),
    reference = text(wish.reference),
    reference_in = wish.reference_in,
    reference_out = wish.reference_out,
    events = list(wish.events),
    stem_folder = wish.stem_folder,
    position = wish.position,
  }, wish.controls)
end

-- New sound for [from, to) of a stem, in seconds from its first sample. What is nil is as the stem was made.
-- { id, stem, from, to, stem_folder [, video, prompt, negative, variants, model, reference, events, controls] }
function request.regenerate(wish)
  return with_controls({
    type = "regenerate",
    id = wish.id,
    stem = wish.stem,
    ["in"] = wish.from,
    out = wish.to,
    video = text(wish.video),
    prompt = wish.prompt, -- an empty one is a wish, too
    negative = wish.negative,
    variants = whole(wish.variants),
    model = text(wish.model),
    reference = text(wish.reference),
    events = list(wish.events),
    stem_folder = wish.stem_folder,
  }, wish.controls)
end

-- The visible events of what a segment shows. { id, video, segment }
function request.spot(wish)
  return checked({
    type = "spot",
    id = wish.id,
    video = wish.video,
    ["in"] = wish.segment.source_in,
    out = wish.segment.source_out,
    speed = speed(wish.segment),
  })
end

function request.cancel(id)
  return { type = "cancel", id = id }
end

-- State of a job, or of the engine without an id.
function request.status(id)
  return { type = "status", id = id }
end

function request.models()
  return { type = "models" }
end

function request.quit()
  return { type = "quit" }
end

return request
