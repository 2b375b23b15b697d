"""The transformer: what it hears, what it does not, and what it is before training."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="neural models need the 'neural' extra")

from footfall_engine.models.multifoley.dit import FoleyDiT, Told, turned, turns, waves  # noqa: E402
from footfall_engine.models.multifoley.sizes import LATENT_CHANNELS, SIZES, Size  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch import Tensor  # noqa: E402

SIZE = Size(32, 2, 2)
TRACK, TEXT, BATCH, COLUMNS = 5, 6, 3, 12


@pytest.fixture(scope="module")
def network() -> FoleyDiT:
    """With weights all of which count."""
    torch.manual_seed(0)
    made = FoleyDiT(SIZE, TRACK, TEXT)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2)
    return made.eval()


def told(**changes: Tensor) -> Told:
    generator = torch.Generator().manual_seed(1)
    usual = Told(
        track=torch.randn(BATCH, TRACK, COLUMNS, generator=generator),
        has_track=torch.ones(BATCH, dtype=torch.bool),
        text=torch.randn(BATCH, 4, TEXT, generator=generator),
        text_mask=torch.ones(BATCH, 4, dtype=torch.bool),
    )
    return replace(usual, **changes)


def predict(network: FoleyDiT, known: Told, given: Tensor | None = None, latents: Tensor | None = None) -> Tensor:
    x = torch.randn(BATCH, LATENT_CHANNELS, COLUMNS, generator=torch.Generator().manual_seed(2))
    marks = torch.zeros(BATCH, COLUMNS) if given is None else given
    with torch.no_grad():
        return network(x if latents is None else latents, torch.tensor([3.0, 500.0, 999.0]), known, marks)


def test_the_noise_found_has_the_shape_of_the_latents(network):
    assert predict(network, told()).shape == (BATCH, LATENT_CHANNELS, COLUMNS)


def test_before_training_all_is_taken_for_noise():
    x = torch.randn(BATCH, LATENT_CHANNELS, COLUMNS)
    assert torch.equal(predict(FoleyDiT(SIZE, TRACK, TEXT), told(), latents=x), x)


def test_every_weight_learns(network):
    half = torch.tensor([True, False, True])
    known = told(has_track=half, text_mask=half[:, None].expand(-1, 4))
    network.zero_grad()
    latents = torch.randn(BATCH, LATENT_CHANNELS, COLUMNS)
    network(latents, torch.tensor([3.0, 500.0, 999.0]), known, torch.zeros(BATCH, COLUMNS)).square().mean().backward()
    assert [name for name, each in network.named_parameters() if each.grad is None or not each.grad.any()] == []


def test_absent_text_is_one_learnt_vector_whatever_stands_in_its_place(network):
    nothing = torch.zeros(BATCH, 4, dtype=torch.bool)
    absent = predict(network, told(text_mask=nothing))
    torch.testing.assert_close(absent, predict(network, told(text_mask=nothing, text=torch.randn(BATCH, 4, TEXT))))
    empty = told(text_mask=nothing[:, :0], text=torch.zeros(BATCH, 0, TEXT))
    torch.testing.assert_close(absent, predict(network, empty))
    assert not torch.allclose(absent, predict(network, told()), atol=1e-3)


def test_tokens_that_do_not_count_change_nothing(network):
    known = told()
    longer = replace(
        known,
        text=torch.cat([known.text, torch.randn(BATCH, 3, TEXT)], 1),
        text_mask=torch.cat([known.text_mask, torch.zeros(BATCH, 3, dtype=torch.bool)], 1),
    )
    torch.testing.assert_close(predict(network, known), predict(network, longer))


def test_an_absent_picture_is_one_learnt_vector_whatever_stands_in_its_place(network):
    absent = torch.tensor([False, True, False])
    usual = predict(network, told(has_track=absent))
    other = predict(network, told(has_track=absent, track=torch.randn(BATCH, TRACK, COLUMNS)))
    torch.testing.assert_close(usual[[0, 2]], other[[0, 2]])
    assert not torch.allclose(usual[1], other[1], atol=1e-3)


def test_a_picture_may_be_absent_for_a_part_of_the_sound(network):
    part = (torch.arange(COLUMNS) >= 4).expand(BATCH, -1)
    track = told().track
    other = torch.where(part[:, None], track, torch.randn_like(track))
    torch.testing.assert_close(
        predict(network, told(has_track=part)), predict(network, told(has_track=part, track=other))
    )
    whole = torch.ones_like(part)
    torch.testing.assert_close(predict(network, told(has_track=whole)), predict(network, told()))


def test_given_latents_are_marked(network):
    marks = torch.zeros(BATCH, COLUMNS)
    marks[:, :4] = 1
    assert not torch.allclose(predict(network, told()), predict(network, told(), marks), atol=1e-3)


def test_items_of_a_batch_know_nothing_of_each_other(network):
    usual = predict(network, told())
    track = told().track.clone()
    track[0] += 1
    torch.testing.assert_close(predict(network, told(track=track))[1:], usual[1:])


def test_time_is_heard(network):
    x = torch.randn(1, LATENT_CHANNELS, COLUMNS)
    known = Told(*(each[:1] for each in vars(told()).values()))
    with torch.no_grad():
        early, late = (network(x, torch.tensor([time]), known, torch.zeros(1, COLUMNS)) for time in (10.0, 10.5))
    assert not torch.allclose(early, late, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(first=st.integers(0, 300), second=st.integers(0, 300), shift=st.integers(0, 300))
def test_attention_depends_on_how_far_apart_places_are_alone(first, second, shift):
    query, key = torch.randn(2, 16, generator=torch.Generator().manual_seed(first)).double()
    angles = turns(601, 16, torch.device("cpu")).double()

    def likeness(one: int, other: int) -> Tensor:
        return turned(query[None], angles[one : one + 1]) @ turned(key[None], angles[other : other + 1]).T

    torch.testing.assert_close(likeness(first, second), likeness(first + shift, second + shift), atol=1e-4, rtol=1e-4)


def test_places_are_told_apart(network):
    x = torch.zeros(BATCH, LATENT_CHANNELS, COLUMNS)
    x[..., 3] = 1
    track = torch.zeros(BATCH, TRACK, COLUMNS)
    shifted = torch.roll(x, 2, -1)
    one, other = (predict(network, told(track=track), latents=each) for each in (x, shifted))
    assert not torch.allclose(torch.roll(one, 2, -1), other, atol=1e-3)


def test_waves_of_time_are_bounded_and_distinct():
    made = waves(torch.arange(1000.0), 256)
    assert made.shape == (1000, 256)
    assert made.abs().max() <= 1
    assert torch.cdist(made, made).fill_diagonal_(1.0).min() > 0.05


@pytest.mark.parametrize(("name", "millions"), [("tiny", 2.4), ("small", 53.9), ("base", 280.6)])
def test_sizes_are_what_they_are_said_to_be(name, millions):
    with torch.device("meta"):
        made = FoleyDiT(SIZES[name], 11, 768)
    assert sum(each.numel() for each in made.parameters()) / 1e6 == pytest.approx(millions, rel=0.02)
    assert SIZES[name].width % (2 * SIZES[name].heads) == 0


def test_half_precision_finds_about_the_same(network):
    exact = predict(network, told())
    half = FoleyDiT(SIZE, TRACK, TEXT)
    half.load_state_dict(network.state_dict())
    half = half.to(torch.bfloat16)
    x = torch.randn(BATCH, LATENT_CHANNELS, COLUMNS, generator=torch.Generator().manual_seed(2)).bfloat16()
    with torch.no_grad():
        rough = half(x, torch.tensor([3.0, 500.0, 999.0]), told(), torch.zeros(BATCH, COLUMNS)).float()
    assert (rough - exact).std() < 0.05 * exact.std()
