"""What the user is asked and told: real windows on a screen that is not there, and the Console."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.resolve.lib import SCRIPTS
from tests.resolve.studio import plain_python

SECONDS = 60

needs_windows = pytest.mark.skipif(
    shutil.which("xvfb-run") is None
    or subprocess.run([plain_python(), "-c", "import tkinter"], capture_output=True, check=False).returncode != 0,
    reason="there is no Xvfb, or no Python with tkinter",
)

SETTING = f"""
import sys
sys.path.insert(0, {str(SCRIPTS)!r})
from footfall_resolve import dialog
from footfall_resolve.dialog import Field

windows = dialog.open()
assert isinstance(windows, dialog.Windows), windows

def shown(kind):
    "Widgets of a kind in the window that is open."
    def below(widget):
        for child in widget.winfo_children():
            yield child
            yield from below(child)
    return [one for one in below(windows._root) if one.winfo_class() == kind]

def later(do):
    windows._root.after(300, do)

def click(name):
    next(button for button in shown("TButton") if button.cget("text") == name).invoke()

FIELDS = [Field("prompt", "Prompt", "rain"), Field("variants", "Variants", "3")]
"""


def said(script: str, *, screen: bool = True) -> str:
    command = [plain_python(), "-c", SETTING + script if screen else script]
    done = subprocess.run(
        ["xvfb-run", "-a", *command] if screen else command, capture_output=True, text=True, timeout=SECONDS,
        check=False, env=None if screen else {"PATH": "/usr/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@needs_windows
def test_what_is_typed_is_answered_and_what_is_not_stays():
    assert said("""
def type_and_click():
    entry = shown("TEntry")[0]
    entry.delete(0, "end")
    entry.insert(0, "Türklopfen 戸")
    click("Generate")
later(type_and_click)
print(ascii(windows.ask("Footfall", "Sound for 1 shot", FIELDS)))
""") == ascii({"prompt": "Türklopfen 戸", "variants": "3"})


@needs_windows
@pytest.mark.parametrize("turn_away", ['click("Cancel")', 'shown("Toplevel")[0].event_generate("<Escape>")'])
def test_turning_away_is_no_answer(turn_away: str):
    turn_away = turn_away.replace('shown("Toplevel")[0]', "windows._root.winfo_children()[0]")
    assert (
        said(f"""
later(lambda: {turn_away})
print(windows.ask("Footfall", "Sound for 1 shot", FIELDS))
""")
        == "None"
    )


@needs_windows
def test_a_choice_is_the_button_that_was_clicked():
    assert (
        said("""
later(lambda: click("Repair"))
print(windows.choose("Footfall Engine", "It runs.", ["Start", "Stop", "Repair"]))
later(lambda: click("Close"))
print(windows.choose("Footfall Engine", "It runs.", ["Start"]))
""")
        == "Repair\nNone"
    )


@needs_windows
def test_progress_goes_on_until_cancel_is_clicked():
    assert (
        said("""
import time
progress = windows.progress("Footfall")
print(progress.update("motion", 0.25), shown("TProgressbar")[0].cget("value"), shown("TLabel")[0].cget("text"))
click("Cancel")
print(progress.update("motion", 0.5))
progress.close()
windows.close()
""")
        == "True 0.25 motion\nFalse"
    )


def test_without_a_screen_it_is_the_console_which_says_all_and_asks_nothing():
    script = f"""
import sys
sys.path.insert(0, {str(SCRIPTS)!r})
from footfall_resolve import dialog
console = dialog.open()
print(type(console).__name__)
print(console.ask("T", "about", [dialog.Field("prompt", "Prompt", "rain")]), console.choose("T", "text", ["A"]))
"""
    assert said(script, screen=False).splitlines() == [
        "Console", "T: about", "  Prompt: rain", "T: text", "{'prompt': 'rain'} None",
    ]  # fmt: skip
