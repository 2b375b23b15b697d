-- What a user types of a model's controls, such as "steps=25 guidance=4.5 seed=7", as keys of a request.
local controls = {}

controls.CAPTION = "More (such as steps=25 guidance=4.5 seed=7)"

local function whole(text)
  return text:match("^%d+$") and math.tointeger(tonumber(text))
end

local function number(text)
  return (text:match("^%d+%.?%d*$") or text:match("^%.%d+$")) and tonumber(text)
end

local function word(text)
  return text:match("^%a+$")
end

local YES_NO = { yes = true, no = false, ["true"] = true, ["false"] = false }

local function yes_no(text)
  return YES_NO[text]
end

local WANTED = { [whole] = "a whole number", [number] = "a number", [word] = "a word", [yes_no] = "yes or no" }
local KNOWN = {
  seed = whole,
  steps = whole,
  guidance = number,
  gamma = number,
  classifier_scale = number,
  semantic_scale = number,
  temporal_scale = number,
  pictures = whole,
  timing = word,
  quality = word,
  reference_picture = yes_no,
}

local function wrong(message, ...)
  return nil, { code = "bad_answer", message = message:format(...) }
end

local function names()
  local sorted = {}
  for name in pairs(KNOWN) do sorted[#sorted + 1] = name end
  table.sort(sorted)
  return table.concat(sorted, ", ")
end

-- Keys and values of a text; nil and an error where it cannot be read. What a value may be, the engine knows.
function controls.of(text)
  local found = {}
  local spaced = (text or ""):lower():gsub("%s*=%s*", "="):gsub("[,;]%f[%s\0]", " "):gsub(";", " ")
  for wish in spaced:gmatch("%S+") do
    local key, value = wish:match("^([%a_-]+)=(.+)$")
    local name = key and key:gsub("-", "_")
    local read = KNOWN[name]
    if not read then
      return wrong("'%s' cannot be asked for. Write name=value, with spaces between them; there are %s.", wish, names())
    end
    found[name] = read(value)
    if found[name] == nil then return wrong("%s has to be %s, not '%s'.", name, WANTED[read], value) end
  end
  return found
end

return controls
