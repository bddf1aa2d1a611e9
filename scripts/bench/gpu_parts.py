"""What the suite for a machine with a GPU measures beside `bench engine`: one part a process, its result as JSON.

Usage: python -m scripts.bench.gpu_parts {proof,worker,again,attention} --card C --device D --size S --data F --result R
"""

from __future__ import annotations

import gc
import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

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
from scripts.batch.disk import write_whole
from scripts.bench.kernels import attention
from scripts.bench.recording import forward_error, recorded
from scripts.bench.subjects import garment_for, people
from scripts.checkpoints.random_weights import with_random_weights

GIB = 2**30

Keep = Callable[[dict[str, Any]], None]


class Part(StrEnum):
    PROOF = "proof"
    WORKER = "worker"
    AGAIN = "again"
    ATTENTION = "attention"


def run(
    part: Part,
    card: Annotated[str, typer.Option()],
    device: Annotated[str, typer.Option()],
    size: Annotated[str, typer.Option()],
    data: Annotated[Path, typer.Option()],
    result: Annotated[Path, typer.Option()],
    steps: Annotated[int | None, typer.Option()] = None,
) -> None:
    logging.basicConfig(format="%(message)s", level=logging.INFO)

    def keep(told: dict[str, Any]) -> None:
        """Whole at each moment, so that a part that is given up leaves what it knew."""
        write_whole(result, f"{json.dumps(told)}\n".encode())

    if part is Part.ATTENTION:
        keep(attention(torch.device(device)))
        return
    chosen = with_random_weights(read_card(card), size, data / "random-weights")
    chosen = replace(chosen, num_inference_steps=steps or chosen.num_inference_steps)
    if part is Part.PROOF:
        proof(chosen, torch.device(device), data / "cache", result.parent, keep)
    else:
        keep(start(chosen, device, data / "cache"))


def proof(card: ModelCard, device: torch.device, cache: Path, folder: Path, keep: Keep) -> None:
    """A picture with its time and memory, by a loop in which waiting for the GPU is an error; and a forward's error."""
    told = pictured(card, device, cache, folder)
    told["precision"] = str(precision_on(card, device)).removeprefix("torch.")
    keep(told)
    gc.collect()
    family = family_of(card).load(card, device, Loading())
    (job,) = people(card, 1, 0, garment_for(card, 0))
    with torch.inference_mode(), recorded(family.networks["denoiser"]) as calls:
        family.step(
            family.begin([family.prepare(job)], SamplingSettings(card.num_inference_steps, card.guidance_scale))
        )
    del family
    keep(told | {"forward_error": forward_error(card, device, *calls[0])})


def pictured(card: ModelCard, device: torch.device, cache: Path, folder: Path) -> dict[str, Any]:
    """The second picture of an engine for pictures one by one, which it writes into `folder`."""
    options = EngineOptions(cache_folder=cache, alone=True, forbid_synchronisation=True)
    started = time.perf_counter()
    engine = Engine(card, str(device), options)
    ready_s = time.perf_counter() - started
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
        "ready_s": ready_s,
        "picture_s": seconds,
        "peak_gib": torch.cuda.max_memory_allocated(device) / GIB if device.type == "cuda" else None,
        "loop_without_synchronisation": True if device.type == "cuda" else None,
        "optimisations": [optimisation.as_dict() for optimisation in picture.optimisations],
    }


def start(card: ModelCard, device: str, cache: Path) -> dict[str, Any]:
    """Seconds of reading the weights alone, and until a worker's engine is ready; and what it knows of batches.

    `knew_batches`: it was ready here before, and timed none.
    """
    started = time.perf_counter()
    family_of(card).load(card, torch.device(device), Loading())
    read_s = time.perf_counter() - started
    gc.collect()
    known = _profiles(cache)
    started = time.perf_counter()
    engine = Engine(card, device, EngineOptions(cache_folder=cache))
    ready_s = time.perf_counter() - started
    knew_batches = _profiles(cache) == known
    profile = engine.profile
    batch_s = {} if profile is None else {str(size): seconds for size, seconds in profile.seconds.items()}
    told = {"card": card.name, "weights_s": read_s, "ready_s": ready_s, "knew_batches": knew_batches}
    return told | {"batch_s": batch_s}


def _profiles(cache: Path) -> set[Path]:
    return set(cache.glob("profiles/*.json"))


if __name__ == "__main__":
    typer.run(run)
