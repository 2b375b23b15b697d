-- One UDP socket to one engine, which never waits. LuaSocket is handed in.
local osc = require("osc")

local udp = {}
local Udp = {}
Udp.__index = Udp

local LARGEST_DATAGRAM = 65536
local LOCAL_ADDRESSES = { [""] = "127.0.0.1", localhost = "127.0.0.1", ["0.0.0.0"] = "127.0.0.1", ["::"] = "::1" }

-- Numeric address of an engine's host. Looking up a name could take seconds.
function udp.address(host)
  return LOCAL_ADDRESSES[host or ""] or host
end

function udp.is_loopback(address)
  return address == "::1" or address:find("^127%.%d+%.%d+%.%d+$") ~= nil
end

-- Socket that hears and tells this place and no other; nil and why when there is none to be had.
function udp.open(socket, address, port, token)
  local handle, trouble = socket.udp()
  if not handle then return nil, trouble end
  handle:settimeout(0)
  local connected
  connected, trouble = handle:setpeername(address, port)
  if connected then return setmetatable({ handle = handle, token = token ~= "" and token or nil }, Udp) end
  handle:close()
  return nil, trouble
end

function Udp:packet(message)
  if not self.token then return osc.encode(message) end
  local signed = { token = self.token }
  for key, value in pairs(message) do signed[key] = value end
  return osc.encode(signed)
end

-- Whether a message fits into a datagram.
function Udp:carries(message)
  return #self:packet(message) <= osc.MAX_DATAGRAM_BYTES
end

-- True, or nil when nobody listens there any more. What arrives is another question.
function Udp:send(message)
  local sent, trouble = self.handle:send(self:packet(message))
  return sent or trouble == "timeout" or nil
end

-- List of the messages in the next packet, an empty one for a packet that is none of ours; nil when there is no
-- packet, and "lost" as well when nobody listens there any more.
function Udp:receive()
  local packet, trouble = self.handle:receive(LARGEST_DATAGRAM)
  if packet then return osc.decode(packet) or {} end
  return nil, trouble ~= "timeout" and "lost" or nil
end

function Udp:close()
  self.handle:close()
end

return udp
