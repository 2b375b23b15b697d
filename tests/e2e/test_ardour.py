"""A user's way through a real Ardour: a range is selected, an action is run, and a stem is at the exact sample.

The scripts are installed as a user installs them, the first action starts the engine, and what is asserted was read
from the saved session by another process. Ardour is started twice: the first time stems are placed by actions; then it
is closed with jobs done and not placed, and at the second start the hook places them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
from footfall_bridge.messages import JobState, Stem
from footfall_bridge.spool import Spool
from footfall_engine.contacts import Scene, render_clip
from footfall_engine.resident import make_home

from tests.e2e.ardour import Place, Region, Running, make_session, missing_programs, running_ardour, saved_regions
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300, method="signal"),  # so that what runs is ended
    pytest.mark.skipif(bool(missing_programs()), reason=f"not installed here: {', '.join(missing_programs())}"),
]

HERE = Path(__file__).parent
RATE = 48_000  # Hz
SAMPLES = 48_047  # of a range: no whole number of frames at either rate
FRAME_RATES = {"23.976": Fraction(24_000, 1001), "25": Fraction(25)}
POSITIONS = (1, 93_093, 172_800_001)  # at 48 kHz: the first; half a frame off at 23.976 fps; an hour and a sample
DONE_WITHIN = 60.0  # seconds
PLACED_WITHIN = 60.0


@dataclass(frozen=True)
class Shot:
    """A range of the session, in samples, with the picture that it shows."""

    frame_rate: str
    position: int
    number: int
    variants: int = 1
    wait: bool = False
    selected: str = "time"  # or only the "loop" range, while nothing else is selected

    @property
    def picture_start(self) -> int:
        return max(0, self.position // RATE - 1) * RATE

    @property
    def prompt(self) -> str:
        return f"hammer on metal, take {self.number}"

    @property
    def seed(self) -> int:
        return 100 * self.number

    def track(self, variant: int) -> str:
        return f"Footfall: {self.prompt} {variant}"

    def __str__(self) -> str:
        return f"{self.frame_rate} fps at {self.position}"


SHOTS = [Shot(rate, position, number) for number, (rate, position) in enumerate(
    (rate, position) for rate in FRAME_RATES for position in POSITIONS
)]  # fmt: skip
SHOTS[0] = replace(SHOTS[0], wait=True)
SHOTS[1] = replace(SHOTS[1], variants=2)
SHIFTED = Shot("25", 93_093, len(SHOTS))


@dataclass
class Foley:
    """What came of it all."""

    stems: dict[Shot, list[Stem]] = field(default_factory=dict)
    regions: list[Region] = field(default_factory=list)
    engine_outlived_ardour: bool = False


@dataclass
class Editing:
    """A user at an Ardour that is open."""

    ardour: Running
    spool: Spool
    clips: dict[str, Path]

    @property
    def notebook(self) -> Path:
        return self.ardour.place.session / "footfall.json"

    def jobs(self) -> dict[str, Any]:
        return json.loads(self.notebook.read_text())["jobs"] if self.notebook.exists() else {}

    def do(self, action: str, sign: str, happened: bool = False) -> None:
        """Run an action of the tests' own; a file of the session comes or goes once it is done."""
        file = self.ardour.place.session / sign
        self.ardour.act(action)
        wait_until(lambda: file.exists() == happened, f"Ardour does not {action}", PLACED_WITHIN)
        file.unlink(missing_ok=True)

    def save(self) -> None:
        self.do("save", "saved.txt", happened=True)

    def select(self, shot: Shot) -> None:
        (self.ardour.place.session / "select.txt").write_text(
            f"{shot.position} {shot.position + SAMPLES} {shot.selected}\n"
        )
        self.do("select", "select.txt")

    def answer(self, shot: Shot) -> None:
        """What the user would type into the window, as it is remembered."""
        answers = {
            "prompt": shot.prompt, "negative": "", "variants": shot.variants, "wait": shot.wait,
            "picture": str(self.clips[shot.frame_rate]), "picture_start": shot.picture_start,
            "model": "procedural", "more": f"seed={shot.seed}",
        }  # fmt: skip
        self.notebook.write_text(json.dumps({"answers": answers, "jobs": self.jobs()}))

    def ask(self, shot: Shot) -> str:
        """Id of the job that the action left for the engine."""
        before = self.asked()
        self.select(shot)
        self.answer(shot)
        self.ardour.act("repeat")
        wait_until(lambda: self.asked() - before, f"no request for {shot}", DONE_WITHIN)
        (job,) = self.asked() - before
        return job

    def asked(self) -> set[str]:
        inbox = {file.stem for file in self.spool.inbox.glob("*.*") if not file.name.endswith(".part")}
        return inbox | {folder.name for folder in self.spool.jobs.glob("*")}

    def stems(self, job: str, shot: Shot) -> list[Stem]:
        wait_until(lambda: (said := self.spool.status(job)) and said.state.final, f"{shot} is not done", DONE_WITHIN)
        status = self.spool.status(job)
        assert status is not None and status.state is JobState.DONE, f"{shot}: {status}"
        return status.stems

    def move_by_one_sample(self, job: str) -> None:
        page = json.loads(self.notebook.read_text())
        page["jobs"][job]["start"] += 1
        self.notebook.write_text(json.dumps(page))

    def wait_until_all_is_placed(self) -> None:
        wait_until(lambda: not self.jobs(), lambda: f"not placed: {self.jobs()}", PLACED_WITHIN)


@pytest.fixture(scope="module")
def foley(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foley]:
    folder = tmp_path_factory.mktemp("ardour")
    place, made = Place(folder), Foley()
    make_session(place)
    clips = {name: film(folder / f"{name}.mp4", rate) for name, rate in FRAME_RATES.items()}
    with engine_home(folder / "engine") as spool:
        scripts = install(place, folder / "engine")
        actions = actions_of(scripts)
        with running_ardour(place, actions, {}) as ardour:
            made.stems = first_sitting(Editing(ardour, spool, clips))
        card = spool.engine()
        made.engine_outlived_ardour = card is not None and psutil.pid_exists(card.pid)
        with running_ardour(place, actions, {"watch": scripts / "footfall_watch.lua"}) as ardour:
            user = Editing(ardour, spool, clips)
            user.wait_until_all_is_placed()
            user.save()
    made.regions = saved_regions(place)
    yield made


def first_sitting(user: Editing) -> dict[Shot, list[Stem]]:
    """Ask for everything; the shots at 25 fps are not placed yet."""
    now, later = [s for s in SHOTS if s.frame_rate == "23.976"], [s for s in SHOTS if s.frame_rate == "25"]
    jobs = {shot: user.ask(shot) for shot in [*now, SHIFTED]}
    made = {shot: user.stems(job, shot) for shot, job in jobs.items()}
    user.move_by_one_sample(jobs[SHIFTED])
    user.ardour.act("place")
    user.wait_until_all_is_placed()
    jobs = {shot: user.ask(shot) for shot in later}
    made |= {shot: user.stems(job, shot) for shot, job in jobs.items()}
    user.save()
    return made


def film(path: Path, rate: Fraction) -> Path:
    render_clip(path, Scene("hammer", duration=4.0, fps=rate))
    return path


@contextmanager
def engine_home(folder: Path) -> Iterator[Spool]:
    """The spool of an engine that nobody has started yet; whoever starts it, it is killed at the end."""
    spool = Spool(make_home(folder).make_folders().spool_folder)
    spool.make()
    try:
        yield spool
    finally:
        for process in psutil.process_iter(["cmdline"]):
            if str(folder) in (process.info["cmdline"] or []):
                process.kill()


def install(place: Place, home: Path) -> Path:
    """Where the scripts are, once they are installed as a user does it."""
    subprocess.run(
        [sys.executable, "-m", "footfall_engine", "install", "ardour", "--config-path", str(place.config)],
        env=place.environment(FOOTFALL_HOME=str(home)), check=True, timeout=60, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return place.config / "scripts"


def actions_of(scripts: Path) -> dict[str, Path]:
    own = {"select": HERE / "select_range.lua", "save": HERE / "save_session.lua"}
    return {"repeat": scripts / "footfall_repeat.lua", "place": scripts / "footfall_place.lua", **own}


# ---- what another process reads from the session


def check(foley: Foley, shot: Shot) -> None:
    """Each stem of a shot is there once, whole, at the shot's first sample; the later variants are muted."""
    for stem in foley.stems[shot]:
        (region,) = [region for region in foley.regions if region.track == shot.track(stem.variant)]
        assert region.position == shot.position, f"{shot}: it is at sample {region.position}"
        assert (region.start, region.length) == (0, SAMPLES)
        assert region.muted == (stem.variant > 1)
        assert f"seed {stem.seed}" in region.comment and "no sound known here: 'take'" in region.comment


@pytest.mark.parametrize("shot", SHOTS, ids=str)
def test_a_stem_is_at_the_exact_sample_of_its_selection(foley, shot):
    assert [stem.seed for stem in foley.stems[shot]] == [shot.seed + n for n in range(shot.variants)]
    check(foley, shot)


def test_the_check_fails_when_a_stem_is_one_sample_off(foley):
    with pytest.raises(AssertionError, match="it is at sample 93094"):
        check(foley, SHIFTED)


def test_nothing_else_is_in_the_session(foley):
    assert len(foley.regions) == sum(map(len, foley.stems.values())) == len(SHOTS) + 2


@pytest.mark.parametrize("shot", SHOTS, ids=str)
def test_the_sound_in_the_session_is_the_stem_s_sample_for_sample(foley, shot):
    for stem in foley.stems[shot]:
        (region,) = [region for region in foley.regions if region.track == shot.track(stem.variant)]
        made, rate = soundfile.read(stem.path, dtype="float32", always_2d=True)
        there = [soundfile.read(file, dtype="float32") for file in region.files]
        assert {rate for _, rate in there} == {rate} == {RATE}
        assert np.abs(made).max() > 0.01
        np.testing.assert_array_equal(np.stack([sound for sound, _ in there], axis=1), made)


def test_the_engine_that_a_script_has_started_outlives_ardour(foley):
    assert foley.engine_outlived_ardour


def test_at_44100_hz_the_stem_is_at_the_exact_sample_of_the_loop_range(tmp_path):
    place, shot = Place(tmp_path, rate=44_100), Shot("25", 44_101, 0, selected="loop")
    make_session(place)
    clips = {"25": film(tmp_path / "25.mp4", FRAME_RATES["25"])}
    with engine_home(tmp_path / "engine") as spool:
        actions = actions_of(install(place, tmp_path / "engine"))
        with running_ardour(place, actions, {}) as ardour:
            user = Editing(ardour, spool, clips)
            (stem,) = user.stems(user.ask(shot), shot)
            ardour.act("place")
            user.wait_until_all_is_placed()
            user.save()
    (region,) = saved_regions(place)
    assert (stem.rate, stem.samples) == (RATE, round(SAMPLES * RATE / place.rate))
    assert (region.position, region.start, region.length) == (shot.position, 0, SAMPLES)
