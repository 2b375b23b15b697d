"""Options that several commands have in common, written down once as a dataclass."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any


def with_shared(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for every field of those of its parameters that are dataclasses.

    It is handed them made of what was given.
    """
    shown: list[inspect.Parameter] = []
    shared: dict[str, tuple[Any, list[str]]] = {}
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        kind = parameter.annotation
        if isinstance(kind, type) and is_dataclass(kind):
            fields = inspect.signature(kind, eval_str=True).parameters
            shared[name] = kind, list(fields)
            shown.extend(fields.values())
        else:
            shown.append(parameter)

    @functools.wraps(command)
    def run(**values: Any) -> None:
        made = {name: kind(**{field: values.pop(field) for field in fields}) for name, (kind, fields) in shared.items()}
        command(**values, **made)

    told: Any = run
    told.__signature__ = inspect.Signature([each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in shown])
    told.__annotations__ = {each.name: each.annotation for each in shown}
    return run
