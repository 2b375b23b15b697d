-- JSON texts and Lua values. A list is a table made by `json.array` (or one with items 1..n), null is `json.null`.
-- Whole numbers of 64 bits stay whole; larger ones become floats. Texts are UTF-8, in and out.
local json = {}

local ITEMS_OF_A_PIECE = 150
local MAX_DEPTH = 100 -- messages are four deep; a cycle has no end

local CONTROL_OR_MARK = '[\0-\31"\\]' -- %c would ask the locale

local SPACE, QUOTE, BACKSLASH, COMMA = (' "\\,'):byte(1, 4)

local byte, find, match, sub = string.byte, string.find, string.match, string.sub

local Array = {} -- the mark of a list

json.null = setmetatable({}, {
  __tostring = function() return "null" end,
  __newindex = function() error("json.null holds nothing", 2) end,
})

function json.array(items)
  return setmetatable(items or {}, Array)
end

function json.is_array(value)
  return type(value) == "table" and getmetatable(value) == Array
end

-- Position of the first byte that is no UTF-8; nil when there is none.
function json.bad_byte(text)
  local length, position = utf8.len(text)
  -- Lua 5.3 lets halves of surrogate pairs pass.
  return not length and position or text:find("\xED[\xA0-\xBF]")
end

-- ---- values to text

local ESCAPES = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

local function escaped(character)
  return ESCAPES[character] or string.format("\\u%04x", character:byte())
end

local function encode_string(text)
  if json.bad_byte(text) then error("a text is not UTF-8: " .. text:gsub("[\x80-\xFF]", "?"), 0) end
  return '"' .. text:gsub(CONTROL_OR_MARK, escaped) .. '"'
end

local function shortest(number)
  for digits = 15, 16 do
    local text = string.format("%." .. digits .. "g", number)
    if tonumber(text) == number then return text end
  end
  return string.format("%.17g", number)
end

local function encode_number(number)
  if math.type(number) == "integer" then return string.format("%d", number) end
  if number ~= number or number == math.huge or number == -math.huge then
    error("JSON has no number " .. tostring(number), 0)
  end
  local text = shortest(number):gsub("[^%d+e-]", ".") -- the locale may write a comma
  return text:find("[.e]") and text or text .. ".0"
end

local function is_list(value)
  return json.is_array(value) or #value > 0
end

local encode_value

local function encode_list(list, depth)
  local items = {}
  for index, item in ipairs(list) do items[index] = encode_value(item, depth) end
  for key in pairs(list) do
    if items[key] == nil then error("a list has the key " .. tostring(key), 0) end
  end
  return "[" .. table.concat(items, ",") .. "]"
end

local function encode_object(object, depth)
  local keys = {}
  for key in pairs(object) do
    if type(key) ~= "string" then error("an object has the key " .. tostring(key), 0) end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for index, key in ipairs(keys) do
    keys[index] = encode_string(key) .. ":" .. encode_value(object[key], depth)
  end
  return "{" .. table.concat(keys, ",") .. "}"
end

local function encode_table(value, depth)
  if value == json.null then return "null" end
  if depth >= MAX_DEPTH then error("values are nested deeper than " .. MAX_DEPTH, 0) end
  return (is_list(value) and encode_list or encode_object)(value, depth + 1)
end

local ENCODERS = { string = encode_string, number = encode_number, boolean = tostring, table = encode_table }

function encode_value(value, depth)
  local encoder = ENCODERS[type(value)]
  if not encoder then error("JSON has no " .. type(value), 0) end
  return encoder(value, depth)
end

-- Text of a value, its keys in order.
-- What JSON cannot say is an error: NaN, a cycle, a function, bytes that are no text.
function json.encode(value)
  return (encode_value(value, 0))
end

-- ---- text to values

local UNESCAPES = {
  ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t",
}

local LITERALS = { { "true", true }, { "false", false }, { "null", json.null } }

local function fail(position, what)
  error({ json = ("%s at byte %d"):format(what, position) }, 0)
end

local function skip_space(text, position)
  local character = byte(text, position)
  if character and character > SPACE then return position end
  return find(text, "[^ \t\r\n]", position) or #text + 1
end

local function hex4(text, position)
  local digits = text:match("^%x%x%x%x", position)
  if not digits then fail(position, "four hexadecimal digits are missing") end
  return tonumber(digits, 16)
end

-- Character of the \u escape whose digits start at `position`, and where what follows it starts.
local function decode_unicode(text, position)
  local code = hex4(text, position)
  if code < 0xD800 or code > 0xDFFF then return utf8.char(code), position + 4 end
  local low = text:sub(position + 4, position + 5) == "\\u" and hex4(text, position + 6) or 0
  if code > 0xDBFF or low < 0xDC00 or low > 0xDFFF then fail(position, "half a surrogate pair") end
  return utf8.char(0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00), position + 10
end

local function decode_escape(text, position)
  local letter = text:sub(position, position)
  if letter == "u" then return decode_unicode(text, position + 1) end
  if not UNESCAPES[letter] then fail(position, "an unknown escape") end
  return UNESCAPES[letter], position + 1
end

local function decode_escaped_string(text, from, stop)
  local parts = {}
  while true do
    local character = stop and byte(text, stop)
    if character ~= QUOTE and character ~= BACKSLASH then
      fail(stop or #text + 1, stop and "a control character in a text" or "a text without an end")
    end
    parts[#parts + 1] = sub(text, from, stop - 1)
    if character == QUOTE then return table.concat(parts), stop + 1 end
    parts[#parts + 1], from = decode_escape(text, stop + 1)
    stop = find(text, CONTROL_OR_MARK, from)
  end
end

local function decode_string(text, position)
  local stop = find(text, CONTROL_OR_MARK, position + 1)
  if stop and byte(text, stop) == QUOTE then return sub(text, position + 1, stop - 1), stop + 1 end
  return decode_escaped_string(text, position + 1, stop)
end

local function decode_number(text, position)
  local whole = match(text, "^-?[1-9]%d*", position) or match(text, "^-?0", position)
  if not whole then fail(position, "an unexpected character") end
  local stop = position + #whole
  local fraction = match(text, "^%.%d+", stop) or ""
  stop = stop + #fraction
  local exponent = find(text, "^[eE]", stop) and match(text, "^[eE][+-]?%d+", stop) or ""
  local number = tonumber(whole .. fraction .. exponent)
  if number == math.huge or number == -math.huge then fail(position, "a number out of range") end
  return number, stop + #exponent
end

local function decode_literal(text, position)
  for _, literal in ipairs(LITERALS) do
    local stop = position + #literal[1]
    if text:sub(position, stop - 1) == literal[1] then return literal[2], stop end
  end
  fail(position, "an unexpected word")
end

local decode_value
local breathe -- called now and then in a long list, by whoever decodes in pieces

local function decode_list(text, position, depth)
  local list, count = json.array(), 0
  local start = skip_space(text, position + 1)
  if sub(text, start, start) == "]" then return list, start + 1 end
  repeat
    count = count + 1
    list[count], position = decode_value(text, position + 1, depth)
    if breathe and count % ITEMS_OF_A_PIECE == 0 then breathe() end
  until byte(text, position) ~= COMMA
  if sub(text, position, position) ~= "]" then fail(position, "',' or ']' is missing") end
  return list, position + 1
end

local function decode_key(text, position)
  position = skip_space(text, position)
  if byte(text, position) ~= QUOTE then fail(position, "a key is missing") end
  local key
  key, position = decode_string(text, position)
  position = skip_space(text, position)
  if sub(text, position, position) ~= ":" then fail(position, "':' is missing") end
  return key, position + 1
end

local function decode_object(text, position, depth)
  local object = {}
  local start = skip_space(text, position + 1)
  if sub(text, start, start) == "}" then return object, start + 1 end
  repeat
    local key, after = decode_key(text, position + 1)
    object[key], position = decode_value(text, after, depth)
  until byte(text, position) ~= COMMA
  if sub(text, position, position) ~= "}" then fail(position, "',' or '}' is missing") end
  return object, position + 1
end

local DECODERS = {
  ["{"] = decode_object, ["["] = decode_list, ['"'] = decode_string,
  t = decode_literal, f = decode_literal, n = decode_literal,
}

-- Value that starts at `position`, and where the next mark after it stands.
function decode_value(text, position, depth)
  position = skip_space(text, position)
  if position > #text then fail(position, "the text ends too early") end
  local decoder = DECODERS[sub(text, position, position)] or decode_number
  local nests = decoder == decode_object or decoder == decode_list
  if nests and depth >= MAX_DEPTH then fail(position, "values are nested deeper than " .. MAX_DEPTH) end
  local value, stop = decoder(text, position, depth + 1)
  return value, skip_space(text, stop)
end

local function decode_whole(text)
  local bad = json.bad_byte(text)
  if bad then fail(bad, "a byte that is no UTF-8") end
  local start = text:sub(1, 3) == "\xEF\xBB\xBF" and 4 or 1 -- some editors write a byte order mark
  local value, stop = decode_value(text, start, 0)
  if stop <= #text then fail(stop, "more than one value") end
  return value
end

-- Calls `pause` between the pieces of a long text. Others may decode meanwhile, and are not paused.
local function in_pieces(pause)
  local function own()
    breathe = nil
    pause()
    breathe = own
  end
  return pause and own
end

-- Value of a text; nil and a sentence with the position when it is no JSON. A long text is decoded in pieces of some
-- milliseconds, with `pause` called between them: coroutine.yield, say.
function json.decode(text, pause)
  breathe = in_pieces(pause)
  local ok, value = pcall(decode_whole, text)
  breathe = nil
  if ok then return value end
  if type(value) == "table" and value.json then return nil, "this is not JSON: " .. value.json end
  error(value, 0)
end

return json
