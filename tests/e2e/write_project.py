"""Writes a plan of clips as a project of MLT's own: /usr/bin/python3 write_project.py PLAN.json PROJECT.mlt"""

import json
import sys

import mlt7


def write(plan, target):
    mlt7.Factory().init()
    profile = profile_of(plan)
    tractor = mlt7.Tractor(profile)
    for number, track in enumerate(plan["tracks"]):
        tractor.set_track(playlist_of(profile, track), number)
        if number:
            tractor.plant_transition(mix(profile), 0, number)
    consumer = mlt7.Consumer(profile, "xml", target)
    consumer.connect(tractor)
    consumer.run()


def profile_of(plan):
    width, height = plan["size"]
    profile = mlt7.Profile("atsc_1080p_25")
    profile.set_frame_rate(*plan["rate"])
    profile.set_width(width)
    profile.set_height(height)
    profile.set_sample_aspect(1, 1)
    profile.set_display_aspect(width, height)
    return profile


def playlist_of(profile, track):
    """The track's clips with what is empty between them."""
    playlist, end = mlt7.Playlist(profile), 0
    for clip in track["clips"]:
        if clip["frame"] > end:
            playlist.blank(clip["frame"] - end - 1)  # says its last frame, not its length
        producer = mlt7.Producer(profile, "avformat:" + clip["path"])
        if not producer.is_valid():
            sys.exit("MLT cannot read " + clip["path"])
        playlist.append(producer, clip["first"], clip["end"] - 1)
        end = clip["frame"] + clip["end"] - clip["first"]
    if track["kind"] == "audio":
        playlist.set("hide", 1)  # its picture, which it has none of
    return playlist


def mix(profile):
    """Adds a track's sound to that below it, at its own level."""
    transition = mlt7.Transition(profile, "mix")
    transition.set("always_active", 1)
    transition.set("sum", 1)
    return transition


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        write(json.load(file), sys.argv[2])
