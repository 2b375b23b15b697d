"""A clip with a stem under it, as an MP4 to watch.

The picture's packets are copied untouched when the region begins on a keyframe and MP4 can hold the codec; otherwise
the region's pictures are encoded anew (H.264), each at its own time. The sound is AAC. Files appear whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from footfall_bridge.errors import EngineFault, InvalidRange, MediaNotFound, NoPicture, UnreadableMedia

from footfall_engine.progress import ProgressFn, no_progress

if TYPE_CHECKING:
    from footfall_engine.models.base import Recording

MP4_CODECS = {"h264", "hevc", "av1", "mpeg4", "vp9"}
AAC_RATES = (48_000, 44_100, 96_000, 88_200, 32_000)
AUDIO_BIT_RATE = 256_000
AUDIO_CHUNK = 65_536  # samples handed to the encoder at once
MICROSECONDS = Fraction(1, 1_000_000)
H264_OPTIONS = {"preset": "veryfast", "crf": "18"}
TURNS = {90: 1, 180: 2, 270: 3}  # anticlockwise degrees of a frame's display matrix → np.rot90 turns

Packets = Iterator[Any]


def write_preview(
    clip: Path, sound: Recording, target: Path, start: Fraction, end: Fraction, progress: ProgressFn = no_progress
) -> None:
    """Mux `sound` onto the pictures of [start, end) of `clip`; its first sample sounds at `start`.

    Raises
    ------
    MediaNotFound, UnreadableMedia, NoPicture, InvalidRange
    EngineFault
        `target` cannot be written.
    """
    import av

    if not clip.is_file():
        raise MediaNotFound(f"there is no clip {clip}")
    part = target.with_name(f".{target.name}.part")
    try:
        with av.open(str(clip)) as source, _open_target(part) as film:
            _write_streams(source, film, sound, start, end, progress)
        part.replace(target)
    except av.error.FFmpegError as error:
        raise UnreadableMedia(f"no preview can be made of {clip}: {error}", detail=repr(error)) from error
    finally:
        part.unlink(missing_ok=True)


def _open_target(part: Path) -> Any:
    import av

    try:
        part.touch()
    except OSError as error:
        raise EngineFault(f"the preview cannot be written to {part.parent}: {error.strerror}") from error
    return av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"})


def _write_streams(
    source: Any, film: Any, sound: Recording, start: Fraction, end: Fraction, progress: ProgressFn
) -> None:
    if not source.streams.video:
        raise NoPicture(f"{source.name} has no picture")
    stream = source.streams.video[0]
    stream.thread_type = "AUTO"
    picture = copied_picture(source, film, stream, start, end) or encoded_picture(source, film, stream, start, end)
    audio = encoded_sound(film, sound)
    pictures = 0
    for packet, seconds in interleaved(picture, audio):
        pictures += packet.stream.type == "video"
        film.mux(packet)
        progress(min(1.0, max(0.0, seconds / float(end - start))))
    if not pictures:
        raise InvalidRange(f"{source.name} has no pictures between {float(start):g} s and {float(end):g} s")


def interleaved(picture: Packets, audio: Packets) -> Iterator[tuple[Any, float]]:
    """Packets of both streams in order of decoding time, which keeps what the muxer must hold small."""
    import heapq

    def timed(packets: Packets) -> Iterator[tuple[float, Any]]:
        for packet in packets:
            yield float((packet.dts if packet.dts is not None else packet.pts) * packet.time_base), packet

    for seconds, packet in heapq.merge(timed(picture), timed(audio), key=lambda pair: pair[0]):
        yield packet, seconds


# ---- picture


def copied_picture(source: Any, film: Any, stream: Any, start: Fraction, end: Fraction) -> Packets | None:
    """The region's packets as they are, or None when they must be encoded anew."""
    if stream.codec_context.name not in MP4_CODECS and stream.codec.canonical_name not in MP4_CODECS:
        return None
    origin = stream_origin(stream)
    first = _keyframe_before(source, stream, start + origin)
    tick = stream.time_base
    rate = stream.average_rate or Fraction(25)
    if first is None or first.pts is None or abs(first.pts * tick - origin - start) > 1 / (2 * rate):
        return None
    copy = film.add_stream_from_template(stream)
    return _copied_packets(source, stream, copy, first.pts, round((end + origin) / tick))


def _copied_packets(source: Any, stream: Any, copy: Any, zero: int, stop: int) -> Packets:
    """Packets of pictures in [zero, stop), and those that such pictures are predicted from."""
    _seek(source, stream, zero * stream.time_base)
    beyond: list[Any] = []  # pictures past the end: needed only if an earlier picture follows them
    for packet in source.demux(stream):
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


def encoded_picture(source: Any, film: Any, stream: Any, start: Fraction, end: Fraction) -> Packets:
    """The region's pictures as H.264, turned upright, at their own times."""
    upright = _upright(stream)
    _seek(source, stream, start + stream_origin(stream))
    frames = _region_frames(source, stream, start, end)
    try:
        first = next(frames)
    except StopIteration:
        return iter(())
    encoder = film.add_stream("libx264", rate=stream.average_rate or 25, options=dict(H264_OPTIONS))
    image = upright(first[1])
    encoder.width, encoder.height = image.width // 2 * 2, image.height // 2 * 2
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = encoder.codec_context.time_base = MICROSECONDS
    return _encoded_packets(encoder, first, frames, upright)


def _encoded_packets(
    encoder: Any, first: tuple[Fraction, Any], frames: Iterator[tuple[Fraction, Any]], upright: Callable[[Any], Any]
) -> Packets:
    import itertools

    for time, frame in itertools.chain([first], frames):
        image = upright(frame).reformat(width=encoder.width, height=encoder.height, format="yuv420p")
        image.pts, image.time_base = round(time / MICROSECONDS), MICROSECONDS
        image.pict_type = 0
        yield from encoder.encode(image)
    yield from encoder.encode(None)


def _region_frames(source: Any, stream: Any, start: Fraction, end: Fraction) -> Iterator[tuple[Fraction, Any]]:
    """(time since `start`, frame) of the region, the picture on screen at `start` first."""
    origin = stream_origin(stream)
    shown = None  # the latest picture before the region
    for frame in source.decode(stream):
        if frame.pts is None:
            continue
        time = frame.pts * frame.time_base - origin - start
        if time >= end - start:
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


def stream_origin(stream: Any) -> Fraction:
    """Time of the stream's first picture, which counts as 0 s of the clip."""
    return Fraction((stream.start_time or 0) * stream.time_base)


def _seek(source: Any, stream: Any, time: Fraction) -> None:
    source.seek(round(time / stream.time_base), stream=stream, backward=True, any_frame=False)


def _keyframe_before(source: Any, stream: Any, time: Fraction) -> Any:
    """Packet of the keyframe at or before `time`, to look at."""
    _seek(source, stream, time)
    return next((packet for packet in source.demux(stream) if packet.pts is not None), None)


def _upright(stream: Any) -> Callable[[Any], Any]:
    def turn(frame: Any) -> Any:
        import av

        turns = TURNS.get(int(getattr(frame, "rotation", 0)) % 360, 0)
        if not turns:
            return frame
        image = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))
        return av.VideoFrame.from_ndarray(image, format="rgb24")

    return turn


# ---- sound


def encoded_sound(film: Any, sound: Recording) -> Packets:
    """The stem as AAC packets; the encoder's priming lies before 0 s and is cut by the file's edit list."""
    rate = sound.sample_rate
    samples = np.ascontiguousarray(np.clip(sound.samples, -1, 1), dtype=np.float32)
    if rate not in AAC_RATES:
        import soxr

        samples, rate = np.ascontiguousarray(soxr.resample(samples.T, rate, AAC_RATES[0]).T), AAC_RATES[0]
    encoder = film.add_stream("aac", rate=rate, layout="mono" if len(samples) == 1 else "stereo")
    encoder.bit_rate = AUDIO_BIT_RATE
    return _sound_packets(encoder, samples, rate)


def _sound_packets(encoder: Any, samples: np.ndarray, rate: int) -> Packets:
    import av

    for at in range(0, samples.shape[1], AUDIO_CHUNK):
        chunk = np.ascontiguousarray(samples[:, at : at + AUDIO_CHUNK])
        frame = av.AudioFrame.from_ndarray(chunk, format="fltp", layout=encoder.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        yield from encoder.encode(frame)
    yield from encoder.encode(None)
