"""The pretended Resolve refuses what the real one refuses, and is as treacherous: provoked, one call each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.fakes.resolve import make_api
from tests.fakes.resolve import world as worlds
from tests.fakes.resolve.resolve import CALLS, FakeResolve
from tests.fakes.resolve.strict import Misuse, load_api

SHARED = Path(__file__).parents[3] / "shared" / "hosts" / "resolve_api.json"


class Room:
    """A running Resolve with a timeline at 24 from 01:00:00:00, and its objects as a script gets them."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        world = worlds.make_world(**options)
        self.timeline_id = worlds.add_timeline(world, start=86_400)
        (folder / "world.json").write_text(json.dumps(world), encoding="utf-8")
        self.fake = FakeResolve(str(folder / "world.json"))
        self.resolve = self.fake.handle
        self.project = self.resolve.GetProjectManager().GetCurrentProject()
        self.pool, self.timeline = self.project.GetMediaPool(), self.project.GetCurrentTimeline()

    def recording(self, seconds: float = 1.0, name: str = "a.wav") -> Any:
        path = self.folder / name
        soundfile.write(path, [[0.1, 0.1]] * round(48_000 * seconds), 48_000, subtype="PCM_24")
        return self.pool.ImportMedia([str(path)])[0]

    def append(self, clip: Any, **facts: Any) -> Any:
        whole = {"startFrame": 0, "endFrame": 24, "mediaType": 2, "trackIndex": 1, "recordFrame": 86_400}
        return self.pool.AppendToTimeline([{"mediaPoolItem": clip, **whole, **facts}])

    def spans(self) -> list[tuple[int, int]]:
        return [(item.GetStart(), item.GetEnd()) for item in self.timeline.GetItemListInTrack("audio", 1)]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


# ---- the API


@pytest.mark.parametrize(
    "misuse, said",
    [
        (lambda room: room.timeline.GetFrames(), "Timeline.GetFrames is no call of Resolve's"),
        (lambda room: room.timeline.GetTrackCount(), "got 0 arguments and wants \\(trackType\\)"),
        (lambda room: room.timeline.GetTrackCount("audio", 1), "got 2 arguments"),
        (lambda room: room.timeline.GetTrackCount("sound"), "trackType cannot be 'sound'"),
        (lambda room: room.timeline.GetTrackName("audio", 1.0), "trackIndex cannot be 1.0"),
        (lambda room: room.timeline.GetTrackName("audio", True), "trackIndex cannot be True"),
        (lambda room: room.timeline.GetTrackName(trackType="audio", trackIndex=1), "takes no named arguments"),
        (lambda room: room.timeline.AddMarker(1.5, "Red", "", "", 1, ""), "frameId cannot be 1.5"),
        (lambda room: room.timeline.AddMarker(1, "Black", "", "", 1, ""), "color cannot be 'Black'"),
        (lambda room: room.timeline.AddTrack("audio", "quadro"), "cannot be 'quadro'"),
        (lambda room: room.timeline.AddTrack("audio", {"kind": "stereo"}), "AddTrack knows no \\['kind'\\]"),
        (lambda room: room.pool.SetCurrentFolder("Master"), "Folder cannot be 'Master'"),
        (lambda room: room.pool.ImportMedia("/a.wav"), "cannot be '/a.wav'|wants one list"),
        (lambda room: room.append(room.recording(), offset=3), "AppendToTimeline knows no offset"),
        (lambda room: room.resolve.OpenPage("Edit"), "pageName cannot be 'Edit'"),
        (lambda room: room.project.GetGallery(), "GetGallery is real, but this Resolve does not model it yet"),
        (lambda room: setattr(room.timeline, "name", "x"), "Timeline.name was assigned to"),
    ],
)
def test_a_call_that_no_resolve_answers_is_named_and_remembered(room: Room, misuse, said: str):
    with pytest.raises(Misuse, match=said):
        misuse(room)
    assert len(room.fake.world["misuses"]) == 1


def test_what_this_version_has_not_got_is_none_as_in_the_real_one(tmp_path: Path):
    old = Room(tmp_path, version=[18, 6, 6, 7, ""])
    assert old.timeline.GetMarkInOut is None
    with pytest.raises(TypeError):
        old.timeline.GetMarkInOut()


def test_everything_that_is_modelled_is_in_the_api():
    classes = load_api()["classes"]
    assert [call for call in CALLS if call[1] not in classes[call[0]]] == []


@pytest.mark.skipif(not SHARED.exists(), reason="the shared hosts folder is not here")
def test_the_reduced_api_is_that_of_its_source():
    truth = json.loads(SHARED.read_text(encoding="utf-8"))
    assert load_api() == json.loads(make_api.one_line_each(make_api.reduced(truth)))


def test_objects_are_new_each_time_so_comparing_them_says_nothing(room: Room):
    assert room.project.GetCurrentTimeline() != room.project.GetCurrentTimeline()


# ---- placing


def test_record_frames_are_absolute_and_the_end_frame_is_outside(room: Room):
    assert room.append(room.recording(), recordFrame=86_424, endFrame=12)
    assert room.spans() == [(86_424, 86_436)]


@pytest.mark.parametrize("key", ["recordFrame", "endFrame", "startFrame"])
def test_a_fractional_frame_spoils_the_whole_batch(room: Room, key: str):
    assert room.append(room.recording(), **{key: 12.0}) is None
    assert room.spans() == []


def test_of_two_that_overlap_the_earlier_one_stays_and_the_later_one_is_a_ghost(room: Room):
    clip = room.recording()
    room.append(clip)
    (ghost,) = room.append(clip, recordFrame=86_410)
    assert ghost.GetStart() is None
    assert room.spans() == [(86_400, 86_424)]


def test_a_locked_track_takes_nothing(room: Room):
    room.fake.world["timelines"][room.timeline_id]["tracks"]["audio"][0]["locked"] = True
    room.fake.store.save()
    assert room.append(room.recording()) is None


def test_a_recording_keeps_the_projects_rate_of_its_import_and_counts_in_it(room: Room):
    before = room.recording(2.0)
    room.fake.world["project"]["settings"]["timelineFrameRate"] = "25"
    room.fake.store.save()
    after = room.recording(2.0, "b.wav")
    assert [clip.GetClipProperty("FPS") for clip in (before, after)] == [24.0, 25.0]
    assert [clip.GetClipProperty("Frames") for clip in (before, after)] == ["48", "50"]
    room.append(after, endFrame=24)  # of 25 a second: 23.04 frames of the timeline
    assert room.spans() == [(86_400, 86_423)]


def test_media_comes_into_the_current_bin_and_is_not_read_twice(room: Room):
    first = room.recording()
    assert room.recording(5.0).GetUniqueId() == first.GetUniqueId()
    room.pool.AddSubFolder(room.pool.GetRootFolder(), "Another")
    assert room.recording().GetUniqueId() != first.GetUniqueId()


def test_a_file_that_is_not_there_is_imported_as_nothing(room: Room):
    assert room.pool.ImportMedia([str(room.folder / "gone.wav")]) is None


def test_tracks_are_mono_unless_stereo_is_asked_for(room: Room):
    room.timeline.AddTrack("audio")
    room.timeline.AddTrack("audio", "stereo")
    room.timeline.AddTrack("audio", {"audioType": "stereo", "index": 1})
    assert [room.timeline.GetTrackSubType("audio", n) for n in (1, 2, 3, 4)] == ["stereo", "mono", "mono", "stereo"]


def test_clips_are_deleted_on_the_edit_page_from_the_current_timeline_only(room: Room):
    (item,) = room.append(room.recording())
    room.resolve.OpenPage("fairlight")
    assert room.timeline.DeleteClips([item], False) is False
    room.resolve.OpenPage("edit")
    assert room.timeline.DeleteClips([item], False) is True
    assert room.spans() == []


# ---- marks, markers, the playhead


def test_marks_count_from_the_timelines_start_and_unset_ones_have_no_key(room: Room):
    assert room.timeline.GetMarkInOut() == {}
    room.timeline.SetMarkInOut(0, 134)
    assert room.timeline.GetMarkInOut()["video"] == {"in": 0, "out": 134}


def test_a_marker_does_not_go_where_one_is_and_its_frame_comes_back_as_a_float(room: Room):
    assert room.timeline.AddMarker(5, "Red", "impact", "", 1, "own")
    assert room.timeline.AddMarker(5, "Blue", "", "", 1, "") is False
    ((frame, marker),) = room.timeline.GetMarkers().items()
    assert (type(frame), frame, marker["customData"]) == (float, 5.0, "own")


def test_the_timecode_of_the_playhead_is_absolute_and_not_told_on_every_page(room: Room):
    assert room.timeline.GetCurrentTimecode() == "01:00:00:00"
    room.resolve.OpenPage("media")
    assert room.timeline.GetCurrentTimecode() == ""
    assert room.timeline.GetCurrentVideoItem() is None


@pytest.mark.parametrize("frame, label", [(0, "00:00:00;00"), (1799, "00:00:59;29"), (1800, "00:01:00;02"),
                                          (17_982, "00:10:00;00"), (107_892, "01:00:00;00")])  # fmt: skip
def test_drop_frame_timecode_leaves_labels_out(room: Room, frame: int, label: str):
    timeline = room.fake.world["timelines"][room.timeline_id]
    timeline.update(rate="29.97", drop_frame=True, playhead=frame)
    room.fake.store.save()
    assert room.timeline.GetCurrentTimecode() == label
    assert room.timeline.SetCurrentTimecode(label)
    assert room.fake.world["timelines"][room.timeline_id]["playhead"] == frame


# ---- the free edition


def test_a_studio_only_call_in_the_free_edition_spoils_the_ones_after_it(room: Room):
    assert room.timeline.CreateSubtitlesFromAudio({}) is False
    assert room.timeline.GetStartFrame() is None
    assert room.resolve.GetProductName() == "DaVinci Resolve"


# ---- the runner


def test_other_processes_see_what_a_script_does_and_the_other_way_round(room: Room):
    other = FakeResolve(room.fake.store.path)
    room.timeline.AddTrack("audio", "stereo")
    timeline = other.handle.GetProjectManager().GetCurrentProject().GetCurrentTimeline()
    assert timeline.GetTrackCount("audio") == 2
    timeline.AddTrack("audio", "stereo")
    assert room.timeline.GetTrackCount("audio") == 3
