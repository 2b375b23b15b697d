"""A REAPER made of facts: strict about every call, truthful about the little it models, driven from Python.

    host = FakeReaper(tmp_path)                      # of run.py; `version=OLD` for REAPER 6 with Lua 5.3
    host.project.add_track("Picture").add_item(host.source(clip), 1.0, selected=True)
    host.answers += [["boots on gravel", "3"]]       # what the user will type and click
    host.run_action(scripts / "Footfall - Generate for selection.lua")
    host.pump()                                      # until no script defers any more
    assert host.project.tracks[1].items[0].position == 1.0

`strict.py` holds calls and answers to `api.json`, `model.py` is what a session holds, and one file for each subject
fills the table of functions (`table.py`): a function that is missing there is a few lines under its own name.
What is not known of REAPER for certain is read the unfriendly way, and said where it stands.
"""
