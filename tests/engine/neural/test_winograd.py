"""Convolutions with fewer multiplications: what the plain ones give, whatever the shape."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from footfall_engine.models.runtime import Runtime
from footfall_engine.models.winograd import LEAST_CHANNELS as WIDE
from footfall_engine.models.winograd import WinogradConv2d, with_fewer_multiplications
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.engine.neural import tiny_foleycrafter, tiny_vta
from tests.engine.neural.golden import relative, torch

CLOSE = 1e-5


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 5),
    into=st.sampled_from([32, 33, 64]),
    out=st.sampled_from([32, 35, 96]),
    height=st.integers(1, 17),
    width=st.integers(1, 17),
    bias=st.booleans(),
    channels_last=st.booleans(),
    chunk=st.sampled_from([1, 40_000, 2**24]),
)
def test_it_gives_what_the_plain_convolution_gives(
    batch: int, into: int, out: int, height: int, width: int, bias: bool, channels_last: bool, chunk: int
) -> None:
    plain = nn.Conv2d(into, out, 3, padding=1, bias=bias)
    pictures = torch.randn(batch, into, height, width, generator=torch.Generator().manual_seed(height))
    layout = torch.channels_last if channels_last else torch.contiguous_format
    with pytest.MonkeyPatch.context() as patched, torch.no_grad():
        patched.setattr("footfall_engine.models.winograd._CHUNK_BYTES", chunk)
        made = WinogradConv2d(plain)(pictures.to(memory_format=layout))
        assert relative(made, plain(pictures)) <= CLOSE


@pytest.mark.parametrize(
    "other",
    [
        nn.Conv2d(WIDE - 1, WIDE, 3, padding=1),
        nn.Conv2d(WIDE, WIDE, 3, padding=1, stride=2),
        nn.Conv2d(WIDE, WIDE, 3),
        nn.Conv2d(WIDE, WIDE, 3, padding=2, dilation=2),
        nn.Conv2d(WIDE, WIDE, 3, padding=1, groups=2),
        nn.Conv2d(WIDE, WIDE, 3, padding=1, padding_mode="circular"),
        nn.Conv2d(WIDE, WIDE, 1),
        nn.Conv1d(WIDE, WIDE, 3, padding=1),
        nn.Conv3d(WIDE, WIDE, 3, padding=1),
    ],
    ids=str,
)
def test_other_convolutions_stay(other: nn.Module) -> None:
    network = with_fewer_multiplications(nn.Sequential(other, nn.Conv2d(WIDE, WIDE, 3, padding=1)))
    assert network[0] is other and isinstance(network[1], WinogradConv2d)


@torch.no_grad()
def test_networks_predict_alike() -> None:
    unet = tiny_vta.UNET | {"block_out_channels": [WIDE, WIDE]}
    net = tiny_foleycrafter.UNet2DConditionModel.from_config(unet).eval()
    given_ = (torch.randn(2, 8, 20, 16), torch.tensor([500.0, 3.0]), torch.randn(2, 5, tiny_vta.WIDTH))
    before = net(*given_, return_dict=False)[0]
    with_fewer_multiplications(net)
    assert sum(isinstance(module, WinogradConv2d) for module in net.modules()) > 10
    assert relative(net(*given_, return_dict=False)[0], before) <= CLOSE


@pytest.mark.parametrize(
    ("device", "precision", "memory_gb", "fewer"),
    [
        ("cpu", "float32", 16, True),
        ("cpu", "float32", 8, False),
        ("cpu", "bfloat16", 16, False),
        ("cuda", "float32", 16, False),
    ],
)
def test_only_a_cpu_that_computes_in_float32_needs_it_and_has_room(
    device: str, precision: str, memory_gb: int, fewer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("footfall_engine.models.runtime.machine_bytes", lambda: memory_gb * 2**30)
    network = nn.ModuleDict({name: nn.ModuleList([nn.Conv2d(WIDE, WIDE, 3, padding=1)]) for name in ("unet", "judge")})
    networks = SimpleNamespace(**network, size=4 * 2**30)
    Runtime(torch.device(device), getattr(torch, precision)).with_fast_convolutions(networks, "unet")
    assert isinstance(network["unet"][0], WinogradConv2d) == fewer
    assert isinstance(network["judge"][0], nn.Conv2d), "which needs its gradients"
