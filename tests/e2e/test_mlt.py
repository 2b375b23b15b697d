"""Stems of a real engine, laid out as Resolve's scripts do and played by a real editor: is each hit where it is seen?

MLT writes the project and renders it. A timeline starts at 01:00:00:00, its clips lie on whole frames, and the stems'
first samples on frames, beside them and between them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import opentimelineio as otio
import pytest
import soundfile
from footfall_bridge.client import Client
from footfall_bridge.messages import Failed, Generate, Hit, Stem
from footfall_engine.cli.app import app
from footfall_engine.contacts import Scene, render_clip
from footfall_engine.resident import resident_engine
from typer.testing import CliRunner

from tests.e2e.mlt import Clip, Rendered, missing_parts, read_pictures, render
from tests.resolve import lib  # noqa: F401

from footfall_resolve import frames, stem_file  # isort: skip

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300, method="signal"),
    pytest.mark.skipif(bool(missing_parts()), reason=f"not installed here: {', '.join(missing_parts())}"),
]

RATES = {"24": Fraction(24), "25": Fraction(25), "50": Fraction(50), "23.976": Fraction(24_000, 1001)}
RATE = frames.SAMPLE_RATE
SAMPLES = 48_047  # of a stem: no whole number of frames at any rate
APART_SEC = 2  # from one shot of a timeline to the next
BEFORE_SEC = 0.4  # that a shot shows before its contact
SIZE = (320, 180)
NOISE = 3.0  # of the camera's sensor, so that no picture is like another
HIT_RISES = 1  # samples: the first of a hit is zero still
HEARD = 1e-3
STEP = 2.0**-15  # MLT adds tracks in 16 bits
STARTS = "01:00:00:00"


@dataclass(frozen=True)
class Film:
    path: Path
    rate: Fraction
    contact: Fraction  # seconds into it

    @property
    def first(self) -> int:
        """The frame from which on it is shown."""
        return math.floor((self.contact - Fraction(BEFORE_SEC)) * self.rate)

    @property
    def timeline_start(self) -> int:
        return frames.frame_of(STARTS, self.rate)

    @property
    def zero(self) -> int:
        """The sample at which the timeline starts."""
        return frames.sample_at(self.timeline_start, self.rate)


@dataclass(frozen=True)
class Shot:
    """A film on the timeline, and samples from its first frame's start to its stem's."""

    film: Film
    number: int
    offset: int

    @property
    def frame(self) -> int:
        """From the timeline's start."""
        return self.number * APART_SEC * math.ceil(self.film.rate)

    @property
    def sample(self) -> int:
        """At which the stem starts, counted from 00:00:00:00."""
        return frames.sample_at(self.film.timeline_start + self.frame, self.film.rate) + self.offset

    @property
    def frames(self) -> int:
        return math.ceil((self.offset + SAMPLES) * self.film.rate / RATE)

    @property
    def picture(self) -> Clip:
        return Clip(str(self.film.path), self.frame, self.film.first, self.film.first + self.frames)

    @property
    def region_start(self) -> Fraction:
        return self.film.first / self.film.rate + Fraction(self.offset, RATE)

    @property
    def hit(self) -> int:
        """The sample of the timeline at which the picture shows the contact, from the timeline's start."""
        return round((self.frame / self.film.rate + self.film.contact - self.film.first / self.film.rate) * RATE)

    def __str__(self) -> str:
        return f"{float(self.film.rate):.3f} fps, frame {self.frame} and {self.offset} samples"


@dataclass(frozen=True)
class Scored:
    """A shot with its stem."""

    shot: Shot
    stem: Path
    sample: int  # at which it is due, as the engine says


def shots_of(film: Film) -> list[Shot]:
    per_frame = math.floor(RATE / film.rate)
    return [Shot(film, number, offset) for number, offset in enumerate((0, 1, per_frame // 2 + 77, per_frame - 1))]


# ---- what is made, once


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Film]:
    folder = tmp_path_factory.mktemp("films")
    return {name: make_film(folder / f"{name}.mp4", rate) for name, rate in RATES.items()}


def make_film(path: Path, rate: Fraction) -> Film:
    contacts = render_clip(
        path, Scene("hammer", duration=4.0, fps=rate, width=SIZE[0], height=SIZE[1], noise=NOISE), crf="12"
    )
    return Film(path, rate, next(Fraction(contact.time) for contact in contacts if contact.time > 1))


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory, films: dict[str, Film]) -> Iterator[dict[str, list[Scored]]]:
    folder = tmp_path_factory.mktemp("engine")
    (folder / "stems").mkdir()
    with resident_engine(folder / "home") as engine, engine.connect() as client:
        yield {name: [score(client, shot, folder / "stems") for shot in shots_of(film)] for name, film in films.items()}


def score(client: Client, shot: Shot, stems: Path) -> Scored:
    """The user has marked the contact, and nothing else."""
    begin = shot.region_start
    job = client.submit(
        Generate(
            video=str(shot.film.path), start=str(begin), end=str(begin + Fraction(SAMPLES, RATE)),
            position=str(Fraction(shot.sample, RATE)), stem_folder=str(stems), prompt="hammer on metal", seed=1,
            events=[Hit(time=float(shot.film.contact - begin))],
        )
    )  # fmt: skip
    said = list(client.events(job, timeout=60))
    assert not [event for event in said if isinstance(event, Failed)], said
    (stem,) = [event for event in said if isinstance(event, Stem)]
    assert (stem.samples, stem.rate) == (SAMPLES, RATE)
    return Scored(shot, Path(stem.path), stem.start)


def lay(scored: Scored, folder: Path, late_samples: int = 0, late_frames: int = 0) -> Clip:
    """The stem's file as Resolve's scripts make and place it."""
    film = scored.shot.film
    fitted = frames.fit(scored.sample, SAMPLES, film.rate)
    padded = folder / f"{late_samples} {late_frames} {scored.stem.name}"
    stem_file.write_padded(
        str(scored.stem), str(padded), fitted.head_samples + late_samples, fitted.tail_samples - late_samples
    )
    return Clip(str(padded), fitted.record_frame - film.timeline_start + late_frames, 0, fitted.frames)


@pytest.fixture(scope="module", params=RATES)
def played(request: pytest.FixtureRequest, scored: dict[str, list[Scored]], tmp_path_factory: pytest.TempPathFactory):
    """What the editor plays of all shots at a rate."""
    folder, all_of_it = tmp_path_factory.mktemp("mlt"), scored[request.param]
    pictures = [each.shot.picture for each in all_of_it]
    rate = RATES[request.param]
    return all_of_it, render(folder, rate, SIZE, pictures, [lay(each, folder) for each in all_of_it])


# ---- what is heard and seen


def check_hit(rendered: Rendered, shot: Shot) -> None:
    begin = shot.sample - shot.film.zero - APART_SEC * RATE // 4
    heard = begin + first_heard(rendered.sound[max(begin, 0) :]) - min(begin, 0)
    assert heard == shot.hit + HIT_RISES, f"{shot}: the hit is {heard - shot.hit - HIT_RISES} samples late"


def first_heard(sound: np.ndarray) -> int:
    loud = np.abs(sound).max(axis=1) > HEARD
    assert loud.any(), "nothing is heard"
    return int(np.argmax(loud))


def test_each_hit_is_heard_at_the_very_sample_at_which_the_picture_shows_it(played: tuple[list[Scored], Rendered]):
    scored, rendered = played
    for each in scored:
        check_hit(rendered, each.shot)


def test_the_picture_beside_it_is_the_one_that_the_stem_was_made_for(played: tuple[list[Scored], Rendered]):
    scored, rendered = played
    film = read_pictures(scored[0].shot.film.path).astype(np.int16)
    for shot in (each.shot for each in scored):
        at = math.floor(Fraction(shot.hit, RATE) * shot.film.rate)
        unlike = np.abs(film - rendered.pictures[at]).mean(axis=(1, 2))
        assert int(unlike.argmin()) == math.floor(shot.film.contact * shot.film.rate)


def test_the_stems_are_played_sample_for_sample_and_nothing_else(played: tuple[list[Scored], Rendered]):
    scored, rendered = played
    rest = rendered.sound.copy()
    for each in scored:
        stem, _ = soundfile.read(each.stem, always_2d=True)
        begin = each.shot.sample - each.shot.film.zero
        rest[begin : begin + SAMPLES] -= stem
    assert np.abs(rest).max() < 2 * STEP


@pytest.mark.parametrize(("late", "samples"), [({"late_samples": 1}, 1), ({"late_frames": 1}, RATE // 25)])
def test_the_check_fails_for_a_stem_that_is_a_sample_or_a_frame_late(scored, tmp_path: Path, late, samples: int):
    each = scored["25"][2]
    rendered = render(tmp_path, each.shot.film.rate, SIZE, [each.shot.picture], [lay(each, tmp_path, **late)])
    with pytest.raises(AssertionError, match=f"the hit is {samples} samples late"):
        check_hit(rendered, each.shot)


# ---- what `footfall export` writes


def read_timeline(file: Path, rate: Fraction, folder: Path) -> tuple[list[Clip], list[Clip]]:
    """Pictures and sounds of a timeline; a sound between two frames is padded to them."""
    read = otio.adapters.read_from_file(str(file))
    timeline = read if isinstance(read, otio.schema.Timeline) else next(iter(read.find_children(otio.schema.Timeline)))
    pictures = [picture_clip(each, rate) for track in timeline.video_tracks() for each in track.find_clips()]
    start = frames.frame_of(STARTS, rate)
    sounds = [sound_clip(each, rate, start, folder) for track in timeline.audio_tracks() for each in track.find_clips()]
    return pictures, sounds


def picture_clip(clip: otio.schema.Clip, rate: Fraction) -> Clip:
    placed, shown = clip.trimmed_range_in_parent(), clip.trimmed_range()
    begin, first = (
        math.floor(time.to_seconds() * rate + Fraction(1, 1000)) for time in (placed.start_time, shown.start_time)
    )
    return Clip(path_of(clip), begin, first, first + math.ceil(placed.duration.to_seconds() * rate))


def sound_clip(clip: otio.schema.Clip, rate: Fraction, timeline_start: int, folder: Path) -> Clip:
    placed = clip.trimmed_range_in_parent()
    sample = frames.sample_at(timeline_start, rate) + round(placed.start_time.to_seconds() * RATE)
    samples = soundfile.info(path_of(clip)).frames
    fitted = frames.fit(sample, samples, rate)
    padded = folder / f"exported {Path(path_of(clip)).name}"
    stem_file.write_padded(path_of(clip), str(padded), fitted.head_samples, fitted.tail_samples)
    return Clip(str(padded), fitted.record_frame - timeline_start, 0, fitted.frames)


def path_of(clip: otio.schema.Clip) -> str:
    return url2pathname(urlsplit(clip.media_reference.target_url).path)


@pytest.mark.parametrize("rate", ["23.976", "25"])
@pytest.mark.parametrize("kind", ["otio", "xml"])
def test_an_exported_timeline_plays_each_hit_at_its_sample(scored, tmp_path: Path, kind: str, rate: str):
    """Read by OpenTimelineIO, played by MLT; FCP7 XML has the shot that starts on a frame only."""
    chosen = scored[rate] if kind == "otio" else scored[rate][:1]
    target = tmp_path / f"timeline.{kind}"
    stems = [str(each.stem) for each in chosen]
    exported = CliRunner().invoke(app, ["export", *stems, "--to", str(target), "--start", STARTS])
    assert exported.exit_code == 0, exported.output
    pictures, sounds = read_timeline(target, RATES[rate], tmp_path)
    rendered = render(tmp_path, RATES[rate], SIZE, pictures, sounds)
    for each in chosen:
        check_hit(rendered, each.shot)
    at = math.floor(Fraction(chosen[0].shot.hit, RATE) * RATES[rate])
    film = read_pictures(chosen[0].shot.film.path).astype(np.int16)
    unlike = np.abs(film - rendered.pictures[at]).mean(axis=(1, 2))
    assert int(unlike.argmin()) == math.floor(chosen[0].shot.film.contact * RATES[rate])
