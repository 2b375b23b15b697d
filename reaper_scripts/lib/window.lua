-- The Status window: what stands where, drawn when it has changed, and what was clicked. The one file that knows `gfx`.
-- Lengths count in points; `scale` makes pixels of them on a fine display.
local json = require("json")

local window = {}
local Window = {}
Window.__index = Window

local TITLE = "Footfall"
local MARGIN, GAP, ROW, BUTTON = 12, 8, 34, 26 -- points
local FONT, BIG, SMALL = "Arial", 17, 13
local CANCEL_WIDTH = 58
local COLOURS = {
  back = { 0.16, 0.17, 0.18 },
  line = { 0.25, 0.26, 0.28 },
  text = { 0.90, 0.90, 0.88 },
  dim = { 0.60, 0.61, 0.62 },
  good = { 0.35, 0.75, 0.58 },
  busy = { 0.93, 0.72, 0.32 },
  bad = { 0.93, 0.47, 0.40 },
  button = { 0.28, 0.29, 0.31 },
  hover = { 0.36, 0.38, 0.41 },
}
local BAR_COLOURS = { running = "good", done = "dim", failed = "bad" }

-- ---- what stands where: pure, `measure(text, size)` gives a text's width

-- As much of a text as fits into a width, with a mark where it was cut; whole characters.
function window.fitted(text, width, measure)
  if measure(text) <= width then return text end
  local low, high = 0, utf8.len(text) or 0
  while low < high do
    local middle = (low + high + 1) // 2
    local fits = measure(text:sub(1, utf8.offset(text, middle + 1) - 1) .. "…") <= width
    if fits then low = middle else high = middle - 1 end
  end
  return text:sub(1, (utf8.offset(text, low + 1) or 1) - 1) .. "…"
end

-- A text in lines of a width, cut between words; a word that is too long is cut anywhere.
function window.wrapped(text, width, measure)
  local lines, line = {}, ""
  for word in text:gmatch("%S+") do
    local longer = line == "" and word or line .. " " .. word
    if line ~= "" and measure(longer) > width then
      lines[#lines + 1] = window.fitted(line, width, measure)
      line = word
    else
      line = longer
    end
  end
  if line ~= "" then lines[#lines + 1] = window.fitted(line, width, measure) end
  return lines
end

local Page = {}
Page.__index = Page

function Page:text(x, y, text, size, colour)
  self.draws[#self.draws + 1] = { what = "text", x = x, y = y, text = text, size = size, colour = colour }
end

function Page:box(x, y, w, h, colour)
  self.draws[#self.draws + 1] = { what = "box", x = x, y = y, w = w, h = h, colour = colour }
end

-- Something to click on: { id, row }.
function Page:zone(x, y, w, h, id, row)
  self.zones[#self.zones + 1] = { x = x, y = y, w = w, h = h, id = id, row = row }
end

function Page:measurer(size)
  return function(text) return self.measure(text, size) end
end

function Page:fit(text, width, size)
  return window.fitted(text, width, self:measurer(size))
end

function Page:button(x, y, w, h, button, row)
  local is_hovered = self.hover and self.hover.id == button.id and self.hover.row == row
  self:box(x, y, w, h, is_hovered and button.enabled and "hover" or "button")
  local width = self.measure(button.label, SMALL)
  self:text(x + (w - width) / 2, y + (h - SMALL) / 2 - 1, button.label, SMALL, button.enabled and "text" or "dim")
  if button.enabled then self:zone(x, y, w, h, button.id, row) end
end

function Page:buttons(buttons)
  local width = (self.w - 2 * MARGIN - (#buttons - 1) * GAP) / #buttons
  local y = self.h - MARGIN - BUTTON
  for n, button in ipairs(buttons) do self:button(MARGIN + (n - 1) * (width + GAP), y, width, BUTTON, button) end
  self.bottom = y - GAP
end

function Page:head(view)
  self:box(MARGIN, MARGIN + 5, 9, 9, view.tone)
  self:text(MARGIN + 18, MARGIN, view.head, BIG, "text")
  local width = self.measure(view.summary, SMALL)
  self:text(self.w - MARGIN - width, MARGIN + 3, view.summary, SMALL, "dim")
  self:text(MARGIN + 18, MARGIN + BIG + 5, self:fit(view.detail, self.w - 2 * MARGIN - 18, SMALL), SMALL, "dim")
  self.y = MARGIN + BIG + SMALL + 14
  self:box(MARGIN, self.y, self.w - 2 * MARGIN, 1, "line")
  self.y = self.y + GAP
end

function Page:row(row)
  local right = self.w - MARGIN
  if row.can_cancel then
    right = right - CANCEL_WIDTH
    self:button(right, self.y + 4, CANCEL_WIDTH, ROW - 12, { id = "cancel", label = "Cancel", enabled = true }, row.id)
    right = right - GAP
  end
  local said = self:fit(row.text, (right - MARGIN) * 0.6, SMALL)
  local width = self.measure(said, SMALL)
  self:text(MARGIN, self.y, self:fit(row.label, right - MARGIN - width - GAP, SMALL), SMALL, "text")
  self:text(right - width, self.y, said, SMALL, row.state == "failed" and "bad" or "dim")
  self:box(MARGIN, self.y + SMALL + 6, right - MARGIN, 4, "line")
  local width_done = (right - MARGIN) * row.bar
  if width_done > 0 then self:box(MARGIN, self.y + SMALL + 6, width_done, 4, BAR_COLOURS[row.state] or "dim") end
  self.y = self.y + ROW
end

-- As many rows as there is room for above `limit`.
function Page:rows(rows, limit)
  local room = math.max(0, math.floor((limit - self.y) / ROW))
  local shown = #rows <= room and #rows or math.max(0, room - 1)
  for n = 1, shown do self:row(rows[n]) end
  if shown == #rows or room == 0 then return end
  self:text(MARGIN, self.y, ("… and %d more"):format(#rows - shown), SMALL, "dim")
end

-- Sentences above the buttons, the last ones where there is no room for all. Gives where they begin.
function Page:notes(view)
  local lines = {}
  for _, list in ipairs({ { view.errors, "bad" }, { view.said, "text" } }) do
    for _, sentence in ipairs(list[1]) do
      for _, line in ipairs(window.wrapped(sentence, self.w - 2 * MARGIN, self:measurer(SMALL))) do
        lines[#lines + 1] = { line, list[2] }
      end
    end
  end
  local height = SMALL + 4
  local room = math.max(0, math.floor((self.bottom - self.y) / height))
  local first = math.max(1, #lines - room + 1)
  local top = self.bottom - (#lines - first + 1) * height
  for n = first, #lines do self:text(MARGIN, top + (n - first) * height, lines[n][1], SMALL, lines[n][2]) end
  return top - GAP
end

-- Everything to draw, and every place to click on, of a view in a window of w by h points.
function window.page(view, w, h, measure, hover)
  local page = setmetatable({ draws = {}, zones = {}, w = w, h = h, measure = measure, hover = hover }, Page)
  page:box(0, 0, w, h, "back")
  page:head(view)
  page:buttons(view.buttons)
  page:rows(view.rows, page:notes(view))
  return page
end

local function zone_at(page, x, y)
  for _, zone in ipairs(page and page.zones or {}) do
    if x >= zone.x and x < zone.x + zone.w and y >= zone.y and y < zone.y + zone.h then return zone end
  end
end

-- ---- the window itself

local LEFT, RIGHT = 1, 2 -- bits of gfx.mouse_cap
local ESCAPE, CLOSED = 27, -1

-- `place` is what `place()` gave at the end of the last time: { dock, x, y, w, h }, or nil.
function window.open(place)
  place = type(place) == "table" and place or {}
  gfx.ext_retina = 1 -- asks for real pixels; REAPER puts the display's scale there
  gfx.init(TITLE, place.w or 460, place.h or 340, place.dock or 0, place.x or 200, place.y or 200)
  return setmetatable({ buttons = 0 }, Window)
end

local function scale()
  return math.max(1, gfx.ext_retina)
end

local function measure(text, size)
  gfx.setfont(1, FONT, math.floor(size * scale() + 0.5))
  return gfx.measurestr(text) / scale()
end

local DRAW = {
  box = function(draw, factor)
    gfx.rect(draw.x * factor, draw.y * factor, draw.w * factor, draw.h * factor, 1)
  end,
  text = function(draw, factor)
    gfx.setfont(1, FONT, math.floor(draw.size * factor + 0.5))
    gfx.x, gfx.y = draw.x * factor, draw.y * factor
    gfx.drawstr(draw.text)
  end,
}

local function paint(page)
  for _, draw in ipairs(page.draws) do
    local colour = COLOURS[draw.colour]
    gfx.set(colour[1], colour[2], colour[3], 1)
    DRAW[draw.what](draw, scale())
  end
  gfx.update()
end

-- Draws a view, if anything in it or about the window has changed since.
function Window:show(view)
  local hover = zone_at(self.page, gfx.mouse_x / scale(), gfx.mouse_y / scale())
  local frame = ("%g %g %g %s %s"):format(gfx.w, gfx.h, scale(), hover and hover.id, hover and hover.row)
  if view == self.view and frame == self.frame then return end
  local looks = view == self.view and self.looks or json.encode(view)
  local is_same = looks == self.looks and frame == self.frame
  self.view, self.frame, self.looks = view, frame, looks
  if is_same then return end
  self.page = window.page(view, gfx.w / scale(), gfx.h / scale(), measure, hover and { id = hover.id, row = hover.row })
  paint(self.page)
end

local function menu()
  local is_docked = gfx.dock(-1) % 2 == 1
  gfx.x, gfx.y = gfx.mouse_x, gfx.mouse_y
  if gfx.showmenu((is_docked and "!" or "") .. "Dock") == 1 then gfx.dock(is_docked and 0 or 1) end
end

-- What the user has done since: { id, row } of what was clicked on, { id = "closed" }, or nil.
function Window:event()
  local key = gfx.getchar()
  if key == CLOSED or key == ESCAPE then return { id = "closed" } end
  local before, now = self.buttons, math.floor(gfx.mouse_cap)
  self.buttons = now
  local zone = zone_at(self.page, gfx.mouse_x / scale(), gfx.mouse_y / scale())
  if now & RIGHT > 0 and before & RIGHT == 0 then menu() end
  if now & LEFT > 0 and before & LEFT == 0 then self.pressed = zone end
  if now & LEFT == 0 and before & LEFT > 0 then
    local pressed = self.pressed
    self.pressed = nil
    local is_same = pressed and zone and pressed.id == zone.id and pressed.row == zone.row
    return is_same and { id = zone.id, row = zone.row } or nil
  end
end

-- Where the window is, to be there again next time.
function Window.place()
  local dock, x, y, w, h = gfx.dock(-1, 0, 0, 0, 0)
  return { dock = dock, x = x, y = y, w = w, h = h }
end

function Window.close()
  gfx.quit()
end

return window
