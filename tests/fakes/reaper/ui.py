"""What a script shows and asks, what it starts, and where it is: messages, dialogs, files, processes, actions."""

from __future__ import annotations

import os
import time
import zlib
from pathlib import Path
from typing import Any

from tests.fakes.reaper.model import new_guid
from tests.fakes.reaper.table import Misuse, reaper

MOST_INPUTS = 16
BUTTONS = {"ok": 1, "cancel": 2, "abort": 3, "retry": 4, "ignore": 5, "yes": 6, "no": 7}
BUTTONS_OF_TYPE = {0: "ok", 1: "ok cancel", 2: "abort retry ignore", 3: "yes no cancel", 4: "yes no", 5: "retry cancel"}


# Messages and dialogs


@reaper
def ShowConsoleMsg(host: Any, text: str) -> None:
    host.show("console", "", text)


@reaper
def ClearConsole(host: Any) -> None: ...


@reaper
def ReaScriptError(host: Any, text: str) -> None:
    host.show("error", "", text)


@reaper
def ShowMessageBox(host: Any, text: str, title: str, kind: int) -> int:
    buttons = BUTTONS_OF_TYPE[kind].split()
    dialog = host.show("box", title, text)
    answer = "ok" if kind == 0 else host.answer_to(dialog)
    if answer not in buttons:
        raise Misuse(f"ShowMessageBox {text!r} has no button {answer!r}, only {buttons}")
    dialog.answer = answer
    return BUTTONS[answer]


@reaper
def MB(host: Any, text: str, title: str, kind: int) -> int:
    return ShowMessageBox(host, text, title, kind)


@reaper
def GetUserInputs(host: Any, title: str, count: int, captions: str, values: str) -> tuple[bool, str]:
    """Answers and given values are parted by a comma (also one inside them), or by `separator=x` among the captions."""
    words = captions.split(",")
    options = dict(word.split("=", 1) for word in words if word.startswith(("separator=", "extrawidth=")))
    asked = [word for word in words if not word.startswith(("separator=", "extrawidth="))]
    separator = options.get("separator", ",")
    given = (values.split(separator) + [""] * count)[:count]
    if not 1 <= count <= MOST_INPUTS or len(asked) != count:
        raise Misuse(f"GetUserInputs: {len(asked)} captions for {count} inputs ({MOST_INPUTS} at most)")
    if values.count(separator) > count - 1:
        raise Misuse(f"GetUserInputs: {values!r} has more than {count} values parted by {separator!r}")
    dialog = host.show("inputs", title, "", dict(zip(asked, given, strict=True)))
    answer = host.answer_to(dialog)
    if answer is None:
        return False, values
    if isinstance(answer, dict):
        answer = [str(answer.get(caption, value)) for caption, value in dialog.fields.items()]
    if len(answer) != count:
        raise Misuse(f"GetUserInputs asks {count} values, the test answers {answer!r}")
    dialog.answer = answer
    return True, separator.join(answer)


@reaper
def GetUserFileNameForRead(host: Any, path: str, title: str, extension: str) -> tuple[bool, str]:
    answer = host.answer_to(host.show("file", title, path))
    return answer is not None, str(answer or path)


# The window: nothing to see, but balanced


@reaper
def PreventUIRefresh(host: Any, count: int) -> None:
    host.refresh_prevented += count
    if host.refresh_prevented < 0:
        raise Misuse("PreventUIRefresh went below 0")


@reaper
def UpdateArrange(host: Any) -> None: ...


@reaper
def UpdateTimeline(host: Any) -> None:
    host.timeline_is_stale = False


@reaper
def TrackList_AdjustWindows(host: Any, minor: bool) -> None: ...


@reaper
def Help_Set(host: Any, text: str, temporary: bool) -> None:
    """The status bar."""
    host.hint = text


@reaper
def RefreshToolbar2(host: Any, section: int, command: int) -> None: ...


# Files and processes


@reaper
def GetResourcePath(host: Any) -> str:
    return str(host.resource_path)


@reaper
def file_exists(host: Any, path: str) -> bool:
    return Path(path).is_file()


@reaper
def RecursiveCreateDirectory(host: Any, path: str, ignored: int) -> int:
    host.files.check("RecursiveCreateDirectory", path, "w")
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError:
        return 0
    return 1


@reaper
def EnumerateFiles(host: Any, path: str, index: int) -> str | None:
    """The list is read once; index -1 reads the folder again."""
    return host.files.entry("files", path, index)


@reaper
def EnumerateSubdirectories(host: Any, path: str, index: int) -> str | None:
    return host.files.entry("folders", path, index)


@reaper
def ExecProcess(host: Any, command: str, timeout_ms: int) -> str | None:
    return host.processes.execute(command, timeout_ms)


# The script and its surroundings


@reaper
def APIExists(host: Any, name: str) -> bool:
    return host.strict.exists(name)


@reaper
def GetAppVersion(host: Any) -> str:
    return host.version


@reaper
def GetOS(host: Any) -> str:
    return host.system


@reaper
def time_precise(host: Any) -> float:
    return time.perf_counter()


@reaper
def genGuid(host: Any, ignored: str) -> str:
    return new_guid()


@reaper
def defer(host: Any, function: Any) -> bool:
    return host.action.defer(function)


@reaper
def runloop(host: Any, function: Any) -> bool:
    return host.action.defer(function)


@reaper
def atexit(host: Any, function: Any) -> None:
    host.action.at_exit.append(function)


@reaper
def set_action_options(host: Any, flags: int) -> None:
    """1 ends this script when it is started again, 2 starts it anew after that; 4 and 8 switch its toggle state."""
    host.action.options |= flags & 3
    if flags & 12:
        host.toggles[command_of(host, host.action.path)] = int(bool(flags & 4))


@reaper
def get_action_context(host: Any) -> tuple[bool, str, int, int, int, int, int, str]:
    path = host.action.path
    return True, str(path), 0, command_of(host, path), -1, -1, -1, host.action.context


@reaper
def AddRemoveReaScript(host: Any, add: bool, section: int, path: str, commit: bool) -> int:
    """Answers the command's id, 0 when there is no such script."""
    if not Path(path).is_file():
        return 0
    command = command_of(host, Path(path))
    if add:
        host.commands[command] = Path(path)
    else:
        host.commands.pop(command, None)
    return command


def command_of(host: Any, path: Path) -> int:
    return 53_000 + zlib.crc32(os.fsencode(path)) % 10_000


@reaper
def ReverseNamedCommandLookup(host: Any, command: int) -> str | None:
    path = host.commands.get(command)
    return f"RS{zlib.crc32(os.fsencode(path)):040x}" if path else None


@reaper
def NamedCommandLookup(host: Any, name: str) -> int:
    return next((c for c in host.commands if name == "_" + str(ReverseNamedCommandLookup(host, c))), 0)


@reaper
def SetToggleCommandState(host: Any, section: int, command: int, state: int) -> bool:
    host.toggles[command] = state
    return True


@reaper
def GetToggleCommandStateEx(host: Any, section: int, command: int) -> int:
    return host.toggles.get(command, -1)
