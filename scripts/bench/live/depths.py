"""What a submit, a status, a cancellation, a pick-up and an ending cost, by how many jobs wait."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np

from scripts.bench.live.backlog import Backlog
from scripts.bench.live.probe import Cost, Probe

CALLS = 8  # of each kind a round: fewer than the fewest jobs that wait
KINDS = ("submit", "status", "cancel", "pickup", "finish", "sweep")

T = TypeVar("T")
Costs = dict[str, list[Cost]]  # kind -> one a round


@dataclass
class Depth:
    """A service with `num_waiting` jobs and no worker. `ended`: ids of jobs that the probe ended."""

    num_waiting: int
    probe: Probe
    backlog: Backlog
    waiting: list[str]
    ended: set[str] = field(default_factory=set)
    costs: Costs = field(default_factory=lambda: {kind: [] for kind in KINDS})

    async def round(self, chance: np.random.Generator) -> None:
        """Some calls of each kind, after which as many jobs wait as before."""
        submitted = self._timed("submit", [self.probe.submit] * CALLS)
        self._timed(
            "status",
            [partial(self.probe.status, self.waiting[chance.integers(len(self.waiting))]) for _ in range(CALLS)],
        )
        self._timed("cancel", [partial(self.probe.cancel, job) for job in submitted])
        claims = self._timed("pickup", [self.probe.claim] * CALLS)
        self._timed("finish", [partial(self.probe.finish, claim) for claim in claims])
        self._timed("sweep", [self.probe.sweep] * CALLS)
        gone = {claim.generation_id for claim in claims}
        self.ended |= gone | set(submitted)
        self.waiting = [job for job in self.waiting if job not in gone] + await self.backlog.add(CALLS)

    def _timed(self, kind: str, calls: list[Callable[[], T]]) -> list[T]:
        cost = Cost()
        self.costs[kind].append(cost)
        return self.probe.timed(cost, calls)


async def measure(
    depths: Mapping[int, Depth], rounds: int, chance: np.random.Generator, told: Callable[[], object]
) -> None:
    """`rounds` of each depth in turn, every second time backwards: what disturbs one disturbs all."""
    for number in range(rounds):
        for depth in sorted(depths, reverse=number % 2 == 1):
            await depths[depth].round(chance)
        told()


def medians_s(depth: Depth, kind: str) -> list[float]:
    """Of each round."""
    return [statistics.median(cost.seconds) for cost in depth.costs[kind]]


def redis_us(depth: Depth, kind: str) -> list[float]:
    """Of each round, a call's."""
    return [cost.redis_us[0] for cost in depth.costs[kind]]
