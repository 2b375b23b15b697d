from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
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


def test_every_key_of_every_answer_is_named(readme: str, filler: ModuleType) -> None:
    from footfall_bridge.messages import EVENTS

    rows = dict(re.findall(r"^\| `([a-z.]+)` \| (.*?) \|", filler.events(), re.MULTILINE))
    for cls in EVENTS:
        keys = set(cls.model_fields) - {"type"}
        assert keys <= set(re.findall(r"`(\w+)`", rows[cls.model_fields["type"].default])), cls


def test_every_key_of_every_request_is_named(readme: str) -> None:
    from footfall_bridge.messages import REQUESTS, Controls, Generate, Regenerate

    rows = dict(re.findall(r"^\| `([a-z]+)` \| (.*?) \|", readme.split("| request |")[1], re.MULTILINE))
    for cls in REQUESTS:
        inherited = set(Controls.model_fields) | set(Generate.model_fields) if cls is Regenerate else set()
        named = re.findall(r"`(\w+)`", rows[cls.model_fields["type"].default])
        keys = {field.alias or name for name, field in cls.model_fields.items() if name not in inherited}
        assert keys - {"type"} <= set(named), cls


def test_its_model_makes_sound_as_a_package_of_its_own(readme: str, tmp_path: Path) -> None:
    from footfall_engine import contacts

    about = readme.split("## Adding a model")[1]
    (tmp_path / "my_package.py").write_text(re.findall(r"```python\n(.*?)```", about, re.DOTALL)[0], "utf-8")
    (group, name, row) = re.findall(r'entry-points\."([\w.]+)"\]\n(\w+) = "([\w:]+)"', about)[0]
    facts = tmp_path / "my_package-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: my_package\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[{group}]\n{name} = {row}\n")
    contacts.render_clip(tmp_path / "a.mp4", contacts.Scene(duration=1.0, width=160, height=90))
    words = ["generate", tmp_path / "a.mp4", "--model", name, "--out", tmp_path / "stems", "--here", "--json"]
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    env = {**os.environ, "PYTHONPATH": path, "FOOTFALL_HOME": str(tmp_path / "home")}
    made = subprocess.run([sys.executable, "-m", "footfall_engine", *words], env=env, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    (stem,) = json.loads(made.stdout)["stems"]
    assert stem["samples"] == 48_000


def test_what_it_links_to_is_there(readme: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", readme):
        assert (ROOT / target).exists(), target
