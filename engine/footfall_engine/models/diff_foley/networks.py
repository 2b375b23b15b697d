"""All networks of Diff-Foley, from checkpoints with their original keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from torch import Tensor, nn

from footfall_engine.models import weights as stored
from footfall_engine.models.diff_foley import latent
from footfall_engine.models.diff_foley.cavp import Cavp, CavpShape
from footfall_engine.models.diff_foley.classifier import Alignment, ClassifierShape
from footfall_engine.models.diff_foley.conditioning import LONGEST_ROWS, FeatureEmbedding
from footfall_engine.models.diff_foley.latent import UNetShape, VaeShape
from footfall_engine.models.weights import Weights

_CONDITION_PREFIX = "cond_stage_model."
_TRAINING_ONLY = "first_stage_model.loss."


@dataclass(frozen=True)
class Shape:
    """Sizes of all networks; the defaults are those of the published weights."""

    cavp: CavpShape = field(default_factory=CavpShape)
    unet: UNetShape = field(default_factory=UNetShape)
    vae: VaeShape = field(default_factory=VaeShape)
    classifier: ClassifierShape = field(default_factory=ClassifierShape)
    longest_rows: int = LONGEST_ROWS


@dataclass(frozen=True)
class _Part:
    """A network inside a checkpoint."""

    prefixes: tuple[str, ...]  # of its keys there; a checkpoint holds other things too
    make: Callable[[Shape], nn.Module]
    original_key: Callable[[str, Shape], str]  # its key in the checkpoint, by the network's own
    to_own_keys: Callable[[Mapping[str, Tensor], Shape], Weights]


def _as_it_is(key: str, shape: Shape) -> str:
    return key


def _unchanged(weights: Mapping[str, Tensor], shape: Shape) -> Weights:
    return dict(weights)


_PARTS = {
    "cavp": _Part(("",), lambda shape: Cavp(shape.cavp), _as_it_is, _unchanged),
    "unet": _Part(
        (latent.UNET_PREFIX,),
        lambda shape: latent.unet(shape.unet),
        lambda key, shape: latent.original_unet_key(key, shape.unet),
        lambda weights, shape: latent.to_diffusers_unet(weights, shape.unet),
    ),
    "vae": _Part(
        (latent.VAE_PREFIX,),
        lambda shape: latent.vae(shape.vae),
        lambda key, shape: latent.original_vae_key(key, shape.vae),
        lambda weights, shape: latent.to_diffusers_vae(weights, shape.vae),
    ),
    "condition": _Part(
        (_CONDITION_PREFIX,),
        lambda shape: FeatureEmbedding(shape.cavp.features, shape.unet.context, shape.longest_rows),
        lambda key, shape: _CONDITION_PREFIX + key,
        lambda weights, shape: {key.removeprefix(_CONDITION_PREFIX): tensor for key, tensor in weights.items()},
    ),
    "alignment": _Part(("model.", "cond_model."), lambda shape: Alignment(shape.classifier), _as_it_is, _unchanged),
}


def _network(name: str, weights: Mapping[str, Tensor], shape: Shape, source: str) -> nn.Module:
    part = _PARTS[name]
    return stored.network(
        partial(part.make, shape),
        {key: tensor for key, tensor in weights.items() if belongs(name, key)},
        source,
        lambda key: part.original_key(key, shape),
        lambda weights: part.to_own_keys(weights, shape),
    )


def untrained(name: str, shape: Shape) -> nn.Module:
    """The network `name` with weights as they are before training."""
    return _PARTS[name].make(shape)


def belongs(name: str, key: str) -> bool:
    """Whether a checkpoint's key is one of the network `name`'s."""
    return key.startswith(_PARTS[name].prefixes) and not key.startswith(_TRAINING_ONLY)


def original_shapes(name: str, shape: Shape) -> dict[str, tuple[int, ...]]:
    """Every key of the network `name` in its checkpoint, and the shape of its tensor."""
    part = _PARTS[name]
    return stored.original_shapes(partial(part.make, shape), lambda key: part.original_key(key, shape))


whole_cavp = partial(_network, "cavp")
"""For pictures and for sound."""


def cavp(weights: Mapping[str, Tensor], shape: Shape, source: str) -> nn.Module:
    """CAVP for pictures: all its weights must fit, and those of its audio encoder, which no sound needs, are let go."""
    network = whole_cavp(weights, shape, source)
    if shape.cavp.audio_channels:
        del network.spec_encoder
    return network


unet = partial(_network, "unet")
vae = partial(_network, "vae")
condition = partial(_network, "condition")
alignment = partial(_network, "alignment")
