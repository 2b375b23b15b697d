"""FoleyCrafter as a model of the engine: pictures, words and timing in, sound out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from footfall_bridge.messages import TimingSource
from numpy.typing import NDArray
from torch import Tensor, nn

from footfall_engine.diffusion import guidance, stock
from footfall_engine.diffusion.guidance import Predict
from footfall_engine.diffusion.stretches import over_windows
from footfall_engine.models import logmel
from footfall_engine.models.base import Conditions, Features, Generated, asked
from footfall_engine.models.columns import Columns, seeded_noise
from footfall_engine.models.foleycrafter import files, networks, pictures, timing
from footfall_engine.models.foleycrafter.detector import LONGEST_SEC, PICTURES, detector, prepared
from footfall_engine.models.foleycrafter.timing import Stretch
from footfall_engine.models.mel_stages import MelStages
from footfall_engine.models.runtime import SHELF, Runtime, chosen_runtime, network_bytes
from footfall_engine.models.stages import LOADED, SAMPLED
from footfall_engine.models.stock import clip_tokenizer, filled, read_json
from footfall_engine.models.store import model_folder, weights_version
from footfall_engine.models.together import JoinsJobs, Together
from footfall_engine.models.weights import read_weights, ready_weights
from footfall_engine.progress import ProgressFn, no_progress, part

NAME = "foleycrafter"
LABELS = "smooth-foley"  # whose weights include what timing by the label takes

STEPS = 25
GUIDANCE = 7.5
SEMANTIC_SCALE, TEMPORAL_SCALE = 1.0, 0.2  # of the authors' own evaluation
PICTURES_PER_WINDOW = 15  # whose mean stands for the clip
FRAMES_PER_COLUMN = 8  # the autoencoder reduces both axes of a mel spectrogram so
COLUMNS = Columns(logmel.SAMPLE_RATE, FRAMES_PER_COLUMN * logmel.HOP, window=128, overlap=32)

_LOOK_BYTES, _WATCH_BYTES, _STEP_BYTES = 120 * 2**20, 2500 * 2**20, 500 * 2**20  # of one item
_SEEN = 0.2  # share of the work done when the picture is
_NEARLY = 0.05  # of a stretch that the detector is spread over, which it may be longer

WHOSE = {
    TimingSource.DETECTOR: "the model's own detector",
    TimingSource.LABEL: "how far each picture looks like the prompt",
    TimingSource.EVENTS: "the events",
}


@dataclass(frozen=True)
class Networks:
    unet: Any
    temporal: networks.TemporalAdapter
    vae: Any
    text: Any
    tokenizer: Any
    image: Any
    vocoder: nn.Module
    detector: nn.Module | None
    label: nn.Module | None
    label_tokenizer: Any
    label_projection: nn.Module | None
    scheduler: dict[str, Any]
    together: Together = field(default_factory=Together)

    @property
    def size(self) -> int:
        return network_bytes(*(each for each in vars(self).values() if isinstance(each, nn.Module)))


class FoleyCrafter(JoinsJobs):
    """Networks are loaded when the first sound is asked for, and stay while there is room for them."""

    name = NAME
    weights_name = NAME  # of the folder, whose files several models may share
    frame_wise = False
    preferred: tuple[TimingSource, ...] = (TimingSource.DETECTOR,)  # before events, if there are weights for it

    def __init__(
        self,
        folder: Path | None = None,
        runtime: Runtime | None = None,
        semantic_scale: float = SEMANTIC_SCALE,
        temporal_scale: float = TEMPORAL_SCALE,
        timing: str | None = None,
        pictures_per_window: int = PICTURES_PER_WINDOW,
        smooth: bool = False,
        on_unit_scale: bool = False,
    ) -> None:
        self._folder = folder
        self._runtime = runtime
        self.semantic_scale = semantic_scale
        self.temporal_scale = temporal_scale
        self._timing = timing
        self.pictures_per_window = pictures_per_window
        self.smooth = smooth
        self.on_unit_scale = on_unit_scale

    @property
    def usual(self) -> dict[str, float]:
        """What controls are where a request leaves them to the model."""
        return {
            "steps": STEPS, "guidance": GUIDANCE, "pictures": self.pictures_per_window,
            "semantic_scale": self.semantic_scale, "temporal_scale": self.temporal_scale,
        }  # fmt: skip

    @torch.no_grad()
    def generate(self, conditions: Conditions, seeds: list[int], progress: ProgressFn) -> Generated:
        job, latents, warnings = self._sampled(conditions, seeds, progress)
        audio = job.sound(latents)
        return Generated(np.repeat(audio[:, None], conditions.channels, axis=1), warnings)

    @torch.no_grad()
    def latents(self, conditions: Conditions, seeds: list[int], progress: ProgressFn) -> Tensor:
        """What `generate` makes its sound of, shape = (seeds, channels, rows, columns)."""
        return self._sampled(conditions, seeds, progress)[1]

    def _sampled(
        self, conditions: Conditions, seeds: list[int], progress: ProgressFn
    ) -> tuple[Job, Tensor, tuple[tuple[str, str], ...]]:
        # 1. networks, and whom to ask for the timing
        runtime = self._runtime or chosen_runtime()
        nets = self._networks(runtime, part(progress, 0.0, LOADED))
        controls = conditions.controls
        source, warnings = self._asked(conditions, nets)
        job = Job(self, nets, runtime, conditions, progress)

        # 2. what is said, what the picture shows, when it sounds
        told = job.told(source)

        # 3. latents that fit it
        scale, steps = asked(controls.guidance, GUIDANCE), asked(controls.steps, STEPS)
        return job, job.latents(told, scale, seeds, steps), warnings

    def make_ready(self, progress: ProgressFn) -> None:
        """Load the networks if they are not there; WeightsMissing or WeightsUnusable says what does not fit."""
        self._networks(self._runtime or chosen_runtime(), progress)

    def check(self) -> None:
        """That the weights of all networks are there and fit; WeightsMissing or WeightsUnusable says what does not."""
        self._load(Runtime(torch.device("cpu"), torch.float32), no_progress)

    def _asked(self, conditions: Conditions, nets: Networks) -> tuple[TimingSource, tuple[tuple[str, str], ...]]:
        """Whom to ask for the timing; with a warning when those who should be asked cannot tell."""
        named = asked(conditions.controls.timing, self._timing)
        lacking: list[str] = []
        for source in (TimingSource(named),) if named else self.preferred:
            needs = self._needs(source, conditions, nets)
            if not needs:
                break
            lacking.append(f"{WHOSE[source]} needs {' and '.join(needs)}")
        else:
            source = TimingSource.EVENTS
        said = f"the timing comes from {WHOSE[source]}: {'; '.join(lacking)}"
        return source, ((f"timing_from_{source.value}", said),) if lacking else ()

    def _needs(self, source: TimingSource, conditions: Conditions, nets: Networks) -> list[str]:
        """What is missing for a source of the timing."""
        needs = []
        if source is TimingSource.LABEL and not conditions.prompt:
            needs.append("a prompt")
        if source is TimingSource.LABEL and nets.label is None:
            needs.append(f"{files.place_of('label_encoder')} in {self._place} (`footfall models pull {LABELS}`)")
        if source is TimingSource.DETECTOR and nets.detector is None:
            needs.append(f"{files.place_of('detector')} in {self._place} (`footfall models pull {self.name}`)")
        return needs

    def _networks(self, runtime: Runtime, progress: ProgressFn) -> Networks:
        key = (self.weights_name, self._place, runtime)

        def ready() -> Networks:
            return runtime.with_fast_convolutions(self._load(runtime, progress), "unet", "temporal", "vae")

        return SHELF.get(key, ready, lambda nets: nets.size, weights_version(self._place))

    @property
    def _place(self) -> Path:
        return self._folder or model_folder(self.weights_name)

    def _load(self, runtime: Runtime, progress: ProgressFn) -> Networks:
        dtype = runtime.reading_precision

        def at(name: str) -> Path:
            return files.needed(self._place, name, self.name)

        def of(path: Path) -> dict[str, Tensor]:
            return read_weights(ready_weights(self.name, path.name, path.parent), dtype)

        unet = networks.unet(at("unet"), dtype)
        progress(0.3)
        temporal = networks.temporal_adapter(unet, of(at("temporal")), at("temporal").name)
        networks.add_semantic_adapter(unet, of(at("semantic")), at("semantic").name)
        progress(0.5)
        image = networks.image_encoder(at("image_encoder"), dtype)
        progress(0.8)
        vae, text = networks.vae(at("vae"), dtype), networks.text_encoder(at("text_encoder"), dtype)
        voice = at("vocoder")
        vocoder = networks.vocoder(of(voice), networks.vocoder_config(voice), voice.name)
        watching = detector(of(at("detector")), "detector") if files.found(self._place, "detector") else None
        label_folder = files.found(self._place, "label_encoder")
        label = networks.label_encoder(label_folder, dtype) if label_folder else None
        projection = files.found(self._place, "label_projection")
        there = runtime.on_device
        return Networks(
            unet=runtime.with_wide_sums(unet),
            temporal=runtime.with_wide_sums(temporal),
            vae=there(vae),
            text=there(text),
            tokenizer=clip_tokenizer(at("tokenizer")),
            image=there(image),
            vocoder=there(vocoder),
            detector=there(watching) if watching else None,
            label=there(label) if label else None,
            label_tokenizer=clip_tokenizer(label_folder) if label_folder else None,
            label_projection=there(label_projection(of(projection), projection.name)) if projection else None,
            scheduler=read_json(at("scheduler") / "scheduler_config.json"),
        )


def label_projection(weights: dict[str, Tensor], source: str) -> nn.Module:
    """A linear layer, or several with ReLU between them, of features as wide as the weights say."""
    if "weight" in weights:
        wide, narrow = weights["weight"].shape
        return filled(lambda: nn.Linear(narrow, wide, bias="bias" in weights), weights, source)
    numbers = sorted(int(key.partition(".")[0]) for key in weights if key.endswith(".weight") and key[0].isdigit())
    layers = {number: tuple(weights[f"{number}.weight"].shape) for number in numbers}

    def make() -> nn.Module:
        made = [nn.Linear(*layers[n][::-1]) if n in layers else nn.ReLU() for n in range(max(layers, default=-1) + 1)]
        return nn.Sequential(*made)

    return filled(make, weights, source)


@dataclass(frozen=True)
class Told:
    """What the networks are told: rows of text (r, n, d), of pictures (r, k, e) and of timing, drawn for the temporal
    adapter (r, c, rows, columns).

    The first half of the rows are for guidance away from: the negative prompt, nothing seen, the same timing.
    """

    text: Tensor
    pictures: Tensor
    drawn: Tensor

    @property
    def windows(self) -> int:
        return len(self.text) // 2


class Job(MelStages):
    """The stages of one sound."""

    def __init__(
        self, model: FoleyCrafter, nets: Networks, runtime: Runtime, conditions: Conditions, progress: ProgressFn
    ) -> None:
        super().__init__(nets, COLUMNS, runtime, conditions, progress)
        self._model = model
        self._pictures_per_window = asked(conditions.controls.pictures, model.pictures_per_window)
        self._pictures_per_sec = self._pictures_per_window / COLUMNS.window_seconds
        self._semantic_scale = asked(conditions.controls.semantic_scale, model.semantic_scale)
        self._temporal_scale = asked(conditions.controls.temporal_scale, model.temporal_scale)

    # ---- what the networks are told

    def told(self, source: TimingSource) -> Told:
        self._tell(LOADED)
        seen = self._pictures()
        stretches = self._stretches(source, seen)
        windows = self._of_windows(seen)
        if not self._model.frame_wise:
            windows = windows.mean(1, keepdim=True)
        text = self._text([self._conditions.negative, self._conditions.prompt]).repeat_interleave(len(windows), 0)
        condition = torch.from_numpy(np.stack([self._condition(stretches, start) for start in self._starts]))
        drawn = self._nets.temporal.drawn(self._here(condition))
        self._tell(_SEEN)
        return Told(text, self._here(torch.cat([torch.zeros_like(windows), windows])), drawn.repeat(2, 1, 1, 1))

    def _text(self, texts: list[str]) -> Tensor:
        tokens = self._nets.tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt")
        return self._nets.text(tokens.input_ids.to(self._runtime.device)).last_hidden_state

    def _condition(self, stretches: list[Stretch], start: int) -> NDArray[np.float32]:
        """As published for what one window holds; windows that share columns must agree on where those are."""
        rate = timing.PUBLISHED_PER_SEC if len(self._starts) == 1 else timing.EXACT_PER_SEC
        return timing.picture(stretches, self._conditions.duration, COLUMNS.seconds(start), rate)

    # ---- what the picture shows

    def _pictures(self) -> Tensor:
        """CLIP's features at even distances, shape = (pictures, n), float32."""
        name = f"clip {self._pictures_per_window}"
        return torch.from_numpy(self._conditions.remember(name, self._look)["pictures"])

    def _look(self) -> Features:
        seconds = self._conditions.duration
        count = max(1, math.ceil(seconds * self._pictures_per_sec - 1e-9))
        times = [min(seconds, number / self._pictures_per_sec) for number in range(count)]
        side = self._nets.image.config.image_size
        small = torch.cat([pictures.for_clip([frame.image], side) for frame in self._conditions.frames(times)])

        def once(some: Tensor) -> Tensor:
            return self._nets.image(pixel_values=self._here(some)).image_embeds.float().cpu()

        return {"pictures": self._batches(_LOOK_BYTES).run(once, small).numpy()}

    def _of_windows(self, seen: Tensor) -> Tensor:
        """Each window's own pictures, shape = (windows, pictures, n)."""
        count = min(len(seen), self._pictures_per_window)
        firsts = [round(COLUMNS.seconds(start) * self._pictures_per_sec) for start in self._starts]
        return torch.stack([seen[min(first, len(seen) - count) :][:count] for first in firsts])

    # ---- when it sounds

    def _stretches(self, source: TimingSource, seen: Tensor) -> list[Stretch]:
        if source is TimingSource.DETECTOR:
            return self._detected()
        if source is TimingSource.LABEL:
            return self._like_the_label(seen)
        return timing.of_events(self._conditions.hits)

    def _detected(self) -> list[Stretch]:
        probabilities = self._conditions.remember("detector", self._watch)["probabilities"]
        step = self._conditions.duration / len(probabilities)
        return [
            stretch
            for number, each in enumerate(probabilities)
            for stretch in timing.of_probabilities(each, number * step, step)
        ]

    def _watch(self) -> Features:
        """The detector's probabilities, shape = (stretches of LONGEST_SEC at most, PICTURES)."""
        seconds = self._conditions.duration
        count = max(1, math.ceil(seconds / LONGEST_SEC - _NEARLY))
        times = np.concatenate([np.linspace(0, seconds / count, PICTURES) + n * seconds / count for n in range(count)])
        frames = self._conditions.frames(np.minimum(times, seconds).tolist())
        small = torch.stack([prepared(frame.image, self._model.on_unit_scale) for frame in frames])
        clips = small.view(count, PICTURES, *small.shape[1:]).transpose(1, 2)
        assert self._nets.detector is not None

        def once(some: Tensor) -> Tensor:
            return self._nets.detector(self._here(some)).float().sigmoid().cpu()

        return {"probabilities": self._batches(_WATCH_BYTES).run(once, clips).numpy()}

    def _like_the_label(self, seen: Tensor) -> list[Stretch]:
        """How far each picture looks like the prompt; as trained where there is a projection for it."""
        nets = self._nets
        assert nets.label is not None
        tokens = nets.label_tokenizer([self._conditions.prompt], padding=True, truncation=True, return_tensors="pt")
        label = nets.label(**{key: tokens[key].to(self._runtime.device) for key in ("input_ids", "attention_mask")})
        trained = nets.label_projection
        rows = self._here(seen) if trained is None else trained(self._here(seen))
        similarity = torch.cosine_similarity(rows.float(), label.text_embeds.float()).cpu().numpy()
        return timing.of_similarity(similarity, self._pictures_per_sec, trained is None, self._model.smooth)

    # ---- latents

    def latents(self, told: Told, scale: float, seeds: list[int], steps: int) -> Tensor:
        """Clean latents, shape = (variants, channels, rows, columns).

        What a network is told of each item is named by the number of its row.
        """
        shape = (self._nets.unet.config.in_channels, logmel.AUFFUSION.bands // FRAMES_PER_COLUMN, self._columns)
        noise, generators = seeded_noise(seeds, shape, self._runtime.device)
        null = torch.arange(told.windows, device=noise.device).repeat_interleave(len(seeds))
        guided = guidance.classifier_free(self._predict(told), null + told.windows, null, scale)
        stepper = stock.scheduler(self._nets.scheduler)
        denoise = over_windows(guided, self._starts, COLUMNS.window)
        hold = COLUMNS.held(self._conditions, noise, self._coded)
        progress = part(self._tell, _SEEN, SAMPLED)
        with self._nets.together.present():
            return stock.scheduled(stepper, denoise, noise, steps, hold, progress, generators)

    def _predict(self, told: Told) -> Predict:
        what = f"noise at scales of {self._semantic_scale} and {self._temporal_scale}"
        ask = self._asked(self._nets.together, what, _STEP_BYTES, self._noise)
        return lambda latents, time, rows: ask(latents, time, told.text[rows], told.pictures[rows], told.drawn[rows])

    def _noise(self, latents: Tensor, times: Tensor, text: Tensor, pictures: Tensor, drawn: Tensor) -> Tensor:
        """Jobs with other scales share the networks, so each sets its own while nobody else computes."""
        unet, temporal, scale = self._nets.unet, self._nets.temporal, self._temporal_scale
        networks.set_semantic_scale(unet, self._semantic_scale)
        return networks.predicted(unet, temporal, latents, times, text, pictures, drawn, scale)

    # ---- between latents and sound

    def _coded(self, audio: Tensor) -> Tensor:
        """Latents of sound, shape = (b, samples)."""
        vae = self._nets.vae
        picture = 2 * logmel.to_picture(logmel.AUFFUSION(audio)).clamp(0, 1) - 1

        def once(windows: Tensor) -> Tensor:
            return vae.encode(self._here(windows), return_dict=False)[0].mean.float() * vae.config.scaling_factor

        return self._into_latents(picture, once)

    def sound(self, latents: Tensor) -> NDArray[np.float32]:
        """Shape = (variants, samples)."""
        vae = self._nets.vae

        def decode(windows: Tensor) -> Tensor:
            picture = vae.decode(self._here(windows / vae.config.scaling_factor), return_dict=False)[0].float()
            return logmel.from_picture((picture / 2 + 0.5).clamp(0, 1))

        return self._into_sound(latents, decode)
