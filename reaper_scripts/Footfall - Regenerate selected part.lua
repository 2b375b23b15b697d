-- @description Footfall - Regenerate selected part
-- @version 0.1.0
-- @author Footfall
-- @about
--   New sound for the time selection inside a stem; the result is a new take, the rest of it as it was.

local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\]")
package.path = here .. "/lib/?.lua;" .. package.path

local desk = require("desk")
local parts = require("parts")
local shared = require("generating")

desk.run("Regenerate selected part", here, function(self)
  local found, refused = parts.of_selection(self.host, self.proj)
  if #found == 0 then return self:tell(#refused > 0 and refused or parts.NOTHING_SELECTED) end
  shared.regenerate(self, found, refused)
end)
