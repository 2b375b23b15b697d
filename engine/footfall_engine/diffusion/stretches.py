"""Latents longer than a network was trained on, made as one by overlapping windows."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from footfall_engine.diffusion.guidance import Denoiser


def window_starts(length: int, window: int, overlap: int) -> list[int]:
    """First columns of windows that cover `length` columns and share at least `overlap`; the last one ends there."""
    if length <= window:
        return [0]
    count = 1 + math.ceil((length - window) / (window - overlap))
    return [round(number * (length - window) / (count - 1)) for number in range(count)]


def cut(whole: Tensor, starts: list[int], window: int) -> Tensor:
    """Windows of the last axis, the first window of all items first: (b, ..., n) → (len(starts) * b, ..., window)."""
    return torch.cat([whole[..., start : start + window] for start in starts])


def blend(windows: Tensor, starts: list[int], length: int) -> Tensor:
    """`cut` undone: overlapping columns are averaged, each window counting less towards its own edges."""
    width = windows.shape[-1]
    weight = _weights(width, windows)
    batch = windows.shape[0] // len(starts)
    whole = windows.new_zeros(batch, *windows.shape[1:-1], length)
    total = windows.new_zeros(length)
    for start, piece in zip(starts, windows.split(batch), strict=True):
        whole[..., start : start + width] += piece * weight
        total[start : start + width] += weight
    return whole / total


def over_windows(denoise: Denoiser, starts: list[int], window: int) -> Denoiser:
    """A denoiser of long latents, from one of windows whose contexts come in the order of `cut`.

    Where windows share columns their predictions are blended at every step, so that they agree on one sound
    (MultiDiffusion, Bar-Tal et al. 2023).
    """
    if len(starts) == 1:
        return denoise
    return lambda latents, time: blend(denoise(cut(latents, starts, window), time), starts, latents.shape[-1])


def _weights(width: int, like: Tensor) -> Tensor:
    columns = torch.arange(width, dtype=like.dtype, device=like.device)
    return torch.minimum(columns + 1, width - columns)
