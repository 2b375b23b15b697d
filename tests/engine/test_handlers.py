"""What the engine does with requests and whom it tells, whatever wire they came over."""

from __future__ import annotations

import threading

import pytest
from footfall_bridge import messages
from footfall_bridge.messages import Done, Generate, JobStatus, Message
from footfall_engine.jobs import JobQueue
from footfall_engine.server.handlers import MAX_PEERS_OF_A_JOB, Audience, Handlers

from tests.waiting import wait_until
from tests.wired import MODELS, a_request


class Ear:
    """A peer that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Message] = []

    def send(self, message: Message) -> None:
        self.heard.append(message)

    def redirect(self, port: int) -> None:
        raise NotImplementedError


class Deaf(Ear):
    def send(self, message: Message) -> None:
        raise ConnectionResetError("gone")


class HastyQueue(JobQueue):
    """Its worker finishes a job before the submitter can say a word, unless the queue is at rest."""

    def submit(self, request: messages.Job) -> JobStatus:
        status = super().submit(request)
        worker = threading.Thread(target=self.finish, args=(request.id, Done(id=request.id)))
        worker.start()
        worker.join(0.2)
        return status


class BrokenQueue(JobQueue):
    def submit(self, request: messages.Job) -> JobStatus:
        raise OSError("the disk is gone")


def handlers_of(queue: JobQueue) -> Handlers:
    return Handlers(queue, lambda: MODELS, lambda: None)


def fields_of(request: Message) -> object:
    return messages.parse_json(messages.to_json(request))


def test_a_jobs_first_state_is_never_told_after_its_end():
    ear = Ear()
    handlers_of(HastyQueue()).handle(fields_of(a_request()), ear)
    wait_until(lambda: len(ear.heard) == 3, lambda: ear.heard)
    assert [message.type for message in ear.heard] == ["queued", "job", "done"]


def test_a_request_that_the_queue_cannot_take_is_answered_and_nobody_waits_for_its_end():
    ear, handlers, request = Ear(), handlers_of(BrokenQueue()), a_request()
    handlers.handle(fields_of(request), ear)
    (answer,) = ear.heard
    assert isinstance(answer, messages.Failed)
    assert (answer.id, answer.code) == (request.id, "internal") and "the disk is gone" in answer.message
    handlers.audience.tell(Done(id=request.id))
    assert ear.heard == [answer]


def test_a_peer_that_cannot_be_told_keeps_nothing_from_the_next_one():
    audience, ear = Audience(), Ear()
    for peer in (Deaf(), ear):
        audience.follow("a", peer)
    audience.tell(Done(id="a"))
    assert ear.heard == [Done(id="a")]


def test_whoever_followed_a_finished_job_is_let_go():
    audience, ear = Audience(), Ear()
    audience.follow("a", ear)
    for _ in range(2):
        audience.tell(Done(id="a"))
    assert ear.heard == [Done(id="a")]


def test_of_a_crowd_that_follows_one_job_those_who_came_last_are_told():
    audience, crowd = Audience(), [Ear() for _ in range(MAX_PEERS_OF_A_JOB + 10)]
    for ear in crowd:
        audience.follow("a", ear)
    audience.tell(Done(id="a"))
    assert [len(ear.heard) for ear in crowd] == [0] * 10 + [1] * MAX_PEERS_OF_A_JOB


@pytest.mark.parametrize("state", ["queued", "running", "done"])
def test_whoever_asks_for_a_job_hears_its_state_and_then_its_end_and_both_once(state: str):
    queue, ear, request = JobQueue(), Ear(), Generate(video="/a.mov", stem_folder="/stems", id="a")
    handlers = handlers_of(queue)
    queue.submit(request)
    if state != "queued":
        queue.take(["generate"], 0)
    if state == "done":
        queue.finish("a", Done(id="a"))
    handlers.handle({"type": "status", "id": "a"}, ear)
    if state != "done":
        queue.finish("a", Done(id="a"))
    told = [(message.type, getattr(message, "state", None)) for message in ear.heard]
    assert told == [("job", state), *([] if state == "done" else [("done", None)])]
