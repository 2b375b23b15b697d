"""MultiFoley as a model of the engine: pictures or events, words and other sound in, sound out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from footfall_bridge.messages import Quality
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from footfall_engine.diffusion import samplers, stock
from footfall_engine.diffusion.guidance import Denoiser
from footfall_engine.diffusion.known import Hold, KnownRegion
from footfall_engine.diffusion.schedules import NoiseSchedule, scaled_linear_betas
from footfall_engine.media.audio import Audio, fit_length, resample
from footfall_engine.media.video import file_identity
from footfall_engine.models.base import Conditions, Features, Generated, asked
from footfall_engine.models.columns import Columns, seeded_noise
from footfall_engine.models.diff_foley import model as diff_foley
from footfall_engine.models.diff_foley import networks as diff_foley_networks
from footfall_engine.models.diff_foley.pictures import squeezed
from footfall_engine.models.diff_foley.sizes import shape_in
from footfall_engine.models.multifoley import checkpoint, features, guidance
from footfall_engine.models.multifoley.checkpoint import Config, Track
from footfall_engine.models.multifoley.dit import FoleyDiT, Told
from footfall_engine.models.multifoley.guidance import Branch, Gamma, Network, Scale
from footfall_engine.models.multifoley.sizes import (
    CAVP_RATE,
    HOP,
    LATENT_CHANNELS,
    LATENT_RATE,
    SAMPLE_RATE,
    columns_of,
)
from footfall_engine.models.multifoley.stretches import Stretch, stretches
from footfall_engine.models.multifoley.text import T5_FOLDER, T5Text, Text, WordText
from footfall_engine.models.runtime import SHELF, Runtime, chosen_runtime, network_bytes
from footfall_engine.models.stages import DECODED, LOADED, SAMPLED, Stages
from footfall_engine.models.store import model_folder
from footfall_engine.models.weights import read_weights, ready_weights
from footfall_engine.progress import ProgressFn, no_progress, part

NAME = "multifoley"

STRENGTH = Gamma(3.0)  # of the paper's benchmark
MOST_AT_ONCE = 16
SCHEDULE = NoiseSchedule(scaled_linear_betas(0.00085, 0.0120, 1000))
REFERENCE_SHARE = 3 / 8  # of what the network sees at once, at most; the paper's 3 s of 8 s
CONTEXT_SHARE = 1 / 8  # of it that a stretch shares with what was there before

_STEP_BYTES = 100 * 2**20  # of one item, in float32
_CODE_BYTES = 400 * 2**20  # of one piece of one item
_SEEN = 0.15  # share of the work done when the picture is
_EDGE = 12  # columns on either side that sound and latents may depend on
_LOOK, _LOOK_MARGIN = 64, 9  # pictures that CAVP sees at once, and on either side that a row depends on

_DDIM = {
    "_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_schedule": "scaled_linear",
    "beta_start": 0.00085, "beta_end": 0.0120, "clip_sample": False, "timestep_spacing": "trailing",
}  # fmt: skip
"""Steps are spaced so that the first one starts from noise alone, however few they are."""


def ddim(denoise: Denoiser, noise: Tensor, steps: int, hold: Hold, progress: ProgressFn) -> Tensor:
    return stock.scheduled(stock.scheduler(_DDIM), denoise, noise, steps, hold, progress)


def dpm_solver(denoise: Denoiser, noise: Tensor, steps: int, hold: Hold, progress: ProgressFn) -> Tensor:
    return samplers.dpm_solver_pp_2m(denoise, noise, SCHEDULE, steps, hold, progress)


class Sampler(Enum):
    """PUBLISHED: DDIM in 100 steps. SOLVER: DPM-Solver++ (2M), which needs a quarter of them."""

    PUBLISHED = "ddim"
    SOLVER = "dpm-solver++"


Sample = Callable[..., Tensor]
_SAMPLERS: dict[Sampler, tuple[Sample, int]] = {Sampler.PUBLISHED: (ddim, 100), Sampler.SOLVER: (dpm_solver, 25)}
"""Each with its usual number of steps."""


@dataclass(frozen=True)
class Networks:
    config: Config
    dit: FoleyDiT
    text: Text
    codec: Any
    cavp: Any  # None where the track is not its features
    sees_by: str = ""  # which weights it has, for what is remembered of pictures

    @property
    def size(self) -> int:
        encoder = self.text.encoder if isinstance(self.text, T5Text) else self.text
        return network_bytes(*(each for each in (self.dit, encoder, self.codec, self.cavp) if each is not None))


class MultiFoley:
    """Networks are loaded when the first sound is asked for, and stay while there is room for them."""

    def __init__(
        self,
        sampler: str = Sampler.PUBLISHED.value,
        folder: Path | None = None,
        runtime: Runtime | None = None,
        strength: Gamma | Scale = STRENGTH,
        cavp_folder: Path | None = None,
    ) -> None:
        self._sample, self._steps = _SAMPLERS[Sampler(sampler)]
        self._folder = folder
        self._runtime = runtime
        self._strength = strength
        self._cavp_folder = cavp_folder

    @torch.no_grad()
    def generate(self, conditions: Conditions, seeds: list[int], progress: ProgressFn) -> Generated:
        # 1. networks, and which stretches of the sound are to be made
        runtime = self._runtime or chosen_runtime()
        nets = self._networks(runtime, part(progress, 0.0, LOADED))
        job = _Job(nets, runtime, conditions, progress)

        # 2. what the picture shows, what is said
        track = job.track()
        said = job.said(asked(conditions.controls.quality, Quality.HIGH))

        # 3. latents that fit it and what sounds already
        guide = conditions.controls.guidance
        strength = self._strength if guide is None else Scale(guide)
        sample = partial(self._sample, steps=asked(conditions.controls.steps, self._steps))
        latents = job.latents(track, said, strength, seeds, sample)

        # 4. sound from them
        return Generated(job.sound(latents), job.warnings)

    @property
    def takes_at_once(self) -> int:
        """A CPU that computes in float32 is as busy with one variant as with many."""
        runtime = self._runtime or chosen_runtime()
        return 1 if runtime.device.type == "cpu" and runtime.precision == torch.float32 else MOST_AT_ONCE

    def check(self) -> None:
        """That the weights of all networks are there and fit; WeightsMissing or WeightsUnusable says what does not."""
        self._load(Runtime(torch.device("cpu"), torch.float32), no_progress)

    @property
    def _place(self) -> Path:
        return self._folder or model_folder(NAME)

    def _networks(self, runtime: Runtime, progress: ProgressFn) -> Networks:
        trained_at = checkpoint.identity(self._place)  # it may be trained on while the engine runs
        key = (NAME, trained_at, self._cavp_folder, runtime)
        return SHELF.get(key, partial(self._load, runtime, progress), lambda nets: nets.size)

    def _load(self, runtime: Runtime, progress: ProgressFn) -> Networks:
        trained = checkpoint.load(self._place, runtime.reading_precision)
        progress(0.4)
        text: Text
        if trained.words is None:
            text = T5Text.in_folder(self._place / T5_FOLDER, runtime.reading_precision)
            runtime.on_device(text.encoder)
        else:
            text = trained.words.to(runtime.device)
        progress(0.7)
        cavp, sees_by = self._cavp(runtime) if trained.config.track is Track.CAVP else (None, "")
        dit: Any = runtime.on_device(trained.network)
        return Networks(trained.config, dit, text, trained.codec.to(runtime.device), cavp, sees_by)

    def _cavp(self, runtime: Runtime) -> tuple[nn.Module, str]:
        path = ready_weights(diff_foley.NAME, diff_foley.FILES["cavp"], self._cavp_folder)
        wanted = partial(diff_foley_networks.belongs, "cavp")
        weights = read_weights(path, runtime.reading_precision, wanted)
        made = diff_foley_networks.cavp(weights, shape_in(path.parent), path.name)
        return runtime.on_device(made), file_identity(path)


AsPublished: Callable[[], MultiFoley] = MultiFoley
Fast: Callable[[], MultiFoley] = partial(MultiFoley, sampler=Sampler.SOLVER.value)
"""With fewer steps, as a model of its own."""


@dataclass(frozen=True)
class _Said:
    """Text that is asked for and text that is not, as the network reads them: tokens (1, n, width), mask (1, n)."""

    asked: tuple[Tensor, Tensor]
    negative: tuple[Tensor, Tensor]


class _Job(Stages):
    """The stages of one sound."""

    def __init__(self, nets: Networks, runtime: Runtime, conditions: Conditions, progress: ProgressFn) -> None:
        super().__init__(runtime, conditions, progress)
        self._nets = nets
        self._samples = round(conditions.duration * SAMPLE_RATE)
        at_once = round(nets.config.seconds * LATENT_RATE)
        self._reference = self._referred(round(at_once * REFERENCE_SHARE))
        longest = at_once - self._reference.shape[-1]
        columns = max(longest, columns_of(self._samples))
        self._there = self._known_columns(columns)
        self._plan = stretches(self._there, longest, round(at_once * CONTEXT_SHARE))
        self.warnings: tuple[tuple[str, str], ...] = ()

    @property
    def _columns(self) -> int:
        return len(self._there)

    @property
    def _touched(self) -> Stretch:
        """All that is made, and what lies between."""
        return Stretch(min(each.start for each in self._plan), max(each.stop for each in self._plan))

    @property
    def _around(self) -> Stretch:
        """And the edges that it depends on."""
        return Stretch(max(0, self._touched.start - _EDGE), min(self._columns, self._touched.stop + _EDGE))

    # ---- what sounds already

    def _known_columns(self, columns: int) -> NDArray[np.bool_]:
        known, mask = self._conditions.known, self._conditions.known_mask
        if known is None or mask is None:
            return np.zeros(columns, np.bool_)
        return Columns(SAMPLE_RATE, HOP, columns, 0).known(mask, known.sample_rate, columns) > 0

    def _known_sound(self) -> Audio:
        """Shape = (channels of the sound that is there, columns * HOP); silence where there is none."""
        known = self._conditions.known
        if known is None:
            return np.zeros((1, self._columns * HOP), np.float32)
        return fit_length(resample(known.samples, known.sample_rate, SAMPLE_RATE), self._columns * HOP)

    def _known_latents(self) -> Tensor:
        """Shape = (LATENT_CHANNELS, columns); zeros where nothing is known or nothing depends on it."""
        latents = torch.zeros(LATENT_CHANNELS, self._columns, device=self._runtime.device)
        if self._plan and self._there.any():
            around = self._around
            latents[:, around.columns] = self._coded(self._known_sound()[:, around.start * HOP : around.stop * HOP])
        return latents

    def _referred(self, most: int) -> Tensor:
        """Latents of the reference recording where it is loudest, shape = (LATENT_CHANNELS, columns)."""
        reference = self._conditions.reference
        if reference is None:
            return torch.zeros(LATENT_CHANNELS, 0, device=self._runtime.device)
        audio = resample(reference.samples, reference.sample_rate, SAMPLE_RATE)
        return self._coded(audio[:, loudest(audio, most * HOP)])

    def _coded(self, audio: Audio) -> Tensor:
        """Latents of sound (channels, samples)."""
        fitting = torch.from_numpy(in_channels(audio, self._nets.codec.channels)).to(self._runtime.device)
        return self._nets.codec.encode(fitting[None], between=lambda: self._progress(self._done))[0]

    # ---- what the picture shows

    def track(self) -> Tensor:
        """Shape = (track_channels, columns)."""
        self._tell(LOADED)
        known = self._conditions
        if self._nets.config.track is Track.EVENTS:
            made = features.event_track(known.hits, known.motion, self._columns / LATENT_RATE)
        else:
            rows = known.remember(f"cavp 8 {self._nets.sees_by}", self._look)["rows"]
            made = features.cavp_track(rows, self._columns)
        self._tell(_SEEN)
        return torch.from_numpy(made).to(self._runtime.device)

    def _look(self) -> Features:
        """CAVP's features of the whole picture, shape = (rows, n), float32."""
        seconds = self._conditions.duration
        count = max(1, math.ceil(seconds * CAVP_RATE - 1e-9))
        frames = self._conditions.frames([min(seconds, features.look_time(row)) for row in range(count)])
        pictures: list[NDArray[np.uint8]] = []  # from `first` on
        first, rows = 0, []
        for start in range(0, count, _LOOK):
            self._tell(LOADED + (_SEEN - LOADED) * start / count)
            stop = min(count, start + _LOOK)
            begin, end = max(0, start - _LOOK_MARGIN), min(count, stop + _LOOK_MARGIN)
            pictures = pictures[begin - first :]
            pictures += [squeezed(frame.image) for frame in islice(frames, end - begin - len(pictures))]
            first = begin
            rows.append(self._encoded(pictures)[start - begin : stop - begin])
        return {"rows": np.concatenate(rows)}

    def _encoded(self, pictures: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        stack = torch.from_numpy(np.stack(pictures)).to(self._runtime.device)
        video = self._here(stack.permute(0, 3, 1, 2)[None]) / 255
        rows: NDArray[np.float32] = self._nets.cavp.encode_video(video)[0].float().cpu().numpy()
        return rows

    # ---- what is said

    def said(self, quality: Quality) -> _Said:
        """The request's words with tags of quality; those that the network never heard are told of."""
        known = self._conditions
        asked_for, negative = (
            self._nets.text([text]) for text in guidance.texts(known.prompt, known.negative, quality)
        )
        if isinstance(self._nets.text, WordText):
            unknown = [word for text in (known.prompt, known.negative) for word in self._nets.text.unknown(text)]
            if unknown:
                words = ", ".join(dict.fromkeys(unknown))
                self.warnings += (("words_unknown", f"{NAME} was never told of these words and ignores them: {words}"),)
        return _Said(asked_for, negative)

    # ---- latents

    def latents(self, track: Tensor, said: _Said, strength: Gamma | Scale, seeds: list[int], sample: Sample) -> Tensor:
        """Clean latents, shape = (variants, LATENT_CHANNELS, columns); what is known already is as it was."""
        variants, device = len(seeds), self._runtime.device
        noise, generators = seeded_noise(seeds, (LATENT_CHANNELS, self._columns), device)
        before = torch.stack([torch.randn(self._reference.shape, generator=each) for each in generators]).to(device)
        latents = self._known_latents().repeat(variants, 1, 1)
        there = torch.from_numpy(self._there).to(noise)
        for number, stretch in enumerate(self._plan):
            columns = stretch.columns
            start = torch.cat([before, noise[..., columns]], -1)
            branch = self._branch(track[:, columns], latents[..., columns], there[columns], said.asked)
            denoise = guidance.guided(
                self._network(), branch, branch.without(*_times(variants, said.negative)), strength
            )
            hold = KnownRegion(branch.clean, branch.given[:, None], start)
            shares = (_SEEN + (SAMPLED - _SEEN) * each / len(self._plan) for each in (number, number + 1))
            made = sample(denoise, start, hold=hold, progress=part(self._tell, *shares))
            latents[..., columns] = made[..., before.shape[-1] :]
            there[columns] = 1
        return latents

    def _branch(self, track: Tensor, latents: Tensor, there: Tensor, text: tuple[Tensor, Tensor]) -> Branch:
        """What is asked of one stretch: after the reference, whose picture nobody knows, comes the stretch itself."""
        variants, referred = len(latents), self._reference.shape[-1]
        pictured = torch.arange(referred + track.shape[-1], device=track.device) >= referred
        told = Told(
            functional.pad(track, (referred, 0)).expand(variants, -1, -1),
            pictured.expand(variants, -1),
            *_times(variants, text),
        )
        clean = torch.cat([self._reference.expand(variants, -1, -1), latents], -1)
        given = torch.cat([torch.ones_like(there[:1]).expand(referred), there])
        return Branch(told, clean, given.expand(variants, -1))

    def _network(self) -> Network:
        batches = self._batches(_STEP_BYTES)

        def network(latents: Tensor, time: Tensor, told: Told, given: Tensor) -> Tensor:
            def once(x: Tensor, when: Tensor, given: Tensor, *told: Tensor) -> Tensor:
                return self._nets.dit(self._here(x), when, Told(*told), given).float()

            return batches.run(once, latents, time, given, told.track, told.has_track, told.text, told.text_mask)

        return network

    # ---- sound

    def sound(self, latents: Tensor) -> NDArray[np.float32]:
        """Shape = (variants, channels, samples); where nothing was made, the sound that was there."""
        self._tell(SAMPLED)
        there = in_channels(self._known_sound(), self._conditions.channels)
        whole = np.repeat(there[None], len(latents), 0)
        if self._plan:
            touched, around = self._touched, self._around
            made = self._decoded(latents[..., around.columns])
            inside = made[..., (touched.start - around.start) * HOP :][..., : (touched.stop - touched.start) * HOP]
            whole[..., touched.start * HOP : touched.stop * HOP] = in_channels(inside, self._conditions.channels)
        self._tell(DECODED)
        return np.ascontiguousarray(whole[..., : self._samples])

    def _decoded(self, latents: Tensor) -> NDArray[np.float32]:
        """Shape = (variants, channels of the codec, columns * HOP)."""
        samples = latents.shape[-1] * HOP
        tell = lambda: self._progress(self._done)  # noqa: E731
        pieces = self._batches(_CODE_BYTES).run(
            lambda some: self._nets.codec.decode(some, samples, between=tell).cpu(), latents
        )
        return pieces.numpy()


def loudest(audio: Audio, samples: int) -> slice:
    """The part of at most so many samples that holds the most energy, the first of them if there are several."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(audio, dtype=np.float64).sum(0))])
    samples = min(samples, audio.shape[1])
    start = int(np.argmax(energy[samples:] - energy[: len(energy) - samples]))
    return slice(start, start + samples)


def in_channels(audio: Audio, channels: int) -> Audio:
    """Sound (..., channels, samples) as mono or stereo."""
    if audio.shape[-2] == channels:
        return audio
    return np.repeat(audio.mean(-2, keepdims=True), channels, axis=-2)


def _times(variants: int, text: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    tokens, mask = text
    return tokens.expand(variants, -1, -1), mask.expand(variants, -1)
