"""The recipes that the menu scripts run."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any

from . import controls, frames, markers, memory, place, requests, shots
from .desk import Desk
from .dialog import Field
from .errors import Cancelled, FootfallError
from .frames import Range
from .memory import Entry
from .osc_client import EngineUnreachable
from .requests import MAX_VARIANTS, Wishes
from .resolve import Timeline
from .shots import Shot
from .watch import Watch, counted

NO_STEM = "Put the playhead on a stem that Footfall has placed, and run the script again."
NO_PART = "Mark a part of a stem that Footfall has placed with I and O, and run the script again."


# ---- generate


def generate(desk: Desk) -> None:
    """Sound for what lies between the marks, or for the current clip."""
    timeline, span, found, refused = marked_shots(desk)
    if not found:
        return offer(desk)
    folder = desk.stem_folder()
    wishes = ask_wishes(desk, about(found, refused, span, timeline), default_wishes(desk, span))
    desk.memory.remember_wishes(desk.host.project()["id"], wishes)
    hits = desk.host.markers()
    entries = [generate_entry(desk, timeline, shot, wishes, folder, hits) for shot in found]
    return submit(desk, entries, refused)


def generate_from_markers(desk: Desk) -> None:
    """Sound for every marker that asks for it."""
    timeline, noted = desk.host.timeline(), desk.host.markers()
    lines = markers.spotting_list(noted, timeline.end)
    if not lines:
        desk.tell(markers.NOTHING_FOUND)
        return offer(desk)
    folder, last = desk.stem_folder(), desk.memory.last_wishes(desk.host.project()["id"]) or Wishes()
    entries: list[Entry] = []
    refused: list[str] = []
    for line in lines:
        found, reasons = shots.of_region(desk.host.video_items(line.span), line.span, timeline.rate)
        wishes = last._replace(prompt=line.prompt, negative=line.negative)
        entries += [generate_entry(desk, timeline, shot, wishes, folder, noted) for shot in found]
        refused += reasons if found or reasons else [no_picture(line, timeline)]
    return submit(desk, entries, refused)


def no_picture(line: markers.Line, timeline: Timeline) -> str:
    at = frames.timecode(line.span[0], timeline.rate, timeline.drop_frame)
    return f"'{line.prompt}' at {at} has no picture under it."


def marked_span(desk: Desk, timeline: Timeline) -> Range:
    marks = desk.host.marks()
    current = desk.host.current_item() if marks == (None, None) else None
    span = shots.region_of(marks, current, (timeline.start, timeline.end))
    if span is None:
        raise FootfallError("nothing_marked", shots.NOTHING_MARKED)
    return span


def marked_shots(desk: Desk) -> tuple[Timeline, Range, list[Shot], list[str]]:
    """The timeline, the span, its shots, and why others are none; when there is no shot, that is told."""
    timeline = desk.host.timeline()
    span = marked_span(desk, timeline)
    found, refused = shots.of_region(desk.host.video_items(span), span, timeline.rate)
    if not found:
        desk.tell(*(refused or ["No clip lies there."]))
    return timeline, span, found, refused


def about(found: list[Shot], refused: list[str], span: Range, timeline: Timeline) -> str:
    """What a dialog says above its fields."""
    ends = [frames.timecode(frame, timeline.rate, timeline.drop_frame) for frame in span]
    text = "Sound for {} between {} and {}.".format(counted(len(found), "shot"), *ends)
    ramps = [shot.name for shot in found if shot.speed != 1]
    if ramps:
        text += " {} is retimed; Resolve tells scripts only the mean speed, so a speed ramp would be off.".format(
            ", ".join(dict.fromkeys(ramps)))  # fmt: skip
    return "\n".join([text, *refused])


def default_wishes(desk: Desk, span: Range) -> Wishes:
    """What a marker in the region asks for, else what was asked for last."""
    last = desk.memory.last_wishes(desk.host.project()["id"]) or Wishes()
    for marker in desk.host.markers():
        wish = markers.wish_of(marker)
        if wish and marker.frame < span[1] and marker.frame + marker.duration > span[0]:
            return last._replace(prompt=wish[0], negative=wish[1])
    return last


def ask_wishes(desk: Desk, text: str, wishes: Wishes, without_model: str = "default") -> Wishes:
    """What the user wants to hear; asked until it can be used."""
    complaint = ""
    while True:
        fields = [
            Field("prompt", "Prompt", wishes.prompt),
            Field("negative", "Negative prompt", wishes.negative),
            Field("variants", f"Variants (1-{MAX_VARIANTS})", str(wishes.variants)),
            Field("model", f"Model (empty: {without_model})", wishes.model),
            Field("more", controls.CAPTION, wishes.more),
        ]
        answers = desk.dialogs.ask(desk.title, "\n\n".join(filter(None, [text, complaint])), fields)
        if answers is None:
            raise Cancelled()
        unchanged = answers == {field.key: field.value for field in fields}
        said = {key: answer.strip() for key, answer in answers.items()}
        wishes = wishes._replace(**dict(said, variants=wishes.variants))
        try:
            controls.of(wishes.more)
            return wishes._replace(variants=variants_of(said["variants"]))
        except FootfallError as trouble:
            if unchanged:  # asked again, the Console would say the same for ever
                raise
            complaint = trouble.message


def variants_of(text: str) -> int:
    count = int(text) if text.isdecimal() else 0
    if not 1 <= count <= MAX_VARIANTS:
        raise FootfallError("bad_answer", f"Variants has to be a whole number from 1 to {MAX_VARIANTS}, not '{text}'.")
    return count


def generate_entry(
    desk: Desk, timeline: Timeline, shot: Shot, wishes: Wishes, folder: str, noted: list[markers.Marker]
) -> Entry:
    position = Fraction(frames.sample_at(shot.frames[0], timeline.rate), frames.SAMPLE_RATE)
    events = markers.hits_between(noted, shot.frames, timeline.rate)
    request = requests.generate(shot, wishes, position, folder, events)
    return desk.entry("generate", wishes.prompt or shot.name, request, {})


# ---- from asking to placing


def submit(desk: Desk, entries: list[Entry], notes: list[str]) -> None:
    """Leave jobs with the engine, with what earlier runs left behind, and stay until all of it is placed."""
    try:
        for entry in entries:
            desk.memory.put(entry)
        client = desk.connect()
    except (Cancelled, FootfallError, EngineUnreachable):
        for entry in entries:
            desk.memory.settle(entry["id"])
        raise
    Watch(desk, client, entries + taken_up(desk), notes).run()


def offer(desk: Desk) -> None:
    """Place what earlier runs left behind, if the user wants it."""
    entries = taken_up(desk)
    if entries:
        Watch(desk, desk.connect(), entries).run()


def taken_up(desk: Desk) -> list[Entry]:
    """What earlier runs have left behind in this project, if the user wants it placed now."""
    waiting = desk.waiting()
    names = ", ".join("'{}'".format(entry["label"]) for entry in waiting[:5])
    question = "{} asked for earlier and not placed yet: {}. Place what is finished now?"
    verb = "job was" if len(waiting) == 1 else "jobs were"
    if not waiting or not desk.confirm(question.format(f"{len(waiting)} {verb}", names)):
        return []
    for entry in waiting:
        desk.memory.beat(entry["id"])
    return waiting


# ---- regenerate


def regenerate(desk: Desk) -> None:
    """New sound for the marked part of a stem."""
    timeline = desk.host.timeline()
    span = marked_part(desk, timeline)
    found = meant(place.placed_items(desk.host, span))
    if found is None:
        desk.tell(NO_PART)
        return offer(desk)
    made, sample = found.history, place.stem_sample(found, timeline.rate)
    first, end = part_of(made, sample, span, timeline.rate)
    asked = made["request"]
    was = Wishes(asked.get("prompt", ""), asked.get("negative", ""), 1)
    folder = desk.stem_folder()
    wishes = ask_part_wishes(
        desk, "A part of '{}', {:.3f} s long, anew.".format(made["label"], float(end - first)), was
    )
    request = requests.regenerate(made["stem"], first, end, wishes, folder)
    return submit(desk, [desk.entry("regenerate", made["label"], request, {"sample": sample})], [])


def marked_part(desk: Desk, timeline: Timeline) -> Range:
    span = shots.region_of(desk.host.marks(), None, (timeline.start, timeline.end))
    if span is None:
        raise FootfallError("nothing_marked", NO_PART)
    return span


def meant(there: list[place.Placed]) -> place.Placed | None:
    """Of the items in a span the one that the user hears; else the first one."""
    return next((one for one in there if one.track.enabled), there[0] if there else None)


def part_of(made: dict[str, Any], sample: int, span: Range, rate: Fraction) -> tuple[Fraction, Fraction]:
    """[first, end) of a stem in seconds from its first sample, that a span of the timeline means."""
    first = max(0, frames.sample_at(span[0], rate) - sample)
    end = min(int(made["samples"]), frames.sample_at(span[1], rate) - sample)
    if first >= end:
        raise FootfallError("bad_range", NO_PART)
    return Fraction(first, frames.SAMPLE_RATE), Fraction(end, frames.SAMPLE_RATE)


def ask_part_wishes(desk: Desk, text: str, was: Wishes) -> dict[str, Any]:
    """What is to change; what stays as it was is left out."""
    wishes = ask_wishes(desk, text, was, "as it was made")
    keys = ("prompt", "negative", "model")
    changed = {key: getattr(wishes, key) for key in keys if getattr(wishes, key) != getattr(was, key)}
    return dict(changed, variants=wishes.variants, **controls.of(wishes.more))


# ---- variants


def step_variant(by: int) -> Any:
    """The next variant (by = 1) or the previous one (by = -1) at the playhead, round and round."""

    def recipe(desk: Desk) -> None:
        tracks = tracks_at_playhead(desk)
        if len(tracks) < 2:
            return desk.tell("There is only one variant here." if tracks else NO_STEM)
        heard = next((n for n, one in enumerate(tracks) if one.track.enabled), -1 if by > 0 else 0)
        chosen = tracks[(heard + by) % len(tracks)]
        place.hear_only(desk.host, place.number_of(chosen.track))
        print(f"Footfall: {chosen.track.name} is heard now.")
        return None

    return recipe


def tracks_at_playhead(desk: Desk) -> list[place.Placed]:
    """Our items under the playhead, from the first track on."""
    playhead = desk.host.playhead()
    if playhead is None:
        raise FootfallError("wrong_page", "This page of Resolve shows no timeline. Go to the Edit page first.")
    return place.placed_items(desk.host, (playhead, playhead + 1))


def keep_variant(desk: Desk) -> None:
    """Keep what is heard at the playhead, on the first free track of ours, and take the other variants off."""
    there = tracks_at_playhead(desk)
    kept = next((one for one in there if one.track.enabled), None)
    rest = [one for one in there if one is not kept]
    if kept is None or not rest:
        return desk.tell("There is only one variant here." if there else NO_STEM)
    question = "Keep '{}' as it is heard now and take {} off the timeline? Their files stay."
    if not desk.confirm(question.format(kept.item.name, counted(len(rest), "other variant"))):
        raise Cancelled()
    desk.host.delete_items([one.item for one in rest])
    place.settle_on_first_track(desk.host, kept)
    return None


# ---- hits


def spot(desk: Desk) -> None:
    """A marker at every visible hit; ours of an earlier run give way."""
    timeline, _, found, refused = marked_shots(desk)
    if not found:
        return offer(desk)
    rate = requests.exact(timeline.rate)
    entries = [
        desk.entry("spot", shot.name, requests.spot(shot), {"span": list(shot.frames), "rate": rate}) for shot in found
    ]
    return submit(desk, entries, refused)


# ---- looking after it


def status(desk: Desk) -> None:
    """How the engine is, what it works at, and what waits to be placed."""
    desk.tell("\n".join(engine_lines(desk) + job_lines(desk)))
    offer(desk)


def engine_lines(desk: Desk) -> list[str]:
    card = desk.engine.fitting_card()
    reply = desk.engine.answers() if card else None
    if card is None or reply is None:
        return ["The engine does not run; it starts when it is needed."]
    lines = ["The engine {} runs, process {}.".format(reply.get("version"), reply.get("pid"))]
    for job in reply.get("jobs") or []:
        share = " {:.0%}".format(job.get("fraction") or 0) if job.get("state") == "running" else ""
        lines.append("  {}{}: {} {}".format(job.get("state"), share, job.get("kind"), job.get("label")))
    return lines


def job_lines(desk: Desk) -> list[str]:
    jobs = desk.memory.jobs()
    lines = [
        "  '{}' for '{}'{}".format(
            one["label"], one["project"]["name"], ", watched" if desk.memory.is_watched(one["id"]) else ""
        )
        for one in jobs
    ]
    return ["Not placed yet:", *lines] if lines else ["Nothing waits to be placed."]


def cancel(desk: Desk) -> None:
    """Cancel what was asked for in this project; variants that are finished are placed."""
    project = desk.host.project()["id"]
    jobs = [one for one in desk.memory.jobs() if one["project"]["id"] == project]
    names = ", ".join("'{}'".format(one["label"]) for one in jobs)
    if not jobs:
        return desk.tell("There is nothing to cancel.")
    if not desk.confirm("Cancel {}: {}?".format(counted(len(jobs), "job"), names)):
        raise Cancelled()
    client = desk.connect()
    for job in jobs:
        client.send({"type": "cancel", "id": job["id"]})
    Watch(desk, client, [one for one in jobs if not desk.memory.is_watched(one["id"])]).run()
    return None


def engine(desk: Desk) -> None:
    """Start, stop or mend the engine; choose where stems go."""
    folder = os.path.dirname(desk.memory.stem_folder(desk.host.project()["name"]))
    lines = [*engine_lines(desk), f"Stems go to {folder}."]
    chosen = desk.dialogs.choose(desk.title, "\n".join(lines), ["Start", "Stop", "Repair", "Stem folder"])
    if chosen == "Start":
        desk.connect().close()
        desk.tell("The engine runs.")
    elif chosen == "Stop":
        desk.tell("The engine has stopped." if desk.engine.stop() else "No engine was running.")
    elif chosen == "Repair":
        desk.tell(*desk.engine.repair())
    elif chosen == "Stem folder":
        choose_stem_folder(desk, folder)


def choose_stem_folder(desk: Desk, folder: str) -> None:
    text = "The folder in which each project gets one for its stems:"
    answers = desk.dialogs.ask(desk.title, text, [Field("folder", "Folder", folder)], "Use it")
    if answers is None:
        raise Cancelled()
    chosen = os.path.abspath(os.path.expanduser(answers["folder"].strip()))
    memory.make_stem_folder(chosen)
    desk.memory.choose_stem_folder(chosen)
