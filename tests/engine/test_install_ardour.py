"""`footfall install ardour`: the scripts where Ardour finds them, and everything as it was afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from footfall_bridge.errors import HostFolderUnusable, HostNotFound
from footfall_bridge.messages import PROTOCOL
from footfall_engine.cli.app import app
from footfall_engine.hosts import ardour
from footfall_engine.hosts.reaper import Contact, Machine
from typer.testing import CliRunner

CONTACT = Contact("0.1.0", PROTOCOL, Path("/spool"), ("/python", "serve"), log=Path("/log"), token="secret")


def everything(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration folder in which the user has scripts of their own."""
    folder = tmp_path / ".config" / "ardour7"
    (folder / "scripts").mkdir(parents=True)
    (folder / "scripts" / "mine.lua").write_text("-- mine")
    (folder / "config").write_text("<Ardour/>")
    return folder


@pytest.mark.parametrize(
    ("system", "below"),
    [
        ("Linux", ".config/ardour8"),
        ("Darwin", "Library/Preferences/Ardour8"),
        ("Windows", "AppData/Local/Ardour8"),
    ],
)
def test_every_version_from_7_on_is_found_where_its_system_has_it(tmp_path, system, below):
    newer = tmp_path / below
    names = [newer.name.replace("8", version) for version in ("6", "7", "8", "8-backup")]
    for name in names:
        (newer.parent / name).mkdir(parents=True)
    found = ardour.config_folders(Machine(system, tmp_path))
    assert found == [newer.parent / names[1], newer]


def test_no_ardour_is_said_with_the_place_looked_at(tmp_path):
    with pytest.raises(HostNotFound, match=str(tmp_path / ".config")):
        ardour.config_folders(Machine("Linux", tmp_path))


def test_the_scripts_find_their_modules_and_the_engine(config):
    ardour.install(config, CONTACT)
    assert {file.name for file in (config / "scripts").glob("footfall_*")} == {
        "footfall_generate.lua", "footfall_repeat.lua", "footfall_place.lua", "footfall_watch.lua",
    }  # fmt: skip
    modules = {file.stem for file in (config / "footfall" / "lib").glob("*.lua")}
    wanted = {
        line.split('"')[1]
        for file in (config / "footfall" / "lib").glob("*.lua")
        for line in file.read_text().splitlines()
        if "= require(" in line
    }
    assert wanted <= modules and "door" in modules
    told = json.loads((config / "footfall" / "footfall.json").read_text())
    assert (told["spool"], told["command"], told["protocol"]) == ("/spool", list(CONTACT.command), PROTOCOL)
    assert (config / "footfall" / "footfall.json").stat().st_mode & 0o77 == 0


def test_an_installation_and_its_removal_leave_everything_as_it_was(config):
    before = everything(config)
    installed = ardour.install(config, CONTACT)
    assert set(everything(config)) - set(before) == {str(file.relative_to(config)) for file in installed}
    assert sorted(ardour.uninstall(config)) == sorted(installed)
    assert everything(config) == before and not (config / "footfall").exists()


def test_a_second_installation_leaves_no_file_of_an_older_version(config):
    ardour.install(config, CONTACT)
    older = config / "footfall" / "lib" / "older.lua"
    older.write_text("--")
    once = ardour.install(config, CONTACT)
    assert not older.exists() and all(file.is_file() for file in once)


def test_a_folder_that_cannot_be_written_is_named(config):
    (config / "footfall").write_text("in the way")
    with pytest.raises(HostFolderUnusable, match="footfall"):
        ardour.install(config, CONTACT)


def test_the_command_installs_into_a_named_folder_and_takes_it_back(config, home):
    runner = CliRunner()
    done = runner.invoke(app, ["install", "ardour", "--config-path", str(config), "--json"])
    assert done.exit_code == 0, done.output
    (folder,) = json.loads(done.stdout)["folders"]
    assert all(Path(file).is_file() for file in folder["installed"])
    done = runner.invoke(app, ["uninstall", "ardour", "--config-path", str(config)])
    assert done.exit_code == 0 and not list((config / "scripts").glob("footfall_*"))
