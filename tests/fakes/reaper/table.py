"""The one table of what this REAPER can do: ``FUNCTIONS[name]``, filled by the files beside it, one per subject."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Function:
    call: Callable[..., Any]
    changes_project: bool = False


FUNCTIONS: dict[str, Function] = {}


def reaper(call: Callable[..., Any]) -> Callable[..., Any]:
    """Implements the function of that name. It gets the host first; a project argument is always a `Project`."""
    FUNCTIONS[call.__name__] = Function(call)
    return call


def changes(call: Callable[..., Any]) -> Callable[..., Any]:
    """As `reaper`, for what may only be done inside an undo block."""
    FUNCTIONS[call.__name__] = Function(call, changes_project=True)
    return call


class Misuse(Exception):
    """A call that REAPER refuses, crashes on, or answers with damage."""
