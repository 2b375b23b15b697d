-- @description Footfall - Generate for selection
-- @version 0.1.0
-- @author Footfall
-- @about
--   Sound for the selected video items, or for razor edits or a time selection over them: variants as takes of one item
--   on a new track.

local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\]")
package.path = here .. "/lib/?.lua;" .. package.path

local ask = require("ask")
local desk = require("desk")
local shared = require("generating")
local shots = require("shots")

desk.run("Generate for selection", here, function(self)
  local found, refused = shots.of_selection(self.host, self.proj)
  if #found == 0 then return self:tell(#refused > 0 and refused or shots.NOTHING_SELECTED) end
  shared.generate(self, found, refused, function(title) return ask.wishes(self.host, self.proj, title) end)
end)
