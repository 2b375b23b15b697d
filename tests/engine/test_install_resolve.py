"""Putting the scripts into DaVinci Resolve and taking them out again, in made-up homes of three systems."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from footfall_bridge.errors import HostFolderUnusable, HostNotFound
from footfall_engine.cli import install
from footfall_engine.cli.app import app
from footfall_engine.doctor import State
from footfall_engine.hosts import check, resolve, resolve_python
from footfall_engine.hosts.reaper import Contact, Machine
from footfall_engine.hosts.resolve import Place
from footfall_engine.hosts.resolve_python import Eyes, Python, find
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "resolve_scripts"
GENERATE, STATUS = "Footfall Generate.py", "Footfall Status.py"
SCRIPT = """import os
import sys

LIB = ""  # filled in
sys.path.insert(0, LIB or os.path.dirname(os.path.abspath(__file__)))

from footfall_resolve import flow

print(flow.WHERE)
"""
SYSTEMS = {
    "Windows": "roaming/Blackmagic Design/DaVinci Resolve/Support/Fusion/Scripts",
    "Darwin": "Library/Application Support/Blackmagic Design/DaVinci Resolve/Fusion/Scripts",
    "Linux": ".local/share/DaVinciResolve/Fusion/Scripts",
}
SHARED = {
    "Windows": "program data/Blackmagic Design/DaVinci Resolve/Fusion/Scripts",
    "Darwin": "root/Library/Application Support/Blackmagic Design/DaVinci Resolve/Fusion/Scripts",
    "Linux": "root/opt/resolve/Fusion/Scripts",
}


def a_machine(folder: Path, system: str) -> Machine:
    environment = {"APPDATA": str(folder / "roaming"), "PROGRAMDATA": str(folder / "program data")}
    return Machine(system, folder, environment if system == "Windows" else {}, root=folder / "root")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_source(tmp_path / "source", [GENERATE, STATUS, "footfall_resolve/flow.py"])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    scripts = tmp_path / "my rösolve 🎬" / "Fusion" / "Scripts"
    (scripts / "Utility").mkdir(parents=True)
    (scripts / "Utility" / "Footfall of mine.lua").write_text("-- mine")
    return Place(scripts)


@pytest.fixture
def contact(tmp_path: Path) -> Contact:
    command = (sys.executable, "-m", "footfall_engine", "serve")
    return Contact("0.1.0", 1, tmp_path / "spool", command, tmp_path / "engine.log", port=9770, token="secret")


def make_source(folder: Path, names: list[str]) -> Path:
    (folder / "footfall_resolve").mkdir(parents=True)
    (folder / "footfall_resolve" / "__init__.py").touch()
    for name in names:
        text = SCRIPT if "/" not in name else "WHERE = __file__\n"
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---- finding Resolve


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_scripts_folders_are_where_each_system_has_them(tmp_path: Path, system: str) -> None:
    machine = a_machine(tmp_path, system)
    assert resolve.find_place(machine).scripts == tmp_path / SYSTEMS[system]
    assert resolve.find_place(machine, for_all_users=True).scripts == tmp_path / SHARED[system]


def test_a_resolve_for_all_users_in_home_is_found_on_linux(tmp_path: Path) -> None:
    (tmp_path / "root/home/resolve").mkdir(parents=True)
    found = resolve.find_place(a_machine(tmp_path, "Linux"), for_all_users=True)
    assert found.scripts == tmp_path / "root/home/resolve/Fusion/Scripts"


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("places", [SYSTEMS, SHARED])
def test_resolve_is_known_by_its_folders_before_it_has_made_one_for_scripts(
    tmp_path: Path, system: str, places: dict[str, str]
) -> None:
    machine = a_machine(tmp_path, system)
    with pytest.raises(HostNotFound, match=r"there is no .*Resolve.*--scripts-folder"):
        resolve.check_is_installed(machine)
    above = places[system].removesuffix("/Fusion/Scripts").removesuffix("/Support")
    (tmp_path / above).mkdir(parents=True)
    resolve.check_is_installed(machine)


def test_the_app_stores_resolve_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "Library/Containers/com.blackmagic-design.DaVinciResolveLite").mkdir(parents=True)
    with pytest.raises(HostNotFound, match=r"App Store.*blackmagicdesign\.com"):
        resolve.check_is_installed(a_machine(tmp_path, "Darwin"))


def test_a_named_folder_may_be_scripts_or_utility_and_must_be_there(tmp_path: Path) -> None:
    machine = a_machine(tmp_path, "Linux")
    (tmp_path / "Scripts" / "Utility").mkdir(parents=True)
    for named in ("Scripts", "Scripts/Utility"):
        assert resolve.find_place(machine, tmp_path / named).scripts == tmp_path / "Scripts"
    with pytest.raises(HostNotFound, match="there is no folder"):
        resolve.find_place(machine, tmp_path / "Skripts")


# ---- installing and uninstalling


@pytest.mark.parametrize("link", [False, True])
def test_an_installation_and_its_removal_leave_everything_as_it_was(
    place: Place, source: Path, contact: Contact, link: bool
) -> None:
    before, originals = everything(place.root), everything(source)
    installed = resolve.install(place, source, contact, link)
    assert set(everything(place.root)) - set(before) == {
        *(file.relative_to(place.root).as_posix() for file in installed), "Footfall/footfall.json",
    }  # fmt: skip
    assert (place.own / "footfall_resolve" / "flow.py").is_symlink() == link
    assert sorted(resolve.uninstall(place, source)) == sorted([*installed, place.config])
    assert everything(place.root) == before and not place.own.exists()
    assert everything(source) == originals


def test_the_menu_gets_the_scripts_and_nothing_else(place: Place, source: Path, contact: Contact) -> None:
    resolve.install(place, source, contact)
    assert sorted(everything(place.scripts)) == [
        f"Utility/{GENERATE}", f"Utility/{STATUS}", "Utility/Footfall of mine.lua"
    ]  # fmt: skip


def run_as_resolve_does(script: Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own that is told nothing of the script's place."""
    code = "import sys; exec(compile(open(sys.argv[1], encoding='utf-8').read(), '<script>', 'exec'), {})"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code, str(script)],
        env=environment, capture_output=True, encoding="utf-8", timeout=60, cwd=script.parents[2],
    )  # fmt: skip


def test_a_script_finds_its_modules_without_being_told_where_it_lies(
    place: Place, source: Path, contact: Contact
) -> None:
    resolve.install(place, source, contact)
    done = run_as_resolve_does(place.menu / GENERATE)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == place.own / "footfall_resolve" / "flow.py"
    assert (place.own / "footfall_resolve" / "__pycache__").is_dir()
    resolve.uninstall(place, source)
    assert not place.own.exists(), "what Python made of the modules is ours, too"


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_any_path_is_written_into_a_script_as_it_is(name: str) -> None:
    place = Place(Path("/") / name / "Scripts")
    scope: dict[str, Any] = {}
    exec(resolve.entry(b'LIB = ""  # filled in\n', place), scope)
    assert scope["LIB"] == str(place.own)


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("Footfall *.py")), ids=lambda path: path.stem)
def test_each_of_our_scripts_takes_the_path(script: Path) -> None:
    assert resolve.entry(script.read_bytes(), Place(Path("/x/Scripts"))) != script.read_bytes()


def test_footfall_json_says_where_the_engine_lives(place: Place, source: Path, contact: Contact) -> None:
    resolve.install(place, source, contact)
    told = json.loads(place.config.read_text(encoding="utf-8"))
    assert {key: told[key] for key in contact.as_json()} == contact.as_json()
    assert (told["host"], told["port"], told["token"]) == ("127.0.0.1", 9770, "secret")
    if os.name == "posix":
        assert stat.S_IMODE(place.config.stat().st_mode) == 0o600, "it holds the token"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_everybodys_footfall_json_can_be_read_by_everybody(place: Place, source: Path, contact: Contact) -> None:
    shared = replace(place, for_all_users=True)
    for _ in range(2):
        resolve.install(shared, source, contact)
        assert stat.S_IMODE(place.config.stat().st_mode) == 0o644


def test_installing_twice_changes_nothing(place: Place, source: Path, contact: Contact) -> None:
    resolve.install(place, source, contact)
    times = {path: path.stat().st_mtime_ns for path in place.root.rglob("*") if path.is_file()}
    resolve.install(place, source, contact)
    assert {path: path.stat().st_mtime_ns for path in place.root.rglob("*") if path.is_file()} == times


def test_an_upgrade_takes_away_what_the_older_version_had(
    place: Place, source: Path, contact: Contact, tmp_path: Path
) -> None:
    old = make_source(tmp_path / "old", ["Footfall Gone.py", STATUS, "footfall_resolve/gone.py"])
    resolve.install(place, old, contact)
    (place.own / "footfall_resolve" / "mine.txt").write_text("mine")
    resolve.install(place, source, contact)
    there = everything(place.root)
    assert "Scripts/Utility/Footfall Gone.py" not in there and "Footfall/footfall_resolve/gone.py" not in there
    assert "Footfall/footfall_resolve/mine.txt" in there and f"Scripts/Utility/{GENERATE}" in there


def test_copies_become_links_and_links_copies(place: Place, source: Path, contact: Contact) -> None:
    before = everything(source)
    for link in (False, True, False):
        resolve.install(place, source, contact, link)
        assert (place.own / "footfall_resolve" / "flow.py").is_symlink() == link
        assert everything(source) == before


def test_without_its_footfall_json_an_installation_is_still_known(place: Place, source: Path, contact: Contact) -> None:
    before = everything(place.root)
    resolve.install(place, source, contact)
    place.config.write_text("{broken")
    resolve.uninstall(place, source)
    assert everything(place.root) == before


@pytest.mark.parametrize(
    "name",
    ["Scripts/Utility/Footfall of mine.lua", "Scripts/Utility/other.py", "Scripts/Edit/Footfall x.py", "../x",
     "Footfall/../../x", "/etc/passwd", "Scripts/Utility/../Footfall x.py", "C:\\x", ""],
)  # fmt: skip
def test_a_changed_footfall_json_leads_nowhere_else(place: Place, source: Path, contact: Contact, name: str) -> None:
    others = [place.menu / "other.py", place.scripts / "Edit" / "Footfall x.py", place.scripts / "Footfall x.py"]
    for file in (*others, place.root / "x", place.root.parent / "x"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("another's")
    before = everything(place.root.parent)
    resolve.install(place, source, contact)
    told = json.loads(place.config.read_text())
    told["installed"]["files"].append(name)
    place.config.write_text(json.dumps(told))
    resolve.uninstall(place, source)
    assert everything(place.root.parent) == before


def test_a_linked_folder_is_not_written_into(place: Place, source: Path, contact: Contact) -> None:
    place.own.symlink_to(source)
    before = everything(source)
    for attempt in (lambda: resolve.install(place, source, contact), lambda: resolve.uninstall(place, source)):
        with pytest.raises(HostFolderUnusable, match="is a link to"):
            attempt()
    assert everything(source) == before


def test_a_folder_that_cannot_be_written_is_named(place: Place, source: Path, contact: Contact) -> None:
    place.own.write_text("a file where the folder should be")
    with pytest.raises(HostFolderUnusable, match=r"Footfall.*cannot be (changed|read)"):
        resolve.install(place, source, contact)


# ---- the check afterwards


def states(findings: list[Any]) -> dict[str, State]:
    return {finding.name: finding.state for finding in findings}


def this_python() -> Python:
    return resolve_python.own_eyes().own


@pytest.mark.parametrize("link", [False, True])
def test_a_whole_installation_is_found_good(place: Place, contact: Contact, link: bool) -> None:
    resolve.install(place, SCRIPTS, contact, link)
    found = check.check_resolve(place, SCRIPTS, contact, link, this_python())
    assert states(found) == dict.fromkeys(("scripts", "contact", "engine", "spool"), State.GOOD), found
    assert not list(place.own.rglob("*.pyc")), "a look leaves nothing"


def _break_module(place: Place) -> None:
    (place.own / "footfall_resolve" / "flow.py").write_text("another")


def _break_entry(place: Place) -> None:
    (place.menu / GENERATE).unlink()


def _break_contact(place: Place) -> None:
    place.config.write_text("[]")


@pytest.mark.parametrize(
    ("broken", "name"), [(_break_module, "scripts"), (_break_entry, "scripts"), (_break_contact, "contact")]
)
def test_what_is_broken_is_found(
    place: Place, source: Path, contact: Contact, broken: Callable[[Place], None], name: str
) -> None:
    resolve.install(place, source, contact)
    broken(place)
    found = states(check.check_resolve(place, source, contact, False, None))
    assert [each for each, state in found.items() if state is State.BROKEN] == [name]


def test_modules_that_resolves_python_cannot_load_are_told_with_its_words(
    place: Place, source: Path, contact: Contact
) -> None:
    (source / "footfall_resolve" / "flow.py").write_text("import no_such_module_here\n")
    resolve.install(place, source, contact)
    (found,) = [f for f in check.check_resolve(place, source, contact, False, this_python()) if f.name == "scripts"]
    assert found.state is State.BROKEN and "no_such_module_here" in found.said


# ---- the Python that Resolve finds


def eyes(
    pythons: dict[Path, Python] | None = None,
    launchd: dict[str, str] | None = None,
    registered: dict[tuple[int, int], Path] | None = None,
    in_path: Path | None = None,
    own: Python | None = None,
) -> Eyes:
    known = pythons or {}
    own = own or Python(Path("/opt/uv/bin/python3.12"), (3, 12), Path("/opt/uv"))
    return Eyes(own, known.get, lambda name: (launchd or {}).get(name, ""), lambda: registered or {}, lambda: in_path)


def a_python(prefix: Path, version: tuple[int, int] = (3, 12), library: bool = True) -> Python:
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python3").touch()
    (prefix / "lib").mkdir()
    if library:
        (prefix / "lib" / f"libpython{version[0]}.{version[1]}.dylib").touch()
    return Python(prefix / "bin" / "python3", version, prefix)


def test_on_a_mac_the_usual_python_or_the_one_of_the_variable_is_taken(tmp_path: Path) -> None:
    machine = a_machine(tmp_path, "Darwin")
    usual, chosen = tmp_path / "root/usr/local/bin/python3", a_python(tmp_path / "uv")
    framework = replace(a_python(tmp_path / "framework"), program=usual)
    python, found = find(machine, eyes({usual: framework}))
    assert (python, found.state) == (framework, State.GOOD)
    python, found = find(machine, eyes({chosen.program: chosen, usual: framework}, {"PYTHON3HOME": str(chosen.prefix)}))
    assert (python, found.state) == (chosen, State.GOOD)


def test_on_a_mac_without_one_the_command_that_makes_one_is_told(tmp_path: Path) -> None:
    own = replace(a_python(tmp_path / "brew"), program=Path("/opt/homebrew/bin/python3.12"))
    python, found = find(a_machine(tmp_path, "Darwin"), eyes(own=own))
    usual = tmp_path / "root/usr/local/bin/python3"
    assert python is None and found.state is State.BROKEN
    assert f"sudo ln -sf '/opt/homebrew/bin/python3.12' {usual}" in found.said


def test_on_a_mac_a_python_that_cannot_be_loaded_is_not_offered(tmp_path: Path) -> None:
    own = a_python(tmp_path / "static", library=False)
    assert "https://www.python.org" in find(a_machine(tmp_path, "Darwin"), eyes(own=own))[1].said


@pytest.mark.parametrize(
    ("version", "library", "why"), [((3, 7), True, "is too old"), ((3, 12), False, r"has no .*libpython3\.12\.dylib")]
)
def test_on_a_mac_a_variable_that_leads_to_no_fit_python_is_mended(tmp_path: Path, version, library, why) -> None:
    unfit, own = a_python(tmp_path / "unfit", version, library), a_python(tmp_path / "own")
    machine, looks = a_machine(tmp_path, "Darwin"), {"PYTHON3HOME": str(unfit.prefix)}
    python, found = find(machine, eyes({unfit.program: unfit}, looks, own=own))
    assert python is None and found.state is State.BROKEN
    assert re.search(why, found.said) and f"launchctl setenv PYTHON3HOME '{own.prefix}'" in found.said


def test_on_windows_the_highest_registered_python_is_taken_unless_a_variable_says_otherwise(tmp_path: Path) -> None:
    old, new = tmp_path / "310", tmp_path / "312"
    known = {folder / "python.exe": Python(folder / "python.exe", version, folder)
             for folder, version in ((old, (3, 10)), (new, (3, 12)))}  # fmt: skip
    looks = eyes(known, registered={(3, 10): old, (3, 12): new})
    machine = a_machine(tmp_path, "Windows")
    python, found = find(machine, looks)
    assert python is known[new / "python.exe"] and found.state is State.GOOD
    chosen = replace(machine, environment={**machine.environment, "FUSION_PYTHON3_HOME": str(old)})
    assert find(chosen, looks)[0] is known[old / "python.exe"]


def test_on_windows_none_and_one_that_is_known_to_crash_are_told_with_the_command(tmp_path: Path) -> None:
    machine = a_machine(tmp_path, "Windows")
    python, found = find(machine, eyes())
    assert (python, found.state) == (None, State.WARNING) and "winget install" in found.said
    newest = Python(tmp_path / "python.exe", (3, 14), tmp_path)
    python, found = find(machine, eyes({newest.program: newest}, registered={(3, 14): tmp_path}))
    assert (python, found.state) == (newest, State.WARNING) and "setx FUSION_PYTHON3_HOME" in found.said


@pytest.mark.parametrize(("version", "state"), [((3, 8), State.GOOD), ((3, 7), State.WARNING), (None, State.WARNING)])
def test_on_linux_python3_of_the_path_is_taken(tmp_path: Path, version: tuple[int, int] | None, state: State) -> None:
    program = tmp_path / "python3"
    known = {program: Python(program, version, tmp_path)} if version else {}
    python, found = find(a_machine(tmp_path, "Linux"), eyes(known, in_path=program if version else None))
    assert found.state is state and (python is not None) == (state is State.GOOD)


def test_a_python_is_asked_for_its_version_and_prefix() -> None:
    asked = resolve_python.ask(Path(sys.executable))
    assert asked == Python(Path(sys.executable), sys.version_info[:2], Path(sys.base_prefix))
    assert resolve_python.ask(Path("/no/such/python")) is None


# ---- the command


@pytest.fixture
def machine(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command's own machine is made up; where its scripts belong."""
    user = tmp_path / "user"
    (user / ".local/share/DaVinciResolve").mkdir(parents=True)
    monkeypatch.setattr(install, "this_machine", lambda: a_machine(user, "Linux"))
    return user / SYSTEMS["Linux"]


def footfall(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_command_installs_checks_and_says_what_to_click(machine: Path) -> None:
    result = footfall("install", "resolve")
    assert result.exit_code == 0, result.output
    assert "Workspace > Scripts > Footfall Generate" in result.stdout and "free edition" in result.stdout
    assert (machine / "Utility" / GENERATE).exists()
    result = footfall("uninstall", "resolve")
    assert result.exit_code == 0 and "removed" in result.stdout
    assert everything(machine.parent) == {}


def test_the_command_answers_in_json(machine: Path) -> None:
    told = json.loads(footfall("install", "resolve", "--json").stdout)
    assert told["good"] is True and "Footfall Generate" in told["actions"]
    assert told["scripts"] == str(machine) and all(Path(file).is_file() for file in told["installed"])
    assert {check["name"] for check in told["checks"]} == {"python", "scripts", "contact", "engine", "spool"}
    removed = json.loads(footfall("uninstall", "resolve", "--json").stdout)["removed"]
    assert set(told["installed"]) < set(removed)


def test_for_all_users_the_command_says_whose_engine_it_is(machine: Path, home: Path) -> None:
    shared = machine.parents[4] / SHARED["Linux"]
    told = json.loads(footfall("install", "resolve", "--all-users", "--json").stdout)
    assert told["scripts"] == str(shared)
    assert any(str(home) in check["said"] for check in told["checks"] if check["name"] == "all users")
    assert footfall("uninstall", "resolve", "--all-users").exit_code == 0
    assert everything(shared.parent) == {}


def test_a_named_folder_is_the_only_one(machine: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "Scripts").mkdir(parents=True)
    assert footfall("install", "resolve", "--scripts-folder", tmp_path / "elsewhere" / "Scripts").exit_code == 0
    assert (tmp_path / "elsewhere" / "Footfall" / "footfall.json").exists()
    assert not machine.exists()


def test_no_resolve_is_an_error_before_anything_is_written(machine: Path) -> None:
    (machine.parents[1]).rmdir()
    result = footfall("install", "resolve", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "host_not_found"
    assert not machine.exists()
