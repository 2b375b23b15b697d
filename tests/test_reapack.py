"""The index by which ReaPack installs the actions, from the headers of the scripts."""

from __future__ import annotations

import importlib.util
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest
from footfall_bridge import __version__
from footfall_engine.hosts.reaper import script_names

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "reaper_scripts"
NAME = "Footfall - Spot hits.lua"
HEADER = f"""\
-- @description Footfall - Spot hits
-- @version {__version__}
-- @author Footfall
-- @about
--   Sets a marker on every visible hit,
--   {{strength}} & all.

local x = 1 -- @version 9.9.9
"""


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reapack", ROOT / "docs" / "make_reapack.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def scripts_with(folder: Path, header: str) -> Path:
    (folder / "lib").mkdir()
    (folder / "lib" / "json.lua").write_text("return {}\n")
    (folder / NAME).write_text(header, encoding="utf-8")
    return folder


def test_the_committed_index_is_current(maker: ModuleType) -> None:
    assert maker.main(["--check"]) == 0, "run `make readme`"


def test_every_script_can_be_fetched_and_every_action_is_listed(maker: ModuleType) -> None:
    index = ET.fromstring(maker.index_xml(SCRIPTS, "https://host/tag/"))
    sources = {source.get("file"): source for source in index.iter("source")}
    assert sorted(sources) == script_names(SCRIPTS)
    for name, source in sources.items():
        assert unquote(urlsplit(source.text).path) == f"/tag/{name}"
        assert " " not in (source.text or "")
        assert (source.get("main") == "main") == name.startswith("Footfall - ")


def test_the_index_is_as_reapack_reads_it(maker: ModuleType, tmp_path: Path) -> None:
    index = ET.fromstring(maker.index_xml(scripts_with(tmp_path, HEADER), "https://host/"))
    assert index.attrib == {"version": "1", "name": "Footfall"}
    package = index.find("category[@name='Footfall']/reapack")
    assert package is not None and package.get("type") == "script"
    version = package.find("version")
    assert version is not None and version.get("name") == __version__
    assert [source.text for source in version] == [
        "https://host/Footfall%20-%20Spot%20hits.lua",
        "https://host/lib/json.lua",
    ]
    about = package.findtext("metadata/description") or ""
    assert about.startswith("{\\rtf1")
    assert "Sets a marker on every visible hit, \\{strength\\} & all." in about


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (HEADER.replace("-- @version 0", "-- version 0", 1), "has no @version"),
        (HEADER.replace(f"@version {__version__}", "@version", 1), "has no @version"),
        (HEADER.replace(__version__, "0.0.9", 1), r"@version is 0\.0\.9"),
        (HEADER.replace("-- @author", "\n-- @author"), "has no @author"),
        (HEADER.replace("description Footfall - Spot", "description Spot"), "not the file's name"),
        ("local x = 1\n" + HEADER, "has no @description"),
    ],
)
def test_a_header_that_reapack_cannot_use_is_refused(maker: ModuleType, tmp_path: Path, header: str, said: str) -> None:
    with pytest.raises(maker.BadHeader, match=said):
        maker.index_xml(scripts_with(tmp_path, header))
