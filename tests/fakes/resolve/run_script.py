"""Runs a menu script as Resolve does: a process of its own, with `resolve` and its like as globals, and no `__file__`.

    python run_script.py WORLD.json SCRIPT.py [ANSWERS.json]

With answers, a list, the script's dialogs are answered from it in turn and what they said is written to
`ANSWERS.json.said`; without, the script has the dialogs it would have on this machine.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def load_fake():
    """This folder as a package, whatever lies around it."""
    name = "fake_resolve"
    spec = importlib.util.spec_from_file_location(
        name, os.path.join(HERE, "__init__.py"), submodule_search_locations=[HERE]
    )
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
    from fake_resolve.resolve import FakeResolve

    return FakeResolve


class Answers:
    """A user whose answers are known beforehand; anything he is asked beyond them is a mistake."""

    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as file:
            self.left = json.load(file)
        self.said = []

    def note(self, *what):
        self.said.append(list(what))
        with open(self.path + ".said", "w", encoding="utf-8") as file:
            json.dump(self.said, file)

    def next(self, kind, *what):
        self.note(kind, *what)
        if not self.left:
            raise AssertionError(f"nobody said how to answer {kind} {what!r}")
        return self.left.pop(0)

    def ask(self, title, about, fields, verb="Generate"):
        answer = self.next("ask", title, about, {field.key: field.value for field in fields})
        return None if answer is None else dict({field.key: field.value for field in fields}, **answer)

    def confirm(self, title, question):
        return self.next("confirm", title, question)

    def choose(self, title, text, choices):
        return self.next("choose", title, text, list(choices))

    def tell(self, title, text):
        self.note("tell", title, text)

    def progress(self, title):
        self.note("progress", title)
        return Progress(self)

    def close(self):
        pass


class Progress:
    """Cancels once the user's next answer says so: {"cancel_at": a fraction} or {"cancel_when": a file is there}."""

    def __init__(self, answers):
        self.answers = answers
        left = answers.left
        is_plan = left and isinstance(left[0], dict) and {"cancel_at", "cancel_when"} & set(left[0])
        self.plan = left.pop(0) if is_plan else {}

    def update(self, text, fraction):
        self.answers.note("update", text, fraction)
        return fraction < self.plan.get("cancel_at", 2) and not os.path.exists(self.plan.get("cancel_when", ""))

    def close(self):
        pass


def library_of(source):
    """The folder that the installer has written into a script."""
    return ast.literal_eval(re.search("^LIB = (.+?)  #", source, re.MULTILINE).group(1))


def run(world, script, answers=None):
    fake = load_fake()(world)
    with open(script, encoding="utf-8") as file:
        source = file.read()
    resolve = fake.handle
    scope = {"__name__": "__main__", "resolve": resolve, "app": resolve, "bmd": None, "fusion": None}
    if answers is not None:
        sys.path.insert(0, library_of(source))
        from footfall_resolve import dialog

        dialog.open = lambda: Answers(answers)
    try:
        exec(compile(source, script, "exec"), scope)
    finally:
        fake.close()


if __name__ == "__main__":
    run(*sys.argv[1:])
