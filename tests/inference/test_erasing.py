"""Erasing while jobs run, workers are away, Redis dies and notes are lost; and what ends at its term by itself."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from redis import Redis
from remains import in_redis, in_store, mentioning

from inference import pictures
from inference.blobs import BlobStore, Terms, picture_key
from inference.erasing import Eraser
from inference.holdings import Holdings, kept_key
from inference.jobs import Admission, GenerationRequest, SlidingLimit, Status, new_generation_id
from inference.purging import Purge
from inference.queue import GenerationQueue
from inference.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis.asyncio

Workshop = Any  # of conftest.py

SHOP, WEEK_S = "shop.example", 7 * 86400
ADA, BERT = "a" * 64, "b" * 64  # identities, as hashes are
WITHIN_S = 20.0


async def until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.02)


async def ask(queue: GenerationQueue, blobs: BlobStore, identity: str = ADA, shop: str = SHOP) -> GenerationRequest:
    """A generation of this shopper, of a photograph of theirs; as the API would ask."""
    person = f"photos/{shop}/{identity}/{'0' * 32}.png"
    blobs.put(person, pictures.encode(np.full((6, 5, 3), 9, np.uint8)))
    blobs.put("garments/0.png", pictures.encode(np.zeros((4, 4, 3), np.uint8)))
    request = GenerationRequest(
        generation_id=new_generation_id(),
        shop=shop,
        shopper=identity,
        person_key=person,
        garment_key="garments/0.png",
        category="upper",
        card="paperdoll",
        seed=1,
        num_inference_steps=len(identity) + ord(identity[0]),  # each shopper's run by themselves
    )
    limits = (SlidingLimit(identity, 10_000, WEEK_S), SlidingLimit("address", 10_000, WEEK_S))
    once = (f"key-{request.generation_id}", "digest")
    submission = await queue.submit(request, Admission(shop, limits, 10_000, identity), idempotency=once)
    assert submission.refusal is None
    return request


def forgotten(client: redis.Redis) -> int:
    """How often workers were told to forget."""
    stats = [client.hget(key, "stats") or b"{}" for key in client.keys("fitting-room:worker:*")]
    return sum(json.loads(one).get("forgotten", 0) for one in stats)


def quota(client: redis.Redis, shop: str = SHOP) -> int:
    return sum(int(client.get(key) or 0) for key in client.keys(f"fitting-room:quota:{shop}:*"))


def everything(client: redis.Redis, blobs: BlobStore) -> dict[str, bytes]:
    return in_redis(client) | in_store(blobs)


@pytest.mark.parametrize("is_away", [False, True], ids=["there", "away"])
async def test_a_running_generation_is_stopped_and_its_worker_forgets_when_it_hears_of_it(
    workshop: Workshop, client: redis.Redis, *, is_away: bool
) -> None:
    ada = await ask(workshop.queue, workshop.blobs)
    bert = await ask(workshop.queue, workshop.blobs, BERT)
    workshop.start(num_steps=40, step_s=0.05, max_jobs=1, lease_s=1.0)
    await workshop.until(ada.generation_id, Status.PROCESSING)
    await until(lambda: forgotten(client) == 1)  # at its first beat, for it knows of nothing before
    if is_away:
        workshop.workers[0].send_signal(signal.SIGSTOP)
    erased = Eraser(client, workshop.blobs).shopper(SHOP, ADA)
    assert (erased.generations, erased.photographs) == (1, 1)
    assert await workshop.queue.find(ada.generation_id, SHOP) is None
    workshop.workers[0].send_signal(signal.SIGCONT)
    (done,) = await workshop.until_final(bert.generation_id)
    assert done.status is Status.COMPLETED
    await until(lambda: forgotten(client) >= 2)
    assert quota(client) == 1, "what was stopped is given back"
    assert [run.what for run in workshop.runs()].count("end") == 1, "it was stopped between two steps"
    Purge(client, workshop.blobs, Terms(WEEK_S, WEEK_S))(time.time() + 7200)
    assert not mentioning(everything(client, workshop.blobs), [ADA, ada.generation_id])


async def test_a_picture_that_a_dying_worker_stored_too_late_is_purged(
    client: redis.Redis, queue: GenerationQueue, workshop: Workshop
) -> None:
    ada = await ask(queue, workshop.blobs)
    workshop.start(num_steps=200, step_s=0.05)
    await workshop.until(ada.generation_id, Status.PROCESSING)
    workshop.workers[0].send_signal(signal.SIGSTOP)
    Eraser(client, workshop.blobs).shopper(SHOP, ADA)
    picture, purge = picture_key(SHOP, ada.generation_id), Purge(client, workshop.blobs, Terms(WEEK_S, WEEK_S))
    for _ in range(2):  # as long as such a worker may live
        workshop.blobs.put(picture, b"a picture")
        purge()
        assert not workshop.blobs.exists(picture)
    purge(time.time() + 7200)
    assert not mentioning(everything(client, workshop.blobs), [ADA, ada.generation_id])


async def test_an_erasure_goes_on_when_redis_is_killed_under_it(tmp_path: Path) -> None:
    import redis.asyncio

    blobs, folder = BlobStore.open((tmp_path / "blobs").as_uri()), Path(tempfile.mkdtemp(prefix="fr-"))
    server = RedisServer(folder)
    try:
        async with redis.asyncio.Redis.from_url(server.url) as waiting:
            queue = GenerationQueue(waiting, max_length=10_000, retention_s=WEEK_S)
            asked = [await ask(queue, blobs) for _ in range(150)]
            for request in asked:
                blobs.put(picture_key(SHOP, request.generation_id), b"a picture")
            other = await ask(queue, blobs, BERT)
            await queue.aclose()
        with Redis.from_url(server.url) as client:
            found: list[Any] = []
            working = threading.Thread(target=lambda: found.append(Eraser(client, blobs).shopper(SHOP, ADA)))
            working.start()
            await until(lambda: client.exists(f"rq:job:{asked[20].generation_id}") == 0)
            server.process.kill()
            server.stop()
            server = RedisServer(folder)
            await asyncio.to_thread(working.join, WITHIN_S)
            assert found, "it waits for Redis and goes on"
            names = [ADA, *(request.generation_id for request in asked)]
            assert not mentioning(everything(client, blobs), names)
            assert client.exists(f"rq:job:{other.generation_id}")
            assert not Eraser(client, blobs).shopper(SHOP, ADA)
    finally:
        server.stop()
        shutil.rmtree(folder)


async def test_what_is_not_noted_is_found_by_looking_everywhere(
    client: redis.Redis, queue: GenerationQueue, workshop: Workshop
) -> None:
    ada, bert = await ask(queue, workshop.blobs), await ask(queue, workshop.blobs, BERT)
    client.delete(kept_key(SHOP, ADA))
    eraser = Eraser(client, workshop.blobs)
    noted = eraser.shopper(SHOP, ADA)
    assert (noted.photographs, noted.generations) == (1, 0), "the store tells whose a photograph is"
    assert client.exists(f"rq:job:{ada.generation_id}")
    assert eraser.shopper(SHOP, ADA, everywhere=True).generations == 1
    assert not mentioning(everything(client, workshop.blobs), [ADA, ada.generation_id])
    assert client.exists(f"rq:job:{bert.generation_id}")


async def test_a_shop_is_erased_and_another_is_not_touched(
    client: redis.Redis, queue: GenerationQueue, workshop: Workshop
) -> None:
    ours = [await ask(queue, workshop.blobs, who) for who in (ADA, BERT)]
    theirs = await ask(queue, workshop.blobs, ADA, "shop.example.org")  # whose name begins as ours
    for request in ours:
        workshop.blobs.put(picture_key(SHOP, request.generation_id), b"a picture")
    before = mentioning(everything(client, workshop.blobs), ["shop.example.org"])
    erased = Eraser(client, workshop.blobs).shop(SHOP)
    assert (erased.generations, erased.photographs) == (2, 2)
    left = everything(client, workshop.blobs)
    assert not mentioning(left, [f"/{SHOP}/", f":{SHOP}:{ADA}", *(request.generation_id for request in ours)])
    after = mentioning(left, ["shop.example.org"])
    assert {key: value for key, value in after.items() if theirs.generation_id.encode() in value} == {
        key: value for key, value in before.items() if theirs.generation_id.encode() in value
    } or set(after) == set(before)
    assert not Eraser(client, workshop.blobs).shop(SHOP)


@pytest.mark.parametrize("name", ["", "*", "shop.*", "[a-z]"])
def test_a_pattern_erases_nobody(client: redis.Redis, tmp_path: Path, name: str) -> None:
    eraser = Eraser(client, BlobStore.open((tmp_path / "blobs").as_uri()))
    with pytest.raises(ValueError, match="named"):
        eraser.shop(name)
    with pytest.raises(ValueError, match="named"):
        eraser.shopper(SHOP, name)


async def test_past_its_term_nothing_is_left_of_a_shopper_whatever_they_left(
    async_client: redis.asyncio.Redis, client: redis.Redis, queue: GenerationQueue, workshop: Workshop
) -> None:
    ended = await ask(queue, workshop.blobs)
    workshop.start()
    await workshop.until_final(ended.generation_id)
    workshop.workers[0].terminate()
    workshop.workers[0].wait(20)
    waiting = await ask(queue, workshop.blobs)  # and nobody ever makes it
    holdings = Holdings(async_client, WEEK_S)
    await holdings.note(SHOP, ADA, f"tmp/{SHOP}/{ADA}/{'1' * 32}")
    workshop.blobs.put(f"tmp/{SHOP}/{ADA}/{'1' * 32}", b"never completed")
    purge, now, names = Purge(client, workshop.blobs, Terms(WEEK_S, WEEK_S)), time.time(), [ADA, ended.generation_id]
    purge(now)
    assert workshop.blobs.exists(picture_key(SHOP, ended.generation_id))

    for key in mentioning(in_redis(client), names):
        if key != f"rq:job:{waiting.generation_id}" and not key.startswith(
            ("rq:finished", "rq:queue", "fitting-room:line")
        ):
            assert 0 < client.ttl(key) <= WEEK_S, f"{key} ends by itself"
    later = now + WEEK_S + 60
    purge(later)
    assert not mentioning(in_store(workshop.blobs), names)
    assert quota(client) == 1, "what never ran is given back"
    for key in client.keys("rq:finished:*"):  # as RQ's own clean-up will, by then
        client.zremrangebyscore(key, "-inf", later)
    left = mentioning(in_redis(client), [*names, waiting.generation_id])
    assert not [key for key in left if not 0 < client.ttl(key) <= WEEK_S], "the rest ends by itself before that"
    assert not client.exists(kept_key(SHOP, ADA))
