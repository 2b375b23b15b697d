"""All networks that MultiFoley asks, from where their weights lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from footfall_engine.media.video import file_identity
from footfall_engine.models.diff_foley import model as diff_foley
from footfall_engine.models.diff_foley import networks as diff_foley_networks
from footfall_engine.models.diff_foley.sizes import shape_in
from footfall_engine.models.multifoley import checkpoint
from footfall_engine.models.multifoley.checkpoint import Config, Track
from footfall_engine.models.multifoley.dit import FoleyDiT
from footfall_engine.models.multifoley.text import T5_FOLDER, T5Text, Text
from footfall_engine.models.runtime import Runtime, network_bytes
from footfall_engine.models.together import Together
from footfall_engine.models.weights import read_weights, ready_weights
from footfall_engine.progress import ProgressFn


@dataclass(frozen=True)
class Networks:
    config: Config
    dit: FoleyDiT
    text: Text
    codec: Any
    cavp: Any  # None where the track is not its features
    sees_by: str = ""  # which weights it has, for what is remembered of pictures
    together: Together = field(default_factory=Together)

    @property
    def size(self) -> int:
        encoder = self.text.encoder if isinstance(self.text, T5Text) else self.text
        return network_bytes(*(each for each in (self.dit, encoder, self.codec, self.cavp) if each is not None))


def load(folder: Path, cavp_folder: Path | None, runtime: Runtime, progress: ProgressFn) -> Networks:
    """WeightsMissing or WeightsUnusable says what is wrong with the weights; CAVP's lie with those of Diff-Foley."""
    trained = checkpoint.load(folder, runtime.reading_precision)
    progress(0.4)
    text: Text
    if trained.words is None:
        text = T5Text.in_folder(folder / T5_FOLDER, runtime.reading_precision)
        runtime.on_device(text.encoder)
    else:
        text = trained.words.to(runtime.device)
    progress(0.7)
    sees, sees_by = cavp(cavp_folder, runtime) if trained.config.track is Track.CAVP else (None, "")
    dit: Any = runtime.on_device(trained.network)
    codec: Any = trained.codec  # in float32 whatever the network computes in: what it rounds is heard
    return Networks(trained.config, dit, text, codec.to(runtime.device), sees, sees_by)


def cavp(folder: Path | None, runtime: Runtime) -> tuple[nn.Module, str]:
    """Diff-Foley's encoder of pictures, and which weights it has."""
    path = ready_weights(diff_foley.NAME, diff_foley.FILES["cavp"], folder)
    wanted = partial(diff_foley_networks.belongs, "cavp")
    weights = read_weights(path, runtime.reading_precision, wanted)
    made = diff_foley_networks.cavp(weights, shape_in(path.parent), path.name)
    return runtime.on_device(made), file_identity(path)
