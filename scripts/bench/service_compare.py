"""`bench service --compare serial`: the same service with its engine's batching and overlap, and without, by turns."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.bench.live.figures import Stretch
from scripts.bench.live.service import Service, opened, worker_argv
from scripts.bench.live.shopper import Storefront
from scripts.bench.live.stack import Stack
from scripts.bench.report import progress
from scripts.bench.service_load import READY_WITHIN_S, shown_as

KINDS = ("overlap", "serial")
NUM_WARM = 4  # visits


@dataclass(frozen=True, slots=True)
class Plan:
    """`settings`: of both stacks; `num_visits` a round, by a crowd that keeps the service full."""

    settings: Mapping[str, Any]
    device: str
    rounds: int
    num_visits: int
    seed: int


Rounds = dict[str, list[Stretch]]  # kind -> one a round


def measure(plan: Plan) -> Rounds:
    """Carry out the plan: the kinds take turns, every second round backwards; who waits is idle."""
    with tempfile.TemporaryDirectory(prefix="fr-") as folder:
        return asyncio.run(_measure(plan, Path(folder)))


async def _measure(plan: Plan, folder: Path) -> Rounds:
    found: Rounds = {kind: [] for kind in KINDS}
    async with AsyncExitStack() as stack:
        shown = stack.enter_context(progress())
        services = {kind: await _opened(kind, plan, folder / kind, stack) for kind in KINDS}
        for kind, service in services.items():
            await service.full(NUM_WARM, shown_as(shown, f"warm up {kind}", NUM_WARM))
        told = {kind: shown_as(shown, kind, plan.rounds * plan.num_visits) for kind in KINDS}
        for number in range(plan.rounds):
            for kind in KINDS if number % 2 == 0 else reversed(KINDS):
                found[kind].append(await services[kind].full(plan.num_visits, told[kind]))
    return found


async def _opened(kind: str, plan: Plan, folder: Path, ends: AsyncExitStack) -> Service:
    stack = ends.enter_context(Stack(folder, {**plan.settings, "stages": kind}))
    stack.add_box(worker_argv(plan.device, 1), 1)
    stack.wait_for_workers(1, READY_WITHIN_S)
    return await opened(stack, await ends.enter_async_context(Storefront(stack.url)), plan.seed)
