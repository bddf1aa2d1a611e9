"""The engine's measurement: what is compared takes turns in one process, on pictures that nobody saw before."""

from __future__ import annotations

import logging
import resource
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import torch

from inference.engine import Engine
from inference.jobs import BatchKey
from inference.loading import family_of
from inference.options import EngineOptions
from models.base import SamplingSettings, TryOnInputs
from models.card import ModelCard
from models.flops import FlopCount
from models.weights import precision_on
from scripts.bench.limits import Limits, limits_of
from scripts.bench.making import Made, Maker, Ours, Published
from scripts.bench.report import progress
from scripts.bench.subjects import difference, garment_for, people

PUBLISHED = "published"
GIB = 2**30

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """`seconds`: begin no round that would end later; `written_s`: spent on weights, which a start does not take."""

    card: ModelCard
    device: str
    batches: tuple[int, ...]
    people: int
    num_steps: int
    rounds: int
    cache_folder: Path
    seconds: float | None = None
    against_published: bool = False
    written_s: float = 0.0

    @property
    def counted(self) -> ModelCard:
        """The card as it is run."""
        return replace(self.card, num_inference_steps=self.num_steps)

    @property
    def is_alone(self) -> bool:
        """Whether all batches are of one: the engine then times no others, and compiles nothing for them."""
        return max(self.batches) == 1


@dataclass(slots=True)
class Measured:
    """`made`: by what is compared, a round each; `differences`: of its pictures from the published ones.

    Seconds: `cold_start_s` from the process's beginning until the engine was ready, of which `ready_s` the engine;
    `first_s` its first batch of one; `batch_s` of a grey picture in batches of so many, by which the engine chose its
    batches. `peak_gib`: by what is compared, on the GPU; on a CPU, the process's. `is_stopped`: by Ctrl-C, before all
    of its rounds.
    """

    limits: Limits
    flops: FlopCount
    ready_s: float
    cold_start_s: float
    first_s: float
    batch_s: Mapping[int, float]
    made: dict[str, list[Made]]
    peak_gib: dict[str, float] = field(default_factory=dict)
    differences: dict[str, float] = field(default_factory=dict)
    num_rounds: int = 0
    is_stopped: bool = False


def known(batch: int) -> str:
    """Name of what makes pictures of a garment that it has seen."""
    return f"garment known, batch {batch}"


def unseen(batch: int) -> str:
    """Name of what makes pictures of a garment that it has not seen."""
    return f"garment new, batch {batch}"


def measure(plan: Plan, on_round: Callable[[Measured], None] = lambda measured: None) -> Measured:
    """Start the engine, then let everything take turns; `on_round` gets what is known after each round.

    Ctrl-C in a later round than the first ends it; the round that it broke off does not count.

    Raises:
        EngineError, CardError: as `inference.engine.Engine`.
    """
    device = torch.device(plan.device)
    started = time.monotonic()
    engine = Engine(plan.card, plan.device, EngineOptions(cache_folder=plan.cache_folder, alone=plan.is_alone))
    ready_s = time.monotonic() - started
    cold_start_s = time.time() - psutil.Process().create_time() - plan.written_s
    key = BatchKey(plan.card.name, plan.num_steps, None)
    ours = {batch: Ours(engine, key, device, batch) for batch in plan.batches}
    usual = garment_for(plan.card, 0)
    first = Ours(engine, key, device, 1)(people(plan.card, 1, 0, usual))
    measured = Measured(
        limits=limits_of(device, precision_on(plan.card, device)),
        flops=family_of(plan.card).count_flops(plan.counted),
        ready_s=ready_s,
        cold_start_s=cold_start_s,
        first_s=first.seconds,
        batch_s=engine.profile.seconds if engine.profile is not None else {},
        made={},
    )
    makers: dict[str, Maker] = {known(batch): maker for batch, maker in ours.items()}
    makers[unseen(max(ours))] = ours[max(ours)]
    if plan.against_published:
        settings = SamplingSettings(plan.num_steps, plan.card.guidance_scale)
        makers[PUBLISHED] = Published(plan.card, device, settings)
    _take_turns(plan, makers, measured, device, on_round)
    return measured


def _take_turns(
    plan: Plan,
    makers: dict[str, Maker],
    measured: Measured,
    device: torch.device,
    on_round: Callable[[Measured], None],
) -> None:
    """Round 0 warms up and is not counted, but for the comparison of its pictures; unless time is up after it."""
    rounds: list[dict[str, Made]] = []
    began, visit = time.monotonic(), 2 + secrets.randbelow(2**23)  # another run's garments may be on the disk
    with progress() as shown:
        task = shown.add_task(plan.card.name, total=(plan.rounds + 1) * len(makers))
        for number in range(plan.rounds + 1):
            spent_s = time.monotonic() - began
            if number and plan.seconds and spent_s * (number + 1) / number > plan.seconds:
                break
            done = {}
            try:
                for name in list(makers) if number % 2 else list(reversed(makers)):
                    visit += 1
                    done[name] = _once(plan, name, makers[name], number, visit, measured, device)
                    logger.info("round %d, %s: %.3g s a picture", number, name, done[name].seconds / plan.people)
                    shown.advance(task)
            except KeyboardInterrupt:
                if not rounds:
                    raise
                measured.is_stopped = True
                break
            rounds.append(done)
            _count(rounds, measured)
            on_round(measured)


def _count(rounds: list[dict[str, Made]], measured: Measured) -> None:
    counted = rounds[1:] or rounds
    measured.differences = _differences(rounds[0])
    measured.num_rounds = len(counted)
    measured.made = {name: [done[name] for done in counted] for name in counted[0]}


def _once(
    plan: Plan, name: str, maker: Maker, number: int, visit: int, measured: Measured, device: torch.device
) -> Made:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    made = maker(_jobs(plan, name, number, visit))
    measured.peak_gib[name] = max(_peak_gib(device), measured.peak_gib.get(name, 0.0))
    return made


def _jobs(plan: Plan, name: str, number: int, visit: int) -> list[TryOnInputs]:
    """In round 0 everybody gets the same pictures, to compare what comes out; later all photographs are new."""
    is_new = name.startswith("garment new")
    garment = garment_for(plan.card, visit if is_new and number else 0)
    return people(plan.card, plan.people, visit if number else 1, garment)


def _differences(done: dict[str, Made]) -> dict[str, float]:
    if PUBLISHED not in done:
        return {}
    wanted = done[PUBLISHED].images
    return {name: difference(made.images, wanted) for name, made in done.items() if name != PUBLISHED}


def _peak_gib(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / GIB
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GIB
