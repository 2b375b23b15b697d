"""Long sounds and latents a piece at a time, in bounded memory, with the result of the whole."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def by_chunks(
    function: Callable[[Tensor, int], Tensor], whole: Tensor, taken: int, given: int, chunk: int, margin: int
) -> Tensor:
    """`function` of the whole, from pieces of `chunk` columns that also see `margin` columns on either side.

    Parameters
    ----------
    function : of a piece, shape = (..., columns * taken), and of the number of its first column in the whole; returns
        shape = (..., columns * given). What it makes of a column must depend on `margin` columns around it at most.
    whole : Tensor, shape = (..., n * taken)

    Returns
    -------
    Tensor, shape = (..., n * given)
    """
    columns = whole.shape[-1] // taken
    if columns <= chunk + margin:
        return function(whole, 0)
    made: Tensor | None = None
    for first in range(0, columns, chunk):
        last = min(first + chunk, columns)
        begin, end = max(0, first - margin), min(columns, last + margin)
        piece = function(whole[..., begin * taken : end * taken], begin)
        if made is None:
            made = piece.new_empty(*piece.shape[:-1], columns * given)
        made[..., first * given : last * given] = piece[..., (first - begin) * given : (last - begin) * given]
    assert made is not None
    return made
