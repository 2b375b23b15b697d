"""The gfx window of one script: what was drawn in the last frame, and scripted mouse and keys."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from tests.fakes.reaper.table import Misuse

CLOSED = -1
CHARACTER_WIDTH, LINE_HEIGHT = 8.0, 16.0
VARIABLES = {"x": 0.0, "y": 0.0, "r": 1.0, "g": 1.0, "b": 1.0, "a": 1.0, "w": 0.0, "h": 0.0, "mouse_x": 0.0,
             "mouse_y": 0.0, "mouse_cap": 0.0, "mouse_wheel": 0.0, "mouse_hwheel": 0.0, "clear": 0.0, "dest": -1.0,
             "mode": 0.0, "a2": 1.0, "ext_retina": 0.0, "texth": LINE_HEIGHT}  # fmt: skip
GUARDED = {"x", "y", "w", "h"}


@dataclass(frozen=True)
class Draw:
    what: str
    arguments: tuple
    x: float
    y: float
    colour: tuple[float, float, float, float]


class Window:
    """`frame` is what stands in the window now; clicks and keys wait their turn, one for each step."""

    def __init__(self, variables: Any, arity: dict[str, tuple[int, float]]) -> None:
        self.variables, self.arity = variables, arity
        self.title = ""
        self.is_open = False
        self.frame: list[Draw] = []
        self.drawing: list[Draw] = []
        self.keys: deque[int] = deque()
        self.mouse: deque[tuple[float, float, int]] = deque()
        self.menu_choice = 0
        for name, value in VARIABLES.items():
            variables[name] = value

    # The user

    def key(self, key: str | int) -> None:
        self.keys.append(ord(key) if isinstance(key, str) else key)

    def click(self, x: float, y: float) -> None:
        self.mouse += [(x, y, 0), (x, y, 1), (x, y, 0)]

    def click_on(self, text: str) -> None:
        """In the middle of the first text that contains this one."""
        found = next(draw for draw in self.frame if draw.what == "drawstr" and text in str(draw.arguments[0]))
        width, height = measured(str(found.arguments[0]))
        self.click(found.x + width / 2, found.y + height / 2)

    def close(self) -> None:
        """As by its close box: the next getchar tells."""
        self.is_open = False

    @property
    def texts(self) -> list[str]:
        return [str(draw.arguments[0]) for draw in self.frame if draw.what in ("drawstr", "printf")]

    # The script

    def before_step(self) -> None:
        if self.mouse:
            x, y, buttons = self.mouse.popleft()
            self.variables["mouse_x"], self.variables["mouse_y"], self.variables["mouse_cap"] = x, y, buttons

    def after_step(self) -> None:
        """REAPER shows what a step has drawn when the step is over."""
        if self.drawing:
            self.frame, self.drawing = self.drawing, []

    def call(self, name: str, *arguments: Any) -> Any:
        fewest, most = self.arity[name]
        if not fewest <= len(arguments) <= most:
            raise Misuse(f"gfx.{name} got {len(arguments)} arguments and wants {fewest} to {most}")
        wrong = [a for a in arguments if a is not None and not isinstance(a, int | float | str)]
        if wrong or any(isinstance(a, bool) for a in arguments):
            raise Misuse(f"gfx.{name} got {arguments!r}: gfx takes numbers and texts")
        answer = getattr(self, "do_" + name, None)
        if answer:
            return answer(*arguments)
        self.draw(name, arguments)
        return 0.0

    def draw(self, name: str, arguments: tuple) -> None:
        if not self.is_open:
            return
        now = self.variables
        colour = (now["r"], now["g"], now["b"], now["a"])
        self.drawing.append(Draw(name, arguments, now["x"], now["y"], colour))

    def do_init(self, title: str, width: float = 0, height: float = 0, *rest: float) -> float:
        self.title, self.is_open = title or self.title, True
        self.variables["w"], self.variables["h"] = float(width or 640), float(height or 480)
        return 1.0

    def do_quit(self) -> None:
        self.is_open = False

    def do_getchar(self, character: float = 0, *rest: float) -> float:
        if not self.is_open:
            return float(CLOSED)
        if character == 65536:
            return 7.0  # there, focused, visible
        return float(self.keys.popleft()) if self.keys and not character else 0.0

    def do_update(self) -> None:
        self.after_step()

    def do_set(
        self, red: float, green: float | None = None, blue: float | None = None, alpha: float = 1.0, *rest: Any
    ) -> None:
        green = red if green is None else green
        for name, value in zip("rgba", (red, green, green if blue is None else blue, alpha), strict=True):
            self.variables[name] = value

    def do_setfont(self, index: float, *rest: Any) -> float:
        return 1.0

    def do_measurestr(self, text: str) -> tuple[float, float]:
        return measured(text)

    def do_drawstr(self, text: str, *rest: Any) -> None:
        """Draws at (gfx.x, gfx.y) and moves gfx.x behind it."""
        self.draw("drawstr", (text, *rest))
        self.variables["x"] += measured(text)[0]

    def do_dock(self, value: float, *rest: Any) -> float:
        return 0.0

    def do_showmenu(self, text: str) -> float:
        return float(self.menu_choice)


def measured(text: str) -> tuple[float, float]:
    lines = text.split("\n")
    return CHARACTER_WIDTH * max(map(len, lines)), LINE_HEIGHT * len(lines)
