"""VTA-LDM as a model of the engine: pictures in, sound out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from footfall_engine.diffusion import guidance, stock
from footfall_engine.diffusion.guidance import Predict
from footfall_engine.diffusion.stretches import over_windows
from footfall_engine.models import logmel
from footfall_engine.models.base import Conditions, Features, Generated, asked
from footfall_engine.models.clip_pictures import cropped
from footfall_engine.models.columns import Columns, seeded_noise
from footfall_engine.models.mel_stages import MelStages
from footfall_engine.models.runtime import SHELF, Runtime, chosen_runtime, network_bytes
from footfall_engine.models.stages import LOADED, SAMPLED
from footfall_engine.models.stock import clip_tokenizer
from footfall_engine.models.store import model_folder, weights_version
from footfall_engine.models.together import JoinsJobs, Together
from footfall_engine.models.vta_ldm import networks
from footfall_engine.models.vta_ldm.configs import Configs, configs_in
from footfall_engine.models.weights import Weights, read_weights, ready_weights
from footfall_engine.progress import ProgressFn, no_progress, part

NAME = "vta-ldm"
MODEL_FILE = "pytorch_model_2.bin"

STEPS, FAST_STEPS, PUBLISHED_STEPS = 50, 25, 300
GUIDANCE = 3.0
PICTURES_PER_SEC = 2
FRAMES_PER_COLUMN = 4  # the autoencoder reduces both axes of a mel spectrogram so
COLUMNS = Columns(logmel.SAMPLE_RATE, FRAMES_PER_COLUMN * logmel.HOP, window=256, overlap=50)

_LOOK_BYTES, _STEP_BYTES = 60 * 2**20, 400 * 2**20  # of one item, in float32
_SEEN = 0.15  # share of the work done when the picture is


class Sampler(Enum):
    """PUBLISHED: the original's, with new noise at every step. SOLVER: DPM-Solver++ (2M) for the same stochastic
    process (Lu et al. 2022), which needs a sixth of the steps: of known denoisers, guided or not, its samples are no
    further from the published sampler's than those are from one another. With 25 steps they are, a little."""

    SOLVER = "sde-dpm-solver++"
    PUBLISHED = "ddpm"


SOLVER = {
    "_class_name": "DPMSolverMultistepScheduler",
    "algorithm_type": "sde-dpmsolver++",
    "solver_order": 2,
    "solver_type": "heun",
}


@dataclass(frozen=True)
class Networks:
    unet: nn.Module
    vision: nn.Module
    projector: nn.Module
    vae: nn.Module
    vocoder: nn.Module
    text: nn.Module | None
    together: Together = field(default_factory=Together)

    @property
    def size(self) -> int:
        return network_bytes(*(each for each in vars(self).values() if isinstance(each, nn.Module)))


class VtaLdm(JoinsJobs):
    """Networks are loaded when the first sound is asked for, and stay while there is room for them."""

    def __init__(
        self,
        sampler: str = Sampler.SOLVER.value,
        steps: int = STEPS,
        folder: Path | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        self._sampler = Sampler(sampler)
        self._steps = steps
        self._folder = folder
        self._runtime = runtime

    @property
    def usual(self) -> dict[str, float]:
        """What controls are where a request leaves them to the model."""
        return {"steps": self._steps, "guidance": GUIDANCE}

    @torch.no_grad()
    def generate(self, conditions: Conditions, seeds: list[int], progress: ProgressFn) -> Generated:
        job, latents = self._sampled(conditions, seeds, progress)
        audio = job.sound(latents)
        return Generated(np.repeat(audio[:, None], conditions.channels, axis=1))

    @torch.no_grad()
    def latents(self, conditions: Conditions, seeds: list[int], progress: ProgressFn) -> Tensor:
        """What `generate` makes its sound of, shape = (seeds, channels, rows, columns)."""
        return self._sampled(conditions, seeds, progress)[1]

    def _sampled(self, conditions: Conditions, seeds: list[int], progress: ProgressFn) -> tuple[_Job, Tensor]:
        # 1. networks, and how the sound is laid out
        runtime = self._runtime or chosen_runtime()
        configs = configs_in(self._place)
        nets = self._networks(runtime, configs, part(progress, 0.0, LOADED))
        job = _Job(nets, configs, runtime, conditions, progress)

        # 2. what the picture shows and the prompt says
        context = job.context().repeat_interleave(len(seeds), 0)

        # 3. latents that fit it
        steps, scale = asked(conditions.controls.steps, self._steps), asked(conditions.controls.guidance, GUIDANCE)
        return job, job.latents(context, scale, seeds, steps, self._sampler)

    def make_ready(self, progress: ProgressFn) -> None:
        """Load the networks if they are not there; WeightsMissing or WeightsUnusable says what does not fit."""
        self._networks(self._runtime or chosen_runtime(), configs_in(self._place), progress)

    def check(self) -> None:
        """That the weights of all networks are there and fit; WeightsMissing or WeightsUnusable says what does not."""
        self._load(Runtime(torch.device("cpu"), torch.float32), configs_in(self._place), no_progress)

    @property
    def also_takes(self) -> frozenset[str]:
        """Controls that these weights honour and others of this model do not."""
        return frozenset({"prompt"} if configs_in(self._place).takes_text else ())

    @property
    def _place(self) -> Path:
        return self._folder or model_folder(NAME)

    def _networks(self, runtime: Runtime, configs: Configs, progress: ProgressFn) -> Networks:
        key = (NAME, self._place, runtime)

        def ready() -> Networks:
            return runtime.with_fast_convolutions(self._load(runtime, configs, progress), "unet", "vae")

        return SHELF.get(key, ready, lambda nets: nets.size, weights_version(self._place))

    def _load(self, runtime: Runtime, configs: Configs, progress: ProgressFn) -> Networks:
        def of(file: str, *prefixes: str) -> tuple[Weights, str]:
            path = ready_weights(NAME, file, self._folder)
            weights = read_weights(path, runtime.reading_precision, lambda key: key.startswith(prefixes))
            exact = read_weights(path, wanted=lambda key: key == networks.LATENT_SCALE)  # it scales all latents
            return weights | exact, path.name

        makers: dict[str, Callable[[], nn.Module]] = {
            "unet": lambda: _made(networks.unet, of(MODEL_FILE, networks.UNET), configs.unet),
            "vision": lambda: _made(networks.vision, of(MODEL_FILE, networks.VISION), configs.vision),
            "projector": lambda: _made(networks.projector, of(MODEL_FILE, networks.PROJECTOR), configs.width),
            "vae": lambda: _made(networks.vae, of(configs.sound_file, networks.VAE)),
            "vocoder": lambda: _made(networks.vocoder, of(configs.sound_file, networks.VOCODER)),
        }
        if configs.takes_text:
            makers["text"] = lambda: _made(networks.text, of(MODEL_FILE, networks.TEXT), configs.text)
        made: dict[str, Any] = {"text": None}
        for number, (name, make) in enumerate(makers.items()):
            progress(number / len(makers))
            there = runtime.with_wide_sums if name == "unet" else runtime.on_device
            made[name] = there(make())
        return Networks(**made)


def _made(make: Callable[..., nn.Module], found: tuple[Weights, str], *sizes: Any) -> nn.Module:
    weights, source = found
    return make(weights, *sizes, source)


class _Job(MelStages):
    """The stages of one sound."""

    def __init__(
        self, nets: Networks, configs: Configs, runtime: Runtime, conditions: Conditions, progress: ProgressFn
    ) -> None:
        super().__init__(nets, COLUMNS, runtime, conditions, progress)
        self._configs = configs

    # ---- what the UNet is told

    def context(self) -> Tensor:
        """Of each window, shape = (windows, rows, width)."""
        self._tell(LOADED)
        seen = self._conditions.remember("clip", self._seen)["pictures"]
        pictures = torch.from_numpy(seen).to(self._runtime.device, self._runtime.precision)
        words = self._words(len(pictures))
        told = networks.told(self._nets.projector, pictures, words, self._configs.counts_positions)
        self._tell(_SEEN)
        return told

    def _seen(self) -> Features:
        """CLIP's features of every window's pictures, shape = (windows, pictures, n), float32."""
        looks = look_times(self._conditions.duration, self._starts)
        times = sorted({time for look in looks for time in look})
        side = self._nets.vision.config.image_size
        frames = self._conditions.frames(times)
        images = {time: cropped(frame.image, side) for time, frame in zip(times, frames, strict=True)}
        stack = torch.from_numpy(np.stack([images[time] for look in looks for time in look]))

        def once(some: Tensor) -> Tensor:
            video = some.to(self._runtime.device).permute(0, 3, 1, 2).to(self._runtime.precision) / 255
            return self._nets.vision(pixel_values=video).image_embeds.float().cpu()

        features = self._batches(_LOOK_BYTES).run(once, stack)
        return {"pictures": features.view(len(looks), len(looks[0]), -1).numpy()}

    def _words(self, windows: int) -> Tensor | None:
        if self._nets.text is None:
            return None
        tokens = clip_tokenizer(self._configs.tokenizer)(
            [self._conditions.prompt], padding="max_length", truncation=True, return_tensors="pt"
        )
        there = {key: tokens[key].to(self._runtime.device) for key in ("input_ids", "attention_mask")}
        return self._nets.text(**there).text_embeds.expand(windows, -1)

    # ---- latents

    def latents(self, context: Tensor, scale: float, seeds: list[int], steps: int, sampler: Sampler) -> Tensor:
        """Clean latents, shape = (variants, channels, rows, columns), of contexts in the order of `cut`."""
        shape = (self._nets.unet.config.in_channels, logmel.AUDIOLDM.bands // FRAMES_PER_COLUMN, self._columns)
        noise, generators = seeded_noise(seeds, shape, self._runtime.device)
        guided = guidance.classifier_free(self._predict(), context, torch.zeros_like(context), scale)
        denoise = over_windows(guided, self._starts, COLUMNS.window)
        hold = COLUMNS.held(self._conditions, noise, self._coded)
        progress = part(self._tell, _SEEN, SAMPLED)
        stepper = stock.scheduler(sampled_by(sampler, self._configs))
        with self._nets.together.present():
            return stock.scheduled(stepper, denoise, noise, steps, hold, progress, generators)

    def _predict(self) -> Predict:
        return self._asked(self._nets.together, "velocity", _STEP_BYTES, self._velocity)

    def _velocity(self, latents: Tensor, times: Tensor, told: Tensor) -> Tensor:
        sideways = latents.transpose(2, 3)  # (b, channels, columns, rows)
        return self._nets.unet(sideways, times, told, return_dict=False)[0].transpose(2, 3)

    # ---- between latents and sound

    def _coded(self, audio: Tensor) -> Tensor:
        """Latents of sound, shape = (b, samples)."""
        vae = self._nets.vae
        bands = logmel.AUDIOLDM(audio)[..., : self._columns * FRAMES_PER_COLUMN]

        def once(windows: Tensor) -> Tensor:
            pictures = windows[:, None].transpose(2, 3).to(self._runtime.precision)
            return vae.encode(pictures, return_dict=False)[0].mean.float().transpose(2, 3) * vae.config.scaling_factor

        return self._into_latents(bands, once)

    def sound(self, latents: Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Shape = (variants, samples)."""
        vae, precision = self._nets.vae, self._runtime.precision

        def decode(windows: Tensor) -> Tensor:
            scaled = (windows / vae.config.scaling_factor).to(precision).transpose(2, 3)
            return vae.decode(scaled, return_dict=False)[0][:, 0].float().transpose(1, 2)

        return self._into_sound(latents, decode)


def look_times(seconds: float, starts: list[int]) -> list[list[float]]:
    """When each window looks at the picture: twice a second from its first column, to its end or the sound's."""
    length = min(seconds, COLUMNS.window_seconds)
    looks = range(max(1, math.ceil(length * PICTURES_PER_SEC)))
    return [[min(seconds, COLUMNS.seconds(start) + look / PICTURES_PER_SEC) for look in looks] for start in starts]


def sampled_by(sampler: Sampler, configs: Configs) -> dict[str, Any]:
    """The configuration of a scheduler for the noise that these weights were trained with."""
    return {**configs.scheduler, **(SOLVER if sampler is Sampler.SOLVER else {})}


Fast: Callable[[], VtaLdm] = partial(VtaLdm, steps=FAST_STEPS)
AsPublished: Callable[[], VtaLdm] = partial(VtaLdm, sampler=Sampler.PUBLISHED.value, steps=PUBLISHED_STEPS)
"""Models of their own."""
