"""Settings: one TOML file, a default for every key, and where each value came from.

`FOOTFALL_HOME` gathers settings, data and log in one folder (tests and the demo live in such a home);
`FOOTFALL_CONFIG` names another settings file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from footfall_bridge.errors import BadRequest, EngineFault, InvalidSettings

SETTINGS_NAME = "footfall.toml"
COMMERCIAL = "commercial"
AUTOMATIC = "auto"
DEVICES = ("cuda", "mps", "cpu")
PRECISIONS = ("float32", "bfloat16", "float16")
ON, OFF = "on", "off"
LOG_LEVELS = ("debug", "info", "warning", "error")
SECRET = "token"
FOLDERS = ("data_folder", "log_folder", "spool_folder")


@dataclass(frozen=True)
class Settings:
    """Everything a user may set; `origins` says where each value that is not a default came from."""

    data_folder: Path  # jobs, cache, downloaded weights
    log_folder: Path
    spool_folder: Path  # where hosts without sockets leave their requests
    host: str = "127.0.0.1"  # another address needs a token
    port: int = 9770  # OSC over UDP and over TCP
    token: str = ""
    default_model: str = "procedural"
    licence: str = "any"  # "commercial" refuses models whose weights may not surely be used so
    device: str = AUTOMATIC  # of neural models: cuda, mps or cpu
    precision: str = AUTOMATIC  # of neural models: float32, bfloat16 or float16
    compile: str = AUTOMATIC  # large neural networks before they first run: on or off
    models_mb: int = 0  # of memory that loaded neural models may take together; 0: a share of what there is
    cache_mb: int = 2048
    keep_jobs_days: int = 30
    log_level: str = "info"
    file: Path = Path(SETTINGS_NAME)
    origins: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """The user's settings; InvalidSettings names the key that is unknown or wrong."""
        environment = os.environ if environment is None else environment
        defaults = _in_home(environment) or _in_platform_folders()
        if named := environment.get("FOOTFALL_CONFIG"):
            defaults = replace(defaults, file=named_path(named))
            if not defaults.file.is_file():
                raise InvalidSettings(f"FOOTFALL_CONFIG names {named}, and there is no such file")
        return defaults.updated(_read_toml(defaults.file), str(defaults.file))

    def updated(self, values: Mapping[str, Any], origin: str) -> Settings:
        """These settings with `values` over them, each checked; None values are left out."""
        checked: dict[str, Any] = {}
        for key, value in values.items():
            if key not in CHECKS:
                raise InvalidSettings(f"{origin}: unknown key '{key}' (known: {', '.join(CHECKS)})")
            if value is not None:
                checked[key] = CHECKS[key](key, value, origin)
        if "data_folder" in checked and "spool_folder" not in self.origins:
            checked.setdefault("spool_folder", checked["data_folder"] / "spool")
        return replace(self, **checked, origins={**self.origins, **dict.fromkeys(checked, origin)})

    def make_folders(self) -> Settings:
        """These settings, once every folder they name is there; EngineFault says which one cannot be made."""
        for key in FOLDERS:
            folder: Path = getattr(self, key)
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise EngineFault(
                    f"the {key.replace('_', ' ')} {folder} cannot be made ({error.strerror}); "
                    f"set {key} in {self.file}, or FOOTFALL_HOME to a folder you may write in"
                ) from error
        return self

    def values(self) -> dict[str, Any]:
        """Every key a user may set and its value, the token hidden."""
        shown = {key: getattr(self, key) for key in CHECKS}
        return {**shown, SECRET: "(set)" if self.token else ""}

    def origin(self, key: str) -> str:
        return self.origins.get(key, "default")


def named_path(name: str | Path) -> Path:
    """The absolute path that a user names; BadRequest when it lies in the home of somebody unknown here."""
    try:
        return Path(name).expanduser().absolute()
    except RuntimeError as error:
        raise BadRequest(f"{name} lies in the home of a user whom this machine does not know", str(error)) from error


def _in_home(environment: Mapping[str, str]) -> Settings | None:
    named = environment.get("FOOTFALL_HOME")
    if not named:
        return None
    home = named_path(named)
    data = home / "data"
    origins = dict.fromkeys(("data_folder", "log_folder"), "FOOTFALL_HOME")
    return Settings(data, home / "log", data / "spool", file=home / SETTINGS_NAME, origins=origins)


def _in_platform_folders() -> Settings:
    from platformdirs import PlatformDirs

    folders = PlatformDirs("footfall", appauthor=False)
    data = folders.user_data_path
    return Settings(data, folders.user_log_path, data / "spool", file=folders.user_config_path / SETTINGS_NAME)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidSettings(f"the settings file {file} cannot be read: {error}") from error


# ---- one check for each key: (key, value, origin) → the value as it is kept

Check = Callable[[str, Any, str], Any]


def _wrong(key: str, value: Any, origin: str, wanted: str) -> InvalidSettings:
    shown = "…" if key == SECRET else repr(value)
    return InvalidSettings(f"{origin}: '{key}' must be {wanted}, not {shown}")


def _folder(key: str, value: Any, origin: str) -> Path:
    if not isinstance(value, (str, Path)) or not str(value):
        raise _wrong(key, value, origin, "a folder")
    return named_path(value)


def _text(key: str, value: Any, origin: str) -> str:
    if not isinstance(value, str):
        raise _wrong(key, value, origin, "text")
    return value


def _whole(low: int, high: int) -> Check:
    def check(key: str, value: Any, origin: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _wrong(key, value, origin, f"a whole number from {low} to {high}")
        return value

    return check


def _one_of(choices: tuple[str, ...]) -> Check:
    def check(key: str, value: Any, origin: str) -> str:
        if value not in choices:
            raise _wrong(key, value, origin, "one of " + ", ".join(choices))
        return str(value)

    return check


CHECKS: dict[str, Check] = {
    "data_folder": _folder,
    "log_folder": _folder,
    "spool_folder": _folder,
    "host": _text,
    "port": _whole(0, 65535),  # 0: any free port
    "token": _text,
    "default_model": _text,
    "licence": _one_of(("any", COMMERCIAL)),
    "device": _one_of((AUTOMATIC, *DEVICES)),
    "precision": _one_of((AUTOMATIC, *PRECISIONS)),
    "compile": _one_of((AUTOMATIC, ON, OFF)),
    "models_mb": _whole(0, 10_000_000),
    "cache_mb": _whole(0, 10_000_000),
    "keep_jobs_days": _whole(0, 36_500),
    "log_level": _one_of(LOG_LEVELS),
}
