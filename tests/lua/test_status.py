"""The Status window: what it says of the engine and its jobs, how it is drawn, and what its buttons do."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from footfall_bridge.messages import Failed, JobState
from footfall_engine.resident import make_home
from hypothesis import given
from hypothesis import strategies as st
from lupa import lua54

from tests.fakes.reaper.run import Action
from tests.lua.session import SCRIPTS, Session, StandIn, quick_session, session, wishes
from tests.waiting import wait_until

PATIENCE = 60.0  # seconds for a process to start or end on a slow machine
CHARACTER = 8.0  # width of one, in the fake window


# ---- what is shown: a pure function


@pytest.fixture(scope="module")
def lua() -> Any:
    runtime = lua54.LuaRuntime(unpack_returned_tuples=True)
    runtime.execute(f"package.path = {json.dumps(str(SCRIPTS / 'lib'))} .. '/?.lua'")
    return runtime


@pytest.fixture(scope="module")
def view(lua: Any) -> Any:
    """status.view over JSON."""
    show = lua.eval(
        'function(text) local j = require("json") return j.encode(require("status").view(j.decode(text))) end'
    )
    return lambda **facts: json.loads(show(json.dumps({"state": "running", "to_place": 0, **facts})))


def brief(id: str, state: str = "queued", **more: Any) -> dict[str, Any]:
    return {"id": id, "state": state, "kind": "generate", "label": f"label of {id}", "fraction": 0.0, **more}


def reply(*briefs: dict[str, Any], **counts: int) -> dict[str, Any]:
    return {"type": "status.reply", "version": "0.1.0", "pid": 7, "uptime_seconds": 75.0, "counts": counts,
            "jobs": list(briefs)}  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s left"), (12.4, "12 s left"), (59.6, "1 min 00 s left"), (65, "1 min 05 s left"),
        (3599.4, "59 min 59 s left"), (7380, "2 h 03 min left"), (-1, ""), (float("nan"), ""), (float("inf"), ""),
        (None, ""), ("soon", ""),
    ],
)  # fmt: skip
def test_time_left_is_told_as_one_says_it(lua: Any, seconds: Any, text: str) -> None:
    assert lua.eval('require("status").eta')(seconds) == text


def test_what_runs_comes_first_then_the_queue_in_its_order(view: Any) -> None:
    shown = view(
        reply=reply(
            brief("a", "done"), brief("b", "queued"), brief("c", "running", fraction=0.4, eta_seconds=12),
            brief("d", "queued"), brief("e", "failed"), queued=2, running=1,
        )
    )  # fmt: skip
    assert [row["id"] for row in shown["rows"]] == ["c", "b", "d", "e", "a"]
    assert [row["text"] for row in shown["rows"]] == [
        "40 %, 12 s left", "next", "in the queue, 1 before it", "failed", "done",
    ]  # fmt: skip
    assert [row["bar"] for row in shown["rows"]] == [0.4, 0, 0, 0, 1]
    assert [row["can_cancel"] for row in shown["rows"]] == [True, True, True, False, False]
    assert shown["summary"] == "3 unfinished jobs"


def test_a_job_of_ours_shows_its_stage_its_name_and_why_it_failed(view: Any) -> None:
    shown = view(
        reply=reply(brief("a", "running", fraction=0.1), brief("b", "failed")),
        entries=[
            {"id": "a", "label": "boots", "kind": "generate", "project": {"path": "/films/Reel 1.RPP"}},
            {"id": "b", "label": "door", "kind": "generate", "project": {"path": ""}},
            {"id": "c", "label": "rain", "kind": "generate", "project": {"path": ""}},
        ],
        jobs={
            "a": {"state": "running", "progress": {"stage": "motion", "fraction": 0.25, "eta_seconds": 3.0}},
            "b": {"state": "failed", "failure": {"code": "no_picture", "message": "there is no picture"}},
        },
    )
    told = {row["id"]: (row["label"], row["text"]) for row in shown["rows"]}
    assert told == {
        "a": ("boots", "motion, 25 %, 3 s left, Reel 1"),
        "b": ("door", "failed"),
        "c": ("rain", "waits for the engine"),
    }
    assert shown["errors"] == ["door: there is no picture"]


@pytest.mark.parametrize(
    ("state", "head", "enabled"),
    [
        ("running", "Engine running", {"stop", "repair"}),
        ("stopped", "Engine not running", {"start", "repair"}),
        ("misfit", "Engine of another version", {"stop", "repair"}),
        ("starting", "Engine starting …", set()),
        ("stopping", "Engine stopping …", set()),
        ("repairing", "Repairing …", set()),
    ],
)
def test_only_what_makes_sense_can_be_clicked(view: Any, state: str, head: str, enabled: set[str]) -> None:
    shown = view(state=state)
    assert shown["head"] == head
    assert {button["id"] for button in shown["buttons"] if button["enabled"]} == enabled


JUNK = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": st.text(min_size=1, max_size=3), "label": st.text(max_size=9), "kind": st.just("spot"),
             "state": st.sampled_from(["queued", "running", "done", "failed", "cancelled", "paused"])},
            optional={"fraction": JUNK, "eta_seconds": JUNK},
        ),
        max_size=6,
        unique_by=lambda row: row["id"],
    ),
    JUNK,
)  # fmt: skip
def test_whatever_an_engine_says_bars_stay_bars(view: Any, briefs: list[dict[str, Any]], job: Any) -> None:
    entries = [{"id": row["id"], "label": "x", "kind": "spot", "project": {"path": ""}} for row in briefs[:2]]
    shown = view(reply=reply(*briefs), entries=entries, jobs={row["id"]: job for row in briefs})
    assert all(0 <= row["bar"] <= 1 and row["text"] for row in shown["rows"])
    assert len(shown["rows"]) == len(briefs)


# ---- where it stands: a pure function, too


@given(st.text(alphabet="aé漢🎬 ", max_size=30), st.integers(0, 40))
def test_a_cut_text_fits_and_has_whole_characters(lua: Any, text: str, width: int) -> None:
    cut = lua.eval('require("window").fitted')(text, width, len)
    assert cut == text if len(text) <= width else cut.endswith("…")
    assert len(cut) <= max(1, width)
    assert text.startswith(cut.removesuffix("…"))


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=12), max_size=12), st.integers(12, 40))
def test_a_wrapped_text_has_all_its_words_in_order(lua: Any, words: list[str], width: int) -> None:
    lines = list(lua.eval('require("window").wrapped')(" ".join(words), width, len).values())
    assert " ".join(lines).split() == words
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize("size", [(460, 340), (200, 120), (1600, 300), (60, 40)])
@pytest.mark.parametrize("count", [0, 1, 30])
def test_nothing_lies_over_the_buttons_or_outside(lua: Any, view: Any, size: tuple[int, int], count: int) -> None:
    shown = view(
        reply=reply(*[brief(f"j{n}", "queued") for n in range(count)]),
        said=["A sentence that is long enough for two lines in a window of this size."] * 2,
    )
    lua.globals().facts = json.dumps(shown)
    lua.globals().w, lua.globals().h = size
    page = lua.eval(
        'require("window").page(require("json").decode(facts), w, h, function(text) return 7 * utf8.len(text) end)'
    )
    zones = [dict(zone) for zone in page.zones.values()]
    rows = [zone for zone in zones if zone["id"] == "cancel"]
    bottom = size[1] - 12 - 26
    assert all(zone["y"] + zone["h"] <= bottom for zone in rows)
    for one in zones:
        for other in zones:
            if one is not other:
                apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
                assert apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


# ---- the window in REAPER


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[tuple[Session, StandIn]]:
    with quick_session(tmp_path) as opened:
        yield opened


def open_status(room: Session) -> Action:
    action = room.run("Status")
    room.reaper.pump(until=lambda: action.window.frame)
    return action


def shows(room: Session, action: Action, text: str, engine: StandIn | None = None) -> None:
    def found() -> bool:
        if engine:
            engine.beat(pid=os.getpid())
        return any(text in line for line in action.window.texts)

    room.reaper.pump(until=found, seconds=PATIENCE)


def test_an_idle_window_draws_once(desk: tuple[Session, StandIn]) -> None:
    room, engine = desk
    action = open_status(room)
    shows(room, action, "Engine running", engine)
    frame = action.window.frame
    for _ in range(30):
        engine.beat()
        room.reaper.step()
    assert action.window.frame is frame, "a frame was drawn with nothing new in it"


def test_the_window_closes_by_its_box_and_by_escape(desk: tuple[Session, StandIn]) -> None:
    room, _ = desk
    for close in (lambda window: window.close(), lambda window: window.key(27)):
        action = open_status(room)
        close(action.window)
        room.wait()
        assert action.ended
    assert room.told == ""


def test_the_window_docks_by_its_menu(desk: tuple[Session, StandIn]) -> None:
    room, _ = desk
    action = open_status(room)
    docked: list[tuple] = []
    action.window.do_dock = lambda value, *rest: docked.append((value, *rest)) or 0.0
    action.window.menu_choice = 1
    action.window.mouse += [(50.0, 50.0, 0), (50.0, 50.0, 2), (50.0, 50.0, 0)]
    room.reaper.pump(until=lambda: (1,) in docked)


def test_a_resized_window_is_drawn_anew(desk: tuple[Session, StandIn]) -> None:
    room, _ = desk
    action = open_status(room)
    frame = action.window.frame
    action.window.variables["w"] = 800.0
    room.reaper.pump(until=lambda: action.window.frame is not frame)
    assert max(draw.arguments[2] for draw in action.window.frame if draw.what == "rect") == 800


def test_a_fine_display_is_drawn_in_its_own_pixels(desk: tuple[Session, StandIn]) -> None:
    room, _ = desk
    action = open_status(room)
    coarse = next(draw for draw in action.window.frame if draw.what == "drawstr")
    window = action.window.variables
    window["ext_retina"], window["w"], window["h"] = 2.0, 2 * window["w"], 2 * window["h"]
    frame = action.window.frame
    room.reaper.pump(until=lambda: action.window.frame is not frame)
    fine = next(draw for draw in action.window.frame if draw.what == "drawstr")
    assert (fine.x, fine.y) == (2 * coarse.x, 2 * coarse.y)


def test_a_failed_job_and_a_waiting_one_are_shown(desk: tuple[Session, StandIn], hammer: Path) -> None:
    room, engine = desk
    room.select_on_track(hammer)
    room.run("Generate for selection", wishes("boots", 1))
    action = open_status(room)
    shows(room, action, "boots", engine)
    shows(room, action, "waits for the engine", engine)


def test_cancel_on_a_row_cancels_that_job(desk: tuple[Session, StandIn], hammer: Path) -> None:
    room, engine = desk
    room.select_on_track(hammer)
    room.run("Generate for selection", wishes("boots", 1))
    (request,) = take(room, engine)
    engine.finish(request, JobState.QUEUED, stems=[], position=0)
    action = open_status(room)
    shows(room, action, "next", engine)
    x, y = middle(action, "Cancel", last=False)
    action.window.click(x, y)
    room.reaper.pump(until=lambda: room.spool.waiting(".cancel") == [request.id])


def test_stems_of_an_earlier_run_are_placed_by_the_button(desk: tuple[Session, StandIn], hammer: Path) -> None:
    room, engine = desk
    room.select_on_track(hammer)
    room.run("Generate for selection", wishes("boots", 1))
    (request,) = take(room, engine)
    room.reaper.save()
    room.reaper.restart()
    engine.finish(request)
    action = room.run("Status", "no")
    shows(room, action, "Place 1", engine)
    room.reaper.answers.append("yes")
    action.window.click_on("Place 1")
    room.reaper.pump(until=lambda: room.stem_items, seconds=PATIENCE)
    assert room.journal == []


def test_a_failure_is_told_with_its_reason(desk: tuple[Session, StandIn], hammer: Path) -> None:
    room, engine = desk
    room.select_on_track(hammer)
    room.run("Generate for selection", wishes("boots", 1))
    (request,) = take(room, engine)
    for action in list(room.reaper.actions):
        action.end()  # nobody places it: only the window sees it
    failure = Failed(id=request.id, code="no_picture", message="there is no picture at all")
    action = room.run("Status")
    action.deferred = action.deferred[:1]  # the window's own loop
    engine.finish(request, JobState.FAILED, stems=[], failure=failure)
    shows(room, action, "there is no picture at all", engine)


def take(room: Session, engine: StandIn) -> list[Any]:
    taken: list[Any] = []

    def some() -> list[Any]:
        engine.beat()
        taken.extend(engine.take())
        return taken

    room.reaper.pump(until=some)
    return taken


def middle(action: Action, text: str, last: bool) -> tuple[float, float]:
    found = [draw for draw in action.window.frame if draw.what == "drawstr" and draw.arguments[0] == text]
    draw = found[-1 if last else 0]
    return draw.x + CHARACTER * len(text) / 2, draw.y + 8


# ---- with a real engine


def test_start_stop_and_repair_in_the_window(tmp_path: Path) -> None:
    settings = make_home(tmp_path / "home")
    with session(tmp_path / "reaper", settings, readable=[settings.log_folder]) as room:
        action = open_status(room)
        shows(room, action, "Engine not running")
        began = time.monotonic()
        action.window.click_on("Start")
        shows(room, action, "Engine running")
        shows(room, action, "process")
        action.window.click_on("Repair")
        shows(room, action, "answers within")
        shows(room, action, "Engine running")
        action.window.click_on("Stop")
        shows(room, action, "Engine not running")
        process = room.reaper.processes.started[0]
        wait_until(lambda: process.poll() is not None, f"the engine lives {time.monotonic() - began} s on", PATIENCE)


def test_polls_cost_no_memory(desk: tuple[Session, StandIn]) -> None:
    room, engine = desk
    action = open_status(room)
    shows(room, action, "Engine running", engine)
    room.reaper.step(500)
    before = action.kilobytes
    for _ in range(20):
        engine.beat()
        room.reaper.step(100)
    assert action.kilobytes < before + 20
