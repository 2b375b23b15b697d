"""Fill the tables of the README that say what the code says (families, models, errors) and what was measured last."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, get_args

from footfall_bridge import errors, messages
from footfall_engine.models.procedural.families import FAMILIES
from footfall_engine.models.registry import MODELS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FIGURES = (ROOT / "docs" / "bench.json", ROOT / "docs" / "hosts.json")
WORDS_SHOWN = 6

_ERROR_LINE = re.compile(r"^[│├└─ ]+(\w+) {2,}([a-z_]+)(?: {2,}(.*))?$", re.MULTILINE)
_VERDICTS = {True: "yes", False: "**no**", None: "–"}


def families() -> str:
    rows = [
        [family.name, family.role.value, _some(family.words), ", ".join(family.variants), family.about]
        for family in FAMILIES
    ]
    return table(["family", "driven by", "some of its words", "kinds", "what it is"], rows)


def models() -> str:
    rows = [
        [
            f"`{row.name}`", row.about, f"{row.sample_rate / 1000:g} kHz", f"{row.span_seconds:g} s",
            f"{row.memory_mb} MB", ", ".join(sorted(row.controls)), row.code_licence, row.weights_licence,
        ]
        for row in MODELS
    ]  # fmt: skip
    columns = ["model", "what it is", "rate", "longest window", "memory", "takes", "code", "weights"]
    return table(columns, rows)


def events() -> str:
    rows = [
        [f"`{_type_of(cls)}`", _keys(cls), (cls.__doc__ or "").replace("``", "`").split("\n\n")[0]]
        for cls in messages.EVENTS
    ]
    return table(["event or answer", "keys", ""], rows)


def error_codes() -> str:
    """The tree as its docstring draws it, each code with its exit status."""
    by_code = {error.code: error for error in errors.all_errors()}
    rows = [
        [f"`{code}`", str(by_code[code].exit_status), meaning or _in_words(name)]
        for name, code, meaning in _ERROR_LINE.findall(errors.__doc__ or "")
        if code in by_code
    ]
    return table(["code", "exit status", "when"], rows)


def figures() -> str:
    reports: list[dict[str, Any]] = [json.loads(file.read_text(encoding="utf-8")) for file in FIGURES]
    measured = [row for report in reports for row in report["rows"]]
    rows = [[row["name"], row["target"], row["reached"], _VERDICTS[row["good"]]] for row in measured]
    machine, date = reports[0]["machine"], max(report["date"][:10] for report in reports)
    where = f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}, {date}."
    return table(["what", "must reach", "reached", "good"], rows) + f"\n\n{where}"


SECTIONS: dict[str, Callable[[], str]] = {
    "families": families,
    "models": models,
    "events": events,
    "errors": error_codes,
    "figures": figures,
}


def filled(text: str) -> str:
    """The README with every generated section as it should be."""
    for name, make in SECTIONS.items():
        section = re.compile(rf"(<!-- {name}:[^>]*-->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if len(section.findall(text)) != 1:
            raise ValueError(f"the README has no section '{name}', or several")
        made = make()
        text = section.sub(lambda found, made=made: f"{found[1]}{made}\n{found[2]}", text)
    return text


def table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _keys(cls: type[messages.Message]) -> str:
    """The keys of a message beside its type; what they hold stands in brackets where that is no plain value."""
    return ", ".join(
        f"`{field.alias or name}`{_keys_within(field.annotation)}"
        for name, field in cls.model_fields.items()
        if name != "type"
    )


def _keys_within(annotation: Any) -> str:
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, Enum):
            return f" ({', '.join(member.value for member in part)})"
        if isinstance(part, type) and issubclass(part, messages.Message):
            return f" (each {_keys(part)})" if part not in messages.EVENTS else f" (as `{_type_of(part)}`)"
    return ""


def _type_of(cls: type[messages.Message]) -> str:
    return str(cls.model_fields["type"].default)


def _some(words: tuple[str, ...]) -> str:
    return ", ".join(words[:WORDS_SHOWN]) + (" …" if len(words) > WORDS_SHOWN else "")


def _in_words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
