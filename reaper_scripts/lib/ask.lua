-- What the user is asked, and what is remembered of the answers: wishes with the project, options for good.
local controls = require("controls")
local files = require("files")
local json = require("json")

local ask = {}

local MAX_VARIANTS = 8 -- as many as one looks through; the engine can do more
local NO_WISHES = { prompt = "", negative = "", variants = 3, model = "", more = "" }
local DEFAULTS = { lanes = false, markers = "take", channels = 2, use_hits = true }

-- What a text remembers, with a default for what it does not; and whether it remembers anything.
local function decoded(text, defaults)
  local value = json.decode(text)
  local is_there = type(value) == "table"
  local known = {}
  for key, default in pairs(defaults) do
    known[key] = default
    if is_there and type(value[key]) == type(default) then known[key] = value[key] end
  end
  return known, is_there
end

local function trimmed(text)
  return (text:gsub("^%s+", ""):gsub("%s+$", ""))
end

local function wrong(message)
  return nil, { code = "bad_answer", message = message }
end

-- ---- wishes

-- What was asked for last in this project, and whether anything was.
function ask.last_wishes(host, proj)
  return decoded(host.get_ext(proj, "last"), NO_WISHES)
end

function ask.remember_wishes(host, proj, wishes)
  host.set_ext(proj, "last", json.encode(wishes))
end

local function variants_of(text)
  local count = math.tointeger(tonumber(text))
  if count and count >= 1 and count <= MAX_VARIANTS then return count end
  return wrong(("Variants has to be a whole number from 1 to %d, not '%s'."):format(MAX_VARIANTS, text))
end

local function captions_of(without_model)
  local variants = ("Variants (1-%d)"):format(MAX_VARIANTS)
  return { "Prompt", "Negative prompt", variants, ("Model (empty: %s)"):format(without_model), controls.CAPTION }
end

local function wishes_of(fields)
  local variants, trouble = variants_of(trimmed(fields[3]))
  if not variants then return nil, trouble end
  local more = trimmed(fields[5])
  local fine, unread = controls.of(more)
  if not fine then return nil, unread end
  return {
    prompt = trimmed(fields[1]),
    negative = trimmed(fields[2]),
    variants = variants,
    model = trimmed(fields[4]),
    more = more,
  }
end

-- Asks until the answers can be used; nil when the user turns away.
local function asked(host, title, captions, values, read)
  while true do
    values = host.ask(title, captions, values)
    if not values then return nil end
    local answers, trouble = read(values)
    if answers then return answers end
    host.message(trouble.message)
  end
end

-- Prompt, negative prompt, variants, model and controls, starting from those of last time.
function ask.wishes(host, proj, title)
  local last = ask.last_wishes(host, proj)
  local values = { last.prompt, last.negative, ("%d"):format(last.variants), last.model, last.more }
  local wishes = asked(host, title, captions_of("default"), values, wishes_of)
  if wishes then ask.remember_wishes(host, proj, wishes) end
  return wishes
end

-- The same for a part of a stem; of its model and its controls only what is to change.
function ask.part_wishes(host, title, made)
  local values = { made.prompt or "", made.negative or "", "1", "", "" }
  return asked(host, title, captions_of("as it was made"), values, wishes_of)
end

-- ---- options

function ask.options(host)
  return (decoded(host.get_memory("options"), DEFAULTS))
end

local YES_NO = { yes = true, no = false, y = true, n = false }
local MARKERS = { take = "take", project = "project" }
local CHANNELS = { mono = 1, stereo = 2, ["1"] = 1, ["2"] = 2 }

local function one_of(text, known, question, wanted)
  local answer = known[trimmed(text):lower()]
  if answer ~= nil then return answer end
  return wrong(("%s: please answer %s, not '%s'."):format(question, wanted, text))
end

local QUESTIONS = {
  { key = "lanes", caption = "Variants in lanes (yes/no)", known = YES_NO, wanted = "yes or no" },
  { key = "markers", caption = "Hits as markers of (take/project)", known = MARKERS, wanted = "take or project" },
  { key = "channels", caption = "Stems (mono/stereo)", known = CHANNELS, wanted = "mono or stereo" },
  { key = "use_hits", caption = "Go by my hit markers (yes/no)", known = YES_NO, wanted = "yes or no" },
}
local SHOWN = { [true] = "yes", [false] = "no", take = "take", project = "project", [1] = "mono", [2] = "stereo" }

local function options_of(fields)
  local options = {}
  for n, question in ipairs(QUESTIONS) do
    local answer, trouble = one_of(fields[n], question.known, question.caption, question.wanted)
    if trouble then return nil, trouble end
    options[question.key] = answer
  end
  return options
end

-- Asks for all options and remembers them for every project.
function ask.change_options(host)
  local options, captions, values = ask.options(host), {}, {}
  for n, question in ipairs(QUESTIONS) do
    captions[n], values[n] = question.caption, SHOWN[options[question.key]]
  end
  local changed = asked(host, "Footfall: options", captions, values, options_of)
  if changed then host.set_memory("options", json.encode(changed), true) end
  return changed
end

-- ---- the reference

-- The recording that the next sounds are to resemble: {path, from, to}; nil without one. nil and an error when its file
-- has gone.
function ask.reference(host, proj)
  local reference = json.decode(host.get_ext(proj, "reference"))
  if type(reference) ~= "table" then return nil end
  if host.file_exists(reference.path) then return reference end
  return nil, {
    code = "media_not_found",
    message = ("The reference %s is gone. Use another recording as reference, "
      .. "or run 'Use as reference' with nothing selected to go without one."):format(reference.path),
  }
end

function ask.set_reference(host, proj, reference)
  host.set_ext(proj, "reference", reference and json.encode(reference) or "")
end

-- ---- titles

local function counted(count, singular)
  return ("%d %s%s"):format(count, singular, count == 1 and "" or "s")
end
ask.counted = counted

-- What a dialog about shots says above its fields.
function ask.title(verb, count, reference, hit_count)
  local parts = { ("Footfall: %s %s"):format(verb, counted(count, "shot")) }
  if reference then parts[#parts + 1] = "like " .. files.basename(reference.path) end
  if hit_count > 0 then parts[#parts + 1] = "on your " .. counted(hit_count, "hit marker") end
  return table.concat(parts, ", ")
end

return ask
