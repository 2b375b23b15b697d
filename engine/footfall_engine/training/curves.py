"""How training went: curves.csv, a row for every look at it, and the same as curves.png.

Rows are dataclasses whose first field is `step`, the rest are numbers. `held_out` is drawn with the first of them;
`rate` and `seconds` are not drawn.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

CSV_FILE, PNG_FILE = "curves.csv", "curves.png"
HELD_OUT = "held_out"
NOT_DRAWN = ("step", "rate", "seconds", HELD_OUT)


def read(folder: Path, kind: Any) -> list[Any]:
    path = folder / CSV_FILE
    if not path.is_file():
        return []
    names = [field.name for field in fields(kind)[1:]]
    with path.open(newline="", encoding="utf-8") as lines:
        return [kind(int(row["step"]), *(float(row[name]) for name in names)) for row in csv.DictReader(lines)]


def write(folder: Path, rows: Sequence[Any]) -> None:
    """Both files appear whole; nothing is written of no rows."""
    if not rows:
        return
    part = folder / f".{CSV_FILE}.part"
    with part.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, list(asdict(rows[0])))
        writer.writeheader()
        for row in rows:
            values = asdict(row)
            writer.writerow({name: value if name == "step" else f"{value:.6g}" for name, value in values.items()})
    part.replace(folder / CSV_FILE)
    draw(folder / PNG_FILE, rows)


def draw(target: Path, rows: Sequence[Any]) -> None:
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its font cache
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    values = {name: np.array([getattr(row, name) for row in rows]) for name in asdict(rows[0])}
    drawn = [name for name in values if name not in NOT_DRAWN]
    figure = Figure(figsize=(9, 3 + 1.6 * len(drawn)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(drawn), 1, sharex=True, squeeze=False, height_ratios=[2] + [1] * (len(drawn) - 1))
    for axes, name in zip(panels[:, 0], drawn, strict=True):
        axes.plot(values["step"], values[name], linewidth=1, label="training")
        axes.set_yscale("log" if np.nanmin(values[name]) > 0 else "linear")
        axes.set_ylabel(name.replace("_", " "))
    if HELD_OUT in values and np.isfinite(values[HELD_OUT]).any():
        panels[0, 0].plot(values["step"], values[HELD_OUT], linewidth=1.5, label="held out, averaged weights")
        panels[0, 0].legend()
    panels[-1, 0].set_xlabel("optimiser steps")
    part = target.with_name(f".{target.name}.part")
    try:
        figure.savefig(part, format="png")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
