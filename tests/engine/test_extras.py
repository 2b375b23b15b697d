"""The command that a missing extra is met with works where it is said, whatever made the environment."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from footfall_engine import extras

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("python", "has_pip", "begins"),
    [
        ("/opt/footfall/.venv/bin/python", True, "/opt/footfall/.venv/bin/python -m pip install "),
        (r"C:\Ann Other\.venv\python.exe", True, r'"C:\Ann Other\.venv\python.exe" -m pip install '),
        ("/opt/footfall/.venv/bin/python", False, "uv pip install "),
    ],
)
def test_it_is_of_the_pip_that_serves_this_python(
    monkeypatch: pytest.MonkeyPatch, python: str, has_pip: bool, begins: str
) -> None:
    monkeypatch.setattr(extras.sys, "executable", python)
    monkeypatch.setattr(extras, "_has_pip", lambda: has_pip)
    said = extras.how_to_install("neural")
    assert f': {begins}-c constraints.txt -e ".[neural]"' in said


def test_every_extra_that_is_spoken_of_is_one() -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    sources = (path.read_text("utf-8") for path in (ROOT / "engine").rglob("*.py"))
    spoken = {name for source in sources for name in re.findall(r"how_to_install\(['\"](\w+)", source)}
    assert {"neural", "export", "evaluate"} <= spoken <= set(known)
    assert (ROOT / "constraints.txt").is_file()
