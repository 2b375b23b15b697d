"""Fetching, checking and removing weights, against a hub of our own on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from footfall_engine.models.diff_foley.model import FILES
from footfall_engine.models.store import CHECKSUM, converted

from tests.engine.neural import tiny
from tests.engine.neural.golden import torch

REPOSITORY = "SimianLuo/Diff-Foley"
COMMIT = "0" * 40
BROKEN_FROM = 11 * 2**20  # bytes; the hub's client keeps whole pieces of 10 MiB


class Hub:
    """Speaks as much of the hub's protocol as its client needs for public files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sent: list[str] = []
        self.asked_from: list[int] = []  # first byte of each answer
        self.lying = False
        self.claimed_size: int | None = None
        self.breaking = False  # the connection, in the middle of every file that is asked for from its start
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self.answer(with_body=False)

            def do_GET(self) -> None:
                self.answer(with_body=True)

            def answer(self, with_body: bool) -> None:
                if self.path.startswith(f"/api/models/{REPOSITORY}"):
                    siblings = [{"rfilename": f"ckpt/{path.name}"} for path in hub.folder.iterdir()]
                    body = json.dumps({"id": REPOSITORY, "sha": COMMIT, "siblings": siblings, "tags": [],
                                       "downloads": 0, "likes": 0, "private": False}).encode()  # fmt: skip
                    self.reply(200, body, {"Content-Type": "application/json"}, with_body)
                    return
                path = hub.folder / self.path.partition("?")[0].rpartition("/")[2]
                if not path.is_file():
                    self.reply(404, b"", {"X-Error-Code": "EntryNotFound"}, with_body)
                    return
                body = path.read_bytes()
                digest = hashlib.sha256(b"other" if hub.lying else body).hexdigest()
                facts = {"ETag": f'"{digest}"', "X-Linked-ETag": f'"{digest}"', "X-Repo-Commit": COMMIT,
                         "X-Linked-Size": str(hub.claimed_size or len(body)), "Accept-Ranges": "bytes"}  # fmt: skip
                first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
                if with_body:
                    hub.sent.append(path.name)
                    hub.asked_from.append(first)
                if first:
                    facts["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
                self.reply(206 if first else 200, body[first:], facts, with_body)

            def reply(self, status: int, body: bytes, facts: dict[str, str], with_body: bool) -> None:
                self.send_response(status)
                for name, value in {**facts, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                if with_body and hub.breaking and status == 200 and len(body) > BROKEN_FROM:
                    self.wfile.write(body[:BROKEN_FROM])
                    self.close_connection = True
                elif with_body:
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    tiny.write_checkpoints(tmp_path / "hub")
    hub = Hub(tmp_path / "hub")
    thread = threading.Thread(target=hub.server.serve_forever)
    thread.start()
    yield hub
    hub.server.shutdown()
    hub.server.server_close()
    thread.join()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return tmp_path / "models" / "diff-foley"


def footfall(
    *words: str, hub: Hub | None, weights: Path, status: int = 0, **more: str
) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "FOOTFALL_HOME": str(weights.parent.parent / "home"),
        "FOOTFALL_MODELS": str(weights.parent),
        "HF_HOME": str(weights.parent.parent / "hf"),
        "HF_ENDPOINT": hub.url if hub else "http://127.0.0.1:9",
        "HF_HUB_DISABLE_XET": "1",
        **more,
    }
    command = [sys.executable, "-m", "footfall_engine", *words]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode == status, ran.stderr
    return ran


def listed(hub: Hub, weights: Path) -> bool:
    models = json.loads(footfall("models", "--json", hub=hub, weights=weights).stdout)["models"]
    return next(model["present"] for model in models if model["name"] == "diff-foley")


def test_weights_are_fetched_converted_checked_and_removed(hub: Hub, weights: Path) -> None:
    assert not listed(hub, weights)
    pulled = footfall("models", "pull", "diff-foley", hub=hub, weights=weights)
    assert pulled.stdout.strip() == str(weights)
    assert "weights: not stated" in pulled.stderr
    files = {converted(weights / file).name for file in FILES.values()}
    assert {path.name for path in weights.iterdir()} == files | {file + CHECKSUM for file in files}
    assert listed(hub, weights)

    hub.sent.clear()
    footfall("models", "pull", "diff-foley", hub=hub, weights=weights)
    assert hub.sent == [], "what is there is not fetched again"

    found = json.loads(footfall("models", "verify", "diff-foley", "--json", hub=hub, weights=weights, status=1).stdout)
    assert [each["found"] for each in found["files"][:3]] == ["unchanged"] * 3
    assert "it does not have spec_encoder" in found["files"][3]["found"], "the toy hears nothing"

    with converted(weights / FILES["cavp"]).open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")
    found = json.loads(footfall("models", "verify", "diff-foley", "--json", hub=hub, weights=weights, status=1).stdout)
    assert [each["file"] for each in found["files"] if "changed since" in each["found"]] == ["cavp_epoch66.safetensors"]

    footfall("models", "remove", "diff-foley", hub=hub, weights=weights)
    assert not weights.exists()


def test_what_the_hub_calls_something_else_is_not_kept(hub: Hub, weights: Path) -> None:
    hub.lying = True
    failed = footfall("models", "pull", "diff-foley", hub=hub, weights=weights, status=1)
    assert "arrived damaged" in failed.stderr
    assert not list(weights.glob("*.safetensors"))


def test_a_broken_download_goes_on_where_it_stopped(hub: Hub, weights: Path) -> None:
    whole = torch.load(hub.folder / FILES["cavp"], weights_only=True)
    whole["optimizer_states"] = torch.zeros(2 * BROKEN_FROM, dtype=torch.uint8)
    torch.save(whole, hub.folder / FILES["cavp"])
    hub.breaking = True
    footfall("models", "pull", "diff-foley", hub=hub, weights=weights)
    assert any(0 < first <= BROKEN_FROM for first in hub.asked_from)
    assert listed(hub, weights)
    assert converted(weights / FILES["cavp"]).stat().st_size < BROKEN_FROM, "without what training leaves"


def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(hub: Hub, weights: Path) -> None:
    hub.claimed_size = 10**18
    failed = footfall("models", "pull", "diff-foley", hub=hub, weights=weights, status=1)
    assert "needs 2000000000.0 GB" in failed.stderr and "are free" in failed.stderr
    assert hub.sent == []


def test_the_hub_is_not_asked_when_the_user_forbids_it(hub: Hub, weights: Path) -> None:
    failed = footfall("models", "pull", "diff-foley", hub=hub, weights=weights, status=1, HF_HUB_OFFLINE="1")
    assert "cannot be fetched from SimianLuo/Diff-Foley" in failed.stderr
    assert hub.sent == []


def test_without_a_way_to_the_hub_the_user_learns_where_to_put_the_files(weights: Path) -> None:
    failed = footfall("models", "pull", "diff-foley", hub=None, weights=weights, status=1)
    assert "cannot be fetched from SimianLuo/Diff-Foley" in failed.stderr
    assert (
        f"put {', '.join(sorted(set(FILES.values()), key=list(FILES.values()).index))} into {weights}" in failed.stderr
    )


def test_checkpoints_put_there_by_hand_are_converted_without_the_hub(weights: Path) -> None:
    tiny.write_checkpoints(weights)
    footfall("models", "pull", "diff-foley", hub=None, weights=weights)
    assert all(converted(weights / file).is_file() and (weights / file).is_file() for file in FILES.values())


def test_a_model_without_weights_has_none_to_fetch(weights: Path) -> None:
    assert "needs no weights" in footfall("models", "pull", "procedural", hub=None, weights=weights, status=2).stderr
