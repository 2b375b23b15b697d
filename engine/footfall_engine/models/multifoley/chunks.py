"""Long sounds and latents a piece at a time, in bounded memory, with the result of the whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

Between = Callable[[], None]
"""Called before every piece; may raise."""


@dataclass(frozen=True)
class Chunks:
    """How to cut what has `taken` values for each column into pieces, where `given` values come out for each."""

    taken: int
    given: int
    columns: int  # of a piece
    margin: int  # columns on either side that a column depends on at most

    def run(self, function: Callable[[Tensor, int], Tensor], whole: Tensor, between: Between = lambda: None) -> Tensor:
        """`function` of the whole, from pieces that also see their margins.

        Parameters
        ----------
        function : of a piece, shape = (..., columns * taken), and the number of its first column in the whole; returns
            shape = (..., columns * given)
        whole : Tensor, shape = (..., n * taken)

        Returns
        -------
        Tensor, shape = (..., n * given)
        """
        columns = whole.shape[-1] // self.taken
        made: Tensor | None = None
        for first in range(0, columns, self.columns):
            between()
            last = min(first + self.columns, columns)
            begin, end = max(0, first - self.margin), min(columns, last + self.margin)
            piece = function(whole[..., begin * self.taken : end * self.taken], begin)
            if made is None:
                made = piece.new_empty(*piece.shape[:-1], columns * self.given)
            made[..., first * self.given : last * self.given] = piece[
                ..., (first - begin) * self.given : (last - begin) * self.given
            ]
        if made is None:
            raise ValueError("there is nothing to cut into pieces")
        return made
