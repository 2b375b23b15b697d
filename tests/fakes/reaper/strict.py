"""Holds every call, and every answer, to the signatures of ``api.json``; what is wrong is told with the call named."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.fakes.reaper.model import Pointer, Project
from tests.fakes.reaper.table import FUNCTIONS, Misuse

POINTER_CHECKS = {"ValidatePtr", "ValidatePtr2"}  # the only functions that may be asked about a stale pointer
EXTENSIONS = ("BR_", "CF_", "ImGui_", "JS_", "NF_", "ReaPack_", "SNM_")  # real, and not installed here
NUMBERS = {"integer", "number"}


@dataclass(frozen=True)
class Value:
    name: str
    type: str
    optional: bool


@dataclass(frozen=True)
class Signature:
    since: tuple[int, ...]
    arguments: tuple[Value, ...]
    results: tuple[Value, ...]

    @classmethod
    def of(cls, since: str, arguments: str, results: str) -> Signature:
        return cls(version(since), tuple(values(arguments)), tuple(values(results)))


def values(words: str) -> Iterator[Value]:
    for word in words.split():
        name, kind = word.split(":", 1)
        yield Value(name, kind.removesuffix("?"), kind.endswith("?"))


def version(text: str) -> tuple[int, ...]:
    """Of '7.46/linux-x86_64' or '7.4': REAPER's second number has two digits."""
    major, _, minor = re.split(r"[^\d.]", text, maxsplit=1)[0].partition(".")
    return int(major), int(minor.ljust(2, "0")[:2] or 0)


@dataclass(frozen=True)
class Api:
    functions: dict[str, Signature]
    c_only: frozenset[str]
    parms: dict[str, dict[str, str]]
    gfx: dict[str, tuple[int, float]]  # how few and how many arguments

    @staticmethod
    @cache
    def load() -> Api:
        facts = json.loads((Path(__file__).parent / "api.json").read_text(encoding="utf-8"))
        functions = {name: Signature.of(*rest) for name, rest in facts["functions"].items()}
        gfx = {name: arity(words.split()) for name, words in facts["gfx"].items()}
        return Api(functions, frozenset(facts["c_only"]), facts["parms"], gfx)


def arity(words: list[str]) -> tuple[int, float]:
    most = float("inf") if "..." in words else len(words)
    return sum(not word.startswith(("[", ".")) for word in words), most


class Strict:
    """The `reaper` table of one host: checks, calls, checks the answer, and remembers what went wrong."""

    def __init__(self, host: Any, version_text: str) -> None:
        self.api = Api.load()
        self.host = host
        self.version = version(version_text)
        self.problems: list[Exception] = []

    def exists(self, name: str) -> bool:
        signature = self.api.functions.get(name)
        return signature is not None and signature.since <= self.version

    def missing(self, name: str) -> tuple:
        """For a name that the table has not: nil is honest only for what this installation could have had."""
        if name in self.api.functions or name.startswith(EXTENSIONS):
            return (None, None)
        why = "exists for C alone" if name in self.api.c_only else "is no function of REAPER"
        self.problems.append(Misuse(f"reaper.{name} {why}"))
        return (str(self.problems[-1]),)

    def call(self, name: str, *arguments: Any) -> tuple:
        """(None, results…) or (what is wrong,): Lua raises the second at the script's own line."""
        try:
            return None, *self.checked(name, arguments)
        except Exception as problem:
            self.problems.append(problem)
            return (f"reaper.{name}: {problem}" if isinstance(problem, Misuse) else f"{name}: {problem!r}",)

    def checked(self, name: str, arguments: tuple) -> tuple:
        signature = self.signature(name)
        self.check_arguments(name, signature, arguments)
        self.check_parm(name, arguments)
        if name not in FUNCTIONS:
            raise NotImplementedError(f"reaper.{name} is real, but this REAPER does not model it yet")
        function = FUNCTIONS[name]
        if function.changes_project:
            self.check_undo_block(name, arguments)
        answer = function.call(self.host, *self.with_projects(signature, arguments))
        return tuple(self.results(name, signature, answer))

    def signature(self, name: str) -> Signature:
        if name in self.api.c_only:
            raise Misuse(f"{name} exists for C alone")
        if name not in self.api.functions:
            raise Misuse(f"{name} is no function of REAPER")
        signature = self.api.functions[name]
        if signature.since > self.version:
            since, pretended = (".".join(map(str, v)) for v in (signature.since, self.version))
            raise Misuse(f"{name} came with REAPER {since}; this one is {pretended}: ask APIExists")
        return signature

    def check_arguments(self, name: str, signature: Signature, arguments: tuple) -> None:
        fewest = sum(not wanted.optional for wanted in signature.arguments)
        if not fewest <= len(arguments) <= len(signature.arguments):
            listed = ", ".join(f"{wanted.type} {wanted.name}" for wanted in signature.arguments)
            raise Misuse(f"{name} got {len(arguments)} arguments and wants ({listed})")
        for wanted, given in zip(signature.arguments, arguments, strict=False):
            if not (given is None and wanted.optional) and not fits(wanted.type, given):
                raise Misuse(f"{name}: {wanted.name} wants {wanted.type}, got {given!r}")
            if isinstance(given, Pointer) and given.gone and not (name in POINTER_CHECKS and wanted.name == "pointer"):
                raise Misuse(f"{name}: {wanted.name} is a stale pointer: the {given.lua_type} is gone")

    def check_parm(self, name: str, arguments: tuple) -> None:
        keys = self.api.parms.get(name)
        if keys is None:
            return
        key = next(given for given in arguments if isinstance(given, str))
        known = keys.get(key) or next((kind for like, kind in keys.items() if templated(like, key)), None)
        if known is None:
            raise Misuse(f"{name} knows no {key!r}")
        if known.endswith("!") and writes(name, arguments):
            raise Misuse(f"{name}: {key} is read-only")
        if "LANE" in key and self.version < (7, 0):
            raise Misuse(f"{name}: {key} came with REAPER 7")

    def check_undo_block(self, name: str, arguments: tuple) -> None:
        if name in self.api.parms and not writes(name, arguments):
            return
        project = next((a.project for a in arguments if isinstance(a, Pointer)), self.host.current)
        if not project.undo_depth:
            raise Misuse(f"{name} changes the project outside an undo block")

    def with_projects(self, signature: Signature, arguments: tuple) -> Iterator[Any]:
        """0 and nil are the current project; whole floats are integers."""
        for wanted, given in zip(signature.arguments, arguments, strict=False):
            if wanted.type == "ReaProject" and not isinstance(given, Project):
                yield self.host.current
            elif wanted.type == "integer" and given is not None:
                yield int(given)
            else:
                yield given

    def results(self, name: str, signature: Signature, answer: Any) -> Iterator[Any]:
        given = answer if isinstance(answer, tuple) else (answer,) if signature.results else ()
        assert len(given) == len(signature.results), f"{name} answers {given!r} instead of {signature.results}"
        for wanted, value in zip(signature.results, given, strict=True):
            whole = wanted.type == "number" and isinstance(value, int) and not isinstance(value, bool)
            value = float(value) if whole else value
            may_be_nil = wanted.type not in (NUMBERS | {"boolean"})
            assert (value is None and may_be_nil) or fits(wanted.type, value), f"{name} answers {value!r} as {wanted}"
            yield value

    def end_of_step(self) -> None:
        """What must be balanced whenever a script gives the control back."""
        for project in self.host.projects:
            if project.undo_depth:
                self.problems.append(Misuse(f"Undo_BeginBlock without Undo_EndBlock in {project.name or 'unsaved'}"))
                project.undo_depth = 0
        if self.host.refresh_prevented:
            self.problems.append(Misuse(f"PreventUIRefresh is left at {self.host.refresh_prevented}"))
            self.host.refresh_prevented = 0
        if self.host.timeline_is_stale:
            self.problems.append(Misuse("I_FREEMODE was set without UpdateTimeline() after it"))
            self.host.timeline_is_stale = False


def writes(name: str, arguments: tuple) -> bool:
    """`Set…`, or a `GetSet…` that is told to."""
    return name.startswith("Set") or (name.startswith("GetSet") and bool(arguments[-1]))


def templated(like: str, key: str) -> bool:
    """`P_EXT:xyz` stands for P_EXT:anything, `C_LANEPLAYS:N` for any number."""
    prefix, colon, rest = like.partition(":")
    if not colon or not key.startswith(prefix + ":"):
        return False
    tail = key[len(prefix) + 1 :]
    return tail.isdigit() if rest in ("N", "n", "x", "X") else bool(tail) and rest == "xyz"


def fits(wanted: str, value: Any) -> bool:
    if wanted == "string":
        return isinstance(value, str)
    if wanted == "boolean":
        return isinstance(value, bool)
    if wanted in NUMBERS:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and (wanted == "number" or value == int(value))
    if wanted == "ReaProject":
        return value is None or (not isinstance(value, bool) and value == 0) or isinstance(value, Project)
    if wanted == "identifier":
        return isinstance(value, Pointer)
    if wanted == "function":
        return callable(value)
    return isinstance(value, Pointer) and value.lua_type == wanted
