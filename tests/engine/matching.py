"""The most that can be paired, found the slow and certain way."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def largest_matching(left: Sequence[float], right: Sequence[float], meet: Callable[[float, float], bool]) -> int:
    """How many pairs of times that meet there can be, each time in one of them at most; Kuhn's augmenting paths."""
    partner: dict[int, int] = {}

    def augment(i: int, tried: set[int]) -> bool:
        for j, time in enumerate(right):
            if j not in tried and meet(left[i], time):
                tried.add(j)
                if j not in partner or augment(partner[j], tried):
                    partner[j] = i
                    return True
        return False

    return sum(augment(i, set()) for i in range(len(left)))
