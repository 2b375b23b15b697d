-- As much of LuaSocket's `socket.core` as a script needs that talks UDP to one peer. Bytes cross to Python as hex.
local ask, clock = ...

local function to_hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

local function from_hex(hex)
  return (hex:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end))
end

local Udp = {}
Udp.__index = Udp

local function answer(problem, result, why)
  if problem then error(problem, 3) end
  return result, why
end

function Udp:settimeout(seconds) return answer(ask(self.id, "settimeout", seconds)) end
function Udp:setpeername(address, port) return answer(ask(self.id, "setpeername", address, port)) end
function Udp:send(bytes) return answer(ask(self.id, "send", to_hex(bytes))) end
function Udp:close() return answer(ask(self.id, "close")) end

function Udp:receive(most)
  local hex, why = answer(ask(self.id, "receive", most))
  return hex and from_hex(hex), why
end

package.preload["socket.core"] = function()
  return {
    gettime = clock,
    udp = function() return setmetatable({ id = answer(ask(0, "open")) }, Udp) end,
  }
end
