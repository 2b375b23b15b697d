"""Makes ``api.json`` and ``luacheck_reaper.lua`` from the full truth about REAPER's API.

    python -m tests.fakes.reaper.make_api path/to/reaper_api.json

Kept are REAPER's own functions and ``gfx``, as facts: names, types, since when, and the parameter names of the
``…Info_Value`` family. Extensions, EEL and Python calls, help texts are left out. The sources stand in the result.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = [
    "functions and parameter names: justinfrankel/reaper-sdk b5da337, sdk/reaper_plugin_functions.h (REAPER v7.78)",
    "Lua signatures: iKadmium/reaper-luadoc-types 177ed88 (REAPER v7.40); newer functions derived from the header",
    "defer, atexit, gfx and versions before 7.27: Ultraschall ReaScript documentation 5c5417ad (2025-05)",
]
FIRST_HEADER = "v7.27"  # the oldest header looked at: what is in it may be older
OLDEST = "5.62"
OF_LUA_ALONE = {
    "atexit", "defer", "get_action_context", "gmem_attach", "gmem_read", "gmem_write", "new_array", "runloop",
    "set_action_options",
}  # fmt: skip
# The documentation tells when a function last changed: from 7 on, only these were born then, the others are older.
BORN_IN_7 = {
    "GetFXEnvelope", "GetSetTempoTimeSigMarkerFlag", "GetSetTrackGroupMembershipEx", "GetThingFromPoint",
    "InsertTrackInProject", "MediaExplorerGetLastPlayedFileInfo", "Menu_GetHash", "TimeMap_GetMetronomePattern",
    "UpdateItemLanes", "set_action_options",
}  # fmt: skip
MISSED_BY_THE_LIST = {"GetMediaTrackInfo_Value": {"B_HEIGHTLOCK": {"type": "bool*"}}}
MISSED_BY_THE_LIST["SetMediaTrackInfo_Value"] = MISSED_BY_THE_LIST["GetMediaTrackInfo_Value"]
# The Lua list names gfx functions without arguments: `x` is one, `[x` an optional one, `...` any number.
GFX = {
    "arc": "x y r ang1 ang2 [antialias", "blit": "source [scale [rotation ...", "blitext": "source coords rotation",
    "blurto": "x y", "circle": "x y r [fill [antialias", "clienttoscreen": "x y", "deltablit": "...",
    "dock": "v ...", "drawchar": "char", "drawnumber": "n ndigits", "drawstr": "str [flags [right [bottom",
    "getchar": "[char [unichar", "getdropfile": "idx", "getfont": "", "getimgdim": "handle", "getpixel": "",
    "gradrect": "x y w h r g b a ...", "init": "name [width [height [dockstate [xpos [ypos",
    "line": "x y x2 y2 [aa", "lineto": "x y [aa", "loadimg": "image filename", "measurechar": "char",
    "measurestr": "str", "muladdrect": "x y w h mul_r mul_g mul_b ...", "printf": "format ...", "quit": "",
    "rect": "x y w h [filled", "rectto": "x y", "roundrect": "x y w h radius [antialias", "screentoclient": "x y",
    "set": "r [g [b [a [mode [dest [a2", "setcursor": "resource_id [custom_cursor_name",
    "setfont": "idx [fontface [sz [flags", "setimgdim": "image w h", "setpixel": "r g b", "showmenu": "str",
    "transformblit": "srcimg destx desty destw desth div_w div_h table", "triangle": "x1 y1 x2 y2 x3 y3 ...",
    "update": "",
}  # fmt: skip


def reduced(truth: dict) -> dict:
    own = {name: facts for name, facts in truth["functions"].items() if is_own(name, facts)}
    return {
        "sources": SOURCES,
        "functions": {name: signature(name, facts) for name, facts in sorted(own.items()) if "lua" in facts},
        "c_only": sorted(name for name, facts in own.items() if facts.get("c_only")),
        "gfx": GFX,
        "parms": {
            function: {key: kind(facts) for key, facts in sorted((keys | MISSED_BY_THE_LIST.get(function, {})).items())}
            for function, keys in sorted(truth["parm_keys"].items())
            if function not in {"GetSetMediaItemInfo", "GetSetMediaItemTakeInfo", "GetSetMediaTrackInfo"}  # C only
        },
    }


def is_own(name: str, facts: dict) -> bool:
    return facts.get("provider") == "REAPER" and (name in OF_LUA_ALONE or ("c" in facts and "." not in name))


def signature(name: str, facts: dict) -> list[str]:
    """[since, arguments, results]: `name:type` words, `?` behind what may be left out."""
    lua = facts["lua"]
    if "args" not in lua:
        lua |= from_text(lua["signature"])
    return [since(name, facts), words(lua["args"]), words(lua["returns"])]


def from_text(text: str) -> dict:
    """The few signatures given as text: `type name, … = reaper.function(type name, …)`."""
    results, call = text.split("=", 1) if "=" in text else ("", text)
    arguments = re.search(r"\((.*)\)", call)
    listed = lambda part: [  # noqa: E731
        {"type": one.split()[0].strip("["), "name": one.split()[-1].strip("]"), "optional": "[" in one}
        for one in part.split(",")
        if one.strip()
    ]
    return {"args": listed(arguments.group(1) if arguments else ""), "returns": listed(results)}


def words(values: list[dict]) -> str:
    return " ".join(f"{v['name'] or '_'}:{v['type']}{'?' if v.get('optional') else ''}" for v in values)


def since(name: str, facts: dict) -> str:
    header = facts.get("first_seen_in_sdk_header", FIRST_HEADER)
    if not header.startswith(FIRST_HEADER):
        return header.removeprefix("v")
    changed = "7.03" if name == "set_action_options" else (facts.get("requires") or {}).get("Reaper", OLDEST)
    return changed if changed < "7" or name in BORN_IN_7 else OLDEST


def kind(facts: dict) -> str:
    return facts.get("type", "?") + ("!" if facts.get("readonly") else "")


def luacheck_std(api: dict) -> str:
    """A luacheck std whose only globals are `reaper` and `gfx`, with the API's names as their only fields."""
    fields = lambda names: "\n".join(f"        {name} = {{}}," for name in sorted(names))  # noqa: E731
    return (
        "-- Made by tests/fakes/reaper/make_api.py: the functions that Lua sees in REAPER (C-only ones left out).\n"
        "return {\n"
        "  read_globals = {\n    reaper = {\n      fields = {\n"
        f"{fields(api['functions'])}\n"
        "      },\n    },\n  },\n"
        "  globals = {\n    gfx = { other_fields = true },\n  },\n"
        "}\n"
    )


def one_line_each(api: dict) -> str:
    """JSON that a diff can read: a line for each function."""
    text = lambda value: json.dumps(value, ensure_ascii=False)  # noqa: E731
    block = lambda rows: "{\n" + ",\n".join(f"  {text(k)}: {text(v)}" for k, v in rows.items()) + "\n }"  # noqa: E731
    parts = [f' "sources": {text(api["sources"])}', f' "c_only": {text(api["c_only"])}']
    parts += [f' "{name}": {block(api[name])}' for name in ("functions", "gfx", "parms")]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(truth: str) -> None:
    api = reduced(json.loads(Path(truth).read_text(encoding="utf-8")))
    (HERE / "api.json").write_text(one_line_each(api), encoding="utf-8")
    (HERE / "luacheck_reaper.lua").write_text(luacheck_std(api), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
