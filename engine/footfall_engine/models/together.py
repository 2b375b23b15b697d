"""What several jobs ask of the same networks at a time, computed in one batch.

Jobs need not start together nor want the same: every item carries its own time, so one that is in its first step goes
through a network beside one that is in its last.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from footfall_engine.models.runtime import Batches, Runtime, chosen_runtime

log = logging.getLogger(__name__)


class JoinsJobs:
    """A model whose queued jobs meet in a `Together` of its networks, where its device gains by that."""

    joins_jobs = True
    most_at_once = 16
    _runtime: Runtime | None

    @property
    def takes_at_once(self) -> int:
        """Variants; one where many take as long as one after the other, so that the first is there sooner."""
        return 1 if (self._runtime or chosen_runtime()).is_plain_cpu else self.most_at_once


@dataclass(eq=False)
class _Question:
    """What a job asks of a network, and the answer where it was given together with others'."""

    what: str
    batches: Batches
    function: Callable[..., Tensor]
    inputs: tuple[Tensor, ...]
    waited: bool = False  # for company, once already
    settled: bool = False
    answer: Tensor | None = None

    @property
    def kind(self) -> str:
        """Questions of one kind fit into one batch."""
        return repr((self.what, *((each.shape[1:], each.dtype) for each in self.inputs)))


class Together:
    """Where jobs meet that sample with the same networks.

    A question waits until all jobs that are `present` have asked. Who notices first computes for all of them; where
    that goes wrong each computes its own alone, so that no job suffers from another's fault or end.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._computing = threading.Lock()
        self._present = 0
        self._asked: list[_Question] = []

    @contextmanager
    def present(self) -> Iterator[None]:
        """While a job samples, which is asking one question soon after the other."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def run(self, what: str, batches: Batches, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """`batches.run(function, *inputs)`, perhaps among others' items.

        `what` names the function: it must do the same whatever job asks.
        """
        question = _Question(what, batches, function, inputs)
        with self._changed:
            self._asked.append(question)
            self._changed.notify_all()
        while not question.settled:
            self._settle(self._next_round(question))
        if question.answer is not None:
            return question.answer
        with self._computing:
            return batches.run(function, *inputs)

    def _count(self, change: int) -> None:
        with self._changed:
            self._present += change
            self._changed.notify_all()

    def _next_round(self, question: _Question) -> list[_Question]:
        """What is to be answered now that all have asked; nothing once the question is settled by somebody else."""
        with self._changed:
            self._changed.wait_for(lambda: question.settled or self._all_asked(question))
            return [] if question.settled else self._taken()

    def _all_asked(self, question: _Question) -> bool:
        return question in self._asked and len(self._asked) >= self._present

    def _taken(self) -> list[_Question]:
        """The questions that most ask. Others wait one round, which brings jobs into step that came at any moment."""
        common = Counter(each.kind for each in self._asked).most_common(1)[0][0]
        taken = [each for each in self._asked if each.waited or each.kind == common]
        self._asked = [each for each in self._asked if each not in taken]
        for each in self._asked:
            each.waited = True
        return taken

    def _settle(self, questions: list[_Question]) -> None:
        try:
            for _, alike in groupby(sorted(questions, key=_kind), _kind):
                _answer(list(alike), self._computing)
        finally:
            with self._changed:
                for question in questions:
                    question.settled = True
                self._changed.notify_all()


def _answer(alike: list[_Question], computing: threading.Lock) -> None:
    """Answer several questions in one batch; one alone is its own job's to compute."""
    if len(alike) == 1:
        return
    first = alike[0]
    try:
        with computing:
            inputs = (torch.cat(each) for each in zip(*(one.inputs for one in alike), strict=True))
            answers = first.batches.run(first.function, *inputs).split([len(one.inputs[0]) for one in alike])
    except Exception as error:  # a fault, or the end of one of them
        log.info("%d jobs in one batch: %r; each goes on alone", len(alike), error)
        return
    for question, answer in zip(alike, answers, strict=True):
        question.answer = answer


def _kind(question: _Question) -> str:
    return question.kind
