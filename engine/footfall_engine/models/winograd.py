"""3 × 3 convolutions with four multiplications for nine (Winograd's F(2 × 2, 3 × 3); Lavin & Gray 2016, 1509.09308).

For processors that do well at nothing but float32, on which UNets and autoencoders spend most of their time in such
convolutions. Results are a direct convolution's to float rounding. A filter takes 16 numbers instead of 9.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAST_CHANNELS = 128  # below, there is too little to gain
_CHUNK_BYTES = 16 * 2**20  # of transformed tiles at a time, which stay in a processor's cache

_FILTER = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]])


def with_fewer_multiplications(network: nn.Module) -> nn.Module:
    """The network, its convolutions replaced where that pays; it can have no gradients any more."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if _fits(child):
                setattr(module, name, WinogradConv2d(child))
    return network


def _fits(module: nn.Module) -> bool:
    return (
        isinstance(module, nn.Conv2d)
        and module.kernel_size == (3, 3)
        and module.stride == module.padding == module.dilation == (1, 1)
        and module.groups == 1
        and module.padding_mode == "zeros"
        and min(module.in_channels, module.out_channels) >= LEAST_CHANNELS
    )


class WinogradConv2d(nn.Module):
    """What a convolution of (b, in, h, w) gives: (b, out, h, w), channels last in memory; without gradients."""

    def __init__(self, plain: nn.Conv2d) -> None:
        super().__init__()
        self.in_channels, self.out_channels = plain.in_channels, plain.out_channels
        plane = plain.weight.float().permute(2, 3, 1, 0).reshape(9, -1)  # (3 × 3, in × out)
        filters = (torch.kron(_FILTER, _FILTER) @ plane).view(16, self.in_channels, self.out_channels)
        self.filters = nn.Parameter(filters, requires_grad=False)
        self.bias = plain.bias

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        rows, columns = -(-height // 2), -(-width // 2)  # of tiles, 2 × 2 results each
        rest = (1, 2 * columns - width + 1, 1, 2 * rows - height + 1)
        padded = F.pad(x, rest).permute(0, 2, 3, 1).contiguous()  # (b, h, w, in)
        made = x.new_empty(batch, rows, 2, columns, 2, self.out_channels)
        lines = max(1, _CHUNK_BYTES // (16 * 4 * columns * max(self.in_channels, self.out_channels)))
        items = max(1, lines // rows)
        for some, into in zip(padded.split(items), made.split(items), strict=True):
            for first in range(0, rows, lines):
                part = into[:, first : first + lines]
                self._convolve(some[:, 2 * first : 2 * (first + part.shape[1]) + 2], part)
        whole = made.view(batch, 2 * rows, 2 * columns, -1)[:, :height, :width]
        return whole.permute(0, 3, 1, 2)

    def _convolve(self, x: Tensor, into: Tensor) -> None:
        """(b, 2 n + 2, 2 m + 2, in) → results (b, n, 2, m, 2, out)."""
        batch, rows, _, columns = into.shape[:4]
        tiles = x.new_empty(4, 4, batch, rows, columns, self.in_channels)
        by_rows = x.new_empty(4, batch, rows, x.shape[2], self.in_channels)
        _turn([x[:, k : k + 2 * rows - 1 : 2] for k in range(4)], by_rows)
        for lines, into_tiles in zip(by_rows, tiles, strict=True):
            _turn([lines[:, :, k : k + 2 * columns - 1 : 2] for k in range(4)], into_tiles)
        products = torch.bmm(tiles.view(16, -1, self.in_channels), self.filters)
        if self.bias is not None:
            products[5] += self.bias  # the one product that counts once in each result
        m = products.view(4, 4, batch, rows, columns, self.out_channels)
        for i, lines in enumerate((m[0] + m[1] + m[2], m[1] - m[2] - m[3])):
            torch.add(lines[0], lines[1], out=into[:, :, i, :, 0]).add_(lines[2])
            torch.sub(lines[1], lines[2], out=into[:, :, i, :, 1]).sub_(lines[3])


def _turn(neighbours: Sequence[Tensor], into: Tensor) -> None:
    """Four neighbours → what is multiplied, shape = (4, *neighbour.shape)."""
    a, b, c, d = neighbours
    torch.sub(a, c, out=into[0])
    torch.add(b, c, out=into[1])
    torch.sub(c, b, out=into[2])
    torch.sub(b, d, out=into[3])
