"""files.lua on a real file system, and on one that behaves as Windows does."""

from __future__ import annotations

import ntpath
import os
import posixpath
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lua.plain import VERSIONS, Plain

BYTES = {version: Plain(version, encoding=None) for version in VERSIONS}
each_version = pytest.mark.parametrize("version", VERSIONS)

AS_WINDOWS = r"""
package.config = "\\" .. package.config:sub(2)
local rename, open = os.rename, io.open
local function is_there(path)
  local handle = open(path, "rb")
  if handle then handle:close() end
  return handle
end
function os.rename(from, to)
  if is_there(to) or (REFUSED and REFUSED(from)) then return nil, to .. ": File exists", 17 end
  return rename(from, to)
end
"""


def write(lua: Plain, path: Path, content: bytes) -> tuple[bool | None, str]:
    answer = lua.run('return require("files").write_whole(...)', str(path).encode(), content)
    return answer if isinstance(answer, tuple) else (answer, b"")


@each_version
def test_bytes_come_back_as_they_were_written(version: str, tmp_path: Path) -> None:
    file = tmp_path / "été 😀.bin"
    for content in (bytes(range(256)) * 300, b"", b"\r\n\x1a\x00"):
        assert write(BYTES[version], file, content) == (True, b"")
        assert file.read_bytes() == content
        assert BYTES[version].run('return require("files").read(...)', str(file).encode()) == content
    assert os.listdir(tmp_path) == [file.name]


@each_version
def test_what_cannot_be_read_or_written_says_its_path(version: str, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere" / "a.json"
    for code in ("read(...)", "write_whole(..., 'x')", "remove(...)"):
        value, message = BYTES[version].run(f'return require("files").{code}', str(missing).encode())[:2]
        assert value is None
        assert str(missing) in message.decode()
    value, message = BYTES[version].run('return require("files").read(...)', str(tmp_path).encode())
    assert value is None
    assert str(tmp_path) in message.decode()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
@each_version
@pytest.mark.parametrize("size", [10, 1_000_000])  # one is noticed when the file is closed, the other before
def test_a_full_disk_is_said_and_the_old_file_stays(version: str, size: int, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"old")
    (tmp_path / "a.json.part").symlink_to("/dev/full")
    done, message = write(BYTES[version], file, b"x" * size)
    assert done is None
    assert b"No space left" in message
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="it plays Windows where there is none")
@each_version
def test_windows_renames_over_no_file_and_it_is_replaced_all_the_same(version: str, tmp_path: Path) -> None:
    lua = Plain(version, encoding=None)
    lua.run(AS_WINDOWS)
    file = tmp_path / "a.json"
    for content in (b"first", b"second", b"third"):
        assert write(lua, file, content) == (True, b"")
        assert file.read_bytes() == content
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="it plays Windows where there is none")
@each_version
def test_a_replacement_that_fails_on_windows_brings_the_old_file_back(version: str, tmp_path: Path) -> None:
    lua = Plain(version, encoding=None)
    lua.run(AS_WINDOWS + "function REFUSED(from) return from:find('%.part$') end")
    file = tmp_path / "a.json"
    file.write_bytes(b"old")
    done, message = write(lua, file, b"new")
    assert (done, b"a.json" in message) == (None, True)
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


@each_version
def test_a_file_exists_until_it_is_removed(version: str, tmp_path: Path) -> None:
    file = tmp_path / "a"
    lua = Plain(version)
    assert lua.run('return require("files").exists(...)', str(file)) is False
    file.touch()
    assert lua.run('return require("files").exists(...)', str(file)) is True
    assert lua.run('return require("files").remove(...)', str(file)) is True
    assert not file.exists()


names = st.text(st.sampled_from("ab.é "), min_size=1, max_size=4).filter(lambda name: name.strip(". "))
SYSTEMS = {"/": (Plain(), posixpath), "\\": (Plain(), ntpath)}
SYSTEMS["\\"][0].run(AS_WINDOWS)


@pytest.mark.parametrize("separator", SYSTEMS)
@given(
    root=st.sampled_from(["", "/", "C:/", "C:\\", "\\\\host\\share\\"]), parts=st.lists(names, min_size=1, max_size=4)
)
def test_paths_are_taken_apart_and_joined_as_python_does(separator: str, root: str, parts: list[str]) -> None:
    lua, python = SYSTEMS[separator]
    if separator == "/" and "\\" in root:
        return
    path = python.join(root, *parts)
    assert lua.run('return require("files").join(...)', *filter(None, [root, *parts])) == path
    assert lua.run('return require("files").basename(...)', path) == python.basename(path)
    assert lua.run('return require("files").stem(...)', path) == python.splitext(python.basename(path))[0]
    if not root.startswith("\\\\"):
        expected = python.dirname(path) if separator == "\\" or root != "C:/" else None
        assert expected is None or lua.run('return require("files").dirname(...)', path) == expected


def test_windows_takes_both_separators() -> None:
    lua = SYSTEMS["\\"][0]
    assert lua.run(r'return require("files").basename("C:\\a/b.wav")') == "b.wav"
    assert lua.run(r'return require("files").dirname("C:/a\\b.wav")') == "C:/a"
    assert lua.run(r'return require("files").join("C:/a/", "b")') == "C:/a/b"


def test_a_backslash_is_part_of_a_name_elsewhere() -> None:
    assert SYSTEMS["/"][0].run(r'return require("files").basename("/a\\b")') == r"a\b"
