-- @description Footfall - Stop engine
-- @version 0.1.0
-- @author Footfall
-- @about
--   Ends Footfall's engine. What it has not finished goes on at its next start.
local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\\\]")
package.path = here .. "/lib/?.lua;" .. package.path
local desk = require("desk")
local engine = require("engine")

desk.run_alone("Stop engine", function(host)
  host.relaunch_quietly()
  local self, trouble = desk.open("Stop engine", here)
  if not self then return host.message(trouble.message) end
  self.wire:close()
  engine.run(host, engine.open(host, self.config):stop(), function(_, reason)
    if reason then self:tell(reason.message) else host.hint("Footfall: the engine is not running") end
  end)
end)
