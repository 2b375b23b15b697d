"""Write reaper_scripts/index.xml, by which ReaPack installs and updates the actions, from the headers of the scripts.

    python docs/make_reapack.py                                     # as it is committed
    python docs/make_reapack.py --check                             # exit status 1 when it is not current
    python docs/make_reapack.py --base https://host/tag/reaper_scripts/

Format: cfillion/reapack, src/index_v1.cpp and src/source.cpp. One package holds everything, because the actions share
lib/, and ReaPack lets a file belong to one package only; `main` puts a script into the action list. Every address has
to be absolute for ReaPack. Where the scripts will be fetched from is known when they are published: it is `ReaPack`
in pyproject's [project.urls], or --base; without either, addresses are told from the index's own folder.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from footfall_bridge import __version__
from footfall_engine.hosts.reaper import FOLDER, action_names, script_names

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "reaper_scripts"
INDEX = "index.xml"
NEEDED = ("description", "version", "author", "about")

_TAG = re.compile(r"--\s?@(\w+)(?:\s+(.*))?$")
_MORE = re.compile(r"--\s{2,}(.*)$")


class BadHeader(ValueError):
    """A script whose header ReaPack could not use."""


@dataclass(frozen=True)
class Header:
    """What the comment at the top of an action says."""

    script: str
    tags: dict[str, str]

    @property
    def about(self) -> str:
        return " ".join(self.tags["about"].split())


def read_header(script: Path) -> Header:
    """Tags of the comment that a script begins with. BadHeader when one is missing or does not fit."""
    tags: dict[str, str] = {}
    latest = None
    for line in script.read_text(encoding="utf-8").splitlines():
        if found := _TAG.match(line):
            latest = found[1].lower()
            tags[latest] = (found[2] or "").strip()
        elif latest and (found := _MORE.match(line)):
            tags[latest] = f"{tags[latest]}\n{found[1]}".strip()
        else:
            break
    for tag in NEEDED:
        if not tags.get(tag):
            raise BadHeader(f"{script.name}: its header has no @{tag}")
    if tags["version"] != __version__:
        raise BadHeader(f"{script.name}: @version is {tags['version']}, and Footfall's is {__version__}")
    if tags["description"] != script.stem:
        raise BadHeader(f"{script.name}: @description is {tags['description']!r}, not the file's name")
    return Header(script.name, tags)


def index_xml(folder: Path, base: str = "") -> str:
    """The index of the scripts in a folder; addresses begin with `base`."""
    headers = [read_header(folder / name) for name in action_names(folder)]
    if not headers:
        raise BadHeader(f"{folder} has no actions")
    index = ET.Element("index", version="1", name=FOLDER)
    category = ET.SubElement(index, "category", name=FOLDER)
    package = ET.SubElement(
        category, "reapack", name="Footfall.lua", type="script", desc="Footfall: Foley on the timeline"
    )
    metadata = ET.SubElement(package, "metadata")
    ET.SubElement(metadata, "description").text = about_rtf(headers)
    version = ET.SubElement(package, "version", name=__version__, author=headers[0].tags["author"])
    actions = {header.script for header in headers}
    for name in script_names(folder):
        source = ET.SubElement(version, "source", {"main": "main"} if name in actions else {}, file=name)
        source.text = base + quote(name)
    ET.indent(index)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(index, encoding="unicode") + "\n"


def about_rtf(headers: list[Header]) -> str:
    """What ReaPack shows of the package, in the format it wants."""
    lines = ["The actions need Footfall's engine: get Footfall, and run `make reaper` in its folder."]
    lines += [f"{header.tags['description']}: {header.about}" for header in headers]
    return "{\\rtf1\\ansi\n" + "\n".join(f"\\pard {_rtf(line)}\\par" for line in lines) + "\n}"


def _rtf(text: str) -> str:
    escaped = re.sub(r"([\\{}])", r"\\\1", text)
    return "".join(char if ord(char) < 128 else f"\\u{ord(char)}?" for char in escaped)


def published_base() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project.get("urls", {}).get("ReaPack", ""))


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--base", default=published_base(), help="where the scripts are fetched from, with a / last")
    parser.add_argument("--check", action="store_true", help="only look whether the index is current")
    options = parser.parse_args(words)
    try:
        made = index_xml(SCRIPTS, options.base)
    except BadHeader as error:
        print(error, file=sys.stderr)
        return 1
    if not options.check:
        (SCRIPTS / INDEX).write_text(made, encoding="utf-8")
    elif not (SCRIPTS / INDEX).is_file() or (SCRIPTS / INDEX).read_text(encoding="utf-8") != made:
        print("reaper_scripts/index.xml is not current: run `make readme`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
