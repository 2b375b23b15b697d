from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from footfall_engine.cli.app import app
from footfall_engine.config import CHECKS
from typer.testing import CliRunner

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def filler() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fill_readme", ROOT / "docs" / "fill_readme.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_say_what_the_code_says(readme: str, filler: ModuleType) -> None:
    assert filler.filled(readme) == readme, "run `make readme`"


def test_every_error_has_its_row(readme: str, filler: ModuleType) -> None:
    from footfall_bridge.errors import BadRequest, EngineFault, all_errors

    table = filler.error_codes()
    for error in all_errors():
        if error not in (BadRequest, EngineFault):
            assert f"`{error.code}`" in table


def test_every_setting_and_every_command_is_named(readme: str) -> None:
    commands = re.findall(r"^│ (\w+) ", CliRunner().invoke(app, ["--help"]).output, re.MULTILINE)
    assert len(commands) >= 14
    for name in (*CHECKS, *commands):
        assert f"`{name}" in readme, name


def test_what_it_links_to_is_there(readme: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", readme):
        assert (ROOT / target).exists(), target
