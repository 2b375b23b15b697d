"""Jobs done in this process, by the engine's own recipes."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from footfall_bridge import messages
from footfall_bridge.errors import JobCancelled, from_code
from footfall_bridge.messages import FINAL_EVENTS, Message
from footfall_engine import engine
from footfall_engine.config import Settings
from footfall_engine.media import wav


def done(request: messages.Job, settings: Settings, cancelled: threading.Event | None = None) -> list[Message]:
    """All that is heard of a job; raises what it failed with."""
    heard: list[Message] = []
    engine.run_in_process(request, heard.append, settings, cancelled or threading.Event())
    last = heard[-1]
    assert isinstance(last, FINAL_EVENTS)
    if isinstance(last, messages.Failed):
        raise from_code(last.code, last.message, last.detail)
    if isinstance(last, messages.Cancelled):
        raise JobCancelled("cancelled")
    return heard


def stems_of(events: list[Message]) -> list[messages.Stem]:
    """In order of their variants; they are announced as each is complete."""
    return sorted((event for event in events if isinstance(event, messages.Stem)), key=lambda stem: stem.variant)


def pcm_of(stem: messages.Stem | Path) -> np.ndarray:
    """Shape = (channels, samples), int32."""
    facts = wav.read_facts(Path(stem.path) if isinstance(stem, messages.Stem) else stem)
    return wav.read_pcm(facts, 0, facts.samples)
