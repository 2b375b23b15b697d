"""What a machine is like, as far as Footfall cares; and the bundle that goes with a bug report.

The bundle holds log, settings and system facts. Media, prompts, the names of files and the token stay where they are.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
import socket
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from footfall_bridge import __version__
from footfall_bridge.errors import BadRequest, ModelFailed
from footfall_bridge.spool import EngineCard, Spool

from footfall_engine.config import FOLDERS, Settings
from footfall_engine.extras import how_to_install
from footfall_engine.results import written_whole

LOW_DISK_BYTES = 2 * 2**30
BUNDLED_LOG_BYTES = 2_000_000
OLDEST_PYTHON = (3, 11)


class State(str, Enum):
    GOOD = "ok"
    WARNING = "note"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, how it is, and what to do about it."""

    name: str
    state: State
    said: str


Check = Callable[[Settings], Iterator[Finding]]


def examine(settings: Settings) -> list[Finding]:
    """Every check, in the order they are read; a check that breaks is a finding, too."""
    findings: list[Finding] = []
    for check in CHECKS:
        try:
            findings += check(settings)
        except Exception as error:  # a doctor has to come to the end of the round
            findings.append(Finding(check.__name__.strip("_"), State.BROKEN, repr(error)))
    return findings


def _python(settings: Settings) -> Iterator[Finding]:
    found = f"{platform.python_version()} ({platform.system()} {platform.machine()}, {os.cpu_count()} cores)"
    state = State.GOOD if sys.version_info >= OLDEST_PYTHON else State.BROKEN
    yield Finding("python", state, found)


def _packages(settings: Settings) -> Iterator[Finding]:
    found, missing = base_packages()
    if missing:
        yield Finding("packages", State.BROKEN, f"missing: {', '.join(missing)}; install Footfall again")
    yield Finding("packages", State.GOOD, ", ".join(f"{name} {version}" for name, version in found.items()))


def _picture(settings: Settings) -> Iterator[Finding]:
    """Decode and encode for real: a broken FFmpeg shows when it is used, not when it is imported."""
    import av
    import numpy as np

    libraries = ", ".join(
        f"{name} {'.'.join(map(str, version))}" for name, version in sorted(av.library_versions.items())
    )
    missing = [name for name, mode in (("h264", "r"), ("hevc", "r"), ("prores", "r"), ("aac", "w"), ("libx264", "w"))
               if not _has_codec(av, name, mode)]  # fmt: skip
    frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24").reformat(format="yuv420p")
    state = State.WARNING if missing else State.GOOD
    yield Finding(
        "ffmpeg", state, libraries + (f"; without {', '.join(missing)}" if missing else f" ({frame.format.name})")
    )


def _has_codec(av: Any, name: str, mode: str) -> bool:
    try:
        av.codec.Codec(name, mode)
    except ValueError:
        return False
    return True


def _neural(settings: Settings) -> Iterator[Finding]:
    """What neural models would run on, and which of them have their weights."""
    from footfall_engine.models.registry import all_rows
    from footfall_engine.models.store import missing_files, require_neural

    rows = [row for row in all_rows().values() if row.parts]
    try:
        require_neural("")
    except ModelFailed:
        yield Finding("neural", State.GOOD, f"not installed; for neural models, {how_to_install('neural')}")
        return
    from footfall_engine.models.runtime import chosen_runtime

    runtime = chosen_runtime()
    here = [row.name for row in rows if not missing_files(row)]
    precision = str(runtime.precision).removeprefix("torch.")
    found = f"{runtime.device}, {precision}; weights of {', '.join(here) or 'no model'} are here"
    yield Finding("neural", State.GOOD, found)


def _sound(settings: Settings) -> Iterator[Finding]:
    try:
        import sounddevice

        device = sounddevice.query_devices(kind="output")
        yield Finding("sound", State.GOOD, f"{device['name']}, {device['default_samplerate']:g} Hz")
    except Exception as error:  # no PortAudio: OSError; no device: PortAudioError, which only exists with PortAudio
        yield Finding("sound", State.WARNING, f"audition will not play: {str(error).splitlines()[0]}")


def _folders(settings: Settings) -> Iterator[Finding]:
    for key in FOLDERS:
        folder: Path = getattr(settings, key)
        problem = write_problem(folder)
        yield Finding(key.replace("_", " "), State.BROKEN if problem else State.GOOD, problem or str(folder))


def _disk(settings: Settings) -> Iterator[Finding]:
    free = shutil.disk_usage(nearest_existing(settings.data_folder)).free
    state = State.GOOD if free >= LOW_DISK_BYTES else State.WARNING
    yield Finding("disk", state, f"{free / 2**30:.1f} GB free for data (the cache may take {settings.cache_mb} MB)")


def _engine(settings: Settings) -> Iterator[Finding]:
    card = Spool(settings.spool_folder).engine()
    if card is not None and card.alive:
        yield Finding("engine", State.GOOD, f"running: process {card.pid}, UDP {card.udp_port}, TCP {card.tcp_port}")
    else:
        yield Finding("engine", State.GOOD, "not running (`footfall serve` starts it)")
    yield from _ports(settings, card)


def _ports(settings: Settings, card: EngineCard | None) -> Iterator[Finding]:
    ours = {card.udp_port, card.tcp_port} if card is not None and card.alive else set()
    for name, kind in (("UDP", socket.SOCK_DGRAM), ("TCP", socket.SOCK_STREAM)):
        port = settings.port
        if port == 0 or port in ours:
            said, state = f"{name} {port or 'any'}", State.GOOD
        elif port_is_free(settings.host, port, kind):
            said, state = f"{name} {port} is free", State.GOOD
        else:
            said, state = f"{name} {port} is taken by another program; the engine will pick the next", State.WARNING
        yield Finding("port", state, said)


def _settings(settings: Settings) -> Iterator[Finding]:
    there = "read" if settings.file.is_file() else "not there, all defaults"
    yield Finding("settings", State.GOOD, f"{settings.file} ({there})")


CHECKS: tuple[Check, ...] = (_python, _packages, _picture, _neural, _sound, _folders, _disk, _engine, _settings)


# ---- facts


def base_packages() -> tuple[dict[str, str], list[str]]:
    """Version of each package that Footfall needs, and the names of those that are missing."""
    found: dict[str, str] = {}
    missing: list[str] = []
    for requirement in importlib.metadata.requires("footfall") or []:
        if "extra ==" in requirement:
            continue
        name = re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0]
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    return found, missing


def nearest_existing(folder: Path) -> Path:
    return next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))


def write_problem(folder: Path) -> str:
    """Why nothing can be written to a folder that exists or could be made; "" when it can."""
    place = nearest_existing(folder)
    if not place.is_dir():
        return f"{place} is a file, so {folder} cannot be a folder"
    try:
        with tempfile.TemporaryFile(dir=place):
            return ""
    except OSError as error:
        return f"{folder} cannot be written to: {error.strerror}"


def port_is_free(host: str, port: int, kind: int) -> bool:
    with closing(socket.socket(socket.AF_INET, kind)) as probe:
        if kind == socket.SOCK_STREAM and os.name == "posix":  # a port whose last connection is dying down is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def settings_table(settings: Settings) -> list[tuple[str, str, str]]:
    """(key, value, where it comes from) of every setting."""
    return [(key, str(value), settings.origin(key)) for key, value in settings.values().items()]


# ---- the bundle


def write_bundle(settings: Settings, target: Path) -> list[str]:
    """Zip what a bug report needs into `target`; the names of what went in."""
    if target.is_dir():
        raise BadRequest(f"{target} is a folder; name a file such as footfall.zip")
    parts = {
        "findings.json": json.dumps([vars(finding) for finding in examine(settings)], indent=1),
        "settings.json": json.dumps([list(row) for row in settings_table(settings)], indent=1),
        "system.json": json.dumps(_system_facts(), indent=1),
        **{f"log/{log.name}": _end_of(log) for log in sorted(settings.log_folder.glob("*.log*")) if log.is_file()},
    }
    with written_whole(target, "bundle") as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in parts.items():
            bundle.writestr(name, redacted(text, settings))
    return list(parts)


def _system_facts() -> dict[str, Any]:
    return {
        "footfall": __version__,
        "python": sys.version,
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "packages": {dist.metadata["Name"]: dist.version for dist in importlib.metadata.distributions()},
    }


def _end_of(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - BUNDLED_LOG_BYTES))
        return file.read().decode("utf-8", "replace")


_MEDIA = "mp4|mov|mkv|m4v|avi|mxf|webm|mpg|mpeg|mts|m2ts|ts|wmv|flv|wav|aif|aiff|flac|mp3|m4a|ogg|opus|png|jpg|csv"
_PRIVATE = "prompt|negative|label|token|video|stem|stem_folder|reference|path"  # keys of requests
_QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
_REDACTIONS = tuple(
    (re.compile(pattern, re.IGNORECASE), put)
    for pattern, put in (
        (rf"""(['"]?\b(?:{_PRIVATE})\b['"]?\s*[:=]\s*)({_QUOTED})""", r"\1<left out>"),
        (r"(\b(?:prompt|negative|token)=)[^\s,})]+", r"\1<left out>"),
        (rf"""(key '(?:{_PRIVATE})' cannot be |\binput_value=)({_QUOTED})""", r"\1<left out>"),  # as it is refused
        (rf"""(?<=['"])[^'"\n]*\.({_MEDIA})(?=['"])""", r"<file>.\1"),  # quoted, spaces and all
        (rf"""(?:\b[A-Z]:[\\/]|[~/])[^\n'"]*?\.({_MEDIA})\b""", r"<file>.\1"),  # from the root
        (rf"""[^\s'"/\\<>]+\.({_MEDIA})\b""", r"<file>.\1"),  # a bare name
        (r"""(?<![\w.<>/])(?:[A-Z]:\\|~?/)(?![^\s'"]*\.py\b)[^\s'",;:)]+(?: [^\s'",;:)/]*/[^\s'",;:)]*)*""", "<path>"),
    )
)


def redacted(text: str, settings: Settings) -> str:
    """A text without prompts, names of media and folders other than Footfall's own, and without the token."""
    if settings.token:
        text = text.replace(settings.token, "<token>")
    for key in sorted(FOLDERS, key=lambda key: -len(str(getattr(settings, key)))):
        text = text.replace(str(getattr(settings, key)), f"<{key}>")
    for pattern, put in _REDACTIONS:
        text = pattern.sub(put, text)
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text
