"""Projects go to .RPP files and come back as REAPER would bring them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from tests.clips import make_clip
from tests.fakes.reaper.media import open_source
from tests.fakes.reaper.model import Project, Source
from tests.fakes.reaper.rpp import load, number, save

RATES = (44_100, 48_000, 88_200, 96_000, 192_000)
DIGIT = 1e-14  # the last one that is written

times = st.floats(0, 1e6, allow_nan=False)
# The rpp package splits lines and words at more characters than REAPER does, and backticks give way to other quotes.
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp", "Zs"), exclude_characters="`") | st.just(" "),
    max_size=30,
)
keys = st.from_regex(r"[a-z][a-z_0-9]{0,9}", fullmatch=True)


def saved(time: float | None) -> float | None:
    return None if time is None else float(f"{time:.14f}")


def through_a_file(project: Project) -> Project:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "project.RPP"
        save(project, path)
        return load(path)


@given(st.integers(0, 172_800_001), st.sampled_from(RATES))
def test_every_sample_stays_itself(sample: int, rate: int) -> None:
    text = number(sample / rate)
    assert round(float(text) * rate) == sample
    assert abs(float(text) - sample / rate) < DIGIT
    assert number(float(text)) == text


@given(times.filter(lambda time: time >= 64))
def test_late_times_are_exact_to_the_last_bit(time: float) -> None:
    assert float(number(time)) == time


@given(times)
def test_a_time_that_was_saved_once_does_not_change_any_more(time: float) -> None:
    once = float(number(time))
    assert float(number(once)) == once and abs(once - time) < DIGIT


@given(
    position=times,
    length=times,
    offset=times,
    play_rate=st.floats(0.01, 100),
    name=texts,
    ext=st.dictionaries(keys, texts.filter(bool), max_size=3),
    marks=st.lists(st.tuples(times, texts, st.integers(0, 2**24)), max_size=3),
    active=st.integers(0, 2),
    loop=st.booleans(),
    lane=st.integers(0, 3),
)
def test_items_and_takes_come_back(
    position: float,
    length: float,
    offset: float,
    play_rate: float,
    name: str,
    ext: dict[str, str],
    marks: list[tuple[float, str, int]],
    active: int,
    loop: bool,
    lane: int,
) -> None:
    project = Project()
    track = project.add_track(name)
    track.strings["P_EXT:footfall"] = "group"
    item = track.add_item(None, position, length, start_offset=offset, rate=play_rate, loop=loop)
    item.set_value("I_FIXEDLANE", lane)
    for number_of_take in (1, 2):
        take = item.add_take(None, D_STARTOFFS=offset / (number_of_take + 1), D_PLAYRATE=play_rate)
        take.name, take.markers = name, list(marks)
        take.strings |= {f"P_EXT:{key}": text for key, text in ext.items()}
    item.set_value("I_CURTAKE", active)
    (again,) = through_a_file(project).items
    for key in ("D_POSITION", "D_LENGTH", "B_LOOPSRC", "I_CURTAKE", "I_FIXEDLANE"):
        assert again.value(key) == saved(item.value(key))
    for before, after in zip(item.takes, again.takes, strict=True):
        assert (before.guid, before.name, before.ext) == (after.guid, after.name, after.ext)
        assert after.start_offset == saved(before.start_offset)
        assert after.rate == saved(before.rate)
        assert after.markers == [(saved(at), *rest) for at, *rest in before.markers]
    assert again.track.name == name and again.track.guid == track.guid
    assert again.track.strings["P_EXT:footfall"] == "group"


@given(
    markers=st.lists(st.tuples(times, st.none() | times, texts), max_size=6),
    ext=st.dictionaries(st.tuples(keys, keys), texts.filter(bool), max_size=6),
    selection=st.tuples(times, times),
    offset=times,
)
def test_markers_and_ext_state_come_back(
    markers: list[tuple[float, float | None, str]],
    ext: dict[tuple[str, str], str],
    selection: tuple[float, float],
    offset: float,
) -> None:
    project = Project()
    for start, end, name in markers:
        project.add_marker(start, name, end=end)
    project.ext, project.time_selection, project.offset = dict(ext), selection, offset
    project.frame_rate, project.drop_frame, project.sample_rate = 30000 / 1001, True, 96_000
    again = through_a_file(project)
    facts = [(m.number, m.name, m.is_region, m.guid) for m in project.markers]
    assert [(m.number, m.name, m.is_region, m.guid) for m in again.markers] == facts
    assert [(m.start, m.end) for m in again.markers] == [(saved(m.start), saved(m.end)) for m in project.markers]
    assert again.ext == ext and again.offset == saved(offset)
    assert again.time_selection == tuple(map(saved, selection))
    assert (again.frame_rate, again.drop_frame, again.sample_rate) == (saved(30000 / 1001), True, 96_000)


def test_sources_are_opened_again_and_sections_lie_in_one_another(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "stem.wav", np.zeros((24_001, 2)), 48_000)
    clip = open_source(make_clip(tmp_path / "a clip.mp4"))
    stem = open_source(tmp_path / "stem.wav")
    assert clip and stem
    project = Project()
    project.add_track("Picture").add_item(
        Source.section(Source.section(clip, 0.25, 1.5, True), 0.5, 1.0), 93093 / 48_000
    )
    project.add_track("Stems").add_item(stem, 1.0)
    save(project, tmp_path / "p.RPP")
    again = load(tmp_path / "p.RPP")
    outer, wave = (take.source for take in again.takes)
    assert outer and wave and outer.parent and outer.parent.parent
    assert (outer.kind, outer.offset, outer.length, outer.reversed) == ("SECTION", 0.5, 1.0, False)
    assert (outer.parent.offset, outer.parent.length, outer.parent.reversed) == (0.25, 1.5, True)
    assert (outer.root.kind, outer.root.path, outer.root.length) == ("VIDEO", clip.path, clip.length)
    assert (wave.kind, wave.rate, wave.channels, wave.length) == ("WAVE", 48_000, 2, 24_001 / 48_000)


def test_a_deleted_file_is_offline_and_not_lost(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "stem.wav", np.zeros(100), 48_000)
    project = Project()
    project.add_track().add_item(open_source(tmp_path / "stem.wav"), 1.0)
    save(project, tmp_path / "p.RPP")
    (tmp_path / "stem.wav").unlink()
    (take,) = load(tmp_path / "p.RPP").takes
    assert take.source and (take.source.kind, take.source.path) == ("WAVE", tmp_path / "stem.wav")
    assert take.source.length == 0


def test_three_quotes_cost_the_backticks() -> None:
    project = Project()
    project.add_track("""a "b" 'c' `d`""")
    assert through_a_file(project).tracks[0].name == """a "b" 'c' 'd'"""


def test_a_text_that_cannot_be_kept_is_not_saved(tmp_path: Path) -> None:
    project = Project()
    project.add_track("two\u2028lines")
    with pytest.raises((AssertionError, ValueError)):
        save(project, tmp_path / "p.RPP")


REAPERS_OWN = """<REAPER_PROJECT 0.1 "7.16/win64" 1718000000
  RIPPLE 0
  PROJOFFS 3600 0 0
  TIMEMODE 1 5 -1 25 0 0 -1
  CURSOR 4.5
  <RECORD_CFG
  >
  SAMPLERATE 96000 1 0
  SELECTION 1.5 2.25
  MARKER 1 2 door 0 0 1 B {5A4C4EA4-0F9B-4F5E-8F11-000000000001} 0
  MARKER 2 4 "foley: steps" 1 0 1 B {5A4C4EA4-0F9B-4F5E-8F11-000000000002} 0
  MARKER 2 6 "" 1
  <TRACK {010F6508-D16E-4DA0-BE44-E8F3C39D6314}
    NAME Picture
    PEAKCOL 16576
    <FXCHAIN
      SHOW 0
      <VST "VST: ReaComp (Cockos)" reacomp.dll 0 "" 1919247213
        bWNlcu9e7f4EAAAAAQAAAA==
      >
    >
    <ITEM
      POSITION 1.00012345678901
      SNAPOFFS 0
      LENGTH 2
      LOOP 1
      ALLTAKES 0
      FADEIN 1 0 0 1 0 0 0
      MUTE 0 0
      SEL 1
      IGUID {253730F5-6A2B-4CB7-BE35-CDFBFA17AC6F}
      IID 1
      NAME "shot 1.mp4"
      VOLPAN 1 0 1 -1
      SOFFS 0.5
      PLAYRATE 0.5 0 0 -1 0 0.0025
      CHANMODE 0
      GUID {279FC811-A955-40D1-AA05-DCDB1F6CFEC6}
      <SOURCE VIDEO
        FILE "shots/shot 1.mp4"
      >
      TAKE
      NAME other
      SOFFS 0
      PLAYRATE 1 1 0 -1 0 0.0025
      GUID {279FC811-A955-40D1-AA05-DCDB1F6CFEC7}
      <SOURCE MIDI
        HASDATA 1 960 QN
        E 0 90 3c 0a
      >
    >
    <ITEM
      POSITION 9
      LENGTH 1
      IMGRESOURCEFLAGS 0
    >
  >
>
"""


def test_a_file_in_reapers_own_manner_is_read(tmp_path: Path) -> None:
    """With lines that mean nothing here, an empty item, a file that is not there, a take that is not sound."""
    path = tmp_path / "p.RPP"
    path.write_text(REAPERS_OWN)
    project = load(path)
    assert (project.offset, project.frame_rate, project.sample_rate, project.cursor) == (3600, 25, 96_000, 4.5)
    assert project.time_selection == (1.5, 2.25)
    assert [(m.number, m.name, m.start, m.end) for m in project.markers] == [
        (1, "door", 2, None),
        (2, "foley: steps", 4, 6),
    ]
    shot, empty = project.items
    assert (shot.position, shot.length, shot.selected) == (1.00012345678901, 2, True)
    assert [(take.name, take.start_offset, take.rate) for take in shot.takes] == [
        ("shot 1.mp4", 0.5, 0.5),
        ("other", 0, 1),
    ]
    assert shot.active_take is shot.takes[0] and [take.source.kind for take in shot.takes] == ["VIDEO", "MIDI"]
    assert (empty.position, empty.takes) == (9, [])
