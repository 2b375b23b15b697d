"""What all neural tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def few_threads(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tiny networks lose more than they gain by sharing their work out, most of all on a busy machine."""
    torch = pytest.importorskip("torch", reason="neural models need the 'neural' extra")
    before = torch.get_num_threads()
    torch.set_num_threads(2 if request.node.get_closest_marker("heavy") else 1)
    yield
    torch.set_num_threads(before)
