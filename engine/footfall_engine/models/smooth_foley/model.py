"""Smooth-Foley as a model of the engine.

No weights of it are public: FoleyCrafter's stand in, whose adapters have the same form. The projection that it trained
for its labels is used when it is there (label_projection.pt); without it, similarities are calibrated clip by clip.
"""

from __future__ import annotations

from typing import Any

from footfall_bridge.messages import TimingSource

from footfall_engine.models.foleycrafter.model import FoleyCrafter

NAME = "smooth-foley"
PICTURES_PER_WINDOW = 41  # four a second; the paper wants no fewer and gives no number


class SmoothFoley(FoleyCrafter):
    """The frame adapter attends to each picture's tokens; continuous sounds get a smooth condition."""

    name = NAME
    frame_wise = True
    preferred = (TimingSource.LABEL, TimingSource.DETECTOR)

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"pictures_per_window": PICTURES_PER_WINDOW, "smooth": True, **options})
