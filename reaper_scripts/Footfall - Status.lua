-- @description Footfall - Status
-- @version 0.1.0
-- @author Footfall
-- @about
--   A small window: the engine, its queue with progress and time left, the last errors; start, stop, cancel, place and
--   repair.
local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\\\]")
package.path = here .. "/lib/?.lua;" .. package.path
local desk = require("desk")
local monitor = require("monitor")

desk.run("Status", here, monitor.open)
