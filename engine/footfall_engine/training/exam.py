"""What a network trained on rendered contacts has learnt, asked of the engine's own model with pictures it never saw.

Every picture is rendered from a held-out scene, filmed, decoded and analysed as a user's clip would be. Chance of the
onsets' F1 is that of the same sounds against the contacts of all other pictures.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from footfall_bridge import messages
from footfall_bridge.errors import from_code
from footfall_bridge.messages import Controls, Quality
from numpy.typing import NDArray

from footfall_engine.analysis import analyse
from footfall_engine.analysis.picture import PictureAnalysis
from footfall_engine.config import Settings
from footfall_engine.contacts import Contact, Scene, render_clip
from footfall_engine.engine import run_in_process
from footfall_engine.evaluation.lift import f_measure, match_offsets
from footfall_engine.media import wav
from footfall_engine.media.audio import Recording
from footfall_engine.media.video import probe, region_of
from footfall_engine.models.base import Conditions, Model, TimedHit
from footfall_engine.models.multifoley.model import NAME
from footfall_engine.models.multifoley.sizes import HOP, SAMPLE_RATE
from footfall_engine.progress import ProgressFn, no_progress
from footfall_engine.training.judges import Ear, onset_times
from footfall_engine.training.rendered import HELD_OUT
from footfall_engine.training.timbres import TIMBRES, Mono, sound_of

MODELS_VARIABLE = "FOOTFALL_MODELS"
ENGINE_MODEL = "multifoley-fast"
TOLERANCE_SEC = 0.06
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

    @property
    def samples(self) -> int:
        return round(self.analysis.duration * SAMPLE_RATE)

    def sound(self, timbre: str, seed: int) -> Mono:
        """What it could sound like."""
        rng = np.random.default_rng(seed)
        return sound_of(self.contacts, timbre, Quality.HIGH, self.analysis.duration, rng)


@dataclass(frozen=True)
class Findings:
    """Shares are 0 … 1, over all pictures."""

    pictures: int
    onset_f1: float  # at ±TOLERANCE_SEC
    chance_f1: float
    analysis_f1: float  # of the events that the network was told of: what could be reached by following them
    text: float  # sounds of the timbre that the text names, which is any
    picture_alone: float  # sounds of the timbre that belongs to the picture, without text
    named_before: float  # sounds that are again of the timbre of another one without text …
    named_after: float  # … and still are when negative text names it
    extension: float  # sounds that go on in the timbre of what is there, any, without text
    reference: float  # sounds of the timbre of another recording, any, without text
    regenerated_f1: float  # of the onsets within a part that is made anew
    bright_high: float  # share of energy above BRIGHT_HZ when high quality is asked for
    bright_low: float  # and low
    untouched: float  # stems that the engine left as they were around such a part, bit for bit

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
    ear: Ear
    steps: int | None = None
    guidance: float | None = None

    def findings(self, untouched: float, progress: ProgressFn = no_progress) -> Findings:
        asked: list[Callable[[int], dict[str, Any]]] = [
            self.by_text, self._by_picture, self._by_negative, self._extended, self._referred, self._regenerated,
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
        means = {name: float(np.nanmean([answer[name] for answer in answers])) for name in answers[0]}
        matched, chance = self.timing(heard)
        reachable = self._f1(told, lambda sound, picture: sound == picture)
        return Findings(len(self.pictures), matched, chance, reachable, **means, untouched=untouched)

    def timing(self, onsets: Sequence[list[float]]) -> tuple[float, float]:
        """F1 of the onsets of a sound for each picture, and by chance."""
        return self._f1(onsets, lambda one, other: one == other), self._f1(onsets, lambda one, other: one != other)

    def _f1(self, onsets: Sequence[list[float]], wanted: Callable[[int, int], bool]) -> float:
        scores = [
            f1(times, picture.times)
            for one, times in enumerate(onsets)
            for other, picture in enumerate(self.pictures)
            if wanted(one, other)
        ]
        return float(np.mean(scores)) if scores else 0.0

    # ---- questions

    def by_text(self, number: int) -> dict[str, Any]:
        timbre = self._any_timbre(number)
        sound = self._made(number, prompt=_caption(timbre, number))
        return {
            "onsets": onset_times(sound), "text": self.ear.hears(sound) == timbre, "bright_high": brightness(sound)
        }  # fmt: skip

    def _by_picture(self, number: int) -> dict[str, Any]:
        return {"picture_alone": self.ear.hears(self._made(number)) == self.pictures[number].timbre}

    def _by_negative(self, number: int) -> dict[str, Any]:
        heard = self.ear.hears(self._made(number))
        negative = {"named_before": "", "named_after": _caption(heard, number)}
        again = number + len(self.pictures)  # another seed
        return {
            name: self.ear.hears(self._made(number, again, negative=text)) == heard for name, text in negative.items()
        }

    def _extended(self, number: int) -> dict[str, Any]:
        """From between two contacts on, so that there is something to go on from and something to be made."""
        timbre, times = self._any_timbre(number), self.pictures[number].times
        if len(times) < 2:
            return {"extension": np.nan}
        there = round(np.mean(times[(len(times) - 1) // 2 :][:2]) * SAMPLE_RATE / HOP) * HOP
        sound = self._made(number, **self._known(number, timbre, slice(there, None)))
        return {"extension": self.ear.hears(sound[there:]) == timbre}

    def _referred(self, number: int) -> dict[str, Any]:
        timbre = self._any_timbre(number)
        other = self.pictures[(number + 1) % len(self.pictures)]
        made = self._made(number, reference=_recording(other.sound(timbre, number)))
        return {"reference": self.ear.hears(made) == timbre}

    def _regenerated(self, number: int) -> dict[str, Any]:
        timbre = self._any_timbre(number)
        start, stop = (round(share * self.pictures[number].samples / HOP) * HOP for share in REGENERATED)
        known = self._known(number, timbre, slice(start, stop))
        sound = self._made(number, **known)
        span = (start / SAMPLE_RATE, stop / SAMPLE_RATE)
        inside = [[time for time in times if span[0] <= time < span[1]]
                  for times in (onset_times(sound), self.pictures[number].times)]  # fmt: skip
        return {"regenerated_f1": f1(*inside)}

    def _dull(self, number: int) -> dict[str, Any]:
        timbre = self._any_timbre(number)
        sound = self._made(number, prompt=_caption(timbre, number), controls={"quality": Quality.LOW})
        return {"bright_low": brightness(sound)}

    # ---- asking

    def _any_timbre(self, number: int) -> str:
        """Each with each kind of picture."""
        return list(TIMBRES)[number // len(TIMBRES) % len(TIMBRES)]

    def _known(self, number: int, timbre: str, unknown: slice) -> dict[str, Any]:
        sound = self.pictures[number].sound(timbre, number)
        mask = np.ones(len(sound), np.bool_)
        mask[unknown] = False
        return {"known": _recording(np.where(mask, sound, 0).astype(np.float32)), "known_mask": mask}

    def _made(self, number: int, seed: int | None = None, **asked: Any) -> Mono:
        conditions = conditions_of(self.pictures[number].analysis, self.steps, self.guidance, **asked)
        sound: NDArray[np.float32] = self.model.generate(
            conditions, [number if seed is None else seed], no_progress
        ).audio[0, 0]
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


def untouched(model_folder: Path, seconds: float, controls: Controls, progress: ProgressFn = no_progress) -> float:
    """Share of stems that stay as they are, bit for bit, around a part that the engine makes anew; one of each kind.

    Raises AssertionError should the part itself be as it was.
    """
    same = []
    with TemporaryDirectory() as name, _only_model(model_folder, Path(name)) as settings:
        for number, timbre in enumerate(TIMBRES):
            progress(number / len(TIMBRES))
            clip = Path(name) / f"{timbre}.mp4"
            render_clip(clip, Scene(TIMBRES[timbre].scene, duration=seconds, seed=HELD_OUT + number, **PICTURE))  # type: ignore[arg-type]
            start, end = (round(share * seconds, 3) for share in REGENERATED)
            wishes = {"stem_folder": name, "seed": number, **controls.model_dump(exclude_none=True)}
            whole = {"video": str(clip), "model": ENGINE_MODEL, "prompt": _caption(timbre, 0), "channels": 1}
            first = _stem(messages.Generate.model_validate({**whole, **wishes}), settings)
            anew = {"stem": str(first), "in": start, "out": end, **wishes, "seed": number + 1}
            second = _stem(messages.Regenerate.model_validate(anew), settings)
            before, after = (
                wav.read_pcm(wav.read_facts(path), 0, round(seconds * SAMPLE_RATE)) for path in (first, second)
            )
            inside = slice(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))
            assert not np.array_equal(before[..., inside], after[..., inside]), "nothing was made anew"
            for sound in (before, after):
                sound[..., inside] = 0
            same.append(np.array_equal(before, after))
    return float(np.mean(same))


@contextmanager
def _only_model(model_folder: Path, folder: Path) -> Iterator[Settings]:
    """An engine of its own in `folder`, whose MultiFoley is the one in `model_folder`."""
    shutil.copytree(model_folder, folder / "models" / NAME)
    before = os.environ.get(MODELS_VARIABLE)
    os.environ[MODELS_VARIABLE] = str(folder / "models")
    try:
        yield replace(Settings.load(), data_folder=folder, log_folder=folder, spool_folder=folder / "spool")
    finally:
        if before is None:
            del os.environ[MODELS_VARIABLE]
        else:
            os.environ[MODELS_VARIABLE] = before


def _stem(request: messages.Generate | messages.Regenerate, settings: Settings) -> Path:
    stems: list[Path] = []

    def hear(event: messages.Message) -> None:
        if isinstance(event, messages.Failed):
            raise from_code(event.code, event.message, event.detail)
        if isinstance(event, messages.Stem):
            stems.append(Path(event.path))

    run_in_process(request, hear, settings, threading.Event())
    return stems[0]


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
