-- The film in Ardour's video timeline. Ardour tells its scripts nothing of it, but writes it into the session file.
local files = require("files")

local picture = {}

local ENTITIES = { amp = "&", lt = "<", gt = ">", quot = '"', apos = "'" }

local function character(name)
  local code = name:match("^#x(%x+)$")
  if code then return utf8.char(tonumber(code, 16)) end
  code = name:match("^#(%d+)$")
  return code and utf8.char(tonumber(code)) or ENTITIES[name]
end

local function attribute(element, name)
  local value = element:match("%s" .. name .. '="([^"]*)"')
  return value and value:gsub("&([#%w]+);", character)
end

local function is_absolute(path)
  return path:find("^[/\\]") ~= nil or path:find("^%a:") ~= nil
end

-- { path, start }: the film, and the session's sample at which it starts; nil when a session has none on this machine.
-- `text` is the session file's, `folder` the session's.
function picture.of_session(text, folder)
  local element = text:match("<Videotimeline%s[^>]*>")
  local name = element and attribute(element, "Filename")
  if not name or name == "" or attribute(element, "LocalFile") == "0" then return nil end
  local path = is_absolute(name) and name or files.join(folder, "videos", name)
  return { path = path, start = math.tointeger(tonumber(attribute(element, "VideoOffset"))) or 0 }
end

return picture
