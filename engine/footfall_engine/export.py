"""Stems and their pictures as a timeline file, for editors that have no scripting.

OpenTimelineIO (.otio) keeps a stem on its very sample. FCP7 XML (.xml) counts in whole frames, so a stem that starts
between two frames is refused there, not moved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from footfall_bridge.errors import BadRequest, InvalidRange
from footfall_bridge.timeline import to_units

from footfall_engine.extras import how_to_install
from footfall_engine.media import video, wav
from footfall_engine.results import written_whole


@dataclass(frozen=True)
class Shot:
    """A stretch of a clip and where it stands on the timeline; all times in exact seconds."""

    clip: Path
    clip_duration: Fraction
    source_in: Fraction
    position: Fraction
    duration: Fraction
    frame_rate: Fraction
    speed: Fraction = Fraction(1)  # at which the clip is played

    @property
    def end(self) -> Fraction:
        return self.position + self.duration


HALF_SAMPLE = Fraction(1, 2 * 48_000)  # seconds: as far as a frame's nearest sample lies from it

Clock = Callable[[Fraction], Any]
"""Seconds → the time as an `opentime.RationalTime` of one rate."""


def export(stems: Sequence[Path], target: Path, clip: Path | None = None, start: Fraction = Fraction(0)) -> list[str]:
    """Write a timeline that begins at `start` (seconds) with every stem at its time reference, over its picture.

    `clip` says where the picture is now, if it has moved. Returns sentences about what the format could not hold.
    BadRequest for a format that is not known, InvalidRange for a stem that the format cannot place.
    """
    formats = {".otio": _write_otio, ".xml": _write_fcp7}
    if target.suffix.lower() not in formats:
        raise BadRequest(f"{target.name} is no timeline that can be written; name it .otio or .xml (FCP7)")
    if find_spec("opentimelineio") is None:
        raise BadRequest(f"timelines are written by OpenTimelineIO, which is not here; {how_to_install('export')}")
    sounds = [wav.read_facts(stem) for stem in stems]
    shots = list(dict.fromkeys(shot_of(sound, clip) for sound in sounds))
    early = next((sound for sound in sounds if _position(sound) < start), None)
    if early is not None:
        raise InvalidRange(f"{early.path.name} stands at {float(_position(early)):g} s, before the timeline's start")
    return formats[target.suffix.lower()](sounds, shots, start, target)


def shot_of(sound: wav.StemFacts, clip: Path | None) -> Shot:
    """The picture that a stem was made for."""
    asked = sound.provenance["request"]
    film = Path(asked["video"]) if clip is None else clip
    speed = Fraction(str(asked.get("speed", 1)))
    source_in, source_out = Fraction(asked["in"]), Fraction(asked["out"])
    return Shot(
        clip=film.absolute(),
        clip_duration=video.probe(film).duration,
        source_in=source_in,
        position=_position(sound),
        duration=(source_out - source_in) / speed,
        frame_rate=Fraction(asked["frame_rate"]),
        speed=speed,
    )


def _position(sound: wav.StemFacts) -> Fraction:
    return Fraction(sound.position, sound.sample_rate)


# ---- the two formats


def _write_otio(sounds: list[wav.StemFacts], shots: list[Shot], start: Fraction, target: Path) -> list[str]:
    picture_clock, sound_clock = _rational(shots[0].frame_rate), _rational(Fraction(sounds[0].sample_rate))
    _write(_timeline(sounds, shots, start, picture_clock, sound_clock), target, "otio_json")
    return []


def _write_fcp7(sounds: list[wav.StemFacts], shots: list[Shot], start: Fraction, target: Path) -> list[str]:
    rate = shots[0].frame_rate
    for sound in sounds:
        _check_on_frame(sound.path.name, _position(sound), rate)
    for shot in shots:
        _check_on_frame(shot.clip.name, shot.source_in, rate)
        if shot.speed != 1:
            raise InvalidRange(f"{shot.clip.name} plays at {float(shot.speed):g} × here; write .otio, which can say so")
    _write(_timeline(sounds, shots, start, _whole_frames(rate), _whole_frames(rate)), target, "fcp_xml")
    return [
        f"{sound.path.name}: its last {float(rest) * 1000:.1f} ms are less than a frame and left out"
        for sound in sounds
        if (rest := _beyond_its_frames(Fraction(sound.samples, sound.sample_rate), rate)) > HALF_SAMPLE
    ]


def _beyond_its_frames(length: Fraction, rate: Fraction) -> Fraction:
    """Seconds of a stem after its last whole frame, whose end is the nearest sample to it."""
    return length - int((length + HALF_SAMPLE) * rate) / rate


def _check_on_frame(name: str, time: Fraction, rate: Fraction) -> None:
    """A stem's position is a whole sample, so it is on a frame when it is that frame's nearest sample."""
    frame = to_units(time, rate)
    if abs(Fraction(frame) / rate - time) > HALF_SAMPLE:
        raise InvalidRange(
            f"{name} is at frame {float(time * rate):.3f}, and FCP7 XML has whole frames only; write .otio instead"
        )


def _write(timeline: Any, target: Path, adapter: str) -> None:
    import opentimelineio

    with written_whole(target, "timeline") as part:
        part.write_text(opentimelineio.adapters.write_to_string(timeline, adapter), encoding="utf-8")


def _rational(rate: Fraction) -> Clock:
    from opentimelineio.opentime import RationalTime

    return lambda time: RationalTime(float(time * rate), float(rate))


def _whole_frames(rate: Fraction) -> Clock:
    from opentimelineio.opentime import RationalTime

    return lambda time: RationalTime(int((time + HALF_SAMPLE) * rate), float(rate))


# ---- the timeline


def _timeline(
    sounds: list[wav.StemFacts], shots: list[Shot], start: Fraction, picture_clock: Clock, sound_clock: Clock
) -> Any:
    from opentimelineio import schema

    timeline = schema.Timeline("Footfall", global_start_time=picture_clock(start))
    pictures = [(shot.position, shot.end, _picture_clip(shot, picture_clock)) for shot in shots]
    stems = [(_position(sound), _end(sound), _sound_clip(sound, sound_clock)) for sound in sounds]
    for kind, clips, clock in (("Video", pictures, picture_clock), ("Audio", stems, sound_clock)):
        for number, lane in enumerate(_lanes(clips), start=1):
            timeline.tracks.append(_track(f"{kind} {number}", kind, lane, start, clock))
    return timeline


def _end(sound: wav.StemFacts) -> Fraction:
    return _position(sound) + Fraction(sound.samples, sound.sample_rate)


Spot = tuple[Fraction, Fraction, Any]
"""(from, until, clip), in seconds of the timeline."""


def _lanes(spots: Sequence[Spot]) -> list[list[Spot]]:
    """As few tracks as hold everything without an overlap, each in order of time; variants keep their order."""
    lanes: list[list[Spot]] = []
    for spot in sorted(spots, key=lambda spot: spot[0]):
        lane = next((lane for lane in lanes if lane[-1][1] <= spot[0]), None)
        if lane is None:
            lanes.append(lane := [])
        lane.append(spot)
    return lanes


def _track(name: str, kind: str, lane: list[Spot], start: Fraction, clock: Clock) -> Any:
    from opentimelineio import schema

    track = schema.Track(name, kind=kind)
    at = clock(start)
    for begin, end, clip in lane:
        if clock(begin) > at:
            track.append(schema.Gap(duration=clock(begin) - at))
        track.append(clip)
        at = clock(end)
    return track


def _picture_clip(shot: Shot, clock: Clock) -> Any:
    from opentimelineio import schema

    source = _range(clock, shot.source_in, shot.source_in + shot.duration)
    clip = schema.Clip(shot.clip.stem, _reference(shot.clip, clock, shot.clip_duration), source)
    if shot.speed != 1:
        clip.effects.append(schema.LinearTimeWarp("speed", time_scalar=float(shot.speed)))
    return clip


def _sound_clip(sound: wav.StemFacts, clock: Clock) -> Any:
    from opentimelineio import schema

    length = Fraction(sound.samples, sound.sample_rate)
    return schema.Clip(
        sound.path.stem,
        _reference(sound.path.absolute(), clock, length),
        _range(clock, Fraction(0), length),
        metadata={"footfall": {"prompt": sound.provenance["prompt"], "seed": sound.provenance["seed"]}},
    )


def _reference(path: Path, clock: Clock, length: Fraction) -> Any:
    from opentimelineio import schema

    return schema.ExternalReference(path.as_uri(), _range(clock, Fraction(0), length))


def _range(clock: Clock, begin: Fraction, end: Fraction) -> Any:
    from opentimelineio.opentime import TimeRange

    return TimeRange(clock(begin), clock(end) - clock(begin))
