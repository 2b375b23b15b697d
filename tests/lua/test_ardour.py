"""Ardour's scripts behind their door, with an Ardour of a few lines and a real spool folder."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from footfall_bridge import messages
from footfall_bridge.messages import PROTOCOL, Failed, Generate, JobState, JobStatus, Stem, Warned
from footfall_bridge.spool import EngineCard, Spool
from hypothesis import given
from hypothesis import strategies as st

from tests.lua.plain import VERSIONS, Plain

LIB = Path(__file__).parents[2] / "ardour_scripts" / "lib"
RATE = 48_000
RANGE = (93_093, 93_093 + 48_047)

# What actions.lua asks of session.lua; `world` is what the test sees and sets.
FAKE_SESSION = """
local folder, config, first, stop, rate = ...
world = { range = { first, stop }, said = {}, placed = {}, ran = {}, off_by = 0, closes_window = false, broken = {} }
package.loaded.session = {
  config_folder = function() return config end, folder = function() return folder end,
  saved_text = function() return world.saved or "" end, stem_folder = function() return folder end,
  rate = function() return rate end, playhead = function() return 0 end,
  recording = function() return world.recording end, random = math.random,
  range = function() return table.unpack(world.range) end,
  tell = function(text) world.said[#world.said + 1] = text end,
  ask = function(fields) world.asked = fields; return world.answers end,
  wait = function(look) if world.closes_window then return false end while look() do end return true end,
  run = function(command) world.ran[#world.ran + 1] = table.concat(command, " "); return not world.cannot_run end,
  place = function(path, start, name, muted, comment)
    world.comment = comment
    if world.broken[path] then return nil end
    world.placed[#world.placed + 1] = ("%s|%d|%s|%s"):format(path, start, name, muted)
    return start + world.off_by, 48047
  end,
}
"""


def lua(version: str = "5.4") -> Plain:
    plain = Plain(version)
    plain.run(f'package.path = package.path .. ";{LIB.as_posix()}/?.lua"')
    return plain


class Ardour:
    def __init__(self, version: str, folder: Path) -> None:
        self.folder, self.spool = folder / "session", Spool(folder / "spool")
        self.folder.mkdir()
        self.spool.make()
        self.lua = lua(version)
        self.lua.run(FAKE_SESSION, str(self.folder), str(folder), *RANGE, RATE)
        config = {"spool": str(self.spool.folder), "command": ["footfall", "serve"]}
        (folder / "footfall.json").write_text(json.dumps(config))
        self.picture = folder / "shot.mp4"
        self.picture.touch()
        self.engine_runs()

    @property
    def world(self) -> Any:
        return self.lua.runtime.globals().world

    def act(self, action: str) -> None:
        self.lua.run(f'require("actions").{action}()')

    def said(self) -> list[str]:
        return list(self.world.said.values())

    def placed(self) -> list[str]:
        return list(self.world.placed.values())

    def notebook(self) -> Any:
        file = self.folder / "footfall.json"
        return json.loads(file.read_text()) if file.exists() else {"jobs": {}}

    def engine_runs(self, protocol: int = PROTOCOL) -> None:
        self.spool.write_engine(EngineCard(pid=1, version="0.1.0", heartbeat=time.time(), protocol=protocol))

    def remember(self, **answers: Any) -> None:
        usual = {"prompt": "boots", "negative": "", "variants": 2, "wait": False, "picture_start": 0}
        page = {"answers": {**usual, "picture": str(self.picture), **answers}, "jobs": {}}
        (self.folder / "footfall.json").write_text(json.dumps(page))

    def requests(self) -> list[Generate]:
        return [messages.parse_request(json.loads(file.read_text())) for file in self.spool.inbox.glob("*.json")]

    def finished(self, variants: int = 2, state: JobState = JobState.DONE, failure: str = "") -> list[Path]:
        """Ask once, and let the engine be done with it: the stems."""
        self.act("repeat_last")
        (request,) = self.requests()
        files = [self.folder / f"{variant}.wav" for variant in range(1, variants + 1)]
        stems = [
            Stem(id=request.id, variant=n, path=str(file), seed=n, start=RANGE[0], samples=48_047, rate=RATE)
            for n, file in enumerate(files, start=1)
        ]
        for file in files:
            file.touch()
        failed = Failed(id=request.id, code="x", message=failure) if failure else None
        self.spool.write_status(JobStatus(id=request.id, state=state, stems=stems, failure=failed))
        return files


@pytest.fixture(params=VERSIONS, ids=[f"Lua {version}" for version in VERSIONS])
def ardour(request: pytest.FixtureRequest, tmp_path: Path) -> Ardour:
    made = Ardour(request.param, tmp_path)
    made.remember()
    return made


# ---- asking


@pytest.mark.parametrize("start", [0, 1, 48_000])
def test_the_request_says_the_exact_samples_of_the_selection(ardour, start):
    ardour.remember(picture_start=start)
    ardour.act("repeat_last")
    (request,) = ardour.requests()
    assert request.start == f"{RANGE[0] - start}/{RATE}"
    assert request.end == f"{RANGE[1] - start}/{RATE}"
    assert request.position == f"{RANGE[0]}/{RATE}"
    assert (request.prompt, request.negative, request.variants) == ("boots", "", 2)
    assert list(ardour.notebook()["jobs"]) == [request.id]


def test_what_was_answered_is_asked_for_and_remembered(ardour):
    ardour.world.answers = ardour.lua.runtime.table(
        prompt="rain",
        negative="wind",
        variants=3.0,
        wait=False,
        picture=str(ardour.picture),
        picture_start=0,
        model="diff-foley",
        more="steps=30, classifier-scale=20 seed=7",
    )
    ardour.act("generate")
    (request,) = ardour.requests()
    assert (request.prompt, request.negative, request.variants) == ("rain", "wind", 3)
    assert (request.model, request.steps, request.classifier_scale, request.seed) == ("diff-foley", 30, 20, 7)
    assert ardour.notebook()["answers"]["prompt"] == "rain"


def test_controls_that_cannot_be_read_are_told_and_what_was_typed_is_kept(ardour):
    ardour.remember(more="steps=many")
    ardour.act("repeat_last")
    assert ardour.said() == ["steps has to be a whole number, not 'many'."]
    assert ardour.requests() == []
    ardour.act("generate")
    offered = {field.key: field.default for field in ardour.world.asked.values() if field.key}
    assert (offered["prompt"], offered["more"]) == ("boots", "steps=many")


def test_the_session_s_own_film_goes_before_the_remembered_one(ardour, tmp_path):
    film = tmp_path / "film.mov"
    film.touch()
    ardour.world.saved = f'<Videotimeline Filename="{film}" LocalFile="1" VideoOffset="93000"/>'
    ardour.act("repeat_last")
    (request,) = ardour.requests()
    assert (request.video, request.start) == (str(film), f"93/{RATE}")


def test_an_engine_that_does_not_run_is_started_and_finds_the_request(ardour):
    ardour.spool.remove_engine()
    ardour.act("repeat_last")
    assert list(ardour.world.ran.values()) == ["footfall serve"]
    assert len(ardour.requests()) == 1


@pytest.mark.parametrize(
    ("hindrance", "sentence"),
    [
        (lambda a: a.lua.run("world.range = {}"), "Select the range"),
        (lambda a: a.picture.unlink(), "There is no picture"),
        (lambda a: a.remember(picture_start=RANGE[0] + RATE), "starts 1.000 s before the picture"),
        (lambda a: (a.spool.remove_engine(), a.lua.run("world.cannot_run = true")), "footfall serve"),
        (lambda a: a.engine_runs(protocol=99), "do not fit together"),
        (lambda a: a.remember(prompt="x" * 10_001), "longer than"),
        (lambda a: a.spool.inbox.rmdir(), "cannot be reached"),
        (lambda a: (a.folder.parent / "footfall.json").unlink(), "make ardour"),
    ],
)
def test_what_cannot_be_asked_is_told_and_leaves_nothing_behind(ardour, hindrance, sentence):
    hindrance(ardour)
    ardour.act("repeat_last")
    assert len(ardour.said()) == 1 and sentence in ardour.said()[0]
    assert not ardour.requests() and not ardour.notebook()["jobs"]


# ---- placing


@pytest.mark.parametrize("action", ["place", "watch"])
def test_stems_go_where_the_selection_began_and_later_variants_are_muted(ardour, action):
    files = ardour.finished()
    ardour.act(action)
    ardour.act("watch")
    assert ardour.placed() == [
        f"{files[0]}|{RANGE[0]}|Footfall: boots 1|false", f"{files[1]}|{RANGE[0]}|Footfall: boots 2|true"
    ]  # fmt: skip
    assert not ardour.notebook()["jobs"] and not ardour.said()


def test_what_was_not_done_as_asked_is_in_the_track_s_comment(ardour):
    ardour.finished(1)
    (job,) = ardour.notebook()["jobs"]
    status = ardour.spool.status(job)
    warned = Warned(id=job, code="unknown_word", message="No sound is called 'boots'.")
    ardour.spool.write_status(status.model_copy(update={"warnings": [warned]}))
    ardour.act("place")
    assert ardour.world.comment == f"boots (variant 1, seed 1, {ardour.folder / '1.wav'}). No sound is called 'boots'."


def test_a_job_without_a_prompt_has_a_track_name_too(ardour):
    ardour.remember(prompt="")
    ardour.finished(1)
    ardour.act("place")
    assert "|Footfall: sound 1|" in ardour.placed()[0]


def test_nothing_is_placed_while_recording(ardour):
    ardour.finished()
    ardour.world.recording = True
    ardour.act("watch")
    assert not ardour.placed()


def test_a_stem_that_was_deleted_is_told_of_once_by_the_hook_and_placed_when_it_is_back(ardour):
    files = ardour.finished()
    files[1].unlink()
    ardour.act("watch")
    ardour.act("watch")
    assert len(ardour.placed()) == 1 and len(ardour.said()) == 1 and str(files[1]) in ardour.said()[0]
    files[1].touch()
    ardour.act("place")
    assert [row.split("|")[0] for row in ardour.placed()] == [str(file) for file in files]


def test_an_import_that_lands_elsewhere_is_told(ardour):
    ardour.finished(1)
    ardour.world.off_by = 1
    ardour.act("place")
    assert f"at sample {RANGE[0] + 1} instead of {RANGE[0]}" in ardour.said()[0]


def test_what_a_failed_job_has_made_is_placed_and_its_message_told(ardour):
    ardour.finished(1, JobState.FAILED, "The disk is full.")
    ardour.act("watch")
    assert len(ardour.placed()) == 1 and ardour.said() == ["The disk is full."]


def test_closing_the_window_cancels_the_job(ardour):
    ardour.remember(wait=True)
    ardour.world.closes_window = True
    ardour.act("repeat_last")
    (request,) = ardour.requests()
    assert ardour.spool.waiting(".cancel") == [request.id]
    assert not ardour.notebook()["jobs"]


def test_two_scripts_never_place_one_job(ardour):
    ardour.finished()
    (job,) = ardour.notebook()["jobs"]
    claims = 'local book, id = require("notebook").open(...), select(2, ...) '
    first, second, later = ardour.lua.run(
        f"{claims} return book:claim(id, 1000) ~= nil, book:claim(id, 1001) ~= nil, book:claim(id, 2000) ~= nil",
        str(ardour.folder), job,
    )  # fmt: skip
    assert (first, second, later) == (True, False, True)  # whoever is silent for so long has crashed


def test_a_notebook_that_is_no_json_is_an_empty_one(ardour):
    (ardour.folder / "footfall.json").write_text("{")
    ardour.act("place")
    assert ardour.said() == ["No stems are to come."]


# ---- the film in a session file

LUAS = {version: lua(version) for version in VERSIONS}
names = st.text(st.characters(exclude_categories=["Cc", "Cs", "Co", "Cn"]), min_size=1).filter(
    lambda name: name.strip()
)


def film_in(text: str, version: str = "5.4") -> Any:
    return LUAS[version].call('function(text) return require("picture").of_session(text, "/session") end', text)


@given(names, st.integers(-(2**40), 2**40), st.sampled_from(VERSIONS))
def test_any_name_of_a_film_is_read_from_a_session_file(name, start, version):
    element = ElementTree.Element(
        "Videotimeline", Filename="/" + name, LocalFile="1", OriginalVideoFile="/other", VideoOffset=str(start)
    )
    text = f"<Session><Extra>{ElementTree.tostring(element, encoding='unicode')}</Extra></Session>"
    assert film_in(text, version) == {"path": "/" + name, "start": start}


@pytest.mark.parametrize(
    ("element", "film"),
    [
        ('<Videotimeline Filename="a.avi" LocalFile="1"/>', {"path": "/session/videos/a.avi", "start": 0}),
        ('<Videotimeline Filename="http/a.avi" LocalFile="0"/>', None),
        ('<Videotimeline id="5" Height="3"/>', None),
        ("<Videomonitor/>", None),
        ("", None),
    ],
)
def test_a_film_is_in_the_session_s_folder_unless_its_path_says_otherwise(element, film):
    assert film_in(element) == film
