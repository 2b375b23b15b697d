"""job_state.lua: a job's state put together from what an engine says, against what the engine itself holds."""

from __future__ import annotations

from typing import Any

import pytest
from footfall_bridge import messages
from footfall_bridge.messages import Generate, JobState, JobStatus, Message
from footfall_engine.jobs import JobQueue
from hypothesis import given
from hypothesis import strategies as st

from tests.bridge.samples import HITS
from tests.lua.plain import Plain

LUA = Plain()
FOLD = """function(events)
  local job_state = require("job_state")
  local known
  for _, event in ipairs(events) do known = job_state.after(known, event) end
  return known
end"""


def after(*told: Message) -> Any:
    return LUA.call(FOLD, [messages.to_fields(message) for message in told])


def a_stem(variant: int) -> messages.Stem:
    return messages.Stem(id="a", variant=variant, path=f"/{variant}.wav", seed=1, start=0, samples=9, rate=48_000)


events = st.lists(
    st.builds(lambda share: messages.Progress(id="a", stage="sound", fraction=share), st.floats(0, 1))
    | st.builds(lambda code: messages.Warned(id="a", code=code, message="…"), st.sampled_from(["x", "y"]))
    | st.just(messages.Spotted(id="a", duration=2.0, events=HITS)),
    max_size=8,
)


@given(events, st.integers(0, 4))
def test_events_add_up_to_what_the_engine_holds(
    tmp_path_factory: pytest.TempPathFactory, told: list[Message], variants: int
) -> None:
    queue = JobQueue(tmp_path_factory.mktemp("jobs") / "jobs.db")
    heard: list[Message] = []
    queue.subscribe(heard.append)
    queue.submit(Generate(id="a", video="/a.mov", stem_folder="/stems"))
    assert queue.take(("generate",), timeout=5) is not None
    for event in [*told, *(a_stem(variant) for variant in range(1, variants + 1))]:
        queue.report(event)
    state = messages.parse_message(after(*heard, messages.Progress(id="a", stage="last", fraction=1)))
    queue.report(messages.Progress(id="a", stage="last", fraction=1))
    assert state == queue.status("a")
    queue.close()


def test_a_stem_told_twice_is_there_once() -> None:
    assert [stem["variant"] for stem in after(a_stem(1), a_stem(2), a_stem(1))["stems"]] == [1, 2]


@pytest.mark.parametrize(
    "end", [messages.Done(id="a"), messages.Cancelled(id="a"), messages.Failed(id="a", code="no_picture", message="…")]
)
def test_only_a_whole_state_ends_a_job(end: Message) -> None:
    assert after(messages.Queued(id="a", position=0), end)["state"] == "queued"


@pytest.mark.parametrize("state", [state for state in JobState if state.final])
def test_what_comes_after_the_end_changes_nothing(state: JobState) -> None:
    ended = JobStatus(id="a", state=state)
    late = [messages.Progress(id="a", stage="sound", fraction=0.5), JobStatus(id="a", state=JobState.QUEUED), a_stem(1)]
    assert after(ended, *late) == after(ended)


def test_what_a_newer_engine_says_is_passed_over() -> None:
    told = [{"type": "queued", "id": "a", "position": 2}, {"type": "applause", "id": "a"}]
    assert LUA.call(FOLD, told)["position"] == 2


@pytest.mark.parametrize(
    ("message", "cut_short"),
    [
        ({"type": "warning", "id": "a", "code": "too_big", "message": "…"}, True),
        ({"type": "warning", "id": "a", "code": "unknown_word", "message": "…"}, False),
        ({"type": "job", "id": "a", "state": "done", "warnings": [{"code": "too_big"}]}, True),
        ({"type": "job", "id": "a", "state": "done", "warnings": [{"code": "unknown_word"}]}, False),
        ({"type": "done", "id": "a"}, False),
    ],
)
def test_a_message_that_was_too_big_is_known_by_its_warning(message: dict[str, Any], cut_short: bool) -> None:
    assert LUA.call("require('job_state').is_cut_short", message) is cut_short
