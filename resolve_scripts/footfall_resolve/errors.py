"""What can go wrong, in sentences for the user."""

from __future__ import annotations


class FootfallError(Exception):
    """A sentence for the user with the values in it, under a code that does not change."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ResolveError(FootfallError):
    """Resolve has refused a call, or answered it with something else than was asked for."""


class NotNow(FootfallError):
    """What may go well later: the job stays remembered."""


class Cancelled(Exception):
    """The user has turned away."""
