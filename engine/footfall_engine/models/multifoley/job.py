"""One sound's way through MultiFoley's networks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from footfall_bridge.messages import Quality
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from footfall_engine.diffusion.known import KnownRegion
from footfall_engine.media.audio import Audio, fit_length, resample
from footfall_engine.models.base import Conditions, Features, Seen
from footfall_engine.models.columns import Columns, seeded_noise
from footfall_engine.models.multifoley import features, guidance, looks
from footfall_engine.models.multifoley.checkpoint import Track
from footfall_engine.models.multifoley.dit import Told
from footfall_engine.models.multifoley.guidance import Branch, Gamma, Network, Scale
from footfall_engine.models.multifoley.networks import Networks
from footfall_engine.models.multifoley.sizes import HOP, LATENT_CHANNELS, LATENT_RATE, SAMPLE_RATE, columns_of
from footfall_engine.models.multifoley.stretches import Stretch, joined, stretches
from footfall_engine.models.multifoley.text import WordText
from footfall_engine.models.runtime import Runtime
from footfall_engine.models.stages import DECODED, LOADED, SAMPLED, Stages
from footfall_engine.progress import ProgressFn, part

REFERENCE_SHARE = 3 / 8  # of what the network sees at once, at most; the paper's 3 s of 8 s
CONTEXT_SHARE = 1 / 8  # of it that a stretch shares with what was there before

_STEP_BYTES = 100 * 2**20  # of one item, in float32
_CODE_BYTES = 600 * 2**20  # of one piece of one item, as measured of the learnt codec
_SEEN = 0.15  # share of the work done when the picture is
_TEXT_STEP = 16  # tokens
_EDGE = 20  # columns on either side that sound and latents may depend on


@dataclass(frozen=True)
class Said:
    """Text that is asked for and text that is not, as the network reads them: tokens (1, n, width), mask (1, n)."""

    asked: tuple[Tensor, Tensor]
    negative: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Reference:
    """Sound that comes before what is made."""

    latents: Tensor  # (LATENT_CHANNELS, columns)
    first: int = 0  # column of the recording
    digest: str = ""  # of the recording

    @property
    def columns(self) -> int:
        return self.latents.shape[-1]


@dataclass(frozen=True)
class Pictured:
    """What the picture shows, shape = (track_channels, columns), and what that of the reference does, if it has one."""

    track: Tensor
    reference: Tensor
    has_reference: bool


class Job(Stages):
    """The stages of one sound."""

    def __init__(self, nets: Networks, runtime: Runtime, conditions: Conditions, progress: ProgressFn) -> None:
        super().__init__(runtime, conditions, progress)
        self._nets = nets
        self._samples = round(conditions.duration * SAMPLE_RATE)
        at_once = round(nets.config.seconds * LATENT_RATE)
        self._reference = self._referred(round(at_once * REFERENCE_SHARE))
        longest = at_once - self._reference.columns
        columns = max(longest, columns_of(self._samples))
        self._there = self._known_columns(columns)
        self._plan = stretches(self._there, longest, round(at_once * CONTEXT_SHARE))
        self.warnings: tuple[tuple[str, str], ...] = ()

    @property
    def _columns(self) -> int:
        return len(self._there)

    def _around(self, touched: Stretch) -> Stretch:
        """A part and the edges that it depends on."""
        return Stretch(max(0, touched.start - _EDGE), min(self._columns, touched.stop + _EDGE))

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
        if self._there.any():
            sound = self._known_sound()
            for around in map(self._around, joined(self._plan)):
                latents[:, around.columns] = self._coded(sound[:, around.samples])
        return latents

    def _referred(self, most: int) -> Reference:
        """Of the reference recording the part that is loudest, no longer than `most` columns."""
        reference = self._conditions.reference
        if reference is None:
            return Reference(torch.zeros(LATENT_CHANNELS, 0, device=self._runtime.device))
        audio = resample(reference.samples, reference.sample_rate, SAMPLE_RATE)
        first = loudest_column(audio, most)
        digest = hashlib.sha256(reference.samples.tobytes()).hexdigest()
        return Reference(self._coded(audio[:, first * HOP : (first + most) * HOP]), first, digest)

    def _coded(self, audio: Audio) -> Tensor:
        """Latents of sound (channels, samples)."""
        fitting = torch.from_numpy(in_channels(audio, self._nets.codec.channels)).to(self._runtime.device)
        return self._nets.codec.encode(fitting[None], between=lambda: self._progress(self._done))[0]

    # ---- what the picture shows

    def pictured(self) -> Pictured:
        self._tell(LOADED)
        known, reference = self._conditions, self._reference
        whole = self._track(known, self._columns, "")
        heard = torch.zeros(len(whole), reference.columns, device=whole.device)
        shown = known.reference_seen if reference.columns else None
        if shown is not None:
            name = f" of {reference.digest}"
            heard = self._track(shown, reference.first + reference.columns, name)[:, reference.first :]
        self._tell(_SEEN)
        return Pictured(whole, heard, shown is not None)

    def _track(self, seen: Conditions | Seen, columns: int, name: str) -> Tensor:
        """Shape = (track_channels, columns)."""
        if self._nets.config.track is Track.EVENTS:
            made = features.event_track(seen.hits, seen.motion, columns / LATENT_RATE)
        else:
            look = partial(self._look, seen)
            made = features.cavp_track(
                self._conditions.remember(f"cavp {self._nets.sees_by}{name}", look)["rows"], columns
            )
        return torch.from_numpy(made).to(self._runtime.device)

    def _look(self, seen: Conditions | Seen) -> Features:
        tell = part(self._tell, self._done, (self._done + _SEEN) / 2)
        return {"rows": looks.rows(seen.frames, seen.duration, self._encoded, tell)}

    def _encoded(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        video = self._here(torch.from_numpy(pictures).permute(0, 3, 1, 2)[None].to(self._runtime.device)) / 255
        rows: NDArray[np.float32] = self._nets.cavp.encode_video(video)[0].float().cpu().numpy()
        return rows

    # ---- what is said

    def said(self, quality: Quality) -> Said:
        """The request's words with tags of quality; those that the network never heard are told of."""
        known = self._conditions
        asked_for, negative = (
            self._nets.text([text]) for text in guidance.texts(known.prompt, known.negative, quality)
        )
        if isinstance(self._nets.text, WordText):
            unknown = [word for text in (known.prompt, known.negative) for word in self._nets.text.unknown(text)]
            if unknown:
                words = ", ".join(dict.fromkeys(unknown))
                self.warnings += (
                    ("words_unknown", f"multifoley was never told of these words and ignores them: {words}"),
                )
        return Said(asked_for, negative)

    # ---- latents

    def latents(
        self, pictured: Pictured, said: Said, strength: Gamma | Scale, seeds: list[int], sample: Callable[..., Tensor]
    ) -> Tensor:
        """Clean latents, shape = (variants, LATENT_CHANNELS, columns); what is known already is as it was."""
        reference, device, variants = self._reference.latents, self._runtime.device, len(seeds)
        noise, generators = seeded_noise(seeds, (LATENT_CHANNELS, self._columns), device)
        before = torch.stack([torch.randn(reference.shape, generator=each) for each in generators]).to(device)
        latents = self._known_latents().repeat(variants, 1, 1)
        there = torch.from_numpy(self._there).to(noise)
        network, negative = self._network(), _times(variants, said.negative)

        def make(stretch: Stretch, progress: ProgressFn) -> None:
            columns = stretch.columns
            asked_for = Branch(
                self._told(pictured, columns, _times(variants, said.asked)),
                torch.cat([reference.expand(variants, -1, -1), latents[..., columns]], -1),
                torch.cat([torch.ones_like(before[0, 0]), there[columns]]).expand(variants, -1),
            )
            denoise = guidance.guided(network, asked_for, asked_for.without(*negative), strength)
            start = torch.cat([before, noise[..., columns]], -1)
            hold = KnownRegion(asked_for.clean, asked_for.given[:, None], start)
            made = sample(denoise, start, hold=hold, progress=progress)
            latents[..., columns] = made[..., reference.shape[-1] :]
            there[columns] = 1

        with self._nets.together.present():
            for number, stretch in enumerate(self._plan):
                make(stretch, part(self._tell, *self._share_of(number)))
        return latents

    def _share_of(self, number: int) -> tuple[float, float]:
        """Where a stretch begins and ends in the work."""
        each = (SAMPLED - _SEEN) / len(self._plan)
        return _SEEN + number * each, _SEEN + (number + 1) * each

    def _told(self, pictured: Pictured, columns: slice, text: tuple[Tensor, Tensor]) -> Told:
        """After the reference comes the stretch itself."""
        variants = len(text[0])
        track = torch.cat([pictured.reference, pictured.track[:, columns]], -1)
        shown = torch.ones(track.shape[-1], dtype=torch.bool, device=track.device)
        shown[: pictured.reference.shape[-1]] = pictured.has_reference
        return Told(track.expand(variants, -1, -1), shown.expand(variants, -1), *text)

    def _network(self) -> Network:
        batches, together = self._batches(_STEP_BYTES), self._nets.together

        def network(latents: Tensor, time: Tensor, told: Told, given: Tensor) -> Tensor:
            known = replace(told, **_evened(told.text, told.text_mask))
            return together.run("noise", batches, self._noise, latents, time, given, *vars(known).values())

        return network

    def _noise(self, latents: Tensor, time: Tensor, given: Tensor, *told: Tensor) -> Tensor:
        return self._nets.dit(self._here(latents), time, Told(*told), given).float()

    # ---- sound

    def sound(self, latents: Tensor) -> NDArray[np.float32]:
        """Shape = (variants, channels, samples); where nothing was made, the sound that was there."""
        self._tell(SAMPLED)
        channels = self._conditions.channels
        whole = np.repeat(in_channels(self._known_sound(), channels)[None], len(latents), 0)
        for touched in joined(self._plan):
            around = self._around(touched)
            made = self._decoded(latents[..., around.columns])[..., (touched.start - around.start) * HOP :]
            whole[..., touched.samples] = in_channels(made, channels)[..., : (touched.stop - touched.start) * HOP]
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


def loudest_column(audio: Audio, columns: int) -> int:
    """First column of the part of at most so many columns that holds the most energy; the earliest of several."""
    energy = np.square(fit_length(audio, columns_of(audio.shape[-1]) * HOP), dtype=np.float64).sum(0)
    until = np.concatenate([[0.0], np.cumsum(energy.reshape(-1, HOP).sum(1))])
    columns = min(columns, len(until) - 1)
    return int(np.argmax(until[columns:] - until[: len(until) - columns]))


def in_channels(audio: Audio, channels: int) -> Audio:
    """Sound (..., channels, samples) as mono or stereo."""
    if audio.shape[-2] == channels:
        return audio
    return np.repeat(audio.mean(-2, keepdims=True), channels, axis=-2)


def _times(variants: int, text: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    tokens, mask = text
    return tokens.expand(variants, -1, -1), mask.expand(variants, -1)


def _evened(text: Tensor, text_mask: Tensor) -> dict[str, Tensor]:
    """Tokens that do not count added, so that jobs whose texts are about as long fit into one batch."""
    more = -text.shape[1] % _TEXT_STEP
    return {"text": functional.pad(text, (0, 0, 0, more)), "text_mask": functional.pad(text_mask, (0, more))}
