"""Options that several commands have in common, written down once as a dataclass."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_type_hints


def with_shared(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for every field of those of its parameters that are dataclasses.

    It is handed them made of what was given.
    """
    shown: list[inspect.Parameter] = []
    shared: dict[str, Any] = {}
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        if is_dataclass(parameter.annotation):
            shared[name] = parameter.annotation
            shown += _parameters_of(parameter.annotation)
        else:
            shown.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def run(**values: Any) -> None:
        made = {
            name: kind(**{each.name: values.pop(each.name) for each in fields(kind)}) for name, kind in shared.items()
        }
        command(**values, **made)

    told: Any = run
    told.__signature__ = inspect.Signature(shown)
    told.__annotations__ = {each.name: each.annotation for each in shown}
    return run


def _parameters_of(kind: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            each.name, inspect.Parameter.KEYWORD_ONLY, default=_default_of(each), annotation=hints[each.name]
        )
        for each in fields(kind)
    ]


def _default_of(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return inspect.Parameter.empty if field.default is MISSING else field.default
