-- @description Footfall - Keep variant
-- @version 0.1.0
-- @author Footfall
-- @about
--   Keeps the variant that is heard and removes Footfall's others after asking; their files stay.

local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\]")
package.path = here .. "/lib/?.lua;" .. package.path

local desk = require("desk")
local variants = require("variants")

desk.run_alone("Keep variant", function(host) variants.keep(host) end)
