"""What jobs of models have in common whose latents stand for a mel spectrogram that a vocoder makes sound of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from footfall_engine.diffusion.stretches import blend, cut
from footfall_engine.media.audio import fit_length
from footfall_engine.models import logmel
from footfall_engine.models.base import Conditions
from footfall_engine.models.columns import Columns
from footfall_engine.models.runtime import Runtime
from footfall_engine.models.stages import DECODED, SAMPLED, Stages
from footfall_engine.progress import ProgressFn

SPARE_FRAMES = 32  # of the spectrogram after the sound's end, so that it ends as it would go on
_CODE_BYTES = 900 * 2**20  # of one item, in float32

Through = Callable[[Tensor], Tensor]
"""Windows through a network, shape = (b, ...)."""


class MelStages(Stages):
    """A sound in latent columns of `columns.samples`, window by window; `nets` has a `vocoder`."""

    def __init__(
        self, nets: Any, columns: Columns, runtime: Runtime, conditions: Conditions, progress: ProgressFn
    ) -> None:
        super().__init__(runtime, conditions, progress)
        self._nets = nets
        self._samples = round(conditions.duration * columns.sample_rate)
        self._columns = columns.needed(self._samples)
        self._starts = columns.starts(self._columns)
        self._window = columns.window
        self._frames_per_column = columns.samples // logmel.HOP

    @property
    def _first_frames(self) -> list[int]:
        return [start * self._frames_per_column for start in self._starts]

    def _into_latents(self, bands: Tensor, encode: Through) -> Tensor:
        """Latents (b, channels, rows, columns) of spectrograms whose last axis is frames."""
        windows = cut(bands, self._first_frames, self._window * self._frames_per_column)
        return blend(self._batches(_CODE_BYTES).run(encode, windows), self._starts, self._columns)

    def _into_sound(self, latents: Tensor, decode: Through) -> NDArray[np.float32]:
        """Shape = (variants, samples); `decode` makes windows of latents into spectrograms (b, bands, frames)."""
        self._tell(SAMPLED)
        windows = self._batches(_CODE_BYTES).run(decode, cut(latents, self._starts, self._window))
        self._tell(DECODED)
        needed = -(-self._samples // logmel.HOP) + SPARE_FRAMES
        bands = blend(windows, self._first_frames, self._columns * self._frames_per_column)[..., :needed]
        audio = self._batches(_CODE_BYTES * len(self._starts)).run(self._spoken, bands)
        return fit_length(audio.cpu().numpy(), self._samples)

    def _spoken(self, bands: Tensor) -> Tensor:
        return self._nets.vocoder(self._here(bands).transpose(1, 2)).float()
