"""A task is done once, by whoever lives; a hint that it came is never needed for that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from redis.asyncio import Redis

from api.tasks import LOOK_EVERY_S, NEWS, PAUSES_S, Task, Tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TASK = Task("what", "a.example", {"about": 1})


@pytest.fixture
async def redis(own_redis_url: str) -> AsyncIterator[Redis]:
    """Empty; the session's other API processes would take the tasks."""
    async with Redis.from_url(own_redis_url) as redis:
        await redis.flushall()
        yield redis


async def test_whoever_waits_begins_when_a_task_comes(redis: Redis, own_redis_url: str) -> None:
    async with Redis.from_url(own_redis_url) as other, asyncio.timeout(20):
        waiting = asyncio.create_task(Tasks(other).wait(LOOK_EVERY_S))
        while not (await redis.info("clients"))["blocked_clients"]:
            await asyncio.sleep(0.01)
        assert await Tasks(redis).add(TASK)
        await waiting
        found = await Tasks(other).take()
    assert isinstance(found, tuple)
    assert found[1] == TASK


async def test_a_hint_that_is_lost_loses_no_task(redis: Redis) -> None:
    tasks = Tasks(redis)
    await tasks.add(TASK)
    await redis.delete(NEWS)
    assert isinstance(await tasks.take(), tuple)


async def test_hints_do_not_pile_up(redis: Redis) -> None:
    for _ in range(5):
        await Tasks(redis).add(TASK)
    assert await redis.llen(NEWS) == 1


async def test_what_is_taken_is_nobody_else_s_and_what_failed_is_due_later(redis: Redis) -> None:
    tasks = Tasks(redis)
    assert await tasks.take() == LOOK_EVERY_S, "there is nothing"
    await tasks.add(TASK)
    taken = await tasks.take()
    assert isinstance(taken, tuple)
    assert await tasks.take() == LOOK_EVERY_S, "it is due again long after"
    await tasks.later(*taken)
    wait_s = await tasks.take()
    assert isinstance(wait_s, float)
    assert 0 < wait_s <= PAUSES_S[0]


async def test_what_goes_first_does(redis: Redis) -> None:
    tasks = Tasks(redis)
    await tasks.add(Task("waits for a shop", "a.example", {}))
    await tasks.add(TASK, goes_first=True)
    found = await tasks.take()
    assert isinstance(found, tuple)
    assert found[1] == TASK


async def test_a_task_of_a_name_is_there_once_until_it_is_done(redis: Redis) -> None:
    tasks = Tasks(redis)
    assert await tasks.add(TASK, name="one")
    assert not await tasks.add(TASK, name="one")
    taken = await tasks.take()
    assert isinstance(taken, tuple)
    assert not await tasks.add(TASK, name="one"), "it is being done"
    await tasks.done(taken[0])
    assert await tasks.add(TASK, name="one")


async def test_what_is_dropped_while_it_is_being_done_is_not_tried_again(redis: Redis) -> None:
    tasks = Tasks(redis)
    await tasks.add(TASK)
    await tasks.add(Task("else", "a.example", {}))
    taken = await tasks.take()
    assert isinstance(taken, tuple)
    assert await tasks.drop(lambda _, task: task == TASK) == 1
    await tasks.later(*taken)
    left = await tasks.take()
    assert isinstance(left, tuple)
    assert left[1].what == "else"
    await tasks.done(left[0])
    assert await tasks.take() == LOOK_EVERY_S
