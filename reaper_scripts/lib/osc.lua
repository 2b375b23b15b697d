-- Messages as OSC 1.0 packets: the address /footfall/<type>, then pairs of a key and its value.
--
--   s      text; also lists and objects, as JSON        d     numbers with a fraction, times among them
--   i, h   whole numbers, 32 and 64 bits                f     only read, at the shortest decimal it stands for
--   T, F   true and false                               N     json.null
local json = require("json")

local osc = {}

local PREFIX = "/footfall/"
local BUNDLE = "#bundle\0"
local BUNDLE_HEADER_BYTES = 16 -- the prefix and a time tag
local MAX_BUNDLE_DEPTH = 8
local MAX_ARGUMENTS = 128

-- Lists and objects travel as JSON; only under these keys is a text read as such.
local STRUCTURED = {
  generate = { events = true },
  regenerate = { also = true, events = true },
  spotted = { events = true },
  job = { progress = true, warnings = true, stems = true, spotted = true, failure = true },
  ["status.reply"] = { counts = true, jobs = true },
  ["models.reply"] = { models = true },
}

osc.MAX_DATAGRAM_BYTES = 60000 -- what UDP carries everywhere, loopback included

-- ---- to bytes

local function padded(text)
  if text:find("\0", 1, true) then error("OSC carries no text with a NUL character in it", 0) end
  return text .. ("\0"):rep(4 - #text % 4)
end

local function number_argument(number)
  if math.type(number) == "float" then return "d", (">d"):pack(number) end
  if number > -0x80000000 and number <= 0x7FFFFFFF then return "i", (">i4"):pack(number) end
  return "h", (">i8"):pack(number)
end

local ARGUMENTS = {
  string = function(text) return "s", padded(text) end,
  number = number_argument,
  boolean = function(flag) return flag and "T" or "F", "" end,
  table = function(value)
    if value == json.null then return "N", "" end
    return "s", padded(json.encode(value))
  end,
}

local function sorted_keys(message)
  local keys = {}
  for key in pairs(message) do
    if key ~= "type" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  return keys
end

-- Packet of a message. A text with a NUL character is an error.
function osc.encode(message)
  local tags, data = { "," }, {}
  for _, key in ipairs(sorted_keys(message)) do
    local tag, bytes = ARGUMENTS[type(message[key])](message[key])
    tags[#tags + 1] = "s" .. tag
    data[#data + 1] = padded(key) .. bytes
  end
  return padded(PREFIX .. message.type) .. padded(table.concat(tags)) .. table.concat(data)
end

-- ---- from bytes

local function fail(what)
  error({ osc = what }, 0)
end

local function read_string(packet, position)
  local stop = packet:find("\0", position, true)
  if not stop then fail("a text has no end") end
  local text = packet:sub(position, stop - 1)
  local after = position + #text + 4 - #text % 4
  if after > #packet + 1 then fail("a text is cut short") end
  if json.bad_byte(text) then fail("a text is not UTF-8") end
  return text, after
end

local function read_number(format, bytes)
  return function(packet, position)
    if position + bytes > #packet + 1 then fail("a number is cut short") end
    return format:unpack(packet, position), position + bytes
  end
end

-- Shortest decimal that a 32-bit float stands for: 0.1, not 0.10000000149.
local function shortest_decimal(value)
  for digits = 6, 9 do
    local decimal = ("%." .. digits .. "g"):format(value):gsub("[^%da-z+-]", ".")
    local shorter = tonumber(decimal)
    if shorter and (">f"):pack(shorter) == (">f"):pack(value) then return shorter + 0.0 end
  end
  return value
end

local read_narrow = read_number(">f", 4)

local READERS = {
  s = read_string,
  i = read_number(">i4", 4),
  h = read_number(">i8", 8),
  d = read_number(">d", 8),
  f = function(packet, position)
    local value, after = read_narrow(packet, position)
    return shortest_decimal(value), after
  end,
  T = function(_, position) return true, position end,
  F = function(_, position) return false, position end,
  N = function(_, position) return json.null, position end,
}

local function read_value(packet, position, tag, is_structured)
  local value, after = READERS[tag](packet, position)
  if not (is_structured and tag == "s") then return value, after end
  local structure, trouble = json.decode(value)
  if structure == nil then fail(trouble) end
  return structure, after
end

local function read_header(packet)
  local address, position = read_string(packet, 1)
  if address:sub(1, #PREFIX) ~= PREFIX then fail("its address does not start with " .. PREFIX) end
  local tags = ","
  if position <= #packet then tags, position = read_string(packet, position) end
  if not tags:find("^,[sihdfTFN]*$") then fail("an argument is of an unknown type") end
  if #tags % 2 == 0 or #tags - 1 > MAX_ARGUMENTS then fail("its arguments are not pairs of a key and its value") end
  return address:sub(#PREFIX + 1), tags, position
end

local function read_message(packet)
  local name, tags, position = read_header(packet)
  local message, structured = { type = name }, STRUCTURED[name] or {}
  local key
  for index = 2, #tags, 2 do
    if tags:sub(index, index) ~= "s" then fail("a key is no text") end
    key, position = read_string(packet, position)
    if message[key] ~= nil then fail("a key is given twice") end
    message[key], position = read_value(packet, position, tags:sub(index + 1, index + 1), structured[key])
  end
  if position ~= #packet + 1 then fail("it is longer than its arguments") end
  return message
end

local function read_elements(packet, found, depth)
  if packet:sub(1, #BUNDLE) ~= BUNDLE then
    found[#found + 1] = read_message(packet)
    return found
  end
  if depth >= MAX_BUNDLE_DEPTH then fail("bundles are nested deeper than " .. MAX_BUNDLE_DEPTH) end
  local position = BUNDLE_HEADER_BYTES + 1
  while position <= #packet do
    local size
    if position + 3 > #packet then fail("a bundle is cut short") end
    size, position = (">i4"):unpack(packet, position)
    if size <= 0 or position + size > #packet + 1 then fail("a bundle is cut short") end
    read_elements(packet:sub(position, position + size - 1), found, depth + 1)
    position = position + size
  end
  return found
end

-- List of the messages in a packet; nil and a sentence when it is none of Footfall's.
function osc.decode(packet)
  local ok, result = pcall(read_elements, packet, {}, 0)
  if ok then return result end
  if type(result) == "table" and result.osc then return nil, "this is no OSC packet of Footfall's: " .. result.osc end
  error(result, 0)
end

return osc
