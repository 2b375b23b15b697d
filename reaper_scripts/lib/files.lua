-- The only place where files are touched and the clock is read.
-- What fails returns nil and a message with the path in it.
local files = {}

local SEPARATOR = package.config:sub(1, 1)
local SEPARATORS = SEPARATOR == "\\" and "/\\" or "/"

function files.join(...)
  local path = ""
  for _, part in ipairs({ ... }) do
    local between = (path == "" or path:find("[" .. SEPARATORS .. "]$")) and "" or SEPARATOR
    path = path .. between .. part
  end
  return path
end

function files.basename(path)
  return path:match("([^" .. SEPARATORS .. "]*)$")
end

-- Folder that a path lies in, without the separator at its end; "" when it names none.
function files.dirname(path)
  local folder, separator = path:match("^(.*)([" .. SEPARATORS .. "])")
  if not folder then return "" end
  local is_root = folder == "" or folder:find("^%a:$")
  return is_root and folder .. separator or folder
end

-- Name of a file without its last suffix.
function files.stem(path)
  local name = files.basename(path)
  return name:match("^(.*[^.].*)%.[^.]*$") or name
end

-- Whether a file is there that can be read.
function files.exists(path)
  local handle = io.open(path, "rb")
  if handle then handle:close() end
  return handle ~= nil
end

-- Bytes of a file.
function files.read(path)
  local handle, message = io.open(path, "rb")
  if not handle then return nil, message end
  local bytes, trouble = handle:read("a")
  handle:close()
  if not bytes then return nil, path .. ": " .. tostring(trouble) end
  return bytes
end

function files.remove(path)
  return os.remove(path)
end

local function write(path, bytes)
  local handle, message = io.open(path, "wb")
  if not handle then return nil, message end
  local written, trouble = handle:write(bytes)
  local closed, late_trouble = handle:close() -- a full disk may be noticed only now
  if written and closed then return true end
  return nil, path .. ": " .. tostring(trouble or late_trouble)
end

-- Windows renames over no file, so the old one steps aside, and comes back when that was in vain.
local function rename_over(from, to)
  if os.rename(from, to) then return true end
  local aside = to .. ".old"
  os.remove(aside)
  local stepped_aside = os.rename(to, aside)
  local renamed, message = os.rename(from, to)
  if renamed then
    os.remove(aside)
  elseif stepped_aside then
    os.rename(aside, to)
  end
  return renamed, message
end

-- Write a file that is never seen half done.
function files.write_whole(path, bytes)
  local part = path .. ".part"
  local done, message = write(part, bytes)
  if done then done, message = rename_over(part, path) end
  if done then return true end
  os.remove(part)
  return nil, message
end

-- Whole seconds since 1970.
function files.unix_time()
  return os.time()
end

return files
