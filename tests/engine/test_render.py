"""From request to stem, with the real analysis, model and files."""

from __future__ import annotations

import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footfall_bridge import messages
from footfall_bridge.errors import (
    BadRequest,
    DiskFull,
    FootfallError,
    InvalidRange,
    JobCancelled,
    MediaNotFound,
    NoAudioDevice,
    NoPicture,
    NotAStem,
    StemFolderUnusable,
    UnknownModel,
    UnreadableMedia,
)
from footfall_bridge.messages import Hit, Message
from footfall_engine import contacts, engine
from footfall_engine.config import Settings
from footfall_engine.media import wav
from footfall_engine.media.audio import read_recording
from footfall_engine.media.ceiling import CEILING_DBTP, true_peak_db

from tests.engine.here import done, pcm_of, stems_of

RATE = 48_000
Run = Callable[..., list[Message]]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "balls.mp4"
    contacts.render_clip(path, contacts.Scene(duration=4.0, width=320, height=180, sound=True))
    return path


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.load({"FOOTFALL_HOME": str(tmp_path_factory.mktemp("home"))})


@pytest.fixture
def run(settings: Settings) -> Run:
    """Does a job here and returns its events; raises what it failed with."""

    return lambda request, cancelled=None: done(request, settings, cancelled)


@pytest.fixture
def ask(clip: Path, tmp_path: Path) -> Callable[..., messages.Generate]:
    def request(**changes: Any) -> messages.Generate:
        fields = {"video": str(clip), "stem_folder": str(tmp_path), "prompt": "wood knock", "seed": 1, **changes}
        return messages.parse_request({"type": "generate", **fields})

    return request


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("start", "end"), [(0, None), (0.5, 2.25), ("1001/1000", "3003/1000"), ("00:00:01:00", "50f")])
def test_a_stem_is_as_long_as_its_region_to_the_sample(run: Run, ask: Any, channels: int, start: Any, end: Any):
    (stem,) = stems_of(run(ask(**{"in": start, "out": end}, channels=channels)))
    seconds = {0: 4, 0.5: Fraction(7, 4), "1001/1000": Fraction(2002, 1000), "00:00:01:00": 1}[start]
    assert stem.samples == round(seconds * RATE)
    audio = pcm_of(stem)
    assert audio.shape == (channels, stem.samples)
    assert np.abs(audio).max() > 0


def test_stems_are_announced_one_by_one_and_each_is_there_when_it_is(settings: Settings, ask: Any):
    there: list[bool] = []
    order: list[str] = []

    def hear(event: Message) -> None:
        order.append(event.type)
        if isinstance(event, messages.Stem):
            there.append(Path(event.path).is_file())

    engine.run_in_process(ask(variants=3), hear, settings, threading.Event())
    assert there == [True] * 3
    assert order[0] == "queued" and order[-1] == "done" and order.count("stem") == 3


def test_the_same_seed_gives_the_same_samples_and_another_one_others(run: Run, ask: Any):
    first, again, other = (stems_of(run(ask(seed=seed)))[0] for seed in (5, 5, 6))
    assert np.array_equal(pcm_of(first), pcm_of(again))
    assert not np.array_equal(pcm_of(first), pcm_of(other))


def test_variants_count_up_from_the_seed(run: Run, ask: Any):
    stems = stems_of(run(ask(seed=5, variants=2)))
    assert [(stem.variant, stem.seed) for stem in stems] == [(1, 5), (2, 6)]
    assert np.array_equal(pcm_of(stems[1]), pcm_of(stems_of(run(ask(seed=6)))[0]))


def test_loud_layers_stay_under_the_ceiling(run: Run, ask: Any):
    (stem,) = stems_of(run(ask(prompt="very loud explosion, very loud gunshot, very loud thunder, loud engine")))
    assert true_peak_db(wav.to_float(pcm_of(stem))) <= CEILING_DBTP + 0.05


def test_the_file_says_how_it_was_made_and_where_it_belongs(run: Run, ask: Any):
    (stem,) = stems_of(run(ask(**{"in": 1, "out": 2}, position="01:00:00:00", frame_rate=25)))
    facts = wav.read_facts(Path(stem.path))
    assert facts.position == stem.start == 3600 * RATE
    assert facts.provenance["note"] == "synthetic sound"
    assert (facts.provenance["prompt"], facts.provenance["seed"], facts.provenance["model"]) == (
        "wood knock",
        1,
        "procedural",
    )


def test_a_region_in_the_middle_keeps_its_place_on_the_timeline(run: Run, ask: Any):
    assert stems_of(run(ask(**{"in": 1.5, "out": 2})))[0].start == round(1.5 * RATE)


def test_the_users_own_events_replace_the_found_ones(run: Run, ask: Any):
    times = [0.5, 1.25, 2.0]
    (stem,) = stems_of(run(ask(events=[Hit(time=time).model_dump() for time in times], channels=1)))
    level = np.abs(wav.to_float(pcm_of(stem))[0])
    for time in times:
        at = round(time * RATE)
        assert level[at - 480 : at].max() < 0.05 * level[at : at + 2400].max(), f"nothing starts at {time} s"


def test_an_event_past_the_end_is_said(run: Run, ask: Any):
    events = run(ask(events=[{"time": 0.5}, {"time": 99}]))
    (warning,) = [event for event in events if isinstance(event, messages.Warned)]
    assert warning.code == "events_outside" and "99 s" in warning.message


def test_a_control_that_the_model_ignores_is_said(run: Run, ask: Any):
    events = run(ask(steps=30, guidance=4.5))
    said = [event.message for event in events if isinstance(event, messages.Warned)]
    assert any("number of steps" in sentence for sentence in said) and any(
        "guidance scale" in sentence for sentence in said
    )


def test_an_unknown_word_is_said_and_the_rest_sounds(run: Run, ask: Any):
    events = run(ask(prompt="wood knock, flurbling zorkon"))
    assert any("flurbling" in event.message for event in events if isinstance(event, messages.Warned))
    assert np.abs(pcm_of(stems_of(events)[0])).max() > 0


def test_spot_tells_the_events_of_the_region(run: Run, clip: Path):
    (spotted,) = [e for e in run(messages.Spot(video=str(clip))) if isinstance(e, messages.Spotted)]
    assert spotted.duration == pytest.approx(4.0)
    truth = contacts.contacts_of(contacts.Scene(duration=4.0, width=320, height=180))
    found = [contact for contact in truth if min(abs(contact.time - hit.time) for hit in spotted.events) < 0.04]
    assert len(truth) > 2
    assert len(found) >= 0.8 * len(truth), f"{len(found)} of {len(truth)} contacts"


def test_a_long_region_in_windows_is_as_long_as_it_should_be_and_has_no_gaps(run: Run, ask: Any, tmp_path: Path):
    long = tmp_path / "long.mp4"
    contacts.render_long_clip(long, 1.2, contacts.Scene(duration=4.0, width=160, height=90))
    (stem,) = stems_of(run(ask(video=str(long), prompt="rain", **{"out": 65.5})))
    audio = wav.to_float(pcm_of(stem))
    assert audio.shape == (2, round(65.5 * RATE))
    block_levels = np.sqrt((audio[:, : 65 * RATE].reshape(2, -1, RATE // 10) ** 2).mean(axis=(0, 2)))
    assert block_levels.min() > 0.3 * np.median(block_levels), "the rain stops somewhere"
    assert block_levels.max() < 3 * np.median(block_levels)


# ---- regenerate


@pytest.fixture
def old(run: Run, ask: Any) -> messages.Stem:
    return stems_of(run(ask(prompt="rain, wood knock")))[0]


def again(old: messages.Stem, folder: Path, **changes: Any) -> messages.Regenerate:
    fields = {"stem": old.path, "in": 1.0, "out": 2.5, "stem_folder": str(folder), "seed": 99, **changes}
    return messages.parse_request({"type": "regenerate", **fields})


def test_a_regenerated_part_is_new_and_everything_outside_is_bit_identical(
    run: Run, old: messages.Stem, tmp_path: Path
):
    (new,) = stems_of(run(again(old, tmp_path)))
    before, after = pcm_of(old), pcm_of(new)
    assert before.shape == after.shape and (new.start, new.samples) == (old.start, old.samples)
    begin, end = RATE, round(2.5 * RATE)
    assert np.array_equal(before[:, :begin], after[:, :begin])
    assert np.array_equal(before[:, end:], after[:, end:])
    changed = (before[:, begin:end] != after[:, begin:end]).any(axis=0)
    assert changed.mean() > 0.99


def test_the_edges_of_a_regenerated_part_neither_click_nor_dip(run: Run, old: messages.Stem, tmp_path: Path):
    (new,) = stems_of(run(again(old, tmp_path)))
    before, after = (wav.to_float(pcm_of(stem)) for stem in (old, new))
    step = np.abs(np.diff(after, axis=1))
    usual = np.quantile(np.abs(np.diff(before, axis=1)), 0.9999)
    for edge in (RATE, round(2.5 * RATE)):
        assert step[:, edge - 2 : edge + 2].max() <= usual
        around = np.sqrt((after[:, edge - 2400 : edge + 2400] ** 2).mean())
        assert around > 0.25 * np.sqrt((before[:, edge - 2400 : edge + 2400] ** 2).mean())


def test_a_part_can_be_regenerated_again_and_with_another_prompt(run: Run, old: messages.Stem, tmp_path: Path):
    (new,) = stems_of(run(again(old, tmp_path, prompt="glass break", variants=1)))
    (newer,) = stems_of(run(again(new, tmp_path, **{"in": 0, "out": 0.5})))
    patches = wav.read_facts(Path(newer.path)).provenance["patches"]
    assert [patch["prompt"] for patch in patches] == ["glass break", "rain, wood knock"]
    assert np.array_equal(pcm_of(new)[:, RATE:], pcm_of(newer)[:, RATE:])


def test_variants_of_a_part_differ_inside_it_only(run: Run, old: messages.Stem, tmp_path: Path):
    one, two = (pcm_of(stem) for stem in stems_of(run(again(old, tmp_path, variants=2))))
    assert not np.array_equal(one, two)
    assert np.array_equal(one[:, :RATE], two[:, :RATE])


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"in": 2, "out": 1}, InvalidRange, "in .2 s. must lie before out .1 s."),
        ({"in": 1, "out": 9}, InvalidRange, "past the stem's end"),
        ({"in": 1, "out": 1.01}, InvalidRange, "10.0 ms are too short"),
        ({"stem": "/nowhere/a.wav"}, MediaNotFound, "/nowhere/a.wav"),
        ({"video": "/nowhere/a.mp4"}, MediaNotFound, "/nowhere/a.mp4"),
        ({"stem_folder": "/nowhere"}, StemFolderUnusable, "/nowhere"),
    ],
)
def test_a_regenerate_that_cannot_be_done_is_refused_by_name(
    run: Run, old: messages.Stem, tmp_path: Path, changes: dict[str, Any], error: type[FootfallError], sentence: str
):
    with pytest.raises(error, match=sentence):
        run(again(old, tmp_path, **changes))
    assert [path.name for path in tmp_path.iterdir()] == [Path(old.path).name]


def test_a_recording_of_somebody_elses_cannot_be_regenerated(run: Run, old: messages.Stem, clip: Path, tmp_path: Path):
    with pytest.raises(NotAStem, match=r"balls\.mp4"):
        run(again(old, tmp_path, stem=str(clip)))


# ---- audition


def has_portaudio() -> bool:
    try:
        import sounddevice  # noqa: F401
    except OSError:
        return False
    return True


@pytest.mark.skipif(has_portaudio(), reason="PortAudio is installed here, and a test must not make a noise")
def test_a_machine_without_sound_says_what_is_missing(run: Run, old: messages.Stem):
    with pytest.raises(NoAudioDevice, match="PortAudio library is missing"):
        run(messages.Audition(path=old.path))


def test_stopping_an_audition_needs_no_sound_device(run: Run):
    run(messages.Audition())


# ---- reference recordings


def test_a_reference_recording_is_played_on_the_events(run: Run, ask: Any, tmp_path: Path):
    knock = np.zeros((1, RATE), np.float32)
    knock[0, 4800:9600] = np.exp(-np.arange(4800) / 600) * np.sin(2 * np.pi * 440 * np.arange(4800) / RATE)
    with wav.StemWriter(tmp_path / "knock.wav", RATE, 1, 0, {}) as file:
        file.write(0.5 * knock)
    (stem,) = stems_of(run(ask(reference=str(tmp_path / "knock.wav"), prompt="", events=[{"time": 1.0}], channels=1)))
    audio = wav.to_float(pcm_of(stem))[0]
    spectrum = np.abs(np.fft.rfft(audio[RATE : RATE + 9600] * np.hanning(9600)))
    assert abs(np.argmax(spectrum) * RATE / 9600 - 440) < 45


@pytest.fixture
def two_knocks(tmp_path: Path) -> Path:
    """A knock at 440 Hz in the first second, one at 880 Hz in the third, and silence."""
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    ring = np.exp(-np.arange(4800) / 600)
    samples = np.zeros((1, 4 * RATE), np.float32)
    for start, tone in ((0.2, 440), (2.2, 880)):
        at = round(start * RATE)
        samples[0, at : at + 4800] = 0.5 * ring * np.sin(2 * np.pi * tone * np.arange(4800) / RATE)
    with wav.StemWriter(sounds / "knocks.wav", RATE, 1, 0, {}) as file:
        file.write(samples)
    return sounds / "knocks.wav"


def tone_at(stem: messages.Stem, seconds: float) -> float:
    """Hertz of what is loudest in the 200 ms after a moment."""
    audio = wav.to_float(pcm_of(stem))[0, round(seconds * RATE) :][:9600]
    return float(np.argmax(np.abs(np.fft.rfft(audio * np.hanning(len(audio)))))) * RATE / len(audio)


KNOCKED = {"prompt": "", "events": [{"time": 1.0}, {"time": 2.0}], "channels": 1}


@pytest.mark.parametrize(
    ("part", "tone"),
    [
        ({"reference_in": 2}, 880),
        ({"reference_out": 1.5}, 440),
        ({"reference_in": "50f", "reference_out": "00:00:03:00"}, 880),  # of the clip's 25 a second
        ({"reference_in": "60f", "reference_out": "72000/24000", "frame_rate": 30}, 880),
    ],
)
def test_only_the_named_part_of_a_reference_is_used(
    run: Run, ask: Any, two_knocks: Path, part: dict[str, Any], tone: float
):
    (stem,) = stems_of(run(ask(reference=str(two_knocks), **KNOCKED, **part)))
    assert [tone_at(stem, time) for time in (1.0, 2.0)] == pytest.approx([tone, tone], rel=0.05)


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ({"reference_in": 2, "reference_out": 1}, r"reference_in \(2 s\) must lie before reference_out \(1 s\)"),
        ({"reference_in": 1, "reference_out": 1}, r"reference_in \(1 s\) must lie before reference_out \(1 s\)"),
        ({"reference_in": 7}, r"in \(7 s\) lies past the end of knocks\.wav, which is 4 s long"),
        ({"reference_in": 3, "reference_out": 9}, r"out \(9 s\) lies past the end of knocks\.wav, which is 4 s long"),
    ],
)
def test_a_part_that_a_reference_does_not_have_is_refused(
    run: Run, ask: Any, two_knocks: Path, tmp_path: Path, part: dict[str, Any], sentence: str
):
    with pytest.raises(InvalidRange, match=sentence):
        run(ask(reference=str(two_knocks), **part))
    assert not list(tmp_path.glob("*.wav"))


@pytest.mark.parametrize("part", [{"reference_in": 0}, {"reference_out": 1}])
def test_a_part_of_no_reference_is_refused(run: Run, ask: Any, part: dict[str, Any]):
    with pytest.raises(BadRequest, match="there is no reference"):
        run(ask(**part))


def test_a_part_made_anew_uses_the_part_of_the_reference_that_the_stem_used(
    run: Run, ask: Any, two_knocks: Path, tmp_path: Path
):
    (old,) = stems_of(run(ask(reference=str(two_knocks), reference_in="50f", **KNOCKED)))
    span = {"in": 1.8, "out": 2.8}
    (same,) = stems_of(run(again(old, tmp_path, **span)))
    assert [tone_at(same, time) for time in (1.0, 2.0)] == pytest.approx([880, 880], rel=0.05)
    (other,) = stems_of(run(again(old, tmp_path, reference_in=0, reference_out="60f", frame_rate=50, **span)))
    assert [tone_at(other, time) for time in (1.0, 2.0)] == pytest.approx([880, 440], rel=0.05)


def test_another_reference_is_used_whole_unless_its_part_is_named(run: Run, ask: Any, two_knocks: Path, tmp_path: Path):
    (old,) = stems_of(run(ask(reference=str(two_knocks), reference_in=2, **KNOCKED)))
    short = two_knocks.with_name("short.wav")
    with wav.StemWriter(short, RATE, 1, 0, {}) as file:
        file.write(read_recording(str(two_knocks)).samples[:, :RATE])
    (new,) = stems_of(run(again(old, tmp_path, reference=str(short), **{"in": 1.8, "out": 2.8})))
    assert [tone_at(new, time) for time in (1.0, 2.0)] == pytest.approx([880, 440], rel=0.05)


@pytest.mark.parametrize("name", ["empty.wav", "text.wav"])
def test_a_reference_that_is_no_recording_is_named(run: Run, ask: Any, tmp_path: Path, name: str):
    (tmp_path / name).write_text("" if name.startswith("empty") else "words, words, words")
    with pytest.raises(UnreadableMedia, match=name):
        run(ask(reference=str(tmp_path / name)))


# ---- requests that cannot be done


def test_a_cancelled_job_leaves_no_file(run: Run, ask: Any, tmp_path: Path):
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(JobCancelled):
        run(ask(variants=8, prompt="rain, wind, fire, engine"), cancelled)
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".part"]


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"in": 3, "out": 2}, InvalidRange, "must lie before"),
        ({"in": 1, "out": 1}, InvalidRange, "must lie before"),
        ({"in": 0, "out": 500}, InvalidRange, "500"),
        ({"in": 1, "out": 1.001}, InvalidRange, "frame"),
        ({"in": "01:00:00:99"}, BadRequest, "99"),
        ({"video": "/nowhere/clip.mp4"}, MediaNotFound, "/nowhere/clip.mp4"),
        ({"stem_folder": "/nowhere"}, StemFolderUnusable, "/nowhere"),
        ({"stem_folder": "/proc/self"}, StemFolderUnusable, "/proc/self"),
        ({"model": "wavenet"}, UnknownModel, "'wavenet'; there are procedural"),
        ({"reference": "/nowhere/a.wav"}, MediaNotFound, "/nowhere/a.wav"),
        ({"video": "relative.mp4"}, BadRequest, "relative.mp4"),
    ],
)
def test_a_request_that_cannot_be_done_is_refused_by_name(
    run: Run, ask: Any, tmp_path: Path, changes: dict[str, Any], error: type[FootfallError], sentence: str
):
    with pytest.raises(error, match=sentence):
        run(ask(**changes))
    assert list(tmp_path.iterdir()) == []


def test_damaged_and_foreign_files_are_refused_by_name(run: Run, ask: Any, clip: Path, tmp_path: Path):
    stems = tmp_path / "stems"
    stems.mkdir()
    whole = clip.read_bytes()
    bad = {"empty.mp4": b"", "words.mp4": b"not a film " * 100, "cut.mp4": whole[: len(whole) // 20]}
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableMedia, match=name):
            run(ask(video=str(tmp_path / name), stem_folder=str(stems)))
    sound = tmp_path / "sound.wav"
    with wav.StemWriter(sound, RATE, 1, 0, {}) as file:
        file.write(np.zeros((1, RATE), np.float32))
    with pytest.raises(NoPicture, match=r"sound\.wav"):
        run(ask(video=str(sound), stem_folder=str(stems)))
    assert list(stems.iterdir()) == []


@pytest.mark.parametrize("name", ["with spaces", "emoji 🥾🎬", "ü-ß-é", "n" * 240])
def test_any_file_name_works(run: Run, ask: Any, clip: Path, tmp_path: Path, name: str):
    folder = tmp_path / name
    folder.mkdir()
    copy = folder / f"{name}.mp4"
    copy.write_bytes(clip.read_bytes())
    (stem,) = stems_of(
        run(ask(video=str(copy), stem_folder=str(folder), prompt="🥾 wood knock / \\ : * ?", **{"out": 1}))
    )
    assert Path(stem.path).parent == folder and read_recording(stem.path).sample_rate == RATE


def test_a_disk_without_room_is_told_before_any_work(
    run: Run, ask: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    import shutil

    real = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: real._replace(free=1000))
    with pytest.raises(DiskFull, match="0 MB free"):
        run(ask())
    assert list(tmp_path.iterdir()) == []
