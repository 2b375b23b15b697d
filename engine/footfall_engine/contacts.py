"""Short animations whose contacts are known exactly: for the demo, the tests and the bench.

A scene is a handful of closed-form motions: balls under gravity, a hammer on an anvil, someone walking. Contacts fall
where the motion says, not on frames. Pictures are drawn with anti-aliased sub-pixel primitives and, like a camera's,
averaged over the time a shutter is open (centred on the frame's time).

World coordinates: the picture is 1 high; x is 0 in its middle and grows to the right, y grows downwards from its top.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from footfall_bridge.messages import Hit, HitKind
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Point = tuple[float, float]
Colour = tuple[int, int, int]  # blue, green, red, as OpenCV has it

GRAVITY = 4.9  # picture heights per second squared: the picture shows 2 m
CLEAR_SECONDS = 0.13  # no contact is nearer than this to a cut or to the clip's ends
APART_SECONDS = 0.12  # nor to another contact: three frames at 25 a second
CLICK_SECONDS = 0.04
AUDIO_RATE = 48_000  # Hz
_VARIABLE_GAPS = (1 / 30, 1 / 24, 1 / 20, 1 / 15)  # seconds between pictures at a variable rate
_TICKS = 90_000  # of presentation times at a variable rate, per second
_FIXED_POINT = 6  # fractional bits of the coordinates that OpenCV draws at


@dataclass(frozen=True)
class Contact:
    """One moment at which something touches something."""

    time: float  # seconds of clip time
    strength: float  # 0…1
    x: float  # −1…1 on screen
    size: float  # share of the picture's height
    kind: HitKind = HitKind.IMPACT

    def as_hit(self) -> Hit:
        return Hit(time=self.time, strength=self.strength, x=self.x, size=self.size, kind=self.kind)


@dataclass(frozen=True)
class Scene:
    """What to film, and how."""

    name: str = "balls"  # a key of SCENES
    duration: float = 6.0  # seconds
    fps: Fraction | None = Fraction(25)  # None: a variable rate
    width: int = 640
    height: int = 360
    pan: float = 0.0  # fastest sideways camera movement, picture heights per second
    cuts: tuple[float, ...] = ()  # seconds at which the camera jumps
    noise: float = 0.0  # standard deviation of the sensor's noise, grey levels
    shutter: float = 0.5  # share of a frame that the shutter is open; 0: no motion blur
    sound: bool = False  # clicks at the contacts
    seed: int = 0

    @property
    def aspect(self) -> float:
        return self.width / self.height

    def clear_of_edits(self, time: float) -> bool:
        """Whether a contact here is seen before and after: not at the clip's ends, not at a cut."""
        return all(abs(time - edge) >= CLEAR_SECONDS for edge in (0.0, self.duration, *self.cuts))


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


# ---- the camera


@dataclass(frozen=True)
class Camera:
    """One shot: where it looks, how close, in what room."""

    start: float  # seconds of clip time
    zoom: float
    x: float  # world x that is in the middle of the picture while it does not pan
    y: float  # world y that keeps its height whatever the zoom
    mirrored: bool
    pan: float  # fastest movement, heights per second
    aspect: float
    room: Room

    def centre(self, time: float) -> float:
        """World x in the middle of the picture: a slow swing to and fro."""
        return self.x + self.pan * _PAN_PERIOD / math.tau * math.sin(math.tau * time / _PAN_PERIOD)

    def screen_x(self, x: float, time: float) -> float:
        """−1…1 across the picture."""
        across = (x - self.centre(time)) * self.zoom * 2 / self.aspect
        return -across if self.mirrored else across


_PAN_PERIOD = 7.0  # seconds


@dataclass(frozen=True)
class Room:
    wall: Colour
    floor: Colour


ROOMS = (
    Room(wall=(168, 158, 140), floor=(92, 122, 160)),
    Room(wall=(122, 140, 118), floor=(118, 128, 138)),
    Room(wall=(120, 128, 172), floor=(84, 98, 124)),
    Room(wall=(186, 178, 172), floor=(132, 122, 112)),
)
FLOOR_LINE = 0.68  # world y where wall and floor meet


def _cameras(scene: Scene) -> list[Camera]:
    rng = np.random.default_rng([scene.seed, 3])
    shots = [Camera(0.0, 1.0, 0.0, 0.8, False, scene.pan, scene.aspect, ROOMS[scene.seed % len(ROOMS)])]
    for cut in sorted(scene.cuts):
        last = shots[-1]
        zoom = float(rng.uniform(0.82, 0.9) if last.zoom >= 1 else rng.uniform(1.06, 1.14))
        room = ROOMS[(ROOMS.index(last.room) + 1) % len(ROOMS)]
        x = float(rng.uniform(-0.06, 0.06))
        shots.append(replace(last, start=cut, zoom=zoom, x=x, mirrored=not last.mirrored, room=room))
    return shots


def _camera_at(cameras: list[Camera], time: float) -> Camera:
    return next(camera for camera in reversed(cameras) if camera.start <= time or camera is cameras[0])


class Canvas:
    """A picture being drawn in world coordinates."""

    def __init__(self, image: Image, camera: Camera, time: float) -> None:
        self.image = image
        self.camera = camera
        self.middle = camera.centre(time)
        self.scale = image.shape[0] * camera.zoom

    def pixel(self, point: Point) -> Point:
        height, width = self.image.shape[:2]
        across = (point[0] - self.middle) * self.scale
        # OpenCV counts from the middle of the first pixel
        x = width / 2 + (-across if self.camera.mirrored else across) - 0.5
        return x, height * self.camera.y + (point[1] - self.camera.y) * self.scale - 0.5

    def circle(self, centre: Point, radius: float, colour: Colour) -> None:
        import cv2

        x, y = _fixed(self.pixel(centre))
        cv2.circle(self.image, (x, y), max(1, _fix(radius * self.scale)), colour, -1, cv2.LINE_AA, _FIXED_POINT)

    def polygon(self, points: list[Point], colour: Colour) -> None:
        import cv2

        corners = np.array([_fixed(self.pixel(point)) for point in points], np.int32)
        cv2.fillConvexPoly(self.image, corners, colour, cv2.LINE_AA, _FIXED_POINT)

    def limb(self, start: Point, end: Point, from_width: float, to_width: float, colour: Colour) -> None:
        """A rounded bar that tapers."""
        along = math.atan2(end[1] - start[1], end[0] - start[0])
        nx, ny = -math.sin(along) / 2, math.cos(along) / 2
        self.polygon(
            [
                (start[0] + nx * from_width, start[1] + ny * from_width),
                (end[0] + nx * to_width, end[1] + ny * to_width),
                (end[0] - nx * to_width, end[1] - ny * to_width),
                (start[0] - nx * from_width, start[1] - ny * from_width),
            ],
            colour,
        )
        self.circle(start, from_width / 2, colour)
        self.circle(end, to_width / 2, colour)

    def shadow(self, centre: Point, width: float, depth: float) -> None:
        """A soft dark ellipse on the floor; ``depth`` 0…1."""
        x, y = self.pixel(centre)
        rx, ry = width * self.scale / 2, width * self.scale / 9
        left, right = max(0, math.floor(x - rx)), min(self.image.shape[1], math.ceil(x + rx) + 1)
        top, bottom = max(0, math.floor(y - ry)), min(self.image.shape[0], math.ceil(y + ry) + 1)
        if left >= right or top >= bottom or depth <= 0:
            return
        across = ((np.arange(left, right) - x) / rx) ** 2
        down = ((np.arange(top, bottom) - y) / ry) ** 2
        inside = np.clip(1 - (across[None, :] + down[:, None]), 0, 1).astype(np.float32)
        patch = self.image[top:bottom, left:right]
        patch[:] = patch * (1 - depth * inside * (2 - inside))[:, :, None]


def _fix(pixels: float) -> int:
    return round(pixels * (1 << _FIXED_POINT))


def _fixed(point: Point) -> tuple[int, int]:
    return _fix(point[0]), _fix(point[1])


def _exposure(scene: Scene, action: Action, cameras: list[Camera], time: float, open_seconds: float) -> Image:
    """What the sensor gathers while the shutter is open; never across a cut."""
    import cv2

    camera = _camera_at(cameras, time)
    count = _EXPOSURES if open_seconds > 0 else 1
    moments = time + (np.arange(count) + 0.5 - count / 2) / count * open_seconds
    gathered = np.zeros((scene.height, scene.width, 3), np.float32)
    for moment in moments.tolist():
        image = _backdrop(camera, camera.centre(moment), scene.width, scene.height).copy()
        action.draw(Canvas(image, camera, moment), moment)
        if count == 1:
            return image
        cv2.accumulate(image, gathered)
    return np.asarray(cv2.convertScaleAbs(gathered, alpha=1 / count), np.uint8)


_EXPOSURES = 5  # moments that a picture with motion blur is averaged from


@lru_cache(maxsize=2)
def _backdrop(camera: Camera, centre: float, width: int, height: int) -> Image:
    """The empty room, seen with this world x in the middle."""
    import cv2

    wide = _painted_room(camera.room, camera.zoom, camera.aspect, height)
    if camera.mirrored:
        wide = wide[:, ::-1]
    left = (wide.shape[1] - width) / 2 + centre * height * camera.zoom * (-1 if camera.mirrored else 1)
    move = np.array([[1, 0, -left], [0, 1, 0]], np.float64)
    return np.asarray(cv2.warpAffine(wide, move, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


@lru_cache(maxsize=8)
def _painted_room(room: Room, zoom: float, aspect: float, height: int) -> Image:
    """Wall and floor, wider than the picture by what a camera may wander."""
    import cv2

    rng = np.random.default_rng(ROOMS.index(room))
    width = round(height * (aspect + 1.2 * zoom))
    scale = height * zoom
    horizon = 0.8 * height + (FLOOR_LINE - 0.8) * scale
    y = np.arange(height, dtype=np.float32)[:, None]
    floor = np.clip((y - horizon) / (height - horizon), 0, 1)
    on_floor = (y >= horizon).astype(np.float32)
    light = on_floor * (0.72 + 0.4 * floor) + (1 - on_floor) * (0.82 + 0.25 * y / horizon)
    plaster = _clouds(rng, height, width, scale * 0.05) + 0.6 * _clouds(rng, height, width, scale * 0.008)
    boards = cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), scale * 0.06, sigmaY=0.8)
    boards /= boards.std()
    light = light * (1 + (1 - on_floor) * 0.035 * plaster + on_floor * 0.05 * (boards + 0.6 * plaster))
    columns = (np.arange(width, dtype=np.float32)[None, :] - width / 2) / scale
    panels = np.minimum(np.abs((columns + 0.2) % 0.62), 0.62 - np.abs((columns + 0.2) % 0.62)) * scale
    light = light * (1 - 0.16 * (1 - on_floor) * np.clip(1.6 - panels, 0, 1))
    skirting = np.clip(1 - np.abs(y - horizon + 0.012 * scale) / (0.012 * scale), 0, 1) ** 0.5
    light = light * (1 - 0.28 * skirting)
    base = on_floor[:, :, None] * np.array(room.floor) + (1 - on_floor)[:, :, None] * np.array(room.wall)
    return np.clip(base * light[:, :, None], 0, 255).astype(np.uint8)


def _clouds(rng: np.random.Generator, height: int, width: int, grain: float) -> NDArray[np.float32]:
    """Smooth random texture of unit variance whose blots are ``grain`` pixels wide."""
    import cv2

    small = rng.standard_normal((max(2, round(height / grain)), max(2, round(width / grain)))).astype(np.float32)
    texture = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(texture / texture.std(), np.float32)


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


# ---- what happens


class Action(Protocol):
    """Something that moves and touches."""

    def contacts(self) -> list[Contact]: ...

    def draw(self, canvas: Canvas, time: float) -> None: ...


def _staged(scene: Scene) -> tuple[Action, list[Camera]]:
    if scene.name not in SCENES:
        raise ValueError(f"there is no scene {scene.name!r}; there are {', '.join(SCENES)}")
    cameras = _cameras(scene)
    return SCENES[scene.name](scene, cameras), cameras


def _schedule(scene: Scene, rng: np.random.Generator, first: float, gap: tuple[float, float]) -> list[float]:
    """Times of repeated contacts, nudged away from the cuts, from before the clip to after it."""
    times, time = [], first
    while time < scene.duration + 2:
        while 0 <= time <= scene.duration and not scene.clear_of_edits(time):
            time += CLEAR_SECONDS / 3
        times.append(time)
        time += float(rng.uniform(*gap))
    return times


# ---- balls


@dataclass(frozen=True)
class Bounce:
    """Flight (or, with no speed upwards, rolling) from one touch of the floor on."""

    time: float
    x: float
    speed: float  # upwards, after the touch
    impact: float  # downwards, before it


@dataclass(frozen=True)
class Ball:
    radius: float
    floor: float  # world y that it touches
    drift: float  # sideways, per second
    colour: Colour
    bounces: tuple[Bounce, ...]

    def where(self, time: float) -> Point:
        """Middle of the ball."""
        last = next((bounce for bounce in reversed(self.bounces) if bounce.time <= time), self.bounces[0])
        after = time - last.time
        above = max(0.0, last.speed * after - GRAVITY / 2 * after**2)
        return last.x + self.drift * after, self.floor - self.radius - above


BALL_COLOURS: tuple[Colour, ...] = ((52, 70, 214), (190, 120, 40), (60, 170, 235), (90, 160, 70), (150, 70, 150))
_FASTEST_BALL = 2.7  # heights per second at the floor
_LAST_HOP_SECONDS = 0.28  # a shorter hop is not begun


class Balls:
    """Balls of several sizes that hop through the picture, from the left and from the right in turn."""

    def __init__(self, scene: Scene, cameras: list[Camera]) -> None:
        self.scene = scene
        self.cameras = cameras
        rng = np.random.default_rng([scene.seed, 4])
        self.balls: list[Ball] = []
        taken: list[Contact] = []
        enter, side = -0.9, int(rng.integers(0, 2)) * 2 - 1
        while enter < scene.duration - 0.5:
            ball = self._fitting_ball(rng, enter, side, taken)
            if ball is not None:
                self.balls.append(ball)
                taken += self._touches(ball)
                side = -side
            enter += float(rng.uniform(1.3, 1.9)) if ball is not None else 0.2
        self.balls.sort(key=lambda ball: ball.floor)
        self._contacts = sorted(taken, key=lambda contact: contact.time)

    def contacts(self) -> list[Contact]:
        return self._contacts

    def draw(self, canvas: Canvas, time: float) -> None:
        shown = [(ball, middle) for ball in self.balls if abs((middle := ball.where(time))[0]) < self.scene.aspect]
        for ball, (x, y) in shown:
            spread = 1 + 0.9 * (ball.floor - ball.radius - y)
            canvas.shadow((x, ball.floor), 2.3 * ball.radius * spread, 0.5 / spread**2)
        for ball, middle in shown:
            self._draw_ball(canvas, ball, middle)

    def _draw_ball(self, canvas: Canvas, ball: Ball, middle: Point) -> None:
        x, y = middle
        for share, brightness in _SHADING:
            lift = (1 - share) * ball.radius * 0.55
            colour = tuple(min(255, round(level * brightness + max(0.0, brightness - 1) * 90)) for level in ball.colour)
            canvas.circle((x - lift, y - lift), ball.radius * share, colour)  # type: ignore[arg-type]

    def _fitting_ball(self, rng: np.random.Generator, enter: float, side: int, taken: list[Contact]) -> Ball | None:
        """A ball that enters then and whose every touch can be told from the others; None when chance finds none."""
        for _ in range(60):
            ball = self._ball(rng, enter + float(rng.uniform(0, 0.4)), side)
            touches = self._touches(ball)
            times = sorted([touch.time for touch in touches + taken])
            apart = all(later - earlier >= APART_SECONDS for earlier, later in itertools.pairwise(times))
            if apart and touches and self._all_clear(ball):
                return ball
        return None

    def _ball(self, rng: np.random.Generator, enter: float, side: int) -> Ball:
        radius = float(rng.uniform(0.045, 0.12))
        drift = -side * float(rng.uniform(0.28, 0.42))
        x = side * (self.scene.aspect / 2 * 1.25 + radius)
        speed = float(rng.uniform(1.9, 2.5))
        keeps = float(rng.uniform(0.8, 0.9))
        time = enter - speed / GRAVITY  # at its highest as it enters
        bounces = [Bounce(time, x + drift * (time - enter), speed, speed)]
        while speed > 0:
            hop = 2 * speed / GRAVITY
            time, impact = time + hop, speed
            speed = speed * keeps if 2 * speed * keeps / GRAVITY >= _LAST_HOP_SECONDS else 0.0
            bounces.append(Bounce(time, bounces[-1].x + drift * hop, speed, impact))
        colour = BALL_COLOURS[len(self.balls) % len(BALL_COLOURS)]
        return Ball(radius, float(rng.uniform(0.76, 0.92)), drift, colour, tuple(bounces))

    def _touches(self, ball: Ball) -> list[Contact]:
        """Touches of the floor that are in the clip and in the picture."""
        seen = []
        for bounce in ball.bounces[1:]:
            camera = _camera_at(self.cameras, bounce.time)
            x = camera.screen_x(bounce.x, bounce.time)
            if 0 <= bounce.time <= self.scene.duration and abs(x) <= 1:
                strength = min(1.0, bounce.impact / _FASTEST_BALL)
                seen.append(Contact(bounce.time, strength, x, min(1.0, 2 * ball.radius * camera.zoom)))
        return seen

    def _all_clear(self, ball: Ball) -> bool:
        """No touch at a cut, and none half in the picture."""
        for bounce in ball.bounces[1:]:
            camera = _camera_at(self.cameras, bounce.time)
            x = abs(camera.screen_x(bounce.x, bounce.time))
            radius = 2 * ball.radius * camera.zoom / self.scene.aspect
            half_seen = 1 - 1.3 * radius < x < 1 + 1.3 * radius
            if x < 1 and not self.scene.clear_of_edits(bounce.time):
                return False
            if half_seen and 0 <= bounce.time <= self.scene.duration:
                return False
        return True


_SHADING = tuple((1 - 0.92 * (step / 17) ** 0.8, 0.55 + 0.8 * step / 17) for step in range(18))
"""Circles that make a ball round: (share of its radius, brightness), outermost first."""


# ---- hammer


class Hammer:
    """A smith's hammer on an anvil: it falls ever faster, springs back, and is raised again."""

    hit_x, hit_y = -0.04, 0.62
    elbow: Point = (0.66, 0.60)

    def __init__(self, scene: Scene, cameras: list[Camera]) -> None:
        self.scene = scene
        self.cameras = cameras
        rng = np.random.default_rng([scene.seed, 5])
        self.times = _schedule(scene, rng, float(rng.uniform(-0.7, -0.2)), (0.5, 0.95))
        self.raised = rng.uniform(0.45, 1.05, len(self.times) + 1)  # radians that the arm is lifted before each blow
        self.sparks = [self._sparks(rng, raised) for raised in self.raised]

    def contacts(self) -> list[Contact]:
        seen = []
        for time, raised in zip(self.times, self.raised, strict=False):
            if 0 <= time < self.scene.duration:
                camera = _camera_at(self.cameras, time)
                x = camera.screen_x(self.hit_x, time)
                seen.append(Contact(time, float(raised / 1.05), x, min(1.0, 0.2 * camera.zoom)))
        return seen

    def lifted(self, time: float) -> float:
        """Angle of the arm above the anvil, radians."""
        index = int(np.searchsorted(self.times, time, side="right"))
        upcoming = self.times[min(index, len(self.times) - 1)]
        raised = float(self.raised[min(index, len(self.times) - 1)])
        fall = min(0.26, 0.16 + 0.1 * raised)
        if index == 0:
            return _falling(upcoming - time, fall, raised)
        after, gap = time - self.times[index - 1], upcoming - self.times[index - 1]
        if upcoming - time < fall:
            return _falling(upcoming - time, fall, raised)
        spring = 0.22 * float(self.raised[index - 1])
        lift_seconds = gap - fall
        share = min(1.0, after / lift_seconds)
        # leaves the anvil at once, pauses a little, then goes up to where the next blow begins
        rebound = spring * math.sin(min(1.0, share / 0.3) * math.pi / 2)
        rise = max(0.0, (share - 0.3) / 0.7)
        return rebound + (raised - spring) * rise * rise * (3 - 2 * rise)

    def draw(self, canvas: Canvas, time: float) -> None:
        self._draw_anvil(canvas)
        angle = self.lifted(time)
        index = int(np.searchsorted(self.times, time, side="right")) - 1
        if index >= 0:
            self._draw_sparks(canvas, index, time - self.times[index])
        self._draw_arm(canvas, angle)

    def _draw_anvil(self, canvas: Canvas) -> None:
        x, top = self.hit_x, self.hit_y + 0.02
        canvas.shadow((x, 0.93), 0.62, 0.5)
        canvas.polygon([(x - 0.13, 0.80), (x + 0.13, 0.80), (x + 0.15, 0.94), (x - 0.15, 0.94)], (48, 74, 104))
        canvas.polygon([(x - 0.15, 0.78), (x + 0.15, 0.78), (x + 0.13, 0.81), (x - 0.13, 0.81)], (62, 92, 126))
        canvas.polygon(
            [(x - 0.06, top + 0.05), (x + 0.06, top + 0.05), (x + 0.1, 0.785), (x - 0.1, 0.785)], (52, 50, 50)
        )
        canvas.polygon(
            [(x - 0.17, top), (x + 0.15, top), (x + 0.13, top + 0.075), (x - 0.1, top + 0.075)], (74, 70, 68)
        )
        canvas.polygon([(x - 0.29, top + 0.012), (x - 0.15, top), (x - 0.12, top + 0.06)], (74, 70, 68))
        canvas.limb((x - 0.15, top + 0.004), (x + 0.145, top + 0.004), 0.01, 0.01, (120, 116, 112))
        canvas.limb((x - 0.11, top - 0.01), (x + 0.07, top - 0.01), 0.02, 0.02, (50, 110, 235))
        canvas.limb((x - 0.05, top - 0.011), (x + 0.05, top - 0.011), 0.014, 0.014, (110, 190, 255))

    def _draw_arm(self, canvas: Canvas, angle: float) -> None:
        def turned(along: float, across: float) -> Point:
            """A point of the arm: so far from the elbow, so far above its axis."""
            cos, sin = math.cos(angle), math.sin(angle)
            return self.elbow[0] - along * cos + across * sin, self.elbow[1] - along * sin - across * cos

        reach = self.elbow[0] - self.hit_x
        drop = self.hit_y - self.elbow[1]
        canvas.limb((self.elbow[0] + 0.8, 0.3), turned(0, 0), 0.28, 0.12, (64, 60, 128))
        canvas.limb(turned(0, 0), turned(0.24, 0), 0.115, 0.075, (72, 68, 146))
        canvas.limb(turned(0.2, 0), turned(0.29, 0), 0.07, 0.065, (130, 164, 214))
        canvas.limb(turned(0.275, 0.01), turned(reach - 0.01, 0.01), 0.026, 0.022, (58, 98, 146))
        canvas.limb(turned(0.27, 0.016), turned(0.3, 0.0), 0.075, 0.06, (140, 174, 224))
        face, back = -drop, 0.105
        corners = [turned(reach - 0.055, face), turned(reach + 0.055, face)]
        canvas.polygon([*corners, turned(reach + 0.045, back), turned(reach - 0.045, back)], (82, 78, 74))
        canvas.polygon(
            [*corners, turned(reach + 0.055, face + 0.03), turned(reach - 0.055, face + 0.03)], (128, 124, 120)
        )

    def _sparks(self, rng: np.random.Generator, raised: float) -> NDArray[np.float64]:
        """Directions and speeds of what flies off: (count, 2), heights per second."""
        count = int(4 + 10 * raised)
        heading = rng.uniform(-math.pi, 0, count)
        speed = rng.uniform(0.5, 1.7, count) * (0.5 + raised / 2)
        return np.stack([np.cos(heading) * speed, np.sin(heading) * speed * 0.6], axis=1)

    def _draw_sparks(self, canvas: Canvas, index: int, after: float) -> None:
        if not 0 < after < _SPARK_SECONDS:
            return
        fade = 1 - after / _SPARK_SECONDS
        for vx, vy in self.sparks[index].tolist():
            start = (self.hit_x + vx * after, self.hit_y + vy * after + GRAVITY / 2 * after**2)
            end = (start[0] - vx * 0.012, start[1] - (vy + GRAVITY * after) * 0.012)
            canvas.limb(start, end, 0.008 * fade + 0.002, 0.003, (120, 200, 255))


_SPARK_SECONDS = 0.22


def _falling(left: float, fall: float, raised: float) -> float:
    """Angle with ``left`` seconds to go: from rest, ever faster."""
    return raised * (1 - (1 - min(1.0, left / fall)) ** 2)


# ---- footsteps


@dataclass(frozen=True)
class Step:
    time: float  # at which the heel meets the ground
    x: float  # of the ankle while the foot stands
    lift: float  # how high the foot goes on its way there
    facing: int  # 1 to the right, −1 to the left


class Footsteps:
    """Someone who walks to and fro."""

    ground = 0.88
    leg = 0.165  # thigh, and as much again below the knee
    airborne = 0.39  # share of the time from one step of a foot to its next

    def __init__(self, scene: Scene, cameras: list[Camera]) -> None:
        self.scene = scene
        self.cameras = cameras
        rng = np.random.default_rng([scene.seed, 6])
        self.reach = 0.62 * scene.aspect / 2
        self.phase = float(rng.uniform(0, 1))
        times = _schedule(scene, rng, -1.6 + float(rng.uniform(0, 0.4)), (0.46, 0.58))
        self.steps = [self._step(time, float(rng.uniform(0.03, 0.065))) for time in times]

    def contacts(self) -> list[Contact]:
        seen = []
        for step in self.steps:
            if 0 <= step.time < self.scene.duration:
                camera = _camera_at(self.cameras, step.time)
                x = camera.screen_x(step.x, step.time)
                strength = min(1.0, 0.3 + 8 * step.lift)
                seen.append(Contact(step.time, strength, x, min(1.0, 0.16 * camera.zoom), HitKind.STEP))
        return seen

    def body(self, time: float) -> tuple[float, int]:
        """Where the hips are, and which way they face: to and fro at one speed, with rounded turns."""
        cycle = (time * _WALK_SPEED / (4 * self.reach) + self.phase) % 1
        swing = math.sin(math.tau * cycle)
        return self.reach * math.asin(0.97 * swing) / math.asin(0.97), 1 if math.cos(math.tau * cycle) >= 0 else -1

    def draw(self, canvas: Canvas, time: float) -> None:
        x, facing = self.body(time)
        sway = self._stride_phase(time)
        hips = (x, self.ground - 0.352 + 0.01 * math.cos(2 * math.tau * sway))
        chest = (x + 0.012 * facing, hips[1] - 0.19)
        head = (chest[0] + 0.014 * facing, chest[1] - 0.085)
        canvas.shadow((x, self.ground + 0.015), 0.4, 0.5)
        far, near = (1, 0) if facing > 0 else (0, 1)
        # the arm swings against the leg of its side
        arm = 0.5 * math.cos(math.tau * sway) * facing
        self._draw_arm(canvas, chest, facing, arm, _FAR_SHIRT, _FAR_SKIN)
        self._draw_leg(canvas, hips, far, time, facing, _FAR_TROUSERS)
        self._draw_leg(canvas, hips, near, time, facing, _TROUSERS)
        canvas.limb(hips, chest, 0.085, 0.1, _SHIRT)
        canvas.limb(chest, head, 0.04, 0.04, _SKIN)
        canvas.circle(head, 0.052, _SKIN)
        canvas.circle((head[0] - 0.012 * facing, head[1] - 0.014), 0.047, _HAIR)
        canvas.circle((head[0] + 0.02 * facing, head[1] + 0.008), 0.034, _SKIN)
        self._draw_arm(canvas, chest, facing, -arm, _SHIRT, _SKIN)

    def foot(self, side: int, time: float) -> tuple[Point, float, int]:
        """Ankle, how far the toes point up (radians), and the way the foot faces."""
        own = self.steps[side::2]
        index = next((n for n, step in enumerate(own) if step.time > time), len(own) - 1)
        before, coming = own[max(0, index - 1)], own[index]
        span = coming.time - before.time
        leave = coming.time - span * self.airborne
        height = self.ground - _ANKLE
        if time < leave or span <= 0:
            settling = max(0.0, 1 - (time - before.time) / 0.05)
            rolling = min(1.0, max(0.0, (time - leave + 0.14) / 0.14))
            return (before.x, height - 0.022 * rolling**2), 0.38 * settling - 0.5 * rolling**2, before.facing
        share = (time - leave) / (coming.time - leave)
        eased = share * share * (3 - 2 * share)
        lift = coming.lift * math.sin(math.pi * share) + 0.022 * (1 - share) ** 2
        toes = -0.5 * (1 - share) ** 2 + 0.38 * share
        facing = coming.facing if share > 0.4 else before.facing
        return (before.x + (coming.x - before.x) * eased, height - lift), toes, facing

    def _step(self, time: float, lift: float) -> Step:
        _, facing = self.body(time)
        ahead, _ = self.body(time + 0.26)
        return Step(time, ahead, lift, facing)

    def _stride_phase(self, time: float) -> float:
        """Cycles of two steps so far."""
        times = [step.time for step in self.steps]
        return float(np.interp(time, times, np.arange(len(times)))) / 2

    def _draw_leg(self, canvas: Canvas, hips: Point, side: int, time: float, facing: int, colour: Colour) -> None:
        ankle, toes, foot_facing = self.foot(side, time)
        knee = _knee(hips, ankle, self.leg, facing)
        canvas.limb(hips, knee, 0.066, 0.05, colour)
        canvas.limb(knee, ankle, 0.05, 0.034, colour)
        heel = (ankle[0] - 0.02 * foot_facing, ankle[1] + _ANKLE - 0.014)
        tip = (
            heel[0] + 0.085 * math.cos(toes) * foot_facing,
            heel[1] - 0.085 * math.sin(toes) + 0.003,
        )
        canvas.polygon([(ankle[0] - 0.02, ankle[1]), (ankle[0] + 0.02, ankle[1]), tip, heel], _SHOE)
        canvas.limb(heel, tip, 0.028, 0.022, _SHOE)

    def _draw_arm(
        self, canvas: Canvas, shoulder: Point, facing: int, angle: float, sleeve: Colour, skin: Colour
    ) -> None:
        start = (shoulder[0], shoulder[1] + 0.012)
        elbow = (start[0] + 0.1 * math.sin(angle) * facing, start[1] + 0.1 * math.cos(angle))
        bend = angle + 0.35
        hand = (elbow[0] + 0.09 * math.sin(bend) * facing, elbow[1] + 0.09 * math.cos(bend))
        canvas.limb(start, elbow, 0.042, 0.036, sleeve)
        canvas.limb(elbow, hand, 0.034, 0.026, sleeve)
        canvas.circle(hand, 0.02, skin)


_WALK_SPEED = 0.4  # picture heights per second
_ANKLE = 0.036  # above the sole
_SHIRT, _FAR_SHIRT = (70, 92, 190), (52, 70, 148)
_TROUSERS, _FAR_TROUSERS = (112, 76, 48), (84, 56, 36)
_SKIN, _FAR_SKIN = (150, 182, 226), (118, 144, 184)
_HAIR, _SHOE = (34, 44, 58), (38, 36, 40)


def _knee(hip: Point, ankle: Point, bone: float, facing: int) -> Point:
    """Where two bones of one length meet, bent the way people bend."""
    dx, dy = ankle[0] - hip[0], ankle[1] - hip[1]
    apart = min(math.hypot(dx, dy), 2 * bone * 0.999)
    out = math.sqrt(bone**2 - (apart / 2) ** 2)
    length = math.hypot(dx, dy) or 1.0
    return hip[0] + dx / 2 + out * dy / length * facing, hip[1] + dy / 2 - out * dx / length * facing


SCENES: dict[str, Any] = {"balls": Balls, "hammer": Hammer, "footsteps": Footsteps}
