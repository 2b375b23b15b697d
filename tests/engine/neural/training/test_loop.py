"""The loop: resumed is uninterrupted, parts are the whole, and what it leaves behind can be used."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from footfall_bridge.errors import BadRequest, ModelFailed, WeightsUnusable
from footfall_engine.models.multifoley import checkpoint
from footfall_engine.models.multifoley.checkpoint import Config, Track
from footfall_engine.models.multifoley.text import T5_WIDTH
from footfall_engine.training import curves, network_training, state
from footfall_engine.training.examples import Example
from footfall_engine.training.network_training import NetworkRow, NetworkTrainer
from footfall_engine.training.rendered import HELD_OUT

from tests.engine.neural.training.pair import run_as_two
from tests.engine.neural.training.small import CODEC, CREW, RECIPE, SECONDS, SIZE, rendered, trained, trainer


def tensors(of: NetworkTrainer) -> dict[str, torch.Tensor]:
    moments = {
        f"{number}.{key}": tensor
        for number, moments in of.optimiser.state_dict()["state"].items()
        for key, tensor in moments.items()
    }
    student = {f"student.{key}": tensor for key, tensor in of.student.state_dict().items()}
    averaged = {f"averaged.{key}": tensor for key, tensor in of.averaged.state_dict().items()}
    return student | averaged | moments


def assert_same_bits(one: NetworkTrainer, other: NetworkTrainer) -> None:
    left, right = tensors(one), tensors(other)
    assert left.keys() == right.keys()
    assert [key for key in left if not torch.equal(left[key], right[key])] == []
    assert one.step == other.step


# ---- going on


@pytest.mark.parametrize("stopped_at", [1, 2, 5])
def test_training_resumed_equals_training_uninterrupted_bit_for_bit(tmp_path: Path, stopped_at: int) -> None:
    uninterrupted = trained(tmp_path / "one")
    trained(tmp_path / "two", replace(RECIPE, steps=stopped_at))
    torch.rand(7)  # whatever else happens to the generators of the process
    np.random.rand(7)
    assert_same_bits(trained(tmp_path / "two"), uninterrupted)
    one, two = (
        [(row.step, row.loss) for row in curves.read(tmp_path / name, NetworkRow) if row.step in (2, 4, 6)]
        for name in ("one", "two")
    )
    assert {step for step, _ in one} == {2, 4, 6}
    if stopped_at == 2:
        assert one == two


def test_training_that_was_killed_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    uninterrupted = trained(tmp_path / "one")

    class Killed(Exception):
        pass

    def kill(row: NetworkRow) -> None:
        if row.step == 4:  # after the checkpoint of step 2, before that of step 4
            raise Killed

    with pytest.raises(Killed):
        trainer().run(rendered(), tmp_path / "two", tell=kill)
    assert_same_bits(trained(tmp_path / "two"), uninterrupted)
    assert [row.step for row in curves.read(tmp_path / "two", NetworkRow)] == [2, 4, 6]


def test_finished_training_changes_nothing_when_it_is_asked_to_go_on(tmp_path: Path) -> None:
    first = trained(tmp_path)
    assert_same_bits(trained(tmp_path), first)


def test_a_run_that_is_to_stop_ends_with_a_checkpoint(tmp_path: Path) -> None:
    stopped = trainer()
    stopped.run(rendered(), tmp_path, stop=lambda: True)
    assert stopped.step == 1
    assert_same_bits(trained(tmp_path), trained(tmp_path / "uninterrupted"))


def test_another_recipe_cannot_go_on(tmp_path: Path) -> None:
    trained(tmp_path, replace(RECIPE, steps=1))
    noted = (tmp_path / state.RECIPE_FILE).read_text()
    with pytest.raises(BadRequest, match=r"another rate \(0.001, not 0.002\)"):
        trained(tmp_path, replace(RECIPE, rate=0.002))
    assert (tmp_path / state.RECIPE_FILE).read_text() == noted


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(1)}, tmp_path / state.FILE)
    with pytest.raises(WeightsUnusable, match="not what training goes on from"):
        trained(tmp_path)


# ---- the same batch, worked on otherwise


def test_a_batch_in_parts_trains_as_a_whole_one_does(tmp_path: Path) -> None:
    whole, parts = trained(tmp_path / "one"), trained(tmp_path / "two", replace(RECIPE, parts=2))
    for one, other in zip(whole.student.parameters(), parts.student.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=2e-5)


def test_a_batch_that_cannot_be_divided_is_refused() -> None:
    with pytest.raises(BadRequest, match="a batch of 4 cannot be divided by 1 processes × 3 parts"):
        trainer(replace(RECIPE, parts=3))


@pytest.mark.heavy
def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    alone = trained(tmp_path / "alone", replace(RECIPE, steps=3))
    run_as_two(Path(__file__).with_name("one_of_two.py"), str(tmp_path / "both"))
    together = trainer(replace(RECIPE, steps=3))
    state.resume(together, tmp_path / "both")
    assert together.step == 3
    for one, other in zip(alone.student.parameters(), together.student.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=2e-5)


# ---- what it does to the weights


def test_the_averaged_weights_follow_the_trained_ones(tmp_path: Path) -> None:
    one = trainer()
    before = [parameter.clone() for parameter in one.averaged.parameters()]
    now = [parameter.clone() for parameter in one.student.parameters()]
    one.run(rendered(), tmp_path, stop=lambda: True)
    share = 1 - one.recipe.average_at(0)
    for mean, start, moved, old in zip(one.averaged.parameters(), before, one.student.parameters(), now, strict=True):
        assert torch.equal(start, old)
        torch.testing.assert_close(mean, start + share * (moved - start))


def test_the_rate_rises_to_its_full_height() -> None:
    assert [replace(RECIPE, warm_up=4, rate=1.0).rate_at(step) for step in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]


def test_gradients_are_clipped_before_they_count(tmp_path: Path) -> None:
    clipped = trained(tmp_path, replace(RECIPE, steps=1, clip=1e-6))
    norms = [moments["exp_avg"].norm() / 0.1 for moments in clipped.optimiser.state_dict()["state"].values()]
    assert float(torch.stack(norms).norm()) == pytest.approx(1e-6, rel=0.01)


def test_a_loss_that_is_no_number_ends_training_and_spares_the_checkpoint(tmp_path: Path) -> None:
    trained(tmp_path, replace(RECIPE, steps=2))

    class Broken:
        captions = ("metal hammer",)

        def draw(self, rng: np.random.Generator) -> Example:
            good = rendered().draw(rng)
            return replace(good, latents=good.latents * torch.nan)

    with pytest.raises(ModelFailed, match="loss is nan after step 4"):
        trainer().run(Broken(), tmp_path)
    assert_same_bits(trained(tmp_path), trained(tmp_path / "whole"))


# ---- what it leaves


def test_what_is_left_behind_is_the_averaged_network_as_the_engine_loads_it(tmp_path: Path) -> None:
    one = trained(tmp_path)
    there = checkpoint.load(tmp_path / network_training.MODEL_FOLDER)
    assert there.config == one.config
    assert there.words is not None
    assert one.averaged.words is not None
    for made, kept in ((there.network, one.averaged.network), (there.words, one.averaged.words)):
        assert [
            key for key, tensor in made.state_dict().items() if not torch.equal(tensor, kept.state_dict()[key])
        ] == []


def test_curves_are_a_table_and_a_picture(tmp_path: Path) -> None:
    trainer().run(rendered(), tmp_path, rendered(HELD_OUT))
    with (tmp_path / curves.CSV_FILE).open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [int(row["step"]) for row in rows] == [2, 4, 6]
    assert all(float(row["held_out"]) > 0 and float(row["loss"]) > 0 for row in rows)
    assert (tmp_path / curves.PNG_FILE).read_bytes().startswith(b"\x89PNG")


def test_the_checkpoint_says_by_which_recipe_it_was_made(tmp_path: Path) -> None:
    from safetensors import safe_open

    trained(tmp_path)
    with safe_open(tmp_path / state.FILE, "pt") as file:
        noted = json.loads(file.metadata()["footfall"])
    assert noted["step"] == 6
    assert noted["recipe"]["span"]["probability"] == 0.25


class Reader:
    """As T5: frozen, and outside of what is trained."""

    width = T5_WIDTH

    def __call__(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        lengths = torch.tensor([len(text) for text in texts])
        tokens = lengths[:, None, None] / 30 + torch.linspace(-1, 1, self.width)[None, None]
        return tokens, torch.ones(len(texts), 1, dtype=torch.bool)


def test_text_can_be_read_by_an_encoder_that_is_not_trained(tmp_path: Path) -> None:
    reader = Reader()
    config = Config(SIZE, Track.EVENTS, "spectral", seconds=SECONDS)
    one = NetworkTrainer(config, CODEC, RECIPE, CREW, reader)
    one.run(rendered(), tmp_path)
    assert one.averaged._frozen_text[0] is reader
    there = checkpoint.load(tmp_path / network_training.MODEL_FOLDER)
    assert there.words is None
    assert there.network.null_text.shape == (T5_WIDTH,)


def test_without_words_or_an_encoder_nothing_can_be_read() -> None:
    with pytest.raises(BadRequest, match="needs T5"):
        NetworkTrainer(Config(SIZE, Track.EVENTS, "spectral", seconds=SECONDS), CODEC, RECIPE, CREW)


def test_bfloat16_trains_as_well_as_float32(tmp_path: Path) -> None:
    """On a CPU this shows that the loop bears it; it is used where it is fast."""
    losses = {}
    for precision in (torch.float32, torch.bfloat16):
        made = NetworkTrainer(trainer().config, CODEC, RECIPE, CREW, precision=precision)
        made.run(rendered(), tmp_path / str(precision))
        losses[precision] = curves.read(tmp_path / str(precision), NetworkRow)[-1].loss
        assert {parameter.dtype for parameter in made.student.parameters()} == {torch.float32}
    assert losses[torch.bfloat16] == pytest.approx(losses[torch.float32], rel=0.05)
