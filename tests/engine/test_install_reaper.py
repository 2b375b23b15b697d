"""Putting the actions into REAPER and taking them out again, in made-up homes of three systems."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import venv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from footfall_bridge.errors import HostFolderUnusable, HostNotFound
from footfall_engine.cli import install
from footfall_engine.cli.app import app
from footfall_engine.config import Settings
from footfall_engine.doctor import State
from footfall_engine.hosts import check, reaper, running, scripts
from footfall_engine.hosts.reaper import Contact, Machine, Resource, command_id
from hypothesis import given
from hypothesis import strategies as st
from lupa import lua54
from typer.testing import CliRunner

from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
GENERATE, STATUS = "Footfall - Generate for selection.lua", "Footfall - Status.lua"
LYRICS = b'SCR 4 0 RS1ee9bb229dabffe151848d7efa3c10f748e1a1cf "Custom: lyrics.lua" Cockos/lyrics.lua\n'
KEYS = b"KEY 1 32 40044 0\t\t # Main : Space : OVERRIDE DEFAULT : Transport: Play/stop\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_source(tmp_path / "source", [GENERATE, STATUS, "lib/json.lua", "lib/deep/er.lua"])


@pytest.fixture
def resource(tmp_path: Path) -> Resource:
    return make_resource(tmp_path / "my réaper 🎬" / "REAPER")


@pytest.fixture
def contact(tmp_path: Path) -> Contact:
    return Contact(
        "0.1.0", 1, tmp_path / "spool", (sys.executable, "-m", "footfall_engine", "serve"), tmp_path / "engine.log"
    )


def make_source(folder: Path, names: list[str], text: str = "-- @version 0.1.0\nlocal a = 1\n") -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"-- {name}\n{text}", encoding="utf-8")
    return folder


def make_resource(folder: Path) -> Resource:
    folder.mkdir(parents=True)
    (folder / "reaper.ini").write_text("[REAPER]\n")
    return Resource(folder)


def install_it(resource: Resource, source: Path, contact: Contact, **options: bool) -> reaper.Plan:
    plan = reaper.plan_install(resource, source, contact, **options)
    reaper.carry_out(plan)
    return plan


def uninstall_it(resource: Resource, source: Path) -> reaper.Plan:
    plan = reaper.plan_uninstall(resource, source)
    reaper.carry_out(plan)
    return plan


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---- finding REAPER


@pytest.mark.parametrize(
    ("system", "environment", "place"),
    [
        ("Windows", {}, "AppData/Roaming/REAPER"),
        ("Darwin", {}, "Library/Application Support/REAPER"),
        ("Linux", {}, ".config/REAPER"),
    ],
)
def test_the_resource_folder_is_where_each_system_has_it(
    tmp_path: Path, system: str, environment: dict[str, str], place: str
) -> None:
    make_resource(tmp_path / place)
    assert reaper.resources(Machine(system, tmp_path, environment)) == [Resource(tmp_path / place)]


def test_windows_tells_its_folder_itself(tmp_path: Path) -> None:
    make_resource(tmp_path / "roaming" / "REAPER")
    machine = Machine("Windows", tmp_path, {"APPDATA": str(tmp_path / "roaming")})
    assert [found.folder for found in reaper.resources(machine)] == [tmp_path / "roaming" / "REAPER"]


@pytest.mark.parametrize(
    ("system", "environment", "place"),
    [
        ("Windows", {"ProgramFiles": "{home}/Program Files"}, "Program Files/REAPER (x64)"),
        ("Darwin", {}, "Applications"),
        ("Linux", {}, "opt/REAPER"),
    ],
)
def test_a_portable_one_is_found_beside_its_program_and_all_are_listed(
    tmp_path: Path, system: str, environment: dict[str, str], place: str
) -> None:
    environment = {key: value.format(home=tmp_path) for key, value in environment.items()}
    machine = Machine(system, tmp_path, environment, (tmp_path / "usb stick",))
    for folder in (tmp_path / place, reaper.default_folder(machine), tmp_path / "usb stick"):
        make_resource(folder)
    found = [resource.folder for resource in reaper.resources(machine)]
    assert found[0] == reaper.default_folder(machine)
    assert set(found) == {tmp_path / place, reaper.default_folder(machine), tmp_path / "usb stick"}


def test_no_reaper_says_where_was_looked(tmp_path: Path) -> None:
    (tmp_path / ".config" / "REAPER").mkdir(parents=True)  # without reaper.ini it may be anything
    with pytest.raises(HostNotFound, match=r"\.config/REAPER.*--resource-path"):
        reaper.resources(Machine("Linux", tmp_path))


def test_a_named_folder_must_be_reapers(tmp_path: Path) -> None:
    with pytest.raises(HostNotFound, match=r"no reaper\.ini in it"):
        reaper.resources(Machine("Linux", tmp_path), tmp_path)
    (tmp_path / "reaper.ini").touch()
    assert reaper.resources(Machine("Linux", tmp_path), tmp_path) == [Resource(tmp_path)]


# ---- the action list


@pytest.mark.parametrize(
    ("path", "id"),
    [
        ("Cockos/lyrics.lua", "RS1ee9bb229dabffe151848d7efa3c10f748e1a1cf"),
        ("MPL Scripts/FX/mpl_LearnEditor.lua", "RSce28e3180c569205043e98df0de08668bf1119b8"),
        (
            "ReaTeam Scripts/FX/Lokasenna_Toggle FX bypass by track and slot.lua",
            "RSbb3027511e78e472746defd6b1f1f9c6b0b49cb8",
        ),
    ],
)
def test_ids_are_those_of_published_action_lists(monkeypatch: pytest.MonkeyPatch, path: str, id: str) -> None:
    folder, _, name = path.partition("/")
    monkeypatch.setattr(reaper, "FOLDER", folder)
    assert command_id(name) == id


def test_an_action_has_one_line_as_reaper_writes_it() -> None:
    assert reaper.action_line(STATUS).decode() == (
        f'SCR 4 0 {command_id(STATUS)} "Custom: Footfall - Status.lua" "Footfall/Footfall - Status.lua"'
    )


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                LYRICS.rstrip(),
                KEYS.rstrip(),
                b'ACT 3 0 "b1d985652a8b4a9ea9f2a79d94215940" "Custom: Rob: View" 41280',
                b"KEY 9 65 _RS1ee9bb229dabffe151848d7efa3c10f748e1a1cf 0",
                "SCR 4 0 RSemoji \"Custom: 🎬 x.lua\" '🎬 x.lua'".encode(),
                b"SCR",
                b"",
            ]
        ),
        st.binary(max_size=40).filter(lambda line: b"\n" not in line and not line.endswith(b"\r")),
    )
)


@st.composite
def action_lists(draw: st.DrawFn) -> bytes:
    newline = draw(st.sampled_from([b"\n", b"\r\n"]))
    ends = draw(st.sampled_from([b"", newline]))
    mark = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    return mark + newline.join(draw(LINES)) + ends


@given(action_lists())
def test_every_other_byte_of_the_action_list_stays(before: bytes) -> None:
    names = [GENERATE, STATUS]
    ids = [command_id(name) for name in names]
    after = reaper.with_actions(before, names, b"\n")
    assert set(ids) <= set(reaper.registered_ids(after))
    assert reaper.with_actions(after, names, b"\n") == after
    assert after.endswith(before.removeprefix(b"\xef\xbb\xbf"))
    assert reaper.without_actions(after, ids) == before
    assert reaper.without_actions(before, ids) == before


@given(action_lists())
def test_every_other_byte_of_the_startup_script_stays(before: bytes) -> None:
    after = reaper.with_startup(before, b"\n")
    assert command_id(reaper.STARTUP_ACTION).encode() in after
    assert reaper.with_startup(after, b"\n") == after
    assert reaper.without_startup(after) == before


def test_a_first_line_that_lua_skips_stays_first() -> None:
    before = b"#!/usr/bin/lua\r\nprint(1)"
    after = reaper.with_startup(before, b"\n")
    assert after.startswith(b"#!/usr/bin/lua\r\n-- [Footfall]")
    assert b"\r\n" in after.replace(before, b"")
    assert reaper.without_startup(after) == before


@pytest.mark.parametrize(
    "users", [b"", b"\xef\xbb\xbfusers = true\r\n", b"#!lua\nusers = true", b"users = true -- \xff"]
)
@pytest.mark.parametrize("command", [0, 53_001])
def test_the_startup_script_runs_our_action_where_reaper_knows_it(tmp_path: Path, users: bytes, command: int) -> None:
    file = tmp_path / "__startup.lua"
    file.write_bytes(reaper.with_startup(users, b"\n"))
    state = lua54.LuaRuntime(encoding=None)
    looked_up, ran = [], []
    state.globals()[b"look_up"] = lambda name: looked_up.append(name) or command
    state.globals()[b"run"] = lambda *arguments: ran.append(arguments)
    state.execute(b"reaper = {NamedCommandLookup = look_up, Main_OnCommand = run, SetExtState = function() end}")
    state.eval(b"dofile")(os.fsencode(file))
    assert looked_up == [b"_" + command_id(reaper.STARTUP_ACTION).encode()]
    assert ran == ([(command, 0)] if command else [])
    assert bool(state.globals()[b"users"]) == bool(users)


def test_lines_end_as_the_others_do() -> None:
    after = reaper.with_actions(KEYS.replace(b"\n", b"\r\n"), [STATUS], b"\n")
    assert after.count(b"\r\n") == after.count(b"\n") == 2
    assert reaper.with_actions(b"", [STATUS], b"\r\n").endswith(b"\r\n")


def test_a_line_the_user_has_changed_is_kept() -> None:
    theirs = reaper.action_line(STATUS).replace(b"SCR 4", b"SCR 260") + b"\n"
    assert reaper.with_actions(theirs, [STATUS], b"\n") == theirs


# ---- installing and uninstalling


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("action_list", [None, LYRICS + KEYS, (LYRICS + KEYS).replace(b"\n", b"\r\n").rstrip()])
def test_uninstalling_undoes_exactly_what_installing_did(
    resource: Resource, source: Path, contact: Contact, link: bool, action_list: bytes | None
) -> None:
    resource.scripts.mkdir(parents=True)
    (resource.scripts / "my own.lua").write_text("-- mine")
    resource.startup.write_bytes(b"-- mine, too")
    if action_list is not None:
        resource.action_list.write_bytes(action_list)
    before = snapshot(resource.folder)
    install_it(resource, source, contact, link=link, at_startup=True)
    assert snapshot(resource.folder) != before
    for name in (GENERATE, "lib/deep/er.lua"):
        assert (resource.scripts / name).read_bytes() == (source / name).read_bytes()
        assert (resource.scripts / name).is_symlink() == link
    uninstall_it(resource, source)
    assert snapshot(resource.folder) == before
    assert not (resource.scripts / "lib").exists()
    assert len(snapshot(source)) == 4


def test_installing_twice_changes_nothing(resource: Resource, source: Path, contact: Contact) -> None:
    install_it(resource, source, contact, at_startup=True)
    once = snapshot(resource.folder)
    times = {path: path.stat().st_mtime_ns for path in resource.folder.rglob("*") if path.is_file()}
    install_it(resource, source, contact)
    assert snapshot(resource.folder) == once, "the start-up block stays, too"
    assert {path: path.stat().st_mtime_ns for path in resource.folder.rglob("*") if path.is_file()} == times


def test_footfall_json_says_where_the_engine_lives(resource: Resource, source: Path, contact: Contact) -> None:
    install_it(resource, source, contact)
    told = json.loads((resource.scripts / "footfall.json").read_text(encoding="utf-8"))
    assert {key: told[key] for key in ("version", "protocol", "host", "token")} == {
        "version": "0.1.0", "protocol": 1, "host": "127.0.0.1", "token": "",
    }  # fmt: skip
    assert told["spool"] == str(contact.spool)
    assert told["command"] == [sys.executable, "-m", "footfall_engine", "serve"]
    if os.name == "posix":
        assert stat.S_IMODE((resource.scripts / "footfall.json").stat().st_mode) == 0o600, "it may hold the token"


def test_an_upgrade_takes_away_what_the_older_version_had(
    resource: Resource, source: Path, contact: Contact, tmp_path: Path
) -> None:
    old = make_source(tmp_path / "old", ["Footfall - Gone.lua", STATUS, "lib/gone/gone.lua"], "-- old\n")
    resource.action_list.write_bytes(LYRICS)
    install_it(resource, old, contact)
    (resource.scripts / "lib" / "my own.lua").write_text("-- mine")
    shortcut = f"KEY 9 70 _{command_id('Footfall - Gone.lua')} 0\t\t # Main : Ctrl+F"
    with resource.action_list.open("ab") as file:
        file.write(shortcut.encode() + b"\n")
    plan = install_it(resource, source, contact)
    assert plan.lost_shortcuts == (shortcut,)
    assert not (resource.scripts / "Footfall - Gone.lua").exists()
    assert not (resource.scripts / "lib" / "gone").exists()
    assert (resource.scripts / "lib" / "my own.lua").exists()
    assert (resource.scripts / STATUS).read_bytes() == (source / STATUS).read_bytes()
    ids = reaper.registered_ids(resource.action_list.read_bytes())
    assert sorted(ids) == sorted([command_id(GENERATE), command_id(STATUS), LYRICS.split()[3].decode()])
    assert shortcut.encode() in resource.action_list.read_bytes(), "the user's line stays; we name it"


def test_shortcuts_of_others_are_not_named(resource: Resource, source: Path, contact: Contact) -> None:
    mine = f"KEY 9 71 _{command_id(STATUS)} 0"
    resource.action_list.write_bytes(KEYS + mine.encode())
    install_it(resource, source, contact)
    assert uninstall_it(resource, source).lost_shortcuts == (mine,)
    assert resource.action_list.read_bytes() == KEYS + mine.encode()


def test_copies_become_links_and_links_copies(resource: Resource, source: Path, contact: Contact) -> None:
    before = snapshot(source)
    for link in (False, True, False):
        install_it(resource, source, contact, link=link)
        assert (resource.scripts / STATUS).is_symlink() == link
        assert snapshot(source) == before


def test_an_installation_cut_short_is_repaired_or_removed(
    resource: Resource, source: Path, contact: Contact, tmp_path: Path
) -> None:
    whole = make_resource(tmp_path / "whole")
    install_it(whole, source, contact)
    changes = reaper.plan_install(resource, source, contact).changes
    for done in range(len(changes) + 1):
        reaper.carry_out(reaper.Plan(resource, changes[:done]))
        if done % 2:
            install_it(resource, source, contact)
            assert snapshot(resource.folder) == snapshot(whole.folder), f"after {done} changes"
        uninstall_it(resource, source)
        assert list(snapshot(resource.folder)) == ["reaper.ini"], f"after {done} changes"


def test_without_its_footfall_json_an_installation_is_still_known(
    resource: Resource, source: Path, contact: Contact
) -> None:
    install_it(resource, source, contact)
    (resource.scripts / "footfall.json").write_text("{broken")
    (resource.scripts / STATUS).write_text("-- changed by the user")
    uninstall_it(resource, source)
    assert sorted(snapshot(resource.folder)) == ["Scripts/Footfall/Footfall - Status.lua", "reaper.ini"]


@pytest.mark.parametrize("name", ["../../reaper.ini", "/etc/passwd", "C:\\x.lua", "lib\\..\\..\\x", "", "a//b"])
def test_a_changed_footfall_json_leads_nowhere_else(
    resource: Resource, source: Path, contact: Contact, name: str
) -> None:
    install_it(resource, source, contact)
    config = resource.scripts / "footfall.json"
    told = json.loads(config.read_text())
    told["installed"]["files"].append(name)
    config.write_text(json.dumps(told))
    uninstall_it(resource, source)
    assert (resource.folder / "reaper.ini").exists()


def test_a_linked_folder_is_not_written_into(resource: Resource, source: Path, contact: Contact) -> None:
    (resource.folder / "Scripts").mkdir()
    resource.scripts.symlink_to(source)
    before = snapshot(source)
    for plan in (lambda: reaper.plan_install(resource, source, contact), lambda: reaper.plan_uninstall(resource)):
        with pytest.raises(HostFolderUnusable, match="is a link to"):
            plan()
    assert snapshot(source) == before


def test_a_linked_lib_is_not_emptied(resource: Resource, source: Path, contact: Contact) -> None:
    install_it(resource, source, contact)
    shutil.rmtree(resource.scripts / "lib")
    (resource.scripts / "lib").symlink_to(source / "lib")
    before = snapshot(source)
    uninstall_it(resource, source)
    assert snapshot(source) == before


def test_an_action_list_kept_elsewhere_stays_a_link(
    resource: Resource, source: Path, contact: Contact, tmp_path: Path
) -> None:
    (tmp_path / "dotfiles.ini").write_bytes(KEYS)
    resource.action_list.symlink_to(tmp_path / "dotfiles.ini")
    install_it(resource, source, contact)
    assert resource.action_list.is_symlink()
    assert command_id(STATUS).encode() in (tmp_path / "dotfiles.ini").read_bytes()


def test_a_folder_that_cannot_be_written_is_named(resource: Resource, source: Path, contact: Contact) -> None:
    (resource.folder / "Scripts").write_text("a file where the folder should be")
    with pytest.raises(HostFolderUnusable, match=r"Scripts.*cannot be (changed|read)"):
        install_it(resource, source, contact)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(resource: Resource, source: Path, contact: Contact) -> None:
    resource.folder.chmod(0o500)
    try:
        with pytest.raises(HostFolderUnusable, match=r"cannot be changed \(Permission denied\)"):
            install_it(resource, source, contact)
    finally:
        resource.folder.chmod(0o700)


def test_reapacks_copy_is_told_of_the_engine_and_stays_the_only_one(
    resource: Resource, source: Path, contact: Contact
) -> None:
    install_it(resource, source, contact)
    shutil.copytree(source, resource.from_reapack)
    line = reaper.action_line("Footfall/" + STATUS) + b"\n"
    resource.action_list.write_bytes(line + resource.action_list.read_bytes())
    install_it(resource, source, contact)
    assert not (resource.scripts / STATUS).exists()
    assert resource.action_list.read_bytes() == line
    assert states(check.check_reaper(resource, source, contact))["contact"] is State.GOOD
    uninstall_it(resource, source)
    assert snapshot(resource.from_reapack) == snapshot(source)


# ---- the check afterwards


def states(findings: list[Any]) -> dict[str, State]:
    return {finding.name: finding.state for finding in findings}


def test_a_whole_installation_is_found_good(resource: Resource, source: Path, contact: Contact) -> None:
    install_it(resource, source, contact)
    found = check.check_reaper(resource, source, contact)
    assert states(found) == dict.fromkeys(("scripts", "actions", "contact", "engine", "spool"), State.GOOD), found


@pytest.mark.parametrize("broken", ["scripts", "actions", "contact", "engine", "spool"])
def test_what_is_broken_is_found(
    resource: Resource, source: Path, contact: Contact, broken: str, tmp_path: Path
) -> None:
    if broken == "engine":
        contact = replace(contact, command=(str(tmp_path / "no python"), "-m", "footfall_engine", "serve"))
    if broken == "spool":
        (tmp_path / "a file").touch()
        contact = replace(contact, spool=tmp_path / "a file" / "spool")
    install_it(resource, source, contact)
    if broken == "scripts":
        (resource.scripts / "lib" / "json.lua").write_text("-- another")
    if broken == "actions":
        resource.action_list.write_bytes(KEYS)
    if broken == "contact":
        (resource.scripts / "footfall.json").write_text("[]")
    found = check.check_reaper(resource, source, contact)
    assert [name for name, state in states(found).items() if state is State.BROKEN] == [broken], found


# ---- is it running?


def test_processes_are_read_as_each_system_lists_them() -> None:
    windows = running.parse_tasklist('"System","4","Services","0","1 K"\r\n"REAPER.exe","4242","Console","1","9 K"\r\n')
    mac = running.parse_ps("    1 /sbin/launchd\n  812 /Applications/REAPER.app/Contents/MacOS/REAPER\n")
    assert [process.pid for process in running.running("reaper", windows)] == [4242]
    assert [process.pid for process in running.running("reaper", mac)] == [812]
    assert running.running("reaper", []) == []


def test_this_very_process_is_among_all() -> None:
    mine = [process for process in running.all_processes() if process.pid == os.getpid()]
    assert len(mine) == 1


@pytest.mark.skipif(not Path("/proc/self/exe").exists(), reason="needs Linux, where a copied program has its own name")
def test_a_running_reaper_is_found_with_its_folder(tmp_path: Path) -> None:
    """A portable REAPER has its settings there."""
    program = tmp_path / "portable" / "reaper"
    program.parent.mkdir()
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    process = subprocess.Popen([program, "60"])
    try:
        wait_until(lambda: running.running("reaper"), "the program is not among the processes")
        found = [one for one in running.running("reaper") if one.pid == process.pid]
        assert [one.program for one in found] == [program.resolve()]
        assert program.resolve().parent in install.this_machine().program_folders
    finally:
        process.kill()
        process.wait()


# ---- the command


@pytest.fixture
def machine(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Resource:
    """The command's own machine is made up; nothing runs on it."""
    found = make_resource(tmp_path / "user" / ".config" / "REAPER")
    monkeypatch.setattr(install, "this_machine", lambda: Machine("Linux", tmp_path / "user"))
    monkeypatch.setattr(running, "all_processes", list)
    return found


def footfall(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_command_installs_checks_and_says_what_to_click(machine: Resource) -> None:
    result = footfall("install", "reaper", "--at-startup")
    assert result.exit_code == 0, result.output
    assert "Generate for selection" in result.stdout
    assert machine.startup.exists()
    assert (machine.scripts / "footfall.json").exists()
    assert footfall("uninstall", "reaper").exit_code == 0
    assert list(snapshot(machine.folder)) == ["reaper.ini"]


def test_the_command_answers_in_json(machine: Resource) -> None:
    told = json.loads(footfall("install", "reaper", "--json").stdout)
    assert told["good"] is True
    assert [facts["resource"] for facts in told["folders"]] == [str(machine.folder)]
    assert {check["state"] for check in told["folders"][0]["checks"]} == {"ok"}
    assert json.loads(footfall("uninstall", "reaper", "--json").stdout)["folders"][0]["removed"]


def test_a_running_reaper_is_refused_before_anything_changes(
    machine: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "all_processes", lambda: [running.Process(4242, "reaper")])
    for verb in ("install", "uninstall"):
        result = footfall(verb, "reaper", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["error"]["code"] == "host_running"
        assert "process 4242" in result.stderr
    assert list(snapshot(machine.folder)) == ["reaper.ini"]
    assert footfall("install", "reaper", "--force").exit_code == 0


def test_a_named_folder_is_the_only_one(machine: Resource, tmp_path: Path) -> None:
    other = make_resource(tmp_path / "portable")
    assert footfall("install", "reaper", "--resource-path", other.folder).exit_code == 0
    assert (other.scripts / "footfall.json").exists()
    assert not machine.scripts.exists()


def test_the_engine_that_reaper_starts_has_the_installers_settings(home: Path) -> None:
    command = scripts.engine_contact(Settings.load()).command
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FOOTFALL_")}
    told = subprocess.run(
        [*command[:-1], "doctor", "--json"], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert json.loads(told.stdout)["settings"]["spool_folder"]["value"] == str(home / "data" / "spool")


# ---- where the scripts come from


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for name in ("bridge", "engine", "reaper_scripts", "resolve_scripts"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    build = "import setuptools.build_meta as b, sys; b.build_wheel(sys.argv[1])"
    made = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", build, out], cwd=tree, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return next(out.glob("*.whl"))


@pytest.mark.parametrize("how", ["environment", "target"])
def test_a_wheel_carries_the_scripts(wheel: Path, tmp_path: Path, how: str) -> None:
    """Installed in an environment of its own, which borrows the dependencies of this one; or beside anything."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    options = ["--quiet", "--no-deps", "--no-index"]
    python, borrowed = Path(sys.executable), ""
    if how == "environment":
        venv.create(tmp_path / "venv", symlinks=os.name != "nt")
        python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
        subprocess.run([*pip, "--python", python, "install", *options, wheel], check=True, timeout=120)
        site = subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        )
        (Path(site.strip()) / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    else:
        borrowed = str(tmp_path / "site")
        subprocess.run([*pip, "install", *options, "--target", borrowed, wheel], check=True, timeout=120)
    ask = (
        "import sys; from footfall_engine.hosts.scripts import script_source\n"
        "for name in sys.argv[1:]: print(script_source(name))"
    )
    said = subprocess.run(
        [python, "-c", ask, "reaper_scripts", "resolve_scripts"], env={**os.environ, "PYTHONPATH": borrowed},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    in_reaper, in_resolve = map(Path, said.stdout.splitlines())
    assert in_reaper.is_relative_to(tmp_path) and in_resolve.is_relative_to(tmp_path)
    source = ROOT / "reaper_scripts"
    assert snapshot(in_reaper) == {name: (source / name).read_bytes() for name in reaper.script_names(source)}
    scripts = {name: content for name, content in snapshot(ROOT / "resolve_scripts").items() if name.endswith(".py")}
    carried = snapshot(in_resolve)
    assert {name: content for name, content in carried.items() if name.endswith(".py")} == scripts
