"""Diff-Foley as a model of the engine: pictures in, sound out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from footfall_engine.diffusion import guidance, samplers
from footfall_engine.diffusion.guidance import Denoiser, Predict, Slope
from footfall_engine.diffusion.known import Hold, nothing_known
from footfall_engine.diffusion.schedules import NoiseSchedule, scaled_linear_betas
from footfall_engine.diffusion.stretches import blend, cut, over_windows
from footfall_engine.media.audio import fit_length
from footfall_engine.media.video import file_identity
from footfall_engine.models.base import Conditions, Features, Generated, asked
from footfall_engine.models.columns import seeded_noise
from footfall_engine.models.diff_foley import layout, mel, networks, notebook
from footfall_engine.models.diff_foley.layout import BANDS_PER_LATENT_ROW, COLUMNS, FRAMES_PER_COLUMN, Layout
from footfall_engine.models.diff_foley.pictures import prepared
from footfall_engine.models.diff_foley.sizes import shape_in
from footfall_engine.models.runtime import SHELF, Runtime, chosen_runtime, network_bytes
from footfall_engine.models.stages import DECODED, LOADED, SAMPLED, Stages
from footfall_engine.models.store import model_folder, weights_version
from footfall_engine.models.together import JoinsJobs, Together
from footfall_engine.models.weights import read_weights, ready_weights
from footfall_engine.progress import ProgressFn, no_progress, part

NAME = "diff-foley"
FILES = {
    "cavp": "cavp_epoch66.ckpt",
    "unet": "ldm_epoch240.ckpt",
    "vae": "ldm_epoch240.ckpt",
    "condition": "ldm_epoch240.ckpt",
    "alignment": "double_guidance_classifier.ckpt",
}
"""The published checkpoint that each network is in."""

STEPS = 25
GUIDANCE = 4.5
CLASSIFIER_SCALE = 50.0
SCHEDULE = NoiseSchedule(scaled_linear_betas(0.00085, 0.0120, 1000))

_LOOK_BYTES, _STEP_BYTES, _CODE_BYTES = 1000 * 2**20, 150 * 2**20, 400 * 2**20  # of one item, in float32
_FRAME_BYTES = 513 * 8 * 8  # of one item's spectra, all that are there at once
_SEEN = 0.15  # share of the work done when the picture is
_SPARE_FRAMES = 4  # of the spectrogram after the sound's end, so that it ends as it would go on


class Compat(Enum):
    """CORRECTED: contexts as in training, all guidance at every scale, seeded, true in pitch and length.

    ORIGINAL, as in the published notebook: zeros for the null context, raw features of the whole clip for the
    classifier and no classifier at scale 1, windows side by side that each sound 0.176 s longer than their pictures,
    and a pitch that is 27 % low. It is seeded all the same.
    """

    CORRECTED = "corrected"
    ORIGINAL = "original"


@dataclass(frozen=True)
class Networks:
    cavp: nn.Module
    unet: nn.Module
    vae: nn.Module
    condition: nn.Module
    alignment: nn.Module
    sees_by: str = ""  # which weights CAVP has, for what is remembered of pictures
    together: Together = field(default_factory=Together)

    @property
    def size(self) -> int:
        return network_bytes(self.cavp, self.unet, self.vae, self.condition, self.alignment)


class DiffFoley(JoinsJobs):
    """Networks are loaded when the first sound is asked for, and stay while there is room for them."""

    def __init__(
        self,
        compat: str = "corrected",
        folder: Path | None = None,
        runtime: Runtime | None = None,
        shape: networks.Shape | None = None,
        classifier_scale: float = CLASSIFIER_SCALE,
    ) -> None:
        self.compat = Compat(compat)
        self._folder = folder
        self._runtime = runtime
        self._shape = shape
        self._classifier_scale = classifier_scale

    @property
    def usual(self) -> dict[str, float]:
        """What controls are where a request leaves them to the model."""
        return {"steps": STEPS, "guidance": GUIDANCE, "classifier_scale": self._classifier_scale}

    @torch.no_grad()
    def generate(self, conditions: Conditions, seeds: list[int], progress: ProgressFn) -> Generated:
        job, generators, latents = self._sampled(conditions, seeds, progress)
        bands = job.bands(latents)
        original = self.compat is Compat.ORIGINAL
        audio = _sound_of_notebook(bands, generators, job.plan) if original else job.sound(bands, generators)
        return Generated(np.repeat(audio[:, None], conditions.channels, axis=1))

    @torch.no_grad()
    def latents(self, conditions: Conditions, seeds: list[int], progress: ProgressFn) -> Tensor:
        """What `generate` makes its sound of, shape = (seeds, channels, rows, columns)."""
        return self._sampled(conditions, seeds, progress)[2]

    def _sampled(
        self, conditions: Conditions, seeds: list[int], progress: ProgressFn
    ) -> tuple[_Job, list[torch.Generator], Tensor]:
        # 1. how the sound is laid out, and networks
        original = self.compat is Compat.ORIGINAL
        samples = round(conditions.duration * mel.SAMPLE_RATE)
        plan = layout.of_notebook(samples, first=conditions.start == 0) if original else layout.exact(samples)
        runtime = self._runtime or chosen_runtime()
        nets = self._networks(runtime, part(progress, 0.0, LOADED))
        job = _Job(nets, runtime, plan, conditions, progress)

        # 2. what the picture shows
        rows = job.rows(self.compat.value)

        # 3. latents that fit it
        controls = conditions.controls
        scale = asked(controls.guidance, GUIDANCE)
        context = job.context_of_notebook(rows) if original else job.context(rows)
        strength = 0.0 if original and scale == 1 else asked(controls.classifier_scale, self._classifier_scale)
        denoise = job.denoiser(context.repeated(len(seeds)), scale, strength)
        latents, generators = job.latents(denoise, seeds, asked(controls.steps, STEPS), apart=original)
        return job, generators, latents

    def make_ready(self, progress: ProgressFn) -> None:
        """Load the networks if they are not there; WeightsMissing or WeightsUnusable says what does not fit."""
        self._networks(self._runtime or chosen_runtime(), progress)

    def check(self) -> None:
        """That the weights of all networks are there and fit; WeightsMissing or WeightsUnusable says what does not."""
        self._load(Runtime(torch.device("cpu"), torch.float32), no_progress)

    def _networks(self, runtime: Runtime, progress: ProgressFn) -> Networks:
        place = self._folder or model_folder(NAME)

        def ready() -> Networks:
            return runtime.with_fast_convolutions(self._load(runtime, progress), "unet", "vae")

        return SHELF.get((NAME, place, runtime, self._shape), ready, lambda nets: nets.size, weights_version(place))

    def _load(self, runtime: Runtime, progress: ProgressFn) -> Networks:
        made: dict[str, nn.Module] = {}
        shape = self._shape or shape_in(self._folder or model_folder(NAME))
        for number, (name, file) in enumerate(FILES.items()):
            progress(number / len(FILES))
            path = ready_weights(NAME, file, self._folder)
            weights = read_weights(path, runtime.reading_precision, partial(networks.belongs, name))
            there = runtime.with_wide_sums if name == "unet" else runtime.on_device
            made[name] = there(getattr(networks, name)(weights, shape, path.name))
        runtime.sped_up(made["unet"])
        return Networks(**made, sees_by=file_identity(ready_weights(NAME, FILES["cavp"], self._folder)))


@dataclass(frozen=True)
class _Context:
    """What the networks are told of the picture, for each window (w, rows, n)."""

    given: Tensor
    null: Tensor  # nothing seen
    judged: Tensor  # for the classifier

    def repeated(self, variants: int) -> _Context:
        """For a batch of all variants, window by window, as `cut` orders them."""
        return _Context(*(each.repeat_interleave(variants, 0) for each in (self.given, self.null, self.judged)))


class _Job(Stages):
    """The stages of one sound."""

    def __init__(
        self, nets: Networks, runtime: Runtime, plan: Layout, conditions: Conditions, progress: ProgressFn
    ) -> None:
        super().__init__(runtime, conditions, progress)
        self._nets = nets
        self.plan = plan

    # ---- what the picture shows

    def rows(self, compat: str) -> Tensor:
        """CAVP features of every look, one after the other, shape = (rows, n), float32."""
        self._tell(LOADED)
        features = self._conditions.remember(f"cavp {compat} {self._nets.sees_by}", self._encode)["rows"]
        return torch.from_numpy(features).to(self._runtime.device)

    def _encode(self) -> Features:
        seen = self.plan.seen
        pictures = dict(zip(seen, prepared(self._conditions.frames, seen), strict=True))
        rows = []
        for number, look in enumerate(self.plan.looks):
            self._tell(LOADED + (_SEEN - LOADED) * number / len(self.plan.looks))
            stack = torch.from_numpy(np.stack([pictures[time] for time in look])).to(self._runtime.device)
            video = stack.permute(0, 3, 1, 2)[None].to(self._runtime.precision) / 255
            rows.append(self._nets.cavp.encode_video(video)[0].float().cpu())
        return {"rows": torch.cat(rows).numpy()}

    # ---- what the networks are told of it

    def context(self, rows: Tensor) -> _Context:
        """As in training: each window's own rows, through the classifier's own embedding for the classifier."""
        windows = rows.view(len(self.plan.starts), -1, rows.shape[-1]).to(self._runtime.precision)
        embed = self._nets.condition
        return _Context(embed(windows), embed(torch.zeros_like(windows)), self._nets.alignment.cond_model(windows))

    def context_of_notebook(self, rows: Tensor) -> _Context:
        windows = len(self.plan.starts)
        used = rows[: windows * layout.ROWS].view(windows, layout.ROWS, -1).to(self._runtime.precision)
        given = self._nets.condition(used)
        whole = rows.to(self._runtime.precision).expand(windows, *rows.shape)
        return _Context(given, torch.zeros_like(given), whole)

    def denoiser(self, context: _Context, scale: float, classifier_scale: float) -> Denoiser:
        """Double guidance of all windows of all variants."""
        predict, slope = self._predict(), self._slope(context.judged)
        return guidance.double(predict, context.given, context.null, scale, slope, classifier_scale, SCHEDULE)

    def _predict(self) -> Predict:
        return self._asked(self._nets.together, "noise", _STEP_BYTES, self._noise)

    def _noise(self, latents: Tensor, times: Tensor, context: Tensor) -> Tensor:
        return self._nets.unet(latents, times, context, return_dict=False)[0]

    def _slope(self, context: Tensor) -> Slope:
        ask = self._asked(self._nets.together, "slope", _STEP_BYTES, self._uphill)
        return lambda latents, time: ask(latents, time, context)

    def _uphill(self, latents: Tensor, times: Tensor, context: Tensor) -> Tensor:
        def likely(free: Tensor, at: Tensor) -> Tensor:
            return self._nets.alignment.model(free.to(self._runtime.precision), at, context)

        return guidance.gradient(likely, latents, times)

    # ---- latents

    def latents(
        self, denoise: Denoiser, seeds: list[int], steps: int, apart: bool
    ) -> tuple[Tensor, list[torch.Generator]]:
        """Clean latents, shape = (variants, channels, rows, columns), and the generators as they stand after them.

        The denoiser takes windows in the order of `cut`; windows made `apart` know nothing of each other.
        """
        channels = self._nets.unet.config.in_channels
        shape = (channels, mel.BANDS // BANDS_PER_LATENT_ROW, self.plan.columns)
        noise, generators = seeded_noise(seeds, shape, self._runtime.device)
        starts = list(self.plan.starts)
        held = nothing_known if apart else self._held(noise)
        sample = partial(
            samplers.dpm_solver_pp_2m, schedule=SCHEDULE, steps=steps, progress=part(self._tell, _SEEN, SAMPLED)
        )
        with self._nets.together.present():
            if apart:
                made = blend(sample(denoise, cut(noise, starts, COLUMNS)), starts, self.plan.columns)
            else:
                made = sample(over_windows(denoise, starts, COLUMNS), noise, hold=held)
        return made, generators

    def _held(self, noise: Tensor) -> Hold:
        """The sound that is there already, in latents."""
        frames = self.plan.columns * FRAMES_PER_COLUMN
        return layout.LATENTS.held(
            self._conditions, noise, lambda audio: self._coded(mel.mel_spectrogram(audio, frames))
        )

    # ---- between latents and mel spectrograms

    def bands(self, latents: Tensor) -> Tensor:
        """Mel spectrograms, shape = (variants, BANDS, columns * FRAMES_PER_COLUMN)."""
        self._tell(SAMPLED)
        vae, starts = self._nets.vae, list(self.plan.starts)

        def once(windows: Tensor) -> Tensor:
            scaled = (windows / vae.config.scaling_factor).to(self._runtime.precision)
            return vae.decode(scaled, return_dict=False)[0][:, 0].float()

        windows = self._batches(_CODE_BYTES).run(once, cut(latents, starts, COLUMNS))
        self._tell(DECODED)
        frames = [start * FRAMES_PER_COLUMN for start in starts]
        return blend(windows, frames, self.plan.columns * FRAMES_PER_COLUMN)

    def _coded(self, bands: Tensor) -> Tensor:
        """Latents of mel spectrograms, shape = (b, BANDS, columns * FRAMES_PER_COLUMN)."""
        vae, starts = self._nets.vae, list(self.plan.starts)

        def once(windows: Tensor) -> Tensor:
            pictures = windows[:, None].expand(-1, vae.config.in_channels, -1, -1).to(self._runtime.precision)
            return vae.encode(pictures, return_dict=False)[0].mean.float() * vae.config.scaling_factor

        frames = [start * FRAMES_PER_COLUMN for start in starts]
        windows = self._batches(_CODE_BYTES).run(once, cut(bands, frames, COLUMNS * FRAMES_PER_COLUMN))
        return blend(windows, starts, self.plan.columns)

    # ---- sound

    def sound(self, bands: Tensor, generators: list[torch.Generator]) -> NDArray[np.float32]:
        """Shape = (variants, samples)."""
        samples = self.plan.samples
        frames = mel.frames_of(samples) + _SPARE_FRAMES
        bands = mel.fit_frames(bands, frames).clamp(0, 1)
        if bands.device.type == "mps":  # it lacks some of what spectra need
            bands = bands.cpu()
        first = torch.cat([mel.random_phase(each) for each in generators]).to(bands)

        def once(some: Tensor, phase: Tensor) -> Tensor:
            magnitude = mel.magnitudes(mel.amplitudes(some))
            return mel.griffin_lim(magnitude, mel.flowing_phase(magnitude, phase), samples)

        return self._batches(frames * _FRAME_BYTES).run(once, bands, first).cpu().numpy()


# ---- as the notebook


def _sound_of_notebook(bands: Tensor, generators: list[torch.Generator], plan: Layout) -> NDArray[np.float32]:
    windows = bands.cpu().split(COLUMNS * FRAMES_PER_COLUMN, dim=2)
    shape = (mel.WINDOW // 2 + 1, COLUMNS * FRAMES_PER_COLUMN)
    return np.stack([
        fit_length(np.concatenate([notebook.sound(window[number].numpy(), _phase(shape, each)) for window in windows]),
                   plan.samples)
        for number, each in enumerate(generators)
    ])  # fmt: skip


def _phase(shape: tuple[int, int], generator: torch.Generator) -> NDArray[np.float64]:
    return 2 * np.pi * torch.rand(shape, generator=generator, dtype=torch.float64).numpy()


AsNotebook: Callable[[], DiffFoley] = partial(DiffFoley, compat=Compat.ORIGINAL.value)
"""The published notebook, as a model of its own."""
