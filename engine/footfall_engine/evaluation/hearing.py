"""What the sounds of clips are like, to networks that hear: each figure comes from the weights that lie here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from footfall_bridge.errors import WeightsMissing, WeightsUnusable

from footfall_engine.evaluation import distances
from footfall_engine.evaluation.clips import Clip, Mono, for_each, mono
from footfall_engine.evaluation.listeners import CLAP, PANNS, VGGISH, Listener
from footfall_engine.progress import ProgressFn, in_turn


@dataclass
class Together:
    """Figures of all clips at once, and why some are not there."""

    figures: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, figure: Callable[[], float]) -> None:
        """A figure, unless the clips do not suffice for it."""
        try:
            self.figures[key] = figure()
        except ValueError as error:
            self.missing[key] = str(error)


def hear_all(clips: list[Clip], progress: ProgressFn) -> Together:
    """Gives every clip its figures of likeness, and all of them theirs together."""
    together = Together()
    for (listener, keys, hear), watch in in_turn(_HEARINGS, progress):
        lacking = listener.lacking()
        try:
            if not lacking:
                hear(clips, together, watch)
        except (WeightsMissing, WeightsUnusable) as error:
            lacking = error.message
        if lacking:
            together.missing |= dict.fromkeys(keys, lacking)
    return together


def _hear_classes(clips: list[Clip], together: Together, progress: ProgressFn) -> None:
    from footfall_engine.evaluation import panns

    hear = panns.Panns(PANNS.path, _device()).hear
    heard = _listened(clips, hear, panns.SAMPLE_RATE, progress)
    together.add("inception_score", lambda: distances.inception_score([sound.logits for _, sound, _ in heard]))
    pairs = [(clip, sound, true) for clip, sound, true in heard if true]
    for clip, sound, true in pairs:
        (clip.figures["kl"],) = distances.divergences([sound.logits], [true.logits]).tolist()
    if pairs:
        sounds, trues = [sound.features for _, sound, _ in pairs], [true.features for _, _, true in pairs]
        together.add("fd", lambda: distances.frechet_distance(sounds, trues))
        together.add("kad", lambda: distances.kernel_distance(sounds, trues))


def _hear_examples(clips: list[Clip], together: Together, progress: ProgressFn) -> None:
    compared = [clip for clip in clips if clip.reference]
    if not compared:
        return
    from footfall_engine.evaluation import vggish

    hear = vggish.Vggish(VGGISH.path, _device()).hear
    if heard := _listened(compared, hear, vggish.SAMPLE_RATE, progress):
        sounds, trues = np.concatenate([sound for _, sound, _ in heard]), np.concatenate([true for _, _, true in heard])
        together.add("fad", lambda: distances.frechet_distance(sounds, trues))


def _hear_prompts(clips: list[Clip], together: Together, progress: ProgressFn) -> None:
    described = [clip for clip in clips if clip.prompt]
    if not described:
        return
    from footfall_engine.evaluation.clap import Clap

    listener = Clap(CLAP.folder, _device())

    def work(clip: Clip, watch: ProgressFn) -> None:
        watch(0.0)
        clip.figures["clap"] = listener.likeness(mono(clip.sound, listener.sample_rate), clip.prompt)

    for_each(described, work, progress)


_HEARINGS: tuple[tuple[Listener, tuple[str, ...], Callable[[list[Clip], Together, ProgressFn], None]], ...] = (
    (PANNS, ("kl", "inception_score", "fd", "kad"), _hear_classes),
    (VGGISH, ("fad",), _hear_examples),
    (CLAP, ("clap",), _hear_prompts),
)


def _listened(
    clips: list[Clip], hear: Callable[[Mono], Any], sample_rate: int, progress: ProgressFn
) -> list[tuple[Clip, Any, Any]]:
    """Each clip that can be read, with what is heard of its sound and of its reference (None without one)."""
    heard = []

    def work(clip: Clip, watch: ProgressFn) -> None:
        watch(0.0)
        sound = hear(mono(clip.sound, sample_rate))
        heard.append((clip, sound, hear(mono(clip.reference, sample_rate)) if clip.reference else None))

    for_each(clips, work, progress)
    return heard


def _device() -> Any:
    from footfall_engine.models.runtime import chosen_runtime

    return chosen_runtime().device
