"""What all neural tests share."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from footfall_engine.resident import Resident

NEEDED = ("torch", "diffusers", "safetensors", "transformers", "huggingface_hub")
ALWAYS = "test_without_torch.py"

if any(find_spec(package) is None for package in NEEDED):
    HERE = Path(__file__).parent
    collect_ignore = [str(path.relative_to(HERE)) for path in HERE.rglob("test_*.py") if path.name != ALWAYS]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a user's weights would lie: those of the toy Diff-Foley, unless a module has others."""
    from tests.engine.neural.resident import write_tree

    folder = tmp_path_factory.mktemp("models")
    write_tree(folder)
    return folder


@pytest.fixture(scope="module")
def engine(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resident]:
    """A real one, which has these models."""
    from tests.engine.neural.resident import engine_with

    with engine_with(models, tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Resident, Path]]:
    """An engine that never finds whole weights, and the folder in which it looks for models."""
    from tests.engine.neural.resident import engine_with

    folder = tmp_path_factory.mktemp("broken")
    with engine_with(folder, tmp_path_factory.mktemp("engine")) as running:
        yield running, folder


@pytest.fixture(autouse=True)
def few_threads(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tiny networks lose more than they gain by sharing their work out; large ones too where other tests run beside
    them, which is what OMP_NUM_THREADS=1 says."""
    if find_spec("torch") is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(min(2, before) if request.node.get_closest_marker("heavy") else 1)
    yield
    torch.set_num_threads(before)
