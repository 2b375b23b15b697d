"""Narrow products between wide sums: what a network computes in which numbers, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from footfall_engine.models.foleycrafter.model import FoleyCrafter
from footfall_engine.models.runtime import Runtime
from footfall_engine.progress import no_progress
from torch.utils._python_dispatch import TorchDispatchMode

from tests.engine.neural import tiny, tiny_foleycrafter, tiny_vta
from tests.engine.neural.golden import relative, torch

NARROW = Runtime(torch.device("cpu"), torch.bfloat16)
PRODUCTS = {"convolution", "mm", "addmm", "_scaled_dot_product_flash_attention_for_cpu"}
BETWEEN = {"native_group_norm", "native_layer_norm", "silu", "gelu", "mul"}


class Overheard(TorchDispatchMode):
    """The dtypes that every operation is given, by its name."""

    def __init__(self) -> None:
        super().__init__()
        self.dtypes: dict[str, set[Any]] = {}

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {each.dtype for each in args if isinstance(each, torch.Tensor) and each.is_floating_point()}
        self.dtypes.setdefault(operation.overloadpacket.__name__, set()).update(given)
        return operation(*args, **(kwargs or {}))


def unet() -> Any:
    torch.manual_seed(0)
    return tiny_foleycrafter.UNet2DConditionModel.from_config(tiny_vta.UNET).eval().requires_grad_(False)


def told() -> tuple[torch.Tensor, ...]:
    dice = torch.Generator().manual_seed(1)
    return (
        torch.randn(2, 8, 20, 16, generator=dice),
        torch.tensor([500.0, 3.0]),
        torch.randn(2, 5, tiny_vta.WIDTH, generator=dice),
    )


def test_products_are_of_narrow_numbers_and_what_is_between_them_of_wide_ones() -> None:
    network = NARROW.with_wide_sums(unet())
    with torch.no_grad(), Overheard() as overheard:
        (made,) = network(*told(), return_dict=False)
    assert made.dtype == torch.float32
    assert all(overheard.dtypes[name] == {torch.bfloat16} for name in PRODUCTS)
    assert all(overheard.dtypes[name] == {torch.float32} for name in BETWEEN)


@torch.no_grad()
def test_what_is_predicted_is_nearer_than_with_narrow_sums() -> None:
    latents, times, context = told()
    exact = unet()(latents, times, context, return_dict=False)[0]
    wide = NARROW.with_wide_sums(unet())(latents, times, context, return_dict=False)[0]
    narrow = NARROW.on_device(unet())(latents.bfloat16(), times, context.bfloat16(), return_dict=False)[0]
    assert 0 < relative(wide, exact) < 0.7 * relative(narrow.float(), exact)


@torch.no_grad()
def test_in_float32_a_network_stays_as_it_is() -> None:
    exact = unet()(*told(), return_dict=False)[0]
    network = tiny.CPU.with_wide_sums(unet())
    assert torch.equal(network(*told(), return_dict=False)[0], exact)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


MODELS: dict[str, Callable[[Path, Runtime], Any]] = {
    "diff-foley": lambda folder, runtime: tiny.tiny_model(folder, runtime=runtime),
    "vta-ldm": lambda folder, runtime: tiny_vta.tiny_model(folder, runtime=runtime),
    "foleycrafter": lambda folder, runtime: FoleyCrafter(tiny_foleycrafter.write_tree(folder), runtime),
}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of diffusers, with numpy 2
@pytest.mark.parametrize("name", MODELS)
def test_latents_in_narrow_numbers_stay_near_those_in_wide_ones(name: str, tmp_path: Path) -> None:
    exact, near = (
        MODELS[name](tmp_path / f"{runtime.precision}", runtime).latents(tiny.conditions(0.5), [1], no_progress)
        for runtime in (tiny.CPU, NARROW)
    )
    assert 0 < relative(near, exact) < 0.1
