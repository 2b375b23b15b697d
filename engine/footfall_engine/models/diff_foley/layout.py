"""How a sound is laid out in latent columns, and where its windows look at the picture.

A latent column is COLUMN samples of sound, a row of features a quarter of a second of picture. A window is what the
networks were trained on: 64 columns (8.192 s) and the 32 rows that begin with them.
"""

from __future__ import annotations

from dataclasses import dataclass

from footfall_bridge.errors import ModelFailed

from footfall_engine.models.columns import Columns
from footfall_engine.models.diff_foley import mel
from footfall_engine.models.diff_foley.pictures import ROWS_PER_SEC, row_time, rows_in

FRAMES_PER_COLUMN = 8  # the autoencoder reduces both axes of a mel spectrogram so
BANDS_PER_LATENT_ROW = 8
COLUMN = FRAMES_PER_COLUMN * mel.HOP  # samples
COLUMNS = 64  # of a window
ROWS = 32  # of a window
OVERLAP = 16  # columns that neighbouring windows share at least; 2 s
LATENTS = Columns(mel.SAMPLE_RATE, COLUMN, COLUMNS, OVERLAP)
NOTEBOOK_CHUNK = 40  # rows that the notebook encodes at once


@dataclass(frozen=True)
class Layout:
    samples: int
    columns: int
    starts: tuple[int, ...]  # first columns of the windows
    looks: tuple[tuple[float, ...], ...]  # seconds at which the pictures are taken that are encoded together

    @property
    def seen(self) -> list[float]:
        """All of those seconds, each once, rising."""
        return sorted({time for look in self.looks for time in look})


def exact(samples: int) -> Layout:
    """As many columns as the sound needs, at least a window; windows share columns and look where they lie.

    A window that is longer than the sound sees its pictures over and over, as short clips were repeated in training.
    """
    columns = LATENTS.needed(samples)
    starts = tuple(LATENTS.starts(columns))
    seconds = samples / mel.SAMPLE_RATE
    there = rows_in(seconds) if columns == COLUMNS else ROWS
    looks = tuple(
        tuple(_inside(start * COLUMN / mel.SAMPLE_RATE + row_time(row % there), seconds) for row in range(ROWS))
        for start in starts
    )
    return Layout(samples, columns, starts, looks)


def of_notebook(samples: int, first: bool = True) -> Layout:
    """Windows side by side, one for every 32 whole rows; what is left over stays silent.

    What fills no window is refused, as there. Where it is not the `first` part of a sound, its last picture stays.
    """
    seconds = samples / mel.SAMPLE_RATE
    rows = rows_in(seconds)
    if first and rows < ROWS:
        raise ModelFailed(f"as the original, Diff-Foley takes {ROWS / ROWS_PER_SEC:g} s at least, not {seconds:g} s")
    rows = max(rows, ROWS)
    columns = rows // ROWS * COLUMNS
    times = tuple(_inside(row_time(row), seconds) for row in range(rows))
    looks = tuple(times[row : row + NOTEBOOK_CHUNK] for row in range(0, rows, NOTEBOOK_CHUNK))
    return Layout(samples, columns, tuple(range(0, columns, COLUMNS)), looks)


def _inside(time: float, seconds: float) -> float:
    return min(time, seconds)
