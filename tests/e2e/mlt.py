"""MLT, which Kdenlive and Shotcut are made around: an editor that counts in whole frames, as Resolve does.

Its Python module is Debian's, so a project is written by Debian's Python; `melt` renders it. Of MLT 7.12's starts on a
busy machine some fail: its thread looks whether it shall run before it was told so, and ends; `melt` then waits for it
for ever, or leaves, with an empty file. Such a start is known by that, and made again.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil

from tests.waiting import wait_until

HERE = Path(__file__).parent
MELT, SYSTEM_PYTHON = "melt", "/usr/bin/python3"
RENDERED_WITHIN = 120.0  # seconds
STARTS = 10
LOSSLESS = ("f=matroska", "vcodec=ffv1", "acodec=pcm_s24le", "ar=48000", "ac=2")
EVERY_FRAME = ("real_time=-1", "terminate_on_pause=1")


def missing_parts() -> list[str]:
    missing = [] if shutil.which(MELT) else [MELT]
    if (
        not Path(SYSTEM_PYTHON).exists()
        or subprocess.run([SYSTEM_PYTHON, "-c", "import mlt7"], capture_output=True).returncode
    ):
        missing.append("python3-mlt")
    return missing


@dataclass(frozen=True)
class Clip:
    """[first, end) of a file, in frames of the project, from a frame of the timeline on."""

    path: str
    frame: int
    first: int
    end: int


@dataclass(frozen=True)
class Rendered:
    pictures: np.ndarray  # (frames, height, width), uint8, luma
    sound: np.ndarray  # (samples, channels), float64 in [-1, 1]


def render(folder: Path, rate: Fraction, size: tuple[int, int], pictures: list[Clip], sounds: list[Clip]) -> Rendered:
    """Write the clips as a project beside each other and let MLT play it."""
    folder.mkdir(exist_ok=True)
    tracks = [{"kind": kind, "clips": [asdict(clip) for clip in sorted(clips, key=lambda clip: clip.frame)]}
              for kind, clips in (("video", pictures), ("audio", sounds))]  # fmt: skip
    plan = {"rate": [rate.numerator, rate.denominator], "size": size, "tracks": tracks}
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    project, film = folder / "project.mlt", folder / "rendered.mkv"
    run(SYSTEM_PYTHON, HERE / "write_project.py", folder / "plan.json", project)
    assert any(melt(project, film) for _ in range(STARTS)), f"melt has rendered nothing in {STARTS} starts"
    return Rendered(read_pictures(film), read_sound(film))


def run(*command: str | Path) -> None:
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=RENDERED_WITHIN, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{command[0]} failed: {done.stderr[-2000:]}"


def melt(project: Path, film: Path) -> bool:
    """Render a project; whether anything came of this start."""
    film.unlink(missing_ok=True)
    log = film.with_suffix(".log")
    with log.open("w") as said:
        process = subprocess.Popen(
            [MELT, str(project), "-silent", "-consumer", f"avformat:{film}", *LOSSLESS, *EVERY_FRAME],
            stdin=subprocess.DEVNULL, stdout=said, stderr=said,
        )  # fmt: skip
    try:
        wait_until(
            lambda: process.poll() is not None or (is_alone(process.pid) and is_empty(film)),
            lambda: f"melt still renders: {log.read_text()[-2000:]}",
            RENDERED_WITHIN,
        )
        assert not process.returncode, f"melt failed: {log.read_text()[-2000:]}"
    finally:
        process.kill()
        process.wait()
    return film.exists() and not is_empty(film)


def is_alone(pid: int) -> bool:
    """Whether a process has only its main thread."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).num_threads() == 1
    return False


def is_empty(film: Path) -> bool:
    """Whether it was begun, which MLT's own thread does, and nothing was written."""
    return film.exists() and film.stat().st_size == 0


def read_pictures(film: Path) -> np.ndarray:
    with av.open(str(film)) as container:
        return np.stack([picture.to_ndarray(format="gray") for picture in container.decode(video=0)])


def read_sound(film: Path) -> np.ndarray:
    with av.open(str(film)) as container:
        blocks = [block.to_ndarray().reshape(-1, 2) for block in container.decode(audio=0)]  # packed s32
    return np.concatenate(blocks) / 2.0**31
