"""The codec learns to give sounds back, each loss says what it should, and training goes on where it stopped."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from footfall_bridge.errors import BadRequest, ModelFailed
from footfall_engine.models.multifoley import codec as codecs
from footfall_engine.models.multifoley.codec import OobleckShape
from footfall_engine.models.multifoley.sizes import SAMPLE_RATE
from footfall_engine.training import codec_losses as losses
from footfall_engine.training import curves, state
from footfall_engine.training.codec_losses import Discriminator, Shares
from footfall_engine.training.codec_training import CODEC_FILE, CodecRecipe, CodecRow, CodecTrainer, Losses
from footfall_engine.training.crew import Crew
from footfall_engine.training.loop import mean_of

from tests.engine.neural.golden import torch
from tests.engine.neural.training.pair import run_as_two

ALONE = Crew(0, 1, torch.device("cpu"))
SHAPE = OobleckShape(latent_channels=4, decoder_width=4, multiples=(1, 2), strides=(10, 10))
RECIPE = CodecRecipe(
    steps=6, batch=4, seconds=0.05, rate=5e-3, judge_rate=3e-3, warm_up=0.5, average=0.9,
    judge_width=4, judge_ffts=(256,), held_out_items=4, look_every=3, save_every=100,
)  # fmt: skip


@dataclass(frozen=True)
class Tones:
    """Sines of any pitch that die away."""

    seconds: float = RECIPE.seconds
    channels: int = 1

    def draw_sound(self, rng: np.random.Generator, /) -> torch.Tensor:
        time = np.arange(round(self.seconds * SAMPLE_RATE)) / SAMPLE_RATE
        hz, decay = rng.uniform(200, 2000, (self.channels, 1)), rng.uniform(2, 20, (self.channels, 1))
        sound = 0.5 * np.sin(2 * np.pi * hz * time) * np.exp(-decay * time)
        return torch.from_numpy(sound.astype(np.float32))


def _trainer(recipe: CodecRecipe = RECIPE, shape: OobleckShape = SHAPE, crew: Crew = ALONE) -> CodecTrainer:
    return CodecTrainer(shape, recipe, crew)


def _noise(seed: int, channels: int = 1, samples: int = 9600) -> torch.Tensor:
    return 0.1 * torch.randn(2, channels, samples, generator=torch.Generator().manual_seed(seed))


# ---- losses


@pytest.mark.parametrize("channels", [1, 2])
def test_spectra_of_equal_sounds_are_at_no_distance_and_of_others_the_farther_the_more_they_differ(
    channels: int,
) -> None:
    sound, other = _noise(0, channels), _noise(1, channels)
    distances = [losses.spectral_loss(sound + share * other, sound).item() for share in (0, 0.01, 0.1, 1)]
    assert distances[0] == 0
    assert distances == sorted(distances)
    assert losses.spectral_loss(-sound, sound) < 1e-5  # phases turned round: the same spectra


def test_swapped_sides_are_heard_in_stereo_and_so_is_a_side_turned_round() -> None:
    sound = _noise(0, 2)
    turned = sound * torch.tensor([1.0, -1.0])[:, None]
    assert losses.spectral_loss(sound.flip(1), sound) > 0.1
    assert losses.spectral_loss(turned, sound) > 0.1


def test_the_ear_hears_a_fault_at_3_khz_more_than_one_at_50_hz() -> None:
    time = torch.arange(24_000) / SAMPLE_RATE
    quiet_noise = _noise(2, samples=24_000)[:1]
    faults = [quiet_noise + 0.1 * torch.sin(2 * math.pi * hz * time) for hz in (50, 3000)]
    low, high = (losses.spectral_loss(fault, quiet_noise, ffts=(2048,)) for fault in faults)
    assert high > low


@pytest.mark.parametrize(("hz", "db"), [(31.62, -39.4), (100, -19.1), (1000, 0.0), (3981, 1.0), (15_849, -6.6)])
def test_weighting_is_that_of_the_standard(hz: float, db: float) -> None:
    ratio = losses._a_weighting(torch.tensor(hz)) / losses._a_weighting(torch.tensor(1000.0))
    assert 20 * math.log10(ratio) == pytest.approx(db, abs=0.1)


def test_silence_has_a_finite_loss_and_gradient() -> None:
    made = torch.zeros(1, 1, 4800, requires_grad=True)
    loss = losses.spectral_loss(made, torch.zeros(1, 1, 4800)) + losses.spectral_loss(made, _noise(0)[:1, :, :4800])
    loss.backward()
    assert loss.isfinite()
    assert made.grad is not None and made.grad.isfinite().all()


def test_errors_in_silence_weigh_as_those_in_faint_sound_and_not_without_end() -> None:
    silence, faint = torch.zeros(1, 1, 9600), 1e-3 * _noise(3)[:1]
    assert losses.spectral_loss(0.01 * _noise(0)[:1] + silence, silence) < 10
    assert losses.spectral_loss(faint + _noise(0)[:1], faint) < 110
    assert losses.spectral_loss(faint, silence) < losses.spectral_loss(_noise(0)[:1], silence)


def test_latents_of_a_unit_normal_cost_nothing_and_others_as_diffusers_has_it() -> None:
    from diffusers.models.autoencoders.autoencoder_oobleck import OobleckDiagonalGaussianDistribution

    assert losses.kl_loss(torch.zeros(2, 3, 5), torch.ones(2, 3, 5)) == 0
    theirs = OobleckDiagonalGaussianDistribution(torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(losses.kl_loss(theirs.mean, theirs.std), theirs.kl())


def test_hinge_losses_are_those_of_verdicts_set_by_hand() -> None:
    def scales(*verdicts: float) -> list[list[torch.Tensor]]:
        return [[torch.tensor([verdict - 5]), torch.tensor([verdict])] for verdict in verdicts]

    real, made = scales(2.0, 0.5), scales(-3.0, 0.25)
    assert losses.discriminator_loss(real, made).item() == pytest.approx((0 + 0 + 0.5 + 1.25) / 2)
    assert losses.adversarial_loss(made).item() == pytest.approx((3.0 - 0.25) / 2)
    assert losses.feature_loss(real, made).item() == pytest.approx((5 + 0.25) / 2)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_discriminator_learns_to_tell_tones_from_noise(channels: int) -> None:
    torch.manual_seed(0)
    judge = Discriminator(channels, width=4, ffts=(512, 128))
    optimiser = torch.optim.AdamW(judge.parameters(), 1e-2)
    tones = torch.stack([Tones(0.2, channels).draw_sound(np.random.default_rng(seed)) for seed in range(4)])
    for seed in range(15):
        loss = losses.discriminator_loss(judge(tones), judge(10 * _noise(seed, channels)))
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    fresh = torch.stack([Tones(0.2, channels).draw_sound(np.random.default_rng(100))])
    for scale_of_tone, scale_of_noise in zip(judge(fresh), judge(10 * _noise(100, channels)), strict=True):
        assert scale_of_tone[-1].mean() > scale_of_noise[-1].mean() + 0.3


# ---- training


def test_the_codec_learns_to_give_back_sounds_that_it_has_not_heard(tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=30, look_every=5)
    rows: list[CodecRow] = []
    _trainer(recipe).run(Tones(), tmp_path, held_out=Tones(), tell=rows.append)
    assert [row.step for row in rows] == [5, 10, 15, 20, 25, 30]
    assert rows[-1].spectral < 0.7 * rows[0].spectral
    assert rows[-1].held_out < 0.7 * rows[0].held_out
    assert curves.read(tmp_path, CodecRow)[-1].step == 30
    assert (tmp_path / curves.PNG_FILE).stat().st_size > 1000


def test_the_trained_codec_is_read_from_disk_with_latents_of_unit_spread(tmp_path: Path) -> None:
    trainer = _trainer()
    trainer.run(Tones(), tmp_path)
    codec = codecs.load(tmp_path / CODEC_FILE)
    sounds = torch.stack([Tones().draw_sound(np.random.default_rng(seed)) for seed in range(32)])
    latents = codec.encode(sounds)
    assert latents.std((0, 2)).sub(1).abs().max() < 0.5
    assert torch.equal(
        codec.network.state_dict()["encoder.conv1.weight_v"], _averaged(trainer, "encoder.conv1.weight_v")
    )


def _averaged(trainer: CodecTrainer, key: str) -> torch.Tensor:
    return trainer.averaged.network.state_dict()[key]


def test_training_that_was_interrupted_ends_as_training_that_was_not(tmp_path: Path) -> None:
    whole, first, second = _trainer(), _trainer(replace(RECIPE, steps=2)), _trainer()
    whole.run(Tones(), tmp_path / "whole")
    first.run(Tones(), tmp_path / "parts")
    second.run(Tones(), tmp_path / "parts")
    assert second.step == whole.step == RECIPE.steps
    for ours, theirs in ((whole.student, second.student), (whole.averaged, second.averaged)):
        for (key, value), other in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
            assert torch.equal(value, other), key


def test_a_batch_in_parts_teaches_what_the_whole_batch_does() -> None:
    whole, parts = _trainer(), _trainer(replace(RECIPE, parts=2))
    once = whole.train(next(whole.batches(Tones())))
    twice = parts.train(next(parts.batches(Tones())))
    assert once.judge == pytest.approx(twice.judge.item(), rel=1e-4)
    for ours, theirs in zip(whole.averaged.parameters(), parts.averaged.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=2e-3)


def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    alone, together = _trainer(replace(RECIPE, steps=2)), _trainer(replace(RECIPE, steps=2))
    alone.run(Tones(), tmp_path / "alone")
    run_as_two(Path(__file__).with_name("one_of_two_codecs.py"), str(tmp_path / "both"))
    state.resume(together, tmp_path / "both")
    assert together.step == 2
    for one, other in zip(alone.averaged.parameters(), together.averaged.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize(("channels", "precision"), [(2, torch.float32), (1, torch.bfloat16), (2, torch.bfloat16)])
def test_stereo_and_half_precision_are_learnt_in_too(channels: int, precision: torch.dtype) -> None:
    trainer = CodecTrainer(replace(SHAPE, channels=channels), RECIPE, ALONE, precision)
    batches = trainer.batches(Tones(channels=channels))
    for _ in range(2):
        learnt = trainer.train(next(batches))
        assert all(torch.isfinite(loss) for loss in vars(learnt).values())
    assert {weight.dtype for weight in trainer.codec.parameters()} == {torch.float32}


def test_each_network_follows_its_own_loss_alone() -> None:
    trainer = _trainer(replace(RECIPE, shares=Shares(0, 0, 0, 0), weight_decay=0))
    before = {key: value.clone() for key, value in trainer.student.state_dict().items()}
    trainer.train(next(trainer.batches(Tones())))
    changed = {key.split(".")[0] for key, value in trainer.student.state_dict().items() if not value.equal(before[key])}
    assert changed == {"judge"}


def test_the_discriminator_waits_for_its_step() -> None:
    trainer = _trainer(replace(RECIPE, judged_from=1))
    batches = trainer.batches(Tones())
    first, second = (trainer.train(next(batches)) for _ in range(2))
    assert first.judge == first.features == first.adversarial == 0
    assert second.judge > 0 and second.features > 0


def test_rates_rise_fast_and_fall_slowly() -> None:
    recipe = CodecRecipe()
    assert recipe.rate_share(0) == pytest.approx(1e-3)
    assert recipe.rate_share(5000) == pytest.approx(1, abs=0.02)
    assert recipe.rate_share(600_000) == pytest.approx(0.5, abs=1e-3)


def test_a_loss_that_is_no_number_stops_training(tmp_path: Path) -> None:
    class Broken(Tones):
        def draw_sound(self, rng: np.random.Generator, /) -> torch.Tensor:
            return super().draw_sound(rng) * math.nan

    with pytest.raises(ModelFailed, match="spectral is nan after step 3"):
        _trainer().run(Broken(), tmp_path)
    assert not (tmp_path / CODEC_FILE).exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"batch": 3, "parts": 2}, "a batch of 3 cannot be divided by 1 processes × 2 parts"),
        ({"seconds": 0.0511}, "0.0511 s are no whole number of columns of 100 samples"),
    ],
)
def test_recipes_that_cannot_be_followed_are_refused(change: dict[str, float], said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        _trainer(replace(RECIPE, **change))


def test_sounds_of_another_shape_are_refused() -> None:
    trainer = _trainer()
    with pytest.raises(BadRequest, match=r"of shape \(1, 2400\), not \(2, 2400\)"):
        next(trainer.batches(Tones(channels=2)))


def test_means_are_of_each_loss() -> None:
    low, high = (Losses(*(torch.tensor(float(value + number)) for number in range(5))) for value in (0, 2))
    mean = mean_of([low, high])
    assert (mean.spectral, mean.judge) == (1, 5)
