"""The paper's equations, each against a direct evaluation with a network set by hand."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="neural models need the 'neural' extra")

from footfall_bridge.messages import Quality  # noqa: E402
from footfall_engine.diffusion.known import KnownRegion  # noqa: E402
from footfall_engine.models.multifoley import guidance  # noqa: E402
from footfall_engine.models.multifoley.dit import Told  # noqa: E402
from footfall_engine.models.multifoley.guidance import Branch, Gamma, Scale, guided, tagged, texts  # noqa: E402
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch import Tensor  # noqa: E402

CHANNELS, COLUMNS, REFERENCE, TRACK, WIDTH = 3, 6, 2, 2, 4
NULL_TRACK, NULL_TEXT = 7.0, -5.0


def network(latents: Tensor, time: Tensor, told: Told, given: Tensor) -> Tensor:
    """A noise that anything it is told of changes, each thing in another way."""
    has_track = told.has_track.view(len(latents), -1)[:, None]
    seen = torch.where(has_track, told.track, torch.full_like(told.track, NULL_TRACK)).sum(1, keepdim=True)
    said = (told.text.sum(-1) * told.text_mask).sum(1) + NULL_TEXT * ~told.text_mask.any(1)
    return latents.cumsum(-1) * 0.1 + seen**2 + 3 * said[:, None, None] + 100 * given[:, None] + time[:, None, None]


def text(*values: float) -> tuple[Tensor, Tensor]:
    """Tokens that say their sum."""
    return torch.tensor(values)[None, :, None].expand(1, -1, WIDTH) / WIDTH, torch.ones(
        1, len(values), dtype=torch.bool
    )


NO_TEXT = (torch.zeros(1, 0, WIDTH), torch.zeros(1, 0, dtype=torch.bool))


def asked_of(said: tuple[Tensor, Tensor], reference: int = 0, its_picture: bool = False) -> Branch:
    columns = COLUMNS + reference
    generator = torch.Generator().manual_seed(3)
    pictured = (torch.arange(columns) >= reference) | its_picture
    track = torch.randn(1, TRACK, columns, generator=generator)
    given = (torch.arange(columns) < reference).float()[None]
    return Branch(Told(track, pictured[None], *said), torch.randn(1, CHANNELS, columns, generator=generator), given)


def noisy(columns: int) -> Tensor:
    return torch.randn(1, CHANNELS, columns, generator=torch.Generator().manual_seed(4))


def of_null(value: float, track: Tensor) -> Tensor:
    return torch.full_like(track, value).sum(1, keepdim=True) ** 2


@pytest.mark.parametrize("gamma", [0.5, 3.0, 5.0])
@pytest.mark.parametrize(("negative", "heard"), [(text(1.0, 0.5), 1.5), (NO_TEXT, NULL_TEXT)])
def test_equation_2_leads_from_the_negative_text_without_the_picture(gamma, negative, heard):
    asked, z, time = asked_of(text(2.0)), noisy(COLUMNS), 40.0
    seen = asked.told.track.sum(1, keepdim=True) ** 2
    with_all = z.cumsum(-1) * 0.1 + seen + 3 * 2.0 + time
    without = z.cumsum(-1) * 0.1 + of_null(NULL_TRACK, asked.told.track) + 3 * heard + time
    found = guided(network, asked, asked.without(*negative), Gamma(gamma))(z, time)
    torch.testing.assert_close(found, (gamma + 1) * with_all - gamma * without)


@pytest.mark.parametrize("its_picture", [False, True])
def test_equation_3_leads_from_noise_of_the_references_size_without_pictures(its_picture):
    asked, gamma, time = asked_of(NO_TEXT, REFERENCE, its_picture), 3.0, 7.0
    z = noisy(COLUMNS + REFERENCE)
    clean, noise = asked.clean[..., :REFERENCE], z[..., :REFERENCE]
    track = asked.told.track.clone()
    if not its_picture:
        track[..., :REFERENCE] = NULL_TRACK
    reference_then_noisy = torch.cat([clean, z[..., REFERENCE:]], -1)
    null_then_noisy = torch.cat([noise, z[..., REFERENCE:]], -1)
    marks = asked.given[:, None]
    seen = track.sum(1, keepdim=True) ** 2
    with_all = reference_then_noisy.cumsum(-1) * 0.1 + seen + 3 * NULL_TEXT + 100 * marks + time
    without = null_then_noisy.cumsum(-1) * 0.1 + of_null(NULL_TRACK, track) + 3 * NULL_TEXT + time
    found = guided(network, asked, asked.without(*NO_TEXT), Gamma(gamma))(z, time)
    torch.testing.assert_close(found, (gamma + 1) * with_all - gamma * without)


def test_the_null_reference_is_as_noisy_as_the_rest():
    """What a sampler hands the negative branch in the reference's place, when it holds what is known there."""
    asked = asked_of(NO_TEXT, REFERENCE)
    noise, alpha, sigma = noisy(COLUMNS + REFERENCE), 0.6, 0.8
    z = KnownRegion(asked.clean, asked.given[:, None], noise)(noise, alpha, sigma)
    handed = []

    def listening(latents: Tensor, time: Tensor, told: Told, given: Tensor) -> Tensor:
        handed.append((latents, given))
        return latents

    guided(listening, asked, asked.without(*NO_TEXT), Gamma(1.0))(z, 3.0)
    ((latents, given),) = handed
    wanted, unwanted = latents.chunk(2)
    torch.testing.assert_close(wanted[..., :REFERENCE], asked.clean[..., :REFERENCE])
    torch.testing.assert_close(unwanted[..., :REFERENCE], (alpha * asked.clean + sigma * noise)[..., :REFERENCE])
    assert given[0].tolist() == [1, 1] + [0] * COLUMNS
    assert not given[1].any()


def test_equation_4_is_equation_2_with_words_of_quality():
    assert texts("dog barks", "", Quality.HIGH) == ("dog barks, high quality", "low quality")
    assert texts("dog barks", "wind", Quality.HIGH) == ("dog barks, high quality", "wind, low quality")
    vocabulary = {"dog barks, high quality": text(2.0, 1.0), "low quality": text(-1.0)}
    positive, negative = (vocabulary[each] for each in texts("dog barks", "", Quality.HIGH))
    asked, z, time, gamma = asked_of(positive), noisy(COLUMNS), 900.0, 4.0
    seen = asked.told.track.sum(1, keepdim=True) ** 2
    with_all = z.cumsum(-1) * 0.1 + seen + 3 * 3.0 + time
    without = z.cumsum(-1) * 0.1 + of_null(NULL_TRACK, asked.told.track) + 3 * -1.0 + time
    found = guided(network, asked, asked.without(*negative), Gamma(gamma))(z, time)
    torch.testing.assert_close(found, (gamma + 1) * with_all - gamma * without)


def test_low_quality_is_asked_for_without_anything_to_lead_away_from():
    assert texts("dog barks", "", Quality.LOW) == ("dog barks, low quality", "")
    assert texts("dog barks", "wind", Quality.LOW) == ("dog barks, low quality", "wind")
    assert texts("dog barks", "wind", None) == ("dog barks", "wind")


def test_a_tag_stands_alone_where_there_is_no_caption():
    assert tagged("", Quality.HIGH) == "high quality"
    assert tagged("  ", None) == ""


@given(gamma=st.floats(-0.9, 20))
def test_gamma_is_one_less_than_the_usual_scale(gamma):
    assert Gamma(gamma).scale == Scale(gamma + 1)
    assert guidance.gamma_of(Gamma(gamma).scale) == pytest.approx(gamma)
    asked, z = asked_of(text(2.0)), noisy(COLUMNS)
    negative = asked.without(*NO_TEXT)
    in_gamma, in_scale = (guided(network, asked, negative, each)(z, 5.0) for each in (Gamma(gamma), Scale(gamma + 1)))
    torch.testing.assert_close(in_gamma, in_scale, rtol=1e-4, atol=1e-3)
    one, other = asked.predict(network, z, 5.0), negative.predict(network, z, 5.0)
    torch.testing.assert_close(in_scale, other + (gamma + 1) * (one - other), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("number", [3, 3.0, "3", None])
def test_a_number_that_could_be_either_is_refused(number):
    asked = asked_of(text(2.0))
    with pytest.raises(TypeError, match="does not say whether it is Gamma or Scale"):
        guided(network, asked, asked.without(*NO_TEXT), number)


@pytest.mark.parametrize("strength", [Gamma(0.0), Scale(1.0)])
def test_without_guidance_the_negative_branch_is_not_asked(strength):
    sizes = []

    def counting(latents: Tensor, time: Tensor, told: Told, given: Tensor) -> Tensor:
        sizes.append(len(latents))
        return network(latents, time, told, given)

    asked, z = asked_of(text(2.0)), noisy(COLUMNS)
    found = guided(counting, asked, asked.without(*NO_TEXT), strength)(z, 5.0)
    torch.testing.assert_close(found, asked.predict(network, z, 5.0))
    assert sizes == [1]


def test_texts_of_different_length_go_through_together():
    asked, z = asked_of(text(2.0, 1.0, 0.5)), noisy(COLUMNS)
    for negative in (text(1.0), text(1.0, 2.0, 3.0, 4.0)):
        branch = asked.without(*negative)
        one, other = asked.predict(network, z, 5.0), branch.predict(network, z, 5.0)
        torch.testing.assert_close(guided(network, asked, branch, Gamma(2.0))(z, 5.0), 3 * one - 2 * other)
