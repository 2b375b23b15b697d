"""What a network trained on rendered contacts has learnt, asked of the engine's own model with pictures it never saw.

Every picture is rendered from a held-out scene, filmed, decoded and analysed as a user's clip would be. Chance of the
onsets' F1 is that of the same sounds against the contacts of all other pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from footfall_bridge.messages import Controls, Quality
from numpy.typing import NDArray

from footfall_engine.analysis import analyse
from footfall_engine.analysis.picture import PictureAnalysis
from footfall_engine.contacts import Contact, Scene, render_clip
from footfall_engine.evaluation.lift import f_measure, match_offsets
from footfall_engine.media.audio import Recording
from footfall_engine.media.video import probe, region_of
from footfall_engine.models.base import Conditions, Model, TimedHit
from footfall_engine.models.multifoley.sizes import HOP, SAMPLE_RATE
from footfall_engine.progress import ProgressFn, no_progress
from footfall_engine.training.judges import Ear, onset_times
from footfall_engine.training.rendered import HELD_OUT
from footfall_engine.training.timbres import TIMBRES, Mono, sound_of

TOLERANCE_SEC = 0.06
KNOWN_SHARE = 0.4  # of a clip whose sound is there already when it is extended
REGENERATED = (0.35, 0.65)  # shares of a clip between which sound is made anew
BRIGHT_HZ = 4_000.0  # above this, low quality holds nothing
PICTURE = {"width": 320, "height": 180, "noise": 2.0}


@dataclass(frozen=True)
class Picture:
    """A held-out scene as the engine sees it."""

    timbre: str  # that belongs to what is shown
    contacts: tuple[Contact, ...]
    analysis: PictureAnalysis

    @property
    def times(self) -> list[float]:
        return [contact.time for contact in self.contacts]


@dataclass(frozen=True)
class Findings:
    """Shares are 0 … 1, over all pictures."""

    pictures: int
    onset_f1: float  # at ±TOLERANCE_SEC
    chance_f1: float
    analysis_f1: float  # of the events that the network was told of: what could be reached by following them
    text: float  # sounds of the timbre that the text names, which is any
    picture_alone: float  # sounds of the timbre that belongs to the picture, without text
    named_before: float  # sounds of a timbre without text; and with this timbre as negative text
    named_after: float
    extension: float  # sounds that go on in the timbre of what is there, without text
    reference: float  # sounds of the timbre of another recording, without text
    untouched: float  # clips of which all samples outside the regenerated part are the same, bit for bit
    regenerated_f1: float  # of the onsets within it
    bright_high: float  # share of energy above BRIGHT_HZ when high quality is asked for
    bright_low: float  # and low

    @property
    def passed(self) -> bool:
        timed = self.onset_f1 >= 0.6 and self.onset_f1 > self.chance_f1
        removed = self.named_after <= self.named_before / 2
        return timed and self.text >= 0.8 and removed and self.extension >= 0.8 and self.untouched == 1.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"passed": self.passed}

    def as_rows(self) -> list[list[str]]:
        return [[name.replace("_", " "), f"{value:.3g}"] for name, value in asdict(self).items()]


def pictures(count: int, seconds: float, progress: ProgressFn = no_progress) -> list[Picture]:
    """Balls, hammer and steps in turn, filmed and looked at."""
    made = []
    with TemporaryDirectory() as folder:
        for number in range(count):
            progress(number / count)
            timbre = list(TIMBRES)[number % len(TIMBRES)]
            scene = Scene(TIMBRES[timbre].scene, duration=seconds, seed=HELD_OUT + number, **PICTURE)  # type: ignore[arg-type]
            clip = Path(folder) / f"{number}.mp4"
            contacts = render_clip(clip, scene)
            made.append(Picture(timbre, tuple(contacts), analyse(clip, region_of(probe(clip), 0))))
    return made


@dataclass(frozen=True)
class Exam:
    model: Model
    pictures: Sequence[Picture]
    seconds: float
    ear: Ear
    steps: int | None = None
    guidance: float | None = None

    def findings(self, progress: ProgressFn = no_progress) -> Findings:
        asked: list[Callable[[int], dict[str, Any]]] = [
            self._by_text, self._by_picture, self._by_negative, self._extended, self._referred, self._regenerated,
            self._dull,
        ]  # fmt: skip
        answers: list[dict[str, Any]] = []
        for number in range(len(self.pictures)):
            answers.append({})
            for place, ask in enumerate(asked):
                progress((number + place / len(asked)) / len(self.pictures))
                answers[-1] |= ask(number)
        heard = [answer.pop("onsets") for answer in answers]
        told = [[hit.time for hit in picture.analysis.hits] for picture in self.pictures]
        means = {name: float(np.mean([answer[name] for answer in answers])) for name in answers[0]}
        matched = self._f1(heard, lambda sound, picture: sound == picture)
        chance = self._f1(heard, lambda sound, picture: sound != picture)
        reachable = self._f1(told, lambda sound, picture: sound == picture)
        return Findings(len(self.pictures), matched, chance, reachable, **means)

    def _f1(self, onsets: Sequence[list[float]], wanted: Callable[[int, int], bool]) -> float:
        scores = [
            f1(times, picture.times)
            for one, times in enumerate(onsets)
            for other, picture in enumerate(self.pictures)
            if wanted(one, other)
        ]
        return float(np.mean(scores)) if scores else 0.0

    # ---- questions

    def _by_text(self, number: int) -> dict[str, Any]:
        timbre = self._any_timbre(number)
        sound = self._made(number, prompt=_caption(timbre, number))
        return {
            "onsets": onset_times(sound), "text": self.ear.hears(sound) == timbre, "bright_high": brightness(sound)
        }  # fmt: skip

    def _by_picture(self, number: int) -> dict[str, Any]:
        return {"picture_alone": self.ear.hears(self._made(number)) == self.pictures[number].timbre}

    def _by_negative(self, number: int) -> dict[str, Any]:
        """The timbre that is heard without text, which is then what it must not be."""
        before = self.ear.hears(self._made(number))
        after = self.ear.hears(self._made(number, negative=_caption(before, number)))
        return {"named_before": True, "named_after": after == before}

    def _extended(self, number: int) -> dict[str, Any]:
        timbre = self._any_timbre(number)
        there = round(KNOWN_SHARE * self._samples / HOP) * HOP
        sound = self._made(number, **self._known(number, timbre, slice(there, None)))
        return {"extension": self.ear.hears(sound[there:]) == timbre}

    def _referred(self, number: int) -> dict[str, Any]:
        timbre = self._any_timbre(number)
        other = self.pictures[(number + 1) % len(self.pictures)]
        sound = sound_of(other.contacts, timbre, Quality.HIGH, self.seconds, np.random.default_rng(number))
        return {"reference": self.ear.hears(self._made(number, reference=_recording(sound))) == timbre}

    def _regenerated(self, number: int) -> dict[str, Any]:
        timbre = self._any_timbre(number)
        start, stop = (round(share * self._samples / HOP) * HOP for share in REGENERATED)
        known = self._known(number, timbre, slice(start, stop))
        sound, before = self._made(number, **known), known["known"].samples[0]
        kept = known["known_mask"]
        span = (start / SAMPLE_RATE, stop / SAMPLE_RATE)
        inside = [[time for time in times if span[0] <= time < span[1]]
                  for times in (onset_times(sound), self.pictures[number].times)]  # fmt: skip
        return {"untouched": np.array_equal(sound[kept], before[kept]), "regenerated_f1": f1(*inside)}

    def _dull(self, number: int) -> dict[str, Any]:
        timbre = self._any_timbre(number)
        sound = self._made(number, prompt=_caption(timbre, number), controls={"quality": Quality.LOW})
        return {"bright_low": brightness(sound)}

    # ---- asking

    @property
    def _samples(self) -> int:
        return round(self.seconds * SAMPLE_RATE)

    def _any_timbre(self, number: int) -> str:
        """Each with each kind of picture."""
        return list(TIMBRES)[number // len(TIMBRES) % len(TIMBRES)]

    def _known(self, number: int, timbre: str, unknown: slice) -> dict[str, Any]:
        rng = np.random.default_rng(number)
        sound = sound_of(self.pictures[number].contacts, timbre, Quality.HIGH, self.seconds, rng)
        mask = np.ones(self._samples, np.bool_)
        mask[unknown] = False
        return {"known": _recording(np.where(mask, sound, 0).astype(np.float32)), "known_mask": mask}

    def _made(self, number: int, **asked: Any) -> Mono:
        conditions = conditions_of(self.pictures[number].analysis, self.steps, self.guidance, **asked)
        sound: NDArray[np.float32] = self.model.generate(conditions, [number], no_progress).audio[0, 0]
        return sound


def conditions_of(
    analysis: PictureAnalysis, steps: int | None, guidance: float | None, controls: dict[str, Any] | None = None,
    **asked: Any,
) -> Conditions:  # fmt: skip
    """A whole clip, as the engine would ask for its sound."""
    usual: dict[str, Any] = {"prompt": "", "negative": ""}
    return Conditions(
        duration=analysis.duration,
        start=0.0,
        channels=1,
        hits=tuple(TimedHit.of(hit, index, 0.0) for index, hit in enumerate(analysis.hits)),
        motion=analysis.motion,
        motion_x=analysis.motion_x,
        activity=analysis.activity,
        frames=lambda times: iter(()),
        controls=Controls(steps=steps, guidance=guidance, **(controls or {})),
        **(usual | asked),
    )


def f1(found: Sequence[float], wanted: Sequence[float]) -> float:
    return f_measure(len(match_offsets(found, wanted, TOLERANCE_SEC)), len(found), len(wanted))


def brightness(sound: Mono) -> float:
    """Share of energy above BRIGHT_HZ."""
    power = np.square(np.abs(np.fft.rfft(sound)))
    first = round(BRIGHT_HZ * len(sound) / SAMPLE_RATE)
    return float(power[first:].sum() / max(power.sum(), 1e-12))


def _caption(timbre: str, number: int) -> str:
    captions = TIMBRES[timbre].captions
    return captions[number % len(captions)]


def _recording(sound: Mono) -> Recording:
    return Recording(sound[None], SAMPLE_RATE)
