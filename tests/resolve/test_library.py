"""How Resolve's scripts are built: what they may import, who may call Resolve, how long they are."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.fakes.resolve.strict import load_api
from tests.resolve.lib import SCRIPTS

CALL_RESOLVE = {"resolve.py", "smoke.py"}
FILES = sorted(SCRIPTS.rglob("*.py"))


def nodes_of(file: Path, kind: type) -> list:
    tree = ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 8))
    return [node for node in ast.walk(tree) if isinstance(node, kind)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_scripts_import_the_standard_library_and_each_other(file: Path):
    names = {alias.name for node in nodes_of(file, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes_of(file, ast.ImportFrom) if node.level == 0}
    roots = {name.split(".")[0] for name in names}
    assert roots <= sys.stdlib_module_names | {"footfall_resolve", "DaVinciResolveScript"}


@pytest.mark.parametrize("file", [file for file in FILES if file.name not in CALL_RESOLVE], ids=lambda file: file.name)
def test_only_one_module_calls_resolve(file: Path):
    calls = {method for methods in load_api()["classes"].values() for method in methods}
    assert {node.attr for node in nodes_of(file, ast.Attribute)} & calls == set()


def test_a_script_of_the_menu_is_a_screen_long():
    scripts = sorted(SCRIPTS.glob("*.py"))
    assert len(scripts) == 11
    assert all(len(script.read_text(encoding="utf-8").splitlines()) <= 40 for script in scripts)
