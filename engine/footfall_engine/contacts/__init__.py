"""Short animations whose contacts are known exactly: for the demo, the tests and the bench.

A scene is a handful of closed-form motions: balls under gravity, a hammer on an anvil, someone walking. Contacts fall
where the motion says, not on frames. Pictures are drawn with anti-aliased sub-pixel primitives and, like a camera's,
averaged over the time a shutter is open (centred on the frame's time).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from footfall_engine.contacts.balls import Balls
from footfall_engine.contacts.footsteps import Footsteps
from footfall_engine.contacts.hammer import Hammer
from footfall_engine.contacts.scene import APART_SECONDS, CLEAR_SECONDS, Contact, Scene
from footfall_engine.contacts.stage import Camera, Canvas, Image, backdrop, camera_at, cameras_of

__all__ = [
    "APART_SECONDS", "CLEAR_SECONDS", "SCENES", "Contact", "Scene", "bench_scene", "click_track", "contacts_of",
    "frames_of", "presentation_times", "render_clip", "render_long_clip",
]  # fmt: skip

SCENES: dict[str, Any] = {"balls": Balls, "hammer": Hammer, "footsteps": Footsteps}

CLICK_SECONDS = 0.04
AUDIO_RATE = 48_000  # Hz
_VARIABLE_GAPS = (1 / 30, 1 / 24, 1 / 20, 1 / 15)  # seconds between pictures at a variable rate
_TICKS = 90_000  # of presentation times at a variable rate, per second
_EXPOSURES = 5  # moments that a picture with motion blur is averaged from


def contacts_of(scene: Scene) -> list[Contact]:
    """Every contact that the clip shows, in order of time."""
    return _staged(scene)[0].contacts()


def frames_of(scene: Scene) -> Iterator[tuple[Fraction, Image]]:
    """Pictures with their presentation times; shape = (height, width, 3), BGR."""
    action, cameras = _staged(scene)
    rng = np.random.default_rng([scene.seed, 2])
    grain = _grain(scene, rng)
    times = presentation_times(scene)
    for number, time in enumerate(times):
        gap = float(times[number + 1] - time if number + 1 < len(times) else time - times[number - 1])
        image = _exposure(scene, action, cameras, float(time), gap * scene.shutter)
        if grain is not None:
            image = _with_grain(image, grain, rng)
        yield time, image


def presentation_times(scene: Scene) -> list[Fraction]:
    """When each picture is shown, from 0."""
    rate = scene.fps
    if rate is not None:
        return [n / rate for n in range(round(scene.duration * rate))]
    rng = np.random.default_rng([scene.seed, 1])
    gaps = rng.choice(_VARIABLE_GAPS, size=math.ceil(scene.duration / min(_VARIABLE_GAPS)))
    ticks = np.round(np.concatenate([[0.0], np.cumsum(gaps)]) * _TICKS).astype(int)
    return [Fraction(int(tick), _TICKS) for tick in ticks if tick < scene.duration * _TICKS]


def render_clip(path: str | Path, scene: Scene, **codec_options: str) -> list[Contact]:
    """Film a scene as H.264 in the container that the path's ending names; what it returns is the truth."""
    import av

    contacts = contacts_of(scene)
    tick = 1 / scene.fps if scene.fps is not None else Fraction(1, _TICKS)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=scene.fps or 30)
        stream.width, stream.height, stream.pix_fmt = scene.width, scene.height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = tick
        stream.options = {"preset": "veryfast", "crf": "20", **codec_options}
        voice: Any = container.add_stream("aac", rate=AUDIO_RATE, layout="mono") if scene.sound else None
        for time, image in frames_of(scene):
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            picture.pts, picture.time_base = int(time / tick), tick
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
        if voice is not None:
            _mux_sound(container, voice, click_track(contacts, scene.duration))
    return contacts


def click_track(contacts: list[Contact], duration: float) -> NDArray[np.float32]:
    """A click at each contact, shape = (samples,) at AUDIO_RATE; its first sample is the contact's."""
    samples = np.zeros(round(duration * AUDIO_RATE), np.float32)
    count = round(CLICK_SECONDS * AUDIO_RATE)
    burst = np.random.default_rng(0).uniform(-1, 1, count) * np.exp(-np.arange(count) / (count / 7))
    for contact in contacts:
        start = round(contact.time * AUDIO_RATE)
        room = samples[start : start + count]
        room += (0.2 + 0.6 * contact.strength) * burst[: len(room)]
    return samples


def bench_scene() -> Scene:
    """The clip that `footfall bench` works on: 8 s of 1080p25; its noise makes it some 3 Mbit/s."""
    return Scene("balls", duration=8.0, width=1920, height=1080, noise=3.5, shutter=0.0, sound=True, seed=3)


def render_long_clip(path: str | Path, minutes: float, scene: Scene | None = None) -> float:
    """A clip of many minutes, made in seconds: one short take whose packets are written again and again.

    Returns its length in seconds, a whole number of takes.
    """
    import tempfile

    take = replace(scene or bench_scene(), sound=False)
    if take.fps is None:
        raise ValueError("a take that repeats needs a constant frame rate")
    with tempfile.TemporaryDirectory() as folder:
        once = Path(folder) / "take.mp4"
        render_clip(once, take)
        return _repeat(once, path, math.ceil(minutes * 60 / take.duration))


def _repeat(take: Path, path: str | Path, times: int) -> float:
    import av

    with av.open(str(take)) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        packets: list[Any] = [packet for packet in source.demux(stream) if packet.size]
        period = sum(packet.duration for packet in packets)
        for number in range(times):
            for packet in packets:
                again = av.Packet(bytes(packet))
                again.stream, again.time_base, again.duration = copy, packet.time_base, packet.duration
                again.pts, again.dts = packet.pts + number * period, packet.dts + number * period
                again.is_keyframe = packet.is_keyframe
                target.mux(again)
        return float(times * period * (stream.time_base or 0))


def _mux_sound(container: Any, stream: Any, samples: NDArray[np.float32]) -> None:
    import av

    frame = av.AudioFrame.from_ndarray(samples[None, :], format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, 0, Fraction(1, AUDIO_RATE)
    fifo = av.AudioFifo()
    fifo.write(frame)
    while piece := fifo.read(1024, partial=True):
        container.mux(stream.encode(piece))
    container.mux(stream.encode())


class Action(Protocol):
    """Something that moves and touches."""

    def contacts(self) -> list[Contact]: ...

    def draw(self, canvas: Canvas, time: float) -> None: ...


def _staged(scene: Scene) -> tuple[Action, list[Camera]]:
    if scene.name not in SCENES:
        raise ValueError(f"there is no scene {scene.name!r}; there are {', '.join(SCENES)}")
    cameras = cameras_of(scene)
    return SCENES[scene.name](scene, cameras), cameras


def _exposure(scene: Scene, action: Action, cameras: list[Camera], time: float, open_seconds: float) -> Image:
    """What the sensor gathers while the shutter is open; never across a cut."""
    import cv2

    camera = camera_at(cameras, time)
    count = _EXPOSURES if open_seconds > 0 else 1
    moments = time + (np.arange(count) + 0.5 - count / 2) / count * open_seconds
    gathered = np.zeros((scene.height, scene.width, 3), np.float32)
    for moment in moments.tolist():
        image = backdrop(camera, camera.centre(moment), scene.width, scene.height).copy()
        action.draw(Canvas(image, camera, moment), moment)
        if count == 1:
            return image
        cv2.accumulate(image, gathered)
    return np.asarray(cv2.convertScaleAbs(gathered, alpha=1 / count), np.uint8)


def _grain(scene: Scene, rng: np.random.Generator) -> NDArray[np.int16] | None:
    if scene.noise <= 0:
        return None
    return np.round(rng.normal(0, scene.noise, (scene.height + 64, scene.width + 64, 3))).astype(np.int16)


def _with_grain(image: Image, grain: NDArray[np.int16], rng: np.random.Generator) -> Image:
    import cv2

    top, left = rng.integers(0, 64, 2)
    height, width = image.shape[:2]
    piece = grain[top : top + height, left : left + width]
    return np.asarray(cv2.add(image, piece, dtype=cv2.CV_8U), np.uint8)
