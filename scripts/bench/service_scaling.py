"""`bench service --simulate`: how the costs of the service grow with its GPUs and with the jobs that wait."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from rich.progress import Progress

from inference.blobs import BlobStore
from inference.outlet import result_key
from scripts.bench.live import depths, tiny
from scripts.bench.live.backlog import Backlog, example_of
from scripts.bench.live.depths import Depth
from scripts.bench.live.gpus import Cell, Farm, Idle
from scripts.bench.live.ledger import records
from scripts.bench.live.probe import Probe
from scripts.bench.live.shopper import Storefront
from scripts.bench.live.stack import Stack
from scripts.bench.live.traffic import Mix
from scripts.bench.report import progress

FEWEST_WAITING = depths.CALLS
CARD = "paperdoll"  # whose name the queue has; its weights are not read


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of GPUs and of waiting jobs, rising; `seconds` a cell; `rounds` of the depths' costs."""

    num_gpus: Sequence[int]
    num_waiting: Sequence[int]
    picture_s: float
    seconds: float
    rounds: int
    seed: int


@dataclass
class Scaling:
    """What was found. `fates`: what became of every job that was asked for."""

    plan: Plan
    depths: dict[int, Depth] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    idle: list[Idle] = field(default_factory=list)
    fates: Counter[str] = field(default_factory=Counter)

    @property
    def widest(self) -> list[Cell]:
        """With the most GPUs."""
        return [cell for cell in self.cells if cell.num_gpus == max(self.plan.num_gpus)]

    def efficiency(self, cell: Cell) -> float:
        """Of what as many times the fewest GPUs make, the share that these make."""
        first = next(each for each in self.cells if each.num_waiting == cell.num_waiting)
        return cell.rate / cell.num_gpus / (first.rate / first.num_gpus)


def measure(plan: Plan) -> Scaling:
    """Carry out the plan."""
    found = Scaling(plan)
    with tempfile.TemporaryDirectory(prefix="fr-") as folder, contextlib.ExitStack() as open_, progress() as shown:
        products = tiny.products(Path(folder) / "products")
        stacks = {
            num_waiting: open_.enter_context(
                Stack(Path(folder) / str(num_waiting), {"card": CARD, "products": str(products)})
            )
            for num_waiting in plan.num_waiting
        }
        found.depths = asyncio.run(_depths(stacks, plan, shown))
        for num_waiting, stack in stacks.items():
            depth = found.depths[num_waiting]
            farm = Farm(stack, depth.probe, depth.waiting, np.random.default_rng(plan.seed))
            _grow(farm, num_waiting, plan, found, shown)
            found.fates += _fates(stack, depth, farm)
    return found


async def _depths(stacks: Mapping[int, Stack], plan: Plan, shown: Progress) -> dict[int, Depth]:
    """Every stack with its jobs waiting, and what calls cost there while no worker runs."""
    made = {num_waiting: await _filled(stack, num_waiting, shown) for num_waiting, stack in stacks.items()}
    task = shown.add_task("costs by depth", total=plan.rounds)
    await depths.measure(made, plan.rounds, np.random.default_rng(plan.seed), lambda: shown.advance(task))
    return made


async def _filled(stack: Stack, num_waiting: int, shown: Progress) -> Depth:
    async with Storefront(stack.url) as storefront:
        await storefront.open([tiny.picture()])
        visit = next(Mix(1, storefront.num_garments).visits(np.random.default_rng(0)))
        first = await storefront.submit(visit)
        wanted = storefront.wanted(visit).wire()
    probe = Probe(stack.url, stack.redis, stack.queue, wanted)
    backlog = Backlog(stack.server.url, example_of(stack.redis, first), [first])
    task = shown.add_task(f"{num_waiting} waiting", total=num_waiting, completed=1)
    waiting = await backlog.add(num_waiting - 1, lambda num: shown.advance(task, num))
    return Depth(num_waiting, probe, backlog, [first, *waiting])


def _grow(farm: Farm, num_waiting: int, plan: Plan, found: Scaling, shown: Progress) -> None:
    """A cell for each number of GPUs; where the fewest jobs wait, what idle ones cost as well."""
    task = shown.add_task(f"GPUs, {num_waiting} waiting", total=len(plan.num_gpus))
    for num_gpus in plan.num_gpus:
        box, ready_s = farm.start(num_gpus, plan.picture_s)
        found.cells.append(farm.busy(num_gpus, num_waiting, ready_s, plan.picture_s, plan.seconds))
        if num_waiting == min(plan.num_waiting):
            found.idle.append(farm.idle(num_gpus, plan.picture_s, plan.seconds))
        box.stop()
        shown.advance(task)


def _fates(stack: Stack, depth: Depth, farm: Farm) -> Counter[str]:
    """Every job once: `picture`, `waiting`, `probe` (it was the bench's own to end), else `lost`."""
    blobs = BlobStore.open(stack.storage_url)
    listed = {job.decode() for job in stack.redis.lrange(f"rq:queue:{stack.queue}", 0, -1)}
    fates: Counter[str] = Counter()
    for record in records(stack.redis, list({*depth.backlog.ids, *depth.ended, *farm.submitted})):
        job = record.generation_id
        if job in depth.ended:
            fate = "probe" if record.status in ("finished", "canceled") else "lost"
        elif record.status == "finished" and blobs.exists(
            result_key(replace(depth.backlog.example, generation_id=job))
        ):
            fate = "picture"
        else:
            fate = "waiting" if record.status == "queued" and job in listed else "lost"
        fates[fate] += 1
    return fates
