from __future__ import annotations

import dataclasses
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters
from torch.utils._python_dispatch import TorchDispatchMode

from inference import acceleration
from inference.acceleration import Acceleration, accelerate
from inference.artefacts import Artefacts
from inference.batching import EngineError
from inference.changes import lay_out
from inference.forwards import Call
from inference.graphs import Graphed
from inference.kernels import Kernel, available, fastest, within
from inference.loading import family_of
from models.base import Image, Loading, Mask, SamplingSettings, TryOnInputs
from models.catalog import CardError, ModelCard, read_card
from models.exactness import Exactness
from models.switches import Switches
from scripts.checkpoints import fashn_vton

CPU = torch.device("cpu")
FAST, SLOW = ("paperdoll", "catvton"), ("fashn_vton", "leffa", "flux2_klein", "qwen_edit")
SIZES = (1, 2)
REQUESTS = [(2, None), (3, 1.0), (1, None), (3, 0.0), (2, 3.7)]
"""Steps and guidance scale, with values that switch guidance off."""

pytestmark = pytest.mark.usefixtures("fresh_compiler")


@pytest.fixture
def fresh_compiler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the networks are small
    torch._dynamo.reset()
    counters.clear()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")
    yield
    torch.set_num_threads(num_threads)
    torch.compiler.set_stance("default")
    torch._dynamo.reset()


def small(name: str, folder: Path, **switches: str) -> ModelCard:
    card: ModelCard = importlib.import_module(f"scripts.checkpoints.{name}").small_card(folder)
    return dataclasses.replace(card, acceleration=Switches(**switches))


def loaded(card: ModelCard) -> Any:
    return family_of(card).load(card, CPU, Loading())


def picture(seed: int, height: int, width: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def inputs(card: ModelCard, seed: int, *, is_masked: bool = False) -> TryOnInputs:
    module = importlib.import_module(f"scripts.checkpoints.{card.name.removeprefix('small-').replace('-', '_')}")
    height, width = 150 + 10 * (seed % 2), 110
    mask: Mask = np.zeros((height, width), np.uint8)
    mask[40:110, 30:80] = 255
    return TryOnInputs(
        person=getattr(module, "person", picture)(seed, height, width),
        garment=getattr(module, "garment", picture)(seed + 50, 130, 120),
        category=card.categories[seed % len(card.categories)],
        seed=seed,
        mask=mask if is_masked or "mask" in card.needs else None,
        densepose=picture(3, height, width) if "densepose" in card.needs else None,
    )


def run(family: Any, settings: SamplingSettings, batch: list[TryOnInputs]) -> list[Image]:
    with torch.inference_mode():
        prepared = [family.prepare(one) for one in batch]
        state = family.begin(prepared, settings)
        for _ in range(settings.num_inference_steps):
            family.step(state)
        return [family.finish(one, canvas) for one, canvas in zip(prepared, family.decode(state), strict=True)]


def warmed(family: Any, card: ModelCard, folder: Path | None = None) -> Acceleration:
    accelerated = accelerate(family, card, CPU, folder)
    for size in SIZES:
        for guidance in accelerated.warm_guidance:
            settings = SamplingSettings(2, card.guidance_scale if guidance is None else guidance)
            run(family, settings, [inputs(card, 2 * seed) for seed in range(size)])
    accelerated.settle()
    return accelerated


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_a_warm_denoiser_is_one_graph_that_no_accepted_request_compiles_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.changes.BACKEND", "eager")  # the tracing is the same, and what it makes is exact
    card = small(name, tmp_path, compile="on")
    plain, family = loaded(card), loaded(card)
    accelerated = warmed(family, card)
    assert [one.name for one in accelerated.optimisations] == ["compiled"]
    assert accelerated.optimisations[0].error == 0.0
    assert not counters["graph_break"]

    torch.compiler.set_stance("fail_on_recompile")
    for number, (steps, guidance) in enumerate(REQUESTS):
        settings = SamplingSettings(steps, card.guidance_scale if guidance is None else guidance)
        alike = 2 * (number + 3)  # batches of klein and qwen_edit are of equal shapes
        batch = [inputs(card, alike + 2 * k, is_masked=bool(number % 2)) for k in range(SIZES[number % len(SIZES)])]
        found, wanted = run(family, settings, batch), run(plain, settings, batch)
        assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))


def test_blocks_that_are_repeated_are_compiled_once_however_deep_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.changes.BACKEND", "eager")
    counts = []
    for depth in (2, 4):
        deep = fashn_vton.small_card(tmp_path / str(depth), double_blocks_depth=depth, single_blocks_depth=depth)
        card = dataclasses.replace(deep, acceleration=Switches(compile="on"))
        family = loaded(card)
        accelerate(family, card, CPU, None)
        run(family, SamplingSettings(2, card.guidance_scale), [inputs(card, 0)])
        counts.append(counters["stats"]["unique_graphs"])
        counters.clear()
        torch.compiler.reset()
    assert counts[0] == counts[1] > 0


def test_shapes_that_were_not_warmed_run_as_they_are_and_compile_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.changes.BACKEND", "eager")
    card = small("paperdoll", tmp_path, compile="on")
    plain, family = loaded(card), loaded(card)
    warmed(family, card)
    graphs = counters["stats"]["unique_graphs"]
    batch = [inputs(card, seed) for seed in range(3)]
    settings = SamplingSettings(2, 1.0)
    for one, other in zip(run(family, settings, batch), run(plain, settings, batch), strict=True):
        assert np.array_equal(one, other)
    assert counters["stats"]["unique_graphs"] == graphs


@pytest.mark.timeout(600)
def test_the_second_process_compiles_nothing(tmp_path: Path) -> None:
    first = started(tmp_path)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.so")}
    second = started(tmp_path)
    assert made
    assert made == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.so")}
    assert first["misses"] > 0
    assert first["hits"] == 0
    assert second["misses"] == 0
    assert second["hits"] == first["misses"]
    assert second["error"] == first["error"], "what was measured is remembered"
    assert 0 < first["error"] < 1e-5
    assert second["found"] == first["found"]


def started(folder: Path) -> dict[str, Any]:
    script = Path(__file__).parent / "compile_once.py"
    environment = os.environ | {"TORCHINDUCTOR_COMPILE_THREADS": "1"}
    command = [sys.executable, script, folder]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=290)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def artefacts(folder: Path, key: str = "key") -> Artefacts:
    opened = Artefacts.open(folder, key)
    if not opened.is_restored:
        code = opened.aside / "inductor" / "code"
        code.parent.mkdir(parents=True, exist_ok=True)
        code.write_text("compiled")
        opened.facts["errors"] = {"compiled": 0.5}
    return opened


def test_artefacts_are_found_again_under_their_key_alone(tmp_path: Path) -> None:
    artefacts(tmp_path).keep()
    assert artefacts(tmp_path).facts == {"errors": {"compiled": 0.5}}
    assert not artefacts(tmp_path, "foreign").is_restored


@pytest.mark.parametrize("torn", ["inductor/code", "facts.json", "files.json"])
def test_a_torn_artefact_is_none_and_is_made_anew(tmp_path: Path, torn: str) -> None:
    artefacts(tmp_path).keep()
    path = tmp_path / "key" / torn
    path.write_text(path.read_text()[:-1])
    again = artefacts(tmp_path)
    assert not again.is_restored
    again.keep()
    assert artefacts(tmp_path).is_restored


def test_what_is_not_kept_is_not_found(tmp_path: Path) -> None:
    artefacts(tmp_path)
    assert not artefacts(tmp_path).is_restored


def test_only_what_was_left_aside_is_swept_whatever_a_card_is_called(tmp_path: Path) -> None:
    artefacts(tmp_path, "model-1.5-0a").keep()
    left = artefacts(tmp_path, "model-1.5-0b").aside
    for folder in (tmp_path / "model-1.5-0a", left):
        os.utime(folder, (0, 0))
    for _ in range(2):
        assert artefacts(tmp_path, "model-1.5-0a").is_restored
    assert not left.exists()


def test_where_artefacts_cannot_lie_a_worker_starts_without_them(tmp_path: Path) -> None:
    (tmp_path / "compiled").write_text("a file where the folder would be")
    card = small("paperdoll", tmp_path, attention="on")
    assert accelerate(loaded(card), card, CPU, tmp_path / "compiled").artefacts is None


def test_a_cpu_compiles_only_what_a_card_says(tmp_path: Path) -> None:
    family = loaded(card := small("paperdoll", tmp_path))
    assert accelerate(family, card, CPU, None).optimisations == ()


def test_no_compiler_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceleration.shutil, "which", lambda name: None)
    family = loaded(card := small("paperdoll", tmp_path, compile="on"))
    with pytest.raises(EngineError, match=r"C\+\+ compiler.*apt install g"):
        accelerate(family, card, CPU, None)


def test_int8_is_approximate_and_its_error_is_told(tmp_path: Path) -> None:
    pytest.importorskip("torchao", reason="torchao is not installed")
    card = small("fashn_vton", tmp_path, quantisation="int8")
    plain, family = loaded(card), loaded(card)
    accelerated = warmed(family, card)
    (told,) = accelerated.optimisations
    assert (told.name, told.exactness) == ("int8 linear layers", Exactness.APPROXIMATE)
    assert told.error is not None
    assert 1e-5 < told.error < 0.2
    settings, batch = SamplingSettings(2, 1.5), [inputs(card, 1)]
    found, wanted = run(family, settings, batch)[0], run(plain, settings, batch)[0]
    assert 0 < np.abs(found.astype(int) - wanted).mean() < 20


@pytest.mark.parametrize(
    ("kind", "has_torchao", "sentence"),
    [("fp8", True, "compute capability 8.9"), ("int8", False, "pip install"), ("fp8", False, "pip install")],
)
def test_quantisation_that_cannot_be_is_refused_in_a_sentence(
    kind: str, has_torchao: bool, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if has_torchao else None)
    family = loaded(card := small("paperdoll", tmp_path, quantisation=kind))
    with pytest.raises(EngineError, match=sentence):
        accelerate(family, card, CPU, None)


def test_attention_is_chosen_among_what_the_device_has_and_changes_no_picture(tmp_path: Path) -> None:
    card = small("fashn_vton", tmp_path, attention="on")
    plain, family = loaded(card), loaded(card)
    accelerated = warmed(family, card, tmp_path / "cache")
    (told,) = accelerated.optimisations
    assert told.exactness is Exactness.NEAR
    assert told.error is not None
    assert told.error < 1e-5
    assert accelerated.artefacts is not None
    assert set(accelerated.artefacts.facts["kernels"][:2]) == {kernel.value for kernel in available(CPU)}
    settings, batch = SamplingSettings(2, 1.5), [inputs(card, 1)]
    found, wanted = run(family, settings, batch)[0], run(plain, settings, batch)[0]
    assert np.abs(found.astype(int) - wanted).max() <= 1


def test_attentions_are_heard_however_they_are_called() -> None:
    tokens = torch.randn(1, 2, 8, 16)

    def run(query: torch.Tensor) -> torch.Tensor:
        found = nn.functional.scaled_dot_product_attention(query, key=tokens, value=tokens)
        return nn.functional.scaled_dot_product_attention(query=found, key=found, value=found, attn_mask=None)

    assert set(fastest(run, Call((tokens,), {}), CPU)[:2]) == set(available(CPU))


def test_convolutions_of_three_dimensions_stay_as_they_are() -> None:
    network = nn.Sequential(nn.Conv3d(2, 4, 3), nn.Conv2d(2, 4, 3))
    lay_out([network])
    assert network[1].weight.is_contiguous(memory_format=torch.channels_last)
    assert network[0].weight.is_contiguous()


def test_the_first_kernel_is_the_one_that_runs() -> None:
    tokens = torch.randn(1, 2, 8, 16)
    for kernel, operator in ((Kernel.MATH, "softmax"), (Kernel.FLASH, "_flash_attention_for_cpu")):
        attention = within([kernel], nn.functional.scaled_dot_product_attention)
        with Operators() as seen:
            attention(tokens, tokens, tokens)
        assert any(operator in name for name in seen.names), seen.names


class Operators(TorchDispatchMode):
    """Names of what runs within it."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('compile = "yes"', "acceleration.compile must be one of auto, on, off"),
        ("cuda_graphs = true", "acceleration.cuda_graphs must be a text"),
        ('quantisation = "int4"', "acceleration.quantisation must be one of none, int8, fp8"),
        ('kernels = "on"', "acceleration.kernels is not a field"),
    ],
)
def test_a_card_s_switches_are_read_strictly(table: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CardError, match=message):
        read_card(card_with(table, tmp_path))


def test_a_strict_card_takes_no_quantisation(tmp_path: Path) -> None:
    card = Path(card_with('quantisation = "int8"', tmp_path))
    card.write_text("strict = true\n" + card.read_text())
    with pytest.raises(CardError, match="strict refuses"):
        read_card(str(card))


def card_with(table: str, folder: Path) -> str:
    path = folder / "mine.toml"
    path.write_text(Path("models/cards/fashn-vton-1.5.toml").read_text() + f"\n[acceleration]\n{table}\n")
    return str(path)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: there is none that records")
def test_what_was_recorded_on_a_gpu_answers_what_it_is_asked() -> None:
    gpu = torch.device("cuda", torch.cuda.device_count() - 1)  # of several, one that is not torch's current one
    doubled = Graphed(lambda number: number * 2, on_failure=lambda: None)
    assert [doubled(torch.full((1,), number, device=gpu)).item() for number in range(4)] == [0, 2, 4, 6]
