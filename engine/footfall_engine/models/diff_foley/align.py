"""Align Acc: how often a sound is taken to belong to its picture, by the evaluation classifier of Diff-Foley.

The paper (arXiv 2306.17203, section 4.1) counts the clips that the classifier finds aligned. It is the network of the
alignment guidance, trained on clean latents: time 0, posterior samples of the autoencoder, embedded CAVP rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import torch
from footfall_bridge.timeline import TimeRange
from torch import Tensor, nn

from footfall_engine.media import video
from footfall_engine.media.audio import Recording, fit_length, resample
from footfall_engine.models.diff_foley import layout, mel, networks
from footfall_engine.models.diff_foley.model import FILES, NAME
from footfall_engine.models.diff_foley.pictures import ROWS_PER_SEC, prepared
from footfall_engine.models.diff_foley.sizes import shape_in
from footfall_engine.models.runtime import SHELF, Runtime, chosen_runtime, network_bytes
from footfall_engine.models.store import model_folder, weights_version
from footfall_engine.models.weights import read_weights, ready_weights
from footfall_engine.progress import ProgressFn

EVALUATION_FILE = "eval_classifier.ckpt"
STEP_SEC = layout.ROWS // ROWS_PER_SEC  # from one window to the next
SHORTEST_REST_SEC = STEP_SEC / 2  # at a clip's end that makes a window of its own, repeated
_SEED = 0


@dataclass(frozen=True)
class Judged:
    """One window of a clip, and how probably its sound belongs to its picture."""

    start: float  # seconds
    probability: float

    @property
    def aligned(self) -> bool:
        return round(self.probability) == 1


class AlignmentJudge:
    """The evaluation classifier and what it needs, loaded on first use; in float32, as what it measures is to be the
    same everywhere."""

    def __init__(
        self, folder: Path | None = None, runtime: Runtime | None = None, shape: networks.Shape | None = None
    ) -> None:
        self._folder = folder or model_folder(NAME)
        self._runtime = runtime or Runtime(chosen_runtime().device, torch.float32)
        self._shape = shape

    @torch.no_grad()
    def judge(self, clip: Path, sound: Recording, progress: ProgressFn) -> list[Judged]:
        """Every window of a clip's picture with the sound under it."""
        cavp, vae, alignment = self._networks()
        facts = video.probe(clip)
        mono = resample(sound.samples.mean(0, keepdims=True), sound.sample_rate, mel.SAMPLE_RATE)
        found = []
        windows = list(_windows(float(facts.duration)))
        for number, (start, length) in enumerate(windows):
            progress(number / len(windows))
            rows = alignment.cond_model(self._rows(cavp, clip, start, length))
            latents = self._latents(vae, mono, start, length)
            time = torch.zeros(1, device=latents.device)
            found.append(Judged(start, float(alignment.model(latents, time, rows).exp())))
        return found

    def _rows(self, cavp: nn.Module, clip: Path, start: float, length: float) -> Tensor:
        (look,) = layout.exact(round(length * mel.SAMPLE_RATE)).looks
        seen = sorted(set(look))

        def frames(times: Sequence[float]) -> Iterator[video.Frame]:
            spec = video.FrameSpec(times=times, grey=False)
            span = TimeRange(Fraction(start), Fraction(start + length))
            return (frame for _, frame in video.read_frames_at(clip, span, {"": spec}))

        pictures = dict(zip(seen, prepared(frames, seen), strict=True))
        stack = torch.from_numpy(np.stack([pictures[time] for time in look])).to(self._runtime.device)
        return cavp.encode_video(stack.permute(0, 3, 1, 2)[None].to(self._runtime.precision) / 255)

    def _latents(self, vae: nn.Module, mono: np.ndarray, start: float, length: float) -> Tensor:
        """Latents of the sound, repeated to a window where it is shorter, shape = (1, 4, 16, 64)."""
        first, samples = round(start * mel.SAMPLE_RATE), round(length * mel.SAMPLE_RATE)
        needed = layout.COLUMNS * layout.COLUMN
        piece = fit_length(mono[:, first:], samples if samples < needed else needed)
        repeated = np.tile(piece, -(-needed // piece.shape[1]))[:, :needed]
        audio = torch.from_numpy(repeated).to(self._runtime.device)
        bands = mel.mel_spectrogram(audio, layout.COLUMNS * layout.FRAMES_PER_COLUMN)
        picture = bands[:, None].expand(-1, vae.config.in_channels, -1, -1).to(self._runtime.precision)
        coded = vae.encode(picture, return_dict=False)[0]
        noise = torch.randn(coded.mean.shape, generator=torch.Generator().manual_seed(_SEED)).to(coded.mean)
        return (coded.mean + coded.std * noise) * vae.config.scaling_factor

    def _networks(self) -> tuple[nn.Module, nn.Module, nn.Module]:
        key = ("align", self._folder, self._runtime, self._shape)
        return SHELF.get(key, self._load, lambda nets: network_bytes(*nets), weights_version(self._folder))

    def _load(self) -> tuple[nn.Module, nn.Module, nn.Module]:
        shape = self._shape or shape_in(self._folder)

        def loaded(name: str, file: str) -> nn.Module:
            path = ready_weights(NAME, file, self._folder)
            weights = read_weights(path, self._runtime.reading_precision, partial(networks.belongs, name))
            return self._runtime.on_device(getattr(networks, name)(weights, shape, path.name))

        return (
            loaded("cavp", FILES["cavp"]), loaded("vae", EVALUATION_FILE), loaded("alignment", EVALUATION_FILE),
        )  # fmt: skip


def _windows(duration: float) -> Iterator[tuple[float, float]]:
    """(start, length) of each window of a clip, seconds; a rest is judged too unless it is short."""
    whole = layout.COLUMNS * layout.COLUMN / mel.SAMPLE_RATE
    start = 0.0
    while start == 0 or duration - start >= SHORTEST_REST_SEC:
        yield start, min(whole, duration - start)
        start += STEP_SEC
