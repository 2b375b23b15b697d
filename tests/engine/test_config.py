from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from footfall_bridge.errors import BadRequest, EngineFault, InvalidSettings
from footfall_engine.config import CHECKS, SETTINGS_NAME, Settings


def load(home: Path, text: str = "") -> Settings:
    if text:
        (home / SETTINGS_NAME).write_text(text, encoding="utf-8")
    return Settings.load({"FOOTFALL_HOME": str(home)})


def test_without_a_file_every_setting_has_its_default(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert (settings.host, settings.port, settings.token, settings.default_model) == (
        "127.0.0.1",
        9770,
        "",
        "procedural",
    )
    assert settings.data_folder == tmp_path / "data"
    assert settings.log_folder == tmp_path / "log"
    assert settings.spool_folder == tmp_path / "data" / "spool"
    assert settings.origin("port") == "default"
    assert settings.origin("data_folder") == "FOOTFALL_HOME"


def test_the_file_changes_what_it_names_and_is_named_as_the_origin(tmp_path: Path) -> None:
    settings = load(tmp_path, 'port = 9999\ndata_folder = "~/sound"\n')
    assert settings.port == 9999
    assert settings.data_folder == Path.home() / "sound"
    assert settings.spool_folder == Path.home() / "sound" / "spool", "the spool folder moves along"
    assert settings.origin("port") == str(tmp_path / SETTINGS_NAME)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("prot = 9770", "prot"),
        ('port = "9770"', "port"),
        ("port = 70000", "70000"),
        ("port = true", "port"),
        ("cache_mb = -1", "cache_mb"),
        ("host = 1", "host"),
        ('log_level = "loud"', "loud"),
        ('data_folder = ""', "data_folder"),
        ("[engine]\nport = 1", "engine"),
        ("port = ", "cannot be read"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(InvalidSettings, match=named):
        load(tmp_path, text)


def test_a_wrong_token_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as caught:
        load(tmp_path, "token = 12345")
    assert "12345" not in caught.value.message


def test_every_setting_is_shown_and_the_token_hidden(tmp_path: Path) -> None:
    shown = load(tmp_path, 'token = "secret"').values()
    assert set(shown) == set(CHECKS)
    assert "secret" not in str(shown)


def test_the_settings_file_may_be_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "my settings.toml"
    elsewhere.write_text("port = 1234")
    assert Settings.load({"FOOTFALL_HOME": str(tmp_path), "FOOTFALL_CONFIG": str(elsewhere)}).port == 1234
    with pytest.raises(InvalidSettings, match="no such file"):
        Settings.load({"FOOTFALL_CONFIG": str(tmp_path / "none.toml")})


@pytest.mark.parametrize("variable", ["FOOTFALL_HOME", "FOOTFALL_CONFIG"])
def test_the_home_of_somebody_unknown_is_named(variable: str) -> None:
    with pytest.raises(BadRequest, match="~nobody-here/x lies in the home of a user"):
        Settings.load({variable: "~nobody-here/x"})


def test_a_setting_in_the_home_of_somebody_unknown_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="~nobody-here/x"):
        load(tmp_path, 'data_folder = "~nobody-here/x"')


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(EngineFault, match="data folder"):
        load(tmp_path).make_folders()


def test_importing_the_settings_imports_nothing_heavy() -> None:
    code = "import footfall_engine.config, sys; print([m for m in ('numpy', 'scipy', 'av', 'cv2') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
