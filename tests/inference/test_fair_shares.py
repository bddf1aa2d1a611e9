"""Fair shares of the line: one shop's flood takes nothing from another, and each has what its weight says."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
import redis
import redis.asyncio

from inference.jobs import Admission, GenerationRequest, Refusal
from inference.leases import Claim, Leases
from inference.queue import GenerationQueue

WEEK_S = 7 * 24 * 3600
CARD = "paperdoll"
UNUSED = 4  # turns that a shop keeps when it has not used them

MakeRequest = Callable[..., GenerationRequest]


@dataclass
class Line:
    """A queue of one card, with what shops submit and workers take."""

    queue: GenerationQueue
    leases: Leases
    make: MakeRequest
    came: dict[str, list[str]] = field(default_factory=dict)  # shop -> ids in order

    async def submit(self, shop: str, num: int = 1, *, weight: float = 1.0, steps: int | None = None) -> list[str]:
        ids = []
        for _ in range(num):
            request = self.make(shop=shop, steps=steps)
            told = await self.queue.submit(request, Admission(shop, (), 10**6, weight=weight))
            assert told.refusal is None
            ids.append(told.generation_id)
        self.came.setdefault(shop, []).extend(ids)
        return ids

    def take(self, max_jobs: int = 1, worker: str = "worker") -> list[Claim]:
        return self.leases.claim(worker, [CARD], max_jobs)

    def shops(self, num: int) -> list[str]:
        """Whose jobs are taken, one after the other."""
        claims = [claim for _ in range(num) for claim in self.take()]
        return [claim.request.shop for claim in claims if claim.request]

    async def place(self, shop: str, generation_id: str) -> int | None:
        found = await self.queue.find(generation_id, shop)
        return found.queue_position if found else None


@pytest.fixture
def line(async_client: redis.asyncio.Redis, client: redis.Redis, make_request: MakeRequest) -> Line:
    queue = GenerationQueue(async_client, max_length=10**6, retention_s=WEEK_S)
    return Line(queue, Leases(client, 60), make_request)


async def test_a_newcomer_goes_before_the_flood_that_waits_until_it_floods_itself(line: Line) -> None:
    await line.submit("flood", 200)
    line.shops(50)
    quiet = await line.submit("quiet", UNUSED + 3)
    assert [await line.place("quiet", one) for one in quiet] == [0, 1, 2, 3, 4, 6, 8]
    assert line.shops(9) == ["quiet"] * (UNUSED + 1) + ["flood", "quiet", "flood", "quiet"]


async def test_shops_that_all_have_jobs_take_turns_by_weight(line: Line) -> None:
    weights = {"three": 3.0, "one": 1.0, "half": 0.5}
    for shop, weight in weights.items():
        await line.submit(shop, 120, weight=weight)
    for _ in range(4):  # in any stretch, not only on the whole
        taken = Counter(line.shops(27))
        assert all(abs(taken[shop] - 27 * weight / 4.5) <= 1 for shop, weight in weights.items()), taken


async def test_shops_without_a_backlog_are_served_in_the_order_they_come(line: Line) -> None:
    shops = [f"shop-{number}" for number in random.Random(1).sample(range(40), 40)]
    for shop in shops[:20]:
        await line.submit(shop)
    first = line.shops(10)
    for shop in shops[20:]:
        await line.submit(shop)
    assert first + line.shops(30) == shops


@pytest.mark.parametrize("max_jobs", [1, 4])
async def test_nobody_starves_whoever_else_keeps_coming(line: Line, max_jobs: int) -> None:
    await line.submit("patient", 6)
    for number in range(60):  # each of which has had nothing yet
        await line.submit(f"newcomer-{number % 3}")
        line.take(max_jobs)
        if not await waits(line, "patient"):
            break
    assert not await waits(line, "patient")
    assert number < 6 * 4 + 3 * (UNUSED + 1), "with three others a turn comes every fourth time"


async def test_a_shop_that_always_has_one_job_waiting_takes_no_more_than_its_share(line: Line) -> None:
    await line.submit("backlog", 40)
    taken = []
    for _ in range(40):
        await line.submit("trickle")
        taken += line.shops(1)
    assert abs(Counter(taken)["backlog"] - 20) <= UNUSED


async def test_the_order_within_a_shop_is_the_order_it_came(line: Line) -> None:
    chance = random.Random(7)
    taken: list[str] = []
    for _ in range(150):
        await line.submit(chance.choice("abc"), chance.randrange(3), weight=chance.choice([0.2, 1, 7]))
        taken += [claim.generation_id for claim in line.take(chance.choice([1, 2, 4]))]
    while claims := line.take(4):
        taken += [claim.generation_id for claim in claims]
    for came in line.came.values():
        assert [one for one in taken if one in set(came)] == came


async def test_places_are_the_order_in_which_jobs_would_be_taken(line: Line) -> None:
    chance = random.Random(3)
    for _ in range(40):
        shop, weight = chance.choice([("a", 1), ("b", 3), ("c", 0.3)])
        await line.submit(shop, weight=weight)
        if chance.random() < 0.3:
            line.take()
    told = {one: await line.place(shop, one) for shop, came in line.came.items() for one in came}
    waiting = sorted((place, one) for one, place in told.items() if place is not None)
    assert [place for place, _ in waiting] == list(range(len(waiting)))
    assert [line.take()[0].generation_id for _ in waiting] == [one for _, one in waiting]


async def test_what_a_shop_cancels_costs_it_nothing(line: Line) -> None:
    await line.submit("other", 50)
    cancelled = await line.submit("mine", 30)
    kept = await line.submit("mine")
    for one in cancelled:
        await line.queue.cancel(one, "mine")
    assert await line.place("mine", kept[0]) == 1
    await line.submit("mine", 10)
    assert Counter(line.shops(20))["mine"] in (9, 10, 11)


async def test_what_is_taken_back_goes_to_the_front_and_is_not_counted_twice(line: Line) -> None:
    mine, others = await line.submit("mine", 20), await line.submit("others", 20)
    claims = [claim for _ in range(4) for claim in line.take(1, "dies")]
    assert sorted(claim.generation_id for claim in claims) == sorted(mine[:2] + others[:2])
    line.leases.reclaim("dies", price=1)
    first = [claim.generation_id for _ in range(4) for claim in line.take()]
    assert sorted(first) == sorted(mine[:2] + others[:2])
    assert [one for one in first if one in mine] == mine[:2]
    assert abs(Counter(line.shops(20))["mine"] - 10) <= 1


async def test_a_batch_may_hold_jobs_of_several_shops_and_nothing_is_overtaken_more_than_four_times(line: Line) -> None:
    await line.submit("flood", 40, steps=4)
    line.shops(8)
    lone = await line.submit("flood", 1, steps=9)
    await line.submit("flood", 60, steps=4)
    quiet = await line.submit("quiet", 2, steps=4)
    assert set(quiet) < {claim.generation_id for claim in line.take(4)}
    behind = set(line.came["flood"][41:])
    overtaken_by = 0
    while lone[0] not in (taken := [claim.generation_id for claim in line.take(4)]):
        overtaken_by += bool(behind & set(taken))
    assert overtaken_by <= 4


async def test_a_flood_leaves_room_in_the_queue_for_the_others(
    async_client: redis.asyncio.Redis, make_request: MakeRequest
) -> None:
    queue = GenerationQueue(async_client, max_length=100, retention_s=WEEK_S)

    async def accepted(shop: str, num: int) -> int:
        terms = Admission(shop, (), 10**6, leaves_room=True)
        told = [await queue.submit(make_request(shop=shop), terms) for _ in range(num)]
        assert {one.refusal for one in told} <= {None, Refusal.QUEUE_FULL}
        assert all(one.retry_after_s > 0 for one in told if one.refusal)
        return sum(one.refusal is None for one in told)

    assert await accepted("flood", 150) == 80
    assert await accepted("second flood", 150) > 5
    assert await accepted("quiet", 1) == await accepted("another", 1) == 1


@pytest.mark.parametrize(("num_workers", "max_jobs"), [(1, 1), (1, 4), (3, 4)])
async def test_a_quiet_shop_s_p95_wait_under_a_flood_is_within_twice_its_wait_without(
    line: Line, num_workers: int, max_jobs: int
) -> None:
    """Bar of fair shares, in ticks: a batch takes `SERVICE` of them, and a wait is from the request to the picture."""
    alone = await waits_of_quiet(line, num_workers, max_jobs, flood=0)
    flooded = await waits_of_quiet(line, num_workers, max_jobs, flood=3)
    assert len(alone) == len(flooded) > 40
    assert p95(flooded) <= 2 * p95(alone), (p95(alone), p95(flooded))


SERVICE = 10  # ticks


async def waits_of_quiet(line: Line, num_workers: int, max_jobs: int, flood: int) -> list[int]:
    """Of a shop that asks for a fifth of the capacity, while another asks for `flood` times the capacity."""
    chance, came, waits, busy = random.Random(11), {}, [], [0] * num_workers
    capacity = num_workers * max_jobs / SERVICE  # jobs a tick
    name = f"flood-{flood}"
    await line.submit(name, 50 * (flood > 0))
    for tick in range(round(60 / (0.2 * capacity))):
        if chance.random() < 0.2 * capacity:
            came |= dict.fromkeys(await line.submit("quiet"), tick)
        if chance.random() < flood * capacity / 8:
            await line.submit(name, 8)
        for number, until in enumerate(busy):
            if until <= tick and (claims := line.take(max_jobs)):
                busy[number] = tick + SERVICE
                waits += [tick + SERVICE - came.pop(one.generation_id) for one in claims if one.generation_id in came]
    while claims := line.take(100):
        waits += [tick + SERVICE - came.pop(one.generation_id) for one in claims if one.generation_id in came]
    return waits


def p95(waits: Sequence[int]) -> int:
    return sorted(waits)[int(0.95 * len(waits))]


async def waits(line: Line, shop: str) -> bool:
    return any([await line.place(shop, one) is not None for one in line.came[shop]])
