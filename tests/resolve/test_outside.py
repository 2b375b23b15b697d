"""A script that is not run from the menu: only Studio answers it, through a module of Resolve's own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.resolve.studio import RUNNER, Studio, plain_python


def run_outside(studio: Studio, script: str, api: Path | None) -> str:
    studio.save()
    environment = {"HOME": str(studio.home), **({"RESOLVE_SCRIPT_API": str(api)} if api else {})}
    command = [plain_python(), "-s", str(studio.place.menu / f"Footfall {script}.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    studio.load()
    return done.stdout


def test_studio_is_reached_through_its_own_module(studio: Studio, hammer: Path, tmp_path: Path):
    studio.world["product"] = "DaVinci Resolve Studio"
    modules = tmp_path / "api" / "Modules"
    modules.mkdir(parents=True)
    (modules / "DaVinciResolveScript.py").write_text(f"""
import atexit, importlib.util
spec = importlib.util.spec_from_file_location("runner", {json.dumps(str(RUNNER))})
runner = importlib.util.module_from_spec(spec)
spec.loader.exec_module(runner)
fake = runner.load_fake()({json.dumps(str(studio.file))})
atexit.register(fake.close)

def scriptapp(name):
    assert name == "Resolve"
    return fake.handle
""")
    studio.show(studio.add_clip(hammer, "25", 50), 86_400, 48)
    studio.mark(0, 23)
    run_outside(studio, "Generate", tmp_path / "api")
    assert len(studio.items()) == 3
    assert studio.world["misuses"] == []


def test_without_one_it_is_told_how(studio: Studio):
    assert "Run this from Workspace > Scripts" in run_outside(studio, "Generate", None)
