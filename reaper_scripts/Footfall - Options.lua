-- @description Footfall - Options
-- @version 0.1.0
-- @author Footfall
-- @about
--   Variants as takes or lanes, hits as take or project markers, mono or stereo, going by hit markers or not.

local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\]")
package.path = here .. "/lib/?.lua;" .. package.path

local ask = require("ask")
local desk = require("desk")

desk.run_alone("Options", ask.change_options)
