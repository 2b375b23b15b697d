-- @description Footfall - Next variant
-- @version 0.1.0
-- @author Footfall
-- @about
--   The next variant of the selected stems (or of those at the edit cursor), round and round.

local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\]")
package.path = here .. "/lib/?.lua;" .. package.path

local desk = require("desk")
local variants = require("variants")

desk.run_alone("Next variant", function(host) variants.step(host, 1) end)
