"""Every Lua file for REAPER as such: it parses, leaks nothing, and touches only what is its own."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.lua.plain import LIB, VERSIONS, Plain, real_lua

FILES = sorted(LIB.parent.rglob("*.lua"))
HOST_FILES = {"project.lua", "window.lua"}  # these know `reaper` and `gfx`
PLAIN_FILES = [file for file in FILES if file.parent == LIB and file.name not in HOST_FILES]
HOST_NAMES = {"project.lua": {"reaper"}, "window.lua": {"gfx"}, "files.lua": {"io", "os"}}
LANGUAGE = {
    "assert", "error", "getmetatable", "ipairs", "math", "next", "package", "pairs", "pcall", "rawequal", "rawget",
    "rawlen", "rawset", "require", "select", "setmetatable", "string", "table", "tonumber", "tostring", "type", "utf8",
    "xpcall", "debug", "coroutine", "_VERSION",
}  # fmt: skip
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
each_version = pytest.mark.parametrize("version", VERSIONS)


@each_file
@each_version
def test_every_file_parses(version: str, file: Path) -> None:
    program = real_lua(version)
    parsed = subprocess.run([program, "-e", f"assert(loadfile([[{file}]], 't'))"], capture_output=True, text=True)
    assert parsed.returncode == 0, parsed.stderr


@each_file
def test_no_global_is_written_and_only_its_own_are_read(file: Path) -> None:
    compiler = shutil.which("luac5.4")
    if compiler is None:
        pytest.skip("luac5.4 is not installed")
    listing = subprocess.run([compiler, "-l", "-l", "-p", str(file)], capture_output=True, text=True, check=True).stdout
    written = set(re.findall(r'SETTABUP.*; _ENV "(\w+)"', listing))
    read = set(re.findall(r'GETTABUP.*; _ENV "(\w+)"', listing))
    assert written == set()
    assert read <= LANGUAGE | HOST_NAMES.get(file.name, set())


@pytest.mark.parametrize("file", PLAIN_FILES, ids=lambda file: file.name)
@each_version
def test_it_loads_without_a_host_and_leaves_no_global_behind(version: str, file: Path) -> None:
    lua = Plain(version)
    before = set(lua.runtime.globals().keys())
    assert lua.run(f'return type(require("{file.stem}"))') == "table"
    assert set(lua.runtime.globals().keys()) == before


@each_file
def test_it_starts_no_process(file: Path) -> None:
    assert not re.search(r"os\.execute|io\.popen|os\.exit|loadlib", file.read_text(encoding="utf-8"))
