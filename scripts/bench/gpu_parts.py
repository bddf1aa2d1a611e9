"""What the suite for a machine with a GPU measures beside `bench engine`: one part a process, its result as JSON.

Usage: python -m scripts.bench.gpu_parts {proof,start,attention} --card C --device D --size S --data F --folder B
"""

from __future__ import annotations

import contextlib
import gc
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F  # noqa: N812
import typer
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from inference import pictures
from inference.batching import make_one
from inference.engine import Engine
from inference.jobs import BatchKey
from inference.loading import family_of
from inference.options import EngineOptions
from models.base import Loading, SamplingSettings
from models.card import ModelCard
from models.catalog import read_card
from models.weights import precision_on
from scripts.bench.making import synchronize
from scripts.bench.spread import spread_of
from scripts.bench.subjects import garment_for, people
from scripts.checkpoints.random_weights import with_random_weights

GIB = 2**30
REPEATS = 10
BACKENDS = (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH)
SHAPES = {  # heads, queries, keys, channels of a head; two guidance branches
    "fashn_vton": (10, 6912, 6912, 128),
    "catvton": (8, 24576, 24576, 40),
    "leffa": (8, 12288, 24576, 40),
    "flux2_klein": (24, 9728, 9728, 128),
}
SMALLER = 64  # times fewer tokens, where there is no GPU


class Part(StrEnum):
    PROOF = "proof"
    START = "start"
    ATTENTION = "attention"


def run(
    part: Part,
    card: Annotated[str, typer.Option()],
    device: Annotated[str, typer.Option()],
    size: Annotated[str, typer.Option()],
    data: Annotated[Path, typer.Option()],
    folder: Annotated[Path, typer.Option()],
    steps: Annotated[int | None, typer.Option()] = None,
) -> None:
    on = torch.device(device)
    if part is Part.ATTENTION:
        told = attention(on)
    else:
        chosen = with_random_weights(read_card(card), size, data / "random-weights")
        chosen = replace(chosen, num_inference_steps=steps or chosen.num_inference_steps)
        told = start(chosen, device, data / "cache") if part is Part.START else proof(chosen, on, data, folder)
    print(json.dumps(told), flush=True)


def proof(card: ModelCard, device: torch.device, data: Path, folder: Path) -> dict[str, Any]:
    """A picture with its time and memory, by a loop in which waiting for the GPU is an error; and a forward's error."""
    told = pictured(card, device, data, folder)
    gc.collect()
    family = family_of(card).load(card, device, Loading())
    (job,) = people(card, 1, 0, garment_for(card, 0))
    with torch.inference_mode(), recorded(family.networks["denoiser"]) as calls:
        family.step(
            family.begin([family.prepare(job)], SamplingSettings(card.num_inference_steps, card.guidance_scale))
        )
    told["precision"] = str(precision_on(card, device)).removeprefix("torch.")
    return told | {"forward_error": forward_error(card, device, *calls[0])}


def pictured(card: ModelCard, device: torch.device, data: Path, folder: Path) -> dict[str, Any]:
    """The second picture of an engine, which it writes into `folder`."""
    engine = Engine(card, str(device), EngineOptions(cache_folder=data / "cache", forbid_synchronisation=True))
    key = BatchKey(card.name, None, None)
    jobs = people(card, 2, 0, garment_for(card, 0))
    make_one(engine, jobs[0], key)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    started = time.perf_counter()
    picture = make_one(engine, jobs[1], key)
    seconds = time.perf_counter() - started
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"picture-{card.name}.png").write_bytes(pictures.encode(picture.image))
    return {
        "card": card.name,
        "picture_s": seconds,
        "peak_gib": torch.cuda.max_memory_allocated(device) / GIB if device.type == "cuda" else None,
        "loop_without_synchronisation": True if device.type == "cuda" else None,
        "optimisations": [optimisation.as_dict() for optimisation in picture.optimisations],
    }


def start(card: ModelCard, device: str, cache_folder: Path) -> dict[str, Any]:
    """Seconds of reading the weights alone, and until the engine is ready."""
    started = time.perf_counter()
    family_of(card).load(card, torch.device(device), Loading())
    read_s = time.perf_counter() - started
    started = time.perf_counter()
    Engine(card, device, EngineOptions(cache_folder=cache_folder))
    return {"card": card.name, "weights_s": read_s, "ready_s": time.perf_counter() - started}


def attention(device: torch.device) -> dict[str, Any]:
    """TFLOP/s of each kernel for each family's largest attention; None where the kernel cannot."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    fewer = 1 if device.type == "cuda" else SMALLER
    told: dict[str, Any] = {}
    for name, (heads, queries, keys, channels) in SHAPES.items():
        query = torch.randn(2, heads, queries // fewer, channels, device=device, dtype=dtype)
        key, value = (torch.randn(2, heads, keys // fewer, channels, device=device, dtype=dtype) for _ in range(2))
        work = 2 * 4 * heads * (queries // fewer) * (keys // fewer) * channels / 1e12
        told[name] = {backend.name: _tflops(backend, (query, key, value), work, device) for backend in BACKENDS}
    return told


def _tflops(backend: SDPBackend, heads: tuple[Tensor, Tensor, Tensor], work: float, device: torch.device) -> Any:
    if backend is SDPBackend.MATH and heads[0].numel() > 2**24:
        return None  # its table of scores takes gigabytes
    seconds = []
    try:
        with torch.inference_mode(), sdpa_kernel(backend):
            for _ in range(REPEATS + 2):
                synchronize(device)
                started = time.perf_counter()
                F.scaled_dot_product_attention(*heads)
                synchronize(device)
                seconds.append(time.perf_counter() - started)
    except RuntimeError:
        return None
    spread = spread_of([work / one for one in seconds[2:]])
    return {"tflops": spread.median, "low": spread.low, "high": spread.high}


def forward_error(card: ModelCard, device: torch.device, arguments: Any, answer: Any) -> float:
    """Of the denoiser's first call in the card's precision, relative to the same call in float32."""
    precise = family_of(card).load(replace(card, precision="float32"), device, Loading()).networks["denoiser"]
    args, kwargs = in_float32(arguments)
    with torch.inference_mode():
        wanted = precise(*args, **kwargs)
    ones, others = tensors_in(answer), tensors_in(wanted)
    off = sum(squares(one.double() - other.double()) for one, other in zip(ones, others, strict=True))
    return float((off / sum(map(squares, others))) ** 0.5)


def squares(tensor: Tensor) -> float:
    return float(tensor.double().square().sum())


@contextlib.contextmanager
def recorded(network: torch.nn.Module) -> Iterator[list[tuple[Any, Any]]]:
    """The first call of a network: its arguments, as they were, and its answer."""
    calls: list[tuple[Any, Any]] = []

    def keep(_: torch.nn.Module, args: Any, kwargs: Any, answer: Any) -> None:
        if not calls:
            calls.append((copied((args, kwargs)), copied(answer)))

    handle = network.register_forward_hook(keep, with_kwargs=True)
    try:
        yield calls
    finally:
        handle.remove()


def copied(value: Any) -> Any:
    return mapped(value, lambda tensor: tensor.clone())


def in_float32(value: Any) -> Any:
    return mapped(value, lambda tensor: tensor.float() if tensor.is_floating_point() else tensor)


def mapped(value: Any, change: Any) -> Any:
    """With every tensor in tuples, lists and dictionaries changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: mapped(one, change) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(mapped(one, change) for one in value)
    return value


def tensors_in(value: Any) -> list[Tensor]:
    found: list[Tensor] = []
    mapped(value, found.append)
    return found


if __name__ == "__main__":
    typer.run(run)
