from __future__ import annotations

import json
import re
import socket
import zipfile
from pathlib import Path

import pytest
from footfall_bridge.errors import BadRequest
from footfall_engine import doctor
from footfall_engine.config import SETTINGS_NAME, Settings
from footfall_engine.doctor import State, examine, redacted, write_bundle
from footfall_engine.extras import how_to_install
from footfall_engine.models import store


def named(findings: list[doctor.Finding], name: str) -> list[doctor.Finding]:
    return [finding for finding in findings if finding.name == name]


def test_a_sound_machine_has_nothing_broken(home: Path) -> None:
    findings = examine(Settings.load())
    assert [finding for finding in findings if finding.state is State.BROKEN] == []
    assert {"python", "packages", "ffmpeg", "sound", "data folder", "disk", "engine", "port", "settings"} <= {
        finding.name for finding in findings
    }


def test_neural_models_are_no_must_and_their_device_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "find_spec", lambda name: None)
    (finding,) = named(examine(Settings.load()), "neural")
    assert finding.state is State.GOOD
    assert how_to_install("neural") in finding.said
    monkeypatch.undo()
    pytest.importorskip("diffusers", reason="neural models need the 'neural' extra")
    (finding,) = named(examine(Settings.load()), "neural")
    assert finding.state is State.GOOD
    assert "weights of" in finding.said and "float" in finding.said


def test_looking_makes_nothing(home: Path) -> None:
    examine(Settings.load())
    assert list(home.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_broken(home: Path) -> None:
    (home / "log").write_text("a file where the folder should be")
    found = named(examine(Settings.load()), "log folder")
    assert [finding.state for finding in found] == [State.BROKEN]
    assert str(home / "log") in found[0].said


def test_a_taken_port_is_a_note(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = Settings.load().updated({"port": port}, "test")
        notes = [finding for finding in named(examine(settings), "port") if finding.state is State.WARNING]
    assert len(notes) == 1
    assert f"TCP {port} is taken" in notes[0].said


def test_a_check_that_breaks_does_not_end_the_round(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(settings: Settings) -> None:
        raise OSError("no such luck")

    monkeypatch.setattr(doctor, "CHECKS", (broken, *doctor.CHECKS))
    findings = examine(Settings.load())
    assert findings[0].state is State.BROKEN
    assert "no such luck" in findings[0].said
    assert named(findings, "settings")


def test_the_bundle_holds_log_settings_and_facts_but_nothing_private(home: Path) -> None:
    (home / SETTINGS_NAME).write_text('token = "t0p-s3cret"')
    (home / "log").mkdir()
    (home / "log" / "engine.log").write_text(
        f"INFO job 7: prompt='boots on gravel' video='{Path.home()}/Secret Film/reel 1.mov' "
        "stem_folder='D:\\\\Boots' seed=3\n"
        "ERROR /mnt/Secret Film/reel 2.mxf cannot be read\nWARNING the token t0p-s3cret is wrong\n"
    )
    names = write_bundle(Settings.load(), home / "report.zip")
    assert set(names) == {"findings.json", "settings.json", "system.json", "log/engine.log"}
    with zipfile.ZipFile(home / "report.zip") as bundle:
        texts = {name: bundle.read(name).decode() for name in bundle.namelist()}
    everything = "\n".join(texts.values())
    for secret in ("t0p-s3cret", "boots", "gravel", "Secret Film", "reel"):
        assert secret not in everything
    assert "INFO job 7" in texts["log/engine.log"]
    assert "seed=3" in texts["log/engine.log"]
    assert json.loads(texts["system.json"])["packages"]["numpy"]


def test_a_bundle_that_cannot_be_written_is_refused(home: Path) -> None:
    for target in (home, home / "no folder" / "report.zip"):
        with pytest.raises(BadRequest, match=re.escape(str(target))):
            write_bundle(Settings.load(), target)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('{"prompt": "a \\"b\\" c", "seed": 1}', '{"prompt": <left out>, "seed": 1}'),
        ("generate: key 'prompt' cannot be 'a b…': too long", "generate: key 'prompt' cannot be <left out>: too long"),
        (
            "[type=string_too_long, input_value='a...b', input_type=str]",
            "[type=string_too_long, input_value=<left out>, input_type=str]",
        ),
        ("cannot open C:\\Films\\a b.mov today", "cannot open <file>.mov today"),
        ("no clip shot.mp4 here", "no clip <file>.mp4 here"),
        ("dropping 0a1b.npz", "dropping 0a1b.npz"),
        ("stem_folder='/mnt/My Film' seed=3", "stem_folder=<left out> seed=3"),
        ("the stem folder /mnt/My Film/stems does not exist", "the stem folder <path> does not exist"),
        ("on 127.0.0.1 port 9770 (UDP and TCP), 3/4 done", "on 127.0.0.1 port 9770 (UDP and TCP), 3/4 done"),
        ('  File "/usr/lib/python3/site.py", line 3', '  File "/usr/lib/python3/site.py", line 3'),
    ],
)
def test_what_is_private_is_left_out(home: Path, text: str, left: str) -> None:
    assert redacted(text, Settings.load()) == left
