"""A real Ardour on a screen of its own, with its dummy audio and a home that nobody else uses.

What had to be found out about Ardour 7 to run it without a person:

- Debian's build hides the dummy backend: the configuration has to show it, and to say everything about its device.
- The session file, not the configuration, says whether the OSC surface listens. Its port is then in ``osc_url`` in the
  configuration folder, where such a file is there already.
- ``ui_scripts`` holds the scripts of slots and hooks as a Lua text in base64; OSC's ``/access_action`` runs a slot.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

import cv2
import numpy as np
from pythonosc.osc_message_builder import OscMessageBuilder

from tests.waiting import wait_until

HERE = Path(__file__).parent
ARDOUR, ARDOUR_LUA, XVFB = "ardour", "ardour7-lua", "Xvfb"
QUIETLY = ("--no-announcements", "--no-splash", "--no-connect-ports", "--disable-plugins")
CONFIG_FOLDER = Path(".config") / "ardour7"
OSC_PROTOCOL = (
    '<Protocol name="Open Sound Control (OSC)" active="1" debugmode="0" address-only="0" remote-port="8000" '
    'banksize="0" striptypes="159" feedback="0" gainmode="0" send-page-size="0" plug-page-size="0"/>'
)
CONFIG = """<?xml version="1.0"?>
<Ardour>
  <Config><Option name="try-autostart-engine" value="1"/><Option name="hide-dummy-backend" value="0"/></Config>
  <Extra><AudioMIDISetup><EngineStates>
    <State backend="None (Dummy)" driver="Normal Speed" device="Silence" input-device="Silence" output-device="Silence"
      sample-rate="{rate}" buffer-size="1024" n-periods="0" input-latency="0" output-latency="0" lm-input=""
      lm-output="" active="1" use-buffered-io="0" midi-option="No MIDI I/O" lru="1"/>
  </EngineStates></AudioMIDISetup></Extra>
  <ControlProtocols>{osc}</ControlProtocols>
</Ardour>
"""
SIGNALS, TIMER_SIGNAL = 49, 46  # how many signals a hook may listen to, and which one comes once a second

STARTED_WITHIN = 60.0  # seconds
GONE_WITHIN = 10.0
LUA_WITHIN = 60.0


def missing_programs() -> list[str]:
    return [name for name in (ARDOUR, ARDOUR_LUA, XVFB) if shutil.which(name) is None]


@dataclass(frozen=True)
class Place:
    """Where one Ardour lives: a home, and a session in it."""

    folder: Path
    rate: int = 48_000  # Hz, of the session

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def config(self) -> Path:
        return self.home / CONFIG_FOLDER

    @property
    def session(self) -> Path:
        return self.folder / "session"

    @property
    def session_file(self) -> Path:
        return self.session / "foley.ardour"

    def environment(self, **more: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "ARDOUR"))}
        return {**kept, "HOME": str(self.home), "ARDOUR_TRY_AUTOSTART_ENGINE": "1", **more}


# ---- Ardour's own Lua, without a window


def run_lua(place: Place, script: str, **environment: str) -> str:
    """What a script of this folder prints in a process of its own."""
    done = subprocess.run(
        [ARDOUR_LUA, str(HERE / script)],
        env=place.environment(SESSION_FOLDER=str(place.session), SESSION_NAME=place.session_file.stem, **environment),
        capture_output=True, text=True, timeout=LUA_WITHIN, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, f"{script} failed: {done.stdout}{done.stderr}"
    return done.stdout


def make_session(place: Place) -> None:
    place.config.mkdir(parents=True, exist_ok=True)
    run_lua(place, "new_session.lua", SESSION_RATE=str(place.rate))
    text = place.session_file.read_text(encoding="utf-8")
    listening, count = re.subn(r'<Protocol name="Open Sound Control \(OSC\)"[^>]*/>', OSC_PROTOCOL, text)
    assert count == 1, "the session file says nothing of OSC"
    place.session_file.write_text(listening, encoding="utf-8")


@dataclass(frozen=True)
class Region:
    """A region as the saved session has it, in samples."""

    track: str
    comment: str
    muted: bool
    position: int
    length: int
    start: int
    files: tuple[Path, ...]  # one for each channel


def saved_regions(place: Place) -> list[Region]:
    """Every audio region of the session, read by another process."""
    rows = [
        line.split("\t")[1:] for line in run_lua(place, "read_session.lua").splitlines() if line.startswith("REGION")
    ]
    return [
        Region(track, comment, muted == "true", int(position), int(length), int(start), tuple(map(Path, files)))
        for track, comment, muted, position, length, start, *files in rows
    ]


# ---- the program


@dataclass(frozen=True)
class Running:
    """An Ardour that answers."""

    place: Place
    actions: tuple[str, ...]
    osc: socket.socket

    def act(self, action: str) -> None:
        message = OscMessageBuilder("/access_action")
        message.add_arg(f"LuaAction/script-{self.actions.index(action) + 1}")
        self.osc.send(message.build().dgram)


@contextmanager
def running_ardour(place: Place, actions: Mapping[str, Path], hooks: Mapping[str, Path]) -> Iterator[Running]:
    """Ardour with the session of `place` open and scripts in its action slots; it is killed at the end."""
    prepare_home(place, actions, hooks)
    with screen(place.folder / "screen") as shown, (place.folder / "ardour.log").open("w") as log:
        process = subprocess.Popen(
            [ARDOUR, *QUIETLY, str(place.session_file)], env=place.environment(DISPLAY=shown.display),
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as osc:
                osc.connect(("127.0.0.1", osc_port(place, process)))
                yield Running(place, tuple(actions), osc)
        except BaseException as error:
            with suppress(OSError, ValueError):
                shown.save(place.folder / "screen.png")
            error.add_note(f"What Ardour showed: {place.folder / 'screen.png'}")
            raise
        finally:
            stop(process)


def osc_port(place: Place, process: subprocess.Popen[bytes]) -> int:
    told = place.config / "osc_url"

    def answering() -> bool:
        assert process.poll() is None, f"Ardour ended: {log_of(place)}"
        return ":" in told.read_text()

    wait_until(answering, lambda: f"Ardour's OSC surface is not there: {log_of(place)}", STARTED_WITHIN)
    return int(told.read_text().strip().rstrip("/").rsplit(":", 1)[1])


def log_of(place: Place) -> str:
    return (place.folder / "ardour.log").read_text(errors="replace")[-2000:]


def prepare_home(place: Place, actions: Mapping[str, Path], hooks: Mapping[str, Path]) -> None:
    (place.config / "config").write_text(CONFIG.format(osc=OSC_PROTOCOL, rate=place.rate))
    (place.config / ".a7").touch()  # no questions to a new user
    (place.config / "osc_url").write_text("")
    (place.config / "ui_scripts").write_text(ui_scripts(actions, hooks), encoding="utf-8")


def ui_scripts(actions: Mapping[str, Path], hooks: Mapping[str, Path]) -> str:
    slots = "scripts = {} " + " ".join(
        stored_script(f"scripts[{slot}]", name, script) for slot, (name, script) in enumerate(actions.items(), start=1)
    )
    listening = format(1 << TIMER_SIGNAL, f"0{SIGNALS}b")
    callbacks = "".join(
        f'<LuaCallback lua="Lua 5.3" id="{9000 + number}" name={quoteattr(name)} signals="{listening}">'
        f"{base64_of(stored_script('s', name, script))}</LuaCallback>"
        for number, (name, script) in enumerate(hooks.items())
    )
    return (
        f'<?xml version="1.0"?>\n<UIScripts><ActionScript lua="Lua 5.3">{base64_of(slots)}</ActionScript>'
        f"<ActionHooks>{callbacks}</ActionHooks></UIScripts>\n"
    )


def stored_script(variable: str, name: str, script: Path) -> str:
    """A script as Ardour keeps it once a user has put it into a slot: name, text, and what makes its function."""
    text = script.read_text(encoding="utf-8")
    maker = f"local function ardour() end {text}\nreturn factory(...)"
    fields = {"n": quoted(name), "s": quoted(text), "f": quoted(maker), "a": "{}"}
    return f"{variable} = {{}} " + " ".join(f'{variable}["{key}"] = {value}' for key, value in fields.items())


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# ---- a screen


@dataclass(frozen=True)
class Screen:
    display: str
    folder: Path  # where Xvfb keeps the picture

    def save(self, file: Path) -> None:
        """What it shows now. Xvfb's file is an X window dump: a header of big-endian words, colours, then pixels."""
        content = (self.folder / "Xvfb_screen0").read_bytes()
        words = np.frombuffer(content, ">u4", 25)
        header, width, height, line, colours = (int(words[at]) for at in (0, 4, 5, 12, 19))
        pixels = np.frombuffer(content, np.uint8, line * height, header + 12 * colours)
        cv2.imwrite(str(file), pixels.reshape(height, line // 4, 4)[:, :width, :3])


@contextmanager
def screen(folder: Path) -> Iterator[Screen]:
    """A free X display without a monitor."""
    folder.mkdir(exist_ok=True)
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [XVFB, "-displayfd", str(writing), "-screen", "0", "1600x1000x24", "-nolisten", "tcp", "-fbdir", str(folder)],
        pass_fds=[writing], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        assert number, "Xvfb did not start"
        yield Screen(f":{number}", folder)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(GONE_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(GONE_WITHIN)
