-- Makes an empty session. Run by ardour7-lua, which needs no display.
local backend = AudioEngine:set_backend("None (Dummy)", "Unit-Test", "")
assert(not backend:isnil(), "there is no dummy backend")
backend:set_device_name("Silence")
local rate = tonumber(os.getenv("SESSION_RATE"))
local session = assert(create_session(os.getenv("SESSION_FOLDER"), os.getenv("SESSION_NAME"), rate), "no session was made")
session:save_state("", false, false, false, false, false)
close_session()
