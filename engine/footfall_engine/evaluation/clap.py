"""How well a sound goes with a text, as LAION's CLAP hears and reads (Wu et al., ICASSP 2023).

The network, its features and its tokens are those of transformers, from a folder in the layout of the hub, such as
laion/larger_clap_general, which is music_speech_audioset_epoch_15_esc_89.98.pt of the papers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from footfall_bridge.errors import WeightsUnusable
from numpy.typing import NDArray

from footfall_engine.models.stock import from_folder


class Clap:
    def __init__(self, folder: Path, device: torch.device) -> None:
        from transformers import AutoTokenizer, ClapFeatureExtractor, ClapModel

        self._device = device
        self._network: Any = from_folder(ClapModel, folder).to(device)
        try:
            self._extractor = ClapFeatureExtractor.from_pretrained(folder, local_files_only=True)
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise WeightsUnusable(
                f"{folder} lacks what CLAP's sounds or texts are prepared with", detail=str(error)
            ) from error
        self.sample_rate: int = self._extractor.sampling_rate
        self._longest = int(self._extractor.nb_max_samples)

    @torch.no_grad()
    def likeness(self, sound: NDArray[np.float32], text: str) -> float:
        """Cosine of mono sound and a text, −1…1; of sound longer than CLAP's 10 s, the mean over its pieces."""
        heard = torch.cat([self._hear(piece) for piece in self._pieces(sound)])
        tokens = self._tokenizer([text], padding=True, truncation=True, return_tensors="pt").to(self._device)
        read = self._network.get_text_features(**tokens).pooler_output
        return float(torch.cosine_similarity(heard, read).mean())

    def _hear(self, piece: NDArray[np.float32]) -> torch.Tensor:
        prepared = self._extractor(piece, sampling_rate=self.sample_rate, return_tensors="pt").to(self._device)
        return self._network.get_audio_features(**prepared).pooler_output

    def _pieces(self, sound: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Whole windows, and a rest of half a window or more; CLAP itself would pick one by chance."""
        pieces = [sound[at : at + self._longest] for at in range(0, len(sound), self._longest)]
        return pieces[:-1] if len(pieces) > 1 and len(pieces[-1]) < self._longest / 2 else pieces
