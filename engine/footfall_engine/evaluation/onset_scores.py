"""Onset accuracy and average precision: whether a sound begins where another does, and how surely.

Source
------
Du et al., "Conditional Generation of Audio from Video via Foley Analogies" (CondFoleyGen, CVPR 2023): the onsets of a
recording are wanted, those of the generated sound are its guesses (`FOLEY_ANALOGIES`). Cheng et al., "MMAudio" (CVPR
2025), wants the annotated hits of Greatest Hits, allows three times the distance, and looks at 8 s (`MMAUDIO`). Their
figures must not be mixed. Both stop at the last guess: what is wanted after that counts against accuracy alone.
What is missed ranks last, so that a sound without onsets has an average precision of 1: read it beside the accuracy.

Conventions
-----------
Sound is mono float32 at SAMPLE_RATE, onsets are in samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mono = NDArray[np.float32]

SAMPLE_RATE = 22_050  # Hz
PICKED_OVER = 0.3  # librosa's `delta`: how far an onset stands out of its neighbourhood
NEIGHBOURHOOD = int(0.05 * SAMPLE_RATE)  # samples either side, in which an onset is as sure as the loudest sample
CLOSEST_SEC = 0.05  # of two guesses closer than that the surer one stays


@dataclass(frozen=True)
class Rules:
    """In what the sources differ."""

    tolerance_sec: float
    rectified: bool  # whether sureness goes by |samples|
    longest_sec: float = math.inf  # looked at

    def cut(self, sound: Mono) -> Mono:
        return sound if self.longest_sec == math.inf else sound[: round(self.longest_sec * SAMPLE_RATE)]


FOLEY_ANALOGIES = Rules(tolerance_sec=0.1, rectified=True)
MMAUDIO = Rules(tolerance_sec=0.3, rectified=False, longest_sec=8.0)


@dataclass(frozen=True)
class OnsetScore:
    accuracy: float  # share of the wanted onsets that were met; 0 when none are wanted
    average_precision: float | None  # None when there is nothing that could be found
    f1: float | None
    as_many: bool  # whether there are as many guesses as wanted onsets


def onsets_of(sound: Mono) -> list[int]:
    """Samples at which librosa finds onsets that stand out by PICKED_OVER."""
    from librosa.onset import onset_detect

    return [int(at) for at in onset_detect(y=sound, sr=SAMPLE_RATE, units="samples", delta=PICKED_OVER)]


def onset_score(wanted: Sequence[int], sound: Mono, rules: Rules = FOLEY_ANALOGIES) -> OnsetScore:
    """How well a generated sound meets the wanted onsets."""
    return scored(wanted, onsets_of(rules.cut(sound)), rules.cut(sound), rules)


def scored(wanted: Sequence[int], guesses: Sequence[int], sound: Mono, rules: Rules = FOLEY_ANALOGIES) -> OnsetScore:
    """`onset_score` of guesses that are known, samples of the sound."""
    wanted = [at for at in sorted(wanted) if at < rules.longest_sec * SAMPLE_RATE]
    loudness = _on_0_to_1(np.abs(sound) if rules.rectified else sound)
    sure = {at: float(loudness[max(0, at - NEIGHBOURHOOD) : at + NEIGHBOURHOOD].max()) for at in guesses}
    free = _thinned(sure)
    truth, sureness, hits = [], [], 0
    for onset in wanted:
        near = [at for at in free if abs(at - onset) < rules.tolerance_sec * SAMPLE_RATE]
        truth.append(1)
        if not near:
            sureness.append(0.0)
            continue
        met = max(near, key=lambda at: loudness[at])
        sureness.append(sure[met])
        hits += 1
        free.remove(met)
        if not free:
            break
    truth += [0] * len(free)
    sureness += [sure[at] for at in free]
    return OnsetScore(hits / len(wanted) if wanted else 0.0, *_curve(truth, sureness), len(guesses) == len(wanted))


def _on_0_to_1(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = float(sound.min(initial=np.inf)), float(sound.max(initial=-np.inf))
    return (sound - low) / (high - low) if high > low else np.zeros_like(sound)


def _thinned(sure: dict[int, float]) -> list[int]:
    """The guesses in order of time, without those too close to a surer one."""
    kept: list[int] = []
    for at in sorted(sure, key=lambda at: (sure[at], at), reverse=True):
        if all(abs(at - other) >= CLOSEST_SEC * SAMPLE_RATE for other in kept):
            kept.append(at)
    return sorted(kept)


def _curve(truth: list[int], sureness: list[float]) -> tuple[float | None, float | None]:
    """Average precision, and F1 of calling all that is sure at all."""
    if not any(truth):
        return None, None
    from sklearn.metrics import average_precision_score, f1_score

    return float(average_precision_score(truth, sureness)), float(f1_score(truth, [value > 0 for value in sureness]))
