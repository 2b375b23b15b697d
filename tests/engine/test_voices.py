"""Every family as a listener and the mixer rely on it: in time, in level, repeatable, and answering to its words."""

from __future__ import annotations

import numpy as np
import pytest
from footfall_engine.models.procedural import blocks
from footfall_engine.models.procedural.families import FAMILIES, family
from footfall_engine.models.procedural.voice import SAMPLE_RATE, Family, Manner, Role, Samples, Strike

ONSET_SAMPLES = SAMPLE_RATE // 1000
TEXTURE_SAMPLES = SAMPLE_RATE
DETECTABLE = 0.1  # of the peak

PLAYED = [(each, variant) for each in FAMILIES for variant in each.variants or ("",)]
STRUCK = [pair for pair in PLAYED if pair[0].strike]
LASTING = [pair for pair in PLAYED if pair[0].texture]


def _named(pair: tuple[Family, str]) -> str:
    return " ".join(filter(None, (pair[0].name, pair[1])))


def _strike(
    each: Family, manner: Manner | None = None, strength: float = 0.8, seed: int = 1, gap: float = 0.8, index: int = 0
) -> Samples:
    assert each.strike is not None
    return each.strike(Strike(strength, 0.2, index, gap), manner or Manner(), np.random.default_rng(seed))


def _texture(each: Family, level: Samples, manner: Manner | None = None, seed: int = 1) -> Samples:
    assert each.texture is not None
    return each.texture(len(level), level, manner or Manner(), np.random.default_rng(seed))


def _full(samples: int = TEXTURE_SAMPLES) -> Samples:
    return np.ones(samples, np.float32)


def _centroid(x: Samples) -> float:
    """Centre of the spectrum in octaves above 1 Hz, by amplitude."""
    spectrum = np.abs(np.fft.rfft(x))[1:]
    octaves = np.log2(np.fft.rfftfreq(len(x), 1 / SAMPLE_RATE)[1:])
    return float((spectrum * octaves).sum() / spectrum.sum())


def _mean_centroid(each: Family, manner: Manner, strength: float = 0.8) -> float:
    if each.strike is not None:
        return float(np.mean([_centroid(_strike(each, manner, strength, seed)) for seed in range(6)]))
    return float(np.mean([_centroid(_texture(each, _full(), manner, seed)) for seed in range(3)]))


@pytest.mark.parametrize("pair", STRUCK, ids=_named)
def test_a_strike_is_finite_bounded_and_centred(pair: tuple[Family, str]) -> None:
    each, variant = pair
    for strength in (0.0, 0.3, 1.0):
        x = _strike(each, Manner(material=variant, effort=1.0), strength)
        assert x.dtype == np.float32 and x.ndim == 1
        assert 0 < len(x) <= 8 * SAMPLE_RATE
        assert np.isfinite(x).all()
        assert 0 < np.abs(x).max() <= 1
        assert abs(x.mean()) < 1e-3 * np.abs(x).max()


@pytest.mark.parametrize("pair", STRUCK, ids=_named)
def test_a_strike_is_heard_within_a_millisecond(pair: tuple[Family, str]) -> None:
    each, variant = pair
    for seed in range(4):
        for strength in (0.3, 1.0):
            x = np.abs(_strike(each, Manner(material=variant), strength, seed))
            assert np.argmax(x > DETECTABLE * x.max()) <= ONSET_SAMPLES


@pytest.mark.parametrize("pair", STRUCK, ids=_named)
def test_a_strike_ends_in_silence(pair: tuple[Family, str]) -> None:
    x = _strike(pair[0], Manner(material=pair[1]))
    assert abs(x[-1]) < 1e-3 * np.abs(x).max()


@pytest.mark.parametrize("pair", STRUCK, ids=_named)
def test_the_same_seed_gives_the_same_strike_and_another_seed_another(pair: tuple[Family, str]) -> None:
    each, manner = pair[0], Manner(material=pair[1])
    assert np.array_equal(_strike(each, manner, seed=5), _strike(each, manner, seed=5))
    assert not np.array_equal(_strike(each, manner, seed=5)[:1000], _strike(each, manner, seed=6)[:1000])


@pytest.mark.parametrize("pair", STRUCK, ids=_named)
def test_a_stronger_strike_is_louder(pair: tuple[Family, str]) -> None:
    each, manner = pair[0], Manner(material=pair[1])
    assert np.abs(_strike(each, manner, 1.0)).max() > 1.5 * np.abs(_strike(each, manner, 0.3)).max()


@pytest.mark.parametrize("pair", LASTING, ids=_named)
def test_a_texture_is_as_long_as_asked_finite_bounded_and_centred(pair: tuple[Family, str]) -> None:
    each, variant = pair
    for samples in (1, 100, 4801, TEXTURE_SAMPLES):
        x = _texture(each, _full(samples), Manner(material=variant, effort=1.0))
        assert x.dtype == np.float32 and x.shape == (samples,)
        assert np.isfinite(x).all()
        assert np.abs(x).max() <= 1
    assert np.abs(x).max() > 0.01
    assert abs(x.mean()) < 0.02 * np.abs(x).max()


@pytest.mark.parametrize("pair", LASTING, ids=_named)
def test_a_texture_is_silent_where_nothing_moves(pair: tuple[Family, str]) -> None:
    assert not _texture(pair[0], np.zeros(TEXTURE_SAMPLES, np.float32)).any()


@pytest.mark.parametrize("pair", LASTING, ids=_named)
def test_a_texture_follows_the_motion(pair: tuple[Family, str]) -> None:
    level = np.repeat(np.array([0.15, 1.0, 0.15], np.float32), TEXTURE_SAMPLES)
    x = _texture(pair[0], level, Manner(material=pair[1]))
    before, during, after = (float(np.sqrt(np.mean(third**2))) for third in np.split(x, 3))
    assert during > 2 * before and during > 2 * after


@pytest.mark.parametrize("pair", LASTING, ids=_named)
def test_the_same_seed_gives_the_same_texture_and_another_seed_another(pair: tuple[Family, str]) -> None:
    each = pair[0]
    assert np.array_equal(_texture(each, _full(), seed=5), _texture(each, _full(), seed=5))
    assert not np.array_equal(_texture(each, _full(), seed=5), _texture(each, _full(), seed=6))


@pytest.mark.parametrize("pair", PLAYED, ids=_named)
def test_bigger_is_lower(pair: tuple[Family, str]) -> None:
    each, variant = pair
    assert _mean_centroid(each, Manner(material=variant, size=0.9)) < _mean_centroid(
        each, Manner(material=variant, size=-0.9)
    )


@pytest.mark.parametrize("pair", PLAYED, ids=_named)
def test_brighter_words_make_it_brighter(pair: tuple[Family, str]) -> None:
    each, variant = pair
    bright = _mean_centroid(each, Manner(material=variant, brightness=0.8))
    assert bright > _mean_centroid(each, Manner(material=variant, brightness=-0.8))


@pytest.mark.parametrize("pair", STRUCK, ids=_named)
def test_effort_makes_a_strike_louder(pair: tuple[Family, str]) -> None:
    each, variant = pair
    hard = np.abs(_strike(each, Manner(material=variant, effort=0.9), 0.6)).max()
    assert hard > 1.3 * np.abs(_strike(each, Manner(material=variant, effort=-0.9), 0.6)).max()


@pytest.mark.parametrize(
    "name", ["wood impact", "metal impact", "glass impact", "stone impact", "plastic impact", "skin impact", "punch"]
)
def test_a_harder_blow_is_brighter(name: str) -> None:
    each = family(name)
    assert _mean_centroid(each, Manner(), 1.0) > _mean_centroid(each, Manner(), 0.15)


def test_metal_rings_longer_than_wood_and_wood_longer_than_stone() -> None:
    def ringing(name: str) -> float:
        energy = np.cumsum(_strike(family(name)).astype(np.float64) ** 2)
        return int(np.argmax(energy > 0.95 * energy[-1])) / SAMPLE_RATE

    assert ringing("metal impact") > 2 * ringing("wood impact") > 2 * ringing("stone impact") > 0


def test_surfaces_sound_unlike_one_another() -> None:
    feet = family("footsteps")
    assert len(feet.variants) >= 8
    place = {}
    for surface in feet.variants:
        steps = [_strike(feet, Manner(material=surface), seed=seed) for seed in range(4)]
        energies = [float(np.argmax(np.cumsum(s**2) > 0.9 * np.sum(s**2))) for s in steps]
        place[surface] = np.array([np.mean([_centroid(s) for s in steps]) * 2, np.log2(np.mean(energies)) * 2])
    names = sorted(place)
    apart = [np.linalg.norm(place[a] - place[b]) for i, a in enumerate(names) for b in names[i + 1 :]]
    assert min(apart) > 0.05


def test_left_and_right_foot_differ() -> None:
    feet = family("footsteps")
    assert not np.array_equal(_strike(feet, index=0), _strike(feet, index=1))


def test_wet_ground_sounds_wet() -> None:
    feet = family("footsteps")
    assert _mean_centroid(feet, Manner(wetness=1.0)) > _mean_centroid(feet, Manner())


def test_fingers_type_on_only_while_there_is_time() -> None:
    keys = family("keyboard")
    assert len(_strike(keys, gap=0.15)) < len(_strike(keys, gap=2.0))


@pytest.mark.parametrize("each", FAMILIES, ids=lambda each: each.name)
def test_a_row_of_the_table_is_complete(each: Family) -> None:
    assert each.about and each.words
    assert each.strike is not None if each.role is Role.HITS else each.texture is not None
    assert each.default_variant in (each.variants or ("",))
    assert all(word == word.lower().strip() for word in each.words)
    assert family(each.name) is each


def test_a_word_belongs_to_one_family() -> None:
    words = [word for each in FAMILIES for word in each.words]
    assert sorted({word for word in words if words.count(word) > 1}) == []


def test_modes_are_damped_sines_from_the_first_sample() -> None:
    t = np.arange(1000) / SAMPLE_RATE
    exact = 0.7 * np.sin(2 * np.pi * 440 * t) * np.exp(-t / 0.01) + 0.2 * np.sin(2 * np.pi * 3210 * t) * np.exp(
        -t / 0.02
    )
    assert np.allclose(blocks.modes([440, 3210], [0.01, 0.02], [0.7, 0.2], 1000), exact, atol=1e-5)


def test_a_millimetre_bubble_sings_at_three_kilohertz() -> None:
    x = blocks.bubble(0.001, 0.0)
    spectrum = np.abs(np.fft.rfft(x, SAMPLE_RATE))
    assert abs(int(np.argmax(spectrum)) - 3000) < 60


def test_grains_fall_where_they_are_put() -> None:
    grain = np.array([1.0, 0.5], np.float32)
    out = blocks.scatter(6, np.array([1, 5]), [1.0, 2.0], [grain], [0, 0])
    assert out.tolist() == [0, 1, 0.5, 0, 0, 2]
