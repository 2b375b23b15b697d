-- @description Footfall - Place finished stems
-- @version 0.1.0
-- @author Footfall
-- @about
--   Places what was finished while its project or REAPER was closed.

local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\]")
package.path = here .. "/lib/?.lua;" .. package.path

local desk = require("desk")
local offers = require("offers")

desk.run("Place finished stems", here, offers.make_again)
