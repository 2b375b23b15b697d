"""When the sounds of clips begin, against what is seen, what was recorded and what was annotated."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from footfall_engine.evaluation import av_align, onset_scores
from footfall_engine.evaluation.clips import Clip, Figures, Mono, for_each, mono
from footfall_engine.evaluation.folders import within
from footfall_engine.evaluation.lift import onset_lift
from footfall_engine.extras import how_to_install
from footfall_engine.progress import ProgressFn

KEYS = (
    "av_align", "av_align_over_chance", "onset_accuracy", "onset_ap", "as_many_onsets",
    "hit_accuracy", "hit_ap", "hit_f1", "lift",
)  # fmt: skip
_PACKAGES = ("librosa", "sklearn")
_RATE = onset_scores.SAMPLE_RATE


def lacking() -> str:
    """What must be installed before, and how; "" when all is there."""
    if all(find_spec(package) for package in _PACKAGES):
        return ""
    return f"needs more than Footfall's base; {how_to_install('evaluate')}"


def time_sounds(clips: list[Clip], progress: ProgressFn) -> None:
    """Gives every clip its figures of timing."""

    def work(clip: Clip, watch: ProgressFn) -> None:
        clip.onsets, clip.warning = within(clip.film, clip.onsets)
        sound = mono(clip.sound, _RATE)
        clip.figures |= _against_picture(clip.film, sound, watch)
        if clip.reference:
            clip.figures |= _against_recording(mono(clip.reference, _RATE), sound)
        if clip.onsets:
            clip.figures |= _against_annotations(clip.onsets, sound)

    for_each(clips, work, progress)


def _against_picture(film: Path, sound: Mono, progress: ProgressFn) -> Figures:
    from footfall_engine.media.video import probe, read_frames, region_of

    facts = probe(film)
    frames = read_frames(film, region_of(facts, 0), grey=False, progress=progress)
    moved = av_align.movement(frame.image for frame in frames)
    fps, duration = float(facts.frame_rate), float(facts.duration)
    heard = av_align.sound_peaks(sound)
    seen = av_align.picture_peaks(moved, fps)
    score, chance = av_align.av_align(heard, seen, fps), av_align.by_chance(heard, seen, fps, duration)
    return {"av_align": score, "av_align_over_chance": None if score is None else score - chance}


def _against_recording(recording: Mono, sound: Mono) -> Figures:
    met = onset_scores.onset_score(onset_scores.onsets_of(recording), sound)
    return {"onset_accuracy": met.accuracy, "onset_ap": met.average_precision, "as_many_onsets": float(met.as_many)}


def _against_annotations(onsets: list[float], sound: Mono) -> Figures:
    met = onset_scores.onset_score([round(time * _RATE) for time in onsets], sound, onset_scores.MMAUDIO)
    begins = [at / _RATE for at in onset_scores.onsets_of(sound)]
    return {
        "hit_accuracy": met.accuracy,
        "hit_ap": met.average_precision,
        "hit_f1": met.f1,
        "lift": onset_lift(begins, onsets, len(sound) / _RATE).lift,
    }
