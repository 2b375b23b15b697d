"""Draw docs/reaper-status.png: REAPER's Status window as its own layout has it, with an engine at work.

The window is asked what stands where, as REAPER asks it; only the last step, from boxes and texts to pixels, is ours.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import matplotlib
from lupa import lua54
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).parents[1]
LIB = ROOT / "reaper_scripts" / "lib"
PICTURE = ROOT / "docs" / "reaper-status.png"
FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
FONT_SCALE = 0.86  # DejaVu is wider than the Arial that REAPER draws with
SIZE, PIXELS = (460, 340), 2  # points, and pixels in each
COLOURS = 64
PAGE = 'require("window").page(require("status").view(require("json").decode(facts)), w, h, measure, {id = "repair"})'


def job(id: str, state: str, label: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "state": state, "kind": "generate", "label": label, "fraction": 0.0, **more}


FACTS = {
    "state": "running",
    "wire": "osc.udp",
    "to_place": 1,
    "card": {"version": "0.1.0", "pid": 48213, "udp_port": 9770},
    "reply": {
        "uptime_seconds": 1275,
        "counts": {"running": 1, "queued": 2},
        "jobs": [
            job("a", "running", "boots on gravel, light rain", fraction=0.62, eta_seconds=9.2),
            job("b", "queued", "cup on a wooden table"),
            job("c", "queued", "leather jacket, keys"),
            job("d", "done", "door slam, distant"),
            job("e", "failed", "glass breaks"),
        ],
    },
    "entries": [
        {"id": "a", "label": "boots on gravel, light rain", "kind": "generate", "project": {"path": "Reel 3.RPP"}},
        {"id": "d", "label": "door slam, distant", "kind": "generate", "project": {"path": "Reel 2.RPP"}},
        {"id": "e", "label": "glass breaks", "kind": "generate", "project": {"path": ""}},
    ],
    "jobs": {
        "a": {"state": "running", "progress": {"stage": "sound", "fraction": 0.62, "eta_seconds": 9.2}},
        "d": {"state": "done"},
        "e": {"state": "failed", "failure": {"message": "reel_3_temp.wav has no picture"}},
    },
}


def font(points: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT), round(points * PIXELS * FONT_SCALE))


def colours() -> dict[str, tuple[int, ...]]:
    """The window's own, as 8-bit values."""
    table = re.findall(r"^  (\w+) = \{ ([\d., ]+) \},$", (LIB / "window.lua").read_text(encoding="utf-8"), re.MULTILINE)
    return {name: tuple(round(255 * float(value)) for value in values.split(",")) for name, values in table}


def page() -> list[dict[str, Any]]:
    lua = lua54.LuaRuntime(unpack_returned_tuples=True)
    lua.execute(f"package.path = {json.dumps(str(LIB))} .. '/?.lua'")
    names = lua.globals()
    names.facts, (names.w, names.h) = json.dumps(FACTS), SIZE
    names.measure = lambda text, points: font(points).getlength(text) / PIXELS
    return [dict(draw) for draw in lua.eval(PAGE).draws.values()]


def main() -> None:
    image = Image.new("RGB", (SIZE[0] * PIXELS, SIZE[1] * PIXELS))
    pen, shades = ImageDraw.Draw(image), colours()
    for draw in page():
        x, y = draw["x"] * PIXELS, draw["y"] * PIXELS
        if draw["what"] == "box":
            right, bottom = x + draw["w"] * PIXELS - 1, y + draw["h"] * PIXELS - 1
            pen.rectangle((x, y, right, bottom), fill=shades[draw["colour"]])
        else:
            pen.text((x, y), draw["text"], font=font(draw["size"]), fill=shades[draw["colour"]])
    image.quantize(COLOURS).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
