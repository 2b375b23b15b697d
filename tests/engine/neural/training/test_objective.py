"""The masked objective: what is given is not asked for, and each condition is dropped on its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from footfall_bridge.messages import Quality
from footfall_engine.diffusion.schedules import NoiseSchedule, linear_betas
from footfall_engine.models.multifoley.sizes import LATENT_CHANNELS, LATENT_RATE
from footfall_engine.training.examples import Example
from footfall_engine.training.objective import Counted, Drops, Objective, SpanRule, masked_loss
from hypothesis import given as given_by
from hypothesis import strategies as st

COLUMNS, TRACK_CHANNELS, MANY = 120, 5, 2000
SCHEDULE = NoiseSchedule(linear_betas(0.001, 0.02, 50))
ALWAYS = SpanRule(probability=1.0)


def rngs(count: int) -> list[np.random.Generator]:
    return [np.random.default_rng([1, number]) for number in range(count)]


def example(caption: str = "metal hammer", track: bool = True) -> Example:
    generator = torch.Generator().manual_seed(3)
    latents = torch.randn(LATENT_CHANNELS, COLUMNS, generator=generator)
    return Example(latents, torch.ones(TRACK_CHANNELS, COLUMNS) if track else None, caption, Quality.HIGH)


# ---- the loss


def test_columns_that_were_given_do_not_count() -> None:
    noise, given = torch.randn(2, 3, 8), torch.zeros(2, 8)
    given[:, 2:5] = 1
    predicted = noise.clone()
    predicted[:, :, 2:5] += 100
    assert masked_loss(predicted, noise, given) == 0


def test_columns_that_were_not_given_count_as_their_mean_square() -> None:
    noise, given = torch.zeros(1, 2, 4), torch.tensor([[1.0, 0, 0, 1]])
    predicted = torch.tensor([[[9.0, 1, 2, 9], [9, 3, 4, 9]]])
    assert masked_loss(predicted, noise, given).item() == pytest.approx((1 + 4 + 9 + 16) / 4)


def test_a_batch_in_parts_has_the_same_gradient_as_whole() -> None:
    weight = torch.randn(3, requires_grad=True)
    noise, given = torch.randn(4, 3, 8), torch.zeros(4, 8)
    for item in range(4):  # items of which very different shares were given
        given[item, : 2 * item] = 1

    def gradient(items: slice) -> torch.Tensor:
        loss = masked_loss(weight[None, :, None].expand(4, 3, 8)[items], noise[items], given[items])
        return torch.autograd.grad(loss, weight)[0]

    halves = (gradient(slice(0, 2)) + gradient(slice(2, 4))) / 2
    torch.testing.assert_close(halves, gradient(slice(0, 4)))


def test_given_columns_are_clean_and_the_others_noisy_as_their_time_says() -> None:
    batch = Objective(SCHEDULE, TRACK_CHANNELS, ALWAYS).batch(lambda rng: example(), rngs(8))
    clean = example().latents
    for noisy, time, given, noise in zip(batch.noisy, batch.time, batch.given, batch.noise, strict=True):
        known = given.bool()
        expected = SCHEDULE.alpha(float(time)) * clean + SCHEDULE.sigma(float(time)) * noise
        assert torch.equal(noisy[:, known], clean[:, known])
        torch.testing.assert_close(noisy[:, ~known], expected[:, ~known])


def test_times_are_spread_evenly() -> None:
    batch = Objective(SCHEDULE, TRACK_CHANNELS).batch(lambda rng: example(), rngs(MANY))
    counts = torch.bincount(batch.time.long(), minlength=50)
    assert counts.min() > MANY / 50 / 2.5
    assert counts.max() < MANY / 50 * 2


# ---- the span


def drawn(rule: SpanRule) -> torch.Tensor:
    return torch.stack([rule.draw(COLUMNS, rng) for rng in rngs(MANY)])


def test_the_papers_rule_gives_a_quarter_of_the_examples_a_span_of_up_to_two_seconds() -> None:
    given = drawn(SpanRule())
    lengths = given.sum(1)
    assert abs(float((lengths > 0).float().mean()) - 0.25) < 0.03
    assert lengths.max() == 2 * LATENT_RATE
    assert bool((given[:, 1:] - given[:, :-1] == 1).sum(1).max() <= 1)  # one span


@pytest.mark.parametrize("at_start", [0.0, 1.0])
def test_spans_lie_at_the_start_or_anywhere(at_start: float) -> None:
    given = drawn(replace(ALWAYS, shortest_sec=0.5, at_start=at_start))
    begins_there = float(given[:, 0].mean())
    assert begins_there == 1.0 if at_start else begins_there < 0.2


def test_all_but_the_span_can_be_given_instead() -> None:
    given = drawn(replace(ALWAYS, shortest_sec=0.5, longest_sec=1.0, outside=1.0))
    assert int((COLUMNS - given.sum(1)).min()) == LATENT_RATE // 2
    assert int((COLUMNS - given.sum(1)).max()) == LATENT_RATE


@given_by(
    columns=st.integers(1, 400), shortest=st.floats(0, 20), more=st.floats(0, 20), at_start=st.floats(0, 1),
    outside=st.floats(0, 1), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_something_is_always_left_to_learn(
    columns: int, shortest: float, more: float, at_start: float, outside: float, seed: int
) -> None:
    rule = SpanRule(1.0, shortest, shortest + more, at_start, outside)
    given = rule.draw(columns, np.random.default_rng(seed))
    assert given.shape == (columns,)
    assert set(given.tolist()) <= {0.0, 1.0}
    assert given.sum() < columns


# ---- drops


def test_caption_tag_and_track_are_dropped_independently() -> None:
    drops = Drops(caption=0.3, tag=0.2, track=0.4)
    batch = Objective(SCHEDULE, TRACK_CHANNELS, drops=drops).batch(lambda rng: example(), rngs(MANY))
    no_caption = np.array(["hammer" not in text for text in batch.texts])
    no_tag = np.array(["quality" not in text for text in batch.texts])
    no_track = ~batch.has_track.any(1).numpy()
    for dropped, share in ((no_caption, 0.3), (no_tag, 0.2), (no_track, 0.4)):
        assert abs(dropped.mean() - share) < 0.04
    for one, other in ((no_caption, no_tag), (no_caption, no_track), (no_tag, no_track)):
        assert abs((one & other).mean() - one.mean() * other.mean()) < 0.03


def test_texts_are_caption_and_tag_as_in_the_paper() -> None:
    never = Drops(0, 0, 0, 0)
    batch = Objective(SCHEDULE, TRACK_CHANNELS, drops=never).batch(lambda rng: example(), rngs(1))
    assert batch.texts == ("metal hammer, high quality",)
    assert bool(batch.has_track.all())


def test_the_picture_of_given_sound_can_be_unknown_while_the_rest_is_seen() -> None:
    only_there = Drops(0, 0, track=0, track_of_given=1)
    batch = Objective(SCHEDULE, TRACK_CHANNELS, replace(ALWAYS, shortest_sec=0.5), only_there).batch(
        lambda rng: example(), rngs(4)
    )
    assert torch.equal(batch.has_track, batch.given == 0)


def test_sound_without_picture_has_no_track() -> None:
    batch = Objective(SCHEDULE, TRACK_CHANNELS).batch(lambda rng: example(track=False), rngs(4))
    assert not batch.has_track.any()
    assert batch.track.shape == (4, TRACK_CHANNELS, COLUMNS)


def test_errors_can_be_counted_as_those_of_the_velocity() -> None:
    """As velocity, alpha noise - sigma clean, from the same noisy latents (Salimans & Ho 2022, appendix D)."""
    whole = SpanRule(probability=0)
    batch = Objective(SCHEDULE, TRACK_CHANNELS, whole, counted=Counted.VELOCITY).batch(lambda rng: example(), rngs(3))
    found = batch.noise + 0.1 * torch.randn_like(batch.noise)
    errors = []
    for item, time in enumerate(batch.time.tolist()):
        alpha, sigma = SCHEDULE.alpha(time), SCHEDULE.sigma(time)
        velocities = [
            alpha * noise - sigma * (batch.noisy[item] - sigma * noise) / alpha
            for noise in (batch.noise[item], found[item])
        ]
        errors.append((velocities[0] - velocities[1]).square().mean())
    loss = masked_loss(found, batch.noise, batch.given, batch.weight)
    torch.testing.assert_close(loss, torch.stack(errors).mean(), rtol=1e-4, atol=0)


def test_by_default_errors_are_those_of_the_noise_as_in_the_paper() -> None:
    assert Objective(SCHEDULE, TRACK_CHANNELS).batch(lambda rng: example(), rngs(5)).weight.tolist() == [1.0] * 5
