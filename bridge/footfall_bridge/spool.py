"""A folder as a wire, for hosts that can write a file and nothing else. What the files are, and how they change hands.

    spool/
    ├── engine.json              who serves this folder: pid, version, protocol, host, ports, heartbeat every second
    ├── inbox/
    │   ├── <id>.json            a request: written as <id>.json.part, then renamed; the name is the request's id
    │   ├── <id>.claimed         the same, taken by an engine and not yet queued; a restarted engine reads it again
    │   └── <id>.cancel          empty: cancel that job
    └── jobs/<id>/
        ├── request.json         the request, once it is queued or refused
        ├── status.json          a `job` message, always whole and current
        └── reply.json           the answer to what is no job: `models.reply`, `status.reply`, `bye`, `failed`

Every file appears whole, by a rename beside it, which is also how one engine, and one only, claims a request. (A file
moved out of the inbox would hold up Linux's change notices for half a second: watchdog waits for its other end.)
A missing ``id`` is the file's name; another id than the file's name is refused. Ids that are no safe file names are
refused wherever they come from, so no id leads out of the folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from footfall_bridge import messages
from footfall_bridge.errors import EngineFault, InvalidMessage
from footfall_bridge.messages import JobStatus, Message

MAX_REQUEST_BYTES = 16 * 1024 * 1024
STALE_SECONDS = 5.0  # an engine whose heartbeat is older is taken for dead
REQUEST, CLAIMED, CANCEL, REFUSED, PART = ".json", ".claimed", ".cancel", ".refused", ".part"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REPLACE_TRIES = 20  # on Windows a reader's open file stops a rename for a moment
_REPLACE_PAUSE = 0.01  # seconds


@dataclass(frozen=True)
class EngineCard:
    """What ``engine.json`` says."""

    pid: int
    version: str
    heartbeat: float  # Unix seconds
    host: str = ""
    udp_port: int | None = None
    tcp_port: int | None = None
    protocol: int = 1

    @property
    def alive(self) -> bool:
        return abs(time.time() - self.heartbeat) < STALE_SECONDS


@dataclass(frozen=True)
class Spool:
    """The layout, for both ends."""

    folder: Path

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def jobs(self) -> Path:
        return self.folder / "jobs"

    @property
    def engine_file(self) -> Path:
        return self.folder / "engine.json"

    def job_folder(self, job_id: str) -> Path:
        return self.jobs / checked_id(job_id)

    def status_file(self, job_id: str) -> Path:
        return self.job_folder(job_id) / "status.json"

    def reply_file(self, job_id: str) -> Path:
        return self.job_folder(job_id) / "reply.json"

    def request_file(self, job_id: str) -> Path:
        return self.job_folder(job_id) / "request.json"

    def claimed_file(self, job_id: str) -> Path:
        return self.inbox / (checked_id(job_id) + CLAIMED)

    # ---- for hosts

    def put(self, request: Message, name: str) -> None:
        """Leave a request for the engine under ``name``, its id where it has one."""
        write_whole(self.inbox / (checked_id(name) + REQUEST), messages.to_json(request))

    def put_cancel(self, job_id: str) -> None:
        (self.inbox / (checked_id(job_id) + CANCEL)).touch()

    def withdraw(self, name: str) -> bool:
        """Take back a request that no engine has claimed."""
        return _unlink(self.inbox / (checked_id(name) + REQUEST))

    def status(self, job_id: str) -> JobStatus | None:
        """Where a job stands; None when no engine has said anything about it."""
        status = self.read(self.status_file(job_id))
        return status if isinstance(status, JobStatus) else None

    def read(self, file: Path) -> Any:
        """Message in a file; None while there is none to read."""
        try:
            return messages.parse_message(messages.parse_json(file.read_bytes()))
        except (OSError, InvalidMessage):
            return None

    def awaits(self, job_id: str) -> bool:
        """Whether a request lies there that no engine has answered yet."""
        return (self.inbox / (job_id + REQUEST)).exists() or self.claimed_file(job_id).exists()

    def forget(self, name: str) -> None:
        """Clear away a job's folder, such as that of a question once its answer is read."""
        for file in (self.reply_file(name), self.request_file(name)):
            _unlink(file)
        with contextlib.suppress(OSError):
            self.job_folder(name).rmdir()

    def engine(self) -> EngineCard | None:
        """The engine that serves this folder, or served it last."""
        try:
            fields = json.loads(self.engine_file.read_text(encoding="utf-8"))
            known = {key: fields[key] for key in EngineCard.__dataclass_fields__ if key in fields}
            numbers = {"pid": int(fields["pid"]), "heartbeat": float(fields["heartbeat"])}
            return EngineCard(**{**known, **numbers, "protocol": int(fields.get("protocol", 1))})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    # ---- for the engine

    def make(self) -> None:
        """The folders, where they are missing; EngineFault says which one cannot be made."""
        for folder in (self.inbox, self.jobs):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise EngineFault(f"the spool folder {folder} cannot be made ({error.strerror})") from error

    def waiting(self, suffix: str) -> list[str]:
        """Names in the inbox with a suffix (``REQUEST`` or ``CANCEL``), oldest first, the suffix taken off."""
        found = []
        with os.scandir(self.inbox) as entries:
            for entry in entries:
                if entry.name.endswith(suffix):
                    found.append((_changed(entry), entry.name[: -len(suffix)]))
        return [name for _, name in sorted(found)]

    def claim(self, name: str) -> bool:
        """Take a request out of the inbox; False when it is gone, claimed by another or withdrawn."""
        return _rename(self.inbox / (name + REQUEST), self.claimed_file(name))

    def claim_cancel(self, name: str) -> bool:
        return _unlink(self.inbox / (name + CANCEL))

    def refuse_name(self, name: str, suffix: str) -> bool:
        """Set a file aside whose name is no id, so that it is not read again."""
        return _rename(self.inbox / (name + suffix), self.inbox / (name + suffix + REFUSED))

    def read_claimed(self, name: str) -> dict[str, Any]:
        """Mapping in a claimed file, with its id. InvalidMessage for anything else."""
        fields = messages.parse_json(_read_request(self.claimed_file(name)))
        if not isinstance(fields, dict):
            raise InvalidMessage(f"a request is a JSON object, not {type(fields).__name__}")
        if str(fields.get("type")) in _TYPES_WITH_ID:
            fields.setdefault("id", name)
        if fields.get("id", name) != name:
            raise InvalidMessage(f"the id {str(fields['id'])[:80]!r} is not the file's name, {name!r}")
        return fields

    def settle(self, name: str, keep: bool = True) -> None:
        """A claimed request is answered: keep it as the job's ``request.json``, unless one is there already."""
        claimed, kept = self.claimed_file(name), self.request_file(name)
        with contextlib.suppress(InvalidMessage):
            content = _read_request(claimed)
            if keep and not kept.exists():
                write_whole(kept, content)
        if not _unlink(claimed):  # it may be a folder
            _rename(claimed, self.inbox / (name + REQUEST + REFUSED))

    def unfinished(self) -> Iterator[str]:
        """Ids of jobs whose status is not final yet."""
        for name in self._job_names():
            status = self.status(name)
            if status is not None and not status.state.final:
                yield name

    def forget_finished(self, older_than_days: float) -> None:
        """Clear away what is left of jobs that have long been finished; stems are never kept here."""
        before = time.time() - older_than_days * 86_400
        for name in self._job_names():
            if _changed(self.status_file(name)) / 1e9 < before and (status := self.status(name)) and status.state.final:
                _unlink(self.status_file(name))
                self.forget(name)

    def write_status(self, status: JobStatus) -> None:
        write_whole(self.status_file(status.id), messages.to_json(status))

    def write_reply(self, name: str, reply: Message) -> None:
        write_whole(self.reply_file(name), messages.to_json(reply))

    def write_engine(self, card: EngineCard) -> None:
        write_whole(self.engine_file, json.dumps({k: v for k, v in asdict(card).items() if v is not None}))

    def remove_engine(self) -> None:
        _unlink(self.engine_file)

    def _job_names(self) -> list[str]:
        return [name for name in sorted(os.listdir(self.jobs)) if _ID.fullmatch(name)]


_TYPES_WITH_ID = {cls.model_fields["type"].default for cls in messages.REQUESTS if "id" in cls.model_fields} - {
    "status"
}


def is_id(name: str) -> bool:
    return _ID.fullmatch(name) is not None


def checked_id(name: str) -> str:
    """The name itself; InvalidMessage when it is not safe as a file name."""
    if not is_id(name):
        raise InvalidMessage(
            f"{name[:80]!r} is not an id: 1 to 64 of letters, digits, '.', '_' and '-', not '.', '_' or '-' first"
        )
    return name


def write_whole(file: Path, content: str | bytes) -> None:
    """Write a file that is never seen half done, in a folder that is made where it is missing."""
    part = file.with_name(f"{file.name}{PART}")
    file.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    for _ in range(_REPLACE_TRIES - 1):
        try:
            os.replace(part, file)
            return
        except PermissionError:
            time.sleep(_REPLACE_PAUSE)
    os.replace(part, file)


def _read_request(file: Path) -> bytes:
    """Bytes of a regular file of bearable size: a pipe would block, and a device never end."""
    try:
        facts = os.lstat(file)
        if not stat.S_ISREG(facts.st_mode):
            raise InvalidMessage("the request is not a plain file")
        if facts.st_size > MAX_REQUEST_BYTES:
            raise InvalidMessage(f"the request has {facts.st_size} bytes; {MAX_REQUEST_BYTES} can be read")
        return file.read_bytes()
    except OSError as error:
        raise InvalidMessage(f"the request cannot be read: {error.strerror}") from error


def _changed(file: Path | os.DirEntry[str]) -> int:
    """When a file was changed, in nanoseconds."""
    try:
        return os.lstat(file).st_mtime_ns
    except OSError:
        return 0


def _rename(source: Path, target: Path) -> bool:
    try:
        os.replace(source, target)
    except OSError:
        return False
    return True


def _unlink(file: Path) -> bool:
    try:
        file.unlink()
    except OSError:
        return False
    return True
