"""`bench service`: one card on this machine, from a shopper's POST to the picture, at rising load."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress

from scripts.bench.live.figures import Stretch
from scripts.bench.live.load import Told
from scripts.bench.live.service import NUM_SHOPPERS, opened, worker_argv
from scripts.bench.live.shopper import Storefront
from scripts.bench.live.stack import Stack
from scripts.bench.report import progress

READY_WITHIN_S = 1800.0  # a first start may compile
NUM_LONE = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """`settings`: of the stack; `rates`: shares of what it can make, which `num_visits` measure; `seconds`: of each."""

    settings: Mapping[str, Any]
    device: str
    num_workers: int
    rates: Sequence[float]
    seconds: float
    num_visits: int
    seed: int


@dataclass(frozen=True, slots=True)
class Loads:
    """What was found. `lone`: visits to an idle service; `full`: by a crowd; `by_rate`: share -> Poisson arrivals."""

    ready_s: float
    lone: Stretch
    full: Stretch
    by_rate: Mapping[float, Stretch]


def measure(plan: Plan) -> Loads:
    """Carry out the plan."""
    with tempfile.TemporaryDirectory(prefix="fr-") as folder, progress() as shown:
        return asyncio.run(_measure(plan, Path(folder), shown))


async def _measure(plan: Plan, folder: Path, shown: Progress) -> Loads:
    with Stack(folder, plan.settings) as stack:
        stack.add_box(worker_argv(plan.device, plan.num_workers), plan.num_workers)
        ready_s = stack.wait_for_workers(plan.num_workers, READY_WITHIN_S)
        async with Storefront(stack.url) as storefront:
            service = await opened(stack, storefront, plan.seed)
            num_lone, num_shoppers = min(NUM_LONE, plan.num_visits), NUM_SHOPPERS * plan.num_workers
            lone = await service.lone(num_lone, shown_as(shown, "one at a time", num_lone))
            full = await service.full(plan.num_visits, shown_as(shown, "full", plan.num_visits), num_shoppers)
            by_rate = {}
            for share in plan.rates:
                rate = share * full.rate
                told = shown_as(shown, f"{share:g} of full", round(rate * plan.seconds))
                by_rate[share] = await service.arrivals(rate, plan.seconds, told)
    return Loads(ready_s, lone, full, by_rate)


def shown_as(shown: Progress, name: str, total: int) -> Told:
    """A line of the progress, one further with each visit."""
    task = shown.add_task(name, total=total)
    return lambda _: shown.advance(task)
