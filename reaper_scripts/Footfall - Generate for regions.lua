-- @description Footfall - Generate for regions
-- @version 0.1.0
-- @author Footfall
-- @about
--   Sound for every region or marker named 'foley: prompt | negative prompt', from the topmost picture under it.

local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\]")
package.path = here .. "/lib/?.lua;" .. package.path

local desk = require("desk")
local shared = require("generating")
local spotting = require("spotting")

desk.run("Generate for regions", here, function(self)
  local found, refused, line_count = spotting.shots(self.host, self.proj)
  if line_count == 0 then return self:tell(spotting.NOTHING_FOUND) end
  if #found == 0 then return self:tell(refused) end
  shared.generate_list(self, found, refused)
end)
