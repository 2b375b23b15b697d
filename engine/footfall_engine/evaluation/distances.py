"""Distances between sets of sounds as networks hear them.

A set is an array of rows, one for each sound (or each part of one): features, or logits of classes.

Contents
--------
- `frechet_distance`: between Gaussians fitted to both sets (Fréchet 1957; Heusel et al. 2017 for pictures, Kilgour et
  al. 2019 for sound: FAD with VGGish, FD with PANNs)
- `kernel_distance`: KAD, the unbiased maximum mean discrepancy (Chung et al. 2025), for few sounds too
- `inception_score`: how sure and how varied the classes of one set are (Salimans et al. 2016)
- `divergences`: Kullback-Leibler, of the classes of pairs of sounds
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist, pdist
from scipy.special import log_softmax

Rows = NDArray[np.floating] | Sequence[NDArray[np.floating]]
"""Shape = (sounds, features)."""

FEWEST_ROWS = 2  # that a spread can be told from
SPLITS = 10
SHUFFLED_BY = 2020  # the seed that published figures have in common


def frechet_distance(generated: Rows, reference: Rows) -> float:
    """|m − n|² + tr(S + T − 2 √(S T)) of the means m, n and covariances S, T of both sets.

    The last trace is the sum of the singular values of A Bᵗ where S = Aᵗ A and T = Bᵗ B, which needs no root of a
    matrix as large as the features are many, and bears sets of fewer rows than features.
    """
    _check(generated, reference)
    x, y = np.asarray(generated, np.float64), np.asarray(reference, np.float64)
    a, b = _root_of_covariance(x), _root_of_covariance(y)
    apart = x.mean(axis=0) - y.mean(axis=0)
    shared = float(np.linalg.norm(a @ b.T, "nuc"))
    return max(0.0, float(apart @ apart + np.sum(a**2) + np.sum(b**2) - 2 * shared))


def kernel_distance(generated: Rows, reference: Rows) -> float:
    """100 times the unbiased squared mean discrepancy under a Gaussian as wide as the reference's median distance.

    Below 0 by chance when the sets are alike. Raises ValueError when all references are the same.
    """
    _check(generated, reference)
    x, y = np.asarray(generated, np.float64), np.asarray(reference, np.float64)
    width = float(np.median(pdist(y)))
    if width == 0:
        raise ValueError("the references are all alike")
    within_x, within_y, between = (np.exp(-(each**2) / (2 * width**2)) for each in (pdist(x), pdist(y), cdist(x, y)))
    return 100 * float(within_x.mean() + within_y.mean() - 2 * between.mean())


def inception_score(logits: Rows, splits: int = SPLITS, seed: int = SHUFFLED_BY) -> float:
    """exp of the mean divergence of each sound's classes from those of its split, averaged over the splits.

    Between 1 and the number of classes. Raises ValueError for fewer than two sounds a split, which score 1 whatever
    they are.
    """
    if len(logits) < 2 * splits:
        raise ValueError(f"{2 * splits} sounds or more are needed, {len(logits)} are there")
    order = np.random.RandomState(seed).permutation(len(logits))
    log_p = log_softmax(np.asarray(logits, np.float64)[order], axis=1)
    bounds = [k * len(log_p) // splits for k in range(splits + 1)]
    return float(np.mean([_varied(log_p[first:last]) for first, last in pairwise(bounds)]))


def divergences(generated: Rows, reference: Rows) -> NDArray[np.float64]:
    """KL(reference ‖ generated) of the softmax of each pair of rows of logits."""
    log_p, log_q = (log_softmax(np.asarray(each, np.float64), axis=1) for each in (reference, generated))
    return np.sum(np.exp(log_p) * (log_p - log_q), axis=1)


def _varied(log_p: NDArray[np.float64]) -> float:
    p = np.exp(log_p)
    return float(np.exp(np.mean(np.sum(p * (log_p - np.log(p.mean(axis=0))), axis=1))))


def _root_of_covariance(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """A of no more rows than features, with Aᵗ A the unbiased covariance."""
    return np.linalg.qr(rows - rows.mean(axis=0), mode="r") / np.sqrt(len(rows) - 1)


def _check(generated: Rows, reference: Rows) -> None:
    for rows, whose in ((generated, "generated"), (reference, "reference")):
        if len(rows) < FEWEST_ROWS:
            raise ValueError(f"{FEWEST_ROWS} {whose} sounds or more are needed, {len(rows)} are there")
