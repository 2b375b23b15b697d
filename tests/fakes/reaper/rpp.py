"""Projects as REAPER's .RPP files, through the ``rpp`` package: what is saved is what another REAPER would read.

Times have 14 digits behind the point, as REAPER writes them: exact to the double above 64 s, to 5e-15 s below, and not
changed by being saved again. A text that holds all three quotes loses its backticks (they become apostrophes).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import rpp

from tests.fakes.reaper.media import open_source
from tests.fakes.reaper.model import Item, Project, Source, Take, Track, Valued

Element = rpp.element.Element
Line = list[str]
ITEM_NUMBERS = {"POSITION": "D_POSITION", "SNAPOFFS": "D_SNAPOFFSET", "LENGTH": "D_LENGTH", "LOOP": "B_LOOPSRC"}
ITEM_FLAGS = {"SEL": "B_UISEL", "MUTE": "B_MUTE", "LANE": "I_FIXEDLANE", "GROUP": "I_GROUPID"}
TRACK_NUMBERS = {"SEL": "I_SELECTED", "FREEMODE": "I_FREEMODE"}
REVERSED = 2  # of a SECTION's MODE
UNENDED = float("inf")  # of a region whose second line is still to come


def number(value: float) -> str:
    text = f"{value:.14f}".rstrip("0").rstrip(".")
    return text if text not in ("-0", "") else "0"


# Writing


def save(project: Project, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    root = project_element(project)
    text = rpp.dumps(root)
    assert rpp.dumps(parsed(text)) == text, "a text with a blank or a line end that the rpp package cannot keep"
    path.write_text(text, encoding="utf-8")


def project_element(project: Project) -> Any:
    start, end = project.time_selection
    root = Element("REAPER_PROJECT", ["0.1", "7.46/linux-x86_64", "0"], [])
    root.extend(
        [
            ["PROJOFFS", number(project.offset), "0", "0"],
            ["TIMEMODE", "1", "5", "-1", number(project.frame_rate), str(int(project.drop_frame)), "0", "-1"],
            ["CURSOR", number(project.cursor)],
            ["SELECTION", number(start), number(end)],
            ["SAMPLERATE", number(project.sample_rate), str(int(project.uses_sample_rate)), "0"],
            ["RECORD_PATH", project.record_path, ""],
            *marker_lines(project),
        ]
    )
    if project.ext:
        root.append(ext_state_element(project.ext))
    root.extend(track_element(track) for track in project.tracks)
    return root


def marker_lines(project: Project) -> list[Line]:
    """A region is two lines of the same number, the second at its end and without a name."""
    lines = []
    for marker in project.markers:
        flags = ["1" if marker.is_region else "0", str(marker.colour), "1", "R", marker.guid, "0"]
        lines.append(["MARKER", str(marker.number), number(marker.start), marker.name, *flags])
        if marker.end is not None:
            lines.append(["MARKER", str(marker.number), number(marker.end), "", *flags[:1]])
    return lines


def ext_state_element(ext: dict[tuple[str, str], str]) -> Any:
    sections: dict[str, Any] = {}
    for (section, key), value in ext.items():
        sections.setdefault(section, Element(section, [], [])).append([key, value])
    return Element("EXTSTATE", [], list(sections.values()))


def track_element(track: Track) -> Any:
    lines: list[Any] = [["NAME", track.name], ["TRACKID", track.guid]]
    lines += [[tag, number(track.value(key))] for tag, key in TRACK_NUMBERS.items()]
    lines += other_values(track, set(TRACK_NUMBERS.values()))
    return Element("TRACK", [track.guid], [*lines, *ext_elements(track), *map(item_element, track.ordered)])


def item_element(item: Item) -> Any:
    known = {**ITEM_NUMBERS, **ITEM_FLAGS}
    lines: list[Any] = [[tag, number(item.value(key))] for tag, key in known.items()]
    lines += [["IGUID", item.guid]]
    lines += other_values(item, {*known.values(), "I_CURTAKE"})
    lines += ext_elements(item)
    for index, take in enumerate(item.lanes):
        if take is None:
            lines.append(["TAKE", "NULL"])
            continue
        if index:
            lines.append(["TAKE", "SEL"] if take is item.active_take else "TAKE")
        lines += take_lines(take)
    return Element("ITEM", [], lines)


def take_lines(take: Take) -> list[Any]:
    known = {"D_VOL", "D_PAN", "D_STARTOFFS", "D_PLAYRATE", "B_PPITCH", "D_PITCH", "I_CHANMODE"}
    value = lambda key: number(take.value(key))  # noqa: E731
    lines: list[Any] = [
        ["NAME", take.name],
        ["VOLPAN", value("D_VOL"), value("D_PAN"), "1", "-1"],
        ["SOFFS", value("D_STARTOFFS")],
        ["PLAYRATE", value("D_PLAYRATE"), value("B_PPITCH"), value("D_PITCH"), "-1", "0", "0.0025"],
        ["CHANMODE", value("I_CHANMODE")],
        ["GUID", take.guid],
        *[["TKM", number(at), name, str(colour)] for at, name, colour in take.markers],
        *[["SM", number(at), number(in_source)] for at, in_source in take.stretch_markers],
        *other_values(take, known, "TAKE_VALUE"),
        *ext_elements(take, "TAKE_EXT"),
    ]
    return [*lines, source_element(take.source)] if take.source else lines


def source_element(source: Source) -> Any:
    if source.parent is None:
        return Element("SOURCE", [source.kind], [["FILE", str(source.path)]])
    mode = [["MODE", str(REVERSED)]] if source.reversed else []
    times = [["LENGTH", number(source.length)], ["STARTPOS", number(source.offset)], ["OVERLAP", "0.01"]]
    return Element("SOURCE", ["SECTION"], [*times, *mode, source_element(source.parent)])


def ext_elements(thing: Valued, tag: str = "EXT") -> list[Any]:
    pairs = [[key[6:], text] for key, text in thing.strings.items() if key.startswith("P_EXT:")]
    return [Element(tag, [], pairs)] if pairs else []


def other_values(thing: Valued, known: set[str], tag: str = "VALUE") -> list[Line]:
    """Values for which this REAPER has no line of its own, by their parameter names."""
    return [[tag, key, number(value)] for key, value in thing.values.items() if key not in known]


# Reading


@cache
def parser() -> Any:
    """Made once: the package's own ``loads`` makes its grammar's tables anew each time."""
    return rpp.decoder.parser()


def parsed(text: str) -> Any:
    return parser().parse(text, rpp.scanner.lexer())


def load(path: Path) -> Project:
    root = parsed(path.read_text(encoding="utf-8"))
    project = Project(path)
    for child in root:
        read = {"TRACK": read_track, "EXTSTATE": read_ext_state}.get(child.tag) if isinstance(child, Element) else None
        if read:
            read(project, child)
        elif isinstance(child, list):
            read_setting(project, child)
    project.undo_points = [("", project.snapshot())]
    return project


def read_setting(project: Project, line: Line) -> None:
    tag, *rest = line
    if tag == "PROJOFFS":
        project.offset = float(rest[0])
    elif tag == "TIMEMODE":
        project.frame_rate, project.drop_frame = float(rest[3]), rest[4] != "0"
    elif tag == "CURSOR":
        project.cursor = float(rest[0])
    elif tag == "SELECTION":
        project.time_selection = float(rest[0]), float(rest[1])
    elif tag == "SAMPLERATE":
        project.sample_rate, project.uses_sample_rate = int(rest[0]), rest[1] == "1"
    elif tag == "RECORD_PATH":
        project.record_path = rest[0]
    elif tag == "MARKER":
        read_marker(project, rest)


def read_marker(project: Project, words: Line) -> None:
    marker_number, at, is_region = int(words[0]), float(words[1]), words[3] != "0"
    begun = [m for m in project.contents.markers if is_region and m.number == marker_number and m.end == UNENDED]
    if begun:
        begun[0].end = at
        return
    end = UNENDED if is_region else None
    marker = project.add_marker(at, words[2], end=end, number=marker_number, colour=int(words[4]))
    marker.guid = words[7] if len(words) > 7 else marker.guid


def read_ext_state(project: Project, element: Any) -> None:
    project.ext = {(section.tag, key): value for section in element for key, value in section}


def read_track(project: Project, element: Any) -> None:
    track = project.add_track()
    track.guid = element.attrib[0]
    for child in element:
        if isinstance(child, list):
            read_line(track, child, TRACK_NUMBERS)
        elif isinstance(child, Element) and child.tag == "EXT":
            read_ext(track, child)
        elif isinstance(child, Element) and child.tag == "ITEM":
            read_item(track, child)


def read_item(track: Track, element: Any) -> None:
    item = Item(track)
    track.items.append(item)
    take: Take | None = None
    for child in element:
        if child == "TAKE" or (isinstance(child, list) and child[0] == "TAKE"):
            take = None
            if "NULL" in child:
                item.lanes.append(None)
                continue
            take = item.add_take()
            if "SEL" in child:
                item.set_value("I_CURTAKE", len(item.lanes) - 1)
        elif isinstance(child, list) and child[0] in TAKE_LINES:
            take = take or item.add_take()
            TAKE_LINES[child[0]](take, child[1:])
        elif isinstance(child, list):
            read_line(item, child, {**ITEM_NUMBERS, **ITEM_FLAGS})
        elif isinstance(child, Element) and child.tag == "SOURCE" and take:
            take.set_source(read_source(child))
        elif isinstance(child, Element) and child.tag in ("EXT", "TAKE_EXT"):
            read_ext(take if child.tag == "TAKE_EXT" and take else item, child)


def read_line(thing: Valued, line: Line, numbers: dict[str, str]) -> None:
    tag, *rest = line
    if tag in numbers:
        thing.set_value(numbers[tag], float(rest[0]))
    elif tag == "VALUE":
        thing.set_value(rest[0], float(rest[1]))
    elif tag == "NAME":
        thing.name = rest[0]
    elif tag == "IGUID":
        thing.guid = rest[0]


def read_ext(thing: Valued, element: Any) -> None:
    thing.strings.update({f"P_EXT:{key}": text for key, text in element})


def read_values(take: Take, *pairs: tuple[str, str]) -> None:
    for key, text in pairs:
        take.set_value(key, float(text))


def rename(take: Take, words: Line) -> None:
    take.name = words[0]


def reguid(take: Take, words: Line) -> None:
    take.guid = words[0]


TAKE_LINES = {
    "NAME": rename,
    "GUID": reguid,
    "VOLPAN": lambda take, words: read_values(take, ("D_VOL", words[0]), ("D_PAN", words[1])),
    "SOFFS": lambda take, words: read_values(take, ("D_STARTOFFS", words[0])),
    "PLAYRATE": lambda take, words: read_values(
        take, ("D_PLAYRATE", words[0]), ("B_PPITCH", words[1]), ("D_PITCH", words[2])
    ),
    "CHANMODE": lambda take, words: read_values(take, ("I_CHANMODE", words[0])),
    "TAKE_VALUE": lambda take, words: read_values(take, (words[0], words[1])),
    "TKM": lambda take, words: take.markers.append((float(words[0]), words[1], int(words[2]))),
    "SM": lambda take, words: take.stretch_markers.append((float(words[0]), float(words[1]))),
}


def read_source(element: Any) -> Source | None:
    if element.attrib[0] != "SECTION":
        kind = element.attrib[0]
        path = next((Path(line[1]) for line in element if isinstance(line, list) and line[0] == "FILE"), None)
        return (open_source(path) if path else None) or Source(kind, path, 0.0, 0, 0)  # offline
    lines = {child[0]: child[1] for child in element if isinstance(child, list)}
    parent = read_source(next(child for child in element if isinstance(child, Element)))
    assert parent is not None
    is_reversed = lines.get("MODE") == str(REVERSED)
    return Source.section(parent, float(lines["STARTPOS"]), float(lines["LENGTH"]), is_reversed)
