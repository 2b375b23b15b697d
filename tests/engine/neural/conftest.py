"""What all neural tests share."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

NEEDED = ("torch", "diffusers", "safetensors", "transformers", "huggingface_hub")
ALWAYS = "test_without_torch.py"

if any(find_spec(package) is None for package in NEEDED):
    HERE = Path(__file__).parent
    collect_ignore = [str(path.relative_to(HERE)) for path in HERE.rglob("test_*.py") if path.name != ALWAYS]


@pytest.fixture(autouse=True)
def few_threads(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tiny networks lose more than they gain by sharing their work out, most of all on a busy machine."""
    if find_spec("torch") is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2 if request.node.get_closest_marker("heavy") else 1)
    yield
    torch.set_num_threads(before)
