-- @description Footfall - Repeat last generate
-- @version 0.1.0
-- @author Footfall
-- @about
--   Generate for selection with the last prompt, variants and model, without asking.

local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\]")
package.path = here .. "/lib/?.lua;" .. package.path

local ask = require("ask")
local desk = require("desk")
local shared = require("generating")
local shots = require("shots")

desk.run("Repeat last generate", here, function(self)
  local found, refused = shots.of_selection(self.host, self.proj)
  if #found == 0 then return self:tell(#refused > 0 and refused or shots.NOTHING_SELECTED) end
  shared.generate(self, found, refused, function(title)
    local last, is_there = ask.last_wishes(self.host, self.proj)
    return is_there and last or ask.wishes(self.host, self.proj, title)
  end)
end)
