from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
from footfall_engine.media import wav

from tests.resolve.studio import Studio, histories, seconds


def heard_at(path: Path, start: Fraction) -> tuple[int, int]:
    """First and last sample, counted on the timeline, at which a placed file is not silent."""
    sound, rate = soundfile.read(path, always_2d=True)
    loud = np.flatnonzero(np.abs(sound).max(axis=1) > 0)
    offset = round(start * rate)
    return offset + int(loud[0]), offset + int(loud[-1])


def test_what_lies_between_the_marks_gets_its_sound_to_the_sample(studio: Studio, hammer: Path):
    clip = studio.add_clip(hammer, "25", 50)
    studio.show(clip, 86_400 + 24, 48)
    studio.mark(24, 24 + 35)
    studio.generate(variants=2)
    first, second = studio.items()
    assert (first.start, first.frames) == (second.start, second.frames) == (86_424, 36)
    assert [track["name"] for track in studio.footfall_tracks] == ["Footfall 1", "Footfall 2"]
    assert [track["enabled"] for track in studio.footfall_tracks] == [True, False]
    assert {track["subtype"] for track in studio.footfall_tracks} == {"stereo"}
    made = next(histories([first]))
    stem = wav.read_facts(Path(made["stem"]))
    assert stem.position == round(seconds(86_424, "24") * 48_000)
    assert stem.samples == round(seconds(36, "24") * 48_000)
    assert studio.told == ""
    assert studio.journal == []
