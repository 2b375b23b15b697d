"""Distances between sets of sounds, against their definitions evaluated directly and against closed forms."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from footfall_engine.evaluation.distances import (
    divergences,
    frechet_distance,
    inception_score,
    kernel_distance,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.stats import entropy

seeds = st.integers(0, 2**32 - 1)
features = st.integers(1, 5)


def rows(seed, count, width, spread=1.0, at=0.0):
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(width, width))
    return rng.normal(size=(count, width)) @ mixed * spread + at


def softmax(logits):
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


# ---- Fréchet


def frechet_by_definition(x, y):
    s, t = np.atleast_2d(np.cov(x, rowvar=False)), np.atleast_2d(np.cov(y, rowvar=False))
    apart = x.mean(axis=0) - y.mean(axis=0)
    return apart @ apart + np.trace(s) + np.trace(t) - 2 * np.trace(sqrtm(s @ t)).real


@given(seeds, features, st.integers(12, 40), st.integers(12, 40))
def test_frechet_distance_is_its_definition(seed, width, count, references):
    x, y = rows(seed, count, width), rows(seed + 1, references, width, 2.0, 0.5)
    assert frechet_distance(x, y) == pytest.approx(frechet_by_definition(x, y), rel=1e-6, abs=1e-6)


@given(seeds, st.integers(2, 6), st.integers(2, 6))
def test_frechet_distance_bears_fewer_sounds_than_features(seed, count, references):
    x, y = rows(seed, count, 12), rows(seed + 1, references, 12)
    s, t = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    apart = x.mean(axis=0) - y.mean(axis=0)
    values, vectors = np.linalg.eigh(s)
    root = vectors @ np.diag(np.sqrt(values.clip(0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ t @ root).clip(0)).sum()
    expected = apart @ apart + np.trace(s) + np.trace(t) - 2 * shared
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-5, abs=1e-5)


@given(seeds, features, st.floats(-5, 5))
def test_frechet_distance_of_a_moved_set_is_how_far_squared(seed, width, by):
    x = rows(seed, 20, width)
    assert frechet_distance(x + by, x) == pytest.approx(width * by**2, rel=1e-6, abs=1e-6)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6)


@given(seeds, st.floats(0.1, 5), st.floats(-3, 3))
def test_frechet_distance_of_numbers_is_that_of_means_and_deviations(seed, scale, by):
    x = rows(seed, 20, 1)
    y = x * scale + by
    expected = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(seeds, features)
def test_frechet_distance_does_not_mind_which_is_the_reference_nor_the_order(seed, width):
    x, y = rows(seed, 15, width), rows(seed + 1, 10, width, 3.0)
    there = frechet_distance(x, y)
    assert there >= 0
    assert frechet_distance(y, x) == pytest.approx(there, rel=1e-6, abs=1e-6)
    assert frechet_distance(x[::-1], y) == pytest.approx(there, rel=1e-6, abs=1e-6)


def test_single_precision_is_enough():
    x, y = rows(0, 30, 40, 1.0, 100.0), rows(1, 25, 40, 1.0, 100.0)
    assert frechet_distance(x.astype(np.float32), y.astype(np.float32)) == pytest.approx(
        frechet_distance(x, y), rel=1e-4
    )


# ---- kernel


def kernel_by_definition(x, y):
    width = np.median([np.linalg.norm(a - b) for a, b in itertools.combinations(y, 2)])

    def mean(pairs):
        return np.mean([math.exp(-(np.linalg.norm(a - b) ** 2) / (2 * width**2)) for a, b in pairs])

    return 100 * (
        mean(itertools.permutations(x, 2)) + mean(itertools.permutations(y, 2)) - 2 * mean(itertools.product(x, y))
    )


@given(seeds, features, st.integers(2, 9), st.integers(2, 9))
def test_kernel_distance_is_its_definition(seed, width, count, references):
    x, y = rows(seed, count, width), rows(seed + 1, references, width, 1.5, 0.3)
    assert kernel_distance(x, y) == pytest.approx(kernel_by_definition(x, y), rel=1e-6, abs=1e-6)


@given(seeds, st.floats(0.01, 100), st.floats(-10, 10))
def test_kernel_distance_does_not_mind_scale_nor_place(seed, scale, by):
    x, y = rows(seed, 8, 3), rows(seed + 1, 9, 3)
    assert kernel_distance(x * scale + by, y * scale + by) == pytest.approx(kernel_distance(x, y), abs=1e-5)


def test_kernel_distance_of_sets_far_apart_is_200_at_most_and_of_like_ones_about_0():
    x, y, z = rows(0, 300, 2), rows(0, 300, 2, 1.0, 1e6), np.random.default_rng(5).permutation(rows(0, 600, 2))
    assert 0 < kernel_distance(x, y) <= 200
    assert abs(kernel_distance(z[:300], z[300:])) < 1
    with pytest.raises(ValueError, match="all alike"):
        kernel_distance(x, np.ones((5, 2)))


# ---- classes


def inception_by_definition(logits, splits, seed):
    shuffled = logits[np.random.RandomState(seed).permutation(len(logits))]
    scores = []
    for k in range(splits):
        chosen = [softmax(row) for row in shuffled[k * len(logits) // splits : (k + 1) * len(logits) // splits]]
        mean = np.mean(chosen, axis=0)
        scores.append(math.exp(np.mean([entropy(p, mean) for p in chosen])))
    return np.mean(scores)


@given(seeds, st.integers(20, 47), st.integers(2, 6))
def test_inception_score_is_its_definition(seed, count, classes):
    logits = rows(seed, count, classes, 3.0)
    found = inception_score(logits)
    assert found == pytest.approx(inception_by_definition(logits, 10, 2020), rel=1e-9)
    assert 1 - 1e-9 <= found <= classes + 1e-9


def test_inception_score_is_1_for_sounds_alike_and_the_number_of_classes_for_sure_and_even_ones():
    assert inception_score(np.tile([1.0, 2.0, 3.0], (20, 1))) == pytest.approx(1)
    assert inception_score(1e3 * np.tile(np.eye(4), (2, 1)), splits=1) == pytest.approx(4)


def test_inception_score_of_too_few_sounds_is_refused():
    with pytest.raises(ValueError, match="20 sounds or more are needed, 19 are there"):
        inception_score(np.zeros((19, 3)))


@given(seeds, st.integers(1, 6), st.integers(2, 8), st.floats(-50, 50))
def test_divergences_are_their_definition(seed, count, classes, by):
    made, true = rows(seed, count, classes), rows(seed + 1, count, classes)
    found = divergences(made, true)
    assert found == pytest.approx([entropy(softmax(t), softmax(m)) for m, t in zip(made, true, strict=True)])
    assert (found >= -1e-12).all()
    assert divergences(made + by, true) == pytest.approx(found, abs=1e-9)
    assert divergences(made, made) == pytest.approx(np.zeros(count), abs=1e-12)


def test_divergence_of_impossible_classes_is_still_a_number():
    assert np.isfinite(divergences([np.array([0.0, 2000.0])], [np.array([2000.0, 0.0])])).all()


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_sets_too_small_to_have_a_spread_are_refused(distance):
    with pytest.raises(ValueError, match="2 generated sounds or more are needed, 1 are there"):
        distance(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match="2 reference sounds or more are needed, 0 are there"):
        distance(np.zeros((4, 3)), np.zeros((0, 3)))
