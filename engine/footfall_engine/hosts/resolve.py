"""DaVinci Resolve on this machine: where it looks for scripts, and what Footfall puts there.

    Fusion/                              each user has one, and one is for all of them
    ├── Scripts/Utility/Footfall ….py    an entry in Workspace > Scripts each
    └── Footfall/                        a place that the menu is not made from: in Scripts, modules would be entries
        ├── footfall.json                where the engine lives, and under "installed" what was put where
        └── footfall_resolve/*.py        what the scripts share

Resolve does not tell a script where it lies (there is no ``__file__``), so each is given the path of our folder.

Folders: Blackmagic's README of the scripting API. Resolve makes Scripts only once something is in it, so a folder of
its own that is there already says that it is installed (samuelgursky/davinci-resolve-mcp#106).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from footfall_bridge.errors import HostNotFound

from footfall_engine.config import named_path
from footfall_engine.hosts.reaper import (
    CONFIG,
    Change,
    Contact,
    Installed,
    Machine,
    check_folder_is_real,
    config_text,
    is_same,
    make,
    present,
    read,
)

FOLDER = "Footfall"
MENU = "Utility"  # the scripts that are offered on every page
LIBRARY = "footfall_resolve"
ENTRIES = "Footfall *.py"

_VENDOR = Path("Blackmagic Design") / "DaVinci Resolve"
_MAC_SUPPORT = Path("Library") / "Application Support"
_MAC_STORE = "Library/Containers/com.blackmagic-design.DaVinciResolve*"
_LIBRARY_LINE = re.compile(rb'^LIB = ""', re.MULTILINE)


@dataclass(frozen=True)
class Place:
    """One Scripts folder of Resolve's, and what of ours belongs to it."""

    scripts: Path
    for_all_users: bool = False

    @property
    def root(self) -> Path:
        return self.scripts.parent

    @property
    def menu(self) -> Path:
        return self.scripts / MENU

    @property
    def own(self) -> Path:
        return self.root / FOLDER

    @property
    def config(self) -> Path:
        return self.own / CONFIG


# ---- where Resolve keeps its things


def user_scripts(machine: Machine) -> Path:
    if machine.system == "Windows":
        return _roaming(machine) / _VENDOR / "Support" / "Fusion" / "Scripts"
    if machine.system == "Darwin":
        return machine.home / _MAC_SUPPORT / _VENDOR / "Fusion" / "Scripts"
    return machine.home / ".local/share/DaVinciResolve/Fusion/Scripts"


def shared_scripts(machine: Machine) -> Path:
    if machine.system == "Windows":
        return _program_data(machine) / _VENDOR / "Fusion" / "Scripts"
    if machine.system == "Darwin":
        return machine.root / _MAC_SUPPORT / _VENDOR / "Fusion" / "Scripts"
    return next((f for f in _linux_programs(machine) if f.is_dir()), machine.root / "opt/resolve") / "Fusion/Scripts"


def signs(machine: Machine) -> list[Path]:
    """Folders that are there when Resolve is installed, or was started once."""
    if machine.system == "Windows":
        programs = Path(machine.environment.get("ProgramFiles") or r"C:\Program Files")
        return [root / _VENDOR for root in (_roaming(machine), _program_data(machine), programs)]
    if machine.system == "Darwin":
        supports = [root / _MAC_SUPPORT / _VENDOR for root in (machine.home, machine.root)]
        return [*supports, machine.root / "Applications" / "DaVinci Resolve"]
    return [machine.home / ".local/share/DaVinciResolve", *_linux_programs(machine)]


def find_place(machine: Machine, named: Path | None = None, for_all_users: bool = False) -> Place:
    """Where this user's scripts belong, or everybody's, or the folder that was named."""
    if named is not None:
        folder = named_path(named)
        if not folder.is_dir():
            raise HostNotFound(f"there is no folder {folder}")
        return Place(folder.parent if folder.name == MENU else folder, for_all_users)
    return Place(shared_scripts(machine) if for_all_users else user_scripts(machine), for_all_users)


def check_is_installed(machine: Machine) -> None:
    """HostNotFound says where was looked, and which Resolve no script can help."""
    looked = signs(machine)
    if any(folder.is_dir() for folder in looked):
        return
    if machine.system == "Darwin" and any(machine.home.glob(_MAC_STORE)):
        raise HostNotFound(
            "only the App Store's DaVinci Resolve was found, which macOS keeps from starting and hearing other "
            "programs. Footfall needs the one from blackmagicdesign.com"
        )
    raise HostNotFound(
        "no DaVinci Resolve was found; there is no " + ", ".join(map(str, looked)) + ". Start Resolve once, "
        "or name its Fusion/Scripts folder with --scripts-folder"
    )


def _roaming(machine: Machine) -> Path:
    return Path(machine.environment.get("APPDATA") or machine.home / "AppData" / "Roaming")


def _program_data(machine: Machine) -> Path:
    return Path(machine.environment.get("PROGRAMDATA") or r"C:\ProgramData")


def _linux_programs(machine: Machine) -> list[Path]:
    return [machine.root / "opt/resolve", machine.root / "home/resolve"]


# ---- installing and uninstalling


def install(place: Place, source: Path, contact: Contact, link: bool = False) -> list[Path]:
    """Put our files into a place, over older ones; what is there then.

    With `link` the modules are links into `source`; the entries of the menu are always files of their own.
    """
    check_folder_is_real(place.own)
    files = contents(place, source, link)
    before = _known(place, source)
    stale = [name for name in before if name not in files or (place.root / name).is_symlink() != _is_link(files, name)]
    installed = Installed(files=tuple(files), linked=link)
    make(
        [
            *(Change(file, None) for file in present(place.root, stale)),
            Change(place.config, config_text(contact, installed)),
            *(Change(place.root / name, content) for name, content in files.items()),
        ],
        place.own,
    )
    if place.for_all_users:
        place.config.chmod(0o644)
    return [place.root / name for name in files]


def uninstall(place: Place, source: Path) -> list[Path]:
    """Take our files out again, and what Python has made of them; what was taken."""
    check_folder_is_real(place.own)
    ours = present(place.root, _known(place, source))
    compiled = [*(place.own / LIBRARY / "__pycache__").glob("*.pyc")]
    configs = [place.config] if place.config.exists() else []
    make([Change(file, None) for file in (*ours, *compiled, *configs)], place.own)
    return [*ours, *configs]


def contents(place: Place, source: Path, link: bool = False) -> dict[str, bytes | Path]:
    """Every file of ours by its name below the place's root: what is to be in it, or what it is to be a link to."""
    modules = [source / LIBRARY / name for name in module_names(source)]
    return {
        **{f"{FOLDER}/{LIBRARY}/{file.name}": file if link else read(file) for file in modules},
        **{f"{_menu(place)}/{name}": entry(read(source / name), place) for name in entry_names(source)},
    }


def entry(script: bytes, place: Place) -> bytes:
    """A script of the menu that knows where its modules are, whatever letters that path is written with."""
    return _LIBRARY_LINE.sub(lambda _: f"LIB = {str(place.own)!a}".encode(), script, count=1)


def entry_names(source: Path) -> list[str]:
    return sorted(file.name for file in source.glob(ENTRIES))


def module_names(source: Path) -> list[str]:
    return sorted(file.name for file in (source / LIBRARY).glob("*.py"))


def is_there(place: Place, name: str, wanted: bytes | Path) -> bool:
    file = place.root / name
    return is_same(file, wanted) if isinstance(wanted, Path) else file.is_file() and read(file) == wanted


def _known(place: Place, source: Path) -> list[str]:
    """What an earlier installation has left: as it says, or, where it was cut short, whatever is the same as ours."""
    said = Installed.read(place.config)
    if said is not None:
        return [name for name in said.files if _is_ours(place, name)]
    return [name for name, content in contents(place, source).items() if is_there(place, name, content)]


def _is_ours(place: Place, name: str) -> bool:
    """The file that says what was installed could have been changed by anybody."""
    path = PurePosixPath(name)
    if str(path.parent) == _menu(place):
        return path.match(ENTRIES)
    return path.parts[:2] == (FOLDER, LIBRARY)


def _is_link(files: Mapping[str, bytes | Path], name: str) -> bool:
    return isinstance(files[name], Path)


def _menu(place: Place) -> str:
    return f"{place.scripts.name}/{MENU}"
