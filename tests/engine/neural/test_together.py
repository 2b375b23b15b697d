"""Jobs that meet at a network: one batch for all, and nobody waits for who has left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from unittest.mock import patch

import pytest
from footfall_bridge.errors import JobCancelled
from footfall_engine.models.base import Conditions, TimedHit
from footfall_engine.models.foleycrafter.model import FoleyCrafter
from footfall_engine.models.runtime import SHELF, Batches, Runtime
from footfall_engine.models.smooth_foley.model import SmoothFoley
from footfall_engine.models.together import Together, _Question
from footfall_engine.progress import ProgressFn, no_progress
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.neural import tiny, tiny_foleycrafter, tiny_vta
from tests.engine.neural.golden import relative, torch
from tests.engine.neural.tiny import conditions
from tests.waiting import wait_until

PATIENCE = 60.0
CPU = Runtime(torch.device("cpu"), torch.float32)


class Doubling:
    """A network that remembers how many items it was given at a time."""

    def __init__(self, faulty: Callable[[torch.Tensor], bool] = lambda items: False) -> None:
        self.sizes: list[int] = []
        self._faulty = faulty

    def __call__(self, items: torch.Tensor) -> torch.Tensor:
        if self._faulty(items):
            raise ValueError("these items are not for me")
        self.sizes.append(len(items))
        return 2 * items


def all_done(jobs: list[Callable[[], object]]) -> list[object]:
    """What each gives, or the error it ends with; all of them at the same time."""

    def ended(job: Callable[[], object]) -> object:
        try:
            return job()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [running.result(PATIENCE) for running in [pool.submit(ended, job) for job in jobs]]


class Meeting:
    """Jobs that are all present before the first of them asks."""

    def __init__(self, count: int) -> None:
        self.together = Together()
        self._everybody = threading.Barrier(count)

    @contextmanager
    def present(self) -> Iterator[None]:
        with self.together.present():
            self._everybody.wait(PATIENCE)
            yield


def asking(meeting: Meeting, network: Doubling, questions: list[torch.Tensor]) -> Callable[[], list[torch.Tensor]]:
    def job() -> list[torch.Tensor]:
        batches = Batches(CPU, 1)
        with meeting.present():
            return [meeting.together.run("double", batches, network, question) for question in questions]

    return job


def test_a_job_without_company_is_answered_at_once() -> None:
    network, together = Doubling(), Together()
    with together.present():
        answer = together.run("double", Batches(CPU, 1), network, torch.ones(3))
    assert torch.equal(answer, torch.full((3,), 2.0)) and network.sizes == [3]


def test_what_jobs_ask_at_a_time_is_one_batch_and_each_gets_its_own() -> None:
    network, meeting = Doubling(), Meeting(3)
    asked = [torch.arange(4.0) + 10 * job for job in range(3)]
    answers = all_done([asking(meeting, network, [each[:2], each[2:]]) for each in asked])
    for each, (first, second) in zip(asked, answers, strict=True):  # type: ignore[misc]
        assert torch.equal(torch.cat([first, second]), 2 * each)
    assert network.sizes == [6, 6]


def test_a_job_that_ends_is_not_waited_for() -> None:
    network, meeting = Doubling(), Meeting(2)
    short, long = all_done([asking(meeting, network, [torch.ones(1)] * count) for count in (1, 3)])
    assert (len(short), len(long)) == (1, 3)  # type: ignore[arg-type]
    assert network.sizes == [2, 1, 1]


def test_what_has_another_shape_goes_alone() -> None:
    network, meeting = Doubling(), Meeting(3)
    shapes = [(2, 5), (3, 4), (1, 5)]
    answers = all_done([asking(meeting, network, [torch.ones(shape)]) for shape in shapes])
    assert [tuple(answer[0].shape) for answer in answers] == shapes  # type: ignore[index]
    assert sorted(network.sizes) == [3, 3]


def test_jobs_out_of_step_wait_for_each_other() -> None:
    networks, meeting = {"noise": Doubling(), "slope": Doubling()}, Meeting(2)

    def job(order: list[str]) -> None:
        with meeting.present():
            for what in order:
                meeting.together.run(what, Batches(CPU, 1), networks[what], torch.ones(1))

    all_done([lambda: job(["noise", "slope"] * 3), lambda: job(["slope"] + ["noise", "slope"] * 3)])
    runs = [*networks["noise"].sizes, *networks["slope"].sizes]
    assert sum(runs) == 13 and len(runs) <= 8, "after the first round all are together"


def test_whoever_asks_what_others_do_not_waits_one_round_and_no_longer() -> None:
    meeting = Together()

    def ask(what: str) -> _Question:
        meeting._asked.append(_Question(what, Batches(CPU, 1), Doubling(), (torch.ones(1),)))
        return meeting._asked[-1]

    lonely = ask("slope")
    first = [ask("noise"), ask("noise")]
    assert meeting._taken() == first
    second = [ask("noise"), ask("noise")]
    assert meeting._taken() == [lonely, *second]


def test_one_jobs_fault_is_not_the_others() -> None:
    network, meeting = Doubling(lambda items: bool((items < 0).any())), Meeting(3)
    good, bad, other = all_done([asking(meeting, network, [torch.full((2,), value)]) for value in (1.0, -1.0, 3.0)])
    assert isinstance(bad, ValueError)
    assert torch.equal(good[0], torch.full((2,), 2.0)) and torch.equal(other[0], torch.full((2,), 6.0))  # type: ignore[index]
    assert network.sizes == [2, 2]


def test_a_job_cancelled_in_a_batch_leaves_the_others_theirs() -> None:
    network, meeting = Doubling(), Meeting(3)

    def cancelled() -> None:
        raise JobCancelled("cancelled")

    def job(between: Callable[[], None], first: bool) -> list[torch.Tensor]:
        with meeting.present():
            if not first:
                wait_until(lambda: meeting.together._asked, "the first has not asked")
            return [meeting.together.run("double", Batches(CPU, 1, between), network, torch.ones(2))]

    jobs = [lambda: job(cancelled, True), lambda: job(lambda: None, False), lambda: job(lambda: None, False)]
    one, *others = all_done(jobs)
    assert isinstance(one, JobCancelled)
    assert all(torch.equal(other[0], torch.full((2,), 2.0)) for other in others)  # type: ignore[index]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(1, 3), max_size=4), min_size=1, max_size=4))
def test_every_question_is_answered_whoever_comes_and_goes(jobs: list[list[int]]) -> None:
    network, meeting = Doubling(), Meeting(len(jobs))
    asked = [[torch.full((size,), float(number)) for size in sizes] for number, sizes in enumerate(jobs)]
    answers = all_done([asking(meeting, network, questions) for questions in asked])
    for questions, given_back in zip(asked, answers, strict=True):
        assert [answer.tolist() for answer in given_back] == [(2 * each).tolist() for each in questions]  # type: ignore[attr-defined]
    assert sum(network.sizes) == sum(map(sum, jobs))
    assert len(network.sizes) == max(map(len, jobs)), "as many runs as the longest job asks"


# ---- the models


class Sampling(Protocol):
    """A model that tells its latents, and what its jobs ask of its UNet."""

    def latents(self, conditions: Conditions, seeds: list[int], progress: ProgressFn) -> torch.Tensor: ...


@dataclass(frozen=True)
class Crowd:
    """Jobs of one model, and the most items of them that fit into one batch of its UNet."""

    model: Sampling
    jobs: list[tuple[Conditions, list[int]]]
    most: int

    def unet(self) -> torch.nn.Module:
        self.model.latents(conditions(1.0, steps=1), [1], no_progress)
        (loaded,) = SHELF._loaded.values()
        return loaded.networks.unet  # type: ignore[no-any-return]


def of_diff_foley(folder: Path) -> Crowd:
    jobs = [
        (conditions(1.0, steps=4), [5]),
        (conditions(2.5, steps=2, guidance=2.0), [5, 6]),
        (conditions(1.0, steps=3, guidance=1.0, classifier_scale=0.0), [7]),  # half as many questions
        (conditions(9.0, steps=2), [8]),  # two windows
    ]
    return Crowd(tiny.tiny_model(folder), jobs, 2 + 4 + 1 + 4)


def of_vta_ldm(folder: Path) -> Crowd:
    jobs = [
        (conditions(8.0, steps=4), [5]),
        (conditions(8.0, steps=2, guidance=2.0), [5, 6]),
        (conditions(8.0, steps=3, guidance=1.0), [7]),
        (conditions(12.0, steps=2), [8]),  # two windows, which see more pictures
    ]
    return Crowd(tiny_vta.tiny_model(folder), jobs, 2 + 4 + 1)


def of_foleycrafter(folder: Path) -> Crowd:
    jobs = [
        (conditions(2.0, steps=4, prompt="rain"), [5]),
        (conditions(3.5, steps=2, guidance=2.0, negative="a", hits=(HIT,)), [5, 6]),
        (conditions(2.0, steps=3, guidance=1.0), [7]),
        (conditions(2.0, steps=2, semantic_scale=0.3), [8]),  # another network, so to speak
        (conditions(2.0, steps=2, temporal_scale=0.0), [8]),
    ]
    return Crowd(FoleyCrafter(folder=tiny_foleycrafter.write_tree(folder), runtime=CPU), jobs, 2 + 4 + 1)


def of_smooth_foley(folder: Path) -> Crowd:
    jobs = [
        (conditions(11.0, steps=3, prompt="rain"), [5]),  # two windows
        (conditions(11.0, steps=3, prompt="a b"), [6]),
        (conditions(2.0, steps=2), [7]),  # fewer pictures
    ]
    return Crowd(SmoothFoley(folder=tiny_foleycrafter.write_tree(folder), runtime=CPU), jobs, 4 + 4)


HIT = TimedHit(0.5, 1.0, 0.0, 0.1, "impact", 0)


@pytest.fixture(params=[of_diff_foley, of_vta_ldm, of_foleycrafter, of_smooth_foley], ids=lambda made: made.__name__)
def crowd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crowd]:
    for name in SHELF.names():
        SHELF.drop(name)
    yield request.param(tmp_path / "weights")


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers' solver, with numpy 2
def test_jobs_that_meet_get_the_latents_they_would_have_got_alone(crowd: Crowd) -> None:
    alone = [crowd.model.latents(*job, no_progress) for job in crowd.jobs]
    sizes: list[int] = []
    counting = crowd.unet().register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    with nobody_begins_before_all_are_there(len(crowd.jobs)):
        together = all_done([lambda job=job: crowd.model.latents(*job, no_progress) for job in crowd.jobs])  # type: ignore[misc]
    counting.remove()
    assert max(sizes) == crowd.most, "variants times windows, twice where guided"
    steps = [job[0].controls.steps or 0 for job in crowd.jobs]
    assert sum(sizes) > 2 * len(sizes) and len(sizes) < sum(steps), "fewer runs than each would need alone"
    for before, after in zip(alone, together, strict=True):
        assert isinstance(after, torch.Tensor), after
        assert relative(after, before) <= 1e-4


@contextmanager
def nobody_begins_before_all_are_there(count: int) -> Iterator[None]:
    everybody, present = threading.Barrier(count), Together.present

    @contextmanager
    def all_present(self: Together) -> Iterator[None]:
        with present(self):
            everybody.wait(PATIENCE)
            yield

    with patch.object(Together, "present", all_present):
        yield


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers' solver, with numpy 2
def test_a_job_cancelled_among_others_ends_alone(crowd: Crowd) -> None:
    given_, _ = crowd.jobs[0]

    def cancelled(fraction: float, /) -> None:
        if fraction > 0.5:
            raise JobCancelled("cancelled")

    with nobody_begins_before_all_are_there(2):
        one, other = all_done(
            [
                lambda: crowd.model.latents(given_, [1], cancelled),
                lambda: crowd.model.latents(given_, [2], no_progress),
            ]
        )
    assert isinstance(one, JobCancelled)
    assert isinstance(other, torch.Tensor), other
    assert relative(other, crowd.model.latents(given_, [2], no_progress)) <= 1e-4
