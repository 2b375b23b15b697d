"""AV-Align: how many peaks of the sound fall on peaks of the picture's movement, over how many there are of either.

Source
------
Yariv et al., "Diverse and Aligned Audio-to-Video Generation via Text-to-Video Model Adaptation" (TempoTokens, AAAI
2024), in the form of its code of February 2025: peaks of the picture below FAINTEST do not count, and each is met once.

Conventions
-----------
The optical flow is taken of every pair of pictures at their own size and FAINTEST is in pixels, so that figures of
films of different sizes do not compare. A picture's time is its number over the mean frame rate.

A film has five to ten such peaks a second, so chance alone scores almost as high as the true sound, and published
models outdo the ground truth. `by_chance` says how high; only the difference tells something.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from footfall_engine.evaluation.lift import shifted
from footfall_engine.evaluation.onset_scores import SAMPLE_RATE

FAINTEST = 0.1  # pixels of mean movement


def movement(pictures: Iterable[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Mean length of the flow to each picture from the one before, pixels; the first value stands twice.

    Parameters
    ----------
    pictures : iterable of ndarray, shape = (height, width, 3), RGB

    Returns
    -------
    ndarray, shape = (pictures,); empty when there are fewer than two
    """
    import cv2

    lengths = []
    before = None
    for picture in pictures:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        if before is not None:
            flow = cv2.calcOpticalFlowFarneback(before, grey, None, 0.5, 3, 15, 3, 5, 1.2, 0)
            lengths.append(cv2.mean(cv2.magnitude(flow[..., 0], flow[..., 1]))[0])
        before = grey
    return np.array(lengths[:1] + lengths)


def picture_peaks(moved: NDArray[np.float64], fps: float) -> list[float]:
    """Seconds of the strict local maxima of a film's movement that are not too faint."""
    here = moved[1:-1]
    peaks = (moved[:-2] < here) & (here > moved[2:]) & (here >= FAINTEST)
    return [float(number) / fps for number in np.flatnonzero(peaks) + 1]


def sound_peaks(sound: NDArray[np.float32]) -> list[float]:
    """Seconds of the onsets that librosa finds by default in mono sound at SAMPLE_RATE."""
    from librosa.onset import onset_detect

    return [float(time) for time in onset_detect(y=sound, sr=SAMPLE_RATE, units="time")]


def av_align(heard: Sequence[float], seen: Sequence[float], fps: float) -> float | None:
    """Matched peaks over all of them, 0…1; None where nothing is heard and nothing seen.

    Each peak of the sound, in order of time, takes the first peak of the picture less than one frame away that no
    other has taken.
    """
    free = sorted(seen)
    matched = 0
    for time in sorted(heard):
        met = next((peak for peak in free if peak - 1 / fps < time < peak + 1 / fps), None)
        if met is not None:
            free.remove(met)
            matched += 1
    every = len(heard) + len(seen) - matched
    return matched / every if every else None


def by_chance(heard: Sequence[float], seen: Sequence[float], fps: float, duration: float) -> float:
    """Mean of `av_align` over circular shifts of the sound's peaks, those of `lift`; 0 where there are no peaks."""
    return float(np.mean([av_align(times, seen, fps) or 0.0 for times in shifted(heard, duration)]))
