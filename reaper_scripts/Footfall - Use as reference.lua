-- @description Footfall - Use as reference
-- @version 0.1.0
-- @author Footfall
-- @about
--   The selected audio item is what the next sounds are to be like. With nothing selected: no reference any more.

local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\]")
package.path = here .. "/lib/?.lua;" .. package.path

local desk = require("desk")
local reference = require("reference")

desk.run_alone("Use as reference", reference.choose)
