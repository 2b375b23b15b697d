"""Fetching, checking and removing weights, against a hub of our own on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from footfall_bridge.errors import DiskFull
from footfall_engine.models import store
from footfall_engine.models.diff_foley.model import FILES
from footfall_engine.models.parts import converted
from footfall_engine.models.registry import model_row
from footfall_engine.models.store import CHECKSUM, CONVERTING, missing_files
from safetensors.torch import load_file

from tests.engine.neural import hub_trees, tiny, tiny_vta
from tests.engine.neural.golden import torch
from tests.waiting import wait_until

DIFF_FOLEY = "SimianLuo/Diff-Foley"
COMMIT = "0" * 40
BROKEN_FROM = 11 * 2**20  # bytes; the hub's client keeps whole pieces of 10 MiB
PIECE = 10 * 2**20
PATIENCE = 120.0


class Hub:
    """Speaks as much of the hub's protocol as its client needs for public repositories, each a folder of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sent: list[str] = []
        self.asked_from: list[int] = []  # first byte of each answer
        self.lying = False
        self.claimed_size: int | None = None
        self.breaking = False  # the connection, in the middle of every file that is asked for from its start
        self.renamed: Callable[[str], str] = lambda path: path  # in lists
        self.hangs_up = threading.Event()  # once it breaks off, or else it says nothing more
        self.hangs_up.set()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self.answer(with_body=False)

            def do_GET(self) -> None:
                self.answer(with_body=True)

            def answer(self, with_body: bool) -> None:
                asked = unquote(self.path.partition("?")[0])
                if asked.startswith("/api/models/"):
                    self.list_files("/".join(asked.split("/")[3:5]), with_body)
                elif asked.startswith("/api/"):  # what its client asks besides
                    self.reply(404, b"", {}, with_body)
                else:
                    owner, name, _, _, path = asked.removeprefix("/").split("/", 4)
                    self.send_file(hub.folder / owner / name / path, with_body)

            def list_files(self, repository: str, with_body: bool) -> None:
                root = hub.folder / repository
                if not root.is_dir():
                    self.reply(404, b"", {"X-Error-Code": "RepoNotFound"}, with_body)
                    return
                files = [path for path in root.rglob("*") if path.is_file()]
                told = {"id": repository, "sha": COMMIT, "siblings": [hub.facts_of(path, root) for path in files],
                        "tags": [], "downloads": 0, "likes": 0, "private": False}  # fmt: skip
                self.reply(200, json.dumps(told).encode(), {"Content-Type": "application/json"}, with_body)

            def send_file(self, path: Path, with_body: bool) -> None:
                if not path.is_file():
                    self.reply(404, b"", {"X-Error-Code": "EntryNotFound"}, with_body)
                    return
                body, digest = path.read_bytes(), hub.digest_of(path)
                facts = {"ETag": f'"{digest}"', "X-Linked-ETag": f'"{digest}"', "X-Repo-Commit": COMMIT,
                         "X-Linked-Size": str(len(body)), "Accept-Ranges": "bytes"}  # fmt: skip
                first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
                if with_body:
                    hub.sent.append(path.relative_to(hub.folder).as_posix())
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
                    hub.hangs_up.wait(PATIENCE)
                    self.close_connection = True
                elif with_body:
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def digest_of(self, path: Path) -> str:
        return hashlib.sha256(b"other" if self.lying else path.read_bytes()).hexdigest()

    def facts_of(self, path: Path, root: Path) -> dict[str, Any]:
        size = self.claimed_size or path.stat().st_size
        large = {"sha256": self.digest_of(path), "size": size, "pointerSize": 130}
        return {
            "rfilename": self.renamed(path.relative_to(root).as_posix()),
            "size": size,
            "blobId": COMMIT,
            "lfs": large,
        }


@contextmanager
def serving(folder: Path) -> Iterator[Hub]:
    hub = Hub(folder)
    thread = threading.Thread(target=hub.server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        hub.server.shutdown()
        hub.server.server_close()
        thread.join()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    tiny.write_checkpoints(tmp_path / "hub" / DIFF_FOLEY / "ckpt")
    with serving(tmp_path / "hub") as hub:
        yield hub


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return tmp_path / "models" / "diff-foley"


def starting(*words: str, hub: Hub | None, weights: Path, **more: str) -> subprocess.Popen[str]:
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
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@dataclass(frozen=True)
class Ran:
    stdout: str
    stderr: str


def ended(process: subprocess.Popen[str], status: int = 0) -> Ran:
    ran = Ran(*process.communicate(timeout=PATIENCE))
    assert process.returncode == status, ran.stderr
    return ran


def footfall(*words: str, hub: Hub | None, weights: Path, status: int = 0, **more: str) -> Ran:
    return ended(starting(*words, hub=hub, weights=weights, **more), status)


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
    said = json.loads(footfall("models", "pull", "diff-foley", "--json", hub=hub, weights=weights).stdout)
    assert said["folder"] == str(weights) and said["weights_licence"]
    assert hub.sent == [], "what is there is not fetched again"

    found = json.loads(footfall("models", "verify", "diff-foley", "--json", hub=hub, weights=weights, status=1).stdout)
    assert [each["found"] for each in found["files"][:3]] == ["unchanged"] * 3
    assert "it does not have spec_encoder" in found["files"][3]["found"], "the toy hears nothing"

    with converted(weights / FILES["cavp"]).open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")
    found = json.loads(footfall("models", "verify", "diff-foley", "--json", hub=hub, weights=weights, status=1).stdout)
    assert [each["file"] for each in found["files"] if "changed since" in each["found"]] == ["cavp_epoch66.safetensors"]

    said = json.loads(footfall("models", "remove", "diff-foley", "--json", hub=hub, weights=weights).stdout)
    assert said["freed_bytes"] > 0
    assert not weights.exists()
    assert "no weights" in footfall("models", "remove", "diff-foley", hub=hub, weights=weights).stdout


def test_what_the_hub_calls_something_else_is_not_kept(hub: Hub, weights: Path) -> None:
    hub.lying = True
    failed = footfall("models", "pull", "diff-foley", hub=hub, weights=weights, status=1)
    assert "arrived damaged" in failed.stderr
    assert not list(weights.glob("*.safetensors"))


@pytest.fixture
def breaking(hub: Hub) -> Hub:
    """The first file it has is longer than what it sends of it at a time."""
    whole = torch.load(hub.folder / DIFF_FOLEY / "ckpt" / FILES["cavp"], weights_only=True)
    whole["optimizer_states"] = torch.zeros(2 * BROKEN_FROM, dtype=torch.uint8)
    torch.save(whole, hub.folder / DIFF_FOLEY / "ckpt" / FILES["cavp"])
    hub.breaking = True
    return hub


def part_of_a_download(weights: Path) -> Path:
    return weights / "download" / DIFF_FOLEY.replace("/", "--") / COMMIT / "ckpt" / f"{FILES['cavp']}.part"


@pytest.mark.parametrize("stop", [subprocess.Popen.kill, subprocess.Popen.terminate])
def test_a_pull_that_was_stopped_goes_on_where_it_was(
    breaking: Hub, weights: Path, stop: Callable[[subprocess.Popen[str]], None]
) -> None:
    breaking.hangs_up.clear()
    stopped = starting("models", "pull", "diff-foley", hub=breaking, weights=weights)
    part = part_of_a_download(weights)
    wait_until(lambda: part.is_file() and part.stat().st_size >= PIECE, "nothing arrives", PATIENCE)
    stop(stopped)
    stopped.communicate(timeout=PATIENCE)
    breaking.hangs_up.set()
    breaking.asked_from.clear()
    footfall("models", "pull", "diff-foley", hub=breaking, weights=weights)
    assert breaking.asked_from[0] == PIECE, "what was there is not fetched again"
    assert listed(breaking, weights) and not (weights / "download").exists()


def test_more_than_the_whole_of_a_file_is_none_of_it(hub: Hub, weights: Path) -> None:
    part = part_of_a_download(weights)
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(2**22))
    footfall("models", "pull", "diff-foley", hub=hub, weights=weights)
    assert listed(hub, weights)


def test_of_two_pulls_at_once_one_waits_for_the_other(hub: Hub, weights: Path) -> None:
    both = [starting("models", "pull", "diff-foley", hub=hub, weights=weights) for _ in range(2)]
    assert [ended(each).stdout.strip() for each in both] == [str(weights)] * 2
    assert len(hub.sent) == len(set(hub.sent)), "nothing is fetched twice"
    assert listed(hub, weights)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_disk_that_is_full_in_the_middle_is_said(hub: Hub, weights: Path) -> None:
    part = part_of_a_download(weights)
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    failed = json.loads(footfall("models", "pull", "diff-foley", "--json", hub=hub, weights=weights, status=1).stdout)
    assert failed["error"] == {"code": "disk_full", "message": f"the disk of {weights} is full"}


def test_a_folder_of_models_that_cannot_be_one_is_named(hub: Hub, weights: Path) -> None:
    weights.parent.write_text("a file")
    failed = footfall("models", "pull", "diff-foley", hub=hub, weights=weights, status=1)
    assert f"{weights.parent} cannot be written to" in failed.stderr and "FOOTFALL_MODELS" in failed.stderr


def test_paths_of_the_hubs_that_lead_elsewhere_are_not_followed(hub: Hub, weights: Path) -> None:
    hub.renamed = lambda path: f"../../../../../{path}"
    failed = footfall("models", "pull", "diff-foley", hub=hub, weights=weights, status=1)
    assert "does not hold cavp_epoch66.ckpt" in failed.stderr
    assert hub.sent == []


@pytest.mark.parametrize(
    ("path", "inside"),
    [("a.ckpt", True), ("ckpt/a.ckpt", True), ("a..b/c", True), ("../a", False), ("b/../../a", False), ("/a", False),
     ("C:/a", False), ("C:a", False), ("..\\a", False), ("\\\\host\\share\\a", False)],
)  # fmt: skip
def test_where_a_path_leads_is_told_for_every_system(path: str, inside: bool) -> None:
    assert store._leads_inside(path) == inside


def test_what_was_fetched_before_needs_no_room_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [store.Published(name, 1000, "", COMMIT) for name in ("whole.ckpt", "begun.ckpt", "other.ckpt")]
    parcel = store.Parcel(model_row("diff-foley").parts[0], tuple(files))
    whole, begun, _ = (store._place_of(DIFF_FOLEY, file, tmp_path) for file in files)
    whole.parent.mkdir(parents=True)
    whole.write_bytes(bytes(1000))
    store._part_of(begun).write_bytes(bytes(300))
    for free in (2700, 2699):
        monkeypatch.setattr(shutil, "disk_usage", lambda folder, free=free: shutil._ntuple_diskusage(4000, 0, free))
        if free == 2700:  # 700 and 1000 to come, and one of them converted
            store._check_room(tmp_path, [parcel])
        else:
            with pytest.raises(DiskFull):
                store._check_room(tmp_path, [parcel])


def test_a_broken_download_goes_on_where_it_stopped(breaking: Hub, weights: Path) -> None:
    footfall("models", "pull", "diff-foley", hub=breaking, weights=weights)
    assert any(0 < first <= BROKEN_FROM for first in breaking.asked_from)
    assert listed(breaking, weights)
    assert converted(weights / FILES["cavp"]).stat().st_size < BROKEN_FROM, "without what training leaves"


def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(hub: Hub, weights: Path) -> None:
    hub.claimed_size = 10**18
    failed = footfall("models", "pull", "diff-foley", hub=hub, weights=weights, status=1)
    assert "need 4000000000.0 GB" in failed.stderr and "are free" in failed.stderr
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
    (weights / CONVERTING).mkdir()  # as a conversion that was killed leaves it
    footfall("models", "remove", "diff-foley", hub=None, weights=weights)
    assert not weights.exists()


def test_a_model_without_weights_has_none_to_fetch(weights: Path) -> None:
    assert "needs no weights" in footfall("models", "verify", "procedural", hub=None, weights=weights).stdout
    assert "needs no weights" in footfall("models", "pull", "procedural", hub=None, weights=weights, status=2).stderr


# ---- weights of several repositories


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    hub_trees.publish(folder)
    return folder


@pytest.fixture
def many(published: Path, tmp_path: Path) -> Iterator[Hub]:
    with serving(Path(shutil.copytree(published, tmp_path / "hub"))) as hub:
        yield hub


@pytest.fixture
def foley_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOOTFALL_MODELS", str(tmp_path / "models"))
    return tmp_path / "models" / "foleycrafter"


def test_weights_of_several_repositories_are_fetched_checked_and_removed(many: Hub, foley_weights: Path) -> None:
    row = model_row("smooth-foley")
    pulled = footfall("models", "pull", "smooth-foley", hub=many, weights=foley_weights)
    assert "fetching auffusion/unet" in pulled.stderr and "converting pytorch_model.bin" in pulled.stderr
    there = {path.relative_to(foley_weights).as_posix() for path in foley_weights.rglob("*") if path.is_file()}
    assert there >= {
        "auffusion/unet/config.json", "auffusion/unet/diffusion_pytorch_model.safetensors",
        "auffusion/text_encoder/model.safetensors", "auffusion/tokenizer/merges.txt",
        "auffusion/scheduler/scheduler_config.json", "image_encoder/model.safetensors",
        "label_encoder/model.safetensors", "label_encoder/vocab.json", "semantic/semantic_adapter.safetensors",
        "temporal_adapter.safetensors", "timestamp_detector.pth.safetensors", "vocoder/config.json",
    }  # fmt: skip
    assert not [name for name in there if "fp16" in name or "ip-adapter_sd15" in name or name.endswith(".bin")]
    assert not (foley_weights / "download").exists()
    kept = load_file(foley_weights / "label_encoder" / "model.safetensors")
    assert kept and all(key.startswith("text_") for key in kept), "its other half sees, which nothing asks for"
    sent = list(many.sent)
    assert len(sent) == len(set(sent))

    found = list(store.verify(row))
    assert all(each.good for each in found), found
    assert found[-1].found == "all networks find their weights"
    assert {each.found for each in found[:-1]} == {"unchanged", "there, without a checksum"}

    with (foley_weights / "auffusion/unet/diffusion_pytorch_model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")
    changed = next(each for each in store.verify(row) if not each.good)
    assert changed.file == "auffusion/unet" and "diffusion_pytorch_model.safetensors" in changed.found

    (foley_weights / "mine.txt").write_text("notes")
    assert store.remove(row) > 0
    assert [path.name for path in foley_weights.iterdir()] == ["mine.txt"]


def test_a_part_that_was_lost_is_fetched_again_and_nothing_else(many: Hub, foley_weights: Path) -> None:
    footfall("models", "pull", "foleycrafter", hub=many, weights=foley_weights)
    assert not (foley_weights / "label_encoder").exists(), "which only smooth-foley asks for"
    shutil.rmtree(foley_weights / "auffusion" / "vae")
    assert missing_files(model_row("foleycrafter")) == ["auffusion/vae"]
    many.sent.clear()
    footfall("models", "pull", "foleycrafter", hub=many, weights=foley_weights)
    assert {Path(path).parent.as_posix() for path in many.sent} == {f"{hub_trees.BASE}/vae"}
    assert missing_files(model_row("foleycrafter")) == []


def test_nothing_is_fetched_while_a_repository_that_is_needed_is_out_of_reach(many: Hub, foley_weights: Path) -> None:
    shutil.rmtree(many.folder / hub_trees.IMAGES)
    failed = footfall("models", "pull", "foleycrafter", hub=many, weights=foley_weights, status=1)
    assert f"cannot be fetched from {hub_trees.IMAGES}" in failed.stderr and "image_encoder" in failed.stderr
    assert many.sent == []


def test_a_repository_that_the_model_can_do_without_may_be_out_of_reach(many: Hub, foley_weights: Path) -> None:
    shutil.rmtree(many.folder / hub_trees.LABELS)
    pulled = footfall("models", "pull", "smooth-foley", hub=many, weights=foley_weights)
    assert "without label_encoder" in pulled.stderr
    assert missing_files(model_row("smooth-foley")) == []


@pytest.mark.parametrize("layout", ["checkpoints/auffusion", "auffusion-full-no-adapter", "."])
def test_folders_put_there_by_hand_are_seen_where_others_keep_them(
    foley_weights: Path, published: Path, layout: str
) -> None:
    shutil.copytree(published / hub_trees.BASE, foley_weights / layout, dirs_exist_ok=True)
    missing = missing_files(model_row("foleycrafter"))
    assert "image_encoder" in missing and not [part for part in missing if part.startswith("auffusion")]


def test_of_a_checkpoint_only_what_the_model_reads_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTFALL_MODELS", str(tmp_path / "models"))
    place, row = tmp_path / "models" / "vta-ldm", model_row("vta-ldm")
    tiny_vta.write_tree(tmp_path / "hub" / row.parts[0].repository)
    with serving(tmp_path / "hub") as hub:
        footfall("models", "pull", "vta-ldm", hub=hub, weights=place)
    keys = set(load_file(place / "audioldm-s-full.safetensors"))
    assert "scale_factor" in keys and not any(key.startswith("model.diffusion_model") for key in keys)
    assert json.loads((place / "summary.jsonl").read_text().splitlines()[0])["embedding_dim"] == tiny_vta.WIDTH
    assert missing_files(model_row("vta-ldm-original")) == [], "whose weights are the same"


def test_weights_that_nobody_publishes_are_ones_own_to_put_there(weights: Path) -> None:
    failed = footfall("models", "pull", "multifoley", hub=None, weights=weights, status=2)
    assert "nobody publishes weights of multifoley" in failed.stderr
