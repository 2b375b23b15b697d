"""What a user types of a model's controls, such as "steps=25 guidance=4.5 seed=7", as keys of a request. Pure."""

from __future__ import annotations

import re
from typing import Any, Callable

from .errors import FootfallError

TOO_LARGE = 2**63  # for any wire
CAPTION = "More (such as steps=25 guidance=4.5 seed=7)"


def whole(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]+", text) and int(text) < TOO_LARGE else None


def number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]+\.?[0-9]*|\.[0-9]+", text) else None


def word(text: str) -> str | None:
    return text if re.fullmatch("[a-z]+", text) else None


def yes_no(text: str) -> bool | None:
    return {"yes": True, "no": False, "true": True, "false": False}.get(text)


Read = Callable[[str], Any]
WANTED: dict[Read, str] = {whole: "a whole number", number: "a number", word: "a word", yes_no: "yes or no"}
KNOWN: dict[str, Read] = {
    "seed": whole,
    "steps": whole,
    "guidance": number,
    "gamma": number,
    "classifier_scale": number,
    "semantic_scale": number,
    "temporal_scale": number,
    "pictures": whole,
    "timing": word,
    "quality": word,
    "reference_picture": yes_no,
}


def of(text: str) -> dict[str, Any]:
    """Keys and values; FootfallError where the text cannot be read. What a value may be, the engine knows."""
    found = {}
    spaced = re.sub(r"\s*=\s*", "=", text.lower())
    for wish in re.sub(r",(?=\s|$)|;", " ", spaced).split():
        key, _, value = wish.partition("=")
        name = key.replace("-", "_")
        if not value or name not in KNOWN:
            raise FootfallError(
                "bad_answer",
                f"'{wish}' cannot be asked for. Write name=value, with spaces between them; "
                f"there are {', '.join(sorted(KNOWN))}.",
            )
        found[name] = KNOWN[name](value)
        if found[name] is None:
            raise FootfallError("bad_answer", f"{name} has to be {WANTED[KNOWN[name]]}, not '{value}'.")
    return found
