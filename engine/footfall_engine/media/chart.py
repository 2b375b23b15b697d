"""A region and its stem on one time axis, as a PNG: pictures, motion and events, waveform, spectrogram.

What to look for: a hit's line passes through the picture of the contact, the attack of the waveform and the edge in
the spectrogram. Times count in seconds from the region's start.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from footfall_bridge.timeline import TimeRange
from numpy.typing import NDArray

from footfall_engine.analysis.picture import MOTION_RATE, PictureAnalysis
from footfall_engine.media.video import Frame, probe, read_frames
from footfall_engine.playback import Playback
from footfall_engine.results import written_whole

if TYPE_CHECKING:
    from footfall_engine.media.audio import Recording

FRAME_COUNT = 10
"""Pictures that the strip has room for."""
PLACE_ASPECT = 1.3  # width by height of a picture's place in the strip
STRIP_HEIGHT = 180  # pixels
SIZE_INCHES = (14.0, 7.2)
DOTS_PER_INCH = 110
PANEL_HEIGHTS = (0.72, 1.0, 0.9, 1.4)
KIND_COLOURS = {"impact": "#e4572e", "step": "#f2a541", "stop": "#76b041", "start": "#17bebb", "flash": "#b370d9"}
KNOWN_COLOUR = "#ffffff"
PAPER, INK, WAVE, CURVE = "#15181d", "#c8ced8", "#7fb4e6", "#e6c27f"
ENVELOPE_COLUMNS = 2400
SPECTRUM_SAMPLES = 1024
SPECTRUM_COLUMNS = 2400
LOWEST_HZ, HIGHEST_HZ = 40.0, 20_000.0
FLOOR_DB = -100.0
SILENCE = 1e-9


@dataclass(frozen=True)
class ChartData:
    """All that is drawn."""

    title: str
    frames: Sequence[Frame]
    analysis: PictureAnalysis
    sound: Recording
    known: Sequence[float] = ()  # contacts known beforehand


def frame_times(duration: float, count: int = FRAME_COUNT) -> list[float]:
    """Middle of each place of the picture strip."""
    return [(place + 0.5) * duration / count for place in range(count)]


def strip_frames(clip: Path, playback: Playback, count: int = FRAME_COUNT) -> list[Frame]:
    """The picture on screen in the middle of each place of the strip, each sought by itself."""
    facts = probe(clip)
    frames = []
    for time in frame_times(float(playback.duration), count):
        at = playback.region.start + Fraction(time) * playback.speed
        moment = TimeRange(at, min(at + 1 / facts.frame_rate, facts.duration))
        frame = next(iter(read_frames(clip, moment, height=STRIP_HEIGHT, grey=False)))
        frames.append(Frame(time, frame.image))
    return frames


def write_chart(data: ChartData, target: Path) -> None:
    """Draw `data` into the PNG `target`, which appears whole."""
    figure = drawn(data)
    with written_whole(target, "chart") as part:
        figure.savefig(part, format="png", facecolor=PAPER)


def drawn(data: ChartData) -> Any:
    """The chart as matplotlib's figure."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its font cache
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(PANEL_HEIGHTS), 1, sharex=True, height_ratios=PANEL_HEIGHTS)
    for draw, axes in zip((_draw_frames, _draw_motion, _draw_waveform, _draw_spectrogram), panels, strict=True):
        _dress(axes)
        draw(axes, data)
        _draw_event_lines(axes, data)
    _draw_legend(figure, data)
    panels[0].set_title(data.title, color=INK, loc="left", fontsize=11)
    panels[0].set_xlim(0, data.analysis.duration)
    panels[-1].set_xlabel("seconds", color=INK)
    return figure


def _dress(axes: Any) -> None:
    axes.set_facecolor(PAPER)
    axes.tick_params(colors=INK, labelsize=8)
    for spine in axes.spines.values():
        spine.set_color("#3a414c")


def _draw_frames(axes: Any, data: ChartData) -> None:
    place = data.analysis.duration / FRAME_COUNT
    for middle, frame in zip(frame_times(data.analysis.duration), data.frames, strict=False):
        image, span = _cropped(frame.image), (middle - place / 2, middle + place / 2, 0, 1)
        axes.imshow(image, extent=span, aspect="auto", cmap="gray", interpolation="antialiased")
        axes.axvline(middle - place / 2, color=PAPER, linewidth=1.5)
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.set_ylabel("picture", color=INK)


def _cropped(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Middle of a picture, as wide as its place shows it."""
    height, width = image.shape[:2]
    wanted_width, wanted_height = min(width, round(height * PLACE_ASPECT)), min(height, round(width / PLACE_ASPECT))
    left, top = (width - wanted_width) // 2, (height - wanted_height) // 2
    return image[top : top + wanted_height, left : left + wanted_width]


def _draw_motion(axes: Any, data: ChartData) -> None:
    times = np.arange(len(data.analysis.motion)) / MOTION_RATE
    axes.fill_between(times, data.analysis.motion, color=CURVE, alpha=0.35, linewidth=0)
    axes.plot(times, data.analysis.motion, color=CURVE, linewidth=1)
    for hit in data.analysis.hits:
        axes.plot([hit.time], [hit.strength], marker="o", markersize=5, color=KIND_COLOURS[hit.kind.value])
    axes.set_ylim(0, 1.08)
    axes.set_ylabel("motion, events", color=INK)


def _draw_legend(figure: Any, data: ChartData) -> None:
    """Above everything, where it covers nothing."""
    from matplotlib.lines import Line2D

    seen = [kind for kind in KIND_COLOURS if any(hit.kind.value == kind for hit in data.analysis.hits)]
    marks = [Line2D([], [], color=KIND_COLOURS[kind], marker="o", markersize=5, label=kind) for kind in seen]
    if data.known:
        marks.append(Line2D([], [], color=KNOWN_COLOUR, linestyle=":", label="known contact"))
    if marks:
        figure.legend(
            handles=marks, loc="outside upper right", ncols=len(marks), fontsize=8, labelcolor=INK, frameon=False
        )


def _draw_waveform(axes: Any, data: ChartData) -> None:
    times, low, high = envelope(data.sound.samples, data.sound.sample_rate)
    axes.fill_between(times, low, high, color=WAVE, linewidth=0, step="mid")
    reach = max(0.05, float(np.max(np.abs([low, high]), initial=0.0)) * 1.1)
    axes.set_ylim(-reach, reach)
    axes.set_ylabel("waveform", color=INK)


def _draw_spectrogram(axes: Any, data: ChartData) -> None:
    times, frequencies, level = spectrogram(data.sound.samples, data.sound.sample_rate)
    top = max(FLOOR_DB + 60, float(level.max(initial=FLOOR_DB)))
    axes.pcolormesh(times, frequencies, level, cmap="magma", vmin=top - 80, vmax=top, shading="nearest")
    axes.set_yscale("log")
    axes.set_ylim(LOWEST_HZ, min(HIGHEST_HZ, data.sound.sample_rate / 2))
    axes.set_yticks([100, 1000, 10_000], ["100 Hz", "1 kHz", "10 kHz"])
    axes.set_ylabel("spectrum", color=INK)


def _draw_event_lines(axes: Any, data: ChartData) -> None:
    for hit in data.analysis.hits:
        axes.axvline(hit.time, color=KIND_COLOURS[hit.kind.value], linewidth=0.8, alpha=0.75)
    for time in data.known:
        axes.axvline(time, color=KNOWN_COLOUR, linewidth=0.8, linestyle=":", alpha=0.9)
    for time in data.analysis.cuts:
        axes.axvline(time, color=INK, linewidth=1.2, linestyle="--", alpha=0.6)


# ---- what is drawn, as numbers


def envelope(
    samples: NDArray[np.float32], sample_rate: int, columns: int = ENVELOPE_COLUMNS
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
    """Lowest and highest sample of each column of the picture, so that no peak is lost.

    Parameters
    ----------
    samples : ndarray, shape = (channels, samples), float32 in [-1, 1]

    Returns
    -------
    times, low, high : ndarray, shape = (min(columns, samples),)
        Seconds of each column's start; extremes over its samples and all channels.
    """
    count = samples.shape[1]
    if count == 0:
        empty = np.zeros(0, np.float32)
        return np.zeros(0), empty, empty
    starts = np.unique(np.linspace(0, count, min(columns, count), endpoint=False).astype(np.int64))
    low = np.minimum.reduceat(samples.min(axis=0), starts)
    high = np.maximum.reduceat(samples.max(axis=0), starts)
    return starts / sample_rate, low, high


def spectrogram(
    samples: NDArray[np.float32], sample_rate: int, columns: int = SPECTRUM_COLUMNS
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """Short-time spectrum of the mean over channels, Hann window of SPECTRUM_SAMPLES.

    Returns
    -------
    times : ndarray, shape = (frames,)
        Seconds of each window's middle; no more than `columns` of them, evenly spread.
    frequencies : ndarray, shape = (bins,)
        Hertz, without 0.
    level : ndarray, shape = (bins, frames), float32
        Decibels relative to a full-scale sine, FLOOR_DB at least.
    """
    mono = samples.mean(axis=0)
    padded = np.pad(mono, SPECTRUM_SAMPLES // 2)
    hop = max(SPECTRUM_SAMPLES // 8, -(-len(mono) // columns))
    windows = np.lib.stride_tricks.sliding_window_view(padded, SPECTRUM_SAMPLES)[::hop]
    window = np.hanning(SPECTRUM_SAMPLES).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(windows * window, axis=1)[:, 1:]) / (window.sum() / 2)
    level: NDArray[np.float32] = np.maximum(20 * np.log10(spectrum + SILENCE), FLOOR_DB).astype(np.float32)
    times = np.arange(len(windows)) * hop / sample_rate
    frequencies = np.fft.rfftfreq(SPECTRUM_SAMPLES, 1 / sample_rate)[1:].astype(np.float64)
    return times, frequencies, level.T
