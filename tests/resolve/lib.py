"""The lib of the Resolve scripts, importable in tests as the scripts themselves import it."""

from __future__ import annotations

import sys
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "resolve_scripts"
sys.path.insert(0, str(SCRIPTS))
