"""A stack with one box of a card's workers, and the people who come to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import numpy as np

from api.settings import SAMPLES
from scripts.bench.live.figures import Stretch
from scripts.bench.live.ledger import counted, records
from scripts.bench.live.load import Told, closed_loop, open_loop
from scripts.bench.live.shopper import Outcome, Storefront
from scripts.bench.live.stack import Stack
from scripts.bench.live.traffic import Mix, photographs
from scripts.options import FITTING_ROOM

NUM_SHOPPERS = 16  # that keep a worker full
PAUSE_S = 0.3  # between lone visits, so that the worker is idle at each

Drive = Callable[[Told], Awaitable[list[Outcome]]]


class Service:
    """A stack with one box of the card's workers, and the people who come to it."""

    def __init__(self, stack: Stack, storefront: Storefront, mix: Mix, chance: np.random.Generator) -> None:
        self.stack = stack
        self.storefront = storefront
        self.mix = mix
        self.chance = chance

    async def lone(self, num_visits: int, told: Told) -> Stretch:
        """One visit after the other, each to an idle service."""

        async def drive(told: Told) -> list[Outcome]:
            outcomes = []
            for _ in range(num_visits):
                await asyncio.sleep(PAUSE_S)
                outcomes += await closed_loop(self.storefront, self.mix.visits(self.chance), 1, 1, told)
            return outcomes

        return await self.stretch(drive, told)

    async def full(self, num_visits: int, told: Told, num_shoppers: int = NUM_SHOPPERS) -> Stretch:
        """As much as it can make."""
        visits = self.mix.visits(self.chance)
        return await self.stretch(
            lambda told: closed_loop(self.storefront, visits, num_shoppers, num_visits, told), told
        )

    async def arrivals(self, rate: float, seconds: float, told: Told) -> Stretch:
        """Poisson arrivals, `rate` a second on average."""
        visits = self.mix.poisson(self.chance, rate, seconds)
        return replace(await self.stretch(lambda told: open_loop(self.storefront, visits, told), told), offered=rate)

    async def stretch(self, drive: Drive, told: Told) -> Stretch:
        before = await asyncio.to_thread(counted, self.stack.redis)
        outcomes = await drive(told)
        after = await asyncio.to_thread(counted, self.stack.redis)
        after.subtract(before)
        ids = [outcome.generation_id for outcome in outcomes if outcome.generation_id]
        return Stretch(outcomes, records(self.stack.redis, ids), after)


def worker_argv(device: str, num_workers: int) -> list[str]:
    """The command of a box of the settings' card."""
    return [*FITTING_ROOM, "worker", "--device", device, "--workers", str(num_workers)]


async def opened(stack: Stack, storefront: Storefront, seed: int) -> Service:
    """The stack's service with everybody's photograph."""
    people = photographs(SAMPLES / "figures")
    await storefront.open(people)
    return Service(stack, storefront, Mix(len(people), storefront.num_garments), np.random.default_rng(seed))
