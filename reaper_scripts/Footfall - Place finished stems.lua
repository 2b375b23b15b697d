-- @description Footfall - Place finished stems
-- @version 0.1.0
-- @author Footfall
-- @about
--   Places what was finished while its project or REAPER was closed.

local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\]")
package.path = here .. "/lib/?.lua;" .. package.path

local desk = require("desk")
local offers = require("offers")

desk.run("Place finished stems", here, function(self)
  local is_startup = self.host.get_memory("quietly") ~= "" -- as REAPER's startup script runs it: nobody has asked
  self.host.set_memory("quietly", "")
  if not is_startup then offers.make_again(self) end
end)
