"""What the user is asked and told: windows where Python has tkinter and there is a screen, else Resolve's Console.

In the Console nothing can be asked: what was asked for last holds, and a question is answered as its caller says.
"""

from __future__ import annotations

import sys
import time
from typing import Any, Dict, NamedTuple

Answers = Dict[str, str]


class Field(NamedTuple):
    key: str
    caption: str
    value: str


def open() -> Any:
    """The best dialogs that this Python can show."""
    try:
        return Windows()
    except Exception:  # no tkinter, no screen, or a tkinter whose Tcl is missing
        return Console()


class Console:
    """Says everything in Resolve's Console (Workspace > Console)."""

    def ask(self, title: str, about: str, fields: list[Field], verb: str = "Generate") -> Answers | None:
        self.tell(title, about)
        for field in fields:
            print("  {}: {}".format(field.caption, field.value or "-"))
        return {field.key: field.value for field in fields}

    def confirm(self, title: str, question: str) -> bool:
        print(f"{title}: {question} Yes (this Python has no windows to ask in).")
        return True

    def choose(self, title: str, text: str, choices: list[str]) -> str | None:
        self.tell(title, text)
        return None

    def tell(self, title: str, text: str) -> None:
        print(f"{title}: {text}")
        sys.stdout.flush()

    def progress(self, title: str) -> Any:
        return ConsoleProgress(title)

    def close(self) -> None:
        pass


class ConsoleProgress:
    EVERY_SECONDS = 5

    def __init__(self, title: str) -> None:
        self._title = title
        self._next = time.monotonic() + self.EVERY_SECONDS

    def update(self, text: str, fraction: float) -> bool:
        if time.monotonic() >= self._next:
            print(f"{self._title}: {text} {fraction:.0%}")
            sys.stdout.flush()
            self._next = time.monotonic() + self.EVERY_SECONDS
        return True

    def close(self) -> None:
        pass


class Windows:
    """Small windows of their own; the script has no other loop."""

    def __init__(self) -> None:
        import tkinter
        from tkinter import messagebox, ttk

        self._tk, self._ttk, self._boxes = tkinter, ttk, messagebox
        self._root = tkinter.Tk()
        self._root.withdraw()

    def tell(self, title: str, text: str) -> None:
        print(f"{title}: {text}")
        self._boxes.showinfo(title, text, parent=self._root)

    def confirm(self, title: str, question: str) -> bool:
        return bool(self._boxes.askyesno(title, question, parent=self._root))

    def ask(self, title: str, about: str, fields: list[Field], verb: str = "Generate") -> Answers | None:
        form = _Form(self, title, about)
        entries = {field.key: form.entry(field) for field in fields}
        chosen = form.run([verb, "Cancel"])
        return {key: entry.get() for key, entry in entries.items()} if chosen == verb else None

    def choose(self, title: str, text: str, choices: list[str]) -> str | None:
        chosen = _Form(self, title, text).run([*choices, "Close"])
        return None if chosen == "Close" else chosen

    def progress(self, title: str) -> Any:
        return WindowProgress(self, title)

    def close(self) -> None:
        self._root.destroy()


class _Form:
    """A window with a text, entries below it, and a row of buttons; Escape and closing it are the last button."""

    def __init__(self, windows: Windows, title: str, about: str) -> None:
        self._tk, self._ttk = windows._tk, windows._ttk
        self.window = self._tk.Toplevel(windows._root)
        self.window.title(title)
        self.window.attributes("-topmost", True)
        self._frame = self._ttk.Frame(self.window, padding=14)
        self._frame.grid(sticky="nsew")
        label = self._ttk.Label(self._frame, text=about, wraplength=520, justify="left")
        label.grid(columnspan=2, sticky="w", pady=(0, 10))
        self._chosen: str | None = None
        self._first: Any = None

    def entry(self, field: Field) -> Any:
        row = self._frame.grid_size()[1]
        self._ttk.Label(self._frame, text=field.caption).grid(row=row, column=0, sticky="w", padx=(0, 10), pady=3)
        text = self._tk.StringVar(self.window, field.value)  # which outlives the window
        entry = self._ttk.Entry(self._frame, width=56, textvariable=text)
        entry.grid(row=row, column=1, sticky="ew", pady=3)
        self._first = self._first or entry
        return text

    def run(self, buttons: list[str]) -> str:
        row = self._ttk.Frame(self._frame)
        row.grid(columnspan=2, sticky="e", pady=(12, 0))
        for name in buttons:
            self._ttk.Button(row, text=name, command=lambda name=name: self._choose(name)).pack(side="left", padx=4)
        self.window.protocol("WM_DELETE_WINDOW", lambda: self._choose(buttons[-1]))
        self.window.bind("<Escape>", lambda _: self._choose(buttons[-1]))
        self.window.bind("<Return>", lambda _: self._choose(buttons[0]))
        (self._first or self.window).focus_force()
        self.window.wait_window()
        return self._chosen or buttons[-1]

    def _choose(self, name: str) -> None:
        if self._chosen is None:
            self._chosen = name
            self.window.after_idle(self.window.destroy)


class WindowProgress:
    def __init__(self, windows: Windows, title: str) -> None:
        self._window = windows._tk.Toplevel(windows._root)
        self._window.title(title)
        frame = windows._ttk.Frame(self._window, padding=14)
        frame.grid()
        self._label = windows._ttk.Label(frame, width=64)
        self._label.grid(sticky="w")
        self._bar = windows._ttk.Progressbar(frame, length=480, maximum=1.0)
        self._bar.grid(pady=10)
        self._button = windows._ttk.Button(frame, text="Cancel", command=self._cancel)
        self._button.grid(sticky="e")
        self._window.protocol("WM_DELETE_WINDOW", self._cancel)
        self._cancelled = False

    def _cancel(self) -> None:
        self._cancelled = True

    def update(self, text: str, fraction: float) -> bool:
        """Show it, hear what is clicked; False once that was Cancel."""
        self._label.configure(text=text)
        self._bar.configure(value=fraction)
        self._window.update()
        return not self._cancelled

    def close(self) -> None:
        self._window.destroy()
