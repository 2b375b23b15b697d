"""A clip with a stem under it, as an MP4 to watch.

The picture's packets are copied untouched when the region begins on a keyframe and MP4 can hold the codec; otherwise
the region's pictures are encoded anew (H.264), each at its own time, or at another speed. The sound is AAC. Files
appear whole.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from footfall_bridge.errors import BadRequest, InvalidRange, MediaNotFound, NoAudio, UnreadableMedia
from footfall_bridge.timeline import TimeRange

from footfall_engine.media.video import probe
from footfall_engine.playback import Playback
from footfall_engine.progress import ProgressFn, no_progress

MP4_CODECS = {"h264", "hevc", "av1", "mpeg4", "vp9"}
SOUND_RATE = 48_000
SOUND_BIT_RATE = 256_000
FALLBACK_RATE = Fraction(25)  # of streams that do not say
MICROSECONDS = Fraction(1, 1_000_000)
H264_OPTIONS = {"preset": "veryfast", "crf": "18"}
TURNS = {90: 1, 180: 2, 270: 3}  # anticlockwise degrees of a frame's display matrix → np.rot90 turns

Packets = Iterator[Any]


def write_preview(
    clip: Path,
    sound: Path,
    target: Path,
    region: TimeRange,
    progress: ProgressFn = no_progress,
    speed: Fraction = Fraction(1),
) -> None:
    """Mux a recording onto the pictures of a region of `clip`; its first sample sounds at the region's start.

    The pictures are played `speed` times as fast as they were shot, the recording as it is.

    Raises
    ------
    MediaNotFound, UnreadableMedia, NoPicture, NoAudio, InvalidRange
    BadRequest
        `target` cannot be written.
    """
    import av

    if not sound.is_file():
        raise MediaNotFound(f"there is no stem {sound}")
    origin = probe(clip).origin
    part = target.with_name(f".{target.name}.part")
    try:
        with av.open(str(clip)) as film, av.open(str(sound)) as stem, _open_target(part) as preview:
            _write_streams(film, stem, preview, Playback(region.shifted(origin), speed), progress)
        part.replace(target)
    except av.error.FFmpegError as error:
        raise UnreadableMedia(f"no preview can be made of {clip} and {sound}: {error}", detail=repr(error)) from error
    finally:
        part.unlink(missing_ok=True)


def _open_target(part: Path) -> Any:
    import av

    try:
        part.touch()
    except OSError as error:
        raise BadRequest(f"the preview cannot be written to {part.parent}: {error.strerror}") from error
    return av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"})


def _write_streams(film: Any, stem: Any, preview: Any, playback: Playback, progress: ProgressFn) -> None:
    """The region counts in the film's own time, whose 0 need not be its first picture."""
    if not stem.streams.audio:
        raise NoAudio(f"{stem.name} holds no sound")
    stream = film.streams.video[0]
    stream.thread_type = "AUTO"
    picture = copied_picture(film, stream, preview, playback) or encoded_picture(film, stream, preview, playback)
    pictures, duration = 0, float(playback.duration)
    for packet, seconds in interleaved(picture, encoded_sound(stem, preview, duration)):
        pictures += packet.stream.type == "video"
        preview.mux(packet)
        progress(min(1.0, max(0.0, seconds / duration)))
    if not pictures:
        raise InvalidRange(f"{film.name} has no pictures in {playback.region}")


def interleaved(picture: Packets, audio: Packets) -> Iterator[tuple[Any, float]]:
    """Packets of both streams in order of decoding time, which keeps what the muxer must hold small."""

    def timed(packets: Packets) -> Iterator[tuple[float, Any]]:
        for packet in packets:
            yield float((packet.dts if packet.dts is not None else packet.pts) * packet.time_base), packet

    for seconds, packet in heapq.merge(timed(picture), timed(audio), key=lambda pair: pair[0]):
        yield packet, seconds


# ---- picture


def copied_picture(film: Any, stream: Any, preview: Any, playback: Playback) -> Packets | None:
    """The region's packets as they are, or None when they must be encoded anew."""
    region = playback.region
    if stream.codec.canonical_name not in MP4_CODECS or playback.speed != 1:
        return None
    first = _keyframe_before(film, stream, region.start)
    half_frame = 1 / (2 * (stream.average_rate or FALLBACK_RATE))
    if first is None or abs(first.pts * stream.time_base - region.start) > half_frame:
        return None
    copy = preview.add_stream_from_template(stream)
    return _copied_packets(film, stream, copy, first.pts, round(region.end / stream.time_base))


def _copied_packets(film: Any, stream: Any, copy: Any, zero: int, stop: int) -> Packets:
    """Packets of pictures in [zero, stop), and those that such pictures are predicted from."""
    _seek(film, stream, zero * stream.time_base)
    beyond: list[Any] = []  # pictures past the end: needed only if an earlier picture follows them
    for packet in film.demux(stream):
        if packet.dts is None or packet.pts is None or packet.pts < zero:
            continue
        if packet.dts >= stop:
            break
        beyond.append(packet)
        if packet.pts < stop:
            for kept in beyond:
                yield _shifted(kept, zero, copy)
            beyond = []


def _shifted(packet: Any, by: int, copy: Any) -> Any:
    packet.pts -= by
    packet.dts -= by
    packet.stream = copy
    return packet


def encoded_picture(film: Any, stream: Any, preview: Any, playback: Playback) -> Packets:
    """The region's pictures as H.264, turned upright, at the times at which they are played."""
    _seek(film, stream, playback.region.start)
    frames = ((time / playback.speed, frame) for time, frame in _region_frames(film, stream, playback.region))
    first = next(frames, None)
    if first is None:
        return iter(())
    encoder = preview.add_stream("libx264", rate=stream.average_rate or FALLBACK_RATE, options=dict(H264_OPTIONS))
    image = _upright(first[1])
    encoder.width, encoder.height = image.width // 2 * 2, image.height // 2 * 2
    encoder.pix_fmt = "yuv420p"
    encoder.codec_context.sample_aspect_ratio = _pixel_aspect(stream, first[1])
    encoder.time_base = encoder.codec_context.time_base = MICROSECONDS
    return _encoded_packets(encoder, itertools.chain([first], frames))


def _encoded_packets(encoder: Any, frames: Iterator[tuple[Fraction, Any]]) -> Packets:
    for time, frame in frames:
        image = _upright(frame).reformat(width=encoder.width, height=encoder.height, format="yuv420p")
        image.pts, image.time_base = round(time / MICROSECONDS), MICROSECONDS
        image.pict_type = 0  # the encoder places its own keyframes
        yield from encoder.encode(image)
    yield from encoder.encode(None)


def _region_frames(film: Any, stream: Any, region: TimeRange) -> Iterator[tuple[Fraction, Any]]:
    """(time in the region, frame), the picture that is on screen at its start first."""
    shown = None  # the latest picture before the region
    for frame in film.decode(stream):
        if frame.pts is None:
            continue
        time = frame.pts * frame.time_base - region.start
        if time >= region.duration:
            break
        if time <= 0:
            shown = frame
            continue
        if shown is not None:
            yield Fraction(0), shown
            shown = None
        yield time, frame
    if shown is not None:
        yield Fraction(0), shown


def _seek(film: Any, stream: Any, time: Fraction) -> None:
    film.seek(round(time / stream.time_base), stream=stream, backward=True, any_frame=False)


def _keyframe_before(film: Any, stream: Any, time: Fraction) -> Any:
    """Packet of the keyframe at or before `time`, to look at."""
    _seek(film, stream, time)
    return next((packet for packet in film.demux(stream) if packet.pts is not None), None)


def _turns(frame: Any) -> int:
    """Quarter turns anticlockwise that a frame is to be seen after."""
    return TURNS.get(round(frame.rotation) % 360, 0)


def _pixel_aspect(stream: Any, frame: Any) -> Fraction:
    """Width of a pixel for its height, once the frame is upright; 1 of a stream that does not say."""
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    return 1 / aspect if _turns(frame) % 2 else aspect


def _upright(frame: Any) -> Any:
    """The frame as it is meant to be seen."""
    import av

    turns = _turns(frame)
    if not turns:
        return frame
    image = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))
    return av.VideoFrame.from_ndarray(image, format="rgb24")


# ---- sound


def encoded_sound(stem: Any, preview: Any, duration: float) -> Packets:
    """The stem as AAC packets; the encoder's priming lies before 0 s and is cut by the file's edit list."""
    layout = "mono" if stem.streams.audio[0].channels == 1 else "stereo"
    encoder = preview.add_stream("aac", rate=SOUND_RATE, layout=layout)
    encoder.bit_rate = SOUND_BIT_RATE
    return _sound_packets(stem, encoder, layout, round(duration * SOUND_RATE))


def _sound_packets(stem: Any, encoder: Any, layout: str, samples: int) -> Packets:
    import av

    converter = av.AudioResampler(format="fltp", layout=layout, rate=SOUND_RATE)
    written = 0
    for source in itertools.chain(stem.decode(audio=0), [None]):
        for frame in converter.resample(source):
            if written >= samples:
                break
            frame.pts, frame.time_base = written, Fraction(1, SOUND_RATE)
            written += frame.samples
            yield from encoder.encode(frame)
    yield from encoder.encode(None)
