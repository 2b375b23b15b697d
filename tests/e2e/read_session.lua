-- Prints a line for every audio region of a session. Run by ardour7-lua, which needs no display.
local backend = AudioEngine:set_backend("None (Dummy)", "Unit-Test", "")
assert(not backend:isnil(), "there is no dummy backend")
backend:set_device_name("Silence")
local session = assert(load_session(os.getenv("SESSION_FOLDER"), os.getenv("SESSION_NAME")), "the session does not open")
for route in session:get_tracks():iter() do
  for region in route:to_track():playlist():region_list():iter() do
    local files = {}
    for channel = 0, region:to_audioregion():n_channels() - 1 do
      files[#files + 1] = region:to_audioregion():source(channel):to_filesource():path()
    end
    local muted = route:mute_control():get_value() > 0
    print(("REGION\t%s\t%s\t%s\t%d\t%d\t%d\t%s"):format(
      route:name(), route:comment(), muted, region:position():samples(), region:length():samples(), region:start():samples(),
      table.concat(files, "\t")))
  end
end
close_session()
