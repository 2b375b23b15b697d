"""The optional parts of Footfall, its extras: what is said where one is wanted and not installed."""

from __future__ import annotations

import sys
from importlib import metadata


def how_to_install(extra: str) -> str:
    """A clause with the command that adds an extra to this very Python; double quotes are understood by every shell."""
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    pip = f"{python} -m pip" if _has_pip() else "uv pip"  # environments made by uv have no pip
    return (
        f"install Footfall's extra '{extra}': {pip} install -c constraints.txt -e \".[{extra}]\" in Footfall's folder"
    )


def _has_pip() -> bool:
    return any(metadata.distributions(name="pip"))
