"""Load: arrivals that wait for nobody, and a crowd that keeps the service full."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator

from scripts.bench.live.shopper import Outcome, Storefront
from scripts.bench.live.traffic import Visit

LEAD_S = 0.2  # before the first arrival, so that the generator is not late from the start

Told = Callable[[Outcome], None]


async def open_loop(storefront: Storefront, visits: Iterable[Visit], told: Told) -> list[Outcome]:
    """Each visit at its time, however many are still waited for; returns when all have ended.

    A service that stalls is therefore charged for everybody who would have come meanwhile.
    """
    start = time.time() + LEAD_S

    async def come(visit: Visit) -> Outcome:
        due_at = start + visit.at_s
        await asyncio.sleep(due_at - time.time())
        outcome = await storefront.visit(visit, due_at)
        told(outcome)
        return outcome

    return list(await asyncio.gather(*(come(visit) for visit in visits)))


async def closed_loop(
    storefront: Storefront, visits: Iterator[Visit], num_shoppers: int, num_visits: int, told: Told
) -> list[Outcome]:
    """`num_visits` by `num_shoppers`, of whom each comes again as soon as it has its picture: the service is full."""
    outcomes: list[Outcome] = []
    left = iter(range(num_visits))

    async def come_again_and_again() -> None:
        for _ in left:
            outcome = await storefront.visit(next(visits), time.time())
            outcomes.append(outcome)
            told(outcome)

    await asyncio.gather(*(come_again_and_again() for _ in range(num_shoppers)))
    return outcomes
