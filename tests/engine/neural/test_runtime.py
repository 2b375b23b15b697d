"""Devices, batches that fit into memory, and what stays loaded."""

from __future__ import annotations

import shutil
import weakref
from pathlib import Path

import pytest
from footfall_bridge.errors import InvalidSettings, JobCancelled
from footfall_engine.models import runtime
from footfall_engine.models.runtime import Batches, Runtime, Shelf, chosen_runtime

from tests.engine.neural.golden import torch

CPU = Runtime(torch.device("cpu"), torch.float32)


@pytest.fixture(autouse=True)
def _chosen_anew() -> None:
    chosen_runtime.cache_clear()


def test_device_and_precision_are_chosen_and_can_be_overridden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FOOTFALL_DEVICE", raising=False)
    monkeypatch.delenv("FOOTFALL_PRECISION", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for able, precision in ((True, torch.bfloat16), (False, torch.float32)):
        chosen_runtime.cache_clear()
        monkeypatch.setattr(runtime, "_cpu_multiplies_bfloat16", lambda able=able: able)
        assert chosen_runtime() == Runtime(torch.device("cpu"), precision)
    chosen_runtime.cache_clear()
    monkeypatch.setenv("FOOTFALL_PRECISION", "float16")
    assert chosen_runtime().precision == torch.float16


def test_the_settings_name_a_precision_and_the_environment_goes_before(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "footfall.toml").write_text('device = "cpu"\nprecision = "float16"\n')
    assert chosen_runtime() == Runtime(torch.device("cpu"), torch.float16)
    chosen_runtime.cache_clear()
    monkeypatch.setenv("FOOTFALL_PRECISION", "bfloat16")
    assert chosen_runtime().precision == torch.bfloat16


@pytest.mark.parametrize(("setting", "compiles"), [("auto", False), ("on", True), ("off", False)])
def test_networks_are_compiled_on_a_cpu_only_when_the_settings_say_so(home: Path, setting: str, compiles: bool) -> None:
    (home / "footfall.toml").write_text(f'device = "cpu"\ncompile = "{setting}"\n')
    assert chosen_runtime().compiles == compiles


def test_on_a_gpu_networks_are_compiled_unless_the_settings_forbid(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "fitting_precision", lambda device: torch.bfloat16)
    monkeypatch.setattr(torch, "empty", lambda *_, device: None)  # as where there is one
    (home / "footfall.toml").write_text('device = "cuda"\n')
    assert chosen_runtime() == Runtime(torch.device("cuda"), torch.bfloat16, compiles=True)


class Network(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.silu(self.layer(x))


COMPILING = Runtime(torch.device("cpu"), torch.float32, compiles=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*")
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling for a CPU needs g++")
def test_a_compiled_network_gives_what_it_gave_in_batches_of_any_size() -> None:
    network = Network()
    inputs = [torch.randn(size, 4) for size in (1, 2, 5)]
    keys, plain = list(network.state_dict()), [network(x) for x in inputs]
    compiled = COMPILING.sped_up(network)
    assert all(torch.allclose(compiled(x), y, atol=1e-6) for x, y in zip(inputs, plain, strict=True))
    assert list(compiled.state_dict()) == keys


def test_a_network_that_cannot_be_compiled_runs_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def compile(function: object) -> object:
        def broken(*inputs: object) -> None:
            raise RuntimeError("no compiler here")

        return broken

    monkeypatch.setattr(torch, "compile", compile)
    network = COMPILING.sped_up(Network())
    assert [tuple(network(torch.zeros(size, 4)).shape) for size in (2, 3)] == [(2, 4), (3, 4)]
    assert [record.message for record in caplog.records] == [
        "not compiled, as that failed: RuntimeError('no compiler here')"
    ]


def test_a_fault_of_the_network_itself_and_a_lack_of_memory_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("something of the compiler's")]
    monkeypatch.setattr(torch, "compile", lambda function: lambda *inputs: (_ for _ in ()).throw(errors[0]))
    network = COMPILING.sped_up(Network())
    with pytest.raises(torch.OutOfMemoryError):
        network(torch.zeros(2, 4))
    errors.pop(0)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        network(torch.zeros(2, 5))


@pytest.mark.parametrize(("setting", "kept"), [(1, ["b"]), (2, ["a", "b"])])
def test_the_settings_say_how_much_stays_loaded(home: Path, setting: int, kept: list[str]) -> None:
    (home / "footfall.toml").write_text(f"models_mb = {setting}\n")
    shelf = Shelf()
    for name in "ab":
        shelf.get(name, lambda name=name: name, lambda _: 2**20)  # type: ignore[misc]
    assert shelf.names() == kept


@pytest.mark.parametrize(
    ("device", "able", "precision"),
    [("mps", True, torch.float16), ("cuda", True, torch.bfloat16), ("cuda", False, torch.float32)],
)
def test_each_kind_of_device_has_its_precision(
    monkeypatch: pytest.MonkeyPatch, device: str, able: bool, precision: torch.dtype
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return able or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert runtime.fitting_precision(torch.device(device)) == precision


def test_networks_lie_on_a_card_as_its_convolutions_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def to(self: torch.nn.Module, *given: object, **named: object) -> torch.nn.Module:
        asked.append(given or named)
        return self

    monkeypatch.setattr(torch.nn.Module, "to", to)
    for device in ("cuda", "cpu"):
        Runtime(torch.device(device), torch.bfloat16).on_device(Network())
    assert asked == [
        (torch.device("cuda"), torch.bfloat16), {"memory_format": torch.channels_last},
        (torch.device("cpu"), torch.bfloat16),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("device", "precision", "reading"),
    [("cpu", torch.float32, None), ("cpu", torch.bfloat16, torch.bfloat16), ("cuda", torch.bfloat16, None)],
)
def test_weights_are_narrowed_while_they_are_read_only_where_they_stay(
    device: str, precision: torch.dtype, reading: torch.dtype | None
) -> None:
    assert Runtime(torch.device(device), precision).reading_precision == reading


def test_when_memory_runs_out_while_loading_all_others_go() -> None:
    shelf = Shelf(100)
    shelf.get("a", lambda: "a", lambda _: 1)
    tries: list[int] = []

    def load() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "b"

    assert shelf.get("b", load, lambda _: 1) == "b"
    assert shelf.names() == ["b"]
    with pytest.raises(RuntimeError, match="something else"):
        shelf.get("c", lambda: (_ for _ in ()).throw(RuntimeError("something else")), lambda _: 1)
    assert shelf.names() == ["b"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [("FOOTFALL_DEVICE", "tpu"), ("FOOTFALL_DEVICE", "auto:1"), ("FOOTFALL_PRECISION", "int8"),
     ("FOOTFALL_PRECISION", "float32:1")],
)  # fmt: skip
def test_an_unknown_device_or_precision_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSettings, match=f"{variable} must be one of .* not '{value}'"):
        chosen_runtime()


@pytest.mark.parametrize("device", ["cuda:99", "cpu:first"])
def test_a_device_that_this_machine_does_not_have_is_named(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    monkeypatch.setenv("FOOTFALL_DEVICE", device)
    with pytest.raises(InvalidSettings, match=f"neural models cannot run on {device} on this machine"):
        chosen_runtime()


def test_a_card_has_room_for_what_it_has_free_and_what_torch_keeps_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10_000, 80_000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 50_000)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 20_000)
    card = Runtime(torch.device("cuda"), torch.bfloat16)
    assert card.free_bytes() == 24_000
    assert Batches(card, 4_800).most == 10, "which takes half as much as in float32"


def test_batches_are_as_large_as_memory_allows() -> None:
    sizes: list[int] = []

    def double(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        sizes.append(len(x))
        return x + y

    batches = Batches(CPU, CPU.free_bytes() // 3)
    x = torch.arange(8.0)
    assert torch.equal(batches.run(double, x, x), 2 * x)
    assert sizes == [3, 3, 2]
    assert Batches(CPU, 10**15).most == 1


@pytest.mark.parametrize(("said", "limits"), [("2147483648\n", True), ("max\n", False), (None, False)])
def test_what_a_container_may_take_limits_the_memory(
    said: str | None, limits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said is not None:
        (tmp_path / "memory.max").write_text(said)
    monkeypatch.setattr(runtime, "_physical_bytes", lambda: 8 * 2**30)
    monkeypatch.setattr(runtime, "_LIMITS", (tmp_path / "memory.max",))
    assert runtime.machine_bytes() == (2 if limits else 8) * 2**30


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("[enforce fail] can't allocate memory"), MemoryError()],
)
def test_half_as_many_are_tried_when_memory_runs_out(error: Exception) -> None:
    sizes: list[int] = []

    def hungry(x: torch.Tensor) -> torch.Tensor:
        sizes.append(len(x))
        if len(x) > 2:
            raise error
        return x

    batches = Batches(CPU, CPU.free_bytes() // 100)
    x = torch.arange(10.0)
    assert torch.equal(batches.run(hungry, x), x)
    assert sizes == [10, 5, 2, 2, 2, 2, 2]
    sizes.clear()
    batches.run(hungry, x[:4])
    assert sizes == [2, 2], "what was learnt is kept"


def test_memory_is_given_back_when_nothing_holds_it_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what was made before memory ran out, nor networks that make room for others."""
    made: list[weakref.ref[torch.nn.Module]] = []
    held: list[bool] = []
    monkeypatch.setattr(runtime, "_give_back", lambda: held.append(made[-1]() is not None))

    def network() -> torch.nn.Module:
        new = torch.nn.Identity()
        made.append(weakref.ref(new))
        return new

    def hungry(x: torch.Tensor) -> torch.Tensor:
        half_way = network()
        if len(x) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return half_way(x)

    Batches(CPU, 1).run(hungry, torch.zeros(4))
    shelf = Shelf(10)
    shelf.get("old", network, lambda _: 8)
    shelf.get("new", lambda: "another", lambda _: 8)
    assert held == [False, False]


def test_another_error_and_a_single_item_too_many_are_raised() -> None:
    def broken(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("shapes do not fit")

    def hungry(x: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(RuntimeError, match="shapes"):
        Batches(CPU, 1).run(broken, torch.zeros(4))
    with pytest.raises(torch.OutOfMemoryError):
        Batches(CPU, 1).run(hungry, torch.zeros(4))


def test_a_job_is_left_between_batches() -> None:
    done: list[int] = []

    def between() -> None:
        if len(done) == 2:
            raise JobCancelled("enough")

    def work(x: torch.Tensor) -> torch.Tensor:
        done.append(len(x))
        return x

    with pytest.raises(JobCancelled):
        Batches(CPU, 10**15, between).run(work, torch.zeros(5))
    assert done == [1, 1]


def test_the_least_recently_used_goes_when_all_outgrow_the_budget() -> None:
    shelf, loads = Shelf(10), []

    def get(name: str, size: int) -> str:
        def load() -> str:
            loads.append(name)
            return name

        return shelf.get(name, load, lambda _: size)

    get("a", 4), get("b", 4), get("a", 4)
    assert loads == ["a", "b"]
    get("c", 4)
    assert shelf.names() == ["a", "c"]
    get("huge", 100)
    assert shelf.names() == ["huge"]
    get("a", 4)
    assert shelf.names() == ["a"] and loads == ["a", "b", "c", "huge", "a"]
