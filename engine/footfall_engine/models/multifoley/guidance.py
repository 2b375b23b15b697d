"""Guidance of MultiFoley (arXiv 2411.17698, section 3.3).

All three equations lead from what is predicted for a negative branch to what is predicted for what is asked,

    noise = (gamma + 1) asked − gamma negative,

and the negative branch knows neither picture nor given sound, only the negative text:

    equation 2, text:      asked (z, v, t_pos)              negative (z, Ø_v, t_neg)
    equation 3, reference: asked ([z_c; z], [v_c; v])       negative ([Ø_a; z], Ø_v)
    equation 4, quality:   asked (z, v, t + "high quality") negative (z, Ø_v, t_neg)

z_c is sound that is given, clean; Ø_a is a noisy latent of its size: here z_c itself, as noisy as the rest, which is
what training without given sound was like.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from footfall_bridge.messages import Quality
from torch import Tensor

from footfall_engine.diffusion.guidance import Denoiser
from footfall_engine.models.multifoley.dit import Told

TAGS = {Quality.HIGH: "high quality", Quality.LOW: "low quality"}
"""What training said of where a sound comes from, after its caption."""

Network = Callable[[Tensor, Tensor, Told, Tensor], Tensor]
"""(latents (b, c, t), time (b,), what is told, given (b, t)) → noise, as `FoleyDiT`."""


# ---- how strongly


@dataclass(frozen=True)
class Gamma:
    """The paper's strength: noise = (gamma + 1) asked − gamma negative; 0 does without the negative branch."""

    value: float

    @property
    def scale(self) -> Scale:
        return Scale(self.value + 1)


@dataclass(frozen=True)
class Scale:
    """The usual strength w: noise = negative + w (asked − negative); 1 does without the negative branch."""

    value: float

    @property
    def gamma(self) -> Gamma:
        return Gamma(self.value - 1)


def gamma_of(strength: Gamma | Scale) -> float:
    """TypeError for a mere number, which could be either."""
    if isinstance(strength, Gamma):
        return strength.value
    if isinstance(strength, Scale):
        return strength.gamma.value
    raise TypeError(f"{strength!r} does not say whether it is Gamma or Scale, which differ by one")


# ---- what is asked, and what is not


@dataclass(frozen=True)
class Branch:
    """What the network is told, and the sound that it is given: clean latents (b, c, t) where `given` (b, t) is 1."""

    told: Told
    clean: Tensor
    given: Tensor

    def without(self, negative_text: Tensor, negative_mask: Tensor) -> Branch:
        """The negative branch: no picture, no given sound, another text."""
        has_track = torch.zeros_like(self.told.has_track)
        told = replace(self.told, has_track=has_track, text=negative_text, text_mask=negative_mask)
        return replace(self, told=told, given=torch.zeros_like(self.given))

    def predict(self, network: Network, latents: Tensor, time: float) -> Tensor:
        """Noise in latents that are noisy everywhere."""
        handed_in = torch.where(self.given[:, None].bool(), self.clean, latents)
        return network(handed_in, torch.full((len(latents),), time, device=latents.device), self.told, self.given)


def guided(network: Network, asked: Branch, negative: Branch, strength: Gamma | Scale) -> Denoiser:
    """(gamma + 1) asked − gamma negative; both go through in one batch, and without gamma only what is asked."""
    gamma = gamma_of(strength)
    if gamma == 0:
        return lambda latents, time: asked.predict(network, latents, time)
    both = together(asked, negative)

    def denoise(latents: Tensor, time: float) -> Tensor:
        wanted, unwanted = both.predict(network, torch.cat([latents, latents]), time).chunk(2)
        return (gamma + 1) * wanted - gamma * unwanted

    return denoise


def together(one: Branch, other: Branch) -> Branch:
    """Both in one batch; the shorter text is filled up with tokens that do not count."""
    longest = max(one.told.text.shape[1], other.told.text.shape[1])
    texts = [_filled_up(branch.told, longest) for branch in (one, other)]
    told = Told(
        torch.cat([one.told.track, other.told.track]),
        torch.cat([one.told.has_track, other.told.has_track]),
        torch.cat([text for text, _ in texts]),
        torch.cat([mask for _, mask in texts]),
    )
    return Branch(told, torch.cat([one.clean, other.clean]), torch.cat([one.given, other.given]))


def _filled_up(told: Told, length: int) -> tuple[Tensor, Tensor]:
    more = length - told.text.shape[1]
    pad = torch.nn.functional.pad
    return pad(told.text, (0, 0, 0, more)), pad(told.text_mask, (0, more))


# ---- in words


def texts(prompt: str, negative: str, quality: Quality | None) -> tuple[str, str]:
    """What is asked for and what is not; high quality also leads away from low (equation 4)."""
    unwanted = tagged(negative, Quality.LOW) if quality is Quality.HIGH else negative
    return tagged(prompt, quality), unwanted


def tagged(caption: str, quality: Quality | None) -> str:
    """A caption as training had it: "category, low quality", either part of which may be missing."""
    return ", ".join(part for part in (caption.strip(), TAGS[quality] if quality else "") if part)
