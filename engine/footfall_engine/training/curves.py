"""How training went: curves.csv, a row for every look at it, and the same as curves.png."""

from __future__ import annotations

import csv
import logging
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path

CSV_FILE, PNG_FILE = "curves.csv", "curves.png"


@dataclass(frozen=True)
class Row:
    step: int  # optimiser steps done
    loss: float  # mean since the row before
    held_out: float  # loss of the averaged weights on data never trained on; NaN where there is none
    gradient: float  # norm before clipping, mean since the row before
    rate: float  # of learning
    seconds: float  # of training so far, over all its runs


COLUMNS = tuple(field.name for field in fields(Row))


def read(folder: Path) -> list[Row]:
    path = folder / CSV_FILE
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as lines:
        return [Row(int(row["step"]), *(float(row[name]) for name in COLUMNS[1:])) for row in csv.DictReader(lines)]


def write(folder: Path, rows: list[Row]) -> None:
    """Both files appear whole."""
    part = folder / f".{CSV_FILE}.part"
    with part.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, COLUMNS)
        writer.writeheader()
        writer.writerows({name: f"{value:.6g}" if name != "step" else value for name, value in asdict(row).items()}
                         for row in rows)  # fmt: skip
    part.replace(folder / CSV_FILE)
    if len(rows) > 1:
        draw(folder / PNG_FILE, rows)


def draw(target: Path, rows: list[Row]) -> None:
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its font cache
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    losses, gradients = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    steps = [row.step for row in rows]
    losses.plot(steps, [row.loss for row in rows], label="training", linewidth=1)
    held_out = [row.held_out for row in rows]
    if not all(map(math.isnan, held_out)):
        losses.plot(steps, held_out, label="held out, averaged weights", linewidth=1.5)
    losses.set_yscale("log")
    losses.set_ylabel("mean square error of the noise")
    losses.legend()
    gradients.plot(steps, [row.gradient for row in rows], linewidth=1)
    gradients.set_yscale("log")
    gradients.set_ylabel("norm of the gradient")
    gradients.set_xlabel("optimiser steps")
    part = target.with_name(f".{target.name}.part")
    try:
        figure.savefig(part, format="png")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
