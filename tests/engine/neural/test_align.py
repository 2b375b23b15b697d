"""Align Acc: the evaluation classifier on clips and sounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footfall_engine import contacts
from footfall_engine.media.audio import Recording
from footfall_engine.models.diff_foley import layout
from footfall_engine.models.diff_foley.align import EVALUATION_FILE, AlignmentJudge, _windows
from footfall_engine.models.diff_foley.model import FILES
from footfall_engine.progress import no_progress

from tests.engine.neural import tiny
from tests.engine.neural.golden import torch


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "balls.mp4"
    contacts.render_clip(path, contacts.Scene(duration=13.0, width=160, height=90))
    return path


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> AlignmentJudge:
    folder = tmp_path_factory.mktemp("weights")
    tiny.write_checkpoints(folder)
    state = {**tiny.random_weights("vae"), **tiny.random_weights("alignment")}
    torch.save({"state_dict": state}, folder / EVALUATION_FILE)
    assert FILES["cavp"] in {path.name for path in folder.iterdir()}
    return AlignmentJudge(folder, tiny.CPU, tiny.SHAPE)


def noise(seconds: float, seed: int) -> Recording:
    return Recording(
        np.random.default_rng(seed).uniform(-0.3, 0.3, (2, round(48_000 * seconds))).astype(np.float32), 48_000
    )


def test_each_window_is_judged_alike_every_time_and_by_its_sound(judge: AlignmentJudge, clip: Path) -> None:
    found = judge.judge(clip, noise(13, 0), no_progress)
    assert [each.start for each in found] == [0.0, 8.0]
    assert all(0 < each.probability < 1 for each in found)
    assert judge.judge(clip, noise(13, 0), no_progress) == found
    silence = Recording(np.zeros((1, 13 * 16_000), np.float32), 16_000)
    assert judge.judge(clip, silence, no_progress)[0].probability != found[0].probability


def test_the_networks_are_asked_as_in_the_original(
    judge: AlignmentJudge, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clean latents at time 0, with rows through the classifier's own embedding."""
    _, vae, alignment = judge._networks()
    asked: list[tuple[torch.Tensor, ...]] = []
    forward = alignment.model.forward
    embedded = recorded(monkeypatch, alignment.cond_model, "forward")

    def heard(*given: torch.Tensor) -> torch.Tensor:
        asked.append(given)
        return forward(*given)

    monkeypatch.setattr(alignment.model, "forward", heard)
    judge.judge(clip, noise(13, 0), no_progress)
    latents, time, rows = asked[0]
    assert torch.equal(rows, embedded[0][1])
    assert latents.shape == (1, 4, 16, layout.COLUMNS)
    assert time.tolist() == [0.0]
    assert rows.shape == (1, layout.ROWS, tiny.SHAPE.classifier.features)
    assert vae.config.scaling_factor == 0.18215


def test_windows_hear_and_see_their_own_part_of_a_clip(
    judge: AlignmentJudge, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """8 s of silence and 5 s of noise, which a window repeats; latents are drawn as in training, and scaled."""
    cavp, vae, alignment = judge._networks()
    seen = recorded(monkeypatch, cavp, "encode_video")
    heard = recorded(monkeypatch, vae, "encode")
    asked = recorded(monkeypatch, alignment.model, "forward")
    sound = noise(13, 0)
    sound.samples[:, : 8 * 48_000] = 0
    judge.judge(clip, sound, no_progress)

    (silence, _), (repeated, drawn) = heard
    assert silence[..., :480].max() == 0 < repeated[..., :480].max()
    assert torch.allclose(repeated[..., 400:500].mean(), repeated[..., 20:120].mean(), rtol=0.1)
    rows = 16
    assert not torch.equal(seen[0][0][:, :rows], seen[1][0][:, :rows])
    noise_of_it = (asked[1][0] / vae.config.scaling_factor - drawn[0].mean) / drawn[0].std
    assert abs(float(noise_of_it.mean())) < 0.1 and abs(float(noise_of_it.std()) - 1) < 0.1


def recorded(monkeypatch: pytest.MonkeyPatch, network: torch.nn.Module, method: str) -> list[tuple[Any, Any]]:
    """What a network is given first, and what it makes of it, each time it is asked."""
    told: list[tuple[Any, Any]] = []
    asked = getattr(network, method)

    def ask(*given: Any, **options: Any) -> Any:
        made = asked(*given, **options)
        told.append((given[0], made))
        return made

    monkeypatch.setattr(network, method, ask)
    return told


def test_both_channels_are_heard(judge: AlignmentJudge, clip: Path) -> None:
    left = noise(13, 0).samples[:1]
    apart = Recording(np.concatenate([left, -left]), 48_000)
    silence = Recording(np.zeros_like(left), 48_000)
    assert judge.judge(clip, apart, no_progress) == judge.judge(clip, silence, no_progress)


@pytest.mark.parametrize(
    ("duration", "starts"), [(2.0, [0]), (8.0, [0]), (8.192, [0]), (11.9, [0]), (12.0, [0, 8]), (24.0, [0, 8, 16])]
)
def test_a_clip_is_judged_every_8_s_and_a_rest_of_half_of_that_too(duration: float, starts: list[float]) -> None:
    assert [start for start, _ in _windows(duration)] == starts
    assert all(start + length <= duration + 1e-9 for start, length in _windows(duration))
