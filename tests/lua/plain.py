"""Footfall's Lua without a host: a library file in lupa's Lua 5.3 or 5.4, where nobody is called ``reaper``."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import lupa.lua53
import lupa.lua54
import pytest

LIB = Path(__file__).parents[2] / "reaper_scripts" / "lib"
LUPAS = {"5.3": lupa.lua53, "5.4": lupa.lua54}  # what REAPER 6 and 7 run
VERSIONS = tuple(LUPAS)
LuaErrors = tuple(lua.LuaError for lua in LUPAS.values())

_USE_JSON = """
local json = require("json")
local function from_json(text)
  if text ~= "" then return (json.decode(text)) end
end
"""


class Plain:
    """One Lua state with the library on its path. Texts are bytes when ``encoding`` is None."""

    def __init__(self, version: str = "5.4", encoding: str | None = "utf-8") -> None:
        runtime = LUPAS[version].LuaRuntime
        self.runtime = runtime(encoding=encoding, unpack_returned_tuples=True, register_eval=False)
        path = f"{LIB.as_posix()}/?.lua"
        self.runtime.execute(f'python = nil; package.path, package.cpath = "{path}", ""'.encode())

    def load(self, name: str) -> Any:
        """A library file's table."""
        return self.run(f'return (require("{name}"))')  # Lua 5.4 returns where it was found as well

    def run(self, code: str, *values: Any) -> Any:
        """What a piece of Lua returns; ``...`` are the values."""
        return self.runtime.execute(code.encode(), *values)

    def call(self, code: str, *values: Any) -> Any:
        """The same with plain values: ``code`` is a function of them, and each result is a plain value, too.

        Arguments and results cross as JSON, by the library's own codec, which has its own tests against Python's.
        """
        texts = [json.dumps(value) if value is not None else "" for value in values]
        names = ", ".join(f"a{n}" for n in range(len(texts)))
        decoded = ", ".join(f"from_json(a{n})" for n in range(len(texts)))
        answer = self.run(
            f"{_USE_JSON} local {names or '_'} = ...\n"
            f"local results = table.pack(({code})({decoded}))\n"
            "for n = 1, results.n do if results[n] == nil then results[n] = json.null end end\n"
            "results.n = nil; return json.encode(json.array(results))",
            *texts,
        )
        results = json.loads(answer)
        return results[0] if len(results) == 1 else tuple(results)


def real_lua(version: str, *, socket: bool = False) -> str:
    """The system's own interpreter; skips, with the reason, where it or its LuaSocket is missing."""
    program = shutil.which(f"lua{version}")
    if program is None:
        pytest.skip(f"lua{version} is not installed")
    if socket and subprocess.run([program, "-e", 'require("socket")'], capture_output=True).returncode:
        pytest.skip(f"LuaSocket for Lua {version} is not installed (Debian: lua-socket)")
    return program
