-- @description Footfall - Start engine
-- @version 0.1.0
-- @author Footfall
-- @about
--   Starts Footfall's engine where it does not run, and goes on with what was asked of it. The other actions start it
--   by themselves.
local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\\\]")
package.path = here .. "/lib/?.lua;" .. package.path
local desk = require("desk")
local engine = require("engine")
local offers = require("offers")
local watch = require("watch")

desk.run_alone("Start engine", function(host)
  host.relaunch_quietly()
  local self, trouble = desk.open("Start engine", here)
  if not self then return host.message(trouble.message) end
  engine.ensure(host, self.config, function(card)
    host.hint(("Footfall: the engine is running, process %d"):format(card.pid))
    offers.make(self)
    watch.start(self, self.on_stumble)
  end, function(reason) self:tell(reason.message) end)
end)
