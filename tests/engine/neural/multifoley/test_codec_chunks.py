"""Pieces of any length and margin give what the whole would."""

from __future__ import annotations

from footfall_engine.models.multifoley.chunks import Chunks
from footfall_engine.models.multifoley.sizes import HOP, SAMPLE_RATE, columns_of
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.neural.golden import torch


def _sum_around(reach: int, taken: int, given: int):  # type: ignore[no-untyped-def]
    """For each column, `given` times the sum of what lies up to `reach` columns from it."""

    def function(piece: torch.Tensor, _first: int) -> torch.Tensor:
        columns = piece.unflatten(-1, (-1, taken)).sum(-1, keepdim=True).transpose(-1, -2)
        kernel = torch.ones(1, 1, 2 * reach + 1, dtype=piece.dtype)
        return torch.nn.functional.conv1d(columns, kernel, padding=reach).repeat_interleave(given, dim=-1)[:, 0]

    return function


@given(
    columns=st.integers(1, 60),
    piece=st.integers(1, 70),
    margin=st.integers(0, 9),
    taken=st.integers(1, 3),
    out=st.integers(1, 3),
)
def test_pieces_equal_the_whole(columns: int, piece: int, margin: int, taken: int, out: int) -> None:
    whole = torch.arange(columns * taken, dtype=torch.double)[None] ** 2
    function = _sum_around(margin, taken, out)
    assert torch.equal(Chunks(taken, out, piece, margin).run(function, whole), function(whole, 0))


def test_no_piece_is_longer_than_a_chunk_and_its_margins_in_ten_minutes() -> None:
    seen: list[tuple[int, int]] = []

    def function(piece: torch.Tensor, first: int) -> torch.Tensor:
        seen.append((first, piece.shape[-1]))
        return piece

    columns = columns_of(600 * SAMPLE_RATE - 7)
    made = Chunks(1, 1, 160, 10).run(function, torch.arange(columns)[None])
    assert torch.equal(made, torch.arange(columns)[None])
    assert max(length for _, length in seen) == 180
    assert columns * HOP == 600 * SAMPLE_RATE
