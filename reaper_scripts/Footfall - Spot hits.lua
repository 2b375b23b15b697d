-- @description Footfall - Spot hits
-- @version 0.1.0
-- @author Footfall
-- @about
--   Markers on every visible hit of the selected video, with its strength in the name. Move, rename, add or remove
--   them: the next generate goes by what is there.

local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\]")
package.path = here .. "/lib/?.lua;" .. package.path

local desk = require("desk")
local shared = require("generating")
local shots = require("shots")

desk.run("Spot hits", here, function(self)
  local found, refused = shots.of_selection(self.host, self.proj)
  if #found == 0 then return self:tell(#refused > 0 and refused or shots.NOTHING_SELECTED) end
  shared.spot(self, found, refused)
end)
