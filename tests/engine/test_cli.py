"""The command as a user has it: what stands on standard output, on standard error, and the exit status."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from footfall_bridge.errors import BadRequest, InvalidMessage, InvalidTime, NoAudioDevice
from footfall_bridge.messages import Generate, JobState
from footfall_engine import contacts, resident
from footfall_engine.cli import app, demo, options
from footfall_engine.cli.wishes import read_events
from footfall_engine.media import wav
from footfall_engine.media.video import probe
from typer.testing import CliRunner, Result

from tests.waiting import wait_until

SECONDS = 3.0
STEM_KEYS = {"path", "variant", "seed", "start", "samples", "rate"}


def footfall(*words: object) -> Result:
    return CliRunner().invoke(app.app, [str(word) for word in words])


def answer(*words: object) -> dict[str, Any]:
    """What the command says in JSON, once it has succeeded."""
    result = footfall(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refusal(*words: object, status: int = 2) -> dict[str, str]:
    """How the command says no in JSON; a sentence and no traceback stands on standard error."""
    result = footfall(*words, "--json")
    assert result.exit_code == status, result.output
    assert result.stderr.startswith("footfall: ")
    assert "Traceback" not in result.output
    said = json.loads(result.stdout)["error"]
    assert said["message"] in result.stderr
    return said


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "balls.mp4"
    contacts.render_clip(path, contacts.Scene(duration=SECONDS, width=320, height=180))
    return path


@pytest.fixture(scope="module")
def silent_sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import soundfile

    path = tmp_path_factory.mktemp("sounds") / "sound.wav"
    soundfile.write(path, np.zeros(48_000), 48_000)
    return path


# ---- answers


def test_help_lists_every_command() -> None:
    text = footfall("--help").output
    for command in (
        "serve", "generate", "regenerate", "spot", "status", "cancel", "audition", "models", "families", "doctor",
        "demo", "bench", "evaluate", "preview",
    ):  # fmt: skip
        assert command in text


def test_spot_says_duration_and_events(clip: Path) -> None:
    said = answer("spot", clip)
    assert said["duration"] == SECONDS
    assert said["events"]
    assert all(set(event) == {"time", "strength", "x", "size", "kind"} for event in said["events"])


def test_spot_of_a_region_counts_from_its_start(clip: Path) -> None:
    said = answer("spot", clip, "--in", "1", "--out", "00:00:02:12")
    assert said["duration"] == pytest.approx(2 + 12 / 25 - 1)
    assert all(0 <= event["time"] < said["duration"] for event in said["events"])


def test_spot_counts_as_the_clip_is_played(clip: Path) -> None:
    shot, played = answer("spot", clip), answer("spot", clip, "--speed", "1.5")
    assert played["duration"] == pytest.approx(SECONDS / 1.5)
    assert [event["time"] for event in played["events"]] == pytest.approx([e["time"] / 1.5 for e in shot["events"]])


def test_a_stem_for_a_clip_that_is_played_fast_and_its_part_and_its_preview(clip: Path, tmp_path: Path) -> None:
    asked = ("--speed", 2, "--in", 0.5, "--out", 2.5, "--out", tmp_path, "--seed", 1)
    (old,) = answer("generate", clip, "--prompt", "rubber ball, rain", *asked)["stems"]
    assert old["samples"] == 48_000
    (new,) = answer("regenerate", old["path"], "--in", 0.25, "--out", 0.75, "--seed", 2)["stems"]
    before, after = (wav.read_pcm(wav.read_facts(Path(stem["path"])), 0, stem["samples"]) for stem in (old, new))
    changed = np.flatnonzero((before != after).any(axis=0))
    assert changed.min() >= 12_000 and changed.max() < 36_000
    made = answer("preview", clip, old["path"], "--to", tmp_path / "watch.mp4", "--chart", tmp_path / "look.png")
    assert float(probe(made["previews"][0]["preview"]).duration) == pytest.approx(
        1.0, abs=0.05
    )  # the last picture stays for a frame


def test_a_part_of_a_recording_is_re_timed(clip: Path, tmp_path: Path) -> None:
    import soundfile

    samples = np.zeros(4 * 48_000)
    samples[100_000:101_000] = 0.5 * np.random.default_rng(1).standard_normal(1000).clip(-1, 1)
    soundfile.write(tmp_path / "click.wav", samples, 48_000)
    words = ("generate", clip, "--reference", tmp_path / "click.wav", "--out", tmp_path / "stems", "--seed", 1)
    silent = answer(*words, "--reference-out", "00:00:01:00")
    assert [warning["code"] for warning in silent["warnings"]] == ["silent_reference"]
    (old,) = answer(*words, "--reference-in", "1.5")["stems"]
    assert wav.read_pcm(wav.read_facts(Path(old["path"])), 0, old["samples"]).any()
    span = ("--in", 0.5, "--out", 2, "--reference-in", "0", "--reference-out", "1")
    assert [warning["code"] for warning in answer("regenerate", old["path"], *span)["warnings"]] == ["silent_reference"]
    said = refusal(*words, "--reference-in", "3", "--reference-out", "2")
    assert said["code"] == "bad_range" and "reference_in (3 s)" in said["message"]
    assert "9 s" in refusal(*words, "--reference-in", "9")["message"]


def test_generate_leaves_a_stem_for_each_variant(clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "stems with spaces 🎬"
    said = answer("generate", clip, "--prompt", "rubber ball", "--variants", 2, "--seed", 7, "--out", folder)
    assert [stem["seed"] for stem in said["stems"]] == [7, 8]
    for stem in said["stems"]:
        assert set(stem) == STEM_KEYS
        facts = wav.read_facts(Path(stem["path"]))
        assert (facts.samples, facts.sample_rate, facts.channels) == (stem["samples"], stem["rate"], 2)
        assert stem["samples"] == round(SECONDS * stem["rate"])
    assert sorted(path.name for path in folder.iterdir()) == sorted(Path(stem["path"]).name for stem in said["stems"])


def test_generate_takes_a_region_and_a_folder_both_called_out(clip: Path, tmp_path: Path) -> None:
    said = answer("generate", clip, "--in", 0.5, "--out", 1.5, "--out", tmp_path, "--mono", "--position", 3600)
    (stem,) = said["stems"]
    assert (stem["samples"], stem["start"]) == (48_000, 3600 * 48_000)
    assert wav.read_facts(Path(stem["path"])).channels == 1


def test_a_word_that_is_not_known_is_a_warning(clip: Path, tmp_path: Path) -> None:
    said = answer("generate", clip, "--prompt", "rubber ball, xyzzyqua", "--out", tmp_path)
    assert any("xyzzyqua" in warning["message"] for warning in said["warnings"])


def test_without_json_the_paths_alone_stand_on_standard_output(clip: Path, tmp_path: Path) -> None:
    result = footfall("generate", clip, "--out", tmp_path)
    assert result.exit_code == 0
    assert [Path(line) for line in result.stdout.splitlines()] == list(tmp_path.glob("*.wav"))


def test_regenerate_changes_the_range_and_nothing_else(clip: Path, tmp_path: Path) -> None:
    (old,) = answer("generate", clip, "--prompt", "rubber ball, rain", "--seed", 1, "--out", tmp_path)["stems"]
    (new,) = answer("regenerate", old["path"], "--in", 1, "--out", 2, "--seed", 2)["stems"]
    before, after = (wav.read_pcm(wav.read_facts(Path(stem["path"])), 0, stem["samples"]) for stem in (old, new))
    assert set(new) == STEM_KEYS
    assert Path(new["path"]).parent == tmp_path
    changed = np.flatnonzero((before != after).any(axis=0))
    assert changed.min() >= 48_000 and changed.max() < 96_000


def test_the_users_own_events_replace_the_found_ones(clip: Path, tmp_path: Path) -> None:
    markers = tmp_path / "markers.csv"
    markers.write_text("time,strength,kind\n0.5,1,impact\n")
    (stem,) = answer("generate", clip, "--prompt", "glass hit", "--events", markers, "--out", tmp_path)["stems"]
    facts = wav.read_facts(Path(stem["path"]))
    loud = np.abs(wav.to_float(wav.read_pcm(facts, 0, facts.samples))).max(axis=0) > 0.01
    assert np.argmax(loud) / facts.sample_rate == pytest.approx(0.5, abs=0.005)


def test_preview_and_chart_stand_where_they_are_asked_for(clip: Path, tmp_path: Path) -> None:
    (stem,) = answer("generate", clip, "--in", 1, "--out", tmp_path)["stems"]
    said = answer("preview", clip, stem["path"], "--to", tmp_path / "watch.mp4", "--chart", tmp_path / "look.png")
    assert said == {"previews": [{"preview": str(tmp_path / "watch.mp4"), "chart": str(tmp_path / "look.png")}]}
    assert (tmp_path / "watch.mp4").stat().st_size > 1000
    assert (tmp_path / "look.png").stat().st_size > 10_000


def test_several_stems_have_a_preview_each_named_after_them(clip: Path, tmp_path: Path) -> None:
    said = answer("generate", clip, "--in", 1, "--out", 2, "--out", tmp_path, "--variants", 2)
    stems = [Path(stem["path"]) for stem in said["stems"]]
    beside = answer("preview", clip, *stems)["previews"]
    assert beside == [{"preview": str(stem.with_suffix(".mp4"))} for stem in stems]
    (tmp_path / "to").mkdir()
    made = footfall("preview", clip, *stems, "--to", tmp_path / "to", "--chart", tmp_path / "to")
    wanted = [tmp_path / "to" / stem.with_suffix(suffix).name for stem in stems for suffix in (".mp4", ".png")]
    assert made.stdout.split() == list(map(str, wanted))
    assert all(path.stat().st_size > 1000 for path in wanted)


def test_a_preview_of_several_stems_needs_room_for_each(clip: Path, silent_sound: Path, tmp_path: Path) -> None:
    other, namesake = tmp_path / "other.wav", tmp_path / silent_sound.name
    for copy in (other, namesake):
        shutil.copyfile(silent_sound, copy)
    for option in ("--to", "--chart"):
        said = refusal("preview", clip, silent_sound, other, option, tmp_path / "one.file")
        assert option in said["message"] and "2 stems" in said["message"]
    assert "twice" in refusal("preview", clip, silent_sound, namesake, "--to", tmp_path)["message"]
    assert list(tmp_path.glob("*.mp4")) == []


def test_a_preview_never_overwrites_its_clip(clip: Path, silent_sound: Path, tmp_path: Path) -> None:
    film, sound = tmp_path / "shot.mp4", tmp_path / "shot.wav"
    shutil.copyfile(clip, film)
    shutil.copyfile(silent_sound, sound)
    said = refusal("preview", film, sound)
    assert said["code"] == "bad_request" and str(film) in said["message"]
    assert film.read_bytes() == clip.read_bytes()


def test_seeds_are_told_beside_the_paths(clip: Path, tmp_path: Path) -> None:
    words = ("generate", clip, "--in", 1, "--out", 2, "--out", tmp_path, "--variants", 2, "--seed", 7)
    made = footfall(*words)
    assert [line for line in made.stderr.splitlines() if "seed" in line] == ["variant 1: seed 7", "variant 2: seed 8"]
    old = made.stdout.splitlines()[0]
    assert Path(old).is_file()
    anew = footfall("regenerate", old, "--in", 0, "--out", 0.5, "--seed", 9)
    assert "variant 1: seed 9" in anew.stderr.splitlines()
    assert footfall(*words, "--quiet").stderr == ""


def test_models_name_both_licences() -> None:
    (procedural,) = [model for model in answer("models")["models"] if model["name"] == "procedural"]
    assert procedural["code_licence"] and procedural["weights_licence"]


def test_families_are_many_and_have_words() -> None:
    families = answer("families")["families"]
    assert len(families) >= 24
    assert all(family["words"] and family["role"] in ("hits", "motion", "ambience") for family in families)


def test_doctor_shows_every_setting() -> None:
    said = answer("doctor")
    assert said["settings"]["port"] == {"value": "9770", "from": "default"}
    assert all(finding["state"] in ("ok", "note") for finding in said["findings"])


def test_evaluate_sync_measures_any_folder(tmp_path: Path) -> None:
    scene = contacts.Scene(duration=4.0, width=320, height=180)
    truth = contacts.render_clip(tmp_path / "a.mp4", scene)
    lines = [f"a.mp4,{contact.time}" for contact in truth]
    (tmp_path / "onsets.csv").write_text("\n".join(["clip,onset_seconds", *lines]))
    said = answer("evaluate", "sync", tmp_path)
    assert said["mean_lift"] == said["clips"][0]["lift"]
    assert said["clips"][0]["onsets"] == len(truth)
    (tmp_path / "onsets.csv").write_text("\n".join(["clip,onset_seconds", *lines, "a.mp4,4.5"]))
    late = footfall("evaluate", "sync", tmp_path)
    assert "note: a.mp4 ends at 4 s" in late.stderr and "4.5 s" in late.stderr
    assert answer("evaluate", "sync", tmp_path)["clips"] == said["clips"]


# ---- refusals


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (["--in", "nan"], "bad_time", "nan"),
        (["--in", "-1"], "bad_time", "-1"),
        (["--in", "inf"], "bad_time", "inf"),
        (["--in", "soon"], "bad_time", "soon"),
        (["--in", "00:00:00:99"], "bad_time", "99"),
        (["--in", "2", "--out", "1"], "bad_range", "2 s"),
        (["--in", "1", "--out", "1"], "bad_range", "1 s"),
        (["--out", "99"], "bad_range", "99 s"),
        (["--in", "99"], "bad_range", "99 s"),
        (["--in", "1", "--out", "1.001"], "bad_range", "frame"),
    ],
)
def test_a_bad_region_is_refused_with_its_value(
    clip: Path, tmp_path: Path, words: list[str], code: str, named: str
) -> None:
    for said in (refusal("spot", clip, *words), refusal("generate", clip, *words, "--out", tmp_path)):
        assert said["code"] == code
        assert named in said["message"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (["--variants", "0"], "bad_message", "variants"),
        (["--variants", "1000"], "bad_message", "1000"),
        (["--seed", "-1"], "bad_message", "-1"),
        (["--speed", "0"], "bad_message", "speed"),
        (["--speed", "21"], "bad_message", "21"),
        (["--reference-in", "1"], "bad_request", "no reference"),
        (["--reference-out", "nan"], "bad_time", "nan"),
        (["--model", "loudest"], "unknown_model", "loudest"),
        (["--reference", "/no/such.wav"], "media_not_found", "such.wav"),
        (["--events", "/no/such.csv"], "media_not_found", "such.csv"),
        (["--position", "nan"], "bad_time", "nan"),
    ],
)
def test_a_bad_request_is_refused_with_its_value(
    clip: Path, tmp_path: Path, words: list[str], code: str, named: str
) -> None:
    said = refusal("generate", clip, *words, "--out", tmp_path)
    assert said["code"] == code
    assert named in said["message"]


def test_clips_that_are_none_are_refused_by_name(tmp_path: Path, silent_sound: Path) -> None:
    empty, text = tmp_path / "empty.mp4", tmp_path / "text.mp4"
    empty.touch()
    text.write_text("not a film at all, but long enough to look at" * 50)
    assert refusal("spot", tmp_path / "none.mp4")["code"] == "media_not_found"
    assert refusal("spot", tmp_path)["code"] == "media_not_found"
    assert refusal("spot", empty)["code"] == "media_unreadable"
    assert refusal("spot", text)["code"] == "media_unreadable"
    assert refusal("spot", silent_sound)["code"] == "no_picture"


def test_a_folder_that_cannot_be_written_is_refused(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        said = refusal("generate", clip, "--out", folder)
        assert said["code"] == "stem_folder"
        assert str(folder) in said["message"]


def test_generate_needs_a_folder(clip: Path) -> None:
    assert "--out" in refusal("generate", clip)["message"]
    assert "folder" in refusal("generate", clip, "--in", 1, "--out", 2)["message"]


def test_regenerate_needs_a_range_and_a_stem(clip: Path, silent_sound: Path) -> None:
    assert "--in" in refusal("regenerate", silent_sound, "--out", 1)["message"]
    assert "--out" in refusal("regenerate", silent_sound, "--in", 1)["message"]
    assert refusal("regenerate", silent_sound, "--in", 0, "--out", 0.5)["code"] == "not_a_stem"


def commands(command: Any, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with the words that lead to it."""
    members = getattr(command, "commands", {})
    for name, member in members.items():
        yield from commands(member, *words, name)
    if not members or getattr(command, "invoke_without_command", False):
        yield words, command


ANSWERING = {
    " ".join(words): words
    for words, command in commands(typer.main.get_command(app.app))
    if any(parameter.name == "as_json" for parameter in command.params)
}


@pytest.mark.parametrize("words", ANSWERING.values(), ids=ANSWERING.keys())
def test_an_option_that_is_none_is_a_bad_request_of_every_command(words: tuple[str, ...]) -> None:
    said = refusal(*words, "--no-such-option")
    assert said["code"] == "bad_request"
    assert "--no-such-option" in said["message"] and f"{' '.join(words)} -h" in said["message"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["spot"], "CLIP"),
        (["cancel"], "ID"),
        (["models", "pull"], "MODEL"),
        (["spot", "a.mov", "b.mov"], "b.mov"),
        (["generate", "a.mov", "--variants", "some"], "--variants"),
        (["generate", "a.mov", "--timing", "mine"], "'detector'"),
    ],
)
def test_words_that_are_missing_or_wrong_are_named_in_one_sentence(words: list[str], named: str) -> None:
    said = refusal(*words)
    assert said["code"] == "bad_request"
    assert named in said["message"]
    assert "\n" not in footfall(*words).stderr.rstrip("\n")


NOWHERE = "no/such"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["generate", NOWHERE, "--out", "stems"], "media_not_found"),
        (["regenerate", NOWHERE, "--in", "0", "--out", "1"], "media_not_found"),
        (["spot", NOWHERE], "media_not_found"),
        (["preview", NOWHERE, NOWHERE], "media_not_found"),
        (["export", NOWHERE, "--to", "a.otio"], "media_not_found"),
        (["audition", NOWHERE], "media_not_found"),
        (["demo", NOWHERE], "media_not_found"),
        (["evaluate", "sync", NOWHERE], "media_not_found"),
        (["evaluate", "align", NOWHERE], "media_not_found"),
        (["evaluate", "sounds", NOWHERE], "media_not_found"),
        (["doctor", "--bundle", f"{NOWHERE}/a.zip"], "bad_request"),
        (["install", "reaper", "--resource-path", NOWHERE], "host_not_found"),
        (["uninstall", "reaper", "--resource-path", NOWHERE], "host_not_found"),
        (["install", "ardour", "--config-path", NOWHERE], "host_not_found"),
        (["uninstall", "ardour", "--config-path", NOWHERE], "host_not_found"),
        (["install", "resolve", "--scripts-folder", NOWHERE], "host_not_found"),
        (["uninstall", "resolve", "--scripts-folder", NOWHERE], "host_not_found"),
    ],
    ids=lambda words: " ".join(words[:2]) if isinstance(words, list) else None,
)
def test_what_is_not_there_is_named(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    said = refusal(*words)
    assert said["code"] == code
    assert NOWHERE in said["message"]


@pytest.mark.parametrize("action", ["pull", "verify", "remove"])
def test_weights_of_a_model_that_is_none_are_refused(action: str) -> None:
    said = refusal("models", action, "loudest")
    assert said["code"] == "unknown_model" and "loudest" in said["message"]


def test_brackets_are_no_markup(tmp_path: Path) -> None:
    clip = tmp_path / "shot[b][red].mp4"
    contacts.render_clip(clip, contacts.Scene(duration=1.0, width=160, height=90))
    (tmp_path / "onsets.csv").write_text(f"clip,onset_seconds\n{clip.name},0.5\n")
    result = footfall("evaluate", "sync", tmp_path)
    assert result.exit_code == 0, result.output
    assert clip.name in result.stdout
    made = footfall("generate", clip, "--prompt", "ball, xyzzy[/b]", "--out", tmp_path)
    assert made.exit_code == 0, made.output
    assert "note: " in made.stderr


def test_wrong_settings_are_named(home: Path, clip: Path) -> None:
    (home / "footfall.toml").write_text("prot = 1")
    said = refusal("spot", clip)
    assert said["code"] == "bad_settings"
    assert "prot" in said["message"]


def test_a_fault_of_ours_goes_to_the_log_and_not_to_the_user(
    home: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the flux is low")

    monkeypatch.setattr("footfall_engine.cli.jobs.run_job", broken)
    said = refusal("spot", clip, status=1)
    assert said["code"] == "internal"
    assert "Traceback" in (home / "log" / "footfall.log").read_text()


def test_audition_without_a_device_is_a_failure_by_name(silent_sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert refusal("audition", silent_sound, status=1)["code"] == NoAudioDevice.code


def test_without_an_engine_status_and_cancel_say_how_to_start_one(home: Path) -> None:
    for words in (["status"], ["cancel", "some-job"]):
        said = refusal(*words, status=1)
        assert said["code"] == "engine_unreachable"
        assert "footfall serve" in said["message"]


# ---- with an engine running


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[resident.Resident]:
    with resident.resident_engine(tmp_path_factory.mktemp("resident")) as running:
        yield running


@pytest.fixture
def at_engine(engine: resident.Resident, monkeypatch: pytest.MonkeyPatch) -> resident.Resident:
    monkeypatch.setenv("FOOTFALL_HOME", str(engine.settings.file.parent))
    return engine


def test_a_running_engine_does_the_work(at_engine: resident.Resident, clip: Path, tmp_path: Path) -> None:
    said = answer("generate", clip, "--prompt", "rubber ball", "--seed", 5, "--out", tmp_path / "there")
    jobs = answer("status")["jobs"]
    assert [job["label"] for job in jobs if job["state"] == "done"] == ["rubber ball"]
    assert answer("status", jobs[0]["id"])["stems"][0]["path"] == said["stems"][0]["path"]
    here = answer("generate", clip, "--prompt", "rubber ball", "--seed", 5, "--here", "--out", tmp_path / "here")
    sounds = [wav.read_pcm(wav.read_facts(Path(one["stems"][0]["path"])), 0, 10**6) for one in (said, here)]
    assert np.array_equal(*sounds), "the same seed gives the same samples, there and here"


def test_a_refusal_of_the_engine_is_ours(at_engine: resident.Resident, clip: Path) -> None:
    assert refusal("spot", clip, "--in", 99)["code"] == "bad_range"
    assert refusal("status", "no-such-job")["code"] == "unknown_job"


def test_cancel_says_what_becomes_of_the_job(at_engine: resident.Resident, tmp_path: Path) -> None:
    film = tmp_path / "long.mp4"
    contacts.render_long_clip(film, 120.0, contacts.Scene(duration=6.0, width=640, height=360))
    with at_engine.connect() as engine:
        running, waiting = (
            engine.submit(Generate(video=str(film), stem_folder=str(tmp_path), variants=8)) for _ in range(2)
        )
        wait_until(lambda: engine.status(running).progress is not None, lambda: str(engine.status(running)), 30)
        for job, told in ((waiting, f"{waiting}: cancelled"), (running, f"{running}: is being cancelled")):
            said = footfall("cancel", job)
            assert said.exit_code == 0, said.output
            assert said.stdout.splitlines() == [told]
        wait_until(lambda: engine.status(running).state.final, lambda: str(engine.status(running)), 30)
        assert engine.status(running).state is JobState.CANCELLED


def test_a_second_engine_says_that_there_is_one(at_engine: resident.Resident) -> None:
    said = refusal("serve", status=1)
    assert said["code"] == "engine_running"
    assert str(at_engine.process.pid) in said["message"]


def test_a_taken_port_is_said_and_the_next_one_used(tmp_path: Path) -> None:
    said = tmp_path / "engine.err"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with resident.resident_engine(tmp_path, port=port) as other:
            assert other.card.tcp_port != port
            wait_until(lambda: f"port {port} is taken by" in said.read_text(), said.read_text, 10)


def heeding_ctrl_c() -> None:
    """What a shell starts in the background, these tests perhaps, ignores it, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
@pytest.mark.parametrize("where", ["--here", "--quiet"])
def test_ctrl_c_cancels_and_leaves_no_file(at_engine: resident.Resident, tmp_path: Path, where: str) -> None:
    film, stems = tmp_path / "long.mp4", tmp_path / "stems"
    contacts.render_long_clip(film, 5.0, contacts.Scene(duration=6.0, width=640, height=360))
    command = [sys.executable, "-m", "footfall_engine", "generate", str(film), "--out", str(stems), "--json", where]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heeding_ctrl_c
    )
    deadline = time.monotonic() + 30
    while not stems.is_dir() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    said, complaint = process.communicate(timeout=30)
    assert process.returncode == 1, complaint
    assert json.loads(said)["error"]["code"] == "cancelled"
    assert "Traceback" not in complaint
    with at_engine.connect() as engine:
        while engine.status().counts.get("running") and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not engine.status().counts.get("running")
    assert list(stems.iterdir()) == []


@pytest.mark.heavy
def test_the_demo_leaves_stem_preview_and_chart(tmp_path: Path) -> None:
    said = answer("demo", "--to", tmp_path)
    for name, start in {"stem": b"RIFF", "preview": b"\0\0\0", "chart": b"\x89PNG"}.items():
        assert Path(said[name]).parent == tmp_path
        assert Path(said[name]).read_bytes().startswith(start)
    assert len(said["contacts"]) > 5


# ---- what texts stand for


@pytest.mark.parametrize(
    ("values", "end", "folder"),
    [
        ([], None, None),
        (["stems"], None, "stems"),
        (["5"], None, "5"),
        (["5", "stems"], "5", "stems"),
        (["stems", "5"], "5", "stems"),
        (["5", "6"], "5", "6"),
        (["00:00:01:00", "stems"], "00:00:01:00", "stems"),
        (["48f", "stems"], "48f", "stems"),
    ],
)
def test_out_is_a_time_a_folder_or_both(values: list[str], end: str | None, folder: str | None) -> None:
    assert options.time_and_folder(values) == (end, folder)


@pytest.mark.parametrize(
    ("values", "error"), [(["nan", "d"], InvalidTime), (["d", "-1"], InvalidTime), (["1", "2", "3"], BadRequest)]
)
def test_a_bad_out_is_refused(values: list[str], error: type[BadRequest]) -> None:
    with pytest.raises(error, match="--out"):
        options.time_and_folder(values)


@pytest.mark.parametrize(
    "text",
    [
        '{"duration": 3, "events": [{"time": 0.5, "strength": 1}, {"time": 2}]}',
        '[{"time": 0.5, "strength": 1}, {"time": 2}]',
        "time,strength\n0.5,1\n2,\n",
        "\ufefftime,strength\r\n0.5,1\r\n2,\r\n",
    ],
)
def test_events_are_read_from_json_and_csv(tmp_path: Path, text: str) -> None:
    file = tmp_path / "events"
    file.write_text(text, encoding="utf-8")
    hits = read_events(file)
    assert hits is not None
    assert [(hit.time, hit.strength) for hit in hits] == [(0.5, 1.0), (2.0, 1.0)]


@pytest.mark.parametrize(
    "text", ["time\n-1\n", "time\nnan\n", "when\n1\n", "[1, 2]", "{", '{"duration": 1}', "time,kind\n1,boom\n"]
)
def test_events_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "events"
    file.write_text(text)
    with pytest.raises(InvalidMessage, match="events"):
        read_events(file)


def test_an_event_far_from_a_contact_is_another_one() -> None:
    from footfall_bridge.messages import Hit

    events = [Hit(time=1.0), Hit(time=2.0)]
    assert demo.nearest_offset(1.02, events) == pytest.approx(-0.02)
    assert demo.nearest_offset(1.5, events) is None
    assert demo.nearest_offset(1.0, []) is None
