-- @description Footfall - Cancel jobs
-- @version 0.1.0
-- @author Footfall
-- @about
--   Cancels what was asked for in this run of REAPER and is not there yet, after asking. Variants that are finished are
--   placed.
local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\\\]")
package.path = here .. "/lib/?.lua;" .. package.path
local ask = require("ask")
local desk = require("desk")

-- What was asked for in this run of REAPER and is watched still.
local function pending(self)
  local entries, labels = {}, {}
  for _, entry in ipairs(self.journal:all()) do
    if entry.session == self.session and not entry.parked then
      entries[#entries + 1] = entry
      labels[#labels + 1] = entry.label
    end
  end
  return entries, table.concat(labels, ", ")
end

desk.run("Cancel jobs", here, function(self)
  local entries, labels = pending(self)
  if #entries == 0 then return self:tell("There is nothing to cancel.") end
  if not self.host.confirm(("Cancel %s: %s?"):format(ask.counted(#entries, "job"), labels)) then return end
  for _, entry in ipairs(entries) do
    local fine, trouble = self.wire:cancel(entry.id)
    self.submitted[entry.id] = true -- or it would be asked for again
    if not fine then self:tell(trouble.message) end
  end
end)
