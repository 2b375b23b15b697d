"""REAPER on this machine: where its resource folders are, what Footfall puts into one, and how that is taken back.

    <resource folder>/
    ├── reaper.ini                    makes it a resource folder
    ├── reaper-kb.ini                 the action list: one SCR line for each action, KEY lines for shortcuts
    └── Scripts/
        ├── __startup.lua             what REAPER runs when it starts; ours is a marked block
        └── Footfall/
            ├── footfall.json         where the engine lives, and under "installed" what was put where
            ├── Footfall - ….lua      an action each
            └── lib/*.lua

`plan_install` and `plan_uninstall` only read; a `Plan` is what is going to change, and `carry_out` changes it.
An installation followed by its removal leaves every other byte of every file as it was.

REAPER names a script's action after its place: ``RS`` and the SHA-1 of its path below Scripts, with slashes and in
capitals. ("A SHA1 hash of their path", says ReaPack's author in ReaTeam/ReaScripts#1301; slashes and capitals are
found by trying on action lists that users have published, such as the one in jdginn/Reaper.) The ids written here
are thus those that REAPER would give, and shortcuts outlive a reinstallation.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from footfall_bridge.errors import HostFolderUnusable, HostNotFound
from footfall_bridge.spool import write_whole

from footfall_engine.config import named_path

FOLDER = "Footfall"  # in Scripts; part of every action's id
CONFIG = "footfall.json"
ACTION_PREFIX = "Footfall - "
STARTUP_ACTION = ACTION_PREFIX + "Place finished stems.lua"
QUIETLY = "quietly"  # key of ext state: the next run of that action says nothing where nothing waits
STARTUP_FIRST = b"-- [Footfall] Offers stems that were finished meanwhile; `footfall uninstall reaper` takes this away."
STARTUP_LAST = b"-- [/Footfall]"

_BOM = b"\xef\xbb\xbf"
_SCR = re.compile(rb"\s*SCR\s+\d+\s+\d+\s+(\S+)\s")
_KEY = re.compile(rb"\s*KEY\s+\S+\s+\S+\s+_(\S+)\s")
_STARTUP_BLOCK = re.compile(
    rb"^" + re.escape(STARTUP_FIRST) + rb"\r?\n.*?^" + re.escape(STARTUP_LAST) + rb"\r?\n", re.DOTALL | re.MULTILINE
)


# ---- where REAPER keeps its things


@dataclass(frozen=True)
class Machine:
    """As much of a machine as finding an editor takes."""

    system: str  # as platform.system() says: Windows, Darwin, Linux
    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    program_folders: tuple[Path, ...] = ()  # further places where the program may lie
    root: Path = Path("/")  # of the file system


@dataclass(frozen=True)
class Resource:
    """One resource folder."""

    folder: Path

    @property
    def action_list(self) -> Path:
        return self.folder / "reaper-kb.ini"

    @property
    def startup(self) -> Path:
        return self.folder / "Scripts" / "__startup.lua"

    @property
    def scripts(self) -> Path:
        return self.folder / "Scripts" / FOLDER

    @property
    def from_reapack(self) -> Path:
        """Where ReaPack puts the actions: a folder named after the repository, in it one after the category."""
        return self.scripts / FOLDER


def default_folder(machine: Machine) -> Path:
    if machine.system == "Windows":
        return Path(machine.environment.get("APPDATA") or machine.home / "AppData" / "Roaming") / "REAPER"
    if machine.system == "Darwin":
        return machine.home / "Library" / "Application Support" / "REAPER"
    return machine.home / ".config" / "REAPER"


def usual_program_folders(machine: Machine) -> list[Path]:
    """Where REAPER's program lies as a rule; a portable one has its settings beside it."""
    if machine.system == "Windows":
        roots = [
            machine.environment[key] for key in ("ProgramFiles", "ProgramFiles(x86)") if key in machine.environment
        ]
        names = ("REAPER", "REAPER (x64)", "REAPER (arm64)")
        return [*(Path(root) / name for root in roots for name in names), machine.home / "REAPER"]
    if machine.system == "Darwin":
        return [Path("/Applications"), machine.home / "Applications", machine.home / "Applications" / "REAPER"]
    return [
        Path("/opt/REAPER"),
        machine.home / "opt" / "REAPER",
        machine.home / "REAPER",
        machine.home / ".local/REAPER",
    ]


def resources(machine: Machine, named: Path | None = None) -> list[Resource]:
    """The resource folder that was named, or every one there is; HostNotFound says where was looked."""
    if named is not None:
        folder = named_path(named)
        if not is_resource_folder(folder):
            raise HostNotFound(
                f"{folder} is no resource folder of REAPER: there is no reaper.ini in it. In REAPER, "
                "Options > Show REAPER resource path in explorer/finder shows the right one"
            )
        return [Resource(folder)]
    looked = list(dict.fromkeys([default_folder(machine), *machine.program_folders, *usual_program_folders(machine)]))
    found = [Resource(folder) for folder in looked if is_resource_folder(folder)]
    if not found:
        raise HostNotFound(
            "no REAPER was found; there is no reaper.ini in " + ", ".join(map(str, looked)) + ". Start REAPER once, "
            "or name its resource folder with --resource-path"
        )
    return found


def is_resource_folder(folder: Path) -> bool:
    try:
        return (folder / "reaper.ini").is_file()
    except OSError:
        return False


# ---- the action list


def command_id(script: str) -> str:
    """Id of the action that a script in our folder is."""
    return "RS" + hashlib.sha1(f"{FOLDER}/{script}".upper().encode(), usedforsecurity=False).hexdigest()


def action_line(script: str) -> bytes:
    """A script's line in the action list; 4 is a plain script, 0 the main section."""
    return f'SCR 4 0 {command_id(script)} "Custom: {script}" "{FOLDER}/{script}"'.encode()


def registered_ids(action_list: bytes) -> list[str]:
    return [found[1].decode("ascii", "replace") for line in _lines(action_list) if (found := _SCR.match(line))]


def with_actions(action_list: bytes, scripts: Iterable[str], newline: bytes) -> bytes:
    """The list with the scripts in it: lines that are missing come first, every other byte stays."""
    there = registered_ids(action_list)
    missing = [action_line(script) for script in scripts if command_id(script) not in there]
    return _inserted(action_list, b"".join(line + _newline(action_list, newline) for line in missing))


def without_actions(action_list: bytes, ids: Iterable[str]) -> bytes:
    """The list without the lines of those ids."""
    gone = {id.encode() for id in ids}
    kept = [line for line in _lines(action_list) if not ((found := _SCR.match(line)) and found[1] in gone)]
    rest = b"".join(kept)
    return _BOM + rest if action_list.startswith(_BOM) else rest


def shortcuts(action_list: bytes, ids: Iterable[str]) -> list[str]:
    """KEY lines bound to those ids, as the user would look for them."""
    wanted = {id.encode() for id in ids}
    return [
        line.decode("utf-8", "replace").strip()
        for line in _lines(action_list)
        if (found := _KEY.match(line)) and found[1] in wanted
    ]


def _lines(text: bytes) -> list[bytes]:
    """Lines with their ends, without a byte order mark; a lone carriage return ends none."""
    return re.findall(rb"[^\n]*\n|[^\n]+\Z", text.removeprefix(_BOM))


def _newline(text: bytes, otherwise: bytes) -> bytes:
    first = text.find(b"\n")
    if first < 0:
        return otherwise
    return b"\r\n" if text[first - 1 : first] == b"\r" else b"\n"


def _inserted(text: bytes, block: bytes) -> bytes:
    """A block before the first line: so a missing newline at the end stays missing."""
    mark = _BOM if text.startswith(_BOM) else b""
    return mark + block + text.removeprefix(mark)


# ---- what REAPER runs when it starts


def with_startup(script: bytes, newline: bytes) -> bytes:
    """The user's startup script with our block before it; a ``#`` line, which Lua skips, stays first."""
    script = without_startup(script)
    newline = _newline(script, newline)
    body = (
        f'do local id = reaper.NamedCommandLookup("_{command_id(STARTUP_ACTION)}")',
        f'if id ~= 0 then reaper.SetExtState("footfall", "{QUIETLY}", "1", false) reaper.Main_OnCommand(id, 0) end end',
    )
    block = newline.join([STARTUP_FIRST, *(line.encode() for line in body), STARTUP_LAST, b""])
    if script.removeprefix(_BOM).startswith(b"#") and b"\n" in script:
        first, rest = script.split(b"\n", 1)
        return first + b"\n" + block + rest
    return _inserted(script, block)


def without_startup(script: bytes) -> bytes:
    mark = _BOM if script.startswith(_BOM) else b""
    return mark + _STARTUP_BLOCK.sub(b"", script.removeprefix(mark))


# ---- footfall.json


@dataclass(frozen=True)
class Contact:
    """How the actions reach the engine, and start it."""

    version: str
    protocol: int
    spool: Path
    command: tuple[str, ...]
    log: Path
    port: int = 0  # that it tries first; 0: any
    host: str = "127.0.0.1"
    token: str = ""

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "spool": str(self.spool), "command": list(self.command), "log": str(self.log)}


@dataclass(frozen=True)
class Installed:
    """What an installation has put into a resource folder."""

    files: tuple[str, ...] = ()  # below our folder, with slashes
    actions: tuple[str, ...] = ()  # ids of their lines in the action list
    startup: bool = False
    linked: bool = False

    @classmethod
    def read(cls, config: Path) -> Installed | None:
        """What a footfall.json says; None when there is none, or none that can be read."""
        try:
            fields = json.loads(config.read_bytes())["installed"]
            files = tuple(name for name in map(str, fields["files"]) if _is_inside(name))
            return cls(files, tuple(map(str, fields["actions"])), bool(fields["startup"]), bool(fields["linked"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _is_inside(name: str) -> bool:
    """Whether a name leads to a place below our folder: the file could have been changed by anybody."""
    path = Path(name)
    return (
        bool(path.parts) and not path.is_absolute() and ".." not in path.parts and ":" not in name and "\\" not in name
    )


def config_text(contact: Contact, installed: Installed) -> bytes:
    fields = {**contact.as_json(), "installed": vars(installed)}
    return (json.dumps(fields, indent=1, ensure_ascii=False) + "\n").encode()


# ---- plans


@dataclass(frozen=True)
class Change:
    """One file: its new content, the file it becomes a link to, or None when it goes."""

    file: Path
    to: bytes | Path | None


@dataclass(frozen=True)
class Plan:
    """What is going to change, in this order: cut short anywhere, a second run leads to the same end."""

    resource: Resource
    changes: tuple[Change, ...] = ()
    lost_shortcuts: tuple[str, ...] = ()  # KEY lines whose action goes


def plan_install(
    resource: Resource, source: Path, contact: Contact, link: bool = False, at_startup: bool = False, crlf: bool = False
) -> Plan:
    """What to change so that the scripts in `source` are REAPER's actions; files of an older version go."""
    check_folder_is_real(resource.scripts)
    if has_reapack_copy(resource):
        return _plan_beside_reapack(resource, source, contact)
    newline = b"\r\n" if crlf else b"\n"
    before = Installed.read(resource.scripts / CONFIG) or Installed()
    names, ids = script_names(source), [command_id(script) for script in action_names(source)]
    old_list = read(resource.action_list)
    old_ids = [id for id in before.actions if id not in ids]
    new_list = with_actions(without_actions(old_list, old_ids), action_names(source), newline)
    installed = Installed(tuple(names), tuple(ids), at_startup or before.startup, link)

    gone = [name for name in before.files if name not in names]
    links = [name for name in names if not link and (resource.scripts / name).is_symlink()]  # not to write through
    changes = [Change(file, None) for file in present(resource.scripts, [*gone, *links])]
    changes.append(Change(resource.scripts / CONFIG, config_text(contact, installed)))
    changes += [Change(resource.scripts / name, source / name if link else read(source / name)) for name in names]
    if installed.startup:
        changes.append(Change(resource.startup, with_startup(read(resource.startup), newline)))
    changes.append(Change(resource.action_list, new_list))
    return Plan(resource, tuple(changes), tuple(shortcuts(old_list, old_ids)))


def plan_uninstall(resource: Resource, source: Path | None = None) -> Plan:
    """What to change so that nothing of ours is left; without its footfall.json, `source` tells what is ours."""
    check_folder_is_real(resource.scripts)
    before = Installed.read(resource.scripts / CONFIG) or _what_looks_like_ours(resource, source)
    old_list, old_startup = read(resource.action_list), read(resource.startup)
    configs = [file for file in (resource.from_reapack / CONFIG, resource.scripts / CONFIG) if file.exists()]
    changes = (
        Change(resource.startup, without_startup(old_startup) or None),
        Change(resource.action_list, without_actions(old_list, before.actions) or None),
        *(Change(file, None) for file in [*present(resource.scripts, before.files), *configs]),
    )
    return Plan(resource, changes, tuple(shortcuts(old_list, before.actions)))


def check_folder_is_real(folder: Path) -> None:
    """HostFolderUnusable when our folder leads elsewhere, where we would change what is not the editor's."""
    if folder.is_symlink():
        raise HostFolderUnusable(
            f"{folder} is a link to {os.path.realpath(folder)}; remove the link, then run this again"
        )


def has_reapack_copy(resource: Resource) -> bool:
    return any(resource.from_reapack.glob(ACTION_PREFIX + "*.lua"))


def _plan_beside_reapack(resource: Resource, source: Path, contact: Contact) -> Plan:
    """ReaPack has brought the actions and keeps them: they only need to know the engine, and no second copy."""
    gone = plan_uninstall(resource, source)
    config = Change(resource.from_reapack / CONFIG, config_text(contact, Installed()))
    return Plan(resource, (*(c for c in gone.changes if c.file != config.file), config), gone.lost_shortcuts)


def present(folder: Path, names: Iterable[str]) -> list[Path]:
    """Those of the named files that are there, and that no link leads out of the folder for."""
    root = os.path.realpath(folder)
    return [
        file
        for file in map(folder.joinpath, names)
        if os.path.lexists(file) and Path(os.path.realpath(file.parent)).is_relative_to(root) and not file.is_dir()
    ]


def _what_looks_like_ours(resource: Resource, source: Path | None) -> Installed:
    """After an installation that was cut short: files that are the same as ours, lines with our ids."""
    if source is None:
        return Installed()
    same = [name for name in script_names(source) if is_same(resource.scripts / name, source / name)]
    there = registered_ids(read(resource.action_list))
    return Installed(tuple(same), tuple(id for id in map(command_id, action_names(source)) if id in there))


def script_names(source: Path) -> list[str]:
    """Every file that belongs to the actions, below `source`, with slashes."""
    return sorted(file.relative_to(source).as_posix() for file in (*source.glob("*.lua"), *source.glob("lib/**/*.lua")))


def action_names(source: Path) -> list[str]:
    return sorted(file.name for file in source.glob(ACTION_PREFIX + "*.lua"))


def read(file: Path) -> bytes:
    """Bytes of a file, none when it is not there; HostFolderUnusable when it cannot be read."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise HostFolderUnusable(f"{file} cannot be read ({error.strerror})") from error


def is_same(one: Path, other: Path) -> bool:
    return one.is_file() and read(one) == read(other)


# ---- carrying out


def carry_out(plan: Plan) -> None:
    make(plan.changes, plan.resource.scripts)


def make(changes: Iterable[Change], own_folder: Path) -> None:
    """Make the changes; HostFolderUnusable names what cannot be changed. Folders of ours that are empty then go."""
    changes = tuple(changes)
    for change in changes:
        try:
            _make(change)
        except OSError as error:
            raise HostFolderUnusable(f"{change.file} cannot be changed ({error.strerror or error})") from error
    _remove_empty_folders(own_folder, changes)


def _make(change: Change) -> None:
    if change.to is None:
        change.file.unlink(missing_ok=True)
    elif isinstance(change.to, Path):
        change.file.parent.mkdir(parents=True, exist_ok=True)
        change.file.unlink(missing_ok=True)
        change.file.symlink_to(change.to)
    elif not change.file.exists() or read(change.file) != change.to:
        _write(Path(os.path.realpath(change.file)), change.to)  # settings kept elsewhere, and linked, stay linked


def _write(file: Path, content: bytes) -> None:
    mode = file.stat().st_mode & 0o777 if file.exists() else None
    write_whole(file, content)
    if file.name == CONFIG:
        mode = 0o600  # it may hold the token
    if mode is not None:
        file.chmod(mode)


def _remove_empty_folders(own_folder: Path, changes: Iterable[Change]) -> None:
    """Folders of ours that have nothing in them any more; what they are in stays."""
    folders = {folder for change in changes if change.to is None for folder in change.file.parents}
    for folder in sorted(folders, key=lambda folder: -len(folder.parts)):
        if folder.is_relative_to(own_folder):
            with contextlib.suppress(OSError):  # something is in it
                folder.rmdir()
