"""What is said of a recording or a clip: the text beside it, or else what its name says.

Names may follow the Universal Category System (CatID_FXName_CreatorID_SourceID, universalcategorysystem.com), whose
second field is the caption; from any other name its words are taken, without numbers.
"""

from __future__ import annotations

import re
from pathlib import Path

SIDECAR = ".txt"
LONGEST_CAPTION = 500  # characters
_CATEGORY = re.compile(r"[A-Z]{2,5}[A-Za-z]{1,8}(-.*)?")  # FEETMisc, WATRDrip-Kitchen
_UCS_FIELDS = 4
_WORD = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])")  # camelCase apart, CAPITALS together
_SHORTEST_WORD = 3  # letters that one word at least must have


def caption_of(path: Path) -> str:
    """The caption of a file; "" where neither a text nor a name says anything."""
    beside = path.with_suffix(SIDECAR)
    if beside.is_file():
        return " ".join(beside.read_text(encoding="utf-8", errors="replace").split())[:LONGEST_CAPTION]
    return named(path.stem)


def named(stem: str) -> str:
    """What a file's name says.

    >>> named("FEETMisc_Footsteps Gravel Slow 03_JD_LIB"), named("hammer_on-metal.07"), named("00012")
    ('Footsteps Gravel Slow', 'hammer on metal', '')
    """
    fields = stem.split("_")
    if len(fields) >= _UCS_FIELDS and _CATEGORY.fullmatch(fields[0]):
        stem = fields[1]
    words = _WORD.findall(stem)
    return " ".join(words) if any(len(word) >= _SHORTEST_WORD for word in words) else ""
