"""What a real engine says when weights are missing, broken, of something else, unsafe, or not to be sold."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from footfall_bridge.messages import Failed
from footfall_engine import contacts
from footfall_engine.models.diff_foley.model import FILES
from footfall_engine.models.weights import read_weights, ready_weights
from footfall_engine.resident import Resident

from tests.clips import cut_short
from tests.engine.neural.golden import torch
from tests.engine.neural.resident import engine_with, events_of, failure_of, stems_in, write_tree

CAVP, LDM = FILES["cavp"], FILES["unet"]


@pytest.fixture(scope="module")
def sound_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def tree(broken: tuple[Resident, Path], sound_tree: Path) -> Iterator[Path]:
    """One engine for all trees; it has never loaded a whole one, so it looks at the files each time."""
    folder = broken[1] / "diff-foley"
    shutil.copytree(sound_tree, folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "hammer.mp4"
    contacts.render_clip(path, contacts.Scene("hammer", duration=1.0, width=160, height=90))
    return path


@pytest.fixture
def asked(clip: Path, tmp_path: Path) -> dict[str, Any]:
    return {"type": "generate", "video": str(clip), "stem_folder": str(tmp_path), "model": "diff-foley", "steps": 1}


@pytest.fixture
def failed(broken: tuple[Resident, Path], asked: dict[str, Any], tmp_path: Path) -> Iterator[Any]:
    """Asks for sound in vain; the engine makes the next one, with another model, all the same."""
    engine, _ = broken
    yield lambda: failure_of(engine, **asked)
    assert not list(tmp_path.glob("*.wav")), "no file is left of the job"
    assert stems_in(events_of(engine, **{**asked, "model": "procedural"}))


def rewrite(path: Path, change: Any) -> None:
    """Write a checkpoint again with its state dict changed."""
    found = torch.load(path, weights_only=True)
    change(found["state_dict"])
    torch.save(found, path)


@pytest.mark.parametrize("file", sorted(set(FILES.values())))
def test_a_missing_file_is_named_with_the_command_that_fetches_it(failed: Any, tree: Path, file: str) -> None:
    (tree / file).unlink()
    failure: Failed = failed()
    assert failure.code == "weights_missing"
    assert "`footfall models pull diff-foley`" in failure.message
    assert file in failure.message and str(tree) in failure.message


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_checkpoint_cut_short_is_named(failed: Any, tree: Path, share: float) -> None:
    cut_short(tree / LDM, share)
    failure: Failed = failed()
    assert failure.code == "weights_unusable"
    assert LDM in failure.message and "cut short" in failure.message
    assert not (tree / LDM).with_suffix(".safetensors").exists()


def test_a_checkpoint_of_something_else_is_named_with_what_it_lacks_and_has_besides(failed: Any, tree: Path) -> None:
    torch.save({"state_dict": {"bert.pooler.weight": torch.zeros(3, 3)}}, tree / CAVP)
    failure: Failed = failed()
    assert failure.code == "weights_unusable"
    assert "cavp_epoch66" in failure.message
    assert "logit_scale" in failure.message and "bert.pooler.weight" in failure.message
    assert "video_encoder.layer4.2.conv3.conv.weight" in failure.detail, "all of them"


def test_weights_of_other_sizes_are_named_with_both(failed: Any, tree: Path) -> None:
    (tree / "config.json").write_text('{"cavp": {"base_channels": 4, "audio_channels": null}}')
    failure: Failed = failed()
    assert failure.code == "weights_unusable"
    assert "(2, 3, 1, 7, 7) instead of (4, 3, 1, 7, 7)" in failure.detail


def test_a_wrong_size_beside_the_weights_is_named(failed: Any, tree: Path) -> None:
    (tree / "config.json").write_text('{"unet": {"channels": "wide"}}')
    failure: Failed = failed()
    assert failure.code == "weights_unusable"
    assert f"{tree / 'config.json'}: unet.channels:" in failure.message


def test_a_missing_key_is_named(failed: Any, tree: Path) -> None:
    rewrite(tree / CAVP, lambda state: state.pop("module.video_encoder.conv1.conv.weight"))
    failure: Failed = failed()
    assert "does not have video_encoder.conv1.conv.weight" in failure.message


class Burglar:
    """Asks whoever unpickles it to make a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("how", ["zip", "bare pickle"])
def test_a_checkpoint_that_asks_to_run_code_is_refused_and_runs_nothing(
    failed: Any, tree: Path, tmp_path: Path, how: str
) -> None:
    trace = tmp_path / "trace"
    unsafe = {"state_dict": {"weight": torch.zeros(3)}, "callbacks": Burglar(trace)}
    if how == "zip":
        torch.save(unsafe, tree / CAVP)
    else:
        (tree / CAVP).write_bytes(pickle.dumps(unsafe, protocol=2))
    failure: Failed = failed()
    assert failure.code == "weights_unusable"
    assert CAVP in failure.message and "code" in failure.message
    assert not trace.exists()


def test_a_right_checkpoint_put_in_the_place_of_a_wrong_one_is_taken(tree: Path, sound_tree: Path) -> None:
    torch.save({"state_dict": {"bert.pooler.weight": torch.zeros(3, 3)}}, tree / CAVP)
    assert set(read_weights(ready_weights("diff-foley", CAVP, tree))) == {"bert.pooler.weight"}
    shutil.copy2(sound_tree / CAVP, tree / CAVP)  # which is older
    assert "logit_scale" in read_weights(ready_weights("diff-foley", CAVP, tree))


def test_an_engine_for_commercial_use_refuses_what_may_not_be_sold(
    broken: tuple[Resident, Path], asked: dict[str, Any], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with engine_with(broken[1], home, licence="commercial") as engine:
        failure = failure_of(engine, **asked)
        assert failure.code == "licence"
        assert "diff-foley" in failure.message and "OpenRAIL" in failure.message
        assert stems_in(events_of(engine, **{**asked, "model": "procedural"}))
